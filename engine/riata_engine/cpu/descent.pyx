# Gradient descent on linear models, whole runs: every epoch of a batch of problems on one X, dense by rows or CSR.
#
#   minimise over b0, b:  Σ w ℓ(y, b0 + xᵀb) / Σ w + l1 ‖b‖₁ + ½ l2 ‖b‖² + lam Σ_g √|g| ‖b_g‖
#
# A step takes the mean gradient of a mini-batch, what the optimiser makes of it, and the proximal step of the penalty. All problems see
# the rows in the same order, which depends on the seed and the number of the epoch alone.
import numpy as np
from cython cimport floating
from cython.parallel cimport parallel, threadid
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free, malloc
from riata_engine.cpu.control cimport Control, Signal, attend, fetch_add, wait_for_others
from riata_engine.cpu.descent_rows cimport Words, open_words, shuffle_rows, slopes_of_rows
from riata_engine.cpu.dropout cimport rule_of
from riata_engine.cpu.steps cimport SGD, advance, optimiser_at
from riata_engine.formulas.dropout import rate_in_bits

include "descent_steps.pxi"

cdef extern from "riata_simd.h":
    int riata_simd_level() noexcept nogil

cdef enum:
    TOGETHER = 64                       # problems of a task: one look at X from memory for all of them
    RECORD = 7
    MANY = 8                            # blocks of a mini-batch from which rows of a block stay in their order
    POLL = 64                           # mini-batches between two looks at the clock
    SCATTERED = 1 << 14                 # rows whose targets, weights and memory do not stay in the nearest caches

SCHEDULES = ("fixed", "inverse_scaling", "optimal", "cosine", "one_cycle", "step", "exponential", "adaptive", "armijo", "pa1", "pa2")
REDUCTIONS = (None, "sag", "saga", "svrg", "centralvr")
ENDED = ("max_epochs", "no_improvement", "diverged", "interrupted")
#: columns of the history
HISTORY = ("objective", "loss", "gradient_norm", "gradient_rms", "alignment", "step", "validation_loss")
#: streams of random words, the number of the epoch in the low bits
ORDER, DROPOUT = (1 << 63 | purpose << 40 for purpose in (20, 21))

cdef uint64_t ORDERS = ORDER, DROPS = DROPOUT
cdef double HOPELESS = 1e6              # times the objective at the start: diverged
cdef long RISES = 10                    # or risen in so many epochs one after another, to more than twice that


cdef void mini_batch(const Run* R, Problem* P, int k, const int* rows, Py_ssize_t m, Py_ssize_t left, long epoch, bint learn,
                     Room* S) noexcept nogil:
    """One step of k = 1 or TILE problems; without ``learn`` the slopes go to the memory and their sums to ``mean``."""
    cdef Py_ssize_t at = 0, i, j, here
    cdef int q
    cdef double value[TILE]
    cdef double part[TILE]
    for q in range(k):
        value[q] = 0
    if R.lazy and m == 1:
        lazy_row(R, P, rows, left, epoch, S)
        return
    if R.lazy:
        catch_up_rows(R, P, rows, m)
    else:
        memset(S.g, 0, k * R.ld * sizeof(double))
    while at < m:
        here = min(<Py_ssize_t>ROWS, m - at)
        take_rows(R, rows + at, here, True, S.drop_stream, S.dropped, S.x)
        for i in range(ROWS):
            j = rows[min(at + ROWS + i, left - 1)]
            S.ahead[i] = <const char*>R.x + (R.indptr[j] if R.sparse else j * R.p) * entry_size(R)
            if R.scattered:
                prefetch_row(R, P, k, j)
        fits_of_rows(R, rows + at, S.x, S.ahead, here, P.b, k, S.eta)
        take_targets(R, P, k, rows + at, here, S.y, S.w)
        slopes_of_rows(R.loss, R.a, S.y, S.w, S.eta, here, k, ROWS, S.u, part)
        for q in range(k):
            value[q] += part[q]
            if P[q].memory != NULL:
                remember(P[q].memory, rows + at, here, R.reduction != SVRG or not learn, learn, S.u + q * ROWS)
        add_rows(R, rows + at, S.x, here, S.u, k, S.g)
        at += here
    for q in range(k):
        if not learn:
            for j in range(R.ld):
                P[q].mean[j] += S.g[q * R.ld + j] / R.n_rows
            continue
        P[q].loss += value[q]
        if R.lazy:
            lazy_step(R, P, rows, m, S.g, value[q] / m, epoch, S)
        else:
            take_step(R, P + q, S.g + q * R.ld, m, value[q] / m, epoch, S)


