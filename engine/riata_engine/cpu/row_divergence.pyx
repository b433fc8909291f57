# Entropy, Kullback-Leibler and Jensen-Shannon divergence of rows, from probabilities, logits or log-probabilities, with gradients.
from libc.math cimport exp

from riata_engine.cpu.row_task cimport (
    BAD_NUMBER, BAD_SUM, ENTROPY, FINE, JENSEN_SHANNON, KL, LOGITS, NEGATIVE, NO_SUM, PROBABILITIES, Task, Tile,
)

include "row_math.pxi"
include "../formulas/rows.py"

cdef enum:
    FEW = 128                   # numbers of either row that are summed, and fetched, at a time


cdef inlined_void distribution(const Task* task, int form, const real* x, Py_ssize_t K, real* p, real* l, double* scale,
                               int* code) noexcept nogil:
    """A row as probabilities and their logarithms. `scale` is what probabilities were multiplied by."""
    cdef Py_ssize_t k
    cdef real top, bottom, shift, factor
    cdef double total = 0
    scale[0] = 1
    range_of(x, K, &top, &bottom, code)
    if code[0] == FINE and top == inf:
        code[0] = BAD_NUMBER
    if code[0] != FINE:
        return
    if form == PROBABILITIES:
        if bottom < 0:
            code[0] = NEGATIVE
            return
        total_of(x, K, &total)
        if task.normalize and not total > 0:
            code[0] = NO_SUM
            return
        scale[0] = 1 / total if task.normalize else 1
        if task.normalize and total * scale[0] != total * scale[0]:      # the sum is beyond float64
            code[0] = BAD_SUM
            return
        factor = <real>scale[0]
        for k in range(K):
            p[k] = x[k] * factor
        for k in range(K):
            l[k] = row_log(p[k])
    elif form == LOGITS or task.normalize:
        if top == -inf:
            if form != LOGITS:
                code[0] = NO_SUM
                return
            fill_row(p, K, nan)
            fill_row(l, K, nan)
            return
        factor = <real>task.scale if form == LOGITS else <real>1
        exp_total(x, K, top, factor, p, &total)
        shift = <real>log(total)
        for k in range(K):
            l[k] = factor * (x[k] - top) - shift
        factor = <real>(1 / total)
        for k in range(K):
            p[k] *= factor
        return
    else:
        for k in range(K):
            p[k] = row_exp(x[k])
            l[k] = x[k]
        total_of(p, K, &total)
    if not task.normalize and not fabs(total - 1) <= task.tolerance:
        code[0] = BAD_SUM


cdef inlined_void value_of(int op, const real* p, const real* lp, const real* q, const real* lq, Py_ssize_t K,
                           double* value) noexcept nogil:
    cdef Py_ssize_t k, start = 0, stop
    cdef real part
    value[0] = 0
    while start < K:
        stop = min(start + PART, K)
        part = 0
        if op == ENTROPY:
            for k in range(start, stop):
                part -= p[k] * lp[k] if p[k] > 0 else <real>0
        elif op == KL:
            for k in range(start, stop):
                part += relative_entropy(p[k], lp[k], lq[k])
        else:
            for k in range(start, stop):
                part += (p[k] * to_the_middle(p[k], q[k]) if p[k] > 0 else <real>0) + (
                    q[k] * to_the_middle(q[k], p[k]) if q[k] > 0 else <real>0)
        value[0] += part
        start = stop
    if op == JENSEN_SHANNON:
        value[0] /= 2


