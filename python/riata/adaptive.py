"""Adaptive paths: a first fit says how strongly each feature is penalised in the second."""

from dataclasses import dataclass, fields, replace

import numpy as np

from riata.argument_names import native
from riata.arguments import RIDGE_MIN_RATIO, check_arguments
from riata.cross_validation import all_fits, cross_validate
from riata.cv_result import CVResult
from riata.loss_folds import loss_folds
from riata.paths import fitted_path
from riata.results import PathResult
from riata.status import warn_of_unconverged
from riata.tables import vector
from riata.validation import Grid, check_l1_ratio, check_named_order, check_number
from riata_engine.batch import Batch, standard_deviations

#: first stages by name, and their l1_ratio
INITIAL = {"ridge": 0.0, "lasso": 1.0, "ols": 1.0}
FIRST_ALPHAS = 100


@dataclass(eq=False, repr=False)
class AdaptivePathResult(PathResult):
    """A `PathResult` under adaptive penalty factors, and the first fit that they come from.

    Attributes
    ----------
    initial_coef : ndarray of shape (p,)
        Coefficients of the first fit.
    penalty_factor : ndarray of shape (p,)
        What the path was fitted with, the caller's factors times 1 / |initial coefficient|^gamma; inf leaves a feature out.
    initial_cv : CVResult or None
        The cross-validation of the first fit, where there was one.
    gamma : float
    """

    initial_coef: np.ndarray | None = None
    penalty_factor: np.ndarray | None = None
    initial_cv: CVResult | None = None
    gamma: float = 1.0

    def __repr__(self):
        out = int(np.isinf(self.penalty_factor).sum())
        return f"AdaptivePathResult(gamma={self.gamma:g}, {out} features left out by the first fit, {super().__repr__()[11:]}"


@native
def adaptive_path(X, y, *, loss="squared", initial="ridge", gamma=1.0, cv=10, groups=None, stratify=None, seed=0,
                  l1_ratio=1.0, alphas=100, alpha_min_ratio=None, weights=None, offset=None, penalty_factor=None, lower=None,
                  upper=None, positive=False, intercept=True, standardize=False, solver="auto", tol=1e-6, max_epochs=100_000,
                  stop_dev_ratio=None, stop_dev_change=None, n_threads=None, time_budget=None, backend="cpu",
                  progress=None) -> AdaptivePathResult:
    """Fit an adaptive lasso (or elastic net) in its two stages.

    A first fit gives coefficients b⁰; the path is fitted with penalty factors f_j / |b⁰_j|^gamma (with `standardize`, of the
    standardised coefficients: f_j / |b⁰_j s_j|^gamma), so that what is large at first is hardly shrunk. A feature whose first
    coefficient is 0 is left out.

    Parameters
    ----------
    X, y
        As in `riata.fit_path`.
    loss : str or riata.losses.Loss, default="squared"
        As in `riata.fit_path`.
    initial : {"ridge", "lasso", "ols"} or array_like of shape (p,), default="ridge"
        The first fit: ridge or lasso at the alpha of smallest error in a cross-validation (100 alphas), the fit without a
        penalty (of squared loss least squares, n > p: otherwise that of least norm), or coefficients of your own. It keeps the
        other settings: weights, penalty factors, bounds, standardisation.
    gamma : float > 0, default=1.0
    cv, groups, stratify, seed
        Folds of the first fit, as in `riata.cross_validate_path`.
    l1_ratio, alphas, alpha_min_ratio, weights, offset, penalty_factor, lower, upper, positive, intercept, standardize, solver, \
tol, max_epochs, stop_dev_ratio, stop_dev_change, n_threads, time_budget, backend, progress
        As in `riata.fit_path`, of the second fit. `time_budget` holds for each of the two fits, `progress` reports the second.

    Returns
    -------
    AdaptivePathResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy; also where the first fit selects nothing.
    MemoryError
        If the answer, or the work, cannot be held.
    riata_engine.batch.Interrupted
        On Ctrl-C; during the second fit its `.result` is the PathResult as far as it went.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over both fits.

    Notes
    -----
    ``riata.cross_validate_path(X, y, penalty_factor=result.penalty_factor)`` chooses an alpha of the second fit. Its folds then
    share factors that come from all rows, so that its errors are somewhat too small.

    References
    ----------
    Zou (2006), "The adaptive lasso and its oracle properties", JASA 101.
    Zou and Zhang (2009), "On the adaptive elastic-net with a diverging number of parameters", Annals of Statistics 37.

    Examples
    --------
    >>> import numpy as np, riata
    >>> X = np.eye(4); y = np.array([4.0, 3.0, 2.0, 1.0])
    >>> riata.adaptive_path(X, y, initial="ols", alphas=[0.5], intercept=False).coef.round(4).tolist()
    [[3.5, 2.3333, 1.0, 0.0]]
    """
    given = check_arguments(locals())
    l1_ratio = check_l1_ratio(l1_ratio)
    gamma = check_number(gamma, "gamma", 0.0, low_open=True, high_open=True)
    first, crossed, fits = _first_coefficients(given, initial, cv, groups, stratify, seed)
    size = np.abs(first)
    if given.settings["standardize"]:
        size = size * standard_deviations(Batch(given.X, given.y[:, None], weights=given.weights, **given.settings))
    if not size.any():
        raise ValueError("initial: every coefficient of the first fit is 0, which leaves all features out: take another "
                         "first fit, initial='ridge' for example")
    given_factor = given.settings["penalty_factor"]
    with np.errstate(divide="ignore", over="ignore"):
        factor = np.where(size > 0, size ** -gamma, np.inf)
        if given_factor is not None:                   # a feature that is free stays free, whatever its first coefficient
            factor = np.where(given_factor == 0, 0.0, factor * np.where(given_factor == 0, 1.0, given_factor))
    path = fitted_path(replace(given, settings={**given.settings, "penalty_factor": factor}), l1_ratio)
    status, gap = (np.concatenate([part, more]) for part, more in zip(fits, (path.status, path.gap), strict=True))
    limit = path.n_at_limit + (0 if crossed is None else crossed.n_at_limit)
    warn_of_unconverged(status, gap, tol, limit, stacklevel=3)
    return AdaptivePathResult(**{field.name: getattr(path, field.name) for field in fields(PathResult)}, initial_coef=first,
                              penalty_factor=factor, initial_cv=crossed, gamma=gamma)


