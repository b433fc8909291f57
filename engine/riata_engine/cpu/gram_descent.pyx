# One problem's path in Gram space (see gram_path.pyx): screening by the sequential strong rule (Tibshirani et al. 2012), coordinate
# descent on the active block, a Newton step on the support when descent has cost as much as one; every alpha is accepted by its
# duality gap over all features, from a gradient computed afresh.
from libc.math cimport fabs, log, sqrt, INFINITY
from libc.stdlib cimport malloc, free
from libc.string cimport memset, memcpy
from riata_engine.cpu.active_block cimport (Block, block_append, block_close, block_epoch, block_extrapolate, block_gap,
                                            block_keep_nonzero, block_open, block_widen)
from riata_engine.cpu.certificate cimport duality_gap, boxed_gap
from riata_engine.cpu.control cimport Signal, attend, fetch_add
from riata_engine.cpu.gram_entries cimport gram_entry
from riata_engine.cpu.newton_step cimport newton_flops, newton_step
from riata_engine.cpu.row_sum cimport RowSum, row_sum_add, row_sum_flush, row_sum_open
from riata_engine.cpu.triangle_sum cimport triangle_sum
from riata_engine.cpu.status cimport CONVERGED, MAX_ITER, SKIPPED, TIME_BUDGET

include "../formulas/dust.py"
include "../formulas/early_stop.py"

cdef enum:
    OUT = -1                                  # positions: not in the block; not a feature of this problem
    BARRED = -2
    STUCK = 1                                 # outcomes of a descent
    WIDEN = 2
    VAIN = 64                                 # Newton steps that have not halved the gap, from where on each lets twice as many epochs pass
    NARROW_EPOCHS = 40                        # epochs at one alpha before a float32 block gives way to float64


cdef double LAST_DIGITS = 1e-12                # of the null objective: where so little is asked for, a Newton step ends the descent
cdef double GAINED = 0.5                       # Newton steps are not in vain while they bring the gap down to this share
cdef double FLOOR = 1e-30                      # a decrease of this share of the null objective says that rounding is reached
cdef double NARROW_TOL = 1e-9                  # smallest tol for which a block may be float32
cdef double SPURIOUS = 1e-6                    # of its threshold: a coefficient this small may be rounding


cdef double refresh(const Problem* P, Scratch* W, double* ry) noexcept nogil:
    """g = c − C b over the whole pool, and the block's copy; returns ‖r‖²."""
    cdef Block* A = &W.A
    cdef Py_ssize_t a, s = 0
    cdef double bc = 0, bg = 0
    cdef RowSum G
    memcpy(W.g, P.c, P.M * sizeof(double))
    if P.ldc:
        row_sum_open(&G, W.g, P.M, False)
        for a in range(A.m):
            if A.b[a] != 0:
                row_sum_add(&G, P.C + A.index[a] * P.ldc, -A.b[a])
        row_sum_flush(&G)
    else:
        for a in range(A.m):
            if A.b[a] != 0:
                W.support[s] = A.index[a]
                W.b[s] = -A.b[a]
                s += 1
        triangle_sum(W.g, P.M, P.C, W.support, W.b, s)
    for a in range(A.m):
        A.g[a] = W.g[A.index[a]]
        bc += A.b[a] * A.c[a]
        bg += A.b[a] * A.g[a]
    if P.allowed != NULL:
        for a in range(P.M):
            if W.position[a] == BARRED:
                W.g[a] = 0                                  # neither enters nor counts in the gap: another problem's feature
    ry[0] = P.yy - bc
    return max(P.yy - bc - bg, 0.0)


cdef void drop_dust(Block* A, double l1, double yy) noexcept nogil:
    cdef Py_ssize_t a
    for a in range(A.m):
        if is_dust(A.b[a], A.h[a], l1 * A.f1[a], yy):
            A.b[a] = 0


cdef bint drop_rounding(Scratch* W, double l1) noexcept nogil:
    """Set to zero what only the rounding of the block's float32 rows let in: by the fresh gradient it does not pass its threshold."""
    cdef Block* A = &W.A
    cdef Py_ssize_t a
    cdef double threshold
    cdef bint any = False
    for a in range(A.m):
        threshold = l1 * A.f1[a]
        if A.b[a] != 0 and A.h[a] * fabs(A.b[a]) <= SPURIOUS * threshold and \
                fabs(A.g[a] + A.h[a] * A.b[a]) <= threshold * (1 + 1e-12):
            A.b[a] = 0
            any = True
    return any


