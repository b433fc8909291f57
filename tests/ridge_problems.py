"""Problems that the tests of the ridge decomposition share."""

import numpy as np

SHAPES = {"tall": (60, 12), "wide": (20, 45)}
ALPHAS = np.array([0.3, 10.0, 0.01])


def problem(shape, seed=0, targets=2):
    n, p = SHAPES[shape] if isinstance(shape, str) else shape
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) @ (np.eye(p) + 0.3 * rng.standard_normal((p, p)) / np.sqrt(p)) + rng.normal(size=p)
    Y = X[:, :3].sum(axis=1, keepdims=True) + rng.standard_normal((n, targets)) + 5
    return X, Y, rng


def augmented(X, Y, alpha, w, d, intercept):
    """Coefficients (p, T) and intercepts from least squares on rows sqrt(v) x and sqrt(alpha d) e_j: no Gram matrix."""
    n, p = X.shape
    root = np.sqrt(w / w.sum())[:, None]
    A = np.column_stack([np.ones(n), X]) if intercept else X
    ridge = np.diag(np.sqrt(alpha * d))
    if intercept:
        ridge = np.column_stack([np.zeros(p), ridge])
    rows = np.vstack([root * A, ridge])
    B = np.linalg.lstsq(rows, np.vstack([root * Y, np.zeros((p, Y.shape[1]))]), rcond=1e-13)[0]
    return (B[1:], B[0]) if intercept else (B, np.zeros(Y.shape[1]))


def options(rng, n, p, name):
    w, f, s = np.ones(n), np.ones(p), np.ones(p)
    if name != "plain":
        w = rng.uniform(0.2, 3, n)
        f = rng.uniform(0.5, 2, p)
        s = rng.uniform(0.3, 4, p)
    if name == "zero weights, free columns":
        w[[1, 4, 5]] = 0
        f[[0, 5]] = 0
    if name == "left out":
        f[[2, 7]] = np.inf
        f[3] = 0
    return w, f, s


CASES = ["plain", "weights, factors, scale", "zero weights, free columns", "left out"]
