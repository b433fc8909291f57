# A path on few features from the rows of X to coefficients in units of the data, without Python in between: what standard_form,
# group_statistics, solve_gram and PathStore do for a batch takes longer there than the arithmetic. The same loops, in the same order:
# the bits of a path are those of the long way. Its folds (few_folds.pyx) are paths on the whole less a part of the rows.
from libc.math cimport fabs, sqrt, INFINITY
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from riata_engine.cpu.certificate cimport rounding_of_gaps
from riata_engine.cpu.control cimport Signal, fetch_add, monotonic
from riata_engine.cpu.design cimport Columns, product_of_one, readable_by_blas
from riata_engine.cpu.few_folds cimport as_columns, errors_of_folds, fold_statistics, sums_of_parts
from riata_engine.cpu.few_task cimport INFINITE_X, IRREGULAR, Room, Rules, SHORT_OF_MEMORY, SOLVED, Task
from riata_engine.cpu.gram cimport gram_of_rows, room_for_rows
from riata_engine.cpu.gram_descent cimport Batch, Problem, describe
from riata_engine.cpu.group_sums cimport about_own_means
from riata_engine.cpu.moments cimport Raw, moments_tile, scan_tile, tile_width, units_of_columns, units_to_scan
from riata_engine.cpu.scale cimport largest_alpha, to_units_of_data
from riata_engine.cpu.support_path cimport solve_problem
from riata_engine.cpu.targets cimport moments_of_targets, units_of_targets, unless_rounding


cdef int walk(Task* P, const Rules* A, Signal* signal, void* control, bint owner) noexcept nogil:
    """One path and its folds. SOLVED also where the call was stopped: what is not done is SKIPPED, or out of time."""
    cdef Room R
    cdef int verdict
    cdef double* memory = <double*>calloc(lay_out(&R, P, NULL), sizeof(double))
    if memory == NULL:
        return SHORT_OF_MEMORY
    lay_out(&R, P, memory)
    memset(P.coef, 0, P.L * P.X.p * sizeof(double))
    verdict = walk_in(P, A, &R, signal, control, owner)
    free(memory)
    if verdict == SOLVED and signal.stop == 0:
        fetch_add(&signal.done, P.L)
    return verdict


cdef double* take(double** at, Py_ssize_t count) noexcept nogil:
    """Room for ``count`` numbers where ``at`` points, which moves on."""
    cdef double* here = at[0]
    at[0] += count
    return here


cdef void lay_out_columns(Room* R, const Task* P, double** at) noexcept nogil:
    """Room for what ``units`` and ``derived_alphas`` say of the columns."""
    cdef Py_ssize_t n = P.X.n, p = P.X.p
    R.alike = take(at, n)
    R.center, R.multiplier, R.deviation, R.size = take(at, p), take(at, p), take(at, p), take(at, p)
    R.factor, R.f2, R.mean, R.lower, R.upper = take(at, p), take(at, p), take(at, p), take(at, p), take(at, p)
    R.constant = <unsigned char*>take(at, p)


cdef Py_ssize_t lay_out(Room* R, const Task* P, double* memory) noexcept nogil:
    """Divide ``memory`` among the arrays; returns how many numbers these need. Integers take the room of numbers."""
    cdef Py_ssize_t n = P.X.n, p = P.X.p, L = P.L, K = P.K, G = 1 + K
    cdef double* at = memory
    lay_out_columns(R, P, &at)
    R.Y, R.r, R.v = take(&at, n), take(&at, n), take(&at, n)
    R.root, R.one_y = take(&at, n), take(&at, 2 * n)
    R.zero, R.spread = take(&at, p), take(&at, p)
    R.packed = take(&at, room_for_rows(p, 2))
    R.l1, R.l2 = take(&at, G * L), take(&at, G * L)
    R.C, R.c, R.shift, R.start = take(&at, G * p * p), take(&at, G * p), take(&at, G * p), take(&at, G * p)
    R.raw = take(&at, 2 * p)
    R.null, R.yy, R.ybar, R.inflation = take(&at, G), take(&at, G), take(&at, G), take(&at, G)
    R.bound_scale, R.start_l1, R.tol = take(&at, G), take(&at, G), take(&at, G)
    R.gram_of, R.lengths = <Py_ssize_t*>take(&at, G), <Py_ssize_t*>take(&at, G)
    R.length = take(&at, G * L)
    if K:
        R.coef, R.gap, R.residual = take(&at, G * L * p), take(&at, G * L), take(&at, G * L)
        R.status, R.epochs, R.newtons = <signed char*>take(&at, G * L), <int*>take(&at, G * L), <int*>take(&at, G * L)
        R.root_of, R.order, R.first = take(&at, n), <Py_ssize_t*>take(&at, n), <Py_ssize_t*>take(&at, K + 3)
        R.own_rows, R.own_root, R.own_center, R.own_z = <Py_ssize_t*>take(&at, n), take(&at, n), take(&at, p), take(&at, p)
        R.part_C, R.part_c = take(&at, G * p * p), take(&at, 2 * G * p)
        R.part_weight, R.part_y, R.whole_c = take(&at, G), take(&at, G), take(&at, 2 * p)
        R.Z, R.fit = take(&at, n * p), take(&at, n * L)
    else:                                          # the answer goes where it is to be
        R.coef, R.gap, R.residual, R.status, R.epochs, R.newtons = P.coef, P.gap, P.residual, P.status, P.epochs, P.newtons
    return at - memory


