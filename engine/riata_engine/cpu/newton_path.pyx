# Paths of penalised smooth losses by proximal Newton steps, one problem at a time and all in compiled code.
#
# At the coefficients reached, the loss is replaced by its quadratic model: gradients are exact, the curvature is a weighted Gram matrix
# of the columns in play (newton_gram.pyx; intercept profiled out) that is kept from step to step and from alpha to alpha while steps go
# on gaining, and made anew where they do not. The model is solved by the descent of active_block.pyx with Newton steps on its support; a
# line search on the true objective takes what the model promises. An alpha is accepted by its duality gap, from a gradient computed
# afresh.
#
# Lee, Sun and Saunders (2014), "Proximal Newton-type methods for minimizing composite functions", SIAM J. Optim. 24; Friedman, Hastie
# and Tibshirani (2010), J. Stat. Software 33, for the quadratic model of a path; Tibshirani et al. (2012) for the strong rule.
from libc.math cimport fabs, log as ln, sqrt, INFINITY as inf
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from riata_engine.cpu.active_block cimport block_close, block_epoch, block_gap, block_row
from riata_engine.cpu.column_sums cimport add_columns, dot_columns
from riata_engine.cpu.control cimport attend, fetch_add
from riata_engine.cpu.loss_gap cimport gap_of_loss
from riata_engine.cpu.loss_rows cimport BROUGHT, evaluate, find_fault, saturated_of_some, sound, value_of_rows, value_of_some
from riata_engine.cpu.newton_gram cimport SHORT_OF_MEMORY, begin, renew, take_in
from riata_engine.cpu.newton_step cimport newton_flops, newton_step
from riata_engine.cpu.sparse_model cimport SparseModel, sparse_model_epoch, sparse_model_gap, sparse_model_open, sparse_model_pays
from riata_engine.cpu.status cimport CONVERGED, MAX_ITER, NOT_FINITE, SKIPPED, TIME_BUDGET

include "../formulas/early_stop.py"
include "../formulas/penalties.py"

cdef enum:
    STEPS = 500                                    # Newton steps of one alpha
    HALVINGS = 40
    PATIENCE = 200                                 # epochs on a model that no Newton step ends: the next one may be kinder
    ROUNDING_STEPS = 5                             # steps without gain at a new curvature, after which rounding is reached

cdef double BALANCED = 1e-13                       # share of Σ|r| that its sum may be: the intercept is then at its optimum
cdef double GAINS = 0.12                           # a step that leaves more of the gap than this asks for a new curvature
cdef double NEAR = 0.02                            # of the gap: how far a model is solved, and a small one, whose epochs cost next to
cdef double CLOSE = 0.001                          # nothing beside a new curvature
cdef double SHARPEST = 1e-4                         # of that: where a step gains less than it should, the next model is solved further
cdef double ARMIJO = 1e-4
cdef double IDLE = 1e-13                           # of the null objective: a step that gains less is rounding
cdef double FLOOR = 1e-30                          # a decrease of this share of the null objective says that rounding is reached
cdef double ROUNDING = 1e-15


cdef int solve_task(const Task* P, Signal* signal, void* control, bint owner) noexcept nogil:
    """One path. Non-zero when memory is short."""
    cdef Walk W
    cdef Py_ssize_t n = P.X.n, m = P.m, l
    cdef int code
    memset(&W, 0, sizeof(Walk))
    W.eta = <double*>calloc(7 * n + 10 * m + 1, sizeof(double))
    W.where = <Py_ssize_t*>malloc((5 * m + 1) * sizeof(Py_ssize_t))
    for l in range(P.L):
        P.status[l] = SKIPPED
    if W.eta == NULL or W.where == NULL:
        code = SHORT_OF_MEMORY
    else:
        code = walk(P, &W, signal, control, owner)
    if W.open:
        block_close(&W.A)
    free(W.eta)
    free(W.where)
    free(W.C)
    free(W.work)
    return code


