# Whole regularisation paths by coordinate descent on the residual: the solver of sparse X and of supports too large for a Gram
# matrix. Descent stops at an estimate of the gap that costs nothing (the steps just taken tell by how much the gradient had been
# off), so that mostly one pass over X an alpha both certifies it and names the features for the next.
import numpy as np
from cython.parallel cimport parallel, threadid
from libc.math cimport INFINITY as inf
from libc.stdlib cimport malloc, free, calloc
from libc.string cimport memcpy
from riata_engine.cpu.certificate cimport duality_gap, boxed_gap
from riata_engine.cpu.control cimport Control, Signal, attend, fetch_add, wait_for_others
from riata_engine.cpu.design cimport Design
from riata_engine.cpu.residual_descent cimport (
    Epoch, admit, drop_resting, epoch, find_support, norms, refresh)
from riata_engine.cpu.residual_newton cimport newton
from riata_engine.cpu.residual_state cimport State, close_state, open_state
from riata_engine.cpu.status cimport CONVERGED, MAX_ITER, SKIPPED, TIME_BUDGET

include "../formulas/dust.py"
include "../formulas/early_stop.py"

cdef enum:
    CRAWL = 40                  # epochs to go at which a Newton step is dearer no more
    PRODUCTS = 100              # iterations of conjugate gradients in one Newton step

cdef double FLOOR = 1e-30       # a decrease of this share of the null objective says that rounding is reached


cdef struct Task:
    # one problem's path: what to solve, when to stop
    double scale                # null objective, 1 where that is 0
    const double* l1            # (L,)
    const double* l2
    Py_ssize_t L
    double tol
    long max_epochs
    double stop_dev_ratio
    double stop_dev_change
    bint by_kkt
    const Py_ssize_t* held      # held-out rows
    Py_ssize_t n_held
    const double* w             # (n,) their weights


cdef struct Answer:
    # where the path goes; coefficients are appended to growing (index, value) arrays, and ends[l] closes alpha l
    long long taken
    Py_ssize_t room
    Py_ssize_t* index
    double* value
    Py_ssize_t* ends
    double* gap
    double* residual
    double* held_out
    signed char* status
    int* epochs
    long long passes


cdef double certified_gap(const State* S, const Task* T, Py_ssize_t l, double rr, double ry) noexcept nogil:
    """The gap of what the last refresh has computed."""
    if T.by_kkt:
        return boxed_gap(S.X.p, S.t, S.b, T.l1[l], T.l2[l], S.f1, S.f2, S.lower, S.upper, S.bound_scale, S.h, T.scale)
    return duality_gap(S.X.p, S.t, S.b, T.l1[l], T.l2[l], S.f1, S.f2, S.lower, S.upper, S.bound_scale, rr, ry,
                       T.scale)


cdef int descend(State* S, const Task* T, Py_ssize_t l, double aim, int* epochs, Signal* signal, void* control,
                 bint owner) noexcept nogil:
    """Epochs until the gap over the features in play is about ``aim``: 0, or 1 where rounding lets them go no further, or −1 where
    memory is short.

    Between two epochs over everything in play, epochs over the support go on until they are ten times as close. Where, at the rate
    seen, they would go on for long, a Newton step takes over.
    """
    cdef Epoch seen
    cdef double goal, before, rate
    cdef int k, products
    while True:
        epoch(S, False, T.l1[l], T.l2[l], &seen)
        epochs[0] += 1
        if seen.decrease <= FLOOR * T.scale:
            return 1
        if seen.gap <= aim or epochs[0] >= T.max_epochs or attend(signal, control, owner):
            return 0
        find_support(S)
        goal = max(0.1 * seen.gap, 0.5 * aim)
        k = 0
        while seen.gap > goal and S.n_support and epochs[0] < T.max_epochs and not signal.stop:
            before = seen.gap
            epoch(S, True, T.l1[l], T.l2[l], &seen)
            epochs[0] += 1
            k += 1
            if k % 4 == 0:
                attend(signal, control, owner)
            rate = seen.gap / before
            if k >= 4 and (rate >= 1 or seen.gap * rate**CRAWL > aim):
                products = newton(S, T.l1[l], T.l2[l], max(1e-8, min(0.1, 0.3 * aim / seen.gap)),
                                  <int>min(PRODUCTS, T.max_epochs - epochs[0]), signal, control, owner)
                if products < 0:
                    return -1
                epochs[0] += products
                break
        if epochs[0] >= T.max_epochs:
            return 0


