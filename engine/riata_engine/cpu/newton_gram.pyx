# The curvature of a Newton step's quadratic model: a weighted Gram matrix of the columns in play (newton_path.pyx).
#
# Features have places in a pool, whose Gram rows are there, and in the block that is solved (active_block.pyx). A feature that comes in
# has its row made with the weights of the rows that are there; ``renew`` makes all of them anew with the weights of now.
from libc.math cimport fabs
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from riata_engine.cpu.active_block cimport block_append, block_open
from riata_engine.cpu.column_sums cimport gram_of_columns, room_for_columns
from riata_engine.cpu.gram_entries cimport triangle_row
from riata_engine.cpu.support_factor cimport factor_reset


cdef int take_in(const Task* P, Walk* W, double threshold) noexcept nogil:
    """Into the block: features whose gradient is beyond the threshold. 0: none; 1: memory is short; 2: some came."""
    cdef Py_ssize_t q, k, new = 0, old = W.in_pool, came = 0
    cdef double t
    for q in range(P.m):
        if W.where[q] >= 0 or (W.b[q] == 0 and W.lower[q] >= 0 and W.upper[q] <= 0):
            continue
        t = W.g[q]
        if W.b[q] == 0 and (fabs(t) <= threshold * W.f1[q] * (1 + 1e-12) or not (W.upper[q] > 0 if t > 0 else W.lower[q] < 0)):
            continue
        W.some[came] = q
        came += 1
        if W.pooled[q] < 0:
            W.pooled[q] = old + new
            W.pool[old + new] = q
            W.columns[old + new] = P.list[q]
            new += 1
    if came == 0:
        return 0
    if not W.open:                                 # the first: all weights are those of now
        begin(P, W)
    if extend(P, W, old, new):
        return SHORT_OF_MEMORY
    for k in range(came):
        q = W.some[k]
        if append(W, q):
            return SHORT_OF_MEMORY
    return 2


cdef void begin(const Task* P, Walk* W) noexcept nogil:
    """The curvature of now is the one of the Gram matrix from here on."""
    memcpy(W.old_w, W.w, P.X.n * sizeof(double))
    W.old_weight = W.sums.weight if P.intercept else 0


cdef int append(Walk* W, Py_ssize_t q) noexcept nogil:
    W.where[q] = W.A.m
    return block_append(&W.A, W.pooled[q], W.b[q], 0, W.g[q], W.f1[q], W.f2[q], W.lower[q], W.upper[q])


cdef int extend(const Task* P, Walk* W, Py_ssize_t old, Py_ssize_t new) noexcept nogil:
    """Gram rows of the ``new`` features behind the first ``old`` of the pool, and an open block. Non-zero when memory is short."""
    cdef Py_ssize_t m = old + new, room, size
    cdef double* larger
    W.in_pool = m
    if m > W.room or W.C == NULL:
        room = min(P.m, m + m // 2 + 16)
        larger = <double*>malloc((triangle_row(room) + 8) * sizeof(double))
        if larger == NULL:
            return 1
        if old:
            memcpy(larger, W.C, triangle_row(old) * sizeof(double))
        free(W.C)
        W.C, W.room = larger, room
        if W.open:
            W.A.C = W.C
    if not W.open:
        if block_open(&W.A, min(P.m, 64), W.C, 0, False):
            return 1
        W.open = True
    if new == 0:
        return 0
    size = room_for_columns(P.X, m, new)
    if size > W.work_size:
        free(W.work)
        W.work_size = size + size // 2
        W.work = <double*>malloc(W.work_size * sizeof(double))
        if W.work == NULL:
            W.work_size = 0
            return 1
    gram_of_columns(P.X, W.columns, m, old, W.old_w, W.old_weight, W.mean, W.work, W.C)
    return 0


cdef int renew(const Task* P, Walk* W) noexcept nogil:
    """The Gram matrix anew, of the features in the block, with the weights of now. Non-zero when memory is short."""
    cdef Py_ssize_t q, k, m = 0
    for q in range(P.m):
        W.pooled[q] = -1
    for k in range(W.A.m if W.open else 0):
        W.some[k] = W.pool[W.A.index[k]]
        m += 1
    for k in range(m):
        q = W.some[k]
        W.pooled[q] = k
        W.pool[k] = q
        W.columns[k] = P.list[q]
        W.where[q] = -1
    begin(P, W)
    if extend(P, W, 0, m):
        return 1
    W.A.m = 0
    factor_reset(&W.A.factor, -1, 0, False)
    for k in range(m):
        if append(W, W.pool[k]):
            return 1
    return 0
