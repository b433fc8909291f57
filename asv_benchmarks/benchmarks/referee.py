"""The judge of every benchmark: the duality gap of a coefficient vector, in float64, by code no solver shares.

With r = y - b0 - Xb, the elastic net

    P(b0, b) = |r|² / (2n) + alpha·(l1_ratio·|b|_1 + (1 - l1_ratio)/2·|b|²)

is a lasso on n + p rows: the residual gets the extra rows -sqrt(n·alpha·(1 - l1_ratio))·b. A multiple s of that
residual (its first n rows centred, if there is an intercept) is a dual point when the largest entry of
s·|X'r - n·alpha·(1 - l1_ratio)·b| is at most n·alpha·l1_ratio; the best such s is taken. The number reported is (P - D)
divided by P at b = 0 with the best intercept: an upper bound of how far P is from its minimum, as a share of what there
was to gain.

References
----------
Kim, Koh, Lustig, Boyd and Gorinevsky (2007), An interior-point method for large-scale l1-regularized least squares,
section III. Zou and Hastie (2005), Regularization and variable selection via the elastic net, lemma 1 (n + p rows).
"""

import numpy as np

BLOCK = 64   # alphas whose residuals share one product with X


def gaps(X, y, coef, intercept, alphas, l1_ratio, *, fit_intercept=False):
    """Relative duality gap at each alpha of a path: the difference of the two ``bounds``, (L,)."""
    primal, dual = bounds(X, y, coef, intercept, alphas, l1_ratio, fit_intercept=fit_intercept)
    return primal - dual


def bounds(X, y, coef, intercept, alphas, l1_ratio, *, fit_intercept=False):
    """Objective at each alpha of a path, and a number that the minimum cannot be below; both over the null objective.

    The second holds for every coefficient vector there is, so the best one that anybody's run gives serves them all.

    Parameters
    ----------
    X : (n, p) ndarray or scipy.sparse matrix
    y : (n,) ndarray
    coef : (L, p) ndarray or scipy.sparse matrix
    intercept : (L,) ndarray
    alphas : (L,) ndarray
    l1_ratio : float in (0, 1]
    fit_intercept : bool
        Whether the intercept is free (the dual point is then centred) or held at the given value.

    Returns
    -------
    primal, dual : (L,) ndarray
        NaN where a coefficient is not finite.
    """
    if not 0 < l1_ratio <= 1:
        raise ValueError(f"the referee needs l1_ratio in (0, 1], got {l1_ratio}")
    n = len(y)
    y = np.asarray(y, dtype=np.float64)
    target = y - y.mean() if fit_intercept else y
    null = target @ target / 2
    primal, dual = np.empty(len(alphas)), np.empty(len(alphas))
    for start in range(0, len(alphas), BLOCK):
        part = slice(start, min(start + BLOCK, len(alphas)))
        B = coef[part]
        B = np.asarray(B.todense() if hasattr(B, "todense") else B, dtype=np.float64)
        used = np.flatnonzero(B.any(axis=0))
        R = y[:, None] - intercept[part] - np.asarray(_float64(X[:, used]) @ B[:, used].T)
        centred = R - R.mean(axis=0) if fit_intercept else R
        C = _transposed_product(X, centred)
        for i, alpha in enumerate(alphas[part]):
            l1, l2 = n * alpha * l1_ratio, n * alpha * (1 - l1_ratio)
            b, r, rc = B[i], R[:, i], centred[:, i]
            primal[start + i] = (r @ r / 2 + l1 * np.abs(b).sum() + l2 / 2 * (b @ b)) / null
            norm2 = rc @ rc + l2 * (b @ b)
            inner = rc @ target
            largest = np.abs(C[:, i] - l2 * b).max()
            limit = l1 / largest if largest > 0 else np.inf
            s = np.clip(inner / norm2, -limit, limit) if norm2 > 0 else 0.0
            dual[start + i] = (s * inner - s * s / 2 * norm2) / null
    return primal, dual


def _float64(X):
    return X if X.dtype == np.float64 else X.astype(np.float64)


def _transposed_product(X, R, columns=8192):
    """X'R in float64, by blocks of columns so that a float32 X is never converted whole."""
    if X.dtype == np.float64:
        return np.asarray(X.T @ R)
    return np.vstack([np.asarray(_float64(X[:, j : j + columns]).T @ R) for j in range(0, X.shape[1], columns)])
