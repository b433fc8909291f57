# Many paths of penalised smooth losses, side by side: see newton_path.pyx.
from cython.parallel cimport parallel, threadid
from libc.stdlib cimport calloc, free
from riata_engine.cpu.control cimport Control, Signal, fetch_add, wait_for_others
from riata_engine.cpu.design cimport Design
from riata_engine.cpu.loss_gap cimport gap_of_loss
from riata_engine.cpu.loss_rows cimport level_of_rows, saturated_of_rows
from riata_engine.cpu.newton_path cimport Task, solve_task


def newton_paths(Design design, int loss, double parameter, const double[:, ::1] y, const Py_ssize_t[::1] target,
                 const double[:, ::1] V, const Py_ssize_t[::1] group, offset, const Py_ssize_t[::1] columns, const Py_ssize_t[::1] begin,
                 const Py_ssize_t[::1] end, const double[:, ::1] f1, const double[:, ::1] f2, const double[::1] lower,
                 const double[::1] upper, const double[:, ::1] l1, const double[:, ::1] l2, const Py_ssize_t[::1] lengths,
                 const double[::1] start_l1,
                 const double[::1] scale, const double[::1] saturated, double tol, long max_epochs, double stop_dev_ratio,
                 double stop_dev_change, bint intercept, const Py_ssize_t[::1] held_ptr, const Py_ssize_t[::1] held,
                 const double[::1] held_weight, double[::1] start, const Py_ssize_t[::1] start_at, double[::1] coef,
                 const Py_ssize_t[::1] coef_at, double[:, ::1] level, double[:, ::1] gap, double[:, ::1] value, double[:, ::1] held_out,
                 signed char[:, ::1] status, int[:, ::1] epochs, int[:, ::1] newtons, residual, predictor,
                 double[:, ::1] fault, Control control, int n_threads):
    """Solve B paths of L alphas, each on its own list of columns.

    Parameters
    ----------
    design : Design
        Dense with contiguous columns, or CSC.
    y : (T, n) targets; V : (G, n) row weights of sum one; offset : (n,) or None
    columns, begin, end
        Problem b has the columns columns[begin[b]:end[b]].
    f1, f2 : (1 or G, p); lower, upper : (p,)
    l1, l2 : (B, L)
        Of problem b the first lengths[b] count.
    start_l1 : (B,)
        The penalties that the starts were solved for.
    scale, saturated : (B,)
        Null objective above its least possible value, and that value.
    start : coefficients to start from and the intercept, problem b from start_at[b] on; holds the last ones afterwards.
    coef : (L, m) coefficients of problem b from coef_at[b] on.
    level, gap, value, held_out, status, epochs, newtons : (B, L)
        Answers; the last two are added to.
    residual : (B, L, n) array or None
        r = −v ℓ'(y, η) at each alpha.
    predictor : (B, L, n) array or None
        η at each alpha.
    fault : (B, 3)
        Of a problem of status NOT_FINITE: the function at fault, and the y and η of the row (loss_rows.pyx).
    """
    cdef Py_ssize_t b, B = l1.shape[0], n = design.view.n, g
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef long begun = 0, finished = 0, failed = 0
    cdef const double[::1] o = offset
    cdef double[:, :, ::1] R = residual, E = predictor
    cdef Task* tasks = <Task*>calloc(B + 1, sizeof(Task))
    cdef Task* T
    if tasks == NULL:
        raise MemoryError("newton_paths: no room for the list of problems")
    if not design.view.sparse and design.view.row != 1 and n > 1:
        free(tasks)
        raise ValueError("newton_paths takes a dense design with contiguous columns")
    for b in range(B):
        T, g = &tasks[b], group[b]
        T.rows.loss, T.rows.a, T.rows.n, T.rows.y, T.rows.v = loss, parameter, n, &y[target[b], 0], &V[g, 0]
        T.X, T.list, T.m, T.L = &design.view, &columns[0] + begin[b], end[b] - begin[b], lengths[b]
        T.offset = &o[0] if o is not None else NULL
        T.f1, T.f2 = &f1[g if f1.shape[0] > 1 else 0, 0], &f2[g if f2.shape[0] > 1 else 0, 0]
        T.lower, T.upper = &lower[0], &upper[0]
        T.l1, T.l2, T.start_l1, T.intercept = &l1[b, 0], &l2[b, 0], start_l1[b], intercept
        T.scale, T.saturated, T.tol, T.max_epochs = scale[b], saturated[b], tol, max_epochs
        T.stop_dev_ratio, T.stop_dev_change = stop_dev_ratio, stop_dev_change
        T.held, T.n_held, T.held_weight = &held[0] + held_ptr[g], held_ptr[g + 1] - held_ptr[g], &held_weight[0]
        T.start, T.coef = &start[0] + start_at[b], &coef[0] + coef_at[b]
        T.level, T.gap, T.value, T.held_out = &level[b, 0], &gap[b, 0], &value[b, 0], &held_out[b, 0]
        T.status, T.epochs, T.newtons = &status[b, 0], &epochs[b, 0], &newtons[b, 0]
        T.residual = &R[b, 0, 0] if R is not None else NULL
        T.predictor = &E[b, 0, 0] if E is not None else NULL
        T.fault = &fault[b, 0]
    n_threads = max(1, min(n_threads, <int>B))
    with nogil, parallel(num_threads=n_threads):
        while True:
            b = fetch_add(&begun, 1)
            if b >= B:
                break
            if solve_task(&tasks[b], signal, handle, threadid() == 0):
                fetch_add(&failed, 1)
            fetch_add(&finished, 1)
        if threadid() == 0:
            wait_for_others(&finished, <long>B, signal, handle)
    free(tasks)
    if failed:
        raise MemoryError("newton_paths: no room for the curvature of a problem")


