"""Data for gradient descent, and its steps as the textbook has them."""

import numpy as np

LOSSES = ("squared", "logistic", "poisson", "gamma", "tweedie", "negative_binomial", "huber")


def draw(loss="squared", n=400, p=7, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    eta = X @ rng.normal(size=p) / 2 + 0.3
    if loss == "logistic":
        return X, (rng.uniform(size=n) < 1 / (1 + np.exp(-eta))).astype(float)
    if loss in ("poisson", "negative_binomial", "tweedie"):
        return X, rng.poisson(np.exp(eta)).astype(float)
    if loss == "gamma":
        return X, np.exp(eta) * rng.gamma(3.0, size=n) / 3
    return X, eta + rng.normal(size=n)


def referee_steps(name, gradients, b, lr, l1=0.0, l2=0.0, beta1=0.9, beta2=0.99, eps=1e-8, decay=0.01):
    """The textbook, in float64 and vectors."""
    v, s = np.zeros_like(b), np.zeros_like(b)
    for t, g in enumerate(gradients, 1):
        reach = lr
        if name in ("momentum", "nesterov"):
            v = beta1 * v + g
            b = b - lr * (v if name == "momentum" else g + beta1 * v)
            reach = lr / (1 - beta1)
        elif name == "sgd":
            b = b - lr * g
        else:
            if name == "adagrad":
                s = s + g * g
                mean, square = g, s
            elif name == "rmsprop":
                s = beta2 * s + (1 - beta2) * g * g
                mean, square = g, s
            else:
                if name == "adamw":
                    b = b * (1 - lr * decay)
                v, s = beta1 * v + (1 - beta1) * g, beta2 * s + (1 - beta2) * g * g
                mean, square = v / (1 - beta1**t), s / (1 - beta2**t)
            reach = lr / (np.sqrt(square) + eps)
            b = b - reach * mean
        b = np.sign(b) * np.maximum(np.abs(b) - reach * l1, 0) / (1 + reach * l2)
    return b
