"""Permutation test of a cross-validated score."""

from dataclasses import dataclass

import numpy as np

from riata.argument_names import native
from riata.arguments import check_arguments, derived_alphas
from riata.chunks import Sequence, chunk_size, growing_chunks
from riata.loss_folds import loss_folds
from riata.no_memory import answer_fits
from riata.resampling_plan import ResamplingPlan
from riata.status import status_names, warn_of_unconverged
from riata.tables import dataframe
from riata.units import Units
from riata.validation import check_l1_ratios, check_number
from riata_engine.batch import STATUS, Batch, Interrupted

#: of the permutations that are done, the share that a chunk under a time budget takes
BUDGETED = 0.25
SKIPPED, TIME_BUDGET = STATUS.index("skipped"), STATUS.index("time_budget")


@dataclass(eq=False, repr=False)
class PermutationTestResult:
    """A cross-validated score beside its distribution under permutations of y.

    Attributes
    ----------
    score : float
        R² = 1 − deviance / that of the mean of y (of squared loss the weighted variance); the statistic of the test.
    null_scores : ndarray of shape (B,)
        The same for each permutation of y; NaN for one that was not fitted, which takes no part in the test.
    p_value : float
        (1 + number of permutations whose score is at least that of y) / (1 + number of permutations).
    deviance, null_deviances : float, ndarray of shape (B,)
        Mean over the folds of the weighted mean deviance (of squared loss the squared error), smallest over alphas and
        l1_ratios.
    alpha, l1_ratio : float
        Where that of y is.
    folds : list of K integer arrays
        Rows held out, the same for all permutations.
    plan : ResamplingPlan
        The permutations, as data.
    status : ndarray of str, shape (B + 1,)
        The worst status of the fits of y (first) and of each permutation.
    n_at_limit : int
        As in `riata.results.PathResult`, over all fits.
    """

    score: float
    null_scores: np.ndarray
    deviance: float
    null_deviances: np.ndarray
    alpha: float
    l1_ratio: float
    folds: list
    plan: ResamplingPlan
    status: np.ndarray
    n_at_limit: int = 0

    def __len__(self):
        return len(self.null_scores)

    @property
    def p_value(self):
        known = self.null_scores[np.isfinite(self.null_scores)]
        return (1 + int(np.count_nonzero(known >= self.score))) / (1 + len(known)) if np.isfinite(self.score) else float("nan")

    def to_frame(self):
        """One row per permutation, as a pandas DataFrame if pandas is installed, a polars one otherwise."""
        return dataframe({"permutation": np.arange(len(self)), "score": self.null_scores, "deviance": self.null_deviances})

    def summary(self):
        """A few lines of text."""
        known = self.null_scores[np.isfinite(self.null_scores)]
        low, middle, high = np.quantile(known, [0.05, 0.5, 0.95]) if len(known) else (float("nan"),) * 3
        return (f"{self!r}\nat alpha {self.alpha:.5g}, l1_ratio {self.l1_ratio:g}: deviance {self.deviance:.5g}\n"
                f"R² of the permutations: median {middle:.4f}, 5 % to 95 % {low:.4f} to {high:.4f}")

    def plot(self, ax=None, **options):
        """Draw the null distribution and the score (see `riata.plots_resampled.plot_permutations`)."""
        from riata.plots_resampled import plot_permutations

        return plot_permutations(self, ax=ax, **options)

    def __repr__(self):
        done = int(np.isfinite(self.null_scores).sum())
        count = f"{len(self)}" if done == len(self) else f"{done} of {len(self)}"
        return f"PermutationTestResult(R² {self.score:.4f}, p = {self.p_value:.4g}, {count} permutations)"