cdef inline int tile_of(const Run* R, const Problem* P, int k, int K) noexcept nogil:
    """How many problems from k on go together: TILE, or one; with lazy steps and line searches always one."""
    cdef int q
    if k + TILE > K or R.lazy or R.schedule == ARMIJO:
        return 1
    for q in range(k, k + TILE):
        if P[q].ended:
            return 1
    return TILE


cdef void snapshot(const Run* R, Problem* P, int K, Room* S) noexcept nogil:
    """Slopes of all rows to the memory, their mean gradient to ``mean``.

    CENTRAL has none at zero: its first epoch, whose memory is empty, goes by plain gradients, and costs half of one with a snapshot.
    """
    cdef Py_ssize_t at = 0, m
    cdef int k
    for k in range(K):
        if P[k].ended or (R.reduction == CENTRAL and at_zero(R, P + k)):
            continue
        memset(P[k].mean, 0, R.ld * sizeof(double))
        at = 0
        while at < R.n_rows:
            m = min(R.batch, R.n_rows - at)
            mini_batch(R, P + k, 1, R.rows + at, m, R.n_rows - at, 0, False, S)
            at += m


cdef void end_of_epoch(const Run* R, Problem* P, long epoch, Room* S) noexcept nogil:
    """History, and whether this problem goes on."""
    cdef double* H = P.record + epoch * RECORD
    cdef double objective, monitor
    cdef const double* b = P.average if P.averaged > 0 else P.b
    if R.lazy:
        catch_up_all(R, P)
    P.done[0] = epoch + 1
    H[1] = P.loss / R.n_rows
    objective = H[1] + penalty(R, P, P.begin)                # with all rows in a batch this is the objective at P.begin
    if P.start_value == 0:               # of a loss that is zero at the start, a perceptron's say: what the first epoch was like
        P.start_value = objective
    H[0] = objective
    H[2] = least_subgradient(R, P, P.drift, 1.0 / P.n_steps)
    H[3] = sqrt(P.square / P.n_steps)
    H[4] = P.product / P.lengths if P.lengths > 0 else nan
    H[5] = P.step
    H[6] = nan
    if R.asked != NULL:
        H[6] = P.answer
    elif R.validate:
        mean_losses(R, P, 1, R.held, R.n_held, b, S, False, H + 6)
    if isfinite(P.start_value):
        P.rises = P.rises + 1 if objective > P.before else 0
        if (not isfinite(objective) or not isfinite(H[2]) or objective > HOPELESS * (fabs(P.start_value) + 1e-300)
                or (P.rises >= RISES and objective > 2 * fabs(P.start_value))):
            P.ended, P.status[0] = True, DIVERGED
            memcpy(P.b, P.best, R.ld * sizeof(double))
            return
    P.before = objective
    monitor = H[6] if R.validate else objective
    if monitor > P.best_value - R.tol:
        P.idle += 1
    else:
        P.idle = 0
    if monitor < P.best_value:
        P.best_value = monitor
        # the objective was measured on the way here, validation at the end
        memcpy(P.best, b if R.validate else P.begin, R.ld * sizeof(double))
    if R.tol > -inf and P.idle >= R.patience:
        if R.schedule == ADAPTIVE and P.lr > 1e-6:
            P.lr /= 5
            P.idle = 0
        else:
            P.ended, P.status[0] = True, NO_IMPROVEMENT


cdef bint ask(const Run* R, Problem* P, int K) noexcept with gil:
    """Have the function measure the problems where they are; whether it could."""
    cdef int k
    cdef double[::1] values
    for k in range(K):
        R.averaged[k] = P[k].averaged
        if R.lazy:
            catch_up_all(R, P + k)
    found = (<object>R.asked)()
    if found is None:
        return False
    values = found
    for k in range(K):
        P[k].answer = values[k]
    return True


