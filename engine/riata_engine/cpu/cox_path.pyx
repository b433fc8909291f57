# Penalised Cox models on the columns in play: for one alpha after the other, Newton steps whose quadratic models are solved in Gram
# space (cox_model.pyx).
#
# The gradient is exact at every step. The Hessian is that of an earlier step, often of an earlier alpha, for as long as the gap
# falls fast enough that a new one would cost more than it saves; columns that come in are added to it as of where it was made.
import numpy as np
from cython.parallel cimport parallel, threadid
from libc.math cimport fabs, log, INFINITY as inf
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from riata_engine.cpu.active_block cimport Block
from riata_engine.cpu.control cimport Control, Signal, attend, fetch_add, wait_for_others
from riata_engine.cpu.cox_gap cimport cox_gap
from riata_engine.cpu.cox_model cimport State, Task, column, extend, listed, quadratic, renew, state_close
from riata_engine.cpu.cox_risk cimport Point, RiskSets, point_open, risk_residual, risk_value

include "../formulas/penalties.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef double ARMIJO = 0.01        # of the decrease that the quadratic model promises
cdef double ROUNDING = 1e-14     # of the loss: a decrease of so little is none
cdef double SUBPROBLEM = 0.01     # of the gap: to where a quadratic model is solved
cdef double SLOW = 0.7           # a step that leaves more of the gap asks for a new Hessian


cdef class CoxPaths:
    """The problems of a ``RiskSets`` on one pool of columns; each keeps its Hessian from call to call."""
    cdef State* states
    cdef readonly RiskSets sets

    def __init__(self, RiskSets sets):
        cdef Py_ssize_t b
        self.sets = sets
        self.states = <State*>calloc(max(sets.n_problems, 1), sizeof(State))
        if self.states == NULL:
            raise MemoryError("CoxPaths: no room for the problems")
        for b in range(sets.n_problems):
            if point_open(&self.states[b].now, sets.n) or point_open(&self.states[b].trial, sets.n) \
                    or point_open(&self.states[b].made, sets.n):
                raise MemoryError("CoxPaths: no room for the linear predictors")

    def __dealloc__(self):
        cdef Py_ssize_t b
        if self.states != NULL:
            for b in range(self.sets.n_problems):
                state_close(&self.states[b])
        free(self.states)

    def solve(self, const Py_ssize_t[::1] who, const double[::1, :] pool, const Py_ssize_t[::1] pointer, const Py_ssize_t[::1] at,
              const double[::1] f1, const double[::1] f2, offset, const double[:, ::1] l1, const double[:, ::1] l2,
              const Py_ssize_t[::1] lengths, const double[:, ::1] start, const double[::1] tol, const double[::1] null, long most,
              Control control, int n_threads=1):
        """The leading ``lengths[i]`` alphas of the problems ``who`` (k,), each on its own list of columns.

        Parameters
        ----------
        pool : (n, P) in the order of time
        pointer, at : (k + 1,), (N,)
            Problem i has the columns at[pointer[i]:pointer[i + 1]] of the pool; lists only grow at their ends.
        f1, f2 : (N,)
            Penalty factors.
        offset : None or (n,)
        l1, l2 : (k, L)
        start : (k, M)
            Coefficients to start from.
        tol, null : (k,)
            Gap on the columns of the list, in units of ``null``, half the null deviance over Σ w.

        Returns
        -------
        coef (k, L, M), eta (k, L, n), steps, epochs and hessians (k, L), done (k,) alphas
        """
        cdef Py_ssize_t k = who.shape[0], L = l1.shape[1], n = self.sets.n, M = start.shape[1], i
        cdef double[:, :, ::1] coef = np.zeros((k, L, max(M, 1))), eta = np.zeros((k, L, n))
        cdef int[:, :, ::1] counts = np.zeros((3, k, L), np.intc)
        cdef Py_ssize_t[::1] done = np.zeros(k, np.intp)
        cdef const double[::1] shift
        cdef const double* moved = NULL
        cdef Signal* signal = &control.signal
        cdef void* handle = <void*>control
        cdef long taken = 0, finished = 0, failed = 0
        cdef Py_ssize_t task
        cdef bint owner
        cdef Task* tasks = <Task*>calloc(max(k, 1), sizeof(Task))
        if tasks == NULL:
            raise MemoryError("CoxPaths: no room for the tasks")
        if offset is not None:
            shift = offset
            moved = &shift[0]
        for i in range(k):
            tasks[i].R = &self.sets.risks[who[i]]
            tasks[i].pool = &pool[0, 0] if pool.shape[1] else NULL
            tasks[i].M, tasks[i].L = pointer[i + 1] - pointer[i], lengths[i]
            if tasks[i].M:
                tasks[i].at, tasks[i].f1, tasks[i].f2 = &at[pointer[i]], &f1[pointer[i]], &f2[pointer[i]]
                tasks[i].start = &start[i, 0]
            tasks[i].offset = moved
            tasks[i].l1, tasks[i].l2 = &l1[i, 0], &l2[i, 0]
            tasks[i].tol, tasks[i].null, tasks[i].most = tol[i] * null[i], null[i], most
            tasks[i].coef, tasks[i].eta = &coef[i, 0, 0], &eta[i, 0, 0]
            tasks[i].steps, tasks[i].epochs, tasks[i].hessians = &counts[0, i, 0], &counts[1, i, 0], &counts[2, i, 0]
        n_threads = <int>max(1, min(n_threads, k))
        with nogil, parallel(num_threads=n_threads):
            owner = threadid() == 0
            while True:
                task = fetch_add(&taken, 1)
                if task >= k:
                    break
                if solve_block(&self.states[who[task]], &tasks[task], max(M, 1), &done[task], signal, handle, owner):
                    fetch_add(&failed, 1)
                fetch_add(&finished, 1)
            if owner:
                wait_for_others(&finished, k, signal, handle)
        free(tasks)
        if failed:
            raise MemoryError("CoxPaths: no room for a Hessian")
        return (np.asarray(coef), np.asarray(eta), *np.asarray(counts), np.asarray(done))


