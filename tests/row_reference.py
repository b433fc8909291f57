"""Slow, obvious functions of rows for the tests: float64, the last axis, numpy and scipy only."""

import numpy as np
from scipy import special


def distribution(x, form="probabilities", temperature=1.0):
    """Probabilities of rows in any form, normalised."""
    if form == "logits":
        return special.softmax(x / temperature, axis=-1)
    p = np.exp(x) if form == "log_probabilities" else x
    return p / p.sum(axis=-1, keepdims=True)


def kl(p, q):
    return special.rel_entr(p, q).sum(axis=-1)


def jensen_shannon(p, q):
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


def entropy(p):
    return special.entr(p).sum(axis=-1)


def cross_entropy(x, t, class_weight=None, smoothing=0.0, temperature=1.0):
    """Of distributions t; labels are given as rows of an identity matrix."""
    t = (1 - smoothing) * t + smoothing / t.shape[-1]
    c = np.ones(t.shape[-1]) if class_weight is None else class_weight
    return -(c * t * special.log_softmax(x / temperature, axis=-1)).sum(axis=-1)


def numeric_gradient(f, x, h=1e-6):
    """Central differences of a function of all of x that gives a number."""
    out = np.empty_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        out[i] = (f(x + step) - f(x - step)) / (2 * h)
    return out