@native
def permutation_test(X, y, *, loss="squared", n_perm=1000, cv=10, groups=None, n_repeats=1, seed=0, l1_ratio=1.0, alphas=100,
                     alpha_min_ratio=None, weights=None, offset=None, penalty_factor=None, lower=None, upper=None,
                     positive=False, intercept=True, standardize=False, solver="auto", tol=1e-6, max_epochs=100_000,
                     n_threads=None, time_budget=None, max_memory=None, backend="cpu", progress=None) -> PermutationTestResult:
    """Test whether the cross-validated score of y could be had by chance.

    The score is that of the best (l1_ratio, alpha) of a cross-validation. It is computed for y and, in the same way, with a
    grid of alphas of its own and the same folds, for each permutation of y: that the best was chosen is part of the
    statistic. The null hypothesis: y is exchangeable given X. All permutations are targets on one X, whose folds share
    their Gram matrices.

    Parameters
    ----------
    X, y
        As in `riata.fit_path`.
    loss : str or riata.losses.Loss, default="squared"
        As in `riata.fit_path`. With a link there may be no `offset`: rows of different offsets cannot be exchanged.
    n_perm : int or ResamplingPlan, default=1000
        How many permutations, B; or which, as a plan on the rows of positive weight: `riata.resampling.permutations`. The
        smallest p-value is 1 / (1 + B).
    cv, groups, n_repeats
        As in `riata.cross_validate_path`. Folds must train on every row that they do not test on, and must not be made from
        y (by strata of y): they are the same for all permutations, so that an int makes plain folds also of two classes. A
        permutation that leaves a fold one class to train on is `not_finite` and takes no part in the test. With `groups`,
        permutations stay within the groups, of which one at least must have several rows.
    seed : int, default=0
        Permutations and folds are functions of it alone.
    l1_ratio : float or array_like of shape (R,), default=1.0
    alphas, alpha_min_ratio, weights, offset, penalty_factor, lower, upper, positive, intercept, standardize, solver, tol, \
max_epochs, n_threads, time_budget, backend, progress
        As in `riata.cross_validate_path`. What is permuted is y − offset, among the rows of positive weight; weights stay with
        the rows of X.
    max_memory : float, optional
        Bytes that a chunk of permutations may take, beside X. Default: 256 MiB. y is solved first and alone, then chunks that
        grow with what is done, more slowly under a `time_budget`: what is cut off loses the chunk that it falls into only.

    Returns
    -------
    PermutationTestResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    MemoryError
        If the work cannot be held.
    KeyboardInterrupt
        On Ctrl-C (`riata_engine.batch.Interrupted` within a fit); its `.result` is the PermutationTestResult of what was done.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with a count of targets (y and its permutations) that have a fit which did not plainly converge.

    References
    ----------
    Ojala and Garriga (2010), "Permutation tests for studying classifier performance", JMLR 11 (test 1).
    Phipson and Smyth (2010), "Permutation p-values should never be zero", SAGMB 9(1).

    Examples
    --------
    >>> import numpy as np, riata
    >>> X = np.random.default_rng(0).normal(size=(60, 5)); y = X[:, 0] + np.random.default_rng(1).normal(size=60)
    >>> riata.permutation_test(X, y, n_perm=99, cv=5, alphas=20).p_value
    0.01
    """
    given = check_arguments(locals())
    l1_ratios = check_l1_ratios(l1_ratio)
    max_memory = None if max_memory is None else check_number(max_memory, "max_memory", 0.0, low_open=True)
    n = len(given.y)
    if offset is not None and given.loss.link != "identity":
        raise ValueError(f"offset is given, and the {given.loss.name} loss has a link: y less the offset is no target of it, and "
                         "rows of different offsets cannot be exchanged. Leave offset out; of counts with an exposure test the "
                         "rates y / exposure, with weights=exposure")
    folds = loss_folds(given, cv, spread=False, groups=groups, n_repeats=n_repeats, seed=seed)
    if folds.train is not None:
        raise ValueError("cv gives folds that do not train on every row that they leave in (a time series, or rows drawn more "
                         "than once): permutation_test needs an int, a K-fold splitter or fold ids")
    units = Units(n, given.weights, groups, seed)
    if groups is not None and len(units) == len(units.rows):
        raise ValueError(f"groups: each of the {len(units)} groups has one row, so that no permutation within groups changes y: "
                         "leave groups out to permute all rows")
    plan = units.permutations(n_perm)
    sequence = Sequence((len(plan) + 1) * len(l1_ratios) * len(folds) * given.grid.size, progress, given.settings["time_budget"])
    test = _Targets(given, l1_ratios, folds, units, plan, sequence)
    problems = len(l1_ratios) * (len(folds) + 1)
    try:
        with answer_fits(problems, given.grid.size, given.X.shape[1], "alphas, l1_ratios or folds, or a smaller max_memory"):
            test.solve(max_memory)
    except KeyboardInterrupt as stopped:
        stopped.result, stopped.args = test.result(), ("interrupted; .result holds what is done",)
        raise
    result = test.result()
    warn_of_unconverged(result.status, test.gap, tol, result.n_at_limit, stacklevel=3)
    return result