cdef int keep(const State* S, Answer* A) noexcept nogil:
    """Append the coefficients other than zero; those of free features always, and last."""
    cdef Py_ssize_t q, nonzero = S.n_free
    cdef Py_ssize_t* larger_index
    cdef double* larger_value
    for q in range(S.m):
        nonzero += S.play[q].b != 0
    if A.taken + nonzero > A.room:
        A.room = 2 * (A.taken + nonzero)
        larger_index = <Py_ssize_t*>malloc(A.room * sizeof(Py_ssize_t))
        larger_value = <double*>malloc(A.room * sizeof(double))
        if larger_index == NULL or larger_value == NULL:
            free(larger_index)
            free(larger_value)
            return 1
        if A.taken:
            memcpy(larger_index, A.index, A.taken * sizeof(Py_ssize_t))
            memcpy(larger_value, A.value, A.taken * sizeof(double))
        free(A.index)
        free(A.value)
        A.index, A.value = larger_index, larger_value
    for q in range(S.m):
        if S.play[q].b != 0:
            A.index[A.taken] = S.play[q].j
            A.value[A.taken] = S.play[q].b
            A.taken += 1
    for q in range(S.n_free):
        A.index[A.taken] = S.free[q].j
        A.value[A.taken] = S.free[q].b
        A.taken += 1
    return 0


cdef double held_out_error(const State* S, const Task* T) noexcept nogil:
    cdef Py_ssize_t k
    cdef double d, e = 0, weight = 0
    for k in range(T.n_held):
        d = S.r[T.held[k]] - S.total
        e += T.w[T.held[k]] * d * d
        weight += T.w[T.held[k]]
    return e / weight


cdef void drop_dust(State* S, double l1, double yy) noexcept nogil:
    cdef Py_ssize_t q
    for q in range(S.m):
        if is_dust(S.play[q].b, S.play[q].h, l1 * S.play[q].f1, yy):
            S.play[q].b = 0


cdef int one_path(State* S, const Task* T, Answer* A, Signal* signal, void* control, bint owner) noexcept nogil:
    """One problem's path; 1 where memory is short."""
    cdef Py_ssize_t l, k, L = T.L, came
    cdef double before = inf, rr, ry, goal = T.tol * T.scale, aim = 1, found, last, dev = 0, dev_before
    cdef int stuck
    for l in range(L):
        A.status[l] = SKIPPED
        A.ends[l] = 0
    refresh(S, 0)
    A.passes += 1
    for l in range(L):
        if attend(signal, control, owner):
            for k in range(l, L):
                A.status[k] = TIME_BUDGET if signal.stop == 2 else SKIPPED
            return 0
        found = max(2 * T.l1[l] - before, 0.0) if before < inf else T.l1[l]
        drop_resting(S, found)
        if admit(S, found) < 0:                              # strong rule
            return 1
        aim = 0.3 if T.by_kkt else min(1.0, 2 * aim)
        last = inf
        while True:
            stuck = 0
            if A.epochs[l] < T.max_epochs:
                stuck = descend(S, T, l, aim * goal, &A.epochs[l], signal, control, owner)
            if stuck < 0:
                return 1
            if signal.stop:                                  # not the answer that an undisturbed run gives
                break
            drop_dust(S, T.l1[l], 2 * T.scale)
            refresh(S, max(2 * T.l1[l + 1] - T.l1[l], 0.0) if l + 1 < L else T.l1[l])      # of the next strong rule
            A.passes += 1
            rr = norms(S, &ry)
            found = certified_gap(S, T, l, rr, ry)
            if found <= goal:
                A.status[l] = CONVERGED
                break
            if A.epochs[l] >= T.max_epochs:
                A.status[l] = MAX_ITER
                break
            came = admit(S, T.l1[l])
            if came < 0:
                return 1
            if came == 0:
                if stuck and found >= last:
                    A.status[l] = MAX_ITER
                    break
                aim *= 0.1 if T.by_kkt else max(0.1, min(0.5, 0.5 * goal / found))
            last = found
        if A.status[l] == SKIPPED:
            A.status[l] = TIME_BUDGET if signal.stop == 2 else SKIPPED
            for k in range(l + 1, L):
                A.status[k] = A.status[l]
            return 0
        if keep(S, A):
            return 1
        for k in range(l, L):
            A.ends[k] = A.taken
        A.gap[l] = found / T.scale
        A.residual[l] = rr
        if T.n_held:
            A.held_out[l] = held_out_error(S, T)
        before = T.l1[l]
        fetch_add(&signal.done, 1)
        dev_before = dev
        dev = 1 - rr / (2 * T.scale)
        if path_is_done(dev, dev_before, l, T.stop_dev_ratio, T.stop_dev_change):
            return 0
    return 0


