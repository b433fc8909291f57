# Whole regularisation paths in Gram space, many problems a call.
#
#   minimise  ½ (yy − 2 cᵀb + bᵀC b) + Σ_j ( l1 f1_j |b_j| + ½ l2 f2_j b_j² ),   lower ≤ b ≤ upper
#
# for a descending sequence of (l1, l2). Problems are shared out among the threads; one problem is gram_descent.pyx.
from cython.parallel cimport parallel, threadid
from libc.stdlib cimport malloc, free
from riata_engine.cpu.active_block cimport block_close, block_open
from riata_engine.cpu.control cimport Control, Signal, fetch_add, wait_for_others, worth
from riata_engine.cpu.gram_descent cimport NO_MEMORY, Problem, Scratch, solve_path

cdef double NARROW = 1e-9                      # smallest tol for which a block may be float32


def gram_path(const double[:, :, ::1] C, const Py_ssize_t[::1] gram_of, const double[:, ::1] c, const double[::1] yy,
              const double[::1] scale, const double[:, ::1] f1, const double[:, ::1] f2, const double[::1] lower,
              const double[::1] upper, const double[::1] bound_scale, const double[:, ::1] l1, const double[:, ::1] l2,
              const Py_ssize_t[::1] lengths, const Py_ssize_t[::1] allowed_ptr, const Py_ssize_t[::1] allowed,
              const double[:, ::1] start, const double[::1] start_l1, Py_ssize_t M, const double[::1] tol, long max_epochs,
              double stop_dev_ratio, double stop_dev_change, bint by_kkt, Control control, int n_threads,
              double[:, :, ::1] coef, double[:, ::1] gap, double[:, ::1] residual, double[:, ::1] length,
              signed char[:, ::1] status, int[:, ::1] epochs, int[:, ::1] newtons, bint counting=True):
    """Solve B paths.

    Parameters
    ----------
    C : (G, cap, cap)
        Gram matrices; the leading M features of each are in use. ``gram_of`` (B,) tells which one a problem uses.
    c, yy, scale : (B, M), (B,), (B,)
        Xᵀy, yᵀy, and the null objective (the unit of the gap).
    f1, f2 : (1 or G, M)
        Penalty factors of the l1 and the l2 part.
    lower, upper : (M,), bound_scale : (B,)
        Problem b keeps lower·bound_scale[b] ≤ coef ≤ upper·bound_scale[b]; (0, 0) leaves a feature out.
    l1, l2 : (B, L)
        Penalties, descending; problem b solves the first ``lengths[b]``.
    allowed_ptr, allowed
        Problem b may only use pool features allowed[allowed_ptr[b]:allowed_ptr[b + 1]]; empty ``allowed_ptr``: all.
    start, start_l1 : (B, M), (B,)
        Coefficients to start from and the l1 they were solved for.
    tol : (B,)
        Relative gap at which an alpha is done.
    coef, gap, residual, length, status, epochs, newtons : outputs
        (B, L, M), (B, L) …; ``coef`` must come zeroed; ``residual`` is ‖r‖², ``length`` Σ |b_j| √C_jj.
    counting
        Each solved alpha is progress; otherwise the caller counts.
    """
    cdef Py_ssize_t b, B = c.shape[0]
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef long taken = 0, finished = 0, failed = 0
    if B == 0:
        return
    n_threads = min(worth(10.0 * B * l1.shape[1] * M * M, n_threads), <int>B)
    with nogil, parallel(num_threads=n_threads):
        while True:
            b = fetch_add(&taken, 1)
            if b >= B:
                break
            if run(b, &C[0, 0, 0], C.shape[1], gram_of[b], &c[b, 0], yy[b], scale[b], &f1[0, 0], &f2[0, 0], f1.shape[0], f1.shape[1],
                   &lower[0], &upper[0], bound_scale[b], &l1[b, 0], &l2[b, 0], lengths[b],
                   &allowed[allowed_ptr[b]] if allowed_ptr.shape[0] and allowed_ptr[b + 1] > allowed_ptr[b] else NULL,
                   allowed_ptr[b + 1] - allowed_ptr[b] if allowed_ptr.shape[0] else -1,
                   &start[b, 0], start_l1[b], M, tol[b], max_epochs, stop_dev_ratio, stop_dev_change, by_kkt,
                   &coef[b, 0, 0], &gap[b, 0], &residual[b, 0], &length[b, 0], &status[b, 0], &epochs[b, 0], &newtons[b, 0],
                   counting, signal, handle, threadid() == 0):
                fetch_add(&failed, 1)
            fetch_add(&finished, 1)
        if threadid() == 0:
            wait_for_others(&finished, <long>B, signal, handle)
    if failed:
        raise MemoryError("gram_path: no room for the active block of a problem")


cdef int run(Py_ssize_t b, const double* C, Py_ssize_t cap, Py_ssize_t gram, const double* c, double yy, double scale,
             const double* f1, const double* f2, Py_ssize_t factor_rows, Py_ssize_t factor_ld, const double* lower, const double* upper,
             double bound_scale, const double* l1, const double* l2, Py_ssize_t L, const Py_ssize_t* allowed,
             Py_ssize_t n_allowed, const double* start, double start_l1, Py_ssize_t M, double tol, long max_epochs,
             double stop_dev_ratio, double stop_dev_change, bint by_kkt, double* coef, double* gap, double* residual,
             double* length, signed char* status, int* epochs, int* newtons, bint counting, Signal* signal, void* control,
             bint owner) noexcept nogil:
    cdef Problem P
    cdef Scratch W
    cdef Py_ssize_t row = gram if factor_rows > 1 else 0, k, nonzero = 0
    cdef int code
    P.M = M
    P.L = L
    P.C = C + gram * cap * cap
    P.ldc = cap
    P.c = c
    P.yy = yy
    P.null = scale
    P.scale = scale if scale > 0 else 1.0
    P.f1 = f1 + row * factor_ld
    P.f2 = f2 + row * factor_ld
    P.lower = lower
    P.upper = upper
    P.bound_scale = bound_scale
    P.allowed = allowed if n_allowed != 0 else <const Py_ssize_t*>start      # any pointer: an empty list
    P.n_allowed = n_allowed
    if n_allowed < 0:
        P.allowed = NULL
    P.l1 = l1
    P.l2 = l2
    P.start = start
    P.start_l1 = start_l1
    P.tol = tol
    P.stop_dev_ratio = stop_dev_ratio
    P.stop_dev_change = stop_dev_change
    P.max_epochs = max_epochs
    P.by_kkt = by_kkt
    P.counting = counting
    P.coef = coef
    P.gap = gap
    P.residual = residual
    P.length = length
    P.status = status
    P.epochs = epochs
    P.newtons = newtons
    for k in range(M):
        nonzero += start[k] != 0
    W.position = <Py_ssize_t*>malloc(max(M, 1) * sizeof(Py_ssize_t))
    W.g = <double*>malloc(max(2 * M, 1) * sizeof(double))
    code = block_open(&W.A, min(M, max(2 * nonzero, 64)), P.C, P.ldc, not by_kkt and tol >= NARROW)
    if code or W.position == NULL or W.g == NULL:
        code = NO_MEMORY
    else:
        W.b = W.g + M
        code = solve_path(&P, &W, signal, control, owner)
    block_close(&W.A)
    free(W.position)
    free(W.g)
    return code
