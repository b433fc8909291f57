# Penalised Cox models on the columns in play: for one alpha after the other, Newton steps whose quadratic models are solved in Gram
# space (active_block.pxd), and the certificate over all columns.
#
# The gradient is exact at every step. The Hessian is that of an earlier step, often of an earlier alpha, for as long as the gap
# falls fast enough that a new one would cost more than it saves; columns that come in are added to it as of where it was made.
import numpy as np
from cython.parallel cimport parallel, threadid
from libc.math cimport fabs, log, sqrt, INFINITY as inf
from libc.stdlib cimport calloc, malloc, realloc, free
from libc.string cimport memcpy
from riata_engine.cpu.active_block cimport Block, block_append, block_close, block_epoch, block_open, block_row
from riata_engine.cpu.control cimport Control, Signal, attend, fetch_add, wait_for_others
from riata_engine.cpu.cox_risk cimport (Point, Risk, RiskSets, point_close, point_copy, point_open, risk_distance, risk_hessian,
                                        risk_residual, risk_value)
from riata_engine.cpu.newton_step cimport newton_flops, newton_step

include "../formulas/penalties.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef double ARMIJO = 0.01        # of the decrease that the quadratic model promises
cdef double ROUNDING = 1e-14     # of the loss: a decrease of so little is none
cdef double SUBPROBLEM = 0.01     # of the gap: to where a quadratic model is solved
cdef double FLAT = 1e-14         # the least curvature of a column of size one
cdef double STILL = 1e-20        # of the null deviance: an epoch that moves by less has nothing left to do
cdef double SLOW = 0.7           # a step that leaves more of the gap asks for a new Hessian


cdef struct Task:
    # one call for one problem
    const Risk* R
    const double* pool           # columns of n rows each, in the order of time
    const Py_ssize_t* at         # the problem's columns in the pool
    Py_ssize_t M, L
    const double* f1
    const double* f2
    const double* offset         # or NULL
    const double* l1
    const double* l2
    const double* start          # (M,)
    double tol, null             # absolute; the null deviance, halved
    long most
    double* coef                 # (L, M) out
    double* eta                  # (L, n) out
    int* steps                   # (L,)
    int* epochs
    int* hessians


cdef struct State:
    # what a problem keeps from one call to the next
    Block A                      # the features that the Hessian has, in its order
    bint open
    Py_ssize_t* active           # (room,) their places in the problem's list
    Py_ssize_t* where            # (listed,) place in the block, or −1
    Py_ssize_t listed, room, capacity
    double* H                    # (capacity, capacity)
    Point now, trial, made       # ``made``: where the Hessian was made


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


cdef void state_close(State* T) noexcept nogil:
    if T.open:
        block_close(&T.A)
    free(T.active)
    free(T.where)
    free(T.H)
    point_close(&T.now)
    point_close(&T.trial)
    point_close(&T.made)


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


cdef inline const double* column(const Task* Q, Py_ssize_t w) noexcept nogil:
    return Q.pool + Q.at[w] * Q.R.n


cdef int listed(State* T, Py_ssize_t M) noexcept nogil:
    """Room for a list of M columns. Non-zero when memory is short."""
    cdef Py_ssize_t w
    cdef Py_ssize_t* more
    if M > T.room:
        more = <Py_ssize_t*>realloc(T.where, 2 * M * sizeof(Py_ssize_t))
        if more == NULL:
            return 1
        T.where = more
        more = <Py_ssize_t*>realloc(T.active, 2 * M * sizeof(Py_ssize_t))
        if more == NULL:
            return 1
        T.active = more
        T.room = 2 * M
    for w in range(T.listed, M):
        T.where[w] = -1
    T.listed = max(T.listed, M)
    return 0


