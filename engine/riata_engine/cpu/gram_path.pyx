# Whole regularisation paths in Gram space, many problems a call.
#
#   minimise  ½ (yy − 2 cᵀb + bᵀC b) + Σ_j ( l1 f1_j |b_j| + ½ l2 f2_j b_j² ),   lower ≤ b ≤ upper
#
# for a descending sequence of (l1, l2). Problems are shared out among the threads; one problem is support_path.pyx
# or gram_descent.pyx.
from cython.parallel cimport parallel, threadid
from riata_engine.cpu.control cimport Control, Signal, fetch_add, wait_for_others, worth
from riata_engine.cpu.gram_descent cimport Batch, Problem, describe
from riata_engine.cpu.support_path cimport solve_problem

import numpy as np


def gram_path(C, const Py_ssize_t[::1] gram_of, const double[:, ::1] c, const double[::1] yy,
              const double[::1] scale, const double[:, ::1] f1, const double[:, ::1] f2, const double[::1] lower,
              const double[::1] upper, const double[::1] bound_scale, const double[:, ::1] l1, const double[:, ::1] l2,
              const Py_ssize_t[::1] lengths, const Py_ssize_t[::1] allowed_ptr, const Py_ssize_t[::1] allowed,
              const double[:, ::1] start, const double[::1] start_l1, Py_ssize_t M, const double[::1] tol, long max_epochs,
              double stop_dev_ratio, double stop_dev_change, bint by_kkt, Control control, int n_threads,
              double[:, :, ::1] coef, double[:, ::1] gap, double[:, ::1] residual, double[:, ::1] length,
              signed char[:, ::1] status, int[:, ::1] epochs, int[:, ::1] newtons, bint counting=True,
              bint few=False, bint ahead=False):
    """Solve B paths.

    Parameters
    ----------
    C : (G, cap, cap) or (G, size)
        Gram matrices, or the rows of their lower triangles one after the other (gram_entries.pxd); the leading M features of each
        are in use. ``gram_of`` (B,) tells which one a problem uses.
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
        (B, L, M), (B, L) …; ``coef`` must come zeroed; ``residual`` is ‖r‖², ``length`` Σ |b_j| √C_jj. ``epochs`` and ``newtons``
        come with what has been spent on an alpha before: ``max_epochs`` holds for all of it.
    counting
        Each solved alpha is progress; otherwise the caller counts.
    few
        M is that of a problem alone, not of a pool: few features may go from support to support (support_path.pyx).
    ahead
        The alphas behind the first may be rejected and solved again, so that each gets half of ``max_epochs`` only; behind one that
        has spent that, none is solved (``SKIPPED``).
    """
    cdef Py_ssize_t B = c.shape[0], t
    cdef Batch batch
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef long taken = 0, finished = 0, failed = 0
    if B == 0:
        return
    batch.M, batch.L = M, l1.shape[1]
    cdef const double[:, :, ::1] squares
    cdef const double[:, ::1] triangles
    if C.ndim == 3:
        squares = C
        batch.C, batch.ldc, batch.apart = &squares[0, 0, 0], squares.shape[1], 0
    else:
        triangles = C
        batch.C, batch.ldc, batch.apart = &triangles[0, 0], 0, triangles.shape[1]
    batch.gram_of = &gram_of[0]
    batch.c, batch.yy, batch.scale = &c[0, 0], &yy[0], &scale[0]
    batch.f1, batch.f2, batch.factor_rows, batch.factor_ld = &f1[0, 0], &f2[0, 0], f1.shape[0], f1.shape[1]
    batch.lower, batch.upper, batch.bound_scale = &lower[0], &upper[0], &bound_scale[0]
    batch.l1, batch.l2, batch.lengths = &l1[0, 0], &l2[0, 0], &lengths[0]
    batch.allowed_ptr, batch.allowed = NULL, NULL
    if allowed_ptr.shape[0]:
        batch.allowed_ptr, batch.allowed = &allowed_ptr[0], &allowed[0] if allowed.shape[0] else &allowed_ptr[0]
    batch.start, batch.start_l1, batch.tol = &start[0, 0], &start_l1[0], &tol[0]
    batch.stop_dev_ratio, batch.stop_dev_change, batch.max_epochs = stop_dev_ratio, stop_dev_change, max_epochs
    batch.by_kkt, batch.counting, batch.few, batch.ahead = by_kkt, counting, few, ahead
    batch.coef, batch.gap, batch.residual, batch.length = &coef[0, 0, 0], &gap[0, 0], &residual[0, 0], &length[0, 0]
    batch.status, batch.epochs, batch.newtons = &status[0, 0], &epochs[0, 0], &newtons[0, 0]
    n_threads = min(worth(10.0 * B * l1.shape[1] * M * M, n_threads), <int>B)
    cdef const Py_ssize_t[::1] order = np.argsort(gram_of, kind="stable")
    with nogil, parallel(num_threads=n_threads):
        while True:
            t = fetch_add(&taken, 1)
            if t >= B:
                break
            if one(&batch, order[t], signal, handle, threadid() == 0):
                fetch_add(&failed, 1)
            fetch_add(&finished, 1)
        if threadid() == 0:
            wait_for_others(&finished, <long>B, signal, handle)
    if failed:
        raise MemoryError("gram_path: no room for the active block of a problem")


cdef int one(const Batch* batch, Py_ssize_t b, Signal* signal, void* control, bint owner) noexcept nogil:
    cdef Problem P
    describe(batch, b, &P)
    return solve_problem(&P, signal, control, owner)