def saturated_values(int loss, double parameter, int link, const double[:, ::1] y, const Py_ssize_t[::1] target,
                     const double[:, ::1] V, const Py_ssize_t[::1] group, double[::1] out, double[::1] level):
    """out[b] = Σ v min_η ℓ(y, η), level[b] the linear predictor of Σ v y."""
    cdef Task T
    cdef Py_ssize_t b
    T.rows.loss, T.rows.a, T.rows.n = loss, parameter, y.shape[1]
    for b in range(target.shape[0]):
        T.rows.y, T.rows.v = &y[target[b], 0], &V[group[b], 0]
        out[b], level[b] = saturated_of_rows(&T.rows), level_of_rows(&T.rows, link)


def gaps_of_losses(int loss, double parameter, const double[:, ::1] y, const Py_ssize_t[::1] target, const double[:, ::1] V,
                   const Py_ssize_t[::1] group, const double[:, ::1] f1, const double[:, ::1] f2, const double[::1] lower,
                   const double[::1] upper, const double[::1] l1, const double[::1] l2, const double[::1] scale, const double[:, ::1] T,
                   const double[:, ::1] b, const double[:, ::1] eta, const double[:, ::1] r, const double[::1] value, offset,
                   double[::1] out):
    """out[k] = the gap of solution k over all p features, in units of its ``scale``.

    T (K, p) = Zᵀr, b (K, p), eta and r (K, n), offset (n,) or None, and (K,) each of all else; ``target`` and ``group`` name the data of
    solution k.
    """
    cdef Task P
    cdef Py_ssize_t k, g
    cdef const double[::1] o = offset
    P.rows.loss, P.rows.a, P.rows.n, P.m = loss, parameter, y.shape[1], T.shape[1]
    P.offset = &o[0] if o is not None else NULL
    with nogil:
        for k in range(T.shape[0]):
            g = group[k] if f1.shape[0] > 1 else 0
            P.rows.y, P.rows.v, P.scale = &y[target[k], 0], &V[group[k], 0], scale[k]
            out[k] = gap_of_loss(&P, &f1[g, 0], &f2[g, 0], &lower[0], &upper[0], &T[k, 0], &b[k, 0], &eta[k, 0], &r[k, 0],
                                 value[k], l1[k], l2[k]) / scale[k]
