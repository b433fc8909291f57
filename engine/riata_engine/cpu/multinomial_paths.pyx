# Paths of several problems of the multinomial loss on one design, shared out among the threads.
import numpy as np
from cython.parallel cimport parallel, threadid
from libc.stdlib cimport calloc, free
from riata_engine.cpu.control cimport Control, Signal, fetch_add, wait_for_others
from riata_engine.cpu.design cimport Design
from riata_engine.cpu.multinomial_path cimport Task, path_with_blocks
from riata_engine.cpu.multinomial_state cimport State, close_state, open_state
from riata_engine.cpu.status cimport SKIPPED


def multinomial_paths(list designs, const int[::1] y, Py_ssize_t n_classes, const double[:, ::1] V, const Py_ssize_t[::1] group,
                      offset, const double[:, ::1] f1, const double[:, ::1] f2, Py_ssize_t reference, bint intercept,
                      const double[::1] l1_ratio, const double[:, ::1] alphas, double tol, long max_epochs, bint free_features,
                      Control control, int n_threads=1, bint start_only=False):
    """Paths of B problems on the rows of one design, or on a design for each group.

    Parameters
    ----------
    designs : list of 1 or G Design
        z as the penalties f1, f2 (1 or G, p) mean it; of sparse X its center must be zero.
    y : (n,)
        Classes 0 … n_classes − 1.
    V : (G, n)
        Row weights of each group, of sum one.
    group : (B,)
    offset : (n_classes, n) or None
    alphas : (B, L)
        Descending.
    start_only : bool
        Only the null model and the largest alpha.

    Returns
    -------
    dict of coef (B, L, K, p) in units of z, intercept (B, L, K), gap, loss, status, epochs, steps (B, L), alpha_max, null_loss (B,),
    passes
    """
    cdef Py_ssize_t b, g, B = group.shape[0], L = 0 if start_only else alphas.shape[1], K = n_classes, p
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef long begun = 0, finished = 0, failed = 0
    cdef Design design = designs[0]
    cdef double[:, :, :, ::1] coef = np.full((B, L, K, design.view.p), np.nan)
    cdef double[:, :, ::1] b0 = np.full((B, L, K), np.nan)
    cdef double[:, ::1] gap = np.full((B, L), np.nan), loss = np.full((B, L), np.nan)
    cdef signed char[:, ::1] status = np.full((B, L), SKIPPED, np.int8)
    cdef int[:, ::1] epochs = np.zeros((B, L), np.int32), steps = np.zeros((B, L), np.int32)
    cdef double[::1] alpha_max = np.full(B, np.nan), null_loss = np.full(B, np.nan)
    cdef const double[:, ::1] shift
    cdef long long passes = 0
    cdef State* states = <State*>calloc(B + 1, sizeof(State))
    cdef Task* tasks = <Task*>calloc(B + 1, sizeof(Task))
    cdef State* S
    cdef Task* T
    if offset is not None:
        shift = offset
    p = design.view.p
    try:
        if states == NULL or tasks == NULL:
            raise MemoryError("multinomial_paths: no room for the list of problems")
        for b in range(B):
            g = group[b]
            design = designs[g if len(designs) > 1 else 0]
            S, T = &states[b], &tasks[b]
            S.X, S.direct, S.n, S.p, S.K = &design.view, design.direct, design.view.n, p, K
            S.y, S.w = &y[0], &V[g, 0]
            S.offset = &shift[0, 0] if offset is not None else NULL
            S.f1, S.f2 = &f1[g if f1.shape[0] > 1 else 0, 0], &f2[g if f2.shape[0] > 1 else 0, 0]
            S.reference, S.intercept = reference, intercept
            T.L, T.l1_ratio, T.tol, T.max_epochs = L, l1_ratio[b], tol, max_epochs
            T.start_only, T.free_features = start_only, free_features
            T.alpha_max, T.null_loss = &alpha_max[b], &null_loss[b]
            if L:
                T.alphas, T.coef, T.intercept = &alphas[b, 0], &coef[b, 0, 0, 0], &b0[b, 0, 0]
                T.gap, T.loss, T.status, T.epochs, T.steps = &gap[b, 0], &loss[b, 0], &status[b, 0], &epochs[b, 0], &steps[b, 0]
        n_threads = max(1, min(n_threads, <int>B))
        with nogil, parallel(num_threads=n_threads):
            while True:
                b = fetch_add(&begun, 1)
                if b >= B:
                    break
                if open_state(&states[b]) or path_with_blocks(&states[b], &tasks[b], signal, handle, threadid() == 0):
                    fetch_add(&failed, 1)
                close_state(&states[b])
                fetch_add(&finished, 1)
            if threadid() == 0:
                wait_for_others(&finished, <long>B, signal, handle)
        if failed:
            raise MemoryError("multinomial_paths: no room for the columns in play of a problem")
        for b in range(B):
            passes += states[b].passes
        return {"coef": np.asarray(coef), "intercept": np.asarray(b0), "gap": np.asarray(gap), "loss": np.asarray(loss),
                "status": np.asarray(status), "epochs": np.asarray(epochs), "steps": np.asarray(steps),
                "alpha_max": np.asarray(alpha_max), "null_loss": np.asarray(null_loss), "passes": passes}
    finally:
        free(states)
        free(tasks)
