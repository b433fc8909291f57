# Rows of arrays, whatever the axis: tiles of rows go to the kernels in place where they can, by way of a copy in the cache where not.
#
# An array is (outer, K, inner) in memory and a row is its K numbers at one (o, i). A tile is copied where the rows are not contiguous,
# where a mask leaves entries out, where an output lies on an input, and where rows are so short that a vector's last part would be most of
# them: they get neutral entries (of no probability) up to a multiple of sixteen. Outputs larger than the cache are made there a few rows
# at a time and stored past it.
from cython.parallel cimport prange
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from riata_engine.cpu.row_columns cimport by_columns, columns_at_once, columns_tile
from riata_engine.cpu.row_divergence cimport divergence_tile, pair_tile, relative_tile
from riata_engine.cpu.row_softmax cimport cross_entropy_tile, softmax_tile, softmax_vjp_tile
from riata_engine.cpu.row_task cimport (
    CROSS_ENTROPY, CROSS_ENTROPY_OF_LABELS, ENTROPY, FINE, JENSEN_SHANNON, KL, LOG_SOFTMAX, LOG_SOFTMAX_VJP, LOGSUMEXP,
    LOGSUMEXP_VJP, PROBABILITIES, SOFTMAX, SOFTMAX_VJP, Task, Tile,
)

cdef extern from "riata_stream.h":
    void riata_stream(void* target, const void* source, size_t bytes) noexcept nogil
    void riata_fetch(const void* start, size_t bytes) noexcept nogil

ctypedef fused real:
    float
    double

cdef enum:
    LANES = 16
    SHORT = 128                    # rows up to this length are filled up to whole vectors
    AT_ONCE = 16384                # numbers of a tile
    STREAMED_AT_ONCE = 4096        # of one that is stored past the cache
    STREAMED = 1 << 24             # bytes of an output from which it is
    APART = 256                    # strided rows whose length is a multiple of it would fall on the same sets of the cache
    AHEAD = 32                     # lines of a strided array are fetched so many rows before they are needed
    SIDE = 128                     # bytes: a square's side need not begin with a line
    WIDE = 65536                   # rows beyond this length go four at a time where they are strided
    SCRATCH = 4                    # rows of its own that a kernel needs

OPS = {
    "softmax": SOFTMAX, "log_softmax": LOG_SOFTMAX, "logsumexp": LOGSUMEXP, "logsumexp_backward": LOGSUMEXP_VJP,
    "softmax_backward": SOFTMAX_VJP, "log_softmax_backward": LOG_SOFTMAX_VJP, "cross_entropy_of_labels": CROSS_ENTROPY_OF_LABELS,
    "cross_entropy": CROSS_ENTROPY, "entropy": ENTROPY, "kl": KL, "jensen_shannon": JENSEN_SHANNON,
}
FORMS = ("probabilities", "logits", "log_probabilities")
REASONS = ("", "number", "negative", "sum", "nothing")


cdef struct Layout:
    Py_ssize_t outer, K, inner
    const uint8_t* mask
    double neutral[2]              # what stands for entries that take no part, of the inputs
    double left_out[2]             # and what outputs hold there
    bint staged, streamed
    bint columns                   # rows side by side: a kernel that takes them as they lie