cdef double certificate(const Problem* P, Scratch* W, double l1, double l2, double rr, double ry) noexcept nogil:
    """The gap over all features that the problem may use."""
    cdef Block* A = &W.A
    cdef Py_ssize_t a
    cdef double* h
    cdef double gap
    memset(W.b, 0, P.M * sizeof(double))
    for a in range(A.m):
        W.b[A.index[a]] = A.b[a]
    if P.by_kkt:
        h = <double*>malloc(P.M * sizeof(double))
        if h == NULL:
            return INFINITY
        for a in range(P.M):
            h[a] = gram_entry(P.C, P.ldc, a, a)
        gap = boxed_gap(P.M, W.g, W.b, l1, l2, P.f1, P.f2, P.lower, P.upper, P.bound_scale, h, P.scale)
        free(h)
        return gap
    return duality_gap(P.M, W.g, W.b, l1, l2, P.f1, P.f2, P.lower, P.upper, P.bound_scale, rr, ry, P.scale)


cdef int take_in(const Problem* P, Scratch* W, double threshold, Py_ssize_t* taken) noexcept nogil:
    """Append every candidate outside the block with |g_j| > threshold·f1_j (≥ for a threshold of 0: everything)."""
    cdef Py_ssize_t i, k, n = P.M if P.allowed == NULL else P.n_allowed
    cdef double t
    taken[0] = 0
    for i in range(n):
        k = i if P.allowed == NULL else P.allowed[i]
        if W.position[k] >= 0:
            continue
        t = W.g[k]
        if (t > 0 and P.upper[k] <= 0) or (t < 0 and P.lower[k] >= 0) or gram_entry(P.C, P.ldc, k, k) <= 0:
            continue
        if P.upper[k] <= 0 and P.lower[k] >= 0:
            continue
        if fabs(t) > threshold * P.f1[k] * (1 + 1e-12):     # not for a rounding error at alpha_max
            W.position[k] = W.A.m
            taken[0] += 1
            if block_append(&W.A, k, 0.0, P.c[k], t, P.f1[k], P.f2[k], P.lower[k] * P.bound_scale,
                            P.upper[k] * P.bound_scale):
                return 1
    return 0


cdef struct Trial:
    # of one alpha in one call
    int began                                 # its epochs before
    int newtons
    bint lame                                 # the last Newton step could not be taken
    double mark                               # a gap that was reached
    int vain                                  # Newton steps since
    int wait                                  # epochs that must pass before the next


cdef int descend(const Problem* P, Scratch* W, double l1, double l2, double target, long most, int* epochs, Trial* trial,
                 Signal* signal, void* control, bint owner) noexcept nogil:
    """Coordinate descent on the block until its own gap is ≤ target; a Newton step where, at the rate seen, descent would cost more,
    and once where many digits are asked for: it gives them all.

    Returns STUCK when nothing moves any more at this precision, WIDEN when a float32 block gets nowhere.
    """
    cdef Block* A = &W.A
    cdef double decrease, gap, rate, left
    cdef double history[3]
    cdef int count = 0, outcome
    A.flops = 0
    while True:
        decrease = block_epoch(A, l1, l2)
        epochs[0] += 1
        gap = decrease if P.by_kkt else block_gap(A, l1, l2, P.yy)
        if gap <= target:
            if target < LAST_DIGITS * P.scale and trial.newtons == 0 and not trial.lame and decrease > 0:
                trial.newtons += 1
                trial.lame = newton_step(A, l1, l2, P.yy) == 2
                return 0
            return STUCK if decrease <= FLOOR * P.scale else 0
        if decrease <= FLOOR * P.scale:
            return STUCK
        if epochs[0] >= most or signal.stop:
            return 0
        if A.single and epochs[0] - trial.began >= NARROW_EPOCHS:
            return WIDEN
        if epochs[0] % 16 == 0 or A.m > 256:
            attend(signal, control, owner)
        if gap <= GAINED * trial.mark:
            trial.mark = gap
            trial.vain = 0
            trial.wait = 1
        if count >= (2 if trial.newtons == 0 else trial.wait) and not trial.lame:
            if count >= 3:
                rate = gap / history[count % 3]                 # over three epochs
                left = INFINITY if rate >= 1 else 3 * log(target / gap) / log(rate)
            else:
                rate = gap / history[count - 1]
                left = INFINITY if rate >= 1 else log(target / gap) / log(rate)
            if left * (A.flops / (count + 1)) > newton_flops(A, l2):
                outcome = newton_step(A, l1, l2, P.yy)
                trial.newtons += 1
                trial.lame = outcome == 2                   # H_SS is singular here: descent alone goes on
                if trial.lame and A.single:
                    return WIDEN
                count = -1
                trial.vain += 1
                if trial.vain > VAIN:
                    trial.wait = min(2 * trial.wait, 1 << 30)
                if outcome == 0 and block_gap(A, l1, l2, P.yy) <= target and not P.by_kkt:
                    return 0
        if count >= 0:
            history[count % 3] = gap
        count += 1


