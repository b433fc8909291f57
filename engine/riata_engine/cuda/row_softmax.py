"""Softmax, its logarithm, logsumexp and cross-entropy of rows, with their backward passes. Twin of cpu/row_softmax.

A row is read three times, from the second on out of the cache; nothing is stored between. A thread reads
and writes the same numbers of a row, so that an output may be the input.
"""

import math
from functools import cache

import numpy as np
from numba import cuda

from riata_engine.cuda.device import on_device
from riata_engine.cuda.row_math import BAD_NUMBER, BAD_SUM, ROOM, empty, maths, read, refuse, write
from riata_engine.formulas import rows as formulas

SOFTMAX, LOG_SOFTMAX, LOGSUMEXP, LOGSUMEXP_VJP, SOFTMAX_VJP, LOG_SOFTMAX_VJP = range(6)


@cache
def kernels(real):
    """(softmax and its kin, their backward passes, cross-entropy) for np.float32 or np.float64."""
    tools = maths(real)
    row_exp, total, top_of, exp_total = tools.row_exp, tools.total, tools.top_of, tools.exp_total
    sum_of_probabilities, inverse_of = tools.sum_of_probabilities, tools.inverse_of
    softmax_vjp, log_softmax_vjp = on_device(formulas.softmax_vjp), on_device(formulas.log_softmax_vjp)
    zero, one, inf, nan = real(0), real(1), real(np.inf), real(np.nan)

    @cuda.jit
    def softmax_rows(op, x, out, values, mask, upstream, neutral, left_out, scale, K, inner, worst):
        shared = cuda.shared.array(ROOM, real)
        row, t, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        start = row // inner * K * inner + row % inner
        nothing = empty(mask, start, K, inner)
        top = -inf if nothing else top_of(x, start, K, inner, mask, neutral, shared)
        if top != top or (top == inf and op != LOGSUMEXP):
            refuse(worst, row, BAD_NUMBER, 0)
            return
        if top == inf or top == -inf:  # scipy's: logsumexp is that infinity, a softmax of nothing is NaN
            if op == LOGSUMEXP:
                if t == 0:
                    values[row] = top
            else:
                for k in range(t, K, threads):
                    write(out, start + k * inner, mask, left_out, nan)
            return
        factor = real(scale)
        whole = exp_total(x, start, K, inner, mask, neutral, top, factor, shared)
        if op == LOGSUMEXP:
            if t == 0:
                values[row] = scale * np.float64(top) + math.log(np.float64(whole))
        elif op == LOG_SOFTMAX:
            shift = real(math.log(whole))
            for k in range(t, K, threads):
                e = start + k * inner
                write(out, e, mask, left_out, factor * (read(x, e, mask, neutral) - top) - shift)
        else:
            share = one / whole if op == SOFTMAX else upstream[row] * factor / whole
            for k in range(t, K, threads):
                e = start + k * inner
                write(out, e, mask, left_out, share * row_exp(factor * (read(x, e, mask, neutral) - top)))

    @cuda.jit
    def softmax_vjp_rows(op, g, p, out, mask, left_out, scale, K, inner):
        shared = cuda.shared.array(ROOM, real)
        row, t, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        start = row // inner * K * inner + row % inner
        part = zero
        for k in range(t, K, threads):
            e = start + k * inner
            if op == SOFTMAX_VJP:
                part += g[e] * p[e]
            elif p[e] > -inf:
                part += g[e]
        whole, factor = total(part, shared), real(scale)
        for k in range(t, K, threads):
            e = start + k * inner
            if op == SOFTMAX_VJP:
                write(out, e, mask, left_out, factor * softmax_vjp(g[e], p[e], whole))
            elif p[e] > -inf:
                write(out, e, mask, left_out, factor * log_softmax_vjp(g[e], row_exp(p[e]), whole))
            else:
                out[e] = zero

    @cuda.jit(device=True)
    def target_at(k, e, given, label, v, mask, keep, spread, class_weight):
        """Weighted and smoothed target of a class with the logit v: a label is a distribution of one class."""
        value = zero
        if label < 0:
            value = keep * read(given, e, mask, zero)
        elif k == label:
            value = keep
        if v > -inf:
            value += spread
        return value * class_weight[k] if class_weight.size > 0 else value

    @cuda.jit
    def cross_entropy_rows(
        x,
        given,
        labels,
        out,
        values,
        mask,
        class_weight,
        upstream,
        taking_part,
        scale,
        normalize,
        tolerance,
        smoothing,
        K,
        inner,
        worst,
    ):
        shared = cuda.shared.array(ROOM, real)
        row, t, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        start = row // inner * K * inner + row % inner
        label = -1
        no_part = (taking_part.size > 0 and not taking_part[row]) or empty(mask, start, K, inner)
        if labels.size > 0:
            label = labels[row]
            no_part = no_part or label < 0
        if no_part:
            if t == 0:
                values[row] = zero
            if out.size > 0:
                for k in range(t, K, threads):
                    out[start + k * inner] = zero
            return
        top = top_of(x, start, K, inner, mask, -inf, shared)
        if top != top or top == inf:
            refuse(worst, row, BAD_NUMBER, 0)
            return
        keep = one - smoothing
        if labels.size == 0:
            weight, code = sum_of_probabilities(given, start, K, inner, mask, shared)
            inverse = one
            if code == 0 and normalize:
                inverse, code = inverse_of(weight)
            elif code == 0 and not abs(weight - one) <= tolerance:
                code = BAD_SUM
            if code != 0:
                refuse(worst, row, code, 1)
                return
            keep = keep * inverse
        if top == -inf:
            if t == 0:
                values[row] = nan
            if out.size > 0:
                for k in range(t, K, threads):
                    write(out, start + k * inner, mask, zero, nan)
            return
        spread = zero
        if smoothing > zero:
            part = zero
            for k in range(t, K, threads):
                if read(x, start + k * inner, mask, -inf) > -inf:
                    part += one
            spread = smoothing / total(part, shared)
        factor = real(scale)
        whole = exp_total(x, start, K, inner, mask, -inf, top, factor, shared)
        logarithm = real(math.log(whole))
        loss, weight = zero, zero
        for k in range(t, K, threads):
            e = start + k * inner
            v = read(x, e, mask, -inf)
            target = target_at(k, e, given, label, v, mask, keep, spread, class_weight)
            weight += target
            if target > zero:
                loss += target * (logarithm - factor * (v - top))
        loss, weight = total(loss, shared), total(weight, shared)
        if t == 0:
            values[row] = loss
        if out.size > 0:
            share = weight / whole
            slope = factor * upstream[row] if upstream.size > 0 else factor
            for k in range(t, K, threads):
                e = start + k * inner
                v = read(x, e, mask, -inf)
                target = target_at(k, e, given, label, v, mask, keep, spread, class_weight)
                write(out, e, mask, zero, slope * (row_exp(factor * (v - top)) * share - target))

    return softmax_rows, softmax_vjp_rows, cross_entropy_rows