cdef void turn(const real* source, Py_ssize_t source_ld, Py_ssize_t rows, Py_ssize_t columns, real* to, Py_ssize_t ld) noexcept nogil:
    """to[j, i] = source[i, j], a square of LANES a side at a time: line by line it costs a miss a number."""
    cdef Py_ssize_t i, j, r, c, a, b, down, across
    for down in range((rows + LANES - 1) // LANES):
        for across in range((columns + LANES - 1) // LANES):
            r, c = down * LANES, across * LANES
            if r + LANES <= rows and c + LANES <= columns:
                for j in range(LANES):
                    riata_fetch(source + (r + AHEAD + j) * source_ld + c, SIDE)
                    riata_fetch(to + (c + AHEAD + j) * ld + r, SIDE)
                    for i in range(LANES):
                        to[(c + j) * ld + r + i] = source[(r + i) * source_ld + c + j]
            else:
                a, b = min(r + LANES, rows), min(c + LANES, columns)
                for j in range(c, b):
                    for i in range(r, a):
                        to[j * ld + i] = source[i * source_ld + j]


cdef void gather(const real* source, const Layout* L, Py_ssize_t o, Py_ssize_t first, Py_ssize_t m, Py_ssize_t ld, real neutral,
                 real* to) noexcept nogil:
    cdef Py_ssize_t i, k, K = L.K
    cdef const uint8_t* mask
    if L.inner == 1:
        for i in range(m):
            memcpy(to + i * ld, source + (first + i) * K, K * sizeof(real))
            for k in range(K, ld):
                to[i * ld + k] = neutral
    else:
        turn(source + o * K * L.inner + first, L.inner, K, m, to, ld)
        for i in range(m):
            for k in range(K, ld):
                to[i * ld + k] = neutral
    if L.mask == NULL:
        return
    for i in range(m):
        mask = L.mask + ((first + i) * K if L.inner == 1 else o * K * L.inner + first + i)
        for k in range(K):
            to[i * ld + k] = to[i * ld + k] if mask[k * L.inner] else neutral


cdef void scatter(const real* tile, const Layout* L, Py_ssize_t o, Py_ssize_t first, Py_ssize_t m, Py_ssize_t ld, real left_out,
                  real* target) noexcept nogil:
    cdef Py_ssize_t i, k, K = L.K
    cdef real* at
    cdef const uint8_t* mask
    if L.inner == 1:
        for i in range(m):
            at = target + (first + i) * K
            memcpy(at, tile + i * ld, K * sizeof(real))
            if L.mask != NULL:
                mask = L.mask + (first + i) * K
                for k in range(K):
                    at[k] = at[k] if mask[k] else left_out
        return
    at = target + o * K * L.inner + first
    turn(tile, ld, m, K, at, L.inner)
    if L.mask == NULL:
        return
    for k in range(K):
        mask = L.mask + (o * K + k) * L.inner + first
        for i in range(m):
            at[k * L.inner + i] = at[k * L.inner + i] if mask[i] else left_out


cdef bint find_empty(const Layout* L, Py_ssize_t o, Py_ssize_t first, Py_ssize_t m, uint8_t* empty) noexcept nogil:
    cdef Py_ssize_t i, k, K = L.K
    cdef const uint8_t* mask
    cdef uint8_t left
    cdef bint some = False
    for i in range(m):
        mask = L.mask + ((first + i) * K if L.inner == 1 else o * K * L.inner + first + i)
        left = 0
        for k in range(K):
            left |= mask[k * L.inner]
        empty[i] = left == 0
        some = some or left == 0
    return some


cdef void apply(const Task* task, Tile* tile, real* scratch) noexcept nogil:
    if task.op <= LOGSUMEXP_VJP:
        softmax_tile(task, tile, scratch)
    elif task.op <= LOG_SOFTMAX_VJP:
        softmax_vjp_tile(task, tile, scratch)
    elif task.op <= CROSS_ENTROPY:
        cross_entropy_tile(task, tile, scratch)
    elif task.op == ENTROPY or tile.y[0] != NULL or tile.y[1] != NULL:
        divergence_tile(task, tile, scratch)
    elif task.form[0] == PROBABILITIES and task.form[1] == PROBABILITIES:
        pair_tile(task, tile, scratch)
    elif task.op == KL:
        relative_tile(task, tile, scratch)
    else:
        divergence_tile(task, tile, scratch)


cdef int do_tile(const Task* task, const Layout* L, const void** inputs, void** outputs, Py_ssize_t o, Py_ssize_t first, Py_ssize_t m,
                 real* kind, Tile* tile) noexcept nogil:
    """One tile; returns −1 where memory is not to be had."""
    cdef Py_ssize_t k, length = L.K, ld
    cdef real* memory
    cdef real* at
    cdef uint8_t* empty = NULL
    if L.columns:
        tile.first, tile.m, tile.K, tile.ld = o * L.inner + first, m, L.K, L.inner
        tile.code, tile.argument, tile.empty = FINE, 0, NULL
        for k in range(2):
            tile.x[k] = <void*>(<const real*>inputs[k] + o * L.K * L.inner + first) if inputs[k] != NULL else NULL
            tile.y[k] = <real*>outputs[k] + o * L.K * L.inner + first if outputs[k] != NULL else NULL
        return columns_tile(task, tile, L.streamed, kind)
    if L.staged and L.K <= SHORT:
        length = (L.K + LANES - 1) // LANES * LANES
    ld = length + LANES if L.inner > 1 and length % APART == 0 else length
    memory = <real*>malloc((SCRATCH * ld + (4 * m * ld if L.staged else 2 * m * ld if L.streamed else 0)) * sizeof(real) + m)
    if memory == NULL:
        return -1
    tile.first = o * L.inner + first
    tile.m, tile.K, tile.ld, tile.code, tile.argument, tile.empty = m, length, ld, FINE, 0, NULL
    at = memory + SCRATCH * ld
    for k in range(2):
        tile.x[k] = tile.y[k] = NULL
        if inputs[k] != NULL:
            if L.staged:
                tile.x[k] = at + k * m * ld
                gather(<const real*>inputs[k], L, o, first, m, ld, <real>L.neutral[k], <real*>tile.x[k])
            else:
                tile.x[k] = <void*>(<const real*>inputs[k] + first * L.K)
        if outputs[k] != NULL:
            tile.y[k] = (at + (2 + k) * m * ld if L.staged else at + k * m * ld if L.streamed
                         else <real*>outputs[k] + first * L.K)
    if L.mask != NULL:
        empty = <uint8_t*>(memory + SCRATCH * ld + 4 * m * ld)
        if find_empty(L, o, first, m, empty):
            tile.empty = empty
    apply(task, tile, memory)
    if (L.staged or L.streamed) and tile.code == FINE:
        for k in range(2):
            if outputs[k] != NULL and L.streamed:
                riata_stream(<real*>outputs[k] + first * L.K, tile.y[k], m * L.K * sizeof(real))
            elif outputs[k] != NULL:
                scatter(<const real*>tile.y[k], L, o, first, m, ld, <real>L.left_out[k], <real*>outputs[k])
    free(memory)
    return 0


cdef int each_tile(const Task* task, const Layout* L, const void** inputs, void** outputs, real* kind, int n_threads,
                   Tile* worst) noexcept nogil:
    """All tiles; `worst` is the one with the first row that is refused. The rows of a tile do not depend on the number of threads."""
    cdef Py_ssize_t most, at_once, per_outer, tiles, t, length = max(L.K, LANES)
    cdef Tile* done
    cdef int* lost
    cdef int status = 0
    at_once = STREAMED_AT_ONCE if L.streamed else AT_ONCE
    if L.columns:
        most = columns_at_once(L.K, L.outer * L.inner, sizeof(real), n_threads)
    else:
        most = max(at_once // length, 4 if length > WIDE else LANES) if L.inner > 1 else max(at_once // length, 1)
    most = min(most, L.inner if L.inner > 1 else L.outer)
    per_outer = (L.inner + most - 1) // most
    tiles = L.outer * per_outer if L.inner > 1 else (L.outer + most - 1) // most
    done = <Tile*>malloc(tiles * sizeof(Tile))
    lost = <int*>malloc(tiles * sizeof(int))
    if done == NULL or lost == NULL:
        free(done)
        free(lost)
        return -1
    for t in prange(tiles, num_threads=n_threads, schedule="static"):
        if L.inner > 1:
            lost[t] = do_tile(task, L, inputs, outputs, t // per_outer, t % per_outer * most,
                              min(most, L.inner - t % per_outer * most), kind, &done[t])
        else:
            lost[t] = do_tile(task, L, inputs, outputs, 0, t * most, min(most, L.outer - t * most), kind, &done[t])
    worst.code = FINE
    for t in range(tiles):
        if lost[t] < 0:
            status = -1
        elif done[t].code != FINE and (worst.code == FINE or done[t].bad < worst.bad):
            worst[0] = done[t]
    free(done)
    free(lost)
    return status


cdef const void* address(object array) except? NULL:
    """Of the first number of a C-contiguous array of either precision."""
    cdef const unsigned char[::1] view
    if array is None:
        return NULL
    view = memoryview(array).cast("B")
    return &view[0]


def run(str op, tuple shape, list inputs, list outputs, *, bint single, double[::1] values, const uint8_t[::1] mask, tuple neutral,
        tuple left_out, bint copy, bint streamed, double temperature, tuple forms, bint normalize, double tolerance, double smoothing,
        const Py_ssize_t[::1] labels,
        const double[::1] class_weight, const double[::1] upstream, int n_threads):
    """
    An operation on all rows; returns None, or (row, reason, which input) of the first row that is refused.

    Parameters
    ----------
    op : str, a key of ``OPS``
    shape : (outer, K, inner)
    inputs, outputs : list of two arrays or None, C-contiguous, of `shape`
    single : bool
        The arrays are float32, else float64.
    values : None or array (outer * inner,)
        What the operation gives for a row.
    mask : None or array (outer * K * inner,) of 0 and 1
    neutral, left_out : tuple of two floats
        What inputs are read as, and outputs hold, where the mask is 0.
    copy : bool
        An output lies on an input.
    streamed : bool
        Outputs larger than the cache are stored past it. Not for new arrays: the system has just filled their pages, in the cache.
    forms : tuple of two indices of ``FORMS``
    labels, class_weight, upstream : None or array
        See ``Task`` in row_task.pxd.
    """
    cdef Task task
    cdef Layout L
    cdef Tile worst
    cdef const void* sources[2]
    cdef void* targets[2]
    cdef int k, status
    memset(&task, 0, sizeof(Task))
    task.op, task.scale, task.normalize, task.tolerance, task.smoothing = OPS[op], 1 / temperature, normalize, tolerance, smoothing
    task.label = &labels[0] if labels is not None else NULL
    task.class_weight = &class_weight[0] if class_weight is not None else NULL
    task.upstream = &upstream[0] if upstream is not None else NULL
    task.values = &values[0] if values is not None else NULL
    L.outer, L.K, L.inner = shape
    L.mask = &mask[0] if mask is not None else NULL
    L.columns = L.inner >= LANES and L.mask == NULL and by_columns(&task)
    L.staged = not L.columns and (L.inner > 1 or L.mask != NULL or copy or (L.K <= SHORT and L.K % LANES != 0))
    L.streamed = (streamed and not L.staged and (L.columns or L.K <= STREAMED_AT_ONCE)
                  and (outputs[0] is not None or outputs[1] is not None) and L.outer * L.K * (4 if single else 8) >= STREAMED)
    for k in range(2):
        L.neutral[k], L.left_out[k], task.form[k] = neutral[k], left_out[k], forms[k]
        sources[k] = address(inputs[k])
        targets[k] = <void*>address(outputs[k])
    with nogil:
        if single:
            status = each_tile[float](&task, &L, sources, targets, NULL, n_threads, &worst)
        else:
            status = each_tile[double](&task, &L, sources, targets, NULL, n_threads, &worst)
    if status < 0:
        raise MemoryError("rows: no memory for a few rows beside the arrays")
    return None if worst.code == FINE else (worst.bad, REASONS[worst.code], worst.argument)
