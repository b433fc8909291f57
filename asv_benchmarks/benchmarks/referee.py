"""The judge of every benchmark: the duality gap of a coefficient vector, in float64, by code no solver shares.

The elastic net P(b0, b) = |r|²/2 + Σ_j (λ1·|b_j| + λ2/2·b_j²), r = y - b0 - Xb, λ1 = n·alpha·l1_ratio,
λ2 = n·alpha·(1 - l1_ratio), has the dual

    D(θ) = <θ, y> - |θ|²/2 - Σ_j max(|x_j'θ| - λ1, 0)² / (2·λ2)

(for λ2 = 0: D(θ) = <θ, y> - |θ|²/2 where |x_j'θ| <= λ1 for all j), over θ that sum to zero if the intercept is free.
D is taken at multiples θ = s·r of the (centred) residual: for a lasso at the best feasible s, for an elastic net at the
best of s = 1, <r, y>/|r|² and the best s of the elastic net written as a lasso on n + p rows. The number reported is
(P - D) divided by P at b = 0 with the best intercept: an upper bound of how far P is from its minimum, as a share of
what there was to gain.

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
        l1, l2 = n * np.asarray(alphas[part]) * l1_ratio, n * np.asarray(alphas[part]) * (1 - l1_ratio)
        squares = (B**2).sum(axis=1)
        primal[part] = ((R**2).sum(axis=0) / 2 + l1 * np.abs(B).sum(axis=1) + l2 / 2 * squares) / null
        dual[part] = _best_dual(centred, target, C, B.T, squares, l1, l2) / null
    return primal, dual


def _best_dual(R, y, C, B, squares, l1, l2):
    """Largest D(s·r) over the multiples named at the top, for each column r of R; C is X'R, B the coefficients."""
    inner, norms = y @ R, (R**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        free = np.where(norms > 0, inner / norms, 0.0)
        if not l2.any():
            multiples = [np.clip(free, 0.0, l1 / np.abs(C).max(axis=0))]
        else:
            lengths = norms + l2 * squares
            feasible = l1 / np.abs(C - l2 * B).max(axis=0)
            multiples = [np.zeros_like(free), np.ones_like(free), free,
                         np.clip(np.where(lengths > 0, inner / lengths, 0.0), 0.0, feasible)]
    values = [s * inner - s**2 / 2 * norms - _conjugate(np.abs(s * C) - l1, l2) for s in multiples]
    return np.max(values, axis=0)


def _conjugate(beyond, l2):
    """Σ_j max(beyond_j, 0)² / (2·λ2); nothing for a lasso, whose multiples keep every entry within λ1."""
    return (np.maximum(beyond, 0) ** 2).sum(axis=0) / (2 * l2) if l2.any() else 0.0


def _float64(X):
    return X if X.dtype == np.float64 else X.astype(np.float64)


def _transposed_product(X, R, columns=8192):
    """X'R in float64, by blocks of columns so that a float32 X is never converted whole."""
    if X.dtype == np.float64:
        return np.asarray(X.T @ R)
    return np.vstack([np.asarray(_float64(X[:, j : j + columns]).T @ R) for j in range(0, X.shape[1], columns)])
