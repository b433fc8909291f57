# The state of residual descent on one problem: room for it, and the records of features in play with copies of short columns.
from cython cimport floating
from libc.math cimport sqrt, INFINITY as inf
from libc.stdlib cimport malloc, free, calloc
from libc.string cimport memcpy
from riata_engine.cpu.design cimport Columns

cdef enum:
    SHORT_COLUMN = 64           # entries of a column below which a copy pays: a longer one is read forwards as it is
    SHORT_DENSE = 256           # rows up to which dense columns are copied
    BLOCK_BYTES = 65536         # bytes

cdef double SLACK = 1e-9        # for the rounding of √h


cdef char* room_for_copy(State* S, Py_ssize_t bytes) noexcept nogil:
    cdef Block* new
    if S.block == NULL or S.block.used + bytes > S.block.size:
        new = <Block*>malloc(sizeof(Block) + BLOCK_BYTES)
        if new == NULL:
            return NULL
        new.older, new.used, new.size = S.block, 0, BLOCK_BYTES
        S.block = new
    S.block.used += bytes
    return <char*>(S.block + 1) + S.block.used - bytes


cdef char* copy_of(State* S, const Column* c, Py_ssize_t itemsize) noexcept nogil:
    """The entries of a sparse column and their rows, one behind the other."""
    cdef Py_ssize_t values = c.length * itemsize, rows = c.length * sizeof(int)
    cdef char* at = room_for_copy(S, (values + rows + 7) // 8 * 8)
    if at != NULL:
        memcpy(at, c.x, values)
        memcpy(at + values, c.index, rows)
    return at


cdef void centred_copy(const floating* x, const Column* c, Py_ssize_t padded, double* z) noexcept nogil:
    """z less its mean, and zeros behind it."""
    cdef Py_ssize_t i
    for i in range(c.length):
        z[i] = (x[i] - c.mean) * c.multiplier
    for i in range(c.length, padded):
        z[i] = 0


cdef int fill(State* S, Column* c, Py_ssize_t j) noexcept nogil:
    """The record of feature j; 1 where memory is short."""
    cdef const Columns* X = S.X
    cdef Py_ssize_t itemsize = sizeof(float) if X.single else sizeof(double), start = X.indptr[j] if X.sparse else j * X.col
    c.j = j
    c.length = X.indptr[j + 1] - start if X.sparse else X.n
    c.x = X.data + start * itemsize
    c.index = X.indices + start if X.sparse else NULL
    c.b = S.b[j]
    c.h = S.h[j]
    c.mean, c.offset = S.mean[j], 0
    if X.sparse and S.full[j]:
        c.mean, c.offset = 0, S.mean[j]
    c.multiplier = X.multiplier[j]
    c.f1 = S.f1[j]
    c.f2 = S.f2[j]
    c.lower = S.lower[j] * S.bound_scale
    c.upper = S.upper[j] * S.bound_scale
    if X.sparse and c.length < SHORT_COLUMN:
        if S.copied[j] == NULL:
            S.copied[j] = copy_of(S, c, itemsize)
            if S.copied[j] == NULL:
                return 1
        c.x = S.copied[j]
        c.index = <const int*>(c.x + c.length * itemsize)
    elif S.padded:
        if S.copied[j] == NULL:
            S.copied[j] = room_for_copy(S, S.padded * sizeof(double))
            if S.copied[j] == NULL:
                return 1
            if X.single:
                centred_copy(<const float*>c.x, c, S.padded, <double*>S.copied[j])
            else:
                centred_copy(<const double*>c.x, c, S.padded, <double*>S.copied[j])
        c.x = S.copied[j]
    return 0


cdef void find_full(State* S) noexcept nogil:
    cdef Py_ssize_t i, j, a, rows = 0, held
    if not S.X.sparse:
        return
    for i in range(S.X.n):
        rows += S.v[i] > 0
    for j in range(S.X.p):
        if S.X.indptr[j + 1] - S.X.indptr[j] >= rows:
            held = 0
            for a in range(S.X.indptr[j], S.X.indptr[j + 1]):
                held += S.v[S.X.indices[a]] > 0
            S.full[j] = held == rows


cdef int open_state(State* S, const Py_ssize_t* free_features) noexcept nogil:
    """Room for the state of one problem, all coefficients zero; 1 where memory is short. The caller has set what it is made of."""
    cdef Py_ssize_t n = S.X.n, p = S.X.p, q = S.n_free, i, j, m
    cdef bint bounded = False
    cdef double* memory
    S.padded = (n + 7) // 8 * 8 if not S.X.sparse and n <= SHORT_DENSE else 0
    m = max(n, S.padded)
    memory = <double*>calloc(3 * m + 2 * p + 3 * q + (S.padded + n + 2 * p if S.padded else 0) + 1, sizeof(double))
    S.place = <char*>calloc(p + 1, 1)
    S.full = <char*>calloc(p + 1, 1) if S.X.sparse else NULL
    S.copied = <char**>calloc(p + 1, sizeof(char*))
    S.block = NULL
    S.free = <Column*>malloc((q + 1) * sizeof(Column))
    S.r = memory
    S.play = NULL
    S.support = NULL
    S.listed = <Py_ssize_t*>malloc((p + 1) * sizeof(Py_ssize_t)) if S.padded else NULL
    S.n_listed, S.threshold, S.travel, S.lazy = 0, 0, 0, False
    S.m, S.capacity, S.n_support = 0, 0, 0
    if (memory == NULL or S.place == NULL or S.copied == NULL or S.free == NULL or (S.padded and S.listed == NULL)
            or (S.X.sparse and S.full == NULL)):
        return 1
    S.u = memory + m
    S.direction = memory + 2 * m
    S.b = memory + 3 * m
    S.t = memory + 3 * m + p
    S.slopes = memory + 3 * m + 2 * p
    S.w = S.slopes + 3 * q
    S.level = S.v[0]
    for i in range(n):
        if S.v[i] != S.level:
            S.level = 0
            break
    S.length_y = 0
    find_full(S)
    for i in range(n):
        S.length_y += S.v[i] * S.y[i] * S.y[i]
    S.length_y = sqrt(S.length_y)
    for j in range(p):
        if S.h[j] > 0 and (S.lower[j] < 0 or S.upper[j] > 0):
            S.place[j] = AT_REST
    if S.padded:
        S.before = S.w + S.padded
        S.root = S.before + n
        S.rest = S.root + p
        memcpy(S.w, S.v, n * sizeof(double))
        memcpy(S.before, S.y, n * sizeof(double))
        for j in range(p):
            if S.place[j] != LEFT_OUT:
                bounded |= S.lower[j] > -inf or S.upper[j] < inf        # then the sign of a slope counts
                S.root[j] = (1 + SLACK) * sqrt(S.h[j])
                S.rest[j] = inf                                         # not computed yet
        S.lazy = not bounded
    for i in range(q):
        if fill(S, S.free + i, free_features[i]):
            return 1
    return 0


cdef void close_state(State* S) noexcept nogil:
    cdef Block* older
    while S.block != NULL:
        older = S.block.older
        free(S.block)
        S.block = older
    free(S.r)
    free(S.place)
    free(S.full)
    free(S.copied)
    free(S.free)
    free(S.play)
    free(S.support)
    free(S.listed)
