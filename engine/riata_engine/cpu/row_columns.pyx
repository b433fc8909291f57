# Softmax and its kin, and cross-entropy of labels, of rows that lie across memory: many of them side by side, so that loops run along
# memory and nothing is turned. Two sweeps over the block: one for the largest number and the sum of exponentials, brought to the new
# largest number as it goes (Milakov and Gimelshein 2018), one for the outputs, whose exponentials are taken afresh.
#
# The sums of a row do not depend on what lies beside it, but their order is another one than that of a row in one piece.
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from riata_engine.cpu.row_task cimport (
    BAD_NUMBER, CROSS_ENTROPY_OF_LABELS, FINE, LOG_SOFTMAX, LOG_SOFTMAX_VJP, LOGSUMEXP, SOFTMAX, SOFTMAX_VJP, Task, Tile,
)

include "row_math.pxi"
include "../formulas/rows.py"

cdef extern from "riata_stream.h":
    void riata_stream(void* target, const void* source, size_t bytes) noexcept nogil

cdef extern from "float.h":
    const float FLT_MAX
    const double DBL_MAX

cdef enum:
    ABREAST = 4                 # entries of a row taken in one sweep
    GROUP = 16                  # and summed in their own precision before the sum goes on in double
    WIDTH = 256                 # rows side by side whose group stays in the first cache
    MOST = 1024                 # rows side by side of a block
    LEAST = 64
    IN_CACHE = 1 << 20          # bytes of a block that the second sweep finds in the cache
    BUFFERED = 4096             # numbers on their way past the cache


cdef struct Block:
    # Rows side by side: entry k of row i is x[k·ld + i]. `rest` is a stretch of entries that take no part, for the last sweep.
    const void* x[2]
    const void* rest
    Py_ssize_t K, ld
    void* top
    double* total
    void* part


cdef bint by_columns(const Task* task) noexcept nogil:
    """Whether there is a kernel for it here."""
    if task.op == CROSS_ENTROPY_OF_LABELS:
        return task.smoothing == 0
    return task.op <= LOG_SOFTMAX_VJP


