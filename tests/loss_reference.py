"""A slow and obvious referee for penalised losses: objectives and duality gaps by numpy and scipy, from the raw X."""

import numpy as np
from scipy.special import xlogy

PARAMETER = {"logistic": None, "poisson": None, "gamma": None, "tweedie": 1.4, "negative_binomial": 2.0, "huber": 1.0}
LOSSES = tuple(PARAMETER)


def value(loss, a, y, eta):
    if loss == "logistic":
        return np.logaddexp(0, eta) - y * eta
    if loss == "poisson":
        return np.exp(eta) - y * eta
    if loss == "gamma":
        return eta + y * np.exp(-eta)
    if loss == "tweedie":
        return np.exp((2 - a) * eta) / (2 - a) + y * np.exp((1 - a) * eta) / (a - 1)
    if loss == "negative_binomial":
        return (y + a) * np.log(a + np.exp(eta)) - y * eta
    r = np.abs(y - eta)
    return np.where(r <= a, r**2 / 2, a * r - a**2 / 2)


def gradient(loss, a, y, eta):
    if loss == "logistic":
        return 1 / (1 + np.exp(-eta)) - y
    if loss == "poisson":
        return np.exp(eta) - y
    if loss == "gamma":
        return 1 - y * np.exp(-eta)
    if loss == "tweedie":
        return np.exp((2 - a) * eta) - y * np.exp((1 - a) * eta)
    if loss == "negative_binomial":
        return (y + a) * np.exp(eta) / (a + np.exp(eta)) - y
    return np.clip(eta - y, -a, a)


def saturated(loss, a, y):
    if loss == "logistic":
        return -xlogy(y, y) - xlogy(1 - y, 1 - y)
    if loss == "poisson":
        return y - xlogy(y, y)
    if loss == "gamma":
        return 1 + np.log(y)
    if loss == "tweedie":
        return y ** (2 - a) / ((2 - a) * (a - 1))
    if loss == "negative_binomial":
        return (y + a) * np.log(y + a) - xlogy(y, y)
    return np.zeros_like(y)


def conjugate(loss, a, y, eta, s):
    """ℓ*(u) at u = s ℓ'(y, η), 0 < s ≤ 1: by the η' whose gradient is u, found by bisection."""
    u = s * gradient(loss, a, y, eta)
    if loss == "huber":
        return u * y + u**2 / 2
    low, high = np.full_like(eta, -60.0), np.full_like(eta, 60.0)
    for _ in range(200):
        middle = (low + high) / 2
        above = gradient(loss, a, y, middle) > u
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    return u * middle - value(loss, a, y, middle)


def gap(loss, X, y, alpha, l1_ratio, coef, intercept, *, weights=None, offset=0.0, fit_intercept=True, factor=None):
    """Duality gap over half the null deviance; the intercept is put to its optimum first."""
    a, n = PARAMETER[loss], len(y)
    X = X.toarray() if hasattr(X, "toarray") else np.asarray(X, float)
    w = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    f = np.ones(X.shape[1]) if factor is None else factor
    used = w > 0
    X, y, w, offset = X[used], y[used], w[used], np.broadcast_to(offset, (n,))[used]

    def level(eta):
        low, high = -50.0, 50.0
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if w @ gradient(loss, a, y, eta + middle) < 0 else (low, middle)
        return middle if fit_intercept else 0.0

    eta = X @ coef + intercept + offset
    eta = eta + level(eta)
    theta = -w * gradient(loss, a, y, eta)
    t = X.T @ theta
    l1, l2 = alpha * l1_ratio * f, alpha * (1 - l1_ratio) * f
    s = 1.0 if l1_ratio < 1 else min(1.0, (l1 / np.maximum(np.abs(t), 1e-300)).min())
    primal = w @ value(loss, a, y, eta) + l1 @ np.abs(coef) + l2 @ coef**2 / 2 + s * theta @ offset
    dual = -w @ conjugate(loss, a, y, eta, s)
    if l1_ratio < 1:
        dual -= (np.maximum(np.abs(s * t) - l1, 0) ** 2 / (2 * l2)).sum()
    null = level(offset) + offset
    return (primal - dual) / (w @ value(loss, a, y, null) - w @ saturated(loss, a, y))


def draw(loss, seed=0, n=80, p=12, scale=1.0):
    """X (n, p) and a target that the loss is made for."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * rng.uniform(0.3, 2.0, p) + rng.uniform(-1, 1, p)
    eta = (X[:, :3] - X[:, :3].mean(axis=0)) @ [0.5, -0.4, 0.3] * scale + 0.2
    if loss == "logistic":
        return X, (rng.random(n) < 1 / (1 + np.exp(-2 * eta))) * 1.0
    if loss == "gamma":
        return X, rng.gamma(2.0, np.exp(eta) / 2) + 1e-6
    if loss == "huber":
        return X, eta + rng.standard_t(2, n)
    counts = rng.poisson(np.exp(eta)) * 1.0
    return X, counts * rng.gamma(2.0, 0.5, n) if loss == "tweedie" else counts
