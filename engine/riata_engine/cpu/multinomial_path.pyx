# Whole multinomial paths: prox-Newton steps on the features in play, a full pass over X that certifies each alpha and names the features
# of the next. Problems are independent of each other: threads take one after another.
from libc.math cimport INFINITY as inf, fabs
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from riata_engine.cpu.control cimport Signal, attend, fetch_add
from riata_engine.cpu.multinomial_block cimport Block, close_block, open_blocks, sweep
from riata_engine.cpu.multinomial_gap cimport certified_gap, penalty_of, refresh, set_intercepts, size_of
from riata_engine.cpu.multinomial_newton cimport newton
from riata_engine.cpu.multinomial_state cimport State, add_work, gradients, predictors
from riata_engine.cpu.multinomial_step cimport Sweep, centre, list_pairs, open_model
from riata_engine.cpu.softmax_rows cimport softmax_rows
from riata_engine.cpu.status cimport CONVERGED, MAX_ITER, SKIPPED, TIME_BUDGET

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    NEWTON_STEPS = 100           # between two full passes
    ROUNDS = 50                  # full passes of an alpha
    CRAWL = 12                   # sweeps after which conjugate gradients take over
    PRODUCTS = 100
    HALVINGS = 30
    DEGENERATE = 4               # of solvers/path_store.py

cdef double FORCING = 0.03       # how far a model is solved, as a share of what its first sweep changed
cdef double ENOUGH = 0.3         # share of tol that a step on the features in play aims at
cdef double FLOOR = 1e-28        # a decrease of this share of the null objective is rounding
cdef double STALLED = 0.7        # a gap over the features in play that falls by less, twice in a row, falls no more
cdef double POLISH = 1e-7        # a tol from which on a ridge is given two last Newton steps
cdef double SEPARATED = 1e-4     # without a penalty, a loss below this share of the null objective is none that any coefficients attain


cdef double small_change(const State* S, double gap) noexcept nogil:
    """By how much gradients, in units of the penalty factor, may be off before the gap is about ``gap`` more."""
    cdef double size = size_of(S)
    return gap / size if size > 0 else inf


cdef int solve_model(State* S, Block* blocks, double l1, double l2, double aim, long limit, double* decrease, Signal* signal, void* control,
                     bint owner) noexcept nogil:
    """Minimise the model; ``aim`` is a change of gradients that is small enough. Non-zero when memory is short."""
    cdef Sweep seen
    cdef double goal = 0, gain
    cdef bint full = True
    cdef int products, crawled = 0, turns = 0
    decrease[0] = 0
    if l1 == 0:
        products = newton(S, l1, l2, False, 1e-3, PRODUCTS, decrease, signal, control, owner)
        if products < 0:
            return 1
        S.epochs += max(1, products)
        centre(S, S.trial, S.trial0, l1, l2)
        return 0
    if blocks != NULL and open_blocks(S, blocks):
        return 1
    while S.epochs < limit:
        if sweep(S, blocks, l1, l2, not full, goal, &seen):
            return 1
        S.epochs += 1
        centre(S, S.trial, S.trial0, l1, l2)
        decrease[0] += seen.decrease
        if goal == 0:
            goal = max(aim, FORCING * seen.change)
        if attend(signal, control, owner):
            return 0
        if seen.change <= goal:
            if full:
                return 0
            full = True
            continue
        full = False
        crawled += 1
        if crawled >= CRAWL:
            crawled = 0
            turns += 1
            products = newton(S, l1, l2, False, 1e-3, PRODUCTS, &gain, signal, control, owner)
            if products < 0:
                return 1
            S.epochs += products
            decrease[0] += gain
            centre(S, S.trial, S.trial0, l1, l2)
            full = True
            if turns >= 8:
                return 0
    return 0


