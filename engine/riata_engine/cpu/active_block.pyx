# The active block of one problem in Gram space (see active_block.pxd) and coordinate descent on it.
from libc.math cimport fabs, INFINITY as inf
from libc.stdlib cimport malloc, free
from libc.string cimport memcpy
from riata_engine.cpu.certificate cimport duality_gap
from riata_engine.cpu.gram_entries cimport gram_entry, triangle_row
from riata_engine.cpu.pages cimport riata_pages_free, riata_pages_get
from riata_engine.cpu.row_sum cimport RowSum, row_sum_add, row_sum_flush, row_sum_open
from riata_engine.cpu.support_factor cimport factor_close, factor_open

include "../formulas/penalties.py"

cdef enum:
    VECTORS = 10
    NARROW_FROM = 384           # features from which a block is kept in float32: in float64 it would leave the second cache


cdef int reserve(Block* A, Py_ssize_t capacity, bint single) noexcept nogil:
    """Memory for ``capacity`` features, nothing copied. Non-zero when memory is short."""
    cdef Py_ssize_t square = capacity * capacity * (4 if single else 8)
    cdef char* memory = <char*>riata_pages_get(square + VECTORS * capacity * sizeof(double))
    cdef double* vector = <double*>(memory + square)
    A.index = <Py_ssize_t*>malloc(2 * capacity * sizeof(Py_ssize_t))
    A.memory = memory
    A.capacity = capacity
    A.single = single
    if memory == NULL or A.index == NULL:
        riata_pages_free(memory)
        free(A.index)
        A.memory = NULL
        A.index = NULL
        return 1
    A.slot = A.index + capacity
    A.H = memory
    A.h = vector
    A.c = vector + capacity
    A.g = vector + 2 * capacity
    A.b = vector + 3 * capacity
    A.old = vector + 4 * capacity
    A.f1 = vector + 5 * capacity
    A.f2 = vector + 6 * capacity
    A.lower = vector + 7 * capacity
    A.upper = vector + 8 * capacity
    A.work = vector + 9 * capacity
    return 0


cdef int block_open(Block* A, Py_ssize_t capacity, const double* C, Py_ssize_t ldc, bint may_narrow) noexcept nogil:
    """An empty block over the pool's Gram matrix C. Non-zero when memory is short."""
    factor_open(&A.factor)
    A.C = C
    A.ldc = ldc
    A.m = 0
    A.flops = 0
    A.may_narrow = may_narrow
    capacity = max(16, (capacity + 7) & ~7)
    return reserve(A, capacity, may_narrow and capacity > NARROW_FROM)


cdef const void* block_row(const Block* A, Py_ssize_t a) noexcept nogil:
    return A.H + a * A.capacity * (4 if A.single else 8)


cdef inline void put(Block* A, Py_ssize_t a, Py_ssize_t b, double value) noexcept nogil:
    if A.single:
        (<float*>A.H)[a * A.capacity + b] = <float>value
    else:
        (<double*>A.H)[a * A.capacity + b] = value


cdef void block_close(Block* A) noexcept nogil:
    riata_pages_free(A.memory)
    free(A.index)
    factor_close(&A.factor)
    A.memory = NULL
    A.index = NULL


cdef int move_to(Block* A, Py_ssize_t capacity, bint single) noexcept nogil:
    """The same block with other room or precision; the matrix is read from C again. Non-zero when memory is short."""
    cdef Block B = A[0]
    cdef Py_ssize_t a, k, m = A.m
    cdef double value
    if reserve(&B, capacity, single):
        return 1
    memcpy(B.h, A.h, m * sizeof(double))
    memcpy(B.c, A.c, m * sizeof(double))
    memcpy(B.g, A.g, m * sizeof(double))
    memcpy(B.b, A.b, m * sizeof(double))
    memcpy(B.old, A.old, m * sizeof(double))
    memcpy(B.f1, A.f1, m * sizeof(double))
    memcpy(B.f2, A.f2, m * sizeof(double))
    memcpy(B.lower, A.lower, m * sizeof(double))
    memcpy(B.upper, A.upper, m * sizeof(double))
    memcpy(B.index, A.index, m * sizeof(Py_ssize_t))
    memcpy(B.slot, A.slot, m * sizeof(Py_ssize_t))
    for a in range(m):
        for k in range(a + 1):
            value = gram_entry(A.C, A.ldc, A.index[a], A.index[k])
            put(&B, a, k, value)
            put(&B, k, a, value)
    factor_open(&A.factor)                                   # it has moved to B
    block_close(A)
    A[0] = B
    return 0