cdef cloned_void add_column(double* y, const double* z, double b, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] += b * z[i]


cdef cloned_void dot_column(const double* r, const double* z, Py_ssize_t n, double* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(n):
        total += r[i] * z[i]
    out[0] = total


cdef double block_penalty(const Block* A, const double* b, double l1, double l2) noexcept nogil:
    cdef Py_ssize_t a
    cdef double total = 0
    for a in range(A.m):
        if b[a] != 0:
            total += elastic_net_value(b[a], l1 * A.f1[a], l2 * A.f2[a])
    return total


cdef int solve_block(State* T, const Task* Q, Py_ssize_t ld, Py_ssize_t* done, Signal* signal, void* control,
                     bint owner) noexcept nogil:
    """The alphas of one task, each from the one before. Non-zero when memory is short."""
    cdef Py_ssize_t M = Q.M, n = Q.R.n, w, l
    cdef double* room = <double*>calloc(3 * max(M, 1) + n, sizeof(double))
    cdef int failed
    if room == NULL or listed(T, M):
        free(room)
        return 1
    memcpy(room, Q.start, M * sizeof(double))
    failed = 0
    for l in range(Q.L):
        failed = solve_alpha(T, Q, l, room, room + M, room + 2 * M, room + 3 * M, signal, control, owner)
        if failed or signal.stop:
            break
        for w in range(M):
            Q.coef[l * ld + w] = room[w]
        memcpy(Q.eta + l * n, T.now.eta, n * sizeof(double))
        done[0] = l + 1
        if Q.steps[l] >= Q.most:
            break                                           # none behind one that has spent its steps
    free(room)
    return failed


cdef double stand(State* T, const Task* Q, const double* b) noexcept nogil:
    """The linear predictor of coefficients b over the list, afresh; returns F."""
    cdef Py_ssize_t w, n = Q.R.n, i
    for i in range(n):
        T.now.eta[i] = Q.offset[i] if Q.offset != NULL else 0
    for w in range(Q.M):
        if b[w] != 0:
            add_column(T.now.eta, column(Q, w), b[w], n)
    return risk_value(Q.R, &T.now)


cdef int solve_alpha(State* T, const Task* Q, Py_ssize_t l, double* b, double* t, double* work, double* dz, Signal* signal,
                     void* control, bint owner) noexcept nogil:
    cdef Py_ssize_t M = Q.M, n = Q.R.n, w, a, before, i
    cdef double l1 = Q.l1[l], l2 = Q.l2[l], value, gap, last = inf, slope, promised, penalty, step, fresh, change
    cdef bint whole = True, moved, cut = False, exact = False
    cdef double rate, frozen
    cdef Point swap
    value = stand(T, Q, b)
    risk_residual(Q.R, &T.now)
    if T.open:                                              # what the last call left in the block
        for a in range(T.A.m):
            T.A.b[a] = b[T.active[a]]
    while True:
        attend(signal, control, owner)
        if signal.stop:
            return 0
        if whole:
            for w in range(M):
                dot_column(T.now.r, column(Q, w), n, &t[w])
        else:
            for a in range(T.A.m):
                w = T.active[a]
                dot_column(T.now.r, column(Q, w), n, &t[w])
        if not T.open:
            if renew(T, Q, b, t, l1):
                return 1
            Q.hessians[l] += 1
            exact = True
        if whole:
            gap = cox_gap(Q.R, &T.now, M, t, b, l1, l2, Q.f1, Q.f2, Q.null)
        else:
            for a in range(T.A.m):
                work[a] = t[T.active[a]]
            gap = cox_gap(Q.R, &T.now, T.A.m, work, T.A.b, l1, l2, T.A.f1, T.A.f2, Q.null)
        if gap <= Q.tol:
            if whole:
                return 0
            whole = True
            continue
        if Q.steps[l] >= Q.most:
            return 0
        before = T.A.m
        if whole:
            i = before
            for w in range(M):
                if T.where[w] < 0 and (b[w] != 0 or fabs(t[w]) > l1 * Q.f1[w]):
                    T.active[i] = w
                    i += 1
            if i < T.room:
                T.active[i] = -1
            if extend(T, Q, before):
                return 1
            for a in range(before, T.A.m):
                T.A.b[a] = b[T.active[a]]
            last = inf
        elif last < inf and not exact:
            rate = gap / last
            frozen = inf if rate >= SLOW or cut else log(Q.tol / gap) / log(rate)
            # a step reads every active column three times; a Hessian is two products of half the square each
            if (frozen - 2) * 6.0 > T.A.m / 4.0:
                if renew(T, Q, b, t, l1):
                    return 1
                Q.hessians[l] += 1
                exact = True
        last = gap
        cut = False
        whole = False
        Q.steps[l] += 1
        slope = quadratic(T, t, l1, l2, Q.null, SUBPROBLEM * max(gap, Q.tol), &Q.epochs[l], Q.epochs[l] + 10000)
        moved = False
        for i in range(n):
            dz[i] = 0
        for a in range(T.A.m):
            if T.A.b[a] != T.A.old[a]:
                add_column(dz, column(Q, T.active[a]), T.A.b[a] - T.A.old[a], n)
                moved = True
        if not moved:
            whole = True
            Q.steps[l] += 4                                 # nothing to gain here at this precision: a few more tries at most
            continue
        penalty = block_penalty(&T.A, T.A.old, l1, l2)
        promised = block_penalty(&T.A, T.A.b, l1, l2) - penalty - slope
        step = 1
        while True:
            for i in range(n):
                T.trial.eta[i] = T.now.eta[i] + step * dz[i]
            fresh = risk_value(Q.R, &T.trial)
            if step == 1:
                change = fresh - value + block_penalty(&T.A, T.A.b, l1, l2) - penalty
            else:
                for a in range(T.A.m):
                    work[a] = T.A.old[a] + step * (T.A.b[a] - T.A.old[a])
                change = fresh - value + block_penalty(&T.A, work, l1, l2) - penalty
            if change <= ARMIJO * step * promised + ROUNDING * fabs(value):
                break
            step *= 0.5
            cut = True
            if step < 1e-12:
                step = 0
                break
        for a in range(T.A.m):
            if step == 1:
                b[T.active[a]] = T.A.b[a]
            else:
                T.A.b[a] = T.A.old[a] + step * (T.A.b[a] - T.A.old[a]) if step > 0 else T.A.old[a]
                b[T.active[a]] = T.A.b[a]
        exact = False
        if step == 0:
            Q.steps[l] += 4
            if renew(T, Q, b, t, l1):
                return 1
            whole = True
            continue
        swap = T.now
        T.now = T.trial
        T.trial = swap
        value = fresh
        risk_residual(Q.R, &T.now)
