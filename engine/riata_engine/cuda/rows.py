"""Rows of arrays, whatever the axis: one block of threads takes one row. Twin of cpu/rows.

Rows along the last axis are read by neighbouring threads side by side; along another one they lie apart, which costs.
"""

import numpy as np
from numba import cuda

from riata_engine.cuda import row_divergence, row_softmax
from riata_engine.cuda.arrays import sent
from riata_engine.cuda.row_math import FINE, threads_for

SOFTMAX = {
    "softmax": row_softmax.SOFTMAX,
    "log_softmax": row_softmax.LOG_SOFTMAX,
    "logsumexp": row_softmax.LOGSUMEXP,
    "logsumexp_backward": row_softmax.LOGSUMEXP_VJP,
}
SOFTMAX_VJP = {"softmax_backward": row_softmax.SOFTMAX_VJP, "log_softmax_backward": row_softmax.LOG_SOFTMAX_VJP}
CROSS_ENTROPY = ("cross_entropy_of_labels", "cross_entropy")
DIVERGENCE = {"entropy": row_divergence.ENTROPY, "kl": row_divergence.KL, "jensen_shannon": row_divergence.JENSEN_SHANNON}
OPS = (*SOFTMAX, *SOFTMAX_VJP, *CROSS_ENTROPY, *DIVERGENCE)
FORMS = ("probabilities", "logits", "log_probabilities")
REASONS = ("", "number", "negative", "sum", "nothing", "beyond")


def run(
    op,
    shape,
    inputs,
    outputs,
    *,
    single,
    values,
    mask,
    neutral,
    left_out,
    copy,
    streamed,
    temperature,
    forms,
    normalize,
    tolerance,
    smoothing,
    labels,
    class_weight,
    upstream,
    taking_part,
    n_threads,
):
    """
    An operation on all rows; returns None, or (row, reason, which input) of the first row that is refused.

    The arguments are those of cpu/rows. Inputs, outputs and `values` lie on the device; the others, one number for each
    row or class, may come from the host. `copy`, `streamed` and `n_threads` have no meaning here. Eight bytes come back: is a
    row refused?
    """
    real = np.float32 if single else np.float64
    outer, K, inner = shape
    grid = outer * inner, threads_for(K)
    K, inner = np.int64(K), np.int64(inner)
    worst = cuda.to_device(np.array([FINE]))
    first, second = (sent(array, real) for array in inputs)
    out, other = (sent(array, real) for array in outputs)
    values, mask = sent(values, np.float64), sent(mask, np.uint8)
    upstream, scale = sent(upstream, real), 1 / temperature
    taking_part = sent(taking_part, np.uint8)
    checks = bool(normalize), real(tolerance)
    if op in SOFTMAX:
        row_softmax.kernels(real)[0][grid](
            SOFTMAX[op], first, out, values, mask, upstream, real(neutral[0]), real(left_out[0]), scale, K, inner, worst
        )
    elif op in SOFTMAX_VJP:
        row_softmax.kernels(real)[1][grid](SOFTMAX_VJP[op], first, second, out, mask, real(left_out[0]), scale, K, inner)
    elif op in CROSS_ENTROPY:
        row_softmax.kernels(real)[2][grid](
            first,
            second,
            sent(labels, np.int64),
            out,
            values,
            mask,
            sent(None if class_weight is None else class_weight[:K], real),
            upstream,
            taking_part,
            scale,
            *checks,
            real(smoothing),
            K,
            inner,
            worst,
        )
    else:
        row_divergence.kernels(real)[grid](
            DIVERGENCE[op],
            first,
            second,
            *forms,
            out,
            other,
            values,
            mask,
            upstream,
            taking_part,
            scale,
            *checks,
            K,
            inner,
            worst,
        )
    said = int(worst.copy_to_host()[0])
    return None if said == FINE else (said // 16, REASONS[said % 16 // 2], said % 2)
