# Paths on a Gram matrix so small that screening, active blocks and factors cost more than they save: coordinate descent on all features
# of up to eight problems side by side (lanes.pxd). Each lane walks down its own grid; a problem that ends makes room for the next.
# Every alpha is accepted by its duality gap from a gradient computed afresh, after each epoch. A problem on which descent is slow
# goes on alone (gram_descent.pyx), where Newton steps are at hand; so does a lasso from the start, which takes four times the epochs.
from libc.math cimport fabs
from riata_engine.cpu.certificate cimport duality_gap
from riata_engine.cpu.control cimport Signal, attend, fetch_add
from riata_engine.cpu.gram_descent cimport Batch, NO_MEMORY, Problem, describe, solve_alone
from riata_engine.cpu.knots cimport goes_by_knots, solve_by_knots
from riata_engine.cpu.lanes cimport (LANES, Lanes, lane_estimate, lane_extrapolate, lane_penalise, lane_start, lane_take, lanes_close,
                                     lanes_measure, lanes_open, lanes_refresh, lanes_sweep)
from riata_engine.cpu.status cimport CONVERGED, SKIPPED, TIME_BUDGET

include "../formulas/early_stop.py"

cdef enum:
    FEATURES = 128              # more do not go through lanes
    PATIENT = 100               # epochs: smaller ``max_epochs`` are kept to the letter by gram_descent
    SLOW = 64                   # epochs beyond those of a path that goes well, after which a problem goes on alone
    EVERY = 8                   # epochs after which the certificate is asked whatever the estimate says

cdef double TIGHT = 1e-9        # smaller tolerances end every alpha with a Newton step, or need it
cdef double WELL = 8            # epochs an alpha


cdef struct Lane:
    Problem P
    bint busy
    Py_ssize_t l
    long epochs                 # of the path so far
    int here                    # of this alpha
    double before, before2, deviance


cdef bint goes_small(const Batch* batch) noexcept nogil:
    """By what a problem has whether it is alone or in a batch."""
    return batch.side_by_side and batch.M <= FEATURES and batch.allowed_ptr == NULL and not batch.by_kkt and \
        batch.max_epochs >= PATIENT


cdef int next_problem(Queue* queue, Lane* lane, Lanes* S, int k, Signal* signal, void* control, bint owner) noexcept nogil:
    """The next problem into lane k; an idle lane when there is none. Non-zero when memory is short."""
    cdef Problem* P = &lane.P
    cdef Py_ssize_t l
    lane.busy = False
    while queue.next < queue.end:
        describe(queue.batch, queue.order[queue.next], P)
        queue.next += 1
        if goes_by_knots(P):
            if solve_by_knots(P, signal, control, owner):
                return 1
            continue
        if P.tol < TIGHT or P.L == 0 or P.l2[P.L - 1] <= 0:
            if solve_alone(P, signal, control, owner):
                return 1
            continue
        for l in range(P.L):
            P.status[l] = SKIPPED
        lane.busy = True
        lane.epochs = 0
        lane.l = 0
        lane.before = P.start_l1
        lane.before2 = -1
        lane.deviance = 0
        S.bound_scale[k] = P.bound_scale
        lane_start(S, k, P.c, P.start)
        begin(lane, S, k)
        return 0
    lane_penalise(S, k, 1, 0)
    lane_start(S, k, NULL, NULL)
    return 0


cdef void begin(Lane* lane, Lanes* S, int k) noexcept nogil:
    lane_penalise(S, k, lane.P.l1[lane.l], lane.P.l2[lane.l])
    lane.here = lane.P.epochs[lane.l]


cdef bint accept(Lane* lane, Lanes* S, int k) noexcept nogil:
    """Whether the certificate holds at this alpha; its results are stored then."""
    cdef Problem* P = &lane.P
    cdef Py_ssize_t a, l = lane.l
    cdef double* b = P.coef + l * P.M
    cdef double bc = 0, bg = 0, rr, gap, length = 0
    lane_take(S, k, b)
    for a in range(P.M):
        bc += b[a] * P.c[a]
        bg += b[a] * S.t[a]
        length += fabs(b[a]) * S.root[a]
    rr = max(P.yy - bc - bg, 0.0)
    gap = duality_gap(P.M, S.t, b, P.l1[l], P.l2[l], P.f1, P.f2, P.lower, P.upper, P.bound_scale, rr, P.yy - bc,
                      P.scale)
    if not gap <= P.tol * P.scale:
        return False
    P.status[l] = CONVERGED
    P.gap[l] = gap / P.scale
    P.residual[l] = rr
    P.length[l] = length
    P.epochs[l] = lane.here
    P.newtons[l] = 0
    return True