cdef int walk(const Task* P, Walk* W, Signal* signal, void* control, bint owner) noexcept nogil:
    cdef Py_ssize_t n = P.X.n, m = P.m, l, k, q
    cdef double before = P.start_l1, dev = 0, dev_before, gap, least = 0
    cdef int code
    W.r, W.w, W.old_w, W.move, W.nought = W.eta + n, W.eta + 2 * n, W.eta + 3 * n, W.eta + 4 * n, W.eta + 5 * n
    W.rest, W.g = W.eta + 6 * n, W.eta + 7 * n
    W.f1, W.f2, W.lower, W.upper, W.b = W.g + m, W.g + 2 * m, W.g + 3 * m, W.g + 4 * m, W.g + 5 * m
    W.d, W.step, W.mean, W.trial = W.g + 6 * m, W.g + 7 * m, W.g + 8 * m, W.g + 9 * m
    W.short = sparse_model_pays(P.X, P.list, m)
    W.pooled, W.pool, W.columns, W.some = W.where + m, W.where + 2 * m, W.where + 3 * m, W.where + 4 * m
    for q in range(m):
        W.f1[q], W.f2[q], W.lower[q], W.upper[q] = P.f1[P.list[q]], P.f2[P.list[q]], P.lower[P.list[q]], P.upper[P.list[q]]
        W.b[q], W.where[q], W.pooled[q] = P.start[q], -1, -1
    W.level = P.start[m] if P.intercept else 0
    for k in range(n):
        W.eta[k] = (P.offset[k] if P.offset != NULL else 0) + W.level
    add_columns(P.X, P.list, m, W.b, W.eta)
    look(P, W)
    if not sound(&W.sums):
        give_up(P, W, 0)
        return 0
    if P.n_held:
        least = saturated_of_some(&P.rows, P.held, P.n_held, P.held_weight)
    for l in range(P.L):
        if attend(signal, control, owner):
            for k in range(l, P.L):
                P.status[k] = TIME_BUDGET if signal.stop == 2 else SKIPPED
            return 0
        code = solve_alpha(P, W, l, before, &gap, signal, control, owner)
        if code:
            return code
        if P.status[l] == SKIPPED:                 # stopped in the middle: no coefficients under this alpha
            for k in range(l, P.L):
                P.status[k] = TIME_BUDGET if signal.stop == 2 else SKIPPED
            return 0
        if P.status[l] == NOT_FINITE:
            give_up(P, W, l)
            return 0
        memcpy(P.coef + l * m, W.b, m * sizeof(double))
        P.level[l], P.gap[l], P.value[l] = W.level, gap / P.scale, W.value
        if P.residual != NULL:
            memcpy(P.residual + l * n, W.r, n * sizeof(double))
        if P.predictor != NULL:
            memcpy(P.predictor + l * n, W.eta, n * sizeof(double))
        if P.n_held:
            P.held_out[l] = 2 * (value_of_some(&P.rows, W.eta, P.held, P.n_held, P.held_weight) - least)
        before = P.l1[l]
        if not P.silent:
            fetch_add(&signal.done, 1)
        dev_before = dev
        dev = 1 - (W.value - P.saturated) / P.scale
        if path_is_done(dev, dev_before, l, P.stop_dev_ratio, P.stop_dev_change):
            return 0
    memcpy(P.start, W.b, m * sizeof(double))
    P.start[m] = W.level
    return 0


cdef void give_up(const Task* P, const Walk* W, Py_ssize_t first) noexcept nogil:
    """The loss is not finite, or not convex, where the path is: no coefficients from this alpha on."""
    cdef Py_ssize_t l
    for l in range(first, P.L):
        P.status[l] = NOT_FINITE
    if P.fault != NULL and P.rows.loss >= BROUGHT:
        find_fault(&P.rows, W.eta, W.r, W.w, P.fault)


cdef void look(const Task* P, Walk* W) noexcept nogil:
    """Residuals, curvatures and gradients at the present coefficients, with the intercept at its optimum for them."""
    evaluate(&P.rows, W.eta, W.r, W.w, &W.sums)
    if P.intercept:
        balance(P, W)
    W.value = W.sums.value
    dot_columns(P.X, P.list, P.m, W.r, W.g)


cdef void balance(const Task* P, Walk* W) noexcept nogil:
    """Newton's method for the intercept: Σ r = 0 is what the dual point needs."""
    cdef Py_ssize_t i
    cdef double step, before = inf, value
    cdef int _, _i, idle = 0
    for _ in range(100):
        if not fabs(W.sums.slope) > BALANCED * W.sums.size:
            return
        idle = idle + 1 if fabs(W.sums.slope) > 0.5 * before else 0
        if idle > 3 and fabs(W.sums.slope) < 1e-9 * W.sums.size:
            return                                 # rounding
        before = fabs(W.sums.slope)
        step = W.sums.slope / W.sums.weight
        if before > 1e-3 * W.sums.size:            # far off: what a step gains is looked at
            for _i in range(HALVINGS):
                value = value_of_rows(&P.rows, W.eta, W.nought, 1, step)
                if value <= W.sums.value + ROUNDING * fabs(W.sums.value):
                    break
                step *= 0.5
        for i in range(P.X.n):
            W.eta[i] += step
        W.level += step
        evaluate(&P.rows, W.eta, W.r, W.w, &W.sums)


