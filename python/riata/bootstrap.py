"""Bootstraps of a path: intervals of coefficients, frequencies of selection, performance corrected for optimism."""

from dataclasses import replace
from numbers import Integral, Real

import numpy as np

from riata.argument_names import native
from riata.arguments import check_arguments
from riata.bootstrap_draws import BootstrapDraws
from riata.bootstrap_result import BootstrapResult
from riata.chunks import Sequence
from riata.cross_validation import all_fits, cross_validate
from riata.cv_choice import RULES
from riata.loss_folds import loss_folds
from riata.no_memory import answer_fits
from riata.paths import fitted_path
from riata.status import warn_of_unconverged
from riata.units import Units
from riata.validation import check_l1_ratio, check_number, unboxed

CRITERIA = ("aic", "bic", "ebic")
CHOICES = (*RULES, *CRITERIA, "all")
#: units up to which the jackknife leaves out single ones, and the blocks that it leaves out beyond
SINGLE, BLOCKS = 1000, 200


@native
def bootstrap_path(X, y, *, loss="squared", n_boot=2000, choose="min", cv=10, jackknife=None, groups=None, stratify=None,
                   seed=0, l1_ratio=1.0, alphas=100, alpha_min_ratio=None, weights=None, offset=None, penalty_factor=None,
                   lower=None, upper=None, positive=False, intercept=True, standardize=False, solver="auto", tol=1e-6,
                   max_epochs=100_000, n_threads=None, time_budget=None, max_memory=None, backend="cpu",
                   progress=None) -> BootstrapResult:
    """Bootstrap a regularisation path: rows drawn with replacement, the whole path fitted anew on each draw.

    A draw is a column of counts that multiply the weights, X is never copied, and all draws are one batch, solved in chunks
    under `max_memory`. All paths share the alphas of the path on all rows. The selection frequency is counted at every alpha;
    coefficients, intervals and performance are kept at the alpha that `choose` names, or at all of them.

    Parameters
    ----------
    X, y
        As in `riata.fit_path`.
    loss : str or riata.losses.Loss, default="squared"
        As in `riata.fit_path`. A draw whose rows are all of one class is `not_finite`, and has no part in the answer.
    n_boot : int or ResamplingPlan, default=2000
        How many, 2 or more; or which, as a plan on the rows of positive weight (the groups) with weights:
        `riata.resampling.bootstrap`.
    choose : {"min", "1se", "aic", "bic", "ebic", "all"} or float, default="min"
        At which alpha coefficients are kept: by cross-validation on all rows (the rules of `riata.cross_validate_path`), by an
        information criterion of the path on all rows, one of the alphas itself, or "all". The choice is made once: intervals
        and optimism are those of a fit at this alpha, and do not know that it was chosen.
    cv, stratify
        Folds for "min" and "1se", as in `riata.cross_validate_path`.
    jackknife : int, optional
        For the acceleration of BCa intervals: how many blocks of rows to leave out, one after the other. Default: every single
        row up to 1000 of them, 200 blocks beyond, drawn at random. 0: none, and no BCa intervals.
    groups : array_like of shape (n,), optional
        Rows of one group are drawn, and left out, together (the cluster bootstrap), and stay in one fold.
    seed : int, default=0
        The draws are a function of it alone: of its Philox stream, draw by draw.
    l1_ratio, alphas, alpha_min_ratio, weights, offset, penalty_factor, lower, upper, positive, intercept, standardize, \
solver, tol, max_epochs, n_threads, time_budget, backend, progress
        As in `riata.fit_path`. Rows of weight 0 are not drawn. `progress` counts (bootstrap or jackknife, alpha).
    max_memory : float, optional
        Bytes that a chunk of bootstraps may take, beside X and the result. Default: 256 MiB.

    Returns
    -------
    BootstrapResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    RuntimeError
        If `choose` finds nothing to choose.
    MemoryError
        If the answer cannot be held.
    KeyboardInterrupt
        On Ctrl-C (`riata_engine.batch.Interrupted` within a fit); its `.result` is the BootstrapResult of what was done,
        without a jackknife (its intervals are percentile ones, as where `time_budget` cuts the jackknife off).

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over all fits.

    Notes
    -----
    Where a true coefficient is 0 the bootstrap distribution of a lasso coefficient is not consistent (Chatterjee and Lahiri
    2011): read these intervals as the spread of the estimate, bias of the penalty included, not as a test of the coefficient.

    The paths of the jackknife are solved to a gap of tol / n²: they differ by a share of 1/n only.

    References
    ----------
    Efron (1987), "Better bootstrap confidence intervals", JASA 82.
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapters 14 and 17.
    Efron (1983), "Estimating the error rate of a prediction rule", JASA 78 (the .632 estimator).
    Harrell, Lee and Mark (1996), "Multivariable prognostic models", Statistics in Medicine 15 (optimism).

    Examples
    --------
    >>> import numpy as np, riata
    >>> X = np.random.default_rng(0).normal(size=(50, 3)); y = 2 * X[:, 0] + X[:, 1]
    >>> boot = riata.bootstrap_path(X, y, n_boot=200, alphas=[0.1], choose=0.1)
    >>> boot.selection_frequency.tolist()
    [[1.0, 1.0, 0.0]]
    """
    given = check_arguments(locals())
    l1_ratio = check_l1_ratio(l1_ratio)
    max_memory = None if max_memory is None else check_number(max_memory, "max_memory", 0.0, low_open=True)
    choose, n = _check_choice(choose), len(given.y)
    units = Units(n, weights=given.weights, groups=groups, seed=seed)
    plan = units.bootstrap(n_boot)
    n_blocks = _check_jackknife(jackknife, len(units))
    folds = None
    if choose in RULES:
        folds = loss_folds(given, cv, groups=groups, stratify=stratify, seed=seed)
    sequence = Sequence(len(plan) * given.grid.size, progress, given.settings["time_budget"])
    first = replace(given, progress=None)
    crossed = None if folds is None else cross_validate(first, folds, np.array([l1_ratio]))
    path = fitted_path(first, l1_ratio) if crossed is None else crossed.path
    kept = _kept(path, choose, crossed)
    with answer_fits(len(plan), len(kept), path.n_features, "bootstraps, or choose one alpha"):
        draws = BootstrapDraws(given, l1_ratio, path, kept, units.counts(plan), len(plan), sequence, max_memory)
        sequence.fits += n_blocks * len(kept)
        accelerated = None
        try:
            draws.solve()
            if n_blocks:
                accelerated = draws.acceleration(units.blocks(n_blocks))
        except KeyboardInterrupt as stopped:
            stopped.result = draws.result(None, n_blocks, crossed, plan)
            stopped.args = ("interrupted; .result holds what is done",)
            raise
        boot = draws.result(accelerated, n_blocks, crossed, plan)
    boot.n_at_limit = sequence.n_at_limit + (path if crossed is None else crossed).n_at_limit
    status, gap = (path.status, path.gap) if crossed is None else all_fits(crossed)
    warn_of_unconverged(np.concatenate([status, boot.status.ravel(), draws.jackknife_status]),
                        np.concatenate([gap, boot.gap.ravel(), draws.jackknife_gap]), tol, boot.n_at_limit, stacklevel=3)
    return boot