cdef int widen(const Problem* P, Scratch* W) noexcept nogil:
    """A float64 block, and its gradient afresh."""
    cdef double ry
    if block_widen(&W.A):
        return 1
    refresh(P, W, &ry)
    return 0


cdef void describe(const Batch* A, Py_ssize_t b, Problem* P) noexcept nogil:
    """Problem b of a batch."""
    cdef Py_ssize_t M = A.M, L = A.L, row = A.gram_of[b] if A.factor_rows > 1 else 0
    P.M = M
    P.L = A.lengths[b]
    P.C = A.C + A.gram_of[b] * (A.ldc * A.ldc if A.ldc else A.apart)
    P.ldc = A.ldc
    P.c = A.c + b * M
    P.yy = A.yy[b]
    P.null = A.scale[b]
    P.scale = A.scale[b] if A.scale[b] > 0 else 1.0
    P.f1 = A.f1 + row * A.factor_ld
    P.f2 = A.f2 + row * A.factor_ld
    P.lower = A.lower
    P.upper = A.upper
    P.bound_scale = A.bound_scale[b]
    P.allowed = NULL
    P.n_allowed = -1
    if A.allowed_ptr != NULL:
        P.n_allowed = A.allowed_ptr[b + 1] - A.allowed_ptr[b]
        P.allowed = A.allowed + A.allowed_ptr[b]
    P.l1 = A.l1 + b * L
    P.l2 = A.l2 + b * L
    P.start = A.start + b * M
    P.start_l1 = A.start_l1[b]
    P.first = 0
    P.tol = A.tol[b]
    P.stop_dev_ratio = A.stop_dev_ratio
    P.stop_dev_change = A.stop_dev_change
    P.max_epochs = A.max_epochs
    P.by_kkt = A.by_kkt
    P.counting = A.counting
    P.few = A.few
    P.ahead = A.ahead
    P.coef = A.coef + b * L * M
    P.gap = A.gap + b * L
    P.residual = A.residual + b * L
    P.length = A.length + b * L
    P.status = A.status + b * L
    P.epochs = A.epochs + b * L
    P.newtons = A.newtons + b * L


