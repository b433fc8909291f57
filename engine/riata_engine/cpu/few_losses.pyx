# A path of a loss on few features, and its folds, from the rows of X to coefficients in units of the data: what prox_newton.py does for
# a batch on one design, in the same order and with the same loops, so that a path has the same bits. A fold is a path at weights that
# are 0 on its rows, with a null model of its own.
from libc.math cimport fabs, isfinite, INFINITY, NAN
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from riata_engine.cpu.control cimport Signal, fetch_add, monotonic
from riata_engine.cpu.design cimport Columns
from riata_engine.cpu.few_features cimport derived_alphas, lap, lay_out_columns, take, units
from riata_engine.cpu.few_task cimport IRREGULAR, Room, Rules, SHORT_OF_MEMORY, SOLVED, Task
from riata_engine.cpu.loss_rows cimport level_of_rows, saturated_of_rows
from riata_engine.cpu.newton_path cimport Task as Path, solve_task
from riata_engine.cpu.scale cimport to_units_of_data
from riata_engine.cpu.status cimport CONVERGED, MAX_ITER

cdef double TINY = 1e-300
cdef double UNVARYING = 1e-14                      # of the least loss: a null model that loses no more than this beyond it explains all

cdef struct Own:
    # what a task of a loss needs beside the ``Room`` of its columns and grid
    Columns X                                      # with contiguous columns
    double* copy                                   # them, where those of the task are not
    double* y
    double* v                                      # (n) weights of a group, sum one
    double* r                                      # (n) at its null model
    double* start                                  # (p + 1)
    double* value                                  # (L) each, of the path at hand
    double* held
    double* gap
    double* level
    double* predictor                              # (L, n)
    double* coef                                   # (L, p) of a fold
    signed char* status
    int* epochs
    int* newtons
    Py_ssize_t* list                               # (p) all columns
    Py_ssize_t* rows                               # (n) that the fold holds out
    double nought


cdef int walk_of_loss(Task* P, const Rules* A, Signal* signal, void* control, bint owner) noexcept nogil:
    """As ``walk`` of few_features.pyx."""
    cdef Room R
    cdef Own W
    cdef int verdict
    cdef double* memory = <double*>calloc(lay_out(&R, &W, P, NULL), sizeof(double))
    if memory == NULL:
        return SHORT_OF_MEMORY
    memset(&W, 0, sizeof(Own))
    lay_out(&R, &W, P, memory)
    memset(P.coef, 0, P.L * P.X.p * sizeof(double))
    verdict = walk_in(P, A, &R, &W, signal, control, owner)
    free(memory)
    if verdict == SOLVED and signal.stop == 0:
        fetch_add(&signal.done, P.L)
    return verdict


cdef Py_ssize_t lay_out(Room* R, Own* W, const Task* P, double* memory) noexcept nogil:
    """Divide ``memory`` among the arrays; returns how many numbers these need. Integers take the room of numbers."""
    cdef Py_ssize_t n = P.X.n, p = P.X.p, L = P.L
    cdef double* at = memory
    lay_out_columns(R, P, &at)
    W.y, W.v, W.r, W.rows = take(&at, n), take(&at, n), take(&at, n), <Py_ssize_t*>take(&at, n)
    R.c, W.list, W.start = take(&at, p), <Py_ssize_t*>take(&at, p), take(&at, p + 1)
    R.l1, R.l2, W.value, W.held, W.gap, W.level = take(&at, L), take(&at, L), take(&at, L), take(&at, L), take(&at, L), take(&at, L)
    W.status, W.epochs, W.newtons = <signed char*>take(&at, L), <int*>take(&at, L), <int*>take(&at, L)
    W.coef = take(&at, L * p) if P.K else NULL
    W.predictor = take(&at, L * n) if P.K and P.prediction != NULL else NULL
    W.copy = take(&at, n * p) if P.X.row != 1 else NULL
    return at - memory


cdef int walk_in(Task* P, const Rules* A, Room* R, Own* W, Signal* signal, void* control, bint owner) noexcept nogil:
    cdef Py_ssize_t n = P.X.n, p = P.X.p, L = P.L, i, j, l, k
    cdef double start = monotonic()
    cdef bint moderate = False
    cdef Path T
    cdef int verdict
    verdict = units(P, A, R, &moderate)
    if verdict:
        return verdict
    side_by_side(P, W)
    for i in range(n):
        W.y[i], W.v[i] = P.y[i * P.step], P.v[i]
    for j in range(p):
        W.list[j] = j
    lap(P, 0, &start)

    describe(P, A, R, W, &T)
    verdict = null_model(A, W, &T, signal, control, owner)
    if verdict:
        return verdict
    P.null, P.sigma = 2 * T.scale, 1
    if P.ratios != NULL and signal.stop == 0:
        verdict = derived_alphas(P, A, R, &W.X, W.r, 0, 1, moderate)
        if verdict:
            return verdict
    for l in range(L):
        R.l1[l], R.l2[l] = P.alphas[l] * P.l1_ratio, P.alphas[l] * (1.0 - P.l1_ratio)
    lap(P, 1, &start)

    T.coef, T.gap, T.status, T.epochs, T.newtons = P.coef, P.gap, P.status, P.epochs, P.newtons
    if solve_task(&T, signal, control, owner):
        return SHORT_OF_MEMORY
    for l in range(L):
        P.residual[l] = 2 * (W.value[l] - T.saturated)
        P.finite[l] = to_units_of_data(P.coef + l * p, p, W.level[l], R.mean, R.multiplier, 1, A.intercept, &P.level[l], &P.df[l])
    lap(P, 2, &start)

    T.coef, T.gap, T.status, T.epochs, T.newtons = W.coef, W.gap, W.status, W.epochs, W.newtons
    T.predictor = W.predictor
    for l in range(L if P.K else 0):
        P.fold_gap[l], P.fold_status[l] = 0, CONVERGED
    for k in range(P.K):
        verdict = fold(P, A, W, &T, k, signal, control, owner)
        if verdict:
            return verdict
    lap(P, 3, &start)
    return SOLVED


