# Softmax, its logarithm, logsumexp and cross-entropy of rows, with their backward passes: each reads a row from memory once.
from riata_engine.cpu.row_task cimport (
    BAD_NUMBER, BAD_SUM, BEYOND, CROSS_ENTROPY_OF_LABELS, FINE, LOG_SOFTMAX, LOGSUMEXP, LOGSUMEXP_VJP, NEGATIVE, NO_SUM, SOFTMAX,
    SOFTMAX_VJP, Task, Tile,
)

include "row_math.pxi"
include "../formulas/rows.py"


cdef cloned_void softmax_rows_of(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    """SOFTMAX, LOG_SOFTMAX, LOGSUMEXP, and the backward pass of the last: logits in."""
    cdef Py_ssize_t i, k, K = tile.K, row
    cdef const real* x
    cdef real* out
    cdef real top, bottom, scale = <real>task.scale, shift, factor
    cdef double total, logarithm
    cdef int code, op = task.op
    for i in range(tile.m):
        row = tile.first + i
        x = <const real*>tile.x[0] + i * tile.ld
        out = <real*>tile.y[0] + i * tile.ld if tile.y[0] != NULL else scratch
        if tile.empty != NULL and tile.empty[i]:
            if task.values != NULL:
                task.values[row] = -inf
            continue                             # the mask fills the row
        range_of(x, K, &top, &bottom, &code)
        if code == FINE and top == inf and op != LOGSUMEXP:
            code = BAD_NUMBER
        if code != FINE:
            tile.bad, tile.code = row, code
            return
        if top == inf or top == -inf:            # scipy's: logsumexp is that infinity, a softmax of nothing is NaN
            if task.values != NULL:
                task.values[row] = top
            else:
                fill_row(out, K, nan)
            continue
        exp_total(x, K, top, scale, out if op == SOFTMAX or op == LOGSUMEXP_VJP else NULL, &total)
        logarithm = log(total)
        if op == LOGSUMEXP:
            task.values[row] = task.scale * top + logarithm
        elif op == LOG_SOFTMAX:
            shift = <real>logarithm
            for k in range(K):
                out[k] = scale * (x[k] - top) - shift
        else:
            factor = <real>(1 / total if op == SOFTMAX else task.upstream[row] * task.scale / total)
            for k in range(K):
                out[k] *= factor


cdef cloned_void softmax_vjp_rows_of(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    """SOFTMAX_VJP from (gradient, probabilities), LOG_SOFTMAX_VJP from (gradient, their logarithms), which gradients of entries
    of no probability do not reach."""
    cdef Py_ssize_t i, k, K = tile.K, start, stop
    cdef const real* g
    cdef const real* p
    cdef real* out
    cdef real part, whole, scale = <real>task.scale
    cdef double total
    for i in range(tile.m):
        g = <const real*>tile.x[0] + i * tile.ld
        p = <const real*>tile.x[1] + i * tile.ld
        out = <real*>tile.y[0] + i * tile.ld
        total = 0
        start = 0
        while start < K:
            stop = min(start + PART, K)
            part = 0
            if task.op == SOFTMAX_VJP:
                for k in range(start, stop):
                    part += g[k] * p[k]
            else:
                for k in range(start, stop):
                    part += g[k] if p[k] > -inf else <real>0
            total += part
            start = stop
        whole = <real>total
        if task.op == SOFTMAX_VJP:
            for k in range(K):
                out[k] = scale * softmax_vjp(g[k], p[k], whole)
        else:
            for k in range(K):
                out[k] = scale * log_softmax_vjp(g[k], row_exp(p[k]), whole) if p[k] > -inf else <real>0


cdef inlined_void target_of(const Task* task, const real* x, const real* given, Py_ssize_t K, real* target, int* code) noexcept nogil:
    """Weighted and smoothed targets. Smoothing spreads over the classes whose logit is not −inf."""
    cdef Py_ssize_t k
    cdef double total, count = 0
    cdef real top, bottom, keep, spread
    range_of(given, K, &top, &bottom, code)
    if code[0] == FINE and top == inf:
        code[0] = BAD_NUMBER
    if code[0] == FINE and bottom < 0:
        code[0] = NEGATIVE
    if code[0] != FINE:
        return
    total_of(given, K, &total)
    if task.normalize:
        inverse_of(total, &keep, code)
    elif not fabs(total - 1) <= task.tolerance:
        code[0] = BAD_SUM
    if code[0] != FINE:
        return
    for k in range(K):
        count += 1 if x[k] > -inf else 0
    keep = <real>((1 - task.smoothing) / (total if task.normalize else 1))
    spread = <real>(task.smoothing / count)
    for k in range(K):
        target[k] = keep * given[k] + (spread if x[k] > -inf else <real>0)
    if task.class_weight != NULL:
        for k in range(K):
            target[k] *= <real>task.class_weight[k]


cdef inlined_void distribution_loss(const real* x, const real* target, Py_ssize_t K, real top, real scale, real logarithm, double* loss,
                                    double* weight) noexcept nogil:
    cdef Py_ssize_t k, start = 0, stop
    cdef real part, share
    loss[0] = weight[0] = 0
    while start < K:
        stop = min(start + PART, K)
        part = share = 0
        for k in range(start, stop):
            part += target[k] * (logarithm - scale * (x[k] - top)) if target[k] > 0 else <real>0
            share += target[k]
        loss[0] += part
        weight[0] += share
        start = stop


cdef cloned_void cross_entropy_rows_of(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    """−Σ w_k t_k log softmax(x)_k of labels or of distributions, and its gradient (p Σ w t − w t) / temperature."""
    cdef Py_ssize_t i, k, K = tile.K, row, label
    cdef const real* x
    cdef real* out
    cdef real top, bottom, scale = <real>task.scale, share, factor, spread
    cdef double total, logarithm, loss, weight, w, others, sums, count
    cdef int code
    cdef bint of_labels = task.op == CROSS_ENTROPY_OF_LABELS
    for i in range(tile.m):
        row = tile.first + i
        x = <const real*>tile.x[0] + i * tile.ld
        out = <real*>tile.y[0] + i * tile.ld if tile.y[0] != NULL else NULL
        label = task.label[row] if of_labels else 0
        if label < 0 or (tile.empty != NULL and tile.empty[i]):
            task.values[row] = 0
            if out != NULL:
                fill_row(out, K, 0)
            continue
        range_of(x, K, &top, &bottom, &code)
        if code == FINE and top == inf:
            code = BAD_NUMBER
        tile.argument = 0
        if code == FINE and not of_labels:
            tile.argument = 1
            target_of(task, x, <const real*>tile.x[1] + i * tile.ld, K, scratch, &code)
        if code != FINE:
            tile.bad, tile.code = row, code
            return
        if top == -inf:
            task.values[row] = nan
            if out != NULL:
                fill_row(out, K, nan)
            continue
        exp_total(x, K, top, scale, out, &total)
        logarithm = log(total)
        factor = <real>((task.upstream[row] if task.upstream != NULL else 1) * task.scale)
        if not of_labels:
            distribution_loss(x, scratch, K, top, scale, <real>logarithm, &loss, &weight)
            if out != NULL:
                share = <real>(weight / total)
                for k in range(K):
                    out[k] = factor * (out[k] * share - scratch[k])
            task.values[row] = loss
            continue
        w = task.class_weight[label] if task.class_weight != NULL else 1
        weight = (1 - task.smoothing) * w
        loss = weight * (logarithm - task.scale * (x[label] - top)) if weight > 0 else 0
        spread = 0
        others = 0
        if task.smoothing > 0:
            sums = count = 0
            for k in range(K):
                w = task.class_weight[k] if task.class_weight != NULL else 1
                count += 1 if x[k] > -inf else 0
                others += w if x[k] > -inf else 0
                sums += w * (x[k] - top) if x[k] > -inf else 0
            spread = <real>(task.smoothing / count)
            loss += task.smoothing / count * (others * logarithm - task.scale * sums)
            others *= task.smoothing / count
        if out != NULL:
            share = <real>((weight + others) / total)
            if task.smoothing > 0:
                for k in range(K):
                    w = task.class_weight[k] if task.class_weight != NULL else 1
                    out[k] = factor * (out[k] * share - (spread * <real>w if x[k] > -inf else <real>0))
            else:
                for k in range(K):
                    out[k] = factor * (out[k] * share)
            out[label] -= factor * <real>weight
        task.values[row] = loss


cdef void softmax_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    softmax_rows_of(task, tile, scratch)


cdef void softmax_vjp_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    softmax_vjp_rows_of(task, tile, scratch)


cdef void cross_entropy_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    cross_entropy_rows_of(task, tile, scratch)


cdef cloned_void exp_and_log_of(const real* x, Py_ssize_t n, real* exponential, real* decayed, real* logarithm) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(n):
        exponential[k] = row_exp(x[k])
    for k in range(n):
        decayed[k] = decay(x[k])
    for k in range(n):
        logarithm[k] = row_log(x[k])


def exp_and_log(real[::1] x, real[::1] exponential, real[::1] decayed, real[::1] logarithm):
    """The functions that the kernels use, in vectors as there: what their errors are measured on."""
    exp_and_log_of(&x[0], x.shape[0], &exponential[0], &decayed[0], &logarithm[0])
