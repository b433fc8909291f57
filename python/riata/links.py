"""Between linear predictors and what a model says of a row: the mean of y by a link, probabilities, or a class."""

import numpy as np


def _same(values):
    return values


def _exp(eta):
    with np.errstate(over="ignore"):
        return np.exp(eta)


def _logit(mean):
    return np.log(mean) - np.log1p(-mean)


def _expit(eta):
    from scipy.special import expit

    return expit(eta)


def _softmax(eta):
    from scipy.special import softmax

    return softmax(eta, axis=-1)


#: links by their names: from means to linear predictors, and back. "softmax": of several classes, over the last axis, where a
#: constant may be added to the predictors of a row
LINKS = {"identity": (_same, _same), "log": (np.log, _exp), "logit": (_logit, _expit), "softmax": (np.log, _softmax)}


def linear_predictor_of(link, mean):
    """Linear predictors at means of y; infinite at the ends of a link's range."""
    with np.errstate(divide="ignore"):
        return LINKS[link][0](mean)


def inverse_link(link, eta):
    """The mean of y, or probabilities of classes, at linear predictors."""
    return LINKS[link][1](eta)


def log_shares_of_two(eta):
    """Logarithms (n, 2) of the probabilities of two classes, at linear predictors (n,) of the second; none is rounded to zero."""
    from scipy.special import log_expit

    return np.column_stack([log_expit(-eta), log_expit(eta)])


def log_shared_out(eta):
    """Logarithms (n, K) of the probabilities of K classes, at linear predictors (n, K) of each against the rest: `shared_out`."""
    from scipy.special import log_expit, log_softmax

    return log_softmax(log_expit(eta), axis=1)


def shared_out(shares):
    """Probabilities (n, K) from those of the second of two classes (n,), or from each class's against the rest (n, K).

    The latter are brought to a sum of one, all alike where every one of a row is 0.
    """
    if shares.ndim == 1:
        return np.column_stack([1 - shares, shares])
    total = shares.sum(axis=1, keepdims=True)
    return np.where(total > 0, shares / np.where(total > 0, total, 1.0), 1 / shares.shape[1])


def classes_at(eta, classes):
    """Labels (n,) by linear predictors (n,) of the second of two classes, or (n, K): the largest."""
    return classes[(eta > 0).astype(np.intp) if eta.ndim == 1 else eta.argmax(axis=1)]