def residual_path(Design design, const double[:, ::1] V, const double[:, ::1] mean, const double[:, ::1] h,
                  const Py_ssize_t[::1] group, const double[:, ::1] y, const double[::1] scale, const double[:, ::1] f1,
                  const double[:, ::1] f2, const double[::1] lower, const double[::1] upper, const double[::1] bound_scale,
                  const double[:, ::1] l1, const double[:, ::1] l2, double tol, long max_epochs, double stop_dev_ratio,
                  double stop_dev_change, bint by_kkt, bint intercept, const Py_ssize_t[::1] free_features,
                  const double[:, :, ::1] K, const Py_ssize_t[::1] held_ptr, const Py_ssize_t[::1] held,
                  const double[::1] w, Control control, int n_threads, double[:, ::1] gap, double[:, ::1] residual,
                  double[:, ::1] held_out, signed char[:, ::1] status, int[:, ::1] epochs):
    """Solve B paths on the residual.

    Parameters
    ----------
    design : Design
        CSC, or dense with contiguous columns.
    V : (G, n)
        Row weights of the groups, each of sum one.
    mean, h : (G, p)
        Means of the raw columns and variances of z, by group.
    y : (B, n)
        Centred targets.
    free_features, K : (q,), (G, q, q)
        Features without a penalty; K[g] K[g]ᵀ is the pseudo-inverse of their Gram matrix in group g.
    held_ptr, held : (G + 1,), rows
        Held-out rows of each group (their weight in V is 0); ``w`` (n,) weighs them.
    epochs : (B, L)
        Comes with what has been spent on an alpha before: ``max_epochs`` holds for all of it.

    Returns
    -------
    (list of (index, value, ends) a problem, passes over X)
    """
    cdef Py_ssize_t b, B = y.shape[0], L = l1.shape[1], q = free_features.shape[0]
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef long begun = 0, finished = 0, failed = 0
    cdef Py_ssize_t[:, ::1] ends = np.zeros((B, L), dtype=np.intp)
    cdef long long passes = 0
    cdef State* states = <State*>calloc(B + 1, sizeof(State))
    cdef Task* tasks = <Task*>calloc(B + 1, sizeof(Task))
    cdef Answer* answers = <Answer*>calloc(B + 1, sizeof(Answer))
    cdef State* S
    cdef Task* T
    cdef Answer* A
    cdef Py_ssize_t g
    cdef Py_ssize_t[::1] i_out
    cdef double[::1] v_out
    try:
        if states == NULL or tasks == NULL or answers == NULL:
            raise MemoryError("residual_path: no room for the list of problems")
        for b in range(B):
            g = group[b]
            S, T, A = &states[b], &tasks[b], &answers[b]
            S.X, S.y, S.v, S.mean, S.h = &design.view, &y[b, 0], &V[g, 0], &mean[g, 0], &h[g, 0]
            S.f1, S.f2 = &f1[g if f1.shape[0] > 1 else 0, 0], &f2[g if f2.shape[0] > 1 else 0, 0]
            S.lower, S.upper, S.bound_scale, S.intercept = &lower[0], &upper[0], bound_scale[b], intercept
            S.n_free = q
            S.K = &K[g, 0, 0] if q else NULL
            T.scale = scale[b] if scale[b] > 0 else 1.0
            T.l1, T.l2, T.L = &l1[b, 0], &l2[b, 0], L
            T.tol, T.max_epochs, T.by_kkt = tol, max_epochs, by_kkt
            T.stop_dev_ratio, T.stop_dev_change = stop_dev_ratio, stop_dev_change
            T.held, T.n_held, T.w = &held[0] + held_ptr[g], held_ptr[g + 1] - held_ptr[g], &w[0]
            A.ends, A.gap, A.residual, A.held_out = &ends[b, 0], &gap[b, 0], &residual[b, 0], &held_out[b, 0]
            A.status, A.epochs = &status[b, 0], &epochs[b, 0]
        n_threads = max(1, min(n_threads, <int>B))
        with nogil, parallel(num_threads=n_threads):
            while True:
                b = fetch_add(&begun, 1)
                if b >= B:
                    break
                if (open_state(&states[b], &free_features[0] if q else NULL)
                        or one_path(&states[b], &tasks[b], &answers[b], signal, handle, threadid() == 0)):
                    fetch_add(&failed, 1)
                close_state(&states[b])
                fetch_add(&finished, 1)
            if threadid() == 0:
                wait_for_others(&finished, <long>B, signal, handle)
        if failed:
            raise MemoryError("residual_path: no room for the residual or the coefficients of a problem")
        out = []
        for b in range(B):
            passes += answers[b].passes
            i_out = np.empty(answers[b].taken, dtype=np.intp)
            v_out = np.empty(answers[b].taken)
            if answers[b].taken:
                memcpy(&i_out[0], answers[b].index, answers[b].taken * sizeof(Py_ssize_t))
                memcpy(&v_out[0], answers[b].value, answers[b].taken * sizeof(double))
            out.append((np.asarray(i_out), np.asarray(v_out), np.asarray(ends[b])))
        return out, passes
    finally:
        if answers != NULL:
            for b in range(B):
                free(answers[b].index)
                free(answers[b].value)
        free(states)
        free(tasks)
        free(answers)
