# A path on few features from the rows of X to coefficients in units of the data, without Python in between: what standard_form,
# group_statistics, solve_gram and PathStore do for a batch takes longer there than the arithmetic. The same loops, in the same order:
# the bits are those of the long way.
from libc.math cimport fabs, sqrt, INFINITY, NAN
from libc.stdlib cimport calloc, free
from riata_engine.cpu.certificate cimport rounding_of_gaps
from riata_engine.cpu.control cimport Control, Signal, monotonic
from riata_engine.cpu.design cimport Columns, entries, product_of_one, readable_by_blas
from riata_engine.cpu.gram cimport gram_of_rows, room_for_rows
from riata_engine.cpu.gram_descent cimport Batch, Problem, describe, solve_alone
from riata_engine.cpu.gram_lanes cimport Queue, goes_small, solve_small
from riata_engine.cpu.group_sums cimport about_own_means
from riata_engine.cpu.moments cimport Raw, moments_tile, scan_tile, tile_width, units_of_columns, units_to_scan
from riata_engine.cpu.scale cimport largest_alpha, to_units_of_data
from riata_engine.cpu.targets cimport moments_of_targets, units_of_targets, unless_rounding

cdef enum:
    SOLVED = 0
    IRREGULAR = 1                          # something that the long way knows how to treat
    NO_MEMORY = 2
    PHASES = 4

cdef struct Path:
    Columns X                              # dense; its center and multiplier are found here
    const double* y
    Py_ssize_t step                        # from one entry of y to the next
    bint intercept
    double l1_ratio, tol, stop_dev_ratio, stop_dev_change
    double rounding                        # see rounding_of_mean in standard_form.py
    double nothing                         # see NOTHING in null_model.py
    double least_ratio                     # see SMALLEST_L1_RATIO in grid.py
    double doubtful                        # largest share of tol that rounding may take of a gap
    long max_epochs
    Py_ssize_t L
    const double* ratios                   # of the alphas to their largest, which is then found here; NULL: ``alphas`` are given
    double* alphas
    double* coef                           # the answer: (L, p) zeros, (L) each of all else
    double* level
    double* gap
    double* residual
    double* df
    unsigned char* finite
    signed char* status
    int* epochs
    int* newtons
    double null, sigma                     # of the target: null deviance in units of sigma², and sigma
    double seconds[PHASES]                 # standard form, grid, Gram matrix, descent


cdef struct Room:
    # all zero to begin with
    double* v                              # (n) weights
    double* Y                              # (n)
    double* one_y                          # (n, 2)
    double* r                              # (n)
    double* center                         # (p) each
    double* multiplier
    double* deviation
    double* size
    double* factor
    double* f2
    double* mean
    double* c
    double* z
    double* zero
    double* lower
    double* upper
    double* raw                            # (p, 2)
    double* C                              # (p, p)
    double* l1                             # (L) each
    double* l2
    double* length
    double* packed
    unsigned char* constant