cdef int walk_in(Task* P, const Rules* A, Room* R, Signal* signal, void* control, bint owner) noexcept nogil:
    cdef Py_ssize_t n = P.X.n, p = P.X.p, L = P.L, i, l, g
    cdef double base_mean = 0, sigma = 0, square = 0, nought = 0, yy = 0, weight = 0, total = 0, longest, start = monotonic()
    cdef bint moderate = False
    cdef Columns targets
    cdef int verdict
    # columns and target, each in its own units
    verdict = units(P, A, R, &moderate)
    if verdict:
        return verdict
    for i in range(n):
        R.Y[i] = P.y[i * P.step]
    units_of_targets(R.Y, n, 1, P.v, A.intercept, P.rounding, &base_mean, &sigma, &square, &nought)
    moments_of_targets(R.Y, 1, P.v, n, 1, A.intercept, &R.ybar[0], &yy)
    R.yy[0] = unless_rounding(yy, R.ybar[0], base_mean, P.rounding)
    R.null[0] = 0.5 * R.yy[0]
    R.inflation[0] = 1
    if not R.null[0] > 0:
        return IRREGULAR
    lap(P, 0, &start)

    verdict = grid(P, A, R, sigma, moderate)
    if verdict:
        return verdict
    lap(P, 1, &start)

    for i in range(n):
        R.one_y[2 * i] = 1.0
        R.one_y[2 * i + 1] = R.Y[i]
    if P.K:
        sums_of_parts(P, R)
        verdict = fold_statistics(P, A, R, base_mean)
        if verdict:
            return verdict
    else:
        for i in range(n):
            R.root[i] = sqrt(P.v[i] * n)
            weight += 1.0 if P.even else P.v[i] * n
            total += R.Y[i] if P.even else P.v[i] * n * R.Y[i]
        as_columns(R.one_y, n, &targets)
        gram_of_rows(&P.X, &targets, NULL, n, NULL if P.even else R.root, R.packed, R.C, R.raw)
        about_own_means(p, weight, total, R.ybar[0], R.raw, R.C, R.c, R.shift, R.zero)
    lap(P, 2, &start)

    if descend(P, A, R, sigma, signal, control, owner):
        return SHORT_OF_MEMORY
    for g in range(1 + P.K):
        longest = 0
        for l in range(L):
            longest = max(longest, R.length[g * L + l])
        if rounding_of_gaps(longest * R.inflation[g], R.null[g]) > A.doubtful * A.tol:
            return IRREGULAR
    if P.K:
        errors_of_folds(P, R, base_mean, sigma)
    for l in range(L):
        P.finite[l] = to_units_of_data(P.coef + l * p, p, base_mean + R.ybar[0], R.mean, R.multiplier, sigma, A.intercept, &P.level[l],
                                       &P.df[l])
    P.null, P.sigma = R.yy[0], sigma
    lap(P, 3, &start)
    return SOLVED


