# Many paths on few features and their folds, each with a design of its own: a task at a time on each thread, in the given order.
import numpy as np
from cython.parallel cimport parallel, threadid
from libc.math cimport NAN
from libc.stdlib cimport calloc, free
from riata_engine.cpu.control cimport Control, Signal, attend, fetch_add, wait_for_others
from riata_engine.cpu.design cimport entries
from riata_engine.cpu.few_features cimport walk
from riata_engine.cpu.few_losses cimport walk_of_loss
from riata_engine.cpu.few_task cimport INFINITE_X, IRREGULAR, PHASES, Rules, SHORT_OF_MEMORY, SOLVED, Task

#: verdicts
WENT, LONG_WAY, HAS_NAN, NOT_REACHED = SOLVED, IRREGULAR, INFINITE_X, 9


cdef void describe_design(Task* P, X, double rounding):
    P.X.n, P.X.p = X.shape
    P.X.sparse, P.X.single = False, X.itemsize == 4
    P.X.data = entries(X, &P.X.row, &P.X.col)
    if P.X.p == 1 and P.X.row == 1:                # one column: numpy's stride to the next one means nothing
        P.X.col = max(1, P.X.n)
    P.rounding = rounding


def small_paths(list X, list y, list weights, list folds, const Py_ssize_t[::1] n_folds, rules, const double[::1] l1_ratio,
                const double[::1] rounding, double[:, ::1] alphas, const double[:, ::1] ratios, answers, double[::1] coef,
                const Py_ssize_t[::1] coef_at, double[::1] held_out, const Py_ssize_t[::1] held_out_at, double[::1] prediction,
                const Py_ssize_t[::1] prediction_at, double[:, ::1] fold_gap, signed char[:, ::1] fold_status, Control control,
                const Py_ssize_t[::1] order, int n_threads=1):
    """Solve B tasks of L alphas; their arrays are filled in.

    Parameters
    ----------
    X : B ndarrays (n_b, p_b) of float32 or float64, any strides that are multiples of the item size
    y : B ndarrays (n_b,) of float64
    weights : B entries: None, or a contiguous (n_b,) of sum one
    folds : B entries: None, or a contiguous (n_b,) of int32, the fold that holds a row out, negative: none
    n_folds : (B,)
    rules : tuple, the fields of ``Rules``
    rounding : (B,), see ``rounding_of_mean``
    alphas : (B, L)
    ratios : (1 or B, L) or None
        Where ``ratios`` to the largest alpha are given, alphas are found and filled in.
    answers : Answers
        With the arrays (B, L) that paths have.
    coef, held_out, prediction : flat; the numbers of task b begin at ``…_at[b]``
        (L, p_b), (n_folds[b], L) and (n_b, L). Where there are no folds ``held_out`` may be None, and ``prediction`` always.
    fold_gap, fold_status : (B, L)
    order : (B,)
        In which tasks are begun.

    Returns
    -------
    verdict : (B,) int8
        WENT; or LONG_WAY, HAS_NAN, NOT_REACHED, of whose answers nothing is to be read.
    null, sigma : (B,)
        Null deviance in units of sigma², and sigma, of the targets.
    seconds : (B, 4)
        Standard form, grid, Gram matrices, descent.
    """
    cdef Py_ssize_t B = alphas.shape[0], L = alphas.shape[1], b, k, t
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef long taken = 0, finished = 0
    cdef Rules A
    cdef Task* P
    cdef const double[:] target
    cdef const double[::1] v
    cdef const int[::1] fold
    cdef double[:, ::1] level = answers.intercept, gap = answers.gap, residual = answers.residual, df = answers.df
    cdef unsigned char[:, ::1] finite = answers.finite
    cdef signed char[:, ::1] status = answers.status
    cdef int[:, ::1] epochs = answers.n_epochs, newtons = answers.n_cholesky
    verdicts = np.full(B, NOT_REACHED, np.int8)
    nulls, sigmas, times = np.full(B, NAN), np.full(B, NAN), np.zeros((B, PHASES))
    cdef signed char[::1] verdict = verdicts
    cdef double[::1] null = nulls, sigma = sigmas
    cdef double[:, ::1] seconds = times
    cdef Task* tasks = <Task*>calloc(max(B, 1), sizeof(Task))
    if tasks == NULL:
        raise MemoryError(f"small_paths: no room for {B} tasks")
    (A.intercept, A.finite, A.tol, A.max_epochs, A.stop_dev_ratio, A.stop_dev_change, A.nothing, A.least_ratio, A.doubtful, A.guard,
     A.light, A.inflated, A.far_off, A.loss, A.link, A.parameter, A.null_tol) = rules
    try:
        for b in range(B):
            P = &tasks[b]
            describe_design(P, X[b], rounding[b])
            target = y[b]
            P.y, P.step = &target[0], target.strides[0] // <Py_ssize_t>sizeof(double)
            if target.strides[0] % <Py_ssize_t>sizeof(double):
                raise ValueError(f"y[{b}] has a stride of {target.strides[0]} bytes, which is no multiple of {sizeof(double)}")
            P.even = weights[b] is None
            if not P.even:
                v = weights[b]
                P.v = &v[0]
            P.K, P.L, P.l1_ratio = n_folds[b], L, l1_ratio[b]
            if P.K:
                fold = folds[b]
                P.fold = &fold[0]
                P.held_out = &held_out[held_out_at[b]]
                P.prediction = &prediction[prediction_at[b]] if prediction is not None else NULL
                P.fold_gap, P.fold_status = &fold_gap[b, 0], &fold_status[b, 0]
            P.ratios = &ratios[b if ratios.shape[0] > 1 else 0, 0] if ratios is not None else NULL
            P.alphas, P.coef, P.level, P.gap = &alphas[b, 0], &coef[coef_at[b]], &level[b, 0], &gap[b, 0]
            P.residual, P.df, P.finite, P.status = &residual[b, 0], &df[b, 0], &finite[b, 0], &status[b, 0]
            P.epochs, P.newtons = &epochs[b, 0], &newtons[b, 0]
        with nogil, parallel(num_threads=max(1, min(n_threads, <int>B))):
            while True:
                t = fetch_add(&taken, 1)
                if t >= B:
                    break
                t = order[t]
                if attend(signal, handle, threadid() == 0) == 0:
                    verdict[t] = (walk_of_loss if A.loss else walk)(&tasks[t], &A, signal, handle, threadid() == 0)
                fetch_add(&finished, 1)
            if threadid() == 0:
                wait_for_others(&finished, <long>B, signal, handle)
        for b in range(B):
            if verdict[b] == SHORT_OF_MEMORY:      # the long way needs less at a time
                verdict[b] = LONG_WAY
            if verdict[b] == SOLVED:
                null[b], sigma[b] = tasks[b].null, tasks[b].sigma
            for k in range(PHASES):
                seconds[b, k] = tasks[b].seconds[k]
    finally:
        free(tasks)
    return verdicts, nulls, sigmas, times
