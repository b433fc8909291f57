"""Slow and obvious: the Cox partial likelihood by a loop over deaths, its duality gap and Harrell's C."""

import numpy as np


def terms(time, event, weights, strata, ties):
    """[(m, a)]: weight and (n,) multipliers of exp(η) of every term log A of the partial likelihood."""
    out = []
    for s in np.unique(strata):
        for t in np.unique(time[event & (strata == s) & (weights > 0)]):
            risk = (strata == s) & (time >= t)
            dead = (strata == s) & (time == t) & event & (weights > 0)
            d = int(dead.sum())
            for l in range(d if ties == "efron" else 1):
                share = l / d if ties == "efron" else 0.0
                mass = weights[dead].sum() / (d if ties == "efron" else 1)
                out.append((mass, weights * (risk - share * dead), np.where(dead, weights, 0.0) / weights[dead].sum()))
    return out


def loss(eta, time, event, weights, strata, ties):
    """−log partial likelihood / Σ w and its gradient in η."""
    value, gradient = -(weights * event) @ eta, -(weights * event)
    for m, a, _ in terms(time, event, weights, strata, ties):
        with np.errstate(divide="ignore"):
            logs = np.where(a > 0, np.log(a) + eta, -np.inf)
        top = logs.max()
        e = np.exp(logs - top)
        value = value + m * (top + np.log(e.sum()))
        gradient = gradient + m * e / e.sum()
    return value / weights.sum(), gradient / weights.sum()


def saturated(time, event, weights, strata, ties):
    """log partial likelihood / Σ w where every death was certain: the supremum over η."""
    total = 0.0
    for m, a, e in terms(time, event, weights, strata, ties):
        total -= m * np.log(a[e > 0].sum())
    return total / weights.sum()


def gap(b, X, time, event, weights, strata, ties, alpha, l1_ratio, offset=0.0):
    """(primal − dual) / null: the dual point from every risk set's softmax p, q = s p + (1 − s) e, conjugates written out."""
    eta = X @ b + offset
    value, gradient = loss(eta, time, event, weights, strata, ties)
    l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
    primal = value + l1 * np.abs(b).sum() + l2 / 2 * b @ b
    t = -X.T @ gradient
    best = -np.inf
    sizes = np.abs(t).max(initial=0.0), np.abs(t - l2 * b).max(initial=0.0)
    for s in {min(1.0, l1 / size) if size > 0 else 1.0 for size in sizes} | ({1.0} if l2 > 0 else set()):
        conjugate = 0.0
        for m, a, e in terms(time, event, weights, strata, ties):
            with np.errstate(divide="ignore"):
                logs = np.where(a > 0, np.log(a) + eta, -np.inf)
            p = np.exp(logs - logs.max())
            q = s * p / p.sum() + (1 - s) * e
            inside = q > 0
            conjugate += m * np.sum(q[inside] * np.log(q[inside] / a[inside]))
        excess = np.maximum(np.abs(s * t) - l1, 0.0)
        penalty = np.sum(excess**2) / (2 * l2) if l2 > 0 else 0.0
        best = max(best, -conjugate / weights.sum() + s * np.sum(gradient * offset) - penalty)
    null = loss(np.zeros(len(eta)) + offset, time, event, weights, strata, ties)[0]
    null += saturated(time, event, weights, strata, ties)
    return (primal - best) / null


def concordance(time, event, score, weights=None):
    """Harrell's C by all pairs."""
    w = np.ones(len(time)) if weights is None else weights
    agree = pairs = 0.0
    for i in np.flatnonzero(event):
        for j in range(len(time)):
            if time[j] > time[i] or (time[j] == time[i] and not event[j]):
                pairs += w[i] * w[j]
                agree += w[i] * w[j] * (1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0)
    return agree / pairs