cdef int enlarge(Block* A) noexcept nogil:
    cdef Py_ssize_t capacity = (A.capacity + A.capacity // (2 if A.capacity < NARROW_FROM else 4) + 7) & ~7
    return move_to(A, capacity, A.may_narrow and capacity > NARROW_FROM)


cdef int block_widen(Block* A) noexcept nogil:
    """Float64 from now on: the matrix is too ill-conditioned for float32. Non-zero when memory is short."""
    A.may_narrow = False
    return move_to(A, A.capacity, False) if A.single else 0


cdef int block_append(Block* A, Py_ssize_t k, double b, double c, double g, double f1, double f2, double lower,
                      double upper) noexcept nogil:
    """Take pool feature k in, with coefficient b and gradient g. Non-zero when memory is short."""
    cdef Py_ssize_t a, i, m = A.m
    cdef double value
    cdef const double* row
    if m == A.capacity and enlarge(A):
        return 1
    row = A.C + (k * A.ldc if A.ldc else triangle_row(k))
    for a in range(m):
        i = A.index[a]
        value = row[i] if A.ldc or i <= k else A.C[triangle_row(i) + k]
        put(A, m, a, value)
        put(A, a, m, value)
    A.h[m] = gram_entry(A.C, A.ldc, k, k)
    put(A, m, m, A.h[m])
    A.index[m] = k
    A.slot[m] = 0
    A.c[m] = c
    A.g[m] = g
    A.b[m] = b
    A.old[m] = 0
    A.f1[m] = f1
    A.f2[m] = f2
    A.lower[m] = lower
    A.upper[m] = upper
    A.m = m + 1
    return 0


cdef void block_keep_nonzero(Block* A, Py_ssize_t* position) noexcept nogil:
    """Let the features go whose coefficient is zero now and was at the previous alpha."""
    cdef Py_ssize_t a, b, u = 0, m = A.m, ld = A.capacity
    cdef Py_ssize_t* kept = <Py_ssize_t*>A.work
    for a in range(m):
        if A.b[a] != 0 or A.old[a] != 0:
            kept[u] = a
            u += 1
        else:
            position[A.index[a]] = -1
    for a in range(u):
        if A.single:
            for b in range(u):                               # kept[a] ≥ a: reads stay ahead of writes
                (<float*>A.H)[a * ld + b] = (<float*>A.H)[kept[a] * ld + kept[b]]
        else:
            for b in range(u):
                (<double*>A.H)[a * ld + b] = (<double*>A.H)[kept[a] * ld + kept[b]]
        A.h[a] = A.h[kept[a]]
        A.c[a] = A.c[kept[a]]
        A.g[a] = A.g[kept[a]]
        A.b[a] = A.b[kept[a]]
        A.old[a] = A.old[kept[a]]
        A.f1[a] = A.f1[kept[a]]
        A.f2[a] = A.f2[kept[a]]
        A.lower[a] = A.lower[kept[a]]
        A.upper[a] = A.upper[kept[a]]
        A.index[a] = A.index[kept[a]]
        A.slot[a] = A.slot[kept[a]]
        position[A.index[a]] = a
    A.m = u


cdef void block_extrapolate(Block* A, double t) noexcept nogil:
    """Start the next alpha on the line through the last two solutions: the path is piecewise linear, nearly so for an elastic net.

    Only coefficients that keep their sign move, those that have just entered too.
    """
    cdef Py_ssize_t a
    cdef double d, b
    cdef RowSum G
    row_sum_open(&G, A.g, A.m, A.single)
    for a in range(A.m):
        b = A.b[a]
        if b != 0 and b != A.old[a]:
            d = t * (b - A.old[a])
            A.old[a] = b
            if (b + d) * b > 0 and A.lower[a] <= b + d <= A.upper[a] and d != 0:
                A.b[a] = b + d
                row_sum_add(&G, block_row(A, a), -d)
        else:
            A.old[a] = b
    row_sum_flush(&G)


cdef double block_epoch(Block* A, double l1, double l2) noexcept nogil:
    """One cycle of coordinate descent; returns Σ (h + l2)(Δb)², twice what the objective lost at the least.

    The gradient is brought up to date eight moves at a time; in between, the moves that are pending are taken off one entry.
    """
    cdef Py_ssize_t a, m = A.m, moves = 0
    cdef int k
    cdef double g, u, d, total = 0
    cdef RowSum G
    row_sum_open(&G, A.g, m, A.single)
    for a in range(m):
        g = A.g[a]
        if A.single:
            for k in range(G.pending):
                g += G.weight[k] * (<const float*>G.row[k])[a]
        else:
            for k in range(G.pending):
                g += G.weight[k] * (<const double*>G.row[k])[a]
        if A.b[a] == 0 and fabs(g) <= l1 * A.f1[a]:
            continue
        u = elastic_net_step(g + A.h[a] * A.b[a], A.h[a], l1 * A.f1[a], l2 * A.f2[a], A.lower[a], A.upper[a])
        d = u - A.b[a]
        if d != 0:
            A.b[a] = u
            row_sum_add(&G, block_row(A, a), -d)
            total += (A.h[a] + l2 * A.f2[a]) * d * d
            moves += 1
    row_sum_flush(&G)
    A.flops += 2 * m * moves + 8 * m
    return total


cdef double residual_norm2(const Block* A, double yy, double* residual_y) noexcept nogil:
    """‖y − Xb‖² = yy − bᵀ(c + g) and ⟨r, y⟩ = yy − bᵀc."""
    cdef Py_ssize_t a
    cdef double bc = 0, bg = 0
    for a in range(A.m):
        bc += A.b[a] * A.c[a]
        bg += A.b[a] * A.g[a]
    residual_y[0] = yy - bc
    return max(yy - bc - bg, 0.0)


cdef double block_gap(const Block* A, double l1, double l2, double yy) noexcept nogil:
    """Duality gap of the problem restricted to the block, from the running gradient."""
    cdef double ry, rr = residual_norm2(A, yy, &ry)
    return duality_gap(A.m, A.g, A.b, l1, l2, A.f1, A.f2, A.lower, A.upper, 1.0, rr, ry, yy / 2)


cdef double block_objective(const Block* A, double l1, double l2, double yy) noexcept nogil:
    cdef double ry, total = residual_norm2(A, yy, &ry) / 2
    cdef Py_ssize_t a
    for a in range(A.m):
        if A.b[a] != 0:
            total += elastic_net_value(A.b[a], l1 * A.f1[a], l2 * A.f2[a])
    return total
