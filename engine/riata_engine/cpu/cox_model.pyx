# The quadratic model of a penalised Cox model: the Hessian of the features in use, as of where it was made, and its minimum in Gram
# space (active_block.pxd). Columns that come in are added to the Hessian as of that place.
from libc.math cimport fabs, log, INFINITY as inf
from libc.stdlib cimport malloc, realloc, free
from libc.string cimport memcpy
from riata_engine.cpu.active_block cimport Block, block_append, block_close, block_epoch, block_open, block_row
from riata_engine.cpu.cox_gap cimport limits, penalty_gap
from riata_engine.cpu.cox_risk cimport point_close, point_copy, risk_hessian
from riata_engine.cpu.newton_step cimport newton_flops, newton_step

cdef double FLAT = 1e-14         # the least curvature of a column of size one
cdef double STILL = 1e-20        # of the null deviance: an epoch that moves by less has nothing left to do


cdef void state_close(State* T) noexcept nogil:
    if T.open:
        block_close(&T.A)
    free(T.active)
    free(T.where)
    free(T.H)
    point_close(&T.now)
    point_close(&T.trial)
    point_close(&T.made)


cdef const double* column(const Task* Q, Py_ssize_t w) noexcept nogil:
    return Q.pool + Q.at[w] * Q.R.n


cdef int listed(State* T, Py_ssize_t M) noexcept nogil:
    """Room for a list of M columns. Non-zero when memory is short."""
    cdef Py_ssize_t w
    cdef Py_ssize_t* more
    if M > T.room:
        more = <Py_ssize_t*>realloc(T.where, 2 * M * sizeof(Py_ssize_t))
        if more == NULL:
            return 1
        T.where = more
        more = <Py_ssize_t*>realloc(T.active, 2 * M * sizeof(Py_ssize_t))
        if more == NULL:
            return 1
        T.active = more
        T.room = 2 * M
    for w in range(T.listed, M):
        T.where[w] = -1
    T.listed = max(T.listed, M)
    return 0


cdef int extend(State* T, const Task* Q, Py_ssize_t done) noexcept nogil:
    """The Hessian, as of ``made``, of the active features from ``done`` on, and a place in the block for each; b is zero there."""
    cdef Py_ssize_t a, m = T.A.m
    cdef Py_ssize_t total = m
    cdef const double** columns
    cdef int failed
    while total < T.room and total < T.listed and T.active[total] >= 0:
        total += 1
    if total == done:
        return 0
    if total > T.capacity:
        if grow(T, max(64, total + total // 2), done):
            return 1
    columns = <const double**>malloc(total * sizeof(void*))
    if columns == NULL:
        return 1
    for a in range(total):
        columns[a] = column(Q, T.active[a])
    failed = risk_hessian(Q.R, &T.made, columns, total, done, T.H, T.capacity)
    free(columns)
    if failed:
        return 1
    for a in range(done, total):
        T.H[a * T.capacity + a] = max(T.H[a * T.capacity + a], FLAT)
        if block_append(&T.A, a, 0.0, 0.0, 0.0, Q.f1[T.active[a]], Q.f2[T.active[a]], -inf, inf):
            return 1
        T.where[T.active[a]] = a
    return 0


cdef int grow(State* T, Py_ssize_t capacity, Py_ssize_t kept) noexcept nogil:
    cdef double* H = <double*>malloc(capacity * capacity * sizeof(double))
    cdef Py_ssize_t a
    if H == NULL:
        return 1
    for a in range(kept):
        memcpy(H + a * capacity, T.H + a * T.capacity, kept * sizeof(double))
    free(T.H)
    T.H = H
    T.capacity = capacity
    T.A.C = H
    T.A.ldc = capacity
    return 0


cdef int renew(State* T, const Task* Q, double* b, const double* t, double l1) noexcept nogil:
    """A Hessian of where the problem stands, of the features in use: those with a coefficient, and those about to have one.

    ``b`` and ``t`` (M,) over the list.
    """
    cdef Py_ssize_t a, w, m = 0, before = T.A.m if T.open else 0
    for a in range(before):
        w = T.active[a]
        T.where[w] = -1
        if b[w] != 0 or fabs(t[w]) > l1 * Q.f1[w]:
            T.active[m] = w
            m += 1
    if m < T.room:
        T.active[m] = -1
    if T.open:
        block_close(&T.A)
        T.open = False
    point_copy(&T.now, &T.made, Q.R)
    if m > T.capacity and grow(T, max(64, m + m // 2), 0):
        return 1
    if block_open(&T.A, max(m + m // 4, 32), T.H, T.capacity, False):
        return 1
    T.open = True
    if extend(T, Q, 0):
        return 1
    for a in range(m):
        T.A.b[a] = b[T.active[a]]
    return 0


cdef double model_gap(const Block* A, double l1, double l2, double null) noexcept nogil:
    """What the penalty adds to the gap of the quadratic model, from the running gradient."""
    cdef double plain = 0, augmented = 0
    limits(A.m, A.g, A.b, l1, l2, A.f1, A.f2, &plain, &augmented)
    return penalty_gap(A.m, A.g, A.b, min(1.0, 1 / plain) if plain > 0 else 1.0, l1, l2, A.f1, A.f2, null)


cdef double quadratic(State* T, const double* t, double l1, double l2, double null, double target, int* epochs,
                      long most) noexcept nogil:
    """Minimise the quadratic model around the present coefficients; the block's b moves. Returns tᵀd."""
    cdef Block* A = &T.A
    cdef Py_ssize_t a, j, m = A.m
    cdef const double* row
    cdef double moved, decrease, before = inf, left, rate, slope = 0, yy
    cdef int count = 0, newtons = 0
    cdef bint lame = False
    for a in range(m):
        A.c[a] = t[T.active[a]]
        A.g[a] = A.c[a]
        A.old[a] = A.b[a]
    yy = 200 * null
    for a in range(m):
        if A.b[a] != 0:
            row = <const double*>block_row(A, a)
            for j in range(m):
                A.c[j] += row[j] * A.b[a]
    for a in range(m):
        yy += A.b[a] * (A.c[a] + A.g[a])
    A.flops = 0
    while epochs[0] < most:
        moved = block_epoch(A, l1, l2)
        epochs[0] += 1
        count += 1
        decrease = model_gap(A, l1, l2, null)
        if decrease <= target or moved <= STILL * null:
            break
        if count >= 2 and not lame and newtons < 8:
            rate = decrease / before
            left = inf if rate >= 1 else log(target / decrease) / log(rate)
            if left * (A.flops / count) > newton_flops(A, l2):
                lame = newton_step(A, l1, l2, yy) == 2
                newtons += 1
                A.flops = 0
                count = 0
                before = inf
                continue
        before = decrease
    for a in range(m):
        slope += t[T.active[a]] * (A.b[a] - A.old[a])
    return slope