def _first_coefficients(given, initial, cv, groups, stratify, seed):
    """(b⁰ (p,), its CVResult or None, (status, gap) of its fits)."""
    none = np.empty(0, "U1"), np.empty(0)
    p = given.X.shape[1]
    if not isinstance(initial, str):
        if initial is None:
            raise TypeError(f"initial = None must be one of {', '.join(map(repr, INITIAL))}, or an array of coefficients (p,)")
        check_named_order(initial, "initial", given.feature_names)
        coef = vector(initial, "initial", f"(p,): one coefficient per column of X, p = {p}")
        if coef.shape != (p,):
            raise ValueError(f"initial has {len(coef)} entries and X has {p} columns; they must be equal")
        if not np.isfinite(coef).all():
            j = int(np.argmin(np.isfinite(coef)))
            raise ValueError(f"initial[{j}] = {coef[j]:g} must be finite: give 0 to leave the feature out")
        return coef.copy(), None, none
    if initial not in INITIAL:
        raise ValueError(f"initial = {initial!r} must be one of {', '.join(map(repr, INITIAL))}, or an array of "
                         "coefficients (p,)")
    ratio = INITIAL[initial]
    settings = {**given.settings, "alpha_min_ratio": None, "stop_dev_ratio": None, "stop_dev_change": None}
    if initial == "ols":
        path = fitted_path(replace(given, grid=Grid(None, np.zeros(1)), settings=settings, progress=None), ratio)
        if not np.isfinite(path.intercept[0]):
            raise RuntimeError(f"initial = 'ols' was not fitted ({path.status[0]}): give more time_budget, or initial='ridge'")
        return path.coef[0], None, (path.status[:0], path.gap[:0])
    folds = loss_folds(given, cv, groups=groups, stratify=stratify, seed=seed)
    if ratio == 0.0:
        settings["solver"], settings["alpha_min_ratio"] = "auto", RIDGE_MIN_RATIO
    crossed = cross_validate(replace(given, grid=Grid(FIRST_ALPHAS), settings=settings, progress=None), folds, np.array([ratio]))
    return crossed.coef_min, crossed, all_fits(crossed)