cdef int units(Task* P, const Rules* A, Room* R, bint* moderate) noexcept nogil:
    """What ``standard_columns`` finds, the bounds and the means that come of it, and row weights where none are given."""
    cdef Py_ssize_t p = P.X.p, i, j
    cdef Raw raw
    if P.v == NULL:
        for i in range(P.X.n):
            R.alike[i] = 1.0 / P.X.n
        P.v, P.even = R.alike, True
    raw.n, raw.p, raw.row, raw.col, raw.sparse, raw.single, raw.data = P.X.n, p, P.X.row, P.X.col, False, P.X.single, P.X.data
    raw.tile = tile_width(&raw)
    for j in range((p + raw.tile - 1) // raw.tile):
        scan_tile(&raw, j, R.size, R.f2)
    for j in range(0 if A.finite else p):
        if R.f2[j] > 0:
            return INFINITE_X
    units_to_scan(p, R.size, R.f2, R.factor)
    for j in range((p + raw.tile - 1) // raw.tile):
        moments_tile(&raw, j, P.v, R.f2, R.deviation, R.factor)
    moderate[0] = units_of_columns(p, R.size, R.factor, R.f2, R.deviation, A.intercept, P.rounding, R.center, R.multiplier, R.constant)
    P.X.center, P.X.multiplier = R.center, R.multiplier
    for j in range(p):
        R.lower[j] = 0 if R.constant[j] else -INFINITY
        R.upper[j] = 0 if R.constant[j] else INFINITY
        R.mean[j] = R.center[j] * R.multiplier[j]
    return SOLVED


cdef int grid(Task* P, const Rules* A, Room* R, double sigma, bint moderate) noexcept nogil:
    """Alphas where they are not given, and the penalties that they are in units of z, the same for every group."""
    cdef Py_ssize_t L = P.L, i, l, g
    cdef int verdict
    if P.ratios != NULL:
        for i in range(P.X.n):
            R.r[i] = P.v[i] * (R.Y[i] - R.ybar[0])
        verdict = derived_alphas(P, A, R, &P.X, R.r, A.nothing * sqrt(R.yy[0]), sigma, moderate)
        if verdict:
            return verdict
    for g in range(1 + P.K):
        for l in range(L):
            R.l1[g * L + l] = P.alphas[l] * P.l1_ratio / sigma
            R.l2[g * L + l] = P.alphas[l] * (1.0 - P.l1_ratio)
    return SOLVED


cdef int derived_alphas(Task* P, const Rules* A, Room* R, const Columns* X, const double* r, double size, double sigma,
                        bint moderate) noexcept nogil:
    """The alphas of a grid from the residual of the null model, whose gradient, ``R.c``, must have an entry larger than ``size``."""
    cdef Py_ssize_t j, l
    cdef double largest = 0
    if product_of_one(X, r, moderate and readable_by_blas(X), R.c):
        return SHORT_OF_MEMORY
    for j in range(X.p):
        largest = max(largest, fabs(R.c[j]))
    if not largest > size:
        return IRREGULAR
    largest = largest_alpha(R.c, R.multiplier, X.p, R.lower, R.upper, sigma, P.l1_ratio, A.least_ratio)
    if not 0 < largest < INFINITY:
        return IRREGULAR
    for l in range(P.L):
        P.alphas[l] = largest * P.ratios[l]
    return SOLVED


cdef void lap(Task* P, int phase, double* start) noexcept nogil:
    cdef double now = monotonic()
    P.seconds[phase] += now - start[0]
    start[0] = now


cdef int descend(Task* P, const Rules* A, Room* R, double sigma, Signal* signal, void* control, bint owner) noexcept nogil:
    """``gram_path`` of all groups. Non-zero when memory is short."""
    cdef Batch B
    cdef Problem one
    cdef Py_ssize_t g, L = P.L, p = P.X.p, G = 1 + P.K
    for g in range(G):
        R.bound_scale[g], R.start_l1[g], R.tol[g], R.gram_of[g], R.lengths[g] = 1.0 / sigma, R.l1[0], A.tol, g, L
    B.M, B.L, B.ldc = p, L, p
    B.C, B.gram_of, B.c, B.yy, B.scale = R.C, R.gram_of, R.c, R.yy, R.null
    B.f1, B.f2, B.factor_rows, B.factor_ld = R.multiplier, R.f2, 1, p
    B.lower, B.upper, B.bound_scale = R.lower, R.upper, R.bound_scale
    B.l1, B.l2, B.lengths = R.l1, R.l2, R.lengths
    B.allowed_ptr, B.allowed = NULL, NULL
    B.start, B.start_l1, B.tol = R.start, R.start_l1, R.tol
    B.stop_dev_ratio, B.stop_dev_change, B.max_epochs = A.stop_dev_ratio, A.stop_dev_change, A.max_epochs
    B.by_kkt, B.counting, B.few, B.ahead = False, False, True, False
    B.coef, B.gap, B.residual, B.length = R.coef, R.gap, R.residual, R.length
    B.status, B.epochs, B.newtons = R.status, R.epochs, R.newtons
    for g in range(G):
        describe(&B, g, &one)
        if solve_problem(&one, signal, control, owner):
            return 1
    if P.K:
        memcpy(P.coef, R.coef, L * p * sizeof(double))
        memcpy(P.gap, R.gap, L * sizeof(double))
        memcpy(P.residual, R.residual, L * sizeof(double))
        memcpy(P.status, R.status, L * sizeof(signed char))
        memcpy(P.epochs, R.epochs, L * sizeof(int))
        memcpy(P.newtons, R.newtons, L * sizeof(int))
    return 0
