"""The table of problems that certificates and laws run over: data, settings, storage, and the call of the engine."""

import numpy as np
import scipy.sparse

from reference import Problem, alpha_max, duality_gap, null_objective

L1_RATIOS = [0.0, 0.01, 0.5, 0.99, 1.0]
SHAPES = {"tall": (70, 12), "wide": (25, 60)}
PATH_SOLVERS = ["gram", "working_set", "residual"]
STORAGES = ["fortran", "c", "strided", "csc", "csr", "memmap"]

# the arguments of one problem; strings stand for arrays that ``settings_for`` draws
SETTINGS = {
    "plain": {},
    "no intercept": {"intercept": False},
    "weights": {"weights": "random"},
    "zero weights": {"weights": "counts"},
    "offset": {"offset": "random"},
    "factors": {"penalty_factor": "mixed"},
    "free and left out": {"penalty_factor": "free and left out"},
    "standardize": {"standardize": True},
    "positive": {"lower": 0.0},
    "bounds": {"lower": -0.2, "upper": 0.3},
    "positive and free": {"lower": 0.0, "penalty_factor": "free and left out"},
    "no intercept, standardize": {"intercept": False, "standardize": True},
    "no intercept, weights, factors": {"intercept": False, "weights": "random", "penalty_factor": "mixed"},
    "everything": {"weights": "counts", "offset": "random", "penalty_factor": "free and left out", "lower": -0.4,
                   "standardize": True},
}


def draw(rng, n, p, correlation=0.0, sparse=False):
    """X (n, p) with unequal scales and means, y with a few true coefficients, noise and a mean."""
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
    X = X * rng.uniform(0.5, 2, p)
    if sparse:
        X[rng.random((n, p)) < 0.7] = 0
        X[0] = 1.0                                       # no empty column
    else:
        X += rng.standard_normal(p)
    beta = np.zeros(p)
    beta[rng.permutation(p)[: min(5, p)]] = rng.standard_normal(min(5, p))
    y = X @ beta + rng.standard_normal(n) + 3
    return X, y


def settings_for(name, rng, n, p):
    settings = dict(SETTINGS[name])
    if settings.get("weights") == "random":
        settings["weights"] = rng.uniform(0.1, 3, n)
    elif settings.get("weights") == "counts":
        settings["weights"] = rng.integers(0, 4, n).astype(float)
    if "offset" in settings:
        settings["offset"] = rng.standard_normal(n)
    if settings.get("penalty_factor") == "mixed":
        settings["penalty_factor"] = rng.uniform(0.2, 3, p)
    elif settings.get("penalty_factor") == "free and left out":
        settings["penalty_factor"] = np.r_[0.0, 0.0, np.inf, rng.uniform(0.5, 2, p - 3)]
    for bound in ("lower", "upper"):
        if bound in settings:
            settings[bound] = np.full(p, settings[bound])
    return settings


def stored(X, storage, dtype=np.float64, folder=None):
    """X in one of the layouts that the engine takes as they are."""
    X = np.asarray(X, dtype=dtype)
    if storage == "fortran":
        return np.asfortranarray(X)
    if storage == "c":
        return np.ascontiguousarray(X)
    if storage == "strided":
        room = np.zeros((2 * X.shape[0], 3 * X.shape[1]), dtype=dtype)
        room[::2, ::3] = X
        return room[::2, ::3]
    if storage == "csc":
        return scipy.sparse.csc_array(X)
    if storage == "csr":
        return scipy.sparse.csr_array(X)
    if storage == "memmap":
        X.T.tofile(folder / "X.bin")
        return np.memmap(folder / "X.bin", dtype=dtype, mode="r", shape=X.shape, order="F")
    raise ValueError(storage)


def grid(X, y, l1_ratio, ratio=0.01, count=6, **settings):
    """Alphas from just above the referee's alpha_max (of the lasso, for ridge) down to ``ratio`` times that."""
    top = alpha_max(X, y, l1_ratio=l1_ratio if l1_ratio > 0 else 1.0, **settings)
    return top * np.geomspace(1.01, ratio, count)


def fit(X, y, alphas=None, **settings):
    """One call through the engine's door; y (n,) or (n, T)."""
    from riata_engine.batch import Batch, solve

    Y = np.asarray(y, dtype=np.float64)
    return solve(Batch(X, Y[:, None] if Y.ndim == 1 else Y, alphas=alphas, **settings))


def status_names(solution):
    from riata_engine.batch import STATUS

    return np.array(STATUS)[np.asarray(solution.status)]


def problem(X, y, alpha, l1_ratio, **settings):
    """The same problem for the referee, which does not know of solvers."""
    return Problem(X, y, alpha, l1_ratio=l1_ratio, **settings)


def prediction_distance(X, first, second, weights=None):
    """Root weighted mean square difference of the linear predictors of two (coef, intercept) pairs."""
    X = X.toarray() if scipy.sparse.issparse(X) else np.asarray(X)
    w = np.ones(X.shape[0]) if weights is None else weights
    d = X.astype(np.longdouble) @ (first[0] - second[0]).astype(np.longdouble) + (first[1] - second[1])
    return float(np.sqrt((w * d * d).sum() / w.sum()))


def certified_distance(null, *gaps):
    """How far apart the predictions of answers with these relative gaps to ONE problem can be.

    The loss is 1-strongly convex in the predictor: half the mean square distance to the optimum's is at most the gap.
    """
    return sum(np.sqrt(2 * float(null) * (max(gap, 0) + 1e-14)) for gap in gaps)


def assert_same_optimum(X, y, alpha, l1_ratio, first, second, **settings):
    """Two (coef, intercept) answers to one problem: both certified by the referee, and as close as that implies."""
    one = problem(X, y, alpha, l1_ratio, **settings)
    gaps = [duality_gap(one, *answer) for answer in (first, second)]
    if max(gaps) > 1e-9:                                 # the slow search for the best scale, only where it is needed
        gaps = [duality_gap(one, *answer, best_scale=True) for answer in (first, second)]
    assert max(gaps) <= 1e-9, gaps
    distance = prediction_distance(X, first, second, settings.get("weights"))
    assert distance <= certified_distance(null_objective(one), *gaps)