cdef void side_by_side(const Task* P, Own* W) noexcept nogil:
    """The columns of the task, contiguous."""
    cdef Py_ssize_t i, j, n = P.X.n, p = P.X.p
    cdef float* single = <float*>W.copy
    W.X = P.X
    if P.X.row == 1:
        return
    for i in range(n):
        if P.X.single:
            for j in range(p):
                single[j * n + i] = (<const float*>P.X.data)[i * P.X.row + j * P.X.col]
        else:
            for j in range(p):
                W.copy[j * n + i] = (<const double*>P.X.data)[i * P.X.row + j * P.X.col]
    W.X.data, W.X.row, W.X.col = <const char*>W.copy, 1, n


cdef void describe(const Task* P, const Rules* A, Room* R, Own* W, Path* T) noexcept nogil:
    """What all paths of a task have in common."""
    memset(T, 0, sizeof(Path))
    T.rows.loss, T.rows.a, T.rows.n, T.rows.y, T.rows.v = A.loss, A.parameter, P.X.n, W.y, W.v
    T.X, T.list, T.m, T.L = &W.X, W.list, P.X.p, P.L
    T.f1, T.f2, T.lower, T.upper, T.l1, T.l2 = R.multiplier, R.f2, R.lower, R.upper, R.l1, R.l2
    T.intercept, T.silent, T.tol, T.max_epochs = A.intercept, True, A.tol, A.max_epochs
    T.stop_dev_ratio, T.stop_dev_change = A.stop_dev_ratio, A.stop_dev_change
    T.held_weight, T.held, T.start = P.v, W.rows, W.start
    T.level, T.value, T.held_out = W.level, W.value, W.held


cdef int null_model(const Rules* A, Own* W, Path* T, Signal* signal, void* control, bint owner) noexcept nogil:
    """The fit of the intercept alone at the weights of now: the path begins there, and its loss is the unit of the gap."""
    cdef Path N = T[0]
    cdef double level, gap, value
    cdef signed char status
    cdef int epochs = 0, newtons = 0
    N.m, N.L, N.n_held, N.predictor, N.residual = 0, 1, 0, NULL, W.r
    N.l1, N.l2, N.start_l1, N.scale, N.tol = &W.nought, &W.nought, 0, 1, A.null_tol
    N.stop_dev_ratio, N.stop_dev_change = INFINITY, -INFINITY
    N.saturated = saturated_of_rows(&N.rows)
    N.level, N.gap, N.value, N.status, N.epochs, N.newtons = &level, &gap, &value, &status, &epochs, &newtons
    level, value = NAN, NAN
    W.start[0] = level_of_rows(&N.rows, A.link)
    if A.intercept and not isfinite(W.start[0]):   # no fit has a minimum
        return IRREGULAR
    if not A.intercept:
        W.start[0] = 0
    if solve_task(&N, signal, control, owner):
        return SHORT_OF_MEMORY
    memset(W.start, 0, T.m * sizeof(double))
    W.start[T.m] = level if isfinite(level) else 0
    T.saturated, T.scale = N.saturated, value - N.saturated
    if signal.stop:
        T.scale = 1
    elif not T.scale > UNVARYING * max(fabs(T.saturated), TINY):
        return IRREGULAR
    T.start_l1 = T.l1[0]
    return SOLVED


cdef int fold(Task* P, const Rules* A, Own* W, Path* T, Py_ssize_t k, Signal* signal, void* control, bint owner) noexcept nogil:
    """The path without the rows of fold k, and what it says of them."""
    cdef Py_ssize_t n = P.X.n, L = P.L, i, l, q
    cdef double left = 0, held = 0
    cdef bint solved
    cdef int verdict
    T.n_held = 0
    for i in range(n):
        if P.fold[i] == k:
            W.rows[T.n_held] = i
            T.n_held += 1
            held += P.v[i]
        else:
            left += P.v[i]
    if not (left > 0 and held > 0):
        return IRREGULAR
    for i in range(n):
        W.v[i] = 0 if P.fold[i] == k else P.v[i] / left
    verdict = null_model(A, W, T, signal, control, owner)
    if verdict:
        return verdict
    for l in range(L):
        W.gap[l], W.held[l] = NAN, NAN
    if solve_task(T, signal, control, owner):
        return SHORT_OF_MEMORY
    for l in range(L):
        if W.status[l] == CONVERGED and W.gap[l] == INFINITY:
            W.status[l] = MAX_ITER
        solved = W.status[l] == CONVERGED or W.status[l] == MAX_ITER
        P.held_out[k * L + l] = W.held[l] if solved else NAN
        if not W.gap[l] <= P.fold_gap[l]:              # NaN stays
            P.fold_gap[l] = W.gap[l]
        P.fold_status[l] = max(P.fold_status[l], W.status[l])
        for q in range(T.n_held if P.prediction != NULL else 0):
            i = W.rows[q]
            P.prediction[i * L + l] = W.predictor[l * n + i] if solved else NAN
    return SOLVED