cdef inlined_void slopes_of(int op, int of, bint direct, const real* p, const real* lp, const real* q, const real* lq, Py_ssize_t K,
                            real* out) noexcept nogil:
    """Derivatives along the entries of p (of = 0) or q (1); not `direct`: along their logarithms, which is p times as much."""
    cdef Py_ssize_t k
    if op == ENTROPY:
        for k in range(K):
            out[k] = -(lp[k] + 1) if direct else (-p[k] * (lp[k] + 1) if p[k] > 0 else <real>0)
    elif op == JENSEN_SHANNON:
        if of == 1:
            p, q = q, p
        for k in range(K):
            out[k] = to_the_middle(p[k], q[k]) / 2
        if not direct:
            for k in range(K):
                out[k] = p[k] * out[k] if p[k] > 0 else <real>0
    elif of == 0:
        if direct:
            for k in range(K):
                out[k] = lp[k] - lq[k] + 1 if p[k] > 0 else (<real>-inf if q[k] > 0 else <real>0)
        else:
            for k in range(K):
                out[k] = relative_entropy(p[k], lp[k], lq[k]) + p[k]
    elif direct:
        for k in range(K):
            out[k] = -p[k] / q[k] if q[k] > 0 else (<real>-inf if p[k] > 0 else <real>0)
    else:
        for k in range(K):
            out[k] = -p[k]


cdef inlined_void gradient_of(const Task* task, int of, double upstream, double scale, const real* p, const real* lp, const real* q,
                              const real* lq, Py_ssize_t K, real* out) noexcept nogil:
    """The slopes, taken through the normalisation of the row: softmax, or division by its sum."""
    cdef Py_ssize_t k
    cdef int form = task.form[of]
    cdef const real* own = p if of == 0 else q
    cdef double total = 0
    cdef real part, mean, factor
    if form == PROBABILITIES:
        slopes_of(task.op, of, True, p, lp, q, lq, K, out)
        mean = 0
        if task.normalize:
            for k in range(K):
                total += own[k] * out[k] if own[k] > 0 else <real>0
            mean = <real>total
        factor = <real>(upstream * scale)
        for k in range(K):
            out[k] = factor * (out[k] - mean)
        return
    slopes_of(task.op, of, False, p, lp, q, lq, K, out)
    part = 0
    if form == LOGITS or task.normalize:
        total_of(out, K, &total)
        part = <real>total
    factor = <real>(upstream * (task.scale if form == LOGITS else 1))
    for k in range(K):
        out[k] = factor * (out[k] - part * own[k])