cdef void run_task(const Run* R, Problem* P, int K, long first, Room* S, Signal* signal, void* control, bint owner) noexcept nogil:
    """All epochs of K problems; ``first`` is the number of the first epoch."""
    cdef long epoch
    cdef int k, q, alive = K
    cdef Py_ssize_t at, m
    cdef double value[TILE]
    k = 0
    while k < K:
        q = tile_of(R, P, k, K)
        mean_losses(R, P + k, q, R.rows, R.n_rows, P[k].b, S, False, value)
        for at in range(q):
            P[k + at].start_value = value[at] + penalty(R, P + k + at, P[k + at].b)
        k += q
    for k in range(K):
        P[k].best_value = P[k].before = inf
        memcpy(P[k].best, P[k].b, R.ld * sizeof(double))
    for epoch in range(R.epochs):
        if alive == 0 or attend(signal, control, owner):
            break
        S.drop_stream = DROPS | <uint64_t>(first + epoch)
        if R.shuffle:
            open_words(&S.words, R.seed, ORDERS | <uint64_t>(first + epoch))
            shuffle_rows(R.rows, R.n_rows, R.block, R.batch < MANY * R.block, &S.words, S.blocks, S.order)
        elif epoch == 0:
            memcpy(S.order, R.rows, R.n_rows * sizeof(int))
        for k in range(K):
            P[k].loss = P[k].square = P[k].product = P[k].lengths = 0
            P[k].n_steps = 0
            memset(P[k].drift, 0, R.ld * sizeof(double))
            memcpy(P[k].begin, P[k].b, R.ld * sizeof(double))
        if R.reduction == SVRG or (R.reduction != PLAIN and epoch == 0):
            snapshot(R, P, K, S)
        at = 0
        while at < R.n_rows:
            m = min(R.batch, R.n_rows - at)
            k = 0
            while k < K:
                q = tile_of(R, P, k, K)
                if not P[k].ended:
                    mini_batch(R, P + k, q, S.order + at, m, R.n_rows - at, epoch, True, S)
                k += q
            at += m
            if (at // m) % POLL == 0 and attend(signal, control, owner):
                break
        if signal.stop:
            break
        if R.reduction != PLAIN:
            for k in range(K):
                if not P[k].ended:
                    end_at_tail(R, P + k)
        if R.asked != NULL and not ask(R, P, K):
            break
        alive = 0
        for k in range(K):
            if not P[k].ended:
                end_of_epoch(R, P + k, epoch, S)
                alive += not P[k].ended
    for k in range(K):
        if not P[k].ended and signal.stop:
            P[k].status[0] = STOPPED
            if R.lazy:
                catch_up_all(R, P + k)


cdef int open_room(const Run* R, Py_ssize_t longest, Room* S) noexcept nogil:
    """Non-zero when memory is short; nothing is held then."""
    S.order = <int*>malloc((R.n_rows + 1) * sizeof(int))
    S.blocks = <int*>malloc((R.n_rows + 2) * sizeof(int))
    S.g = <double*>calloc(TILE * R.ld, sizeof(double))
    S.trial = <double*>calloc(R.ld + 8, sizeof(double))
    S.spectral = <double*>calloc(R.ld + 8, sizeof(double))
    S.dropped = <char*>malloc(ROWS * longest * sizeof(double) + 8)
    if S.order == NULL or S.blocks == NULL or S.g == NULL or S.trial == NULL or S.spectral == NULL or S.dropped == NULL:
        close_room(S)
        memset(S, 0, sizeof(Room))
        return 1
    return 0


cdef void close_room(Room* S) noexcept nogil:
    free(S.order)
    free(S.blocks)
    free(S.g)
    free(S.trial)
    free(S.spectral)
    free(S.dropped)


cdef inline double* row_of(double[:, ::1] a, Py_ssize_t b):
    return &a[b, 0] if a is not None and a.shape[0] else NULL


cdef int open_products(Run* R, const floating[::1] x, const long long[::1] indptr, const int[::1] indices, Py_ssize_t p) except -1:
    """What the products with rows look at."""
    R.single, R.sparse = floating is float, indptr is not None
    R.n = indptr.shape[0] - 1 if R.sparse else x.shape[0] // p
    R.x = &x[0] if x.shape[0] else NULL
    R.p, R.wide = p, (p + 7) // 8 * 8
    R.ld = R.wide + 8
    if R.sparse:
        R.indptr, R.indices = &indptr[0], &indices[0] if indices.shape[0] else NULL
    R.level = riata_simd_level()
    return 0


def run_descent(const floating[::1] x, const long long[::1] indptr, const int[::1] indices, Py_ssize_t p, const int[::1] rows,
                const int[::1] held, const double[:, ::1] y, const Py_ssize_t[::1] target, const double[:, ::1] weight, dict settings,
                const double[:, ::1] problems, dict state, double[:, :, ::1] record, signed char[::1] status, long[::1] done,
                const int[::1] group, const int[::1] group_at, Control control, int n_threads, asked=None, basis=None):
    """Run B problems.

    Parameters
    ----------
    x : entries of X row by row, or those of a CSR matrix with ``indptr`` (n + 1,) and ``indices``, which are None for dense X
    rows, held : rows that are learnt from, and rows of validation
    y : (T, n); target : (B,) rows of y
    weight : (1 or B, n), of mean one over ``rows``
    settings : what all problems share; see solvers/descent.py
    problems : (B, 6)
        l1, l2, lam, lr, alpha, t0.
    state : arrays (B, ld) "b", "best", "begin", "last", "drift", and where they are used "v", "s", "average", "mean", "gathered", "tail";
        "memory" (B, n); "t", "averaged", "lr" (B,). ld = p rounded up to a multiple of 8, and 8 more; the intercept is the first of these.
    record : (B, epochs, 7), status, done : (B,)
        History, how it ended, epochs.
    asked : callable or None
        Called after each epoch, with the state up to date, for the validation losses of all problems (B,); None ends the run.
    basis : None or (V (ld, ld) float32, its transpose, spectrum (ld,), turned (B,) of uint8)
        Steps of the problems that are ``turned`` are divided by spectrum + l2 in the basis of the rows of V.
    """
    cdef Run R
    cdef Py_ssize_t B = problems.shape[0], i, together = TOGETHER if asked is None else B
    cdef Py_ssize_t tasks = (B + together - 1) // together, task, longest = p
    cdef long begun = 0, finished = 0, failed = 0, first = settings["first_epoch"]
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef Problem* P
    cdef Room* S
    cdef double[:, ::1] b = state["b"], best = state["best"], begin = state["begin"], last = state["last"], drift = state["drift"]
    cdef double[:, ::1] v = state.get("v"), s = state.get("s"), average = state.get("average"), mean = state.get("mean")
    cdef double[:, ::1] memory = state.get("memory"), gathered = state.get("gathered"), tail = state.get("tail")
    cdef double[::1] t = state["t"], averaged = state["averaged"], lr = state["lr"]
    memset(&R, 0, sizeof(Run))
    open_products(&R, x, indptr, indices, p)
    if R.sparse:
        longest = 1
        for i in range(R.n):
            longest = max(longest, indptr[i + 1] - indptr[i])
    R.rows, R.n_rows, R.held, R.n_held = &rows[0], rows.shape[0], &held[0] if held.shape[0] else NULL, held.shape[0]
    R.loss, R.a = settings["loss"], settings["parameter"]
    R.batch, R.epochs, R.shuffle, R.block, R.seed = (settings["batch_size"], record.shape[1], settings["shuffle"], settings["block"],
                                                     settings["seed"])
    R.intercept, R.lazy, R.validate = settings["intercept"], settings["lazy"], held.shape[0] > 0 or asked is not None
    R.asked, R.averaged = <void*>asked if asked is not None else NULL, &averaged[0]
    R.optimiser.kind, R.optimiser.beta1, R.optimiser.beta2 = settings["optimizer"], settings["beta1"], settings["beta2"]
    R.optimiser.eps, R.optimiser.decay = settings["eps"], settings["decay"]
    R.schedule, R.s0, R.s1, R.s2, R.total = (settings["schedule"], settings["s0"], settings["s1"], settings["s2"], settings["total"])
    R.reduction, R.clip = settings["reduction"], settings["clip"]
    threshold, bits = rate_in_bits(settings["dropout"])
    R.dropout = rule_of(R.seed, 0, threshold, bits, 1 / (1 - threshold / 2.0**bits))
    R.tol, R.patience, R.average_from = settings["tol"], settings["patience"], settings["average_from"]
    R.tail_from = settings["tail_from"]
    pointers = np.zeros((2, R.ld), np.uintp)
    cdef size_t[:, ::1] to_rows = pointers
    cdef float[:, ::1] V, W
    cdef double[::1] spectrum
    cdef unsigned char[::1] turned
    if basis is not None:
        V, W, spectrum, turned = basis
        for i in range(R.ld):
            to_rows[0, i], to_rows[1, i] = <size_t>&V[i, 0], <size_t>&W[i, 0]
        R.turn, R.turn_back, R.spectrum = <const void**>&to_rows[0, 0], <const void**>&to_rows[1, 0], &spectrum[0]
    if group is not None:
        R.group, R.group_at, R.n_groups = &group[0], &group_at[0], group_at.shape[0] - 1
    R.even, R.scattered = bool((np.asarray(weight) == 1).all()), R.n > SCATTERED
    P = <Problem*>calloc(B, sizeof(Problem))
    if P == NULL:
        raise MemoryError("run_descent: no room for the list of problems")
    for i in range(B):
        P[i].y, P[i].weight = &y[target[i], 0], &weight[i if weight.shape[0] > 1 else 0, 0]
        P[i].l1, P[i].l2, P[i].lam = problems[i, 0], problems[i, 1], problems[i, 2]
        P[i].lr, P[i].alpha, P[i].t0 = lr[i], problems[i, 4], problems[i, 5]
        P[i].b, P[i].best, P[i].begin, P[i].last, P[i].drift = &b[i, 0], &best[i, 0], &begin[i, 0], &last[i, 0], &drift[i, 0]
        P[i].v, P[i].s, P[i].average, P[i].mean = row_of(v, i), row_of(s, i), row_of(average, i), row_of(mean, i)
        P[i].memory, P[i].gathered, P[i].tail = row_of(memory, i), row_of(gathered, i), row_of(tail, i)
        P[i].turned = basis is not None and turned[i]
        P[i].record, P[i].status, P[i].done, P[i].t, P[i].averaged = &record[i, 0, 0], &status[i], &done[i], t[i], averaged[i]
    n_threads = max(1, min(n_threads, <int>tasks))
    with nogil, parallel(num_threads=n_threads):
        S = <Room*>calloc(1, sizeof(Room))
        while True:
            task = fetch_add(&begun, 1)
            if task >= tasks:
                break
            if S == NULL or (S.g == NULL and open_room(&R, longest, S)):
                fetch_add(&failed, 1)
            else:
                run_task(&R, P + task * together, <int>min(together, B - task * together), first, S, signal, handle,
                         threadid() == 0)
            fetch_add(&finished, 1)
        if threadid() == 0:
            wait_for_others(&finished, <long>tasks, signal, handle)
        if S != NULL:
            close_room(S)
            free(S)
    for i in range(B):
        t[i], averaged[i], lr[i] = P[i].t, P[i].averaged, P[i].lr
    free(P)
    if failed:
        raise MemoryError("run_descent: no room for the gradients of a task")


def products_with_rows(const floating[::1] x, const long long[::1] indptr, const int[::1] indices, Py_ssize_t p, const double[:, ::1] b,
                       double[:, ::1] eta):
    """eta (B, n) = b0 + X b; b (B, ld) as in the state of ``run_descent``. The bits are those of a mini-batch."""
    cdef Run R
    cdef const void* rows_at[ROWS + 4]
    cdef const void* ahead[ROWS]
    cdef int rows[2 * ROWS]
    cdef double part[TILE * ROWS]
    cdef Py_ssize_t at = 0, m, k
    cdef int q, tile
    memset(&R, 0, sizeof(Run))
    open_products(&R, x, indptr, indices, p)
    with nogil:
        while at < R.n:
            m = min(<Py_ssize_t>ROWS, R.n - at)
            rows_near(&R, at, m, rows, rows_at, ahead)
            k = 0
            while k < b.shape[0]:
                tile = TILE if k + TILE <= b.shape[0] else 1
                fits_of_rows(&R, rows, rows_at, ahead, m, &b[k, 0], tile, part)
                for q in range(tile):
                    memcpy(&eta[k + q, at], part + q * ROWS, m * sizeof(double))
                k += tile
            at += m


def products_with_columns(const floating[::1] x, const long long[::1] indptr, const int[::1] indices, Py_ssize_t p,
                          const double[:, ::1] slope, double[:, ::1] g):
    """g (B, ld) += Xᵀ slope, and behind it the sums of the slopes (B, n)."""
    cdef Run R
    cdef const void* rows_at[ROWS + 4]
    cdef const void* ahead[ROWS]
    cdef int rows[2 * ROWS]
    cdef double part[TILE * ROWS]
    cdef Py_ssize_t at = 0, m, k
    cdef int q, tile
    memset(&R, 0, sizeof(Run))
    open_products(&R, x, indptr, indices, p)
    with nogil:
        while at < R.n:
            m = min(<Py_ssize_t>ROWS, R.n - at)
            rows_near(&R, at, m, rows, rows_at, ahead)
            k = 0
            while k < slope.shape[0]:
                tile = TILE if k + TILE <= slope.shape[0] else 1
                for q in range(tile):
                    memcpy(part + q * ROWS, &slope[k + q, at], m * sizeof(double))
                add_rows(&R, rows, rows_at, m, part, tile, &g[k, 0])
                k += tile
            at += m