cdef bint advance(Lane* lane, Lanes* S, int k, Signal* signal) noexcept nogil:
    """On to the next alpha; false where the path is done."""
    cdef Problem* P = &lane.P
    cdef Py_ssize_t l = lane.l
    cdef double l1 = P.l1[l], earlier = lane.deviance
    if P.counting:
        fetch_add(&signal.done, 1)
    lane.deviance = 1 - P.residual[l] / (2 * P.null) if P.null > 0 else 0
    if path_is_done(lane.deviance, earlier, l, P.stop_dev_ratio, P.stop_dev_change):
        return False
    lane.l = l + 1
    if lane.l == P.L:
        return False
    lane.before2 = lane.before
    lane.before = l1
    lane_extrapolate(S, k, (P.l1[l + 1] - l1) / (l1 - lane.before2) if l > 0 and lane.before2 > l1 else 0)
    begin(lane, S, k)
    return True


cdef int go_alone(Lane* lane, Signal* signal, void* control, bint owner) noexcept nogil:
    """From the last solution on."""
    cdef Problem P = lane.P
    cdef Py_ssize_t a, l = lane.l
    for a in range(P.M):
        P.coef[l * P.M + a] = 0
    if l > 0:
        P.start = P.coef + (l - 1) * P.M
        P.start_l1 = P.l1[l - 1]
    P.first = l
    P.epochs[l] = lane.here
    return solve_alone(&P, signal, control, owner)


cdef void give_up(Lane* lane, Signal* signal) noexcept nogil:
    """Stopped: no coefficients under the alpha that was being solved."""
    cdef Problem* P = &lane.P
    cdef Py_ssize_t a, l
    for a in range(P.M):
        P.coef[lane.l * P.M + a] = 0
    for l in range(lane.l, P.L):
        P.status[l] = TIME_BUDGET if signal.stop == 2 else SKIPPED


cdef int solve_small(Queue* queue, Signal* signal, void* control, bint owner) noexcept nogil:
    """Solve the problems of a queue. Non-zero when memory is short."""
    cdef Lanes S
    cdef Lane lanes[LANES]
    cdef Problem P
    cdef int k, W = LANES if queue.end - queue.next > 1 else 1, code = 0
    cdef long rounds = 0
    cdef bint busy = True
    describe(queue.batch, queue.order[queue.next], &P)
    if lanes_open(&S, W, P.M, P.C, P.ldc, P.f1, P.f2, P.lower, P.upper):
        return NO_MEMORY
    for k in range(W):
        code |= next_problem(queue, &lanes[k], &S, k, signal, control, owner)
    while busy and not code:
        if rounds % 16 == 0 and attend(signal, control, owner):
            for k in range(W):
                if lanes[k].busy:
                    give_up(&lanes[k], signal)
            leave(queue, signal)
            break
        rounds += 1
        lanes_sweep(&S)
        lanes_refresh(&S)
        lanes_measure(&S)
        busy = False
        for k in range(W):
            if lanes[k].busy:
                lanes[k].here += 1
                lanes[k].epochs += 1
                code |= look(queue, &lanes[k], &S, k, signal, control, owner)
                busy |= lanes[k].busy
    lanes_close(&S)
    return NO_MEMORY if code else 0


cdef int look(Queue* queue, Lane* lane, Lanes* S, int k, Signal* signal, void* control, bint owner) noexcept nogil:
    """After an epoch: accept, go on, or let the problem go on alone."""
    if lane_estimate(S, k, lane.P.yy) <= lane.P.tol * lane.P.scale or lane.here % EVERY == 0:
        if accept(lane, S, k):
            if advance(lane, S, k, signal):
                return 0
            return next_problem(queue, lane, S, k, signal, control, owner)
    if lane.epochs > SLOW + WELL * lane.l or lane.here >= lane.P.max_epochs // 2:
        if go_alone(lane, signal, control, owner):
            return 1
        return next_problem(queue, lane, S, k, signal, control, owner)
    return 0


cdef void leave(Queue* queue, Signal* signal) noexcept nogil:
    """The problems that no lane has taken."""
    cdef Problem P
    cdef Py_ssize_t l
    while queue.next < queue.end:
        describe(queue.batch, queue.order[queue.next], &P)
        queue.next += 1
        for l in range(P.L):
            P.status[l] = TIME_BUDGET if signal.stop == 2 else SKIPPED
