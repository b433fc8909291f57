"""Rows of row kernels, dropout and small networks: what is made of an array, judged by its error.

Tasks
-----
softmax   of the rows of x: the largest error, as a share of the row's largest probability
kl        Σ_j p_j log(p_j / q_j) of the rows of two arrays of probabilities: the largest relative error
dropout   of x at one rate: the largest relative error of what is kept; inf where the share of zeros is five deviations off
network   conv 16, pool, conv 32, pool, dense 10 by Adam on the digits: the mean cross-entropy of the training rows

The oracle is scipy in float64. Each solver allocates its answer, as a user's call does.
"""

import numpy as np
from scipy import special

TASKS = ("softmax", "kl", "dropout", "network")


def arrays(task, n, p, rate=0.5, batch_size=32, epochs=5):
    """The arrays of a row, all that a solver needs."""
    if task == "network":
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        return {"X": (X[:n] / 16).astype(np.float32), "y": y[:n], "batch_size": np.array([batch_size]),
                "epochs": np.array([epochs])}
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, p), dtype=np.float32)
    if task != "kl":
        return {"X": x, "rate": np.array([rate])}
    p, q = (special.softmax(part, axis=1) for part in (x, rng.standard_normal((n, p), dtype=np.float32)))
    return {"X": p, "q": q}


def judge(task, data, found):
    """The error of an answer."""
    if not np.isfinite(found).all():
        return np.inf
    if task == "network":
        return float(-np.log(np.maximum(found[np.arange(len(found)), data["y"]], 1e-300)).mean())
    if task == "dropout":
        x, rate = data["X"].astype(float), float(data["rate"][0])
        kept = found != 0
        off = abs(kept.mean() - (1 - rate)) / np.sqrt(rate * (1 - rate) / x.size)
        return float(np.abs(found[kept] / (x[kept] / (1 - rate)) - 1).max()) if off < 5 else np.inf
    if task == "kl":
        truth = special.rel_entr(data["X"].astype(float), data["q"].astype(float)).sum(axis=1)
        return float((np.abs(found - truth) / truth).max())
    truth = special.softmax(data["X"].astype(float), axis=1)
    return float((np.abs(found - truth) / truth.max(axis=1, keepdims=True)).max())