def _check_choice(choose):
    """A rule, a criterion, "all", or an alpha as a float."""
    choose = unboxed(choose)
    if isinstance(choose, str) and choose in CHOICES:
        return choose
    if isinstance(choose, Real) and not isinstance(choose, (bool, np.bool_)):
        return check_number(choose, "choose", 0.0, high_open=True)
    raise ValueError(f"choose = {choose!r} must be one of {', '.join(map(repr, CHOICES))}, or one of the alphas")


def _check_jackknife(jackknife, units):
    """How many blocks to leave out."""
    if jackknife is None:
        return 0 if units < 3 else units if units <= SINGLE else BLOCKS
    if isinstance(jackknife, (bool, np.bool_)) or not isinstance(jackknife, Integral):
        raise TypeError(f"jackknife = {jackknife!r} must be an int, a number of blocks, 0 for none, or None")
    if jackknife != 0 and not 3 <= jackknife <= units:
        raise ValueError(f"jackknife = {jackknife} must be 0, or a number of blocks from 3 to {units}, the rows (or groups) with "
                         "a positive weight")
    return int(jackknife)


def _kept(path, choose, crossed):
    """(K,) positions along the path whose coefficients are kept."""
    if choose == "all":
        return np.arange(len(path.alphas))
    if crossed is not None:
        return np.array([crossed.index(choose)[1]])
    if not isinstance(choose, str):
        return np.array([path.at(choose)])
    values = getattr(path, choose)
    if np.isnan(values).all():
        raise RuntimeError(f"choose = {choose!r}: the criterion is NaN at every alpha (a fit with as many parameters as rows, or "
                           "none at all): choose='min' goes by cross-validation")
    return np.array([int(np.nanargmin(values))])
