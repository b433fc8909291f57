# Coordinate descent on the columns of a list in Gram space, with Newton steps where that crawls. Taken in by ``include``, behind
# a ``Penalty`` and what is asked of it; all but the first also take l1 and l2, those of the alpha at hand, in the end:
#
#     failed(F)                               whether a function of it gave no number, so that nothing can come of going on
#     step_on(F, M, j, h, g, b)               column j, of variance h and gradient g, to its minimum; by how much b moved
#     leaves_zero(F, M, j, h, g, slack)       whether a step would move it from zero, beyond ``slack`` of the penalty
#     direction(F, M, S, k, d)                Newton's direction d (k,) of the k coefficients ``S.used``; whether the curvature is
#                                             positive
#     add_cost(F, M, j, b, new, change, size) adds to ``change`` what the penalty of column j gains from b to ``new``, and to
#                                             ``size`` what of it is as large as the rounding that a decrease has to beat
#     next_goal(F, M, b, g, goal, k)          moves that end the sweeps of round k, after ``goal``; below 0: it is solved
from libc.math cimport fabs, log, sqrt, INFINITY as inf
from libc.stdlib cimport malloc
from riata_engine.cpu.control cimport Signal, attend
from riata_engine.cpu.listed cimport Listed, drop_list, enlist, subtract_row
from riata_engine.cpu.rounds cimport Member


cdef int newton(Penalty* F, const Member* M, Listed* S, double l1, double l2) noexcept nogil:
    """A Newton step, as far as it decreases the objective; coefficients that would change their sign go to zero. Whether it was
    taken; −1 when memory is short."""
    cdef Py_ssize_t i, q, j, k = 0, a = S.a
    cdef double t = 1, change, size, v
    cdef double* d
    cdef double* moved
    cdef double* fitted
    cdef int _attempt
    if S.room == NULL:
        S.room = <double*>malloc((S.ld + 3) * S.ld * sizeof(double))
        if S.room == NULL:
            return -1
    d = S.room + S.ld * S.ld
    moved = d + S.ld
    fitted = moved + S.ld
    if not direction(F, M, S, &k, d, l1, l2):
        return 0
    for _attempt in range(6):
        for i in range(a):
            fitted[i] = 0
        change, size = 0, 0
        for q in range(k):
            i = S.used[q]
            j = M.play.columns[S.at[i]]
            v = S.u[i] + t * d[q]
            if v * S.u[i] < 0 and l1 * M.f1[j] > 0:
                v = 0
            moved[q] = v - S.u[i]
            add_cost(F, M, j, S.u[i], v, &change, &size, l1, l2)
            change -= S.c[i] * moved[q]
            subtract_row(fitted, S.C + i * S.ld, moved[q], a)
        for q in range(k):
            change -= 0.5 * moved[q] * fitted[S.used[q]]
        if change < 1e-15 * size:                            # in the noise of the objective a full step is the better guess
            for q in range(k):
                S.u[S.used[q]] += moved[q]
            for i in range(a):
                S.c[i] += fitted[i]
            return 1
        t *= 0.5
    return 0


cdef int descend(Penalty* F, Member* M, Py_ssize_t l, Listed* S, double aim, Signal* signal, void* control, bint owner) noexcept nogil:
    """Sweeps over the list until one moves no coefficient by more than ``aim``. Non-zero when memory is short."""
    cdef Py_ssize_t i
    cdef double l1 = M.l1[l], l2 = M.l2[l], worst, before = inf, d, rate, h
    cdef int sweeps = 0, patience = 8, taken
    while M.epochs[l] < M.max_epochs and not failed(F):
        worst = 0
        for i in range(S.a):
            h = S.C[i * S.ld + i]
            d = step_on(F, M, M.play.columns[S.at[i]], h, S.c[i], S.u + i, l1, l2)
            if d != 0:
                subtract_row(S.c, S.C + i * S.ld, d, S.a)
                worst = max(worst, fabs(d) * sqrt(h))
        M.epochs[l] += 1
        sweeps += 1
        if worst <= aim:
            return 0
        if sweeps % 16 == 0 and attend(signal, control, owner):
            return 0
        rate = worst / before
        before = worst
        if sweeps >= patience and rate < 1 and log(aim / worst) / log(rate) > 8 + S.a / 12.0:
            taken = newton(F, M, S, l1, l2)
            if taken < 0:
                return 1
            patience = sweeps + (4 if taken else 16)
            before = inf
    return 0


cdef bint is_listed(const Listed* S, Py_ssize_t q) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(S.a):
        if S.at[i] == q:
            return True
    return False


cdef int solve(Member* M, Py_ssize_t l, double* b, double* g, Signal* signal, void* control, bint owner) noexcept nogil:
    """Alpha l on the columns in play, from b and its gradient g (m,)."""
    cdef Penalty* F = <Penalty*>M.own
    cdef Py_ssize_t q, i, came, m = M.play.m
    cdef double l1 = M.l1[l], l2 = M.l2[l], h, goal = next_goal(F, M, b, g, inf, 0, l1, l2)
    cdef Listed S
    cdef int short_of_memory = 0, k = 1
    S.a, S.ld, S.at, S.C, S.room = 0, 0, NULL, NULL, NULL
    for q in range(m):
        h = M.play.G[q * M.play.room + q]
        if h > 0 and (b[q] != 0 or leaves_zero(F, M, M.play.columns[q], h, g[q], 0, l1, l2)):
            short_of_memory = short_of_memory or enlist(&S, &M.play, q, b[q], g[q])
    while not short_of_memory and S.a > 0 and M.epochs[l] < M.max_epochs and not failed(F) and not attend(signal, control, owner):
        short_of_memory = descend(F, M, l, &S, goal, signal, control, owner)
        for i in range(S.a):
            q = S.at[i]
            if S.u[i] != b[q]:
                subtract_row(g, M.play.G + q * M.play.room, S.u[i] - b[q], m)
                b[q] = S.u[i]
        for i in range(S.a):
            S.c[i] = g[S.at[i]]
        came = 0
        for q in range(m):
            h = M.play.G[q * M.play.room + q]
            if h > 0 and b[q] == 0 and leaves_zero(F, M, M.play.columns[q], h, g[q], 1e-12, l1, l2) and not is_listed(&S, q):
                came += 1
                short_of_memory = short_of_memory or enlist(&S, &M.play, q, 0.0, g[q])
        if came == 0:
            goal = next_goal(F, M, b, g, goal, k, l1, l2)
            k += 1
            if goal < 0:
                break
    drop_list(&S)
    return short_of_memory
