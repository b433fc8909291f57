# Paths under a penalty of the user's own (own_penalty.pyx): coordinate descent on the support in Gram space, and Newton steps
# where that crawls. The curvature of g that these ask for is in the derivative of the proximal operator, x = prox(v, t):
# g''(x) = (1 / x'(v) − 1) / t.
from libc.math cimport fabs, sqrt, NAN, INFINITY as inf
from libc.stdint cimport uintptr_t
from libc.stdlib cimport malloc, free
from scipy.linalg.cython_lapack cimport dposv
from riata_engine.cpu.in_play cimport take_in
from riata_engine.cpu.listed cimport Listed
from riata_engine.cpu.own_penalty cimport Failure, Penalty, Prox, Value, cost, excess, minimum, moved_to, prox_of
from riata_engine.cpu.rounds cimport Member, Rounds
from riata_engine.cpu.screen cimport kth_largest

cdef double LOOSE = 1e-4        # moves, in units of the norm of y, at which descent looks beyond its list for the first time
cdef double APART = 1e-6        # arguments of two proximal steps, relative, whose difference gives a derivative
cdef int CLOSER = 12            # times that descent is asked for less


cdef inline bint failed(const Penalty* F) noexcept nogil:
    return F.failure.function != 0


cdef inline double step_on(Penalty* F, const Member* M, Py_ssize_t j, double h, double g, double* b, double l1,
                           double l2) noexcept nogil:
    """One coordinate to its minimum; by how much it moved."""
    cdef double d = moved_to(F, M, j, h, g, b[0], l1) - b[0]
    b[0] += d
    return d


cdef inline bint leaves_zero(Penalty* F, const Member* M, Py_ssize_t j, double h, double g, double slack, double l1,
                             double l2) noexcept nogil:
    return moved_to(F, M, j, h, g, 0, l1) != 0


cdef bint direction(Penalty* F, const Member* M, Listed* S, Py_ssize_t* k, double* d, double l1, double l2) noexcept nogil:
    """Newton's direction d (k,) of the k coefficients ``S.used`` that the penalty lets move. Whether the curvature is positive."""
    cdef Py_ssize_t i, q, j, n = 0
    cdef int order, one = 1, info = 0
    cdef char lower = b"L"
    cdef double scale, h, v, t, share, bent
    cdef double* bend = d + S.ld
    for i in range(S.a):
        if S.u[i] == 0:
            continue
        j = M.play.columns[S.at[i]]
        h, scale = S.C[i * S.ld + i], F.sigma * F.unit[j]
        v, t = scale * (S.c[i] + h * S.u[i]) / h, l1 * M.f1[j] * scale / h
        bent = 0
        if t > 0:
            share = (prox_of(F, v * (1 + APART), t) - prox_of(F, v * (1 - APART), t)) / (2 * APART * v)
            if not share > 1e-8:
                continue                                     # at a kink: it stays where it is
            bent = h * (1 / share - 1) if fabs(share - 1) > 1e-8 else 0
        bend[n] = bent
        d[n] = (h + bent) * (minimum(F, M, j, h, S.c[i] + h * S.u[i], l1) - S.u[i])
        S.used[n] = i
        n += 1
    for i in range(n):
        for q in range(i, n):
            S.room[i * n + q] = S.C[S.used[i] * S.ld + S.used[q]]
        S.room[i * n + i] += bend[i]
    k[0] = n
    order = <int>n
    if n > 0:
        dposv(&lower, &order, &one, S.room, &order, d, &order, &info)
    return n > 0 and info == 0


cdef inline void add_cost(Penalty* F, const Member* M, Py_ssize_t j, double b, double new, double* change, double* size,
                          double l1, double l2) noexcept nogil:
    cdef double before = cost(F, M, j, b, l1)
    change[0] += cost(F, M, j, new, l1) - before
    size[0] += before


cdef double gap_in_play(Penalty* F, const Member* M, double l1, const double* b, const double* g) noexcept nogil:
    """What the columns in play add to the gap; the objective is no more than at b = 0."""
    cdef Py_ssize_t q
    cdef double gap = 0, h
    for q in range(M.play.m):
        h = M.play.G[q * M.play.room + q]
        if h > 0:
            gap += excess(F, M, M.play.columns[q], h, g[q], b[q], l1, 0.5 * M.yy)
    return gap


cdef double next_goal(Penalty* F, const Member* M, const double* b, const double* g, double goal, int k, double l1,
                      double l2) noexcept nogil:
    cdef double aim = M.inner * M.tol * sqrt(M.yy), left
    if k == 0:
        return LOOSE * sqrt(M.yy) if F.convex else max(aim, LOOSE * sqrt(M.yy))
    if not F.convex:
        return -1 if goal == aim else aim
    left = gap_in_play(F, M, l1, b, g) / (0.5 * M.yy)   # a gap is in proportion to what descent leaves
    if left <= M.inner * M.tol or k > CLOSER:
        return -1
    return goal * max(1e-3, min(0.3, 0.5 * M.inner * M.tol / left))


include "listed_descent.pxi"