cdef double penalty(const Walk* W, Py_ssize_t m, const double* b, double l1, double l2) noexcept nogil:
    cdef Py_ssize_t q
    cdef double out = 0
    for q in range(m):
        if b[q] != 0:
            out += elastic_net_value(b[q], l1 * W.f1[q], l2 * W.f2[q])
    return out


cdef int solve_alpha(const Task* P, Walk* W, Py_ssize_t l, double before, double* gap, Signal* signal, void* control,
                     bint owner) noexcept nogil:
    """Newton steps until the gap is small enough. Non-zero when memory is short; the status stays SKIPPED where the call is stopped."""
    cdef double l1 = P.l1[l], l2 = P.l2[l], goal = P.tol * P.scale, last = inf
    cdef double gain, target, sharp = 1
    cdef bint small
    cdef int _, slow = 0, idle = 0, code
    cdef bint fresh
    code = 0 if W.short else take_in(P, W, max(2 * l1 - before, 0.0) if before >= l1 else l1)
    gap[0] = gap_of_loss(P, W.f1, W.f2, W.lower, W.upper, W.g, W.b, W.eta, W.r, W.value, l1, l2)
    for _ in range(STEPS):
        if code == SHORT_OF_MEMORY:
            return code
        if gap[0] <= goal:
            P.status[l] = CONVERGED
            return 0
        if P.epochs[l] >= P.max_epochs:
            break
        if attend(signal, control, owner):
            return 0
        small = not W.short and cheap(P, W)
        fresh = not W.short and (not W.open or small or slow > 0)
        if fresh and renew(P, W):
            return SHORT_OF_MEMORY
        # nothing beside the objective of the model (its dual begins at zero): the gap may be far above that where l2 is small
        target = min(gap[0], W.sums.square / 2 + penalty(W, P.m, W.b, l1, l2))
        target = sharp * max(0.3 * goal, (CLOSE if small else NEAR) * target)
        if W.short:
            solve_short(P, W, l, l1, l2, target, signal, control, owner)
        else:
            solve_model(P, W, l, l1, l2, target, signal, control, owner)
        gain = step_along(P, W, l1, l2)
        if signal.stop:
            return 0
        P.newtons[l] += 1
        if gain >= 0:
            look(P, W)
            if not sound(&W.sums):
                P.status[l] = NOT_FINITE
                return 0
        last = gap[0]
        gap[0] = gap_of_loss(P, W.f1, W.f2, W.lower, W.upper, W.g, W.b, W.eta, W.r, W.value, l1, l2)
        slow = slow + 1 if not (gain >= 0 and gap[0] <= GAINS * last) else 0
        if slow and W.whole:                       # the gap of the model may be far below the true one: Huber's loss beyond delta
            sharp = max(0.1 * sharp, SHARPEST)
        idle = idle + 1 if slow and gain <= IDLE * P.scale else 0
        code = 0 if W.short else take_in(P, W, l1)
        if code > 1:                               # features came in: the next step is another one
            slow, idle = 0, 0
        elif idle > ROUNDING_STEPS and not gap[0] < 0.9 * last:
            break
    P.status[l] = CONVERGED if gap[0] <= goal else MAX_ITER
    return 0


cdef bint cheap(const Task* P, const Walk* W) noexcept nogil:
    """Whether a new Gram matrix of the block costs no more than the gradients of a step."""
    return W.A.m * W.A.m < 4 * P.m + 640


cdef void solve_model(const Task* P, Walk* W, Py_ssize_t l, double l1, double l2, double target, Signal* signal, void* control,
                      bint owner) noexcept nogil:
    """The quadratic model at the present coefficients, until its own gap is at most ``target``."""
    cdef Block* A = &W.A
    cdef Py_ssize_t a, b
    cdef double yy = W.sums.square, decrease, gap, last = inf, rate, left, sum
    cdef const double* row
    cdef int count = 0, outcome
    cdef bint lame = False
    for a in range(A.m):
        A.b[a] = W.b[W.pool[A.index[a]]]
        A.g[a] = W.g[W.pool[A.index[a]]]
    for a in range(A.m):
        row = <const double*>block_row(A, a)
        sum = 0
        for b in range(A.m):
            sum += row[b] * A.b[b]
        A.c[a] = A.g[a] + sum
        yy += A.b[a] * (sum + 2 * A.g[a])
    A.flops = 0
    while not signal.stop:
        decrease = block_epoch(A, l1, l2)
        P.epochs[l] += 1
        count += 1
        gap = block_gap(A, l1, l2, yy)
        if gap == inf:                             # of features without a penalty: the square of what is left of their gradients
            gap = sqrt(decrease * P.scale)
        if gap <= target or decrease <= FLOOR * P.scale or P.epochs[l] >= P.max_epochs or lame and count >= PATIENCE:
            return
        if count % 16 == 0:
            attend(signal, control, owner)
        if count >= 3 and not lame:
            rate = gap / last
            left = inf if rate >= 1 else ln(target / gap) / ln(rate)
            if left * (A.flops / count) > newton_flops(A, l2):
                outcome = newton_step(A, l1, l2, yy)
                lame = outcome == 2
                count, A.flops = 0, 0
        last = gap


