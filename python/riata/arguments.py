"""The arguments that the native functions share, checked together."""

from dataclasses import dataclass, replace

import numpy as np

from riata.losses import SQUARED, check_loss, encoded_target
from riata.validation import (
    MOST_EPOCHS,
    MOST_THREADS,
    Grid,
    check_alphas,
    check_box,
    check_count,
    check_design,
    check_flag,
    check_named_order,
    check_number,
    check_offset,
    check_penalty_factor,
    check_target,
    check_targets,
    check_weights,
)
from riata_engine.batch import SOLVERS, alpha_grid

#: Last alpha / first alpha of a derived grid for ridge (l1_ratio 0). No alpha makes every coefficient 0 there, and the grid
#: begins at the largest alpha of l1_ratio 0.001 (glmnet's rule), a thousand times that of the lasso. The usual ratios would
#: end it where the coefficients are still shrunk to nearly nothing: cross-validation finds its minimum between 1e-3.5 (60 or
#: 1000 rows of mostly noise) and 1e-7.75 (R² .99) of the first alpha, on the diabetes data at 1e-7.25.
RIDGE_MIN_RATIO = 1e-8


@dataclass(frozen=True)
class Arguments:
    """Checked arguments of a call.

    Attributes
    ----------
    X : ndarray or CSC matrix of shape (n, p)
    feature_names : list of str, or None
    y : ndarray of shape (n,), or (n, T) where the function takes Y
    weights : ndarray of shape (n,) or (n, G), or None
    n_problems : int
        B, where the function takes Y.
    target_names : list of str, or None
        Of the columns of Y, where it is a table or a named Series.
    grid : Grid
    settings : dict
        Keywords of the engine's `Batch`.
    progress : callable or None
    loss : riata.losses.Loss
    classes : ndarray of shape (2,), or None
        The labels that 0 and 1 stand for, where y had such.
    """

    X: object
    feature_names: list | None
    y: np.ndarray
    weights: np.ndarray | None
    n_problems: int
    target_names: list | None
    grid: Grid
    settings: dict
    progress: object
    loss: object = SQUARED
    classes: np.ndarray | None = None

    @property
    def rows_used(self):
        """Rows with a positive weight: an int, or one per column of weights."""
        return len(self.y) if self.weights is None else np.count_nonzero(self.weights, axis=0)


def with_ridge_grid(batch):
    """A batch whose ridge problems get longer grids (`RIDGE_MIN_RATIO`), unless the caller chose the alphas or the ratio."""
    ridge = np.asarray(batch.l1_ratio) == 0
    if batch.alphas is not None or batch.alpha_min_ratio is not None or not ridge.any():
        return batch
    longer = replace(batch, alpha_min_ratio=RIDGE_MIN_RATIO)
    if ridge.all():
        return longer
    return replace(batch, alphas=np.where(ridge[:, None], alpha_grid(longer), alpha_grid(batch)))


def derived_alphas(batch):
    """The grids (B, L) of a batch, and the units of its columns, found on the way."""
    batch = with_ridge_grid(batch)
    return (alpha_grid(batch) if batch.alphas is None else batch.alphas), batch.columns


def check_arguments(given):
    """The shared arguments among those of a native function, its ``locals()``; targets are `y`, or `Y` for many."""
    X, feature_names = check_design(given["X"])
    n, p = X.shape
    for name in ("penalty_factor", "lower", "upper"):
        check_named_order(given[name], name, feature_names)
    many = "Y" in given
    loss = check_loss(given.get("loss", "squared"))
    target, classes = encoded_target(given["Y" if many else "y"], loss, "Y" if many else "y")
    y, target_names = check_targets(target, n) if many else (check_target(target, n), None)
    weights = check_weights(given["weights"], n, columns=many)
    loss.check(y, "Y" if many else "y", weights)
    n_problems = _problems(y, weights) if many else 1
    grid = check_alphas(given["alphas"], n_problems if many else None)
    if grid.alphas is not None and given["alpha_min_ratio"] is not None:
        raise ValueError(f"alpha_min_ratio = {given['alpha_min_ratio']!r} shapes a grid that is derived, and alphas are given: "
                         "leave one of them out, or give alphas as an int, a number of alphas")
    return Arguments(X, feature_names, y, weights, n_problems, target_names, grid, check_settings(n, p, given), given["progress"],
                     loss, classes)


def check_settings(n_samples, n_features, given):
    """The arguments that mean the same in every native function, checked, as keywords of the engine's `Batch`."""
    solver, progress = given["solver"], given["progress"]
    if not isinstance(solver, str) or solver not in ("auto", *SOLVERS):
        raise ValueError(f"solver = {solver!r} must be one of {', '.join(map(repr, ('auto', *SOLVERS)))}")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress = {progress!r} must be None or a function of (done, total)")
    lower, upper = check_box(given["lower"], given["upper"], given["positive"], n_features)
    return {
        "alpha_min_ratio": _unless_none(
            check_number, given, "alpha_min_ratio", 0.0, 1.0, low_open=True, high_open=True),
        "offset": check_offset(given["offset"], n_samples),
        "penalty_factor": check_penalty_factor(given["penalty_factor"], n_features),
        "lower": lower,
        "upper": upper,
        "intercept": check_flag(given["intercept"], "intercept"),
        "standardize": check_flag(given["standardize"], "standardize"),
        "solver": solver,
        "tol": check_number(given["tol"], "tol", 0.0, low_open=True, high_open=True),
        "max_epochs": check_count(given["max_epochs"], "max_epochs", MOST_EPOCHS),
        "stop_dev_ratio": _unless_none(check_number, given, "stop_dev_ratio", 0.0, 1.0, low_open=True),
        "stop_dev_change": _unless_none(check_number, given, "stop_dev_change", 0.0, 1.0, high_open=True),
        "n_threads": _unless_none(check_count, given, "n_threads", MOST_THREADS),
        "time_budget": _unless_none(check_number, given, "time_budget", 0.0, low_open=True),
        "backend": given["backend"],
        **_loss_settings(given, solver),
    }


def _loss_settings(given, solver):
    loss = check_loss(given.get("loss", "squared"))
    if loss.name == "squared":
        return {}
    if solver != "auto":
        raise ValueError(f"solver = {solver!r} is for squared loss; loss = {loss.name!r} has one solver: leave it out")
    return loss.settings


def _unless_none(check, given, name, *bounds, **options):
    """An argument that may be None, or that the function does not have."""
    value = given.get(name)
    return None if value is None else check(value, name, *bounds, **options)


def _problems(targets, weights):
    """B, from targets (n, T) and weights None, (n,) or (n, G)."""
    T, G = targets.shape[1], 1 if weights is None or weights.ndim == 1 else weights.shape[1]
    if weights is not None and weights.ndim == 2 and G == 0:
        raise ValueError("weights has 0 columns; pass one per problem, or (n,)")
    if T > 1 and G > 1 and T != G:
        raise ValueError(f"Y has {T} columns and weights has {G}; give them equally many, or one of them a single one")
    return max(T, G)