class _Targets:
    """y and its permutations as targets of one batch, chunk by chunk; number 0 is y."""

    def __init__(self, given, l1_ratios, folds, units, plan, sequence):
        self.given, self.l1_ratios, self.folds, self.units = given, l1_ratios, folds, units
        self.sequence, self.plan = sequence, plan
        offset = given.settings["offset"]
        self.y = given.y if offset is None else given.y - offset
        self.settings = {**given.settings, "offset": None, "time_budget": None}
        self.deviance, self.variance, self.gap = np.full((3, len(plan) + 1), np.nan)
        self.worst = np.full(len(plan) + 1, SKIPPED, np.int8)
        self.chosen = (np.nan, np.nan)

    def solve(self, max_memory):
        n, p = self.given.X.shape
        R, K, L, T = len(self.l1_ratios), len(self.folds), self.given.grid.size, len(self.deviance)
        each = 8.0 * (3 * n + 2 * K * p * (1 + R) + 12 * R * K * L)
        # y first: without its score nothing else tells anything
        share = 1.0 if self.sequence.deadline is None else BUDGETED
        for first, stop in growing_chunks(T, chunk_size(T, each, max_memory), share):
            if self.sequence.over:
                self.worst[first:] = TIME_BUDGET
                return
            Y = self._targets(first, stop)
            batch = self._batch(Y)
            try:
                self._take(self.sequence.solve(batch), first, Y)
            except Interrupted as stopped:
                self._take(stopped.solution, first, Y)
                raise

    def _targets(self, first, stop):
        """(n, stop − first) targets, y alone or permutations of it; rows of weight 0 keep theirs."""
        return self.y[:, None] if first == 0 else self.units.permuted(self.y, self.plan, first - 1, stop - 1)

    def _batch(self, Y):
        """Problem (t·R + r)·K + k is target t at l1_ratio r without fold k."""
        given, R, K, T = self.given, len(self.l1_ratios), len(self.folds), Y.shape[1]
        target = np.repeat(np.arange(T), R)
        columns = None
        if given.grid.alphas is None:
            zeros = np.zeros(T * R, np.intp)
            alphas, columns = derived_alphas(Batch(
                given.X, Y, weights=given.weights, target=target, group=zeros, l1_ratio=np.tile(self.l1_ratios, T),
                **given.grid.keywords, **self.settings))
            alphas = np.repeat(alphas, K, axis=0)
        else:
            alphas = given.grid.alphas
        batch = Batch(given.X, Y, weights=given.weights, held_out=list(self.folds.test), target=np.repeat(target, K),
                      group=np.tile(np.arange(K), T * R), l1_ratio=np.repeat(np.tile(self.l1_ratios, T), K), alphas=alphas,
                      store="none", **self.settings)
        batch.columns = columns
        return batch

    def _take(self, solution, first, Y):
        T, R, K = Y.shape[1], len(self.l1_ratios), len(self.folds)
        members = slice(first, first + T)
        mean = solution.held_out_deviance.reshape(T, R, K, -1).mean(axis=2).reshape(T, -1)
        known = np.isfinite(mean)
        self.deviance[members] = np.where(known.any(axis=1), np.where(known, mean, np.inf).min(axis=1), np.nan)
        weights = self.given.weights
        if self.given.loss.name == "squared":
            rows = np.array(Y.T, order="C")            # sums along them are the same bits for any number of targets
            share = np.full(len(Y), 1.0 / len(Y)) if weights is None else weights / weights.sum()
            rows -= (rows * share).sum(axis=1, keepdims=True)
            self.variance[members] = (rows * rows * share).sum(axis=1)
        else:
            self.variance[members] = self.given.loss.null_deviance(Y, weights)
        self.worst[members] = solution.status.reshape(T, -1).max(axis=1)
        gap = solution.gap.reshape(T, -1)
        self.gap[members] = np.where(np.isfinite(gap), gap, -np.inf).max(axis=1)
        if first == 0 and known[0].any():
            r, i = divmod(int(np.argmin(np.where(known[0], mean[0], np.inf))), solution.alphas.shape[1])
            self.chosen = float(solution.alphas[r * K, i]), float(self.l1_ratios[r])

    def result(self):
        with np.errstate(divide="ignore", invalid="ignore"):
            score = np.where(self.variance > 0, 1.0 - self.deviance / self.variance, np.nan)
        return PermutationTestResult(
            score=float(score[0]), null_scores=score[1:], deviance=float(self.deviance[0]), null_deviances=self.deviance[1:],
            alpha=self.chosen[0], l1_ratio=self.chosen[1], folds=self.folds.test, plan=self.plan,
            status=status_names(self.worst), n_at_limit=self.sequence.n_at_limit)