cdef Py_ssize_t columns_at_once(Py_ssize_t K, Py_ssize_t columns, size_t size, int n_threads) noexcept nogil:
    """How many rows side by side make a block: the second sweep finds them in the cache if that is no narrow strip."""
    cdef Py_ssize_t fits = <Py_ssize_t>(IN_CACHE // (K * size)) // LEAST * LEAST
    cdef Py_ssize_t share = ((columns + n_threads - 1) // n_threads + LEAST - 1) // LEAST * LEAST
    return min(min(fits, MOST) if fits >= WIDTH else MOST, share)


cdef inlined_void tops_of(const real* a, const real* b, const real* c, const real* d, Py_ssize_t n, real* top,
                          bint* strange) noexcept nogil:
    """top = the largest number; `strange` where there is a NaN."""
    cdef Py_ssize_t i
    cdef real t, u
    cdef int32_t odd = 0
    cdef int64_t odd_wide = 0
    for i in range(n):
        t = a[i] if a[i] > b[i] else b[i]
        u = c[i] if c[i] > d[i] else d[i]
        t = t if t > u else u
        top[i] = top[i] if top[i] > t else t
        if real is float:
            odd |= (a[i] != a[i]) | (b[i] != b[i]) | (c[i] != c[i]) | (d[i] != d[i])
        else:
            odd_wide |= <int64_t>((a[i] != a[i]) | (b[i] != b[i]) | (c[i] != c[i]) | (d[i] != d[i]))
    strange[0] |= odd != 0 or odd_wide != 0


cdef inlined_void exponentials(const real* a, const real* b, const real* c, const real* d, const real* top, real scale, Py_ssize_t n,
                               real* part) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        part[i] += ((decay(scale * (a[i] - top[i])) + decay(scale * (b[i] - top[i])))
                    + (decay(scale * (c[i] - top[i])) + decay(scale * (d[i] - top[i]))))


cdef inlined_void lower_tops(real* total_at, double* total, const real* top, double scale, Py_ssize_t n) noexcept nogil:
    """Sums of exponentials below one number, `total_at`, become sums below another, which is no smaller."""
    cdef Py_ssize_t i
    for i in range(n):
        total[i] *= riata_row_exp(scale * (<double>total_at[i] - <double>top[i]))


cdef inlined_void sum_exponentials(Block* B, Py_ssize_t m, double scale, real* before, bint* strange) noexcept nogil:
    """First sweep: the largest number of each row, and Σ exp(scale (x − largest))."""
    cdef Py_ssize_t group, piece, sweep, k, r, i, start, w, stop
    cdef const real* x = <const real*>B.x[0]
    cdef const real* rest = <const real*>B.rest
    cdef const real* at
    cdef real* top = <real*>B.top
    cdef real* part = <real*>B.part
    cdef bint higher
    cdef real lowest = -FLT_MAX if real is float else <real>-DBL_MAX     # finite, so that nothing is −inf less −inf
    for i in range(m):
        top[i] = lowest
        B.total[i] = 0
    for group in range((B.K + GROUP - 1) // GROUP):
        k, stop = group * GROUP, min(group * GROUP + GROUP, B.K)
        for piece in range((m + WIDTH - 1) // WIDTH):
            start = piece * WIDTH
            w = min(m - start, <Py_ssize_t>WIDTH)
            at = x + start
            for i in range(w):
                before[i] = top[start + i]
                part[i] = 0
            for sweep in range((stop - k + ABREAST - 1) // ABREAST):
                r = k + sweep * ABREAST
                tops_of(at + r * B.ld, at + (r + 1) * B.ld if r + 1 < stop else rest, at + (r + 2) * B.ld if r + 2 < stop else rest,
                        at + (r + 3) * B.ld if r + 3 < stop else rest, w, top + start, strange)
            higher = False
            for i in range(w):
                higher |= top[start + i] > before[i]
            if higher:
                lower_tops(before, B.total + start, top + start, scale, w)
            for sweep in range((stop - k + ABREAST - 1) // ABREAST):
                r = k + sweep * ABREAST
                for i in range(r + GROUP, min(r + GROUP + ABREAST, B.K)):
                    riata_fetch(at + i * B.ld, w * sizeof(real))
                exponentials(at + r * B.ld, at + (r + 1) * B.ld if r + 1 < stop else rest,
                             at + (r + 2) * B.ld if r + 2 < stop else rest, at + (r + 3) * B.ld if r + 3 < stop else rest,
                             top + start, <real>scale, w, part)
            for i in range(w):
                B.total[start + i] += part[i]


cdef inlined_void sum_products(Block* B, Py_ssize_t m, bint logarithms, real* part) noexcept nogil:
    """First sweep of a backward pass: Σ g p, or Σ g of the entries whose logarithm of p is not −inf."""
    cdef Py_ssize_t group, k, r, i
    cdef const real* g
    cdef const real* p
    memset(B.total, 0, m * sizeof(double))
    for group in range((B.K + GROUP - 1) // GROUP):
        k = group * GROUP
        for i in range(m):
            part[i] = 0
        for r in range(k, min(k + GROUP, B.K)):
            g = <const real*>B.x[0] + r * B.ld
            p = <const real*>B.x[1] + r * B.ld
            if logarithms:
                for i in range(m):
                    part[i] += g[i] if p[i] > -inf else <real>0
            else:
                for i in range(m):
                    part[i] += g[i] * p[i]
        for i in range(m):
            B.total[i] += part[i]


cdef inlined_void entries_of(int op, const real* x, const real* p, const real* top, const real* by, real scale, Py_ssize_t m,
                             real* to) noexcept nogil:
    """Second sweep: one entry of every row."""
    cdef Py_ssize_t i
    if op == LOG_SOFTMAX:
        for i in range(m):
            to[i] = scale * (x[i] - top[i]) - by[i]
    elif op == SOFTMAX_VJP:
        for i in range(m):
            to[i] = scale * softmax_vjp(x[i], p[i], by[i])
    elif op == LOG_SOFTMAX_VJP:
        for i in range(m):
            to[i] = scale * log_softmax_vjp(x[i], row_exp(p[i]), by[i]) if p[i] > -inf else <real>0
    else:
        for i in range(m):
            to[i] = decay(scale * (x[i] - top[i])) * by[i]


cdef inlined_void all_entries(int op, Block* B, Py_ssize_t m, real scale, bint streamed, real* buffer, real* out) noexcept nogil:
    cdef Py_ssize_t k, r, first, stop, together = max(BUFFERED // m, 1) if streamed else 1
    cdef const real* x = <const real*>B.x[0]
    cdef const real* p = <const real*>B.x[1]
    cdef const real* top = <const real*>B.top
    cdef const real* by = <const real*>B.part
    first = 0
    while first < B.K:
        stop = min(first + together, B.K)
        for k in range(first, stop):
            if k + together < B.K:
                riata_fetch(x + (k + together) * B.ld, m * sizeof(real))
            entries_of(op, x + k * B.ld, p + k * B.ld if p != NULL else NULL, top, by, scale, m,
                       buffer + (k - first) * m if streamed else out + k * B.ld)
        if streamed and m == B.ld:
            riata_stream(out + first * B.ld, buffer, (stop - first) * m * sizeof(real))
        elif streamed:
            for r in range(first, stop):
                riata_stream(out + r * B.ld, buffer + (r - first) * m, m * sizeof(real))
        first = stop


cdef inlined_void fill_across(real* out, Py_ssize_t K, Py_ssize_t ld, double value) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(K):
        out[k * ld] = <real>value


cdef inlined_void has_nan(const real* x, Py_ssize_t K, Py_ssize_t ld, bint* found) noexcept nogil:
    cdef Py_ssize_t k
    found[0] = False
    for k in range(K):
        if x[k * ld] != x[k * ld]:
            found[0] = True


cdef inlined_void refuse(const Task* task, Tile* tile, const real* x, const real* top, bint strange) noexcept nogil:
    """The first row that an operation on logits is not defined for. Rows without a label are not looked at."""
    cdef Py_ssize_t i
    cdef bint bad = False
    for i in range(tile.m):
        if task.op == CROSS_ENTROPY_OF_LABELS and task.label[tile.first + i] < 0:
            continue
        if strange:
            has_nan(x + i, tile.K, tile.ld, &bad)
        if bad or (top[i] == inf and task.op != LOGSUMEXP):
            tile.bad, tile.code, tile.argument = tile.first + i, BAD_NUMBER, 0
            return


cdef inlined_void numbers_of_rows(const Task* task, const Tile* tile, const real* x, const real* top, const double* total,
                                  real* by) noexcept nogil:
    """What each row gives, and the number that its entries are multiplied by or lowered by."""
    cdef Py_ssize_t i, row, label
    cdef double logarithm, weight
    for i in range(tile.m):
        row = tile.first + i
        logarithm = log(total[i])
        if task.op == LOGSUMEXP:
            task.values[row] = task.scale * top[i] + logarithm
            if not fabs(top[i]) < inf or total[i] == 0:          # scipy's: the infinity itself
                task.values[row] = inf if top[i] == inf else -inf
        elif task.op == LOG_SOFTMAX:
            by[i] = <real>logarithm
        elif task.op == CROSS_ENTROPY_OF_LABELS:
            label = task.label[row]
            weight = 0
            if label < 0:
                task.values[row] = 0
            elif total[i] == 0:
                task.values[row] = nan
            else:
                weight = task.class_weight[label] if task.class_weight != NULL else 1
                task.values[row] = weight * (logarithm - task.scale * (x[label * tile.ld + i] - top[i])) if weight > 0 else 0
            by[i] = <real>((task.upstream[row] if task.upstream != NULL else 1) * task.scale * weight / total[i])
        else:
            by[i] = <real>((1 if task.op == SOFTMAX else task.upstream[row] * task.scale) / total[i])


cdef inlined_void mend(const Task* task, const Tile* tile, const double* total, real* out) noexcept nogil:
    """Rows without a sum, which are NaN, and of cross-entropy those without a label and what the label takes off."""
    cdef Py_ssize_t i, row, label
    cdef double weight
    for i in range(tile.m):
        row = tile.first + i
        if task.op == CROSS_ENTROPY_OF_LABELS:
            label = task.label[row]
            if label < 0:
                fill_across(out + i, tile.K, tile.ld, 0)
                continue
            weight = task.class_weight[label] if task.class_weight != NULL else 1
            weight *= task.scale * (task.upstream[row] if task.upstream != NULL else 1)
            out[label * tile.ld + i] -= <real>weight
        if total[i] == 0:
            fill_across(out + i, tile.K, tile.ld, nan)


cdef cloned_void columns_of(const Task* task, Tile* tile, Block* B, bint streamed, real* memory) noexcept nogil:
    cdef Py_ssize_t i, m = tile.m
    cdef real* top = <real*>B.top
    cdef real* by = <real*>B.part
    cdef real* out = <real*>tile.y[0]
    cdef real* buffer = memory + WIDTH
    cdef real scale = <real>task.scale
    cdef bint strange = False
    if task.op == SOFTMAX_VJP or task.op == LOG_SOFTMAX_VJP:
        if task.op == SOFTMAX_VJP:
            sum_products(B, m, False, by)
        else:
            sum_products(B, m, True, by)
        for i in range(m):
            by[i] = <real>B.total[i]
        if task.op == SOFTMAX_VJP:
            all_entries(SOFTMAX_VJP, B, m, scale, streamed, buffer, out)
        else:
            all_entries(LOG_SOFTMAX_VJP, B, m, scale, streamed, buffer, out)
        return
    sum_exponentials(B, m, task.scale, memory, &strange)
    refuse(task, tile, <const real*>B.x[0], top, strange)
    if tile.code != FINE:
        return
    numbers_of_rows(task, tile, <const real*>B.x[0], top, B.total, by)
    if out == NULL:
        return
    if task.op == LOG_SOFTMAX:
        all_entries(LOG_SOFTMAX, B, m, scale, streamed, buffer, out)
    else:
        all_entries(SOFTMAX, B, m, scale, streamed, buffer, out)
    mend(task, tile, B.total, out)


cdef int columns_tile(const Task* task, Tile* tile, bint streamed, real* kind) noexcept nogil:
    """A tile of rows side by side, `ld` between the entries of one; returns −1 where memory is not to be had."""
    cdef Block B
    cdef Py_ssize_t i, m = tile.m
    cdef real* rest
    cdef real* memory
    cdef size_t own = (3 * m + 2 * WIDTH + max(m, <Py_ssize_t>BUFFERED)) * sizeof(real)
    B.total = <double*>malloc(m * sizeof(double) + own)
    if B.total == NULL:
        return -1
    B.top = B.total + m
    B.part = <real*>B.top + m
    rest = <real*>B.part + m
    memory = rest + WIDTH
    for i in range(WIDTH):
        rest[i] = <real>-inf
    B.x[0], B.x[1], B.rest = tile.x[0], tile.x[1], rest
    B.K, B.ld = tile.K, tile.ld
    columns_of(task, tile, &B, streamed, memory)
    free(B.total)
    return 0
