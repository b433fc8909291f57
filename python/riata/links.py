"""From linear predictors to what a model says of a row: the mean of y by an inverse link, or a class."""

import numpy as np

#: names of links. "softmax": of several classes, over the last axis
LINKS = ("identity", "log", "logit", "softmax")


def inverse_link(link, eta):
    """The mean of y, or probabilities of classes, at linear predictors."""
    if link == "log":
        with np.errstate(over="ignore"):
            return np.exp(eta)
    if link == "logit":
        from scipy.special import expit

        return expit(eta)
    if link == "softmax":
        from scipy.special import softmax

        return softmax(eta, axis=-1)
    return eta


def classes_at(eta, classes):
    """Labels (n,) by linear predictors (n,) of the second of two classes, or (n, K): the largest."""
    return classes[(eta > 0).astype(np.intp) if eta.ndim == 1 else eta.argmax(axis=1)]