cdef cloned_void along(const double* eta, const float* t, double step, Py_ssize_t m, double* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(m):
        out[i] = eta[i] + step * t[i]


cdef bint take_step(State* S, double l1, double l2, double decrease, double scale) noexcept nogil:
    """Go to the trial point, or as much of the way as the objective falls. False where it does not."""
    cdef double before = S.loss + penalty_of(S, S.b, l1, l2), step = 1, loss, after
    cdef Py_ssize_t s, j, k, i, _
    for s in range(S.n_work):                        # trial becomes the direction
        j = S.work[s]
        for k in range(S.K):
            S.trial[j * S.K + k] -= S.b[j * S.K + k]
    for k in range(S.K):
        S.trial0[k] -= S.b0[k]
    for _ in range(HALVINGS):
        along(S.eta, S.t, step, S.K * S.ld, S.eta_new)
        softmax_rows(S.eta_new, S.y, S.w, S.n, S.ld, S.K, S.prob_new, NULL, &loss)
        after = loss
        for s in range(S.n_work):
            j = S.work[s]
            for k in range(S.K):
                i = j * S.K + k
                if S.trial[i] != 0 or S.b[i] != 0:
                    after += penalty_at(S.b[i] + step * S.trial[i], l1 * S.f1[j], l2 * S.f2[j])
        if after <= before - 1e-3 * step * decrease or (decrease <= 1e-11 * scale and after <= before + 1e-13 * scale):
            break
        step *= 0.5
    else:
        return False
    for s in range(S.n_work):
        j = S.work[s]
        for k in range(S.K):
            i = j * S.K + k
            if S.trial[i] != 0:
                S.b[i] = S.b[i] + S.trial[i] if step == 1 else S.b[i] + step * S.trial[i]
                if step == 1 and fabs(S.b[i]) <= 1e-15 * fabs(S.trial[i]):
                    S.b[i] = 0                       # where the trial point had a zero
    for k in range(S.K):
        S.b0[k] += step * S.trial0[k]
    memcpy(S.eta, S.eta_new, S.K * S.ld * sizeof(double))
    refresh(S)
    return True


cdef inline double penalty_at(double b, double l1, double l2) noexcept nogil:
    return l1 * fabs(b) + 0.5 * l2 * b * b


cdef int fresh(State* S, double l1, double l2) noexcept nogil:
    """Everything from the coefficients: predictors, intercepts at their optimum, gradients of all features."""
    centre(S, S.b, S.b0, l1, l2)
    predictors(S, S.b, S.b0, S.eta)
    if set_intercepts(S):
        return 1
    return gradients(S, True)


cdef double whole_gap(State* S, const Task* T, double l1, double l2, Signal* signal, void* control, bint owner) noexcept nogil:
    """The gap; features without a penalty add the decrease that a Newton step on them promises, twice. Negative: no memory."""
    cdef double gap = certified_gap(S, l1, l2, True), decrement = 0
    if T.free_features or (l1 == 0 and l2 == 0):
        open_model(S)
        list_pairs(S, l1, l2, inf)
        if newton(S, l1, l2, True, 1e-2, PRODUCTS, &decrement, signal, control, owner) < 0:
            return -1
        gap += decrement if decrement > 0 else 0.0
    return gap


cdef int bring_in(State* S, double bar, bint all_of_them) noexcept nogil:
    """Features whose gradient is beyond ``bar`` times their factor come into play."""
    cdef Py_ssize_t j, k
    for j in range(S.p):
        if S.in_work[j] or S.f1[j] == inf:
            continue
        for k in range(S.K):
            if k != S.reference and (all_of_them or S.f1[j] == 0 or fabs(S.G[k * S.p + j]) > bar * S.f1[j]):
                if add_work(S, j):
                    return 1
                break
    return 0


cdef int solve_alpha(State* S, Block* blocks, const Task* T, double alpha, double previous, double null, double* gap,
                     Signal* signal, void* control, bint owner) noexcept nogil:
    """A status code of CONVERGED, MAX_ITER, TIME_BUDGET or SKIPPED; −1 where memory is short."""
    cdef double l1 = alpha * T.l1_ratio, l2 = alpha * (1 - T.l1_ratio), tol = T.tol * null, decrease, working, bar, last = inf, best
    cdef int turn, step, stalled, settled
    cdef long limit = S.epochs + T.max_epochs
    if l1 == 0 and bring_in(S, 0, True):         # nothing is at rest then
        return -1
    for turn in range(ROUNDS):
        gap[0] = whole_gap(S, T, l1, l2, signal, control, owner)
        if gap[0] < 0:
            return -1
        if gap[0] <= tol:
            return CONVERGED
        if signal.stop:
            return TIME_BUDGET if signal.stop == 2 else SKIPPED
        if S.epochs >= limit or (turn > 3 and gap[0] >= 0.99 * last):
            return MAX_ITER
        last = gap[0]
        bar = max(0.0, (2 * alpha - previous) * T.l1_ratio) if turn == 0 else l1
        if bring_in(S, bar, False):
            return -1
        best = inf
        stalled = 0
        settled = 0
        for step in range(NEWTON_STEPS):
            open_model(S)
            list_pairs(S, l1, l2, max(0.0, 2 - previous / alpha) if step == 0 and turn == 0 and alpha > 0 else 0.98)
            if solve_model(S, blocks, l1, l2, small_change(S, ENOUGH * tol), limit, &decrease, signal, control, owner):
                return -1
            S.steps += 1
            if not take_step(S, l1, l2, decrease, null) or signal.stop:
                break
            if gradients(S, False):
                return -1
            working = certified_gap(S, l1, l2, False)
            if working <= ENOUGH * tol and not (T.free_features or (l1 == 0 and l2 == 0)):
                if l1 > 0 or T.tol > POLISH or settled == 2:
                    break
                settled += 1                 # without corners two Newton steps more give all digits
                predictors(S, S.b, S.b0, S.eta)        # steps in single precision have left them 1e-8 apart
                refresh(S)
                if gradients(S, False):
                    return -1
            stalled = stalled + 1 if working > STALLED * best else 0
            best = min(best, working)
            if decrease <= FLOOR * null or S.epochs >= limit or stalled >= (2 if decrease <= 1e-13 * null else 10):
                break
            if T.free_features or (l1 == 0 and l2 == 0):     # what the gap over features in play does not see
                if decrease <= 0.1 * tol and working <= ENOUGH * tol:
                    break
        if fresh(S, l1, l2):
            return -1
    return MAX_ITER


cdef int fit_free(State* S, const Task* T, double null, Signal* signal, void* control, bint owner) noexcept nogil:
    """The features without a penalty at their optimum, all others at 0."""
    cdef double decrease
    cdef int _
    if bring_in(S, inf, False):
        return 1
    for _ in range(NEWTON_STEPS):
        open_model(S)
        list_pairs(S, 1.0, 0.0, inf)
        if newton(S, 1.0, 0.0, False, 1e-4, PRODUCTS, &decrease, signal, control, owner) < 0:
            return 1
        S.steps += 1
        if not take_step(S, 1.0, 0.0, decrease, null) or decrease <= 1e-14 * null or signal.stop or S.loss <= SEPARATED * null:
            break
        if gradients(S, False):
            return 1
    return fresh(S, 1.0, 0.0)


cdef int one_path(State* S, Block* blocks, const Task* T, Signal* signal, void* control, bint owner) noexcept nogil:
    cdef double null, top = 0, ratio = max(T.l1_ratio, 1e-3), previous, gap
    cdef Py_ssize_t j, k, l
    cdef long epochs, steps
    cdef int code
    predictors(S, S.b, S.b0, S.eta)
    if set_intercepts(S):
        return 1
    null = S.loss
    T.null_loss[0] = null
    null = null if null > 0 else 1.0
    if T.free_features:
        if fit_free(S, T, null, signal, control, owner):
            return 1
    elif fresh(S, 1.0, 0.0):
        return 1
    for j in range(S.p):
        if S.f1[j] > 0 and S.f1[j] < inf:
            for k in range(S.K):
                if k != S.reference:
                    top = max(top, fabs(S.G[k * S.p + j]) / S.f1[j])
    T.alpha_max[0] = top / ratio
    if T.start_only:
        return 0
    previous = top / ratio
    for l in range(T.L):
        epochs = S.epochs
        steps = S.steps
        code = solve_alpha(S, blocks, T, T.alphas[l], max(previous, T.alphas[l]), null, &gap, signal, control, owner)
        if code < 0:
            return 1
        T.status[l] = <signed char>code
        T.epochs[l] = <int>(S.epochs - epochs)
        T.steps[l] = <int>(S.steps - steps)
        if code == TIME_BUDGET or code == SKIPPED:
            for k in range(l + 1, T.L):
                T.status[k] = <signed char>code
            return 0
        if code == CONVERGED and T.alphas[l] == 0 and S.loss <= SEPARATED * null:
            T.status[l] = DEGENERATE
        T.gap[l] = gap / null
        T.loss[l] = S.loss
        for j in range(S.p):
            for k in range(S.K):
                T.coef[(l * S.K + k) * S.p + j] = S.b[j * S.K + k]
        for k in range(S.K):
            T.intercept[l * S.K + k] = S.b0[k]
        previous = T.alphas[l]
        fetch_add(&signal.done, 1)
    return 0


cdef int path_with_blocks(State* S, const Task* T, Signal* signal, void* control, bint owner) noexcept nogil:
    cdef Block* blocks = NULL
    cdef Py_ssize_t k
    cdef int failed
    if not S.X.sparse:                # a Gram matrix of sparse columns costs more than many sweeps over them
        blocks = <Block*>calloc(S.K, sizeof(Block))
        if blocks == NULL:
            return 1
    failed = one_path(S, blocks, T, signal, control, owner)
    for k in range(S.K if blocks != NULL else 0):
        close_block(&blocks[k])
    free(blocks)
    return failed
