"""Functions of rows with their backward passes, compiled: softmax and its kin, losses, divergences, dropout.

A function and its ``_backward`` belong together: ``f_backward(g, ...)`` takes the gradient of some loss along what f returned to
the gradient along what f was given. Any axis, float32 and float64, masks by ``where=``, answers into ``out=``.
"""

from riata.functional._cross_entropy import cross_entropy, cross_entropy_backward
from riata.functional._divergences import (
    entropy,
    entropy_backward,
    jensen_shannon,
    jensen_shannon_backward,
    kl_divergence,
    kl_divergence_backward,
)
from riata.functional._dropout import dropout, dropout_backward, dropout_mask, realised_rate
from riata.functional._softmax import (
    log_softmax,
    log_softmax_backward,
    logsumexp,
    logsumexp_backward,
    softmax,
    softmax_backward,
)

__all__ = [
    "cross_entropy",
    "cross_entropy_backward",
    "dropout",
    "dropout_backward",
    "dropout_mask",
    "entropy",
    "entropy_backward",
    "jensen_shannon",
    "jensen_shannon_backward",
    "kl_divergence",
    "kl_divergence_backward",
    "log_softmax",
    "log_softmax_backward",
    "logsumexp",
    "logsumexp_backward",
    "realised_rate",
    "softmax",
    "softmax_backward",
]
