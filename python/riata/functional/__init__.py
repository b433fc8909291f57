"""Functions of rows with their backward passes, compiled: softmax and its kin, losses, divergences, dropout."""

from riata.functional._softmax import (
    log_softmax,
    log_softmax_backward,
    logsumexp,
    logsumexp_backward,
    softmax,
    softmax_backward,
)