cdef void solve_short(const Task* P, Walk* W, Py_ssize_t l, double l1, double l2, double target, Signal* signal, void* control,
                      bint owner) noexcept nogil:
    """The same on short columns: epochs over the support between those over all columns, at the curvature of now."""
    cdef SparseModel M
    cdef double decrease, gap
    cdef int count = 0
    begin(P, W)
    memcpy(W.trial, W.b, P.m * sizeof(double))
    M.X, M.list, M.m, M.w, M.weight, M.r, M.g, M.square = P.X, P.list, P.m, W.old_w, W.old_weight, W.r, W.g, W.sums.square
    M.f1, M.f2, M.lower, M.upper = W.f1, W.f2, W.lower, W.upper
    M.rest, M.b, M.h, M.xw, M.slope, M.start = W.rest, W.trial, W.d, W.mean, W.step, W.b
    sparse_model_open(&M)
    while not signal.stop:
        decrease = sparse_model_epoch(&M, l1, l2, count % 4 != 0)
        P.epochs[l] += 1
        count += 1
        if count % 4 == 1:                         # an epoch over all columns has just ended
            gap = sparse_model_gap(&M, l1, l2)
            if gap == inf:                         # of features without a penalty, as above
                gap = sqrt(decrease * P.scale)
            if gap <= target or decrease <= FLOOR * P.scale or P.epochs[l] >= P.max_epochs:
                break
            attend(signal, control, owner)
    if P.intercept:                                # step_along takes the means of the columns
        for count in range(P.m):
            W.mean[count] /= W.old_weight


cdef double step_along(const Task* P, Walk* W, double l1, double l2) noexcept nogil:
    """A line search towards the solution of the model: by how much the objective falls, or −1 where nothing moves."""
    cdef Block* A = &W.A
    cdef Py_ssize_t a, i, q, k = 0
    cdef double shift = 0, slope = 0, before, value, after, t = 1, descent
    cdef int _
    if not W.short:
        memcpy(W.trial, W.b, P.m * sizeof(double))
        for a in range(A.m if W.open else 0):
            W.trial[W.pool[A.index[a]]] = A.b[a]
    for q in range(P.m):
        W.step[q] = W.trial[q] - W.b[q]
        if W.step[q] != 0:
            W.some[k] = P.list[q]
            W.d[k] = W.step[q]
            shift -= W.d[k] * W.mean[q if W.short else W.pooled[q]]
            slope -= W.g[q] * W.d[k]
            k += 1
    if k == 0:
        return -1
    if P.intercept:
        shift += W.sums.slope / W.old_weight
        slope -= W.sums.slope * shift
    else:
        shift = 0
    memset(W.move, 0, P.X.n * sizeof(double))
    add_columns(P.X, W.some, k, W.d, W.move)
    before = penalty(W, P.m, W.b, l1, l2)
    memcpy(W.b, W.trial, P.m * sizeof(double))
    after = penalty(W, P.m, W.b, l1, l2)
    descent = slope + after - before               # of the model's linear part: below zero
    for _ in range(HALVINGS):
        value = value_of_rows(&P.rows, W.eta, W.move, t, shift)
        if value + after <= W.value + before + ARMIJO * t * descent + ROUNDING * (fabs(W.value) + P.scale):
            for i in range(P.X.n):
                W.eta[i] += t * (W.move[i] + shift)
            W.level += t * shift
            W.whole = t == 1
            return max(W.value + before - value - after, 0.0)
        t *= 0.5
        for q in range(P.m):
            W.b[q] = W.trial[q] - (1 - t) * W.step[q]
        after = penalty(W, P.m, W.b, l1, l2)
    for q in range(P.m):
        W.b[q] = W.trial[q] - W.step[q]
    return -1