cdef int extend(State* T, const Task* Q, Py_ssize_t done) noexcept nogil:
    """The Hessian, as of ``made``, of the active features from ``done`` on, and a place in the block for each; b is zero there."""
    cdef Py_ssize_t a, m = T.A.m
    cdef Py_ssize_t total = m
    cdef const double** columns
    cdef int failed
    while total < T.room and total < T.listed and T.active[total] >= 0:
        total += 1
    if total == done:
        return 0
    if total > T.capacity:
        if grow(T, max(64, total + total // 2), done):
            return 1
    columns = <const double**>malloc(total * sizeof(void*))
    if columns == NULL:
        return 1
    for a in range(total):
        columns[a] = column(Q, T.active[a])
    failed = risk_hessian(Q.R, &T.made, columns, total, done, T.H, T.capacity)
    free(columns)
    if failed:
        return 1
    for a in range(done, total):
        T.H[a * T.capacity + a] = max(T.H[a * T.capacity + a], FLAT)
        if block_append(&T.A, a, 0.0, 0.0, 0.0, Q.f1[T.active[a]], Q.f2[T.active[a]], -inf, inf):
            return 1
        T.where[T.active[a]] = a
    return 0


cdef int grow(State* T, Py_ssize_t capacity, Py_ssize_t kept) noexcept nogil:
    cdef double* H = <double*>malloc(capacity * capacity * sizeof(double))
    cdef Py_ssize_t a
    if H == NULL:
        return 1
    for a in range(kept):
        memcpy(H + a * capacity, T.H + a * T.capacity, kept * sizeof(double))
    free(T.H)
    T.H = H
    T.capacity = capacity
    T.A.C = H
    T.A.ldc = capacity
    return 0


cdef int renew(State* T, const Task* Q, double* b, const double* t, double l1) noexcept nogil:
    """A Hessian of where the problem stands, of the features in use: those with a coefficient, and those about to have one.

    ``b`` and ``t`` (M,) over the list.
    """
    cdef Py_ssize_t a, w, m = 0, before = T.A.m if T.open else 0
    for a in range(before):
        w = T.active[a]
        T.where[w] = -1
        if b[w] != 0 or fabs(t[w]) > l1 * Q.f1[w]:
            T.active[m] = w
            m += 1
    if m < T.room:
        T.active[m] = -1
    if T.open:
        block_close(&T.A)
        T.open = False
    point_copy(&T.now, &T.made, Q.R)
    if m > T.capacity and grow(T, max(64, m + m // 2), 0):
        return 1
    if block_open(&T.A, max(m + m // 4, 32), T.H, T.capacity, False):
        return 1
    T.open = True
    if extend(T, Q, 0):
        return 1
    for a in range(m):
        T.A.b[a] = b[T.active[a]]
    return 0


cdef double model_gap(const Block* A, double l1, double l2, double null) noexcept nogil:
    """What the penalty adds to the gap of the quadratic model, from the running gradient."""
    cdef double plain = 0, augmented = 0
    limits(A.m, A.g, A.b, l1, l2, A.f1, A.f2, &plain, &augmented)
    return penalty_gap(A.m, A.g, A.b, min(1.0, 1 / plain) if plain > 0 else 1.0, l1, l2, A.f1, A.f2, null)


cdef double quadratic(State* T, const double* t, double l1, double l2, double null, double target, int* epochs,
                      long most) noexcept nogil:
    """Minimise the quadratic model around the present coefficients; the block's b moves. Returns tᵀd."""
    cdef Block* A = &T.A
    cdef Py_ssize_t a, j, m = A.m
    cdef const double* row
    cdef double moved, decrease, before = inf, left, rate, slope = 0, yy
    cdef int count = 0, newtons = 0
    cdef bint lame = False
    for a in range(m):
        A.c[a] = t[T.active[a]]
        A.g[a] = A.c[a]
        A.old[a] = A.b[a]
    yy = 200 * null
    for a in range(m):
        if A.b[a] != 0:
            row = <const double*>block_row(A, a)
            for j in range(m):
                A.c[j] += row[j] * A.b[a]
    for a in range(m):
        yy += A.b[a] * (A.c[a] + A.g[a])
    A.flops = 0
    while epochs[0] < most:
        moved = block_epoch(A, l1, l2)
        epochs[0] += 1
        count += 1
        decrease = model_gap(A, l1, l2, null)
        if decrease <= target or moved <= STILL * null:
            break
        if count >= 2 and not lame and newtons < 8:
            rate = decrease / before
            left = inf if rate >= 1 else log(target / decrease) / log(rate)
            if left * (A.flops / count) > newton_flops(A, l2):
                lame = newton_step(A, l1, l2, yy) == 2
                newtons += 1
                A.flops = 0
                count = 0
                before = inf
                continue
        before = decrease
    for a in range(m):
        slope += t[T.active[a]] * (A.b[a] - A.old[a])
    return slope


cdef double penalty_gap(Py_ssize_t m, const double* t, const double* b, double s, double l1, double l2, const double* f1, const double* f2,
                        double null) noexcept nogil:
    """Σ g(b_j) + g*(s t_j) − s t_j b_j. A coefficient without any penalty has a conjugate of a box: see ``certify``."""
    cdef Py_ssize_t j
    cdef double a, q, total = 0, box, x
    for j in range(m):
        a = l1 * f1[j]
        q = l2 * f2[j]
        x = s * t[j]
        if a == 0 and q == 0:
            box = 2 * (fabs(b[j]) + sqrt(2 * null))
            total += fabs(t[j]) * box - t[j] * b[j]
        elif q > 0:
            total += elastic_net_value(b[j], a, q) + elastic_net_conjugate(x, a, q, -inf, inf) - x * b[j]
        elif b[j] != 0:
            total += a * fabs(b[j]) - x * b[j]
    return total


cdef void limits(Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1, const double* f2, double* plain,
                 double* augmented) noexcept nogil:
    """The largest |t_j| / l1 where the conjugate of the penalty is infinite beyond it, and elsewhere of |t_j − l2 b_j|."""
    cdef Py_ssize_t j
    cdef double a, q
    for j in range(m):
        a = l1 * f1[j]
        q = l2 * f2[j]
        if a > 0 and q > 0:
            augmented[0] = max(augmented[0], fabs(t[j] - q * b[j]) / a)
        elif a > 0:
            plain[0] = max(plain[0], fabs(t[j]) / a)


cdef double cox_gap(const Risk* R, const Point* P, Py_ssize_t m, const double* t, const double* b, double l1, double l2, const double* f1,
                    const double* f2, double null) noexcept nogil:
    """P(b) − max_s D(s ∇F): the distance of the scaled gradient on the loss, and Fenchel–Young of the penalty."""
    cdef double plain = 0, augmented = 0, s, best
    limits(m, t, b, l1, l2, f1, f2, &plain, &augmented)
    s = min(1.0, 1 / plain) if plain > 0 else 1.0
    best = risk_distance(R, P, s) + penalty_gap(m, t, b, s, l1, l2, f1, f2, null)
    if augmented * s > 1:
        s = 1 / augmented
        best = min(best, risk_distance(R, P, s) + penalty_gap(m, t, b, s, l1, l2, f1, f2, null))
    return max(best, 0.0) if best > -inf else inf          # NaN: no certificate of anything


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


def certify(RiskSets sets, RiskSets full, const Py_ssize_t[::1] who, const double[:, :, ::1] eta, const double[:, :, ::1] T,
            const double[:, :, ::1] coef, const Py_ssize_t[::1] pointer, const Py_ssize_t[::1] columns, const double[:, ::1] l1,
            const double[:, ::1] l2, const double[:, ::1] f1, const double[:, ::1] f2, const Py_ssize_t[::1] factor_row,
            const unsigned char[::1] barred, const Py_ssize_t[::1] lengths, const double[::1] null):
    """Relative gaps (k, L) of what ``CoxPaths.solve`` gave, from the gradients T (k, L, p) over all columns; F (k, L) of each problem, and
    of problem 0 of ``full`` (or None) at the same linear predictors.

    A coefficient without any penalty (f1 = f2 = 0, or alpha = 0) has a conjugate that is infinite but at 0: there the conjugate over
    the box |b_j| ≤ 2 (|b_j| + √(2·null)) is taken, columns being of size one, so that the number is a KKT violation in units of the
    objective, and zero exactly where the KKT conditions hold.
    """
    cdef Py_ssize_t k = eta.shape[0], L = eta.shape[1], n = eta.shape[2], p = T.shape[2], i, l, j
    cdef Point P
    cdef double[:, ::1] gap = np.full((k, L), np.nan), value = np.full((k, L), np.nan), other = np.full((k, L), np.nan)
    cdef double[::1] b = np.zeros(max(p, 1)), g1 = np.zeros(max(p, 1)), g2 = np.zeros(max(p, 1)), t = np.zeros(max(p, 1))
    cdef const Risk* R
    if point_open(&P, n):
        raise MemoryError("certify: no room for a point")
    with nogil:
        for i in range(k):
            R = &sets.risks[who[i]]
            for j in range(p):                              # what is left out costs nothing and violates nothing
                g1[j] = 1.0 if barred[j] else f1[factor_row[i], j]
                g2[j] = f2[factor_row[i], j]
            for l in range(lengths[i]):
                memcpy(P.eta, &eta[i, l, 0], n * sizeof(double))
                if full is not None:
                    other[i, l] = risk_value(&full.risks[0], &P)
                value[i, l] = risk_value(R, &P)
                for j in range(p):
                    t[j] = 0 if barred[j] else T[i, l, j]
                for j in range(pointer[i], pointer[i + 1]):
                    b[columns[j]] = coef[i, l, j - pointer[i]]
                gap[i, l] = cox_gap(R, &P, p, &t[0], &b[0], l1[i, l], l2[i, l], &g1[0], &g2[0], null[i]) / null[i]
                if not value[i, l] - value[i, l] == 0:
                    gap[i, l] = inf
                for j in range(pointer[i], pointer[i + 1]):
                    b[columns[j]] = 0
        point_close(&P)
    return np.asarray(gap), np.asarray(value), np.asarray(other)
