"""StabilitySelection: a lasso path on each of many subsamples, in one batch, and the features that most of them select."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from riata.linear_model._base import checked_data
from riata.linear_model._certified import solve_certified
from riata.losses import check_loss, target_numbers
from riata.many_losses import faults_of
from riata.resampling import ResamplingPlan, complementary_pairs, half_samples
from riata.stability_bounds import ASSUMPTIONS, StabilityParameters, error_bound, stabsel_parameters
from riata.validation import (
    MOST_EPOCHS,
    MOST_THREADS,
    check_alphas,
    check_count,
    check_flag,
    check_l1_ratio,
    check_number,
)
from riata_engine.batch import Batch, alpha_grid
from riata_engine.random import WEAKNESS, keys_of_members

SCHEMES = ("complementary_pairs", "half_samples")
#: π and PFER where fewer than two of cutoff, pfer and q are given
CUTOFF, PFER = 0.75, 1.0


class StabilitySelection(SelectorMixin, BaseEstimator):
    r"""Select the features that enter the path on most random halves of the rows.

    An elastic-net path is fitted on each of M subsamples of ⌊n/2⌋ rows, and ends as soon as q features have entered. With
    Ŝ_m(λ) the features among these q that have entered subsample m's path at alpha λ or before,

        Π_j(λ) = #{m : j ∈ Ŝ_m(λ)} / M,    selected: { j : max_λ Π_j(λ) ≥ cutoff }.

    The expected number of false selections is bounded (see `riata.stability_bounds.stabsel_parameters`): two of `cutoff`,
    `pfer` and `q` fix the third. All paths are one batch of the engine, with a certificate each.

    Parameters
    ----------
    n_subsamples : int, default=100
        M; an even number for pairs.
    scheme : {"complementary_pairs", "half_samples"} or ResamplingPlan, default="complementary_pairs"
        Pairs of disjoint halves (Shah and Samworth), or independent halves (Meinshausen and Bühlmann). Of a plan the members are
        the subsamples, each row at most once.
    cutoff : float in (0.5, 1], default=None
        π, the share of subsamples that a stable feature needs. None: what `pfer` and `q` ask for, else 0.75.
    pfer : float > 0, default=None
        The most false selections to be expected. None: what `cutoff` and `q` give, else 1.
    q : int or "all", default=None
        Features that each subsample selects. None: the most that `cutoff` and `pfer` allow (where neither is given, and there
        is none, 1: `pfer_` says what that means). "all": paths run to the end of the grid, Ŝ_m(λ) are the coefficients other
        than 0 at λ (Meinshausen and Bühlmann's own form), and the bound is that of the mean number of features with such a
        coefficient somewhere.
    assumption : {"unimodal", "r-concave", "none"}, default=None
        Of the bound. None: "unimodal" for pairs, else "none", the only one that holds there.
    loss : str or riata.losses.Loss, default="squared"
        As in `riata.fit_path`; for "logistic" y holds labels of two classes, and every subsample must have rows of both.
    l1_ratio : float in (0, 1], default=1.0
    alphas : int or array-like of shape (L,), default=100
        Number of alphas of a geometric grid from the largest alpha_max of the subsamples down, or the alphas.
    alpha_min_ratio : float in (0, 1), default=None
        Last alpha of that grid over the first. None: 1e-3 for more rows in a subsample than features, else 1e-2.
    weakness : float in (0, 1], default=1.0
        Below 1 the randomised lasso of Meinshausen and Bühlmann: in each subsample the penalty of every feature is divided by
        `weakness` with probability one half.
    fit_intercept : bool, default=True
    standardize : bool, default=False
        Whether the penalty acts on coefficients times the standard deviations of their features in the subsample. Otherwise
        features with larger values enter first: scale them before.
    tol : float, default=1e-6
        Each fit stops when its duality gap is at most ``tol`` times its objective at b = 0.
    max_epochs : int, default=100000
        The most epochs of coordinate descent per fit.
    random_state : int, RandomState or None, default=None
        Key of the subsamples and of the weakness. An int gives the subsamples of
        ``riata.resampling.complementary_pairs(n, n_subsamples // 2, seed=random_state)``.
    n_threads : int or None, default=None
        None: all that are allowed. The result is the same, bit for bit, for every number.

    Attributes
    ----------
    stability_paths_ : ndarray of shape (n_features, n_alphas)
        Π_j(λ).
    selection_probabilities_ : ndarray of shape (n_features,)
        Its largest value along the path.
    alphas_ : ndarray of shape (n_alphas,)
        The grid, from large to small.
    cutoff_, pfer_ : float
        The cutoff, and the bound on the expected number of false selections.
    q_ : int or float
        Features that a subsample selects at most; for ``q="all"`` the mean number.
    n_entered_ : ndarray of shape (n_subsamples,)
        Features that each subsample selected. Fewer than `q_` where the grid ends before: the bound holds all the same.
    n_selected_ : int
        Stable features.
    plan_ : ResamplingPlan
        The subsamples.
    gap_ : float
        Largest relative duality gap of all fits.
    n_features_in_, feature_names_in_
        As in every estimator.

    References
    ----------
    Meinshausen and Bühlmann, "Stability selection", JRSS B 72(4), 2010. Shah and Samworth, "Variable selection with error
    control: another look at stability selection", JRSS B 75(1), 2013. Hofner, Boccuto and Göker, "Controlling false
    discoveries in high-dimensional situations", BMC Bioinformatics 16, 2015 (R package stabs).

    Examples
    --------
    >>> import numpy as np, riata
    >>> X = np.random.default_rng(0).normal(size=(100, 50))
    >>> y = X[:, 3] - X[:, 7] + np.random.default_rng(1).normal(size=100)
    >>> riata.StabilitySelection(q=5, cutoff=0.8, random_state=0).fit(X, y).get_support(indices=True)
    array([3, 7])
    """

    def __init__(self, *, n_subsamples=100, scheme="complementary_pairs", cutoff=None, pfer=None, q=None, assumption=None,
                 loss="squared", l1_ratio=1.0, alphas=100, alpha_min_ratio=None, weakness=1.0, fit_intercept=True,
                 standardize=False, tol=1e-6, max_epochs=100_000, random_state=None, n_threads=None):
        self.n_subsamples = n_subsamples
        self.scheme = scheme
        self.cutoff = cutoff
        self.pfer = pfer
        self.q = q
        self.assumption = assumption
        self.loss = loss
        self.l1_ratio = l1_ratio
        self.alphas = alphas
        self.alpha_min_ratio = alpha_min_ratio
        self.weakness = weakness
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.tol = tol
        self.max_epochs = max_epochs
        self.random_state = random_state
        self.n_threads = n_threads

    def fit(self, X, y):
        """Fit the paths of all subsamples, and count.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            At least 4 rows.
        y : array-like of shape (n_samples,)
            Target, numbers; labels of two classes for the logistic loss.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter, X or y cannot be used; the message names it and the remedy.
        """
        loss = check_loss(self.loss)
        X, Y, _, _ = checked_data(self, X, target_numbers(y, loss), None, single_target=True)
        loss.check(Y[:, 0])
        n, p = X.shape
        settings = self._settings()
        seed = self._seed()
        plan = self._plan(n, seed)
        known = self._parameters(p, plan)
        every = known.q if known is not None else None
        held_out = [plan.held_out(i) for i in range(len(plan))]
        _refuse_flat(loss, Y[:, 0], held_out)
        settings |= {} if loss.name == "squared" else loss.settings
        batch = Batch(X, Y, held_out=held_out, penalty_factor=self._factors(p, len(plan), seed), stop_df=every, store="sparse",
                      **settings)
        self.alphas_ = self._grid(batch, n - min(map(len, held_out)))
        batch.alphas = self.alphas_
        solution = solve_certified(type(self).__name__, batch)
        self.plan_, self.gap_ = plan, float(np.nanmax(solution.gap))
        self._count(solution, p, every)
        if known is None:
            mean = float(self.n_entered_.mean())
            known = StabilityParameters(self._number("cutoff", CUTOFF), mean, self._bound(mean, p, plan))
        self.cutoff_, self.q_, self.pfer_ = known.cutoff, known.q, known.pfer
        self.n_selected_ = int(self._get_support_mask().sum())
        return self

    def plot(self, ax=None, **options):
        """Draw the stability paths; see `riata.plots_stability.plot_stability_paths`.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        **options
            As there.

        Returns
        -------
        matplotlib Axes
        """
        from riata.plots_stability import plot_stability_paths

        check_is_fitted(self)
        return plot_stability_paths(self, ax, **options)

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.selection_probabilities_ >= self.cutoff_ * (1 - 1e-12)       # a share k / M against a multiple of 1 / M

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags

    def _settings(self):
        """Checked parameters as keywords of the engine's ``Batch``."""
        l1_ratio = check_l1_ratio(self.l1_ratio)
        if l1_ratio == 0:
            raise ValueError("l1_ratio = 0 is ridge, which selects no features: give a number above 0")
        return {"l1_ratio": l1_ratio, "intercept": check_flag(self.fit_intercept, "fit_intercept"),
                "standardize": check_flag(self.standardize, "standardize"),
                "tol": check_number(self.tol, "tol", 0.0, low_open=True, high_open=True),
                "max_epochs": check_count(self.max_epochs, "max_epochs", MOST_EPOCHS),
                "n_threads": None if self.n_threads is None else check_count(self.n_threads, "n_threads", MOST_THREADS)}

    def _seed(self):
        if isinstance(self.random_state, (int, np.integer)) and not isinstance(self.random_state, bool):
            if not 0 <= self.random_state < 2**64:
                raise ValueError(f"random_state = {self.random_state} must be an int from 0 to 2**64 - 1, a RandomState or None")
            return int(self.random_state)
        try:
            return int(check_random_state(self.random_state).randint(2**31))
        except ValueError:
            raise ValueError(f"random_state = {self.random_state!r} must be an int from 0 to 2**64 - 1, a RandomState or "
                             "None") from None

    def _plan(self, n, seed):
        if n < 4:
            raise ValueError(f"X has n_samples = {n}: half of them is too few to fit; at least 4 are needed")
        if isinstance(self.scheme, ResamplingPlan):
            if self.scheme.n_samples != n or self.scheme.kind == "permutations" or not self.scheme.complementary:
                raise ValueError(f"scheme = {self.scheme!r} does not serve {n} rows: give a plan of subsamples of {n} rows, "
                                 "without repeated or permuted rows")
            return self.scheme
        if not isinstance(self.scheme, str) or self.scheme not in SCHEMES:
            raise ValueError(f"scheme = {self.scheme!r} must be one of {', '.join(map(repr, SCHEMES))}, or a plan of "
                             "riata.resampling")
        members = check_count(self.n_subsamples, "n_subsamples", 2**31)
        if self.scheme == "half_samples":
            return half_samples(n, members, seed=seed)
        if members % 2:
            raise ValueError(f"n_subsamples = {members} is odd, and complementary pairs are two each: give an even number")
        return complementary_pairs(n, members // 2, seed=seed)

    def _parameters(self, p, plan):
        """cutoff, q and bound, or None for ``q="all"``, whose q is known behind the fit."""
        if isinstance(self.q, str):
            if self.q != "all":
                raise ValueError(f"q = {self.q!r} must be an int, None or 'all'")
            if self.pfer is not None:
                raise ValueError(f"pfer = {self.pfer!r} cannot be asked for with q = 'all': give an int q, or leave one of "
                                 "them out")
            self._bound(1, p, plan)
            return None
        given = {name: getattr(self, name) for name in ("cutoff", "pfer", "q") if getattr(self, name) is not None}
        if len(given) == 3:
            raise ValueError(f"cutoff = {self.cutoff!r}, pfer = {self.pfer!r} and q = {self.q!r} are given: two of them fix the "
                             "third, leave one out")
        if not given and self._bound(1, p, plan) > PFER:
            given["q"] = 1
        for name, value in (("cutoff", CUTOFF), ("pfer", PFER)):
            if len(given) < 2 and name not in given:
                given[name] = value
        return stabsel_parameters(p, **given, n_pairs=self._pairs(plan), assumption=self._assumption(plan))

    def _bound(self, q, p, plan):
        return error_bound(q, p, self._number("cutoff", CUTOFF), self._pairs(plan), self._assumption(plan))

    def _number(self, name, default):
        value = getattr(self, name)
        return default if value is None else check_number(value, name, 0.5, 1.0, low_open=True)

    @staticmethod
    def _pairs(plan):
        return max(1, len(plan) // 2)

    def _assumption(self, plan):
        paired = plan.kind == "complementary_pairs"
        if self.assumption is None:
            return "unimodal" if paired else "none"
        if not isinstance(self.assumption, str) or self.assumption not in ASSUMPTIONS:
            raise ValueError(f"assumption = {self.assumption!r} must be one of {', '.join(map(repr, ASSUMPTIONS))}, or None")
        if self.assumption != "none" and not paired:
            raise ValueError(f"assumption = {self.assumption!r} bounds complementary pairs only: leave it out, or use "
                             "scheme='complementary_pairs'")
        return self.assumption

    def _factors(self, p, members, seed):
        """(M, p) penalty factors of a randomised lasso, or None."""
        weakness = check_number(self.weakness, "weakness", 0.0, 1.0, low_open=True)
        if weakness == 1:
            return None
        top_bit = keys_of_members(p, seed, WEAKNESS, 0, members) >> np.uint64(63)
        return np.where(top_bit, 1.0 / weakness, 1.0)

    def _grid(self, batch, rows):
        """(L,) alphas that all subsamples share: from the largest alpha_max, so that each path begins with no feature."""
        grid = check_alphas(self.alphas)
        if grid.alphas is not None:
            if self.alpha_min_ratio is not None:
                raise ValueError(f"alpha_min_ratio = {self.alpha_min_ratio!r} shapes a grid that is derived, and alphas are "
                                 "given: leave one of them out")
            if not grid.alphas.all():
                raise ValueError("alphas contains 0, where every feature is selected: leave it out")
            return grid.alphas
        ratio = 1e-3 if rows > batch.X.shape[1] else 1e-2
        if self.alpha_min_ratio is not None:
            ratio = check_number(self.alpha_min_ratio, "alpha_min_ratio", 0.0, 1.0, low_open=True, high_open=True)
        batch.n_alphas, batch.alpha_min_ratio = grid.count, ratio
        grids = alpha_grid(batch)
        return grids[np.argmax(grids[:, 0])]

    def _count(self, solution, p, q):
        """Stability paths from the entries (subsample, alpha, feature) of all coefficients; ``q`` None: all that are there."""
        members, L = len(solution.coef), len(self.alphas_)
        lengths = np.concatenate([np.diff(coef.indptr) for coef in solution.coef])
        at = np.repeat(np.arange(members * L), lengths)
        member, alpha = at // L, at % L
        feature = np.concatenate([coef.indices for coef in solution.coef]).astype(np.intp)
        pair, first = np.unique(member * p + feature, return_index=True)      # the first of equals is that of the largest alpha
        self.n_entered_ = np.bincount(pair // p, minlength=members)
        counts = np.zeros((p, L), np.int64)
        if q is None:
            np.add.at(counts, (feature, alpha), 1)
        else:
            size = np.abs(np.concatenate([coef.data for coef in solution.coef]))
            order = np.lexsort((feature[first], -size[first], alpha[first], member[first]))
            first = first[order]
            begin = np.cumsum(self.n_entered_) - self.n_entered_
            first = first[np.arange(len(first)) - begin[member[first]] < q]
            self.n_entered_ = np.minimum(self.n_entered_, q)
            np.add.at(counts, (feature[first], alpha[first]), 1)
            counts = np.cumsum(counts, axis=1)
        self.stability_paths_ = counts / members
        self.selection_probabilities_ = self.stability_paths_.max(axis=1)


def _refuse_flat(loss, y, held_out):
    """Refuse subsamples (given by what they leave out) that leave the loss without a minimum."""
    if loss.link == "identity":
        return
    used = {}
    for m, rows in enumerate(held_out):
        used[m] = np.ones(len(y), bool)
        used[m][rows] = False
    faults = faults_of(loss, [y] * len(held_out), used)
    if faults:
        m, (_, why) = next(iter(faults.items()))
        raise ValueError(f"subsample {m}: {why}. {len(faults)} of {len(held_out)} are like this: give more rows of the rarer "
                         "class, or a plan that draws some of them for every subsample as scheme")