cdef cloned_void divergence_rows_of(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    cdef Py_ssize_t i, K = tile.K, row
    cdef real* p = scratch
    cdef real* lp = scratch + K
    cdef real* q = scratch + 2 * K
    cdef real* lq = scratch + 3 * K
    cdef real* out
    cdef double scales[2]
    cdef double upstream, value
    cdef int code, of
    for i in range(tile.m):
        row = tile.first + i
        if tile.empty != NULL and tile.empty[i]:
            task.values[row] = 0
            continue                             # the mask fills the gradients
        distribution(task, task.form[0], <const real*>tile.x[0] + i * tile.ld, K, p, lp, &scales[0], &code)
        tile.argument = 0
        if code == FINE and task.op != ENTROPY:
            tile.argument = 1
            distribution(task, task.form[1], <const real*>tile.x[1] + i * tile.ld, K, q, lq, &scales[1], &code)
        if code != FINE:
            tile.bad, tile.code = row, code
            return
        if task.op == KL:
            value_of(KL, p, lp, q, lq, K, &value)
        elif task.op == ENTROPY:
            value_of(ENTROPY, p, lp, q, lq, K, &value)
        else:
            value_of(JENSEN_SHANNON, p, lp, q, lq, K, &value)
        task.values[row] = value
        upstream = task.upstream[row] if task.upstream != NULL else 1
        for of in range(2):
            if tile.y[of] == NULL:
                continue
            out = <real*>tile.y[of] + i * tile.ld
            gradient_of(task, of, upstream, scales[of], p, lp, q, lq, K, out)


cdef inlined_void pair_part(int op, const real* p, const real* q, Py_ssize_t K, double* value, double* of_p, double* of_q,
                            int* odd) noexcept nogil:
    """The sum of the terms, Σ p, Σ q; `odd` where an entry is negative, or for KL q is zero or subnormal and p is not zero."""
    cdef Py_ssize_t k
    cdef real part = 0, sum_p = 0, sum_q = 0, over
    cdef int32_t strange = 0
    cdef int64_t strange_wide = 0
    for k in range(K):
        if op == KL:
            part += p[k] * normal_log(p[k] / q[k])
        else:
            over = 2 / (p[k] + q[k])
            part += p[k] * normal_log(p[k] * over) + q[k] * normal_log(q[k] * over)    # of 0 · inf too the log is a number
        sum_p += p[k]
        sum_q += q[k]
        if real is float:
            strange |= riata_odd_pairf(p[k], q[k] if op == KL else <real>1)
        else:
            strange_wide |= riata_odd_pair(p[k], q[k] if op == KL else <real>1)
    if op == JENSEN_SHANNON:
        for k in range(K):
            if real is float:
                strange |= riata_odd_pairf(q[k], <real>1)
            else:
                strange_wide |= riata_odd_pair(q[k], <real>1)
    value[0] += part
    of_p[0] += sum_p
    of_q[0] += sum_q
    odd[0] |= strange != 0 or strange_wide != 0


cdef inlined_void fetch_pair(const real* p, const real* q, Py_ssize_t ahead, Py_ssize_t size) noexcept nogil:
    """Numbers of the next row come into the cache, a few lines at a time beside the arithmetic on as many."""
    if ahead >= FETCHED:
        riata_fetch(p + ahead, size * sizeof(real))
        riata_fetch(q + ahead, size * sizeof(real))


cdef inlined_void the_general_way(const Task* task, Tile* tile, Py_ssize_t i, real* scratch) noexcept nogil:
    """One row of a tile by `divergence_rows_of`."""
    cdef Tile one = tile[0]
    one.x[0], one.x[1] = <void*>(<real*>tile.x[0] + i * tile.ld), <void*>(<real*>tile.x[1] + i * tile.ld)
    one.first, one.m = tile.first + i, 1
    one.empty = tile.empty + i if tile.empty != NULL else NULL
    divergence_rows_of(task, &one, scratch)
    if one.code != FINE:
        tile.bad, tile.code, tile.argument = one.bad, one.code, one.argument


cdef cloned_void pair_rows_of(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    """KL and Jensen-Shannon of probabilities without gradients, as many logarithms as terms; what is out of the ordinary goes the
    general way, row by row."""
    cdef Py_ssize_t i, start, size, K = tile.K
    cdef const real* p
    cdef const real* q
    cdef double value, sum_p, sum_q
    cdef int odd
    for i in range(tile.m):
        p = <const real*>tile.x[0] + i * tile.ld
        q = <const real*>tile.x[1] + i * tile.ld
        value = sum_p = sum_q = 0
        odd = 0
        start = 0
        while start < K:
            size = min(<Py_ssize_t>FEW, K - start)
            fetch_pair(p + start, q + start, K, size)
            if task.op == KL:
                pair_part(KL, p + start, q + start, size, &value, &sum_p, &sum_q, &odd)
            else:
                pair_part(JENSEN_SHANNON, p + start, q + start, size, &value, &sum_p, &sum_q, &odd)
            start += FEW
        if task.op == JENSEN_SHANNON:
            value /= 2
            odd |= task.normalize
        if task.normalize:
            odd |= not (1e-6 < sum_p < 1e6 and 1e-6 < sum_q < 1e6)
            value = value / sum_p - log(sum_p / sum_q)
        else:
            odd |= not (fabs(sum_p - 1) <= task.tolerance and fabs(sum_q - 1) <= task.tolerance)
        if odd or (tile.empty != NULL and tile.empty[i]):
            the_general_way(task, tile, i, scratch)
            if tile.code != FINE:
                return
        else:
            task.values[tile.first + i] = value


cdef inlined_void relative_part(bint logs_of_p, bint logs_of_q, const real* p, const real* q, Py_ssize_t K, real top_p, real top_q,
                                real scale_p, real scale_q, double* value, double* of_p, double* of_q, int* odd) noexcept nogil:
    """Σ u (a − b), Σ u, Σ v, of probabilities with u = p, a = log p, of logarithms or logits with a = scale (p − top), u = exp a;
    likewise v and b. `odd` where a probability is negative or no number."""
    cdef Py_ssize_t k
    cdef real part = 0, sum_p = 0, sum_q = 0, a, b, u, v
    cdef int32_t strange = 0
    cdef int64_t strange_wide = 0
    for k in range(K):
        a = scale_p * (p[k] - top_p) if logs_of_p else row_log(p[k])
        b = scale_q * (q[k] - top_q) if logs_of_q else row_log(q[k])
        u = decay(a) if logs_of_p else p[k]
        v = decay(b) if logs_of_q else q[k]
        part += relative_entropy(u, a, b)
        sum_p += u
        sum_q += v
        if real is float:
            strange |= riata_not_withinf(u) | riata_not_withinf(v)
        else:
            strange_wide |= riata_not_within(u) | riata_not_within(v)
    value[0] += part
    of_p[0] += sum_p
    of_q[0] += sum_q
    odd[0] |= strange != 0 or strange_wide != 0


cdef inlined_void top_of_logs(const Task* task, int form, const real* x, Py_ssize_t K, real* top, real* scale, int* odd) noexcept nogil:
    cdef real bottom
    cdef int code
    top[0] = 0
    scale[0] = <real>task.scale if form == LOGITS else <real>1
    if form != PROBABILITIES:
        range_of(x, K, top, &bottom, &code)
        odd[0] |= code != FINE or not fabs(top[0]) < inf


cdef inlined_void unit_of(const Task* task, int form, double top, double total, double* unit, double* shift, int* odd) noexcept nogil:
    """What terms are multiplied by, and what is added to their logarithms."""
    if form == LOGITS or task.normalize:
        unit[0], shift[0] = 1 / total, -log(total)
        odd[0] |= not (1e-6 < total < inf)
    else:
        unit[0], shift[0] = exp(top), top
        odd[0] |= not fabs(unit[0] * total - 1) <= task.tolerance


cdef inlined_void relative_rows(bint logs_of_p, bint logs_of_q, const Task* task, Tile* tile, real* scratch) noexcept nogil:
    cdef Py_ssize_t i, start, size, K = tile.K
    cdef const real* p
    cdef const real* q
    cdef real top_p, top_q, scale_p, scale_q
    cdef double value, sum_p, sum_q, unit_p, unit_q, shift_p, shift_q
    cdef int odd
    for i in range(tile.m):
        p = <const real*>tile.x[0] + i * tile.ld
        q = <const real*>tile.x[1] + i * tile.ld
        value = sum_p = sum_q = 0
        odd = tile.empty != NULL and tile.empty[i]
        top_of_logs(task, task.form[0], p, K, &top_p, &scale_p, &odd)
        top_of_logs(task, task.form[1], q, K, &top_q, &scale_q, &odd)
        start = 0
        while start < K and not odd:
            size = min(<Py_ssize_t>FEW, K - start)
            fetch_pair(p + start, q + start, K, size)
            relative_part(logs_of_p, logs_of_q, p + start, q + start, size, top_p, top_q, scale_p, scale_q, &value, &sum_p, &sum_q,
                          &odd)
            start += FEW
        if not odd:
            unit_of(task, task.form[0], top_p, sum_p, &unit_p, &shift_p, &odd)
            unit_of(task, task.form[1], top_q, sum_q, &unit_q, &shift_q, &odd)
        if not odd:
            task.values[tile.first + i] = unit_p * value + unit_p * sum_p * (shift_p - shift_q)
            continue
        the_general_way(task, tile, i, scratch)
        if tile.code != FINE:
            return


cdef cloned_void relative_rows_of(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    """KL without gradients where p or q is given by logarithms or logits: normalised by Σ p (log p − log q) of what is not."""
    if task.form[0] == PROBABILITIES:
        relative_rows(False, True, task, tile, scratch)
    elif task.form[1] == PROBABILITIES:
        relative_rows(True, False, task, tile, scratch)
    else:
        relative_rows(True, True, task, tile, scratch)


cdef void divergence_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    divergence_rows_of(task, tile, scratch)


cdef void pair_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    pair_rows_of(task, tile, scratch)


cdef void relative_tile(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    relative_rows_of(task, tile, scratch)