cdef double certify(Member* M, Py_ssize_t l, const double* b, const double* t, double rr, double ry) noexcept nogil:
    """Of a convex penalty the duality gap over the null objective; else the longest step along one column, in units of ‖y‖."""
    cdef Penalty* F = <Penalty*>M.own
    cdef Py_ssize_t j, q, p = M.play.X.p
    cdef double found = 0, v, objective = 0.5 * rr, l1 = M.l1[l]
    if F.convex:
        for q in range(M.play.m):
            objective += cost(F, M, M.play.columns[q], b[q], l1)
    for j in range(p):
        if not M.play.inside[j] and M.h[j] > 0:
            if F.convex:
                found += excess(F, M, j, M.h[j], t[j], 0, l1, objective)
            else:
                found = max(found, fabs(moved_to(F, M, j, M.h[j], t[j], 0, l1)) * sqrt(M.h[j]))
    for q in range(M.play.m):
        j = M.play.columns[q]
        if M.h[j] > 0:
            if F.convex:
                found += excess(F, M, j, M.h[j], t[j], b[q], l1, objective)
            else:
                v = fabs(moved_to(F, M, j, M.h[j], t[j], b[q], l1) - b[q]) * sqrt(M.h[j])
                if not v <= found:                           # NaN is no answer
                    found = v
    if F.failure.function:
        M.finished = True                                    # nothing can come of it: the caller is told
        return NAN
    if not M.yy > 0:
        return found
    return found / (0.5 * M.yy) if F.convex else found / sqrt(M.yy)


cdef int admit(Member* M, const double* t, double violating, double ahead, Py_ssize_t cap) noexcept nogil:
    """Take in what a step at the penalty ``violating`` would move, and the largest of what the strong rule lets through for
    ``ahead``: |t| may grow by as much as the l1 penalty falls, so that ahead / (2 ahead − current) times t is looked at."""
    cdef Penalty* F = <Penalty*>M.own
    cdef Py_ssize_t j, k = 0, p = M.play.X.p
    cdef double edge = 0, s, grown = ahead / (2 * ahead - M.current) if 2 * ahead > M.current else inf
    for j in range(p):
        F.score[j] = 0
        if M.play.inside[j] or not M.h[j] > 0 or M.f1[j] == 0 or t[j] == 0:
            continue
        if grown == inf or minimum(F, M, j, M.h[j], grown * t[j], ahead) != 0:
            F.score[j] = fabs(t[j]) / M.f1[j]
            k += 1
    if k > cap:
        edge = kth_largest_of(F.score, p, k, cap)
    for j in range(p):
        if M.play.inside[j] or not M.h[j] > 0 or M.f1[j] == 0 or t[j] == 0:
            continue
        s = F.score[j]
        if (s > 0 and s >= edge) or moved_to(F, M, j, M.h[j], t[j], 0, violating) != 0:
            if take_in(&M.play, j):
                return 1
    return 0


cdef double kth_largest_of(double* score, Py_ssize_t p, Py_ssize_t k, Py_ssize_t cap) noexcept nogil:
    """The ``cap``-th largest of the k scores above 0."""
    cdef Py_ssize_t j, i = 0
    cdef double* some = score + p
    for j in range(p):
        if score[j] > 0:
            some[i] = score[j]
            i += 1
    return kth_largest(some, k, cap)


cdef int remark(Member* M, Py_ssize_t l, const double* b) noexcept nogil:
    return 0


cdef class OwnPenaltyRounds(Rounds):
    """Paths under a penalty of the user's own: after the arguments of ``Rounds``, the addresses of value and prox, their
    parameter, convex, sigma (K,) and unit (1 or G, p)."""
    cdef Penalty* penalties

    def __init__(self, *arguments):
        cdef uintptr_t value, prox
        cdef double a
        cdef bint convex
        cdef const double[::1] sigma
        cdef const double[:, ::1] unit
        cdef const Py_ssize_t[::1] group = arguments[5]
        cdef Py_ssize_t b
        cdef Penalty* F
        value, prox, a, convex, sigma, unit = arguments[-6:]
        self.kept += (sigma, unit)
        self.penalties = <Penalty*>malloc((self.K + 1) * sizeof(Penalty))
        if self.penalties == NULL:
            raise MemoryError("no room for the list of problems")
        for b in range(self.K):
            self.penalties[b].score = NULL
        for b in range(self.K):
            F = self.penalties + b
            F.value, F.prox, F.a, F.convex = <Value>value, <Prox>prox, a, convex
            F.sigma, F.unit = sigma[b], &unit[group[b] if unit.shape[0] > 1 else 0, 0]
            F.failure.function, F.level = 0, -1
            F.score = <double*>malloc(2 * self.design.view.p * sizeof(double))
            if F.score == NULL:
                raise MemoryError("no room for the scores of a problem's columns")
        Rounds.__init__(self, *arguments)

    cdef void prepare(self, Member* M, Py_ssize_t b) noexcept:
        M.solve, M.certify, M.admit, M.remark, M.own = solve, certify, admit, remark, <void*>(self.penalties + b)

    def failure(self):
        """(problem, "value" or "prox", its arguments, what it gave) of the first problem in which a function gave no number."""
        cdef Py_ssize_t b
        cdef Failure* found
        for b in range(self.K):
            found = &self.penalties[b].failure
            if found.function:
                return b, ("value", "prox")[found.function - 1], (found.v, found.t)[:found.function], found.got
        return None

    def __dealloc__(self):
        cdef Py_ssize_t b
        if self.penalties != NULL:
            for b in range(self.K):
                free(self.penalties[b].score)
        free(self.penalties)