cdef int solve_alone(const Problem* P, Signal* signal, void* control, bint owner) noexcept nogil:
    """One path from ``P.first`` on. Non-zero when memory is short."""
    cdef Scratch W
    cdef Py_ssize_t k, nonzero = 0, room
    cdef int code
    for k in range(P.M):
        nonzero += P.start[k] != 0
    W.position = <Py_ssize_t*>malloc(max(2 * P.M, 1) * sizeof(Py_ssize_t))
    W.g = <double*>malloc(max(2 * P.M, 1) * sizeof(double))
    room = nonzero + min(nonzero, 64 + nonzero // 8)         # what large blocks have beyond is seldom used, and memory
    code = block_open(&W.A, min(P.M, max(room, 64)), P.C, P.ldc, not P.by_kkt and P.tol >= NARROW_TOL)
    if code or W.position == NULL or W.g == NULL:
        code = NO_MEMORY
    else:
        W.b = W.g + P.M
        W.support = W.position + P.M
        code = solve_path(P, &W, signal, control, owner)
    block_close(&W.A)
    free(W.position)
    free(W.g)
    return code


cdef int solve_path(const Problem* P, Scratch* W, Signal* signal, void* control, bint owner) noexcept nogil:
    cdef Block* A = &W.A
    cdef Py_ssize_t l, k, a, taken
    cdef double l1, l2, before = P.start_l1, before2 = -1, rr, ry, gap, target, last, dev = 0, dev_before
    cdef Trial trial
    cdef long most
    cdef int tries, stuck
    cdef double goal = P.tol * P.scale
    for k in range(P.M):
        W.position[k] = OUT if P.allowed == NULL else BARRED
    if P.allowed != NULL:
        for k in range(P.n_allowed):
            W.position[P.allowed[k]] = OUT
    for a in range(P.M if P.allowed == NULL else P.n_allowed):   # in the problem's own order: not the pool's, which others decide
        k = a if P.allowed == NULL else P.allowed[a]
        if P.start[k] != 0:
            W.position[k] = A.m
            if block_append(A, k, P.start[k], P.c[k], 0.0, P.f1[k], P.f2[k], P.lower[k] * P.bound_scale,
                            P.upper[k] * P.bound_scale):
                return NO_MEMORY
    rr = refresh(P, W, &ry)
    dev = 1 - rr / (2 * P.null) if P.null > 0 else 0
    for l in range(P.first, P.L):
        P.status[l] = SKIPPED
    for l in range(P.first, P.L):
        if attend(signal, control, owner):
            for k in range(l, P.L):
                P.status[k] = TIME_BUDGET if signal.stop == 2 else SKIPPED
            return 0
        l1 = P.l1[l]
        l2 = P.l2[l]
        if A.m > 64:
            taken = 0
            for a in range(A.m):
                taken += A.b[a] != 0 or A.old[a] != 0
            if 2 * taken < A.m:
                block_keep_nonzero(A, W.position)
        if take_in(P, W, max(2 * l1 - before, 0.0) if before >= l1 else l1, &taken):
            return NO_MEMORY
        if l > 1 and before2 > before:
            block_extrapolate(A, (l1 - before) / (before - before2))
        else:
            memcpy(A.old, A.b, A.m * sizeof(double))
        most = P.max_epochs // 2 if P.ahead and l > P.first else P.max_epochs
        trial.began = P.epochs[l]
        trial.newtons = 0
        trial.lame = False
        trial.mark = INFINITY
        trial.vain = 0
        trial.wait = 1
        target = 0.3 * goal
        last = INFINITY
        tries = 0
        while True:
            stuck = 0
            if P.epochs[l] < most:
                stuck = descend(P, W, l1, l2, target, most, &P.epochs[l], &trial, signal, control, owner)
            if signal.stop:                                  # not the answer that an undisturbed run gives
                break
            if stuck == WIDEN:
                if widen(P, W):
                    return NO_MEMORY
                trial.lame = False
                continue
            drop_dust(A, l1, P.yy)
            rr = refresh(P, W, &ry)
            if A.single and drop_rounding(W, l1):
                rr = refresh(P, W, &ry)
            gap = certificate(P, W, l1, l2, rr, ry)
            if gap <= goal:
                P.status[l] = CONVERGED
                break
            if P.epochs[l] >= most:
                P.status[l] = MAX_ITER
                break
            if take_in(P, W, l1, &taken):
                return NO_MEMORY
            if taken == 0:
                if (stuck or gap >= last) and A.single:
                    if widen(P, W):
                        return NO_MEMORY
                    trial.lame = False
                elif stuck or gap >= last:                  # rounding: one Newton step from the fresh gradient, then give up
                    tries += 1
                    if tries > 3 or newton_step(A, l1, l2, P.yy) == 2:
                        P.status[l] = MAX_ITER
                        break
                    trial.newtons += 1
                target *= 0.1
            last = gap
        P.newtons[l] += trial.newtons
        if P.status[l] == SKIPPED:                           # stopped in the middle: no coefficients under this alpha
            P.status[l] = TIME_BUDGET if signal.stop == 2 else SKIPPED
            for k in range(l + 1, P.L):
                P.status[k] = P.status[l]
            return 0
        for a in range(A.m):
            P.coef[l * P.M + A.index[a]] = A.b[a]
        P.length[l] = 0
        for a in range(A.m):
            P.length[l] += fabs(A.b[a]) * sqrt(A.h[a])
        P.gap[l] = gap / P.scale
        P.residual[l] = rr
        before2 = before
        before = l1
        if P.counting:
            fetch_add(&signal.done, 1)
        dev_before = dev
        dev = 1 - rr / (2 * P.null) if P.null > 0 else 0
        if path_is_done(dev, dev_before, l, P.stop_dev_ratio, P.stop_dev_change) or (P.ahead and P.epochs[l] >= most):
            return 0
    return 0
