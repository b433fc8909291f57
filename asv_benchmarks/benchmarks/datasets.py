"""Data for the benchmarks and for the comparison with peers: one definition, the same bits for both.

Features of the dense designs are a stationary AR(1) process over the columns: the correlation of columns j and k is
``rho ** |j - k|``. Columns are centred and scaled to unit variance, the target is centred, so that an intercept is
zero at every solution and solvers without one meet the same problem.
"""

import numpy as np
from scipy import sparse

SIGNAL_TO_NOISE = 3.0


def dense(n, p, *, rho=0.5, n_informative=50, dtype=np.float64, seed=0):
    """Correlated Gaussian design (Fortran order) and a target that depends on ``n_informative`` of its columns.

    Columns are filled one by one, so that the peak memory is that of X.

    Returns
    -------
    X : (n, p) ndarray of ``dtype``, columns with mean 0 and variance 1
    y : (n,) ndarray of ``dtype``, mean 0
    """
    rng = np.random.default_rng(seed)
    X = np.empty((n, p), dtype=dtype, order="F")
    column = rng.standard_normal(n)
    for j in range(p):
        if j:
            column = rho * column + np.sqrt(1 - rho**2) * rng.standard_normal(n)
        centred = column - column.mean()
        X[:, j] = centred / centred.std()
    return X, _target(X, n_informative, rng).astype(dtype, copy=False)


def sparse_columns(n, p, *, density, n_informative=50, dtype=np.float64, seed=0):
    """Sparse Gaussian design in CSC form with 32-bit indices (not centred) and a target that depends on a few columns.

    Returns
    -------
    X : (n, p) scipy.sparse.csc_matrix of ``dtype``
    y : (n,) ndarray of ``dtype``, mean 0
    """
    rng = np.random.default_rng(seed)
    per_column = rng.binomial(n, density, size=p)
    indptr = np.concatenate([[0], np.cumsum(per_column)]).astype(np.int32)
    indices = np.concatenate([np.sort(rng.choice(n, k, replace=False)) for k in per_column]).astype(np.int32)
    data = rng.standard_normal(len(indices)).astype(dtype)
    X = sparse.csc_matrix((data, indices, indptr), shape=(n, p))
    return X, _target(X, n_informative, rng).astype(dtype, copy=False)


def targets(n, p, n_targets, *, rho=0.5, n_informative=10, seed=0):
    """One dense design and ``n_targets`` targets, each on columns of its own.

    Returns
    -------
    X : (n, p) ndarray, Fortran order
    Y : (n, n_targets) ndarray, Fortran order, columns with mean 0
    """
    X, _ = dense(n, p, rho=rho, n_informative=n_informative, seed=seed)
    rng = np.random.default_rng([seed, 1])
    Y = np.empty((n, n_targets), order="F")
    for k in range(n_targets):
        Y[:, k] = _target(X, n_informative, rng)
    return X, Y


def many(n_problems, n, p, *, rho=0.5, n_informative=10, seed=0):
    """Problems that have nothing in common, of n[0] to n[1] rows and p[0] to p[1] columns.

    Returns
    -------
    X : list of (n_b, p_b) ndarrays, Fortran order
    y : list of (n_b,) ndarrays
    """
    rng = np.random.default_rng([seed, 3])
    sizes = zip(rng.integers(n[0], n[1] + 1, n_problems), rng.integers(p[0], p[1] + 1, n_problems), strict=True)
    pairs = [dense(int(rows), int(columns), rho=rho, n_informative=n_informative, seed=[seed, 4, b])
             for b, (rows, columns) in enumerate(sizes)]
    return [X for X, _ in pairs], [y for _, y in pairs]


def bootstraps(n, p, n_boot, *, rho=0.5, n_informative=10, seed=0):
    """One problem, and how often each row is drawn in each of ``n_boot`` samples of n with replacement.

    Returns
    -------
    X : (n, p) ndarray, Fortran order
    y : (n,) ndarray
    counts : (n, n_boot) ndarray of int32
    """
    X, y = dense(n, p, rho=rho, n_informative=n_informative, seed=seed)
    drawn = np.random.default_rng([seed, 5]).integers(0, n, (n_boot, n))
    return X, y, np.stack([np.bincount(rows, minlength=n) for rows in drawn], axis=1).astype(np.int32)


def claims(n, *, n_numbers=10, levels=(20, 20), seed=0):
    """Counts of mean about .15 that depend on Gaussian columns and on categories, one-hot encoded beside them.

    Returns
    -------
    X : (n, n_numbers + sum(levels)) ndarray, Fortran order
    y : (n,) ndarray of counts
    """
    rng = np.random.default_rng([seed, 6])
    X = np.zeros((n, n_numbers + sum(levels)), order="F")
    X[:, :n_numbers] = rng.standard_normal((n, n_numbers))
    eta = X[:, :5] @ [0.3, -0.2, 0.2, 0.1, -0.1] - 2
    first = n_numbers
    for size in levels:
        drawn = rng.integers(0, size, n)
        X[np.arange(n), first + drawn] = 1
        eta += rng.normal(0, 0.3, size)[drawn]
        first += size
    return X, rng.poisson(np.exp(eta)).astype(float)


def softmax_labels(X, n_classes, *, n_informative=20, seed=1):
    """Labels 0, 1, ... of a softmax model, each class on ``n_informative`` columns of its own choice."""
    rng = np.random.default_rng(seed)
    B = np.zeros((X.shape[1], n_classes))
    for k in range(n_classes):
        B[rng.choice(X.shape[1], min(n_informative, X.shape[1]), replace=False), k] = rng.standard_normal(
            min(n_informative, X.shape[1]))
    return (X @ B + rng.gumbel(size=(len(X), n_classes))).argmax(axis=1)


def survival_times(y, *, seed=0):
    """Times and events of proportional hazards exp(y / its deviation), censored at random.

    Returns
    -------
    dict of time : (n,) ndarray of float64, all different
    and event : (n,) ndarray of bool
    """
    rng = np.random.default_rng(seed)
    death = rng.exponential(size=len(y)) * np.exp(-y / y.std())
    censored = rng.exponential(size=len(y)) * np.quantile(death, 0.7)
    return {"time": np.minimum(death, censored), "event": death <= censored}


def alpha_grid(X, y, l1_ratio, n_alphas=100, alpha_min_ratio=1e-2):
    """Geometric grid from the smallest alpha with an all-zero solution down to ``alpha_min_ratio`` times it."""
    correlation = np.abs(X.T @ (y - y.mean())).max() / len(y)
    return float(correlation) / l1_ratio * np.geomspace(1, alpha_min_ratio, n_alphas)


def fold_ids(n, n_folds, *, seed=0):
    """Shuffled fold number of each row, sizes equal up to one."""
    return np.random.default_rng([seed, 2]).permutation(n).astype(np.int32) % n_folds


def _target(X, n_informative, rng):
    p = X.shape[1]
    beta = np.zeros(p)
    chosen = rng.choice(p, min(n_informative, p), replace=False)
    beta[chosen] = rng.standard_normal(len(chosen))
    signal = X @ beta.astype(X.dtype)
    y = signal + rng.standard_normal(len(signal)) * np.sqrt(signal.var() / SIGNAL_TO_NOISE)
    return y - y.mean()
