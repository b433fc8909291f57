"""The judge of other losses and penalties, in float64, by code that no solver shares: objective, dual bound, KKT violation.

With the mean loss F and the penalty P, each function takes u = s ∇F at the coefficients it is given, s <= 1 as large as P
allows, and adds up the two differences of Fenchel and Young, F + F*(u) - <u, Xb> and P + P*(-X'u) + <X'u, b>: their sum is
the duality gap.
Numbers are shares of what there was to gain: of the objective without features less the least that the loss can be.
"""

import numpy as np
from scipy.special import xlogy

BISECTIONS = 100

#: value, gradient and conjugate of a loss at η, y and u
FORMULAS = {
    "logistic": (lambda y, eta: np.logaddexp(0, eta) - y * eta,
                 lambda y, eta: 1 / (1 + np.exp(-eta)) - y,
                 lambda y, u: xlogy(u + y, u + y) + xlogy(1 - u - y, 1 - u - y)),
    "poisson": (lambda y, eta: np.exp(eta) - y * eta,
                lambda y, eta: np.exp(eta) - y,
                lambda y, u: xlogy(u + y, u + y) - u - y),
    "gamma": (lambda y, eta: eta + y * np.exp(-eta),
              lambda y, eta: 1 - y * np.exp(-eta),
              lambda y, u: xlogy(1 - u, 1 - u) - (1 - u) - (1 - u) * np.log(y)),
    "squared_hinge": (lambda y, eta: np.square(np.maximum(1 - y * eta, 0)),                     # y = -1 and 1
                      lambda y, eta: -2 * y * np.maximum(1 - y * eta, 0),
                      lambda y, u: y * u + u**2 / 4),
}


def level(gradient, y, eta, low=-50.0, high=50.0):
    """The intercept at which the gradients of all rows add up to zero, by bisection."""
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if gradient(y, eta + middle).sum() < 0 else (low, middle)
    return middle


def smooth_bounds(loss, X, y, coef, alphas, l1_ratio, *, fit_intercept):
    """(2, L): objective and lower bound of a path of an elastic net; an intercept is put to its optimum for the coefficients."""
    value, gradient, conjugate = FORMULAS[loss]
    lift = (lambda eta: eta + level(gradient, y, eta)) if fit_intercept else (lambda eta: eta)
    null = value(y, lift(np.zeros_like(y))).mean() + conjugate(y, np.zeros_like(y)).mean()
    out = np.empty((2, len(alphas)))
    for l, (alpha, b) in enumerate(zip(alphas, coef, strict=True)):
        b = dense_row(b)
        used = np.flatnonzero(b)
        eta = lift(np.asarray(X[:, used] @ b[used]))
        u = gradient(y, eta)
        t = np.abs(np.asarray(X.T @ u)) / len(y)
        l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
        s = 1.0 if l2 else min(1.0, l1 / t.max())
        out[0, l] = value(y, eta).mean() + l1 * np.abs(b).sum() + l2 / 2 * b @ b
        out[1, l] = -conjugate(y, s * u).mean() - (np.square(np.maximum(t - l1, 0)).sum() / (2 * l2) if l2 else 0.0)
    return out / null


def multinomial_bounds(X, y, coef, intercept, alphas, l1_ratio):
    """(2, L) of coefficients (L, K, p) and intercepts (L, K), which are put to their optimum first; y is 0, 1, ..., K - 1."""
    n, K = len(y), coef.shape[1]
    Y = np.eye(K)[y]
    share = Y.mean(axis=0)
    out = np.empty((2, len(alphas)))
    for l, (alpha, b, b0) in enumerate(zip(alphas, coef, intercept.copy(), strict=True)):
        for _ in range(50):
            eta = X @ b.T + b0
            eta -= eta.max(axis=1, keepdims=True)
            p = np.exp(eta)
            p /= p.sum(axis=1, keepdims=True)
            off = (Y - p).mean(axis=0)
            if np.abs(off).max() < 1e-15:
                break
            b0 += np.linalg.lstsq(np.diag(p.mean(axis=0)) - p.T @ p / n, off, rcond=None)[0]
        slopes = (Y - p).T @ X / n
        l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
        s = min(1.0, l1 / np.abs(slopes).max()) if l2 == 0 else 1.0
        out[0, l] = ((np.log(np.exp(eta).sum(axis=1)) - eta[np.arange(n), y]).mean() + l1 * np.abs(b).sum()
                     + l2 / 2 * (b**2).sum())
        q = Y + s * (p - Y)
        conjugate = 0.0 if l2 == 0 else (np.maximum(np.abs(s * slopes) - l1, 0) ** 2).sum() / (2 * l2)
        out[1, l] = -xlogy(q, q).sum() / n - conjugate
    return out / -(share * np.log(share)).sum()