cdef int make_room(Room* R, Py_ssize_t n, Py_ssize_t p, Py_ssize_t L) noexcept nogil:
    cdef double* at = <double*>calloc(5 * n + 14 * p + p * p + 3 * L + room_for_rows(p, 2) + p // sizeof(double) + 1, sizeof(double))
    if at == NULL:
        return 1
    R.v = at
    R.Y = at + n
    R.one_y = at + 2 * n
    R.r = at + 4 * n
    at += 5 * n
    R.center, R.multiplier, R.deviation, R.size, R.factor, R.f2 = at, at + p, at + 2 * p, at + 3 * p, at + 4 * p, at + 5 * p
    at += 6 * p
    R.mean, R.c, R.z, R.zero, R.lower, R.upper = at, at + p, at + 2 * p, at + 3 * p, at + 4 * p, at + 5 * p
    at += 6 * p
    R.raw = at
    R.C = at + 2 * p
    at += 2 * p + p * p
    R.l1, R.l2, R.length = at, at + L, at + 2 * L
    R.packed = at + 3 * L
    R.constant = <unsigned char*>(R.packed + room_for_rows(p, 2))
    return 0


cdef int walk(Path* P, Signal* signal, void* control, bint owner) noexcept nogil:
    """One path. SOLVED also where the call was stopped: what is not done is SKIPPED, or out of time."""
    cdef Room R
    cdef int verdict
    if make_room(&R, P.X.n, P.X.p, P.L):
        return NO_MEMORY
    verdict = walk_in(P, &R, signal, control, owner)
    free(R.v)
    return verdict


cdef int walk_in(Path* P, Room* R, Signal* signal, void* control, bint owner) noexcept nogil:
    cdef Py_ssize_t n = P.X.n, p = P.X.p, i, j, l
    cdef double rounding = P.rounding
    cdef double base_mean = 0, sigma = 0, square = 0, nought = 0, ybar = 0, yy = 0, null, largest, total = 0, start = monotonic()
    cdef bint moderate
    cdef Raw raw
    cdef Columns targets
    cdef double[2] none
    cdef double[2] unit
    # columns and target, each in its own units
    for i in range(n):
        R.v[i] = 1.0 / n
        R.Y[i] = P.y[i * P.step]
    raw.n, raw.p, raw.row, raw.col, raw.sparse, raw.single, raw.data = n, p, P.X.row, P.X.col, False, P.X.single, P.X.data
    raw.tile = tile_width(&raw)
    for j in range((p + raw.tile - 1) // raw.tile):
        scan_tile(&raw, j, R.size, R.f2)
    units_to_scan(p, R.size, R.f2, R.factor)
    for j in range((p + raw.tile - 1) // raw.tile):
        moments_tile(&raw, j, R.v, R.f2, R.deviation, R.factor)
    moderate = units_of_columns(p, R.size, R.factor, R.f2, R.deviation, P.intercept, rounding, R.center, R.multiplier, R.constant)
    P.X.center, P.X.multiplier = R.center, R.multiplier
    units_of_targets(R.Y, n, 1, R.v, P.intercept, rounding, &base_mean, &sigma, &square, &nought)
    moments_of_targets(R.Y, 1, R.v, n, 1, P.intercept, &ybar, &yy)
    yy = unless_rounding(yy, ybar, base_mean, rounding)
    null = 0.5 * yy
    if not null > 0:
        return IRREGULAR
    for j in range(p):
        R.lower[j] = 0 if R.constant[j] else -INFINITY
        R.upper[j] = 0 if R.constant[j] else INFINITY
        R.mean[j] = R.center[j] * R.multiplier[j]
    lap(P, 0, &start)

    if P.ratios != NULL:
        for i in range(n):
            R.r[i] = R.v[i] * (R.Y[i] - ybar)
        if product_of_one(&P.X, R.r, moderate and readable_by_blas(&P.X), R.c):
            return NO_MEMORY
        largest = 0
        for j in range(p):
            largest = max(largest, fabs(R.c[j]))
        if not largest > P.nothing * sqrt(yy):
            return IRREGULAR
        largest = largest_alpha(R.c, R.multiplier, p, R.lower, R.upper, sigma, P.l1_ratio, P.least_ratio)
        if not 0 < largest < INFINITY:
            return IRREGULAR
        for l in range(P.L):
            P.alphas[l] = largest * P.ratios[l]
    for l in range(P.L):
        R.l1[l] = P.alphas[l] * P.l1_ratio / sigma
        R.l2[l] = P.alphas[l] * (1.0 - P.l1_ratio)
    lap(P, 1, &start)

    for i in range(n):
        R.one_y[2 * i] = 1.0
        R.one_y[2 * i + 1] = R.Y[i]
        total += R.Y[i]
    none[0], none[1], unit[0], unit[1] = 0, 0, 1, 1
    targets.n, targets.p, targets.row, targets.col, targets.sparse, targets.single = n, 2, 2, 1, False, False
    targets.data, targets.center, targets.multiplier = <const char*>R.one_y, &none[0], &unit[0]
    gram_of_rows(&P.X, &targets, R.packed, R.C, R.raw)
    about_own_means(p, n, total, ybar, R.raw, R.C, R.c, R.z, R.zero)
    lap(P, 2, &start)

    if descend(P, R, null, sigma, signal, control, owner):
        return NO_MEMORY
    largest = 0
    for l in range(P.L):
        largest = max(largest, R.length[l])
    if rounding_of_gaps(largest, null) > P.doubtful * P.tol:
        return IRREGULAR
    for l in range(P.L):
        P.finite[l] = to_units_of_data(P.coef + l * p, p, base_mean + ybar, R.mean, R.multiplier, sigma, P.intercept, &P.level[l], &P.df[l])
    P.null, P.sigma = yy, sigma
    lap(P, 3, &start)
    return SOLVED


cdef void lap(Path* P, int phase, double* start) noexcept nogil:
    cdef double now = monotonic()
    P.seconds[phase] += now - start[0]
    start[0] = now


cdef int descend(Path* P, Room* R, double null, double sigma, Signal* signal, void* control, bint owner) noexcept nogil:
    """``gram_path`` of this one. Non-zero when memory is short."""
    cdef Batch A
    cdef Problem alone
    cdef Queue queue
    cdef Py_ssize_t first = 0, L = P.L
    cdef double yy = 2 * null, bound_scale = 1.0 / sigma
    A.M, A.L, A.ldc = P.X.p, L, P.X.p
    A.C, A.gram_of, A.c, A.yy, A.scale = R.C, &first, R.c, &yy, &null
    A.f1, A.f2, A.factor_rows, A.factor_ld = R.multiplier, R.f2, 1, P.X.p
    A.lower, A.upper, A.bound_scale = R.lower, R.upper, &bound_scale
    A.l1, A.l2, A.lengths = R.l1, R.l2, &L
    A.allowed_ptr, A.allowed = NULL, NULL
    A.start, A.start_l1, A.tol = R.zero, R.l1, &P.tol
    A.stop_dev_ratio, A.stop_dev_change, A.max_epochs = P.stop_dev_ratio, P.stop_dev_change, P.max_epochs
    A.by_kkt, A.counting, A.side_by_side, A.ahead = False, True, True, False
    A.coef, A.gap, A.residual, A.length = P.coef, P.gap, P.residual, R.length
    A.status, A.epochs, A.newtons = P.status, P.epochs, P.newtons
    if goes_small(&A):
        queue.batch, queue.order, queue.next, queue.end = &A, &first, 0, 1
        return solve_small(&queue, signal, control, owner)
    describe(&A, 0, &alone)
    return solve_alone(&alone, signal, control, owner)


def one_path(X, const double[:, :] Y, bint intercept, double l1_ratio, double[:, ::1] alphas, ratios, double tol, long max_epochs,
             double stop_dev_ratio, double stop_dev_change, constants, Control control, double[:, :, ::1] coef, double[:, ::1] level,
             double[:, ::1] gap, double[:, ::1] residual, double[:, ::1] df, unsigned char[:, ::1] finite, signed char[:, ::1] status,
             int[:, ::1] epochs, int[:, ::1] newtons):
    """The path of one target of a dense X into arrays (1, L, …): (whether it went, null deviance in sigma², sigma², seconds of the phases).

    Parameters
    ----------
    X : (n, p) ndarray of float32 or float64, any strides that are multiples of the item size
    Y : (n, 1)
    alphas, ratios : (1, L), (L,) or None
        Where ``ratios`` to the largest alpha are given, alphas are found and filled in.
    constants : (float, float, float, float)
        ``Path.rounding``, ``nothing``, ``least_ratio`` and ``doubtful``.
    coef : (1, L, p), zeros
    """
    cdef Path P
    cdef const double[::1] grid = ratios
    cdef long done = control.signal.done
    cdef int verdict
    cdef Py_ssize_t k
    P.X.n, P.X.p = X.shape
    P.X.sparse, P.X.single = False, X.itemsize == 4
    P.X.data = entries(X, &P.X.row, &P.X.col)
    if P.X.p == 1 and P.X.row == 1:
        P.X.col = max(1, P.X.n)
    P.y, P.step = &Y[0, 0], Y.strides[0] // sizeof(double)
    P.intercept, P.l1_ratio, P.tol, P.max_epochs = intercept, l1_ratio, tol, max_epochs
    P.stop_dev_ratio, P.stop_dev_change = stop_dev_ratio, stop_dev_change
    P.rounding, P.nothing, P.least_ratio, P.doubtful = constants
    P.L = alphas.shape[1]
    P.ratios = &grid[0] if ratios is not None else NULL
    P.alphas, P.coef, P.level, P.gap = &alphas[0, 0], &coef[0, 0, 0], &level[0, 0], &gap[0, 0]
    P.residual, P.df, P.finite, P.status = &residual[0, 0], &df[0, 0], &finite[0, 0], &status[0, 0]
    P.epochs, P.newtons, P.null, P.sigma = &epochs[0, 0], &newtons[0, 0], NAN, NAN
    for k in range(PHASES):
        P.seconds[k] = 0
    with nogil:
        verdict = walk(&P, &control.signal, <void*>control, True)
    if verdict == NO_MEMORY:
        raise MemoryError("one_path: no room for a Gram matrix")
    if verdict == IRREGULAR:
        control.signal.done = done
    return verdict == SOLVED, P.null, P.sigma * P.sigma, (P.seconds[0], P.seconds[1], P.seconds[2], P.seconds[3])
