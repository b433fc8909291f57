"""Entropy, Kullback-Leibler and Jensen-Shannon divergence of rows, from any form, with gradients.
Twin of cpu/row_divergence.

A distribution is four numbers of its row, from which each entry's probability and logarithm are made wherever they are needed.
"""

import math
from functools import cache

import numpy as np
from numba import cuda

from riata_engine.cuda.device import on_device
from riata_engine.cuda.row_math import BAD_NUMBER, BAD_SUM, NO_SUM, ROOM, empty, maths, read, refuse, write
from riata_engine.formulas import rows as formulas

ENTROPY, KL, JENSEN_SHANNON = range(3)
PROBABILITIES, LOGITS, LOG_PROBABILITIES = range(3)


@cache
def kernels(real):
    """The kernel for np.float32 or np.float64."""
    tools = maths(real)
    row_exp, row_log, total, top_of, exp_total = tools.row_exp, tools.row_log, tools.total, tools.top_of, tools.exp_total
    sum_of_probabilities, inverse_of = tools.sum_of_probabilities, tools.inverse_of
    least = np.finfo(real).tiny
    relative_entropy = on_device(formulas.relative_entropy)
    to_the_middle = on_device(formulas.to_the_middle, row_log=row_log)
    zero, one, two, inf, nan = real(0), real(1), real(2), real(np.inf), real(np.nan)

    @cuda.jit(device=True)
    def distribution(x, start, K, inner, form, mask, temperature, normalize, tolerance, shared):
        """(code, factor, top, shift, share): logarithms are factor·(x − top) − shift, probabilities `share` times exp of
        the first term; of probabilities only factor counts."""
        factor, top, shift, share, code = one, zero, zero, one, 0
        if form == PROBABILITIES:
            whole, code = sum_of_probabilities(x, start, K, inner, mask, shared)
            if code == 0 and normalize:
                factor, code = inverse_of(whole)
        else:
            greatest = top_of(x, start, K, inner, mask, -inf, shared)
            if greatest != greatest or greatest == inf:
                return BAD_NUMBER, factor, top, shift, share
            if form == LOGITS:
                factor = temperature
            if form == LOGITS or normalize:
                if greatest == -inf:
                    return (0 if form == LOGITS else NO_SUM), nan, zero, nan, nan
                top = greatest
            whole = exp_total(x, start, K, inner, mask, -inf, top, factor, shared)
            if form == LOGITS or normalize:
                shift, share = real(math.log(whole)), one / whole
                return 0, factor, top, shift, share
        if code == 0 and not normalize and not abs(whole - one) <= tolerance:
            code = BAD_SUM
        return code, factor, top, shift, share

    @cuda.jit(device=True)
    def entry(x, e, form, mask, factor, top, shift, share):
        """(p, log p)."""
        if form == PROBABILITIES:
            given = read(x, e, mask, zero)
            p = given * factor
            if p < least and given > zero:  # digits are lost, not those of the logarithm
                return p, row_log(given) + row_log(factor)
            return p, row_log(p)
        l = factor * (read(x, e, mask, -inf) - top)
        return share * row_exp(l), l - shift

    @cuda.jit(device=True)
    def term(op, p, lp, q, lq):
        if op == KL:
            return real(relative_entropy(p, lp, lq))
        if op == ENTROPY:
            return -p * lp if p > zero else zero
        value = zero
        if p > zero:
            value += p * real(to_the_middle(p, q))
        if q > zero:
            value += q * real(to_the_middle(q, p))
        return value / two

    @cuda.jit(device=True)
    def slope(op, of, direct, p, lp, q, lq):
        """Along an entry of p (of = 0) or q (1); not `direct`: along its logarithm, which is p times as much."""
        if op == ENTROPY:
            if direct:
                return -(lp + one)
            return -p * (lp + one) if p > zero else zero
        if op == JENSEN_SHANNON:
            own, other = (p, q) if of == 0 else (q, p)
            value = real(to_the_middle(own, other)) / two
            if direct:
                return value
            return own * value if own > zero else zero
        if of == 0:
            if not direct:
                return real(relative_entropy(p, lp, lq)) + p
            if p > zero:
                return lp - lq + one
            return -inf if q > zero else zero
        if not direct:
            return -p
        if q > zero:
            return -p / q
        return -inf if p > zero else zero

    @cuda.jit(device=True)
    def weighed(op, of, form, p, lp, q, lq):
        """An entry's part of what the normalisation of its row takes off all slopes."""
        value = slope(op, of, form == PROBABILITIES, p, lp, q, lq)
        if form != PROBABILITIES:
            return value
        own = p if of == 0 else q
        return own * value if own > zero else zero

    @cuda.jit(device=True)
    def gradient(op, of, form, p, lp, q, lq, mean, factor):
        value = slope(op, of, form == PROBABILITIES, p, lp, q, lq)
        if form == PROBABILITIES:
            return factor * (value - mean)
        return factor * (value - mean * (p if of == 0 else q))

    @cuda.jit
    def divergence_rows(
        op,
        x0,
        x1,
        form0,
        form1,
        out0,
        out1,
        values,
        mask,
        upstream,
        taking_part,
        scale,
        normalize,
        tolerance,
        K,
        inner,
        worst,
    ):
        shared = cuda.shared.array(ROOM, real)
        row, t, threads = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        start = row // inner * K * inner + row % inner
        if (taking_part.size > 0 and not taking_part[row]) or empty(mask, start, K, inner):
            if t == 0:
                values[row] = zero
            for k in range(t, K, threads):
                e = start + k * inner
                if out0.size > 0:
                    out0[e] = zero
                if out1.size > 0:
                    out1[e] = zero
            return
        code, a0, b0, c0, d0 = distribution(x0, start, K, inner, form0, mask, real(scale), normalize, tolerance, shared)
        if code != 0:
            refuse(worst, row, code, 0)
            return
        a1, b1, c1, d1 = a0, b0, c0, d0
        if op != ENTROPY:
            code, a1, b1, c1, d1 = distribution(x1, start, K, inner, form1, mask, real(scale), normalize, tolerance, shared)
            if code != 0:
                refuse(worst, row, code, 1)
                return
        value, of_p, of_q = zero, zero, zero
        for k in range(t, K, threads):
            e = start + k * inner
            p, lp = entry(x0, e, form0, mask, a0, b0, c0, d0)
            q, lq = entry(x1, e, form1, mask, a1, b1, c1, d1) if op != ENTROPY else (p, lp)
            value += term(op, p, lp, q, lq)
            if out0.size > 0:
                of_p += weighed(op, 0, form0, p, lp, q, lq)
            if out1.size > 0:
                of_q += weighed(op, 1, form1, p, lp, q, lq)
        value = total(value, shared)
        if t == 0:
            values[row] = value
        if out0.size == 0 and out1.size == 0:
            return
        of_p = total(of_p, shared) if form0 == LOGITS or normalize else zero
        of_q = total(of_q, shared) if form1 == LOGITS or normalize else zero
        given = upstream[row] if upstream.size > 0 else one
        factor0 = given * (real(scale) if form0 == LOGITS else a0 if form0 == PROBABILITIES else one)
        factor1 = given * (real(scale) if form1 == LOGITS else a1 if form1 == PROBABILITIES else one)
        for k in range(t, K, threads):
            e = start + k * inner
            p, lp = entry(x0, e, form0, mask, a0, b0, c0, d0)
            q, lq = entry(x1, e, form1, mask, a1, b1, c1, d1) if op != ENTROPY else (p, lp)
            if out0.size > 0:
                write(out0, e, mask, zero, gradient(op, 0, form0, p, lp, q, lq, of_p, factor0))
            if out1.size > 0:
                write(out1, e, mask, zero, gradient(op, 1, form1, p, lp, q, lq, of_q, factor1))

    return divergence_rows