def group_bounds(X, y, groups, coef, alphas, sparsity=0.0):
    """(2, L) of a (sparse) group lasso of the squared loss with an intercept; the penalty of a group is √size."""
    n, y = len(y), y - y.mean()
    X = X - X.mean(axis=0)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    root = np.sqrt(np.diff(np.append(starts, len(groups))))
    out = np.empty((2, len(alphas)))

    def norms(v):
        return np.sqrt(np.add.reduceat(v[order] ** 2, starts))

    for l, (alpha, b) in enumerate(zip(alphas, coef, strict=True)):
        b = dense_row(b)
        used = np.flatnonzero(b)
        r = y - X[:, used] @ b[used]
        t = np.abs(X.T @ r) / n
        lam, l1 = alpha * (1 - sparsity) * root, alpha * sparsity

        def inside(s, t=t, lam=lam, l1=l1):
            return (norms(np.maximum(s * t - l1, 0)) <= lam).all()

        low, high = 0.0, 1.0
        for _ in range(0 if inside(1.0) else 60):
            middle = (low + high) / 2
            low, high = (middle, high) if inside(middle) else (low, middle)
        s = high if inside(high) else low
        out[0, l] = r @ r / (2 * n) + lam @ norms(b) + l1 * np.abs(b).sum()
        out[1, l] = (s * (r @ y) - s * s / 2 * (r @ r)) / n
    return out / (y @ y / (2 * n))


def cox_bounds(X, time, event, coef, alphas):
    """(2, L) of a lasso path of the Cox model, times all different: a softmax p moves to s p + (1 - s) e, e the death."""
    order = np.argsort(-time, kind="stable")
    X, dead, n = X[order], np.flatnonzero(event[order]), len(time)
    null = np.log(dead + 1.0).sum() / n
    out = np.empty((2, len(alphas)))
    for l, (alpha, b) in enumerate(zip(alphas, coef, strict=True)):
        b = dense_row(b)
        eta = X @ b
        logs = np.logaddexp.accumulate(eta)
        share = np.zeros(n)
        share[dead] = np.exp(-logs[dead] + logs[-1])
        gradient = np.exp(eta - logs[-1]) * np.cumsum(share[::-1])[::-1]
        gradient[dead] -= 1
        t = X.T @ gradient / n
        s = min(1.0, alpha / np.abs(t).max())
        p = np.exp(eta[dead] - logs[dead])
        q = s * p + 1 - s
        divergence = ((1 - p) * xlogy(s, s) + q * np.log(q / p)).sum() / n
        out[0, l] = (logs[dead] - eta[dead]).sum() / n + alpha * np.abs(b).sum()
        out[1, l] = out[0, l] - (divergence + alpha * np.abs(b).sum() + s * t @ b)
    return out / null


def slope_bounds(X, y, sequence, coef, intercept, alphas):
    """(2, L) of paths of the sorted l1 norm, squared loss with an intercept."""
    R = y - np.asarray(intercept)[:, None] - np.asarray(coef @ X.T)
    R = R - R.mean(axis=1, keepdims=True)
    y = y - y.mean()
    inside = np.cumsum(np.sort(np.abs(R @ X), axis=1)[:, ::-1], axis=1) / len(y) / np.cumsum(sequence)
    s = np.minimum(1.0, alphas / inside.max(axis=1))
    norm = np.sort(np.abs(coef), axis=1)[:, ::-1] @ sequence
    square = np.mean(R**2, axis=1)
    return np.array([square / 2 + alphas * norm, s * np.mean(R * y, axis=1) - s**2 * square / 2]) / (np.mean(y**2) / 2)


def concave_violations(X, y, penalty, gamma, coef, alphas):
    """(L,) largest KKT violation of an MCP or SCAD path without an intercept, columns and y of length √n."""
    R = y - np.asarray(coef @ X.T)
    T, size, a = R @ X / len(y), np.abs(coef), np.asarray(alphas)[:, None]
    if penalty == "mcp":
        slope = np.maximum(a - size / gamma, 0)
    else:
        slope = np.where(size <= a, a, np.maximum(gamma * a - size, 0) / (gamma - 1))
    off = np.where(coef == 0, np.maximum(np.abs(T) - a, 0), np.abs(T - np.sign(coef) * slope))
    return off.max(axis=1)


def quantile_objective(X, y, quantile, coef, intercept, alpha):
    """Mean pinball loss of a lasso with an intercept, and that of the best constant."""
    def pinball(r):
        return np.maximum(quantile * r, (quantile - 1) * r).mean()
    return pinball(y - X @ coef - intercept) + alpha * np.abs(coef).sum(), pinball(y - np.quantile(y, quantile))


def dense_row(b):
    """A row of coefficients, dense or one of a sparse matrix, as a vector."""
    return np.asarray(b.todense() if hasattr(b, "todense") else b, float).ravel()
