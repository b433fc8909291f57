# Paths under a penalty of the user's own, P(b) = alpha Σ f_j g(b_j), of which only g and its proximal operator are known, at
# addresses: coordinate descent on the support in Gram space, and Newton steps where that crawls. The curvature of g that these ask
# for is in the derivative of the proximal operator, x = prox(v, t): g''(x) = (1 / x'(v) − 1) / t.
#
# With β the coefficient of z, in units of sigma, b = kβ, k = sigma·unit: the penalty of a column is c g(kβ), c = l1 f1 / k, and
#     argmin_β ½ h β² − z β + c g(kβ)  =  prox(k z / h, c k² / h) / k.
import numpy as np
from libc.math cimport fabs, log, sqrt, NAN, INFINITY as inf
from libc.stdint cimport uintptr_t
from libc.stdlib cimport malloc, free
from scipy.linalg.cython_lapack cimport dposv
from riata_engine.cpu.control cimport Signal, attend
from riata_engine.cpu.in_play cimport take_in
from riata_engine.cpu.listed cimport Listed, drop_list, enlist, subtract_row
from riata_engine.cpu.rounds cimport Member, Rounds
from riata_engine.cpu.screen cimport kth_largest

ctypedef double (*Value)(double b, double a) noexcept nogil
ctypedef double (*Prox)(double v, double t, double a) noexcept nogil

cdef double LOOSE = 1e-4        # moves, in units of the norm of y, at which descent looks beyond its list for the first time
cdef double TIE = 1e-14         # share of an objective that is rounding: zero and a jump away from it are then as good
cdef double APART = 1e-6        # arguments of two proximal steps, relative, whose difference gives a derivative
cdef double FAR = 1e300
cdef int CLOSER = 12            # times that descent is asked for less

cdef struct Failure:
    # the first call that gave no number
    int function                # 1 value, 2 prox
    double v
    double t
    double got

cdef struct Penalty:
    Value value
    Prox prox
    double a
    bint convex
    double sigma
    const double* unit          # (p,) what a coefficient of z is multiplied by before the penalty sees it, but for sigma
    double* score               # (p,) room
    Failure failure
    double level                # ends[0] ≤ 0 ≤ ends[1] hold all b with g(b) ≤ level
    double ends[2]


cdef double prox_of(Penalty* F, double v, double t) noexcept nogil:
    cdef double x = F.prox(v, t, F.a)
    if not fabs(x) <= FAR and F.failure.function == 0 and fabs(v) <= FAR and t <= FAR:
        F.failure.function, F.failure.v, F.failure.t, F.failure.got = 2, v, t, x
    return x


cdef double value_of(Penalty* F, double b) noexcept nogil:
    cdef double g
    if b == 0:
        return 0
    g = F.value(b, F.a)
    if not g >= 0 and F.failure.function == 0 and fabs(b) <= FAR:
        F.failure.function, F.failure.v, F.failure.got = 1, b, g
    return g


cdef double cost(Penalty* F, const Member* M, Py_ssize_t j, double b, double l1) noexcept nogil:
    cdef double k = F.sigma * F.unit[j], g
    if b == 0 or not l1 * M.f1[j] > 0:
        return 0
    g = value_of(F, k * b)
    if g == inf:                                             # by the rounding of k b, beyond a bound that b lies on
        g = value_of(F, k * b * (1 - 4e-16))
    return l1 * M.f1[j] / k * g


cdef double minimum(Penalty* F, const Member* M, Py_ssize_t j, double h, double z, double l1) noexcept nogil:
    """argmin_β ½ h β² − z β + the penalty of column j."""
    cdef double k = F.sigma * F.unit[j], t = l1 * M.f1[j] * k / h
    return prox_of(F, k * z / h, t) / k if t > 0 else z / h


cdef double moved_to(Penalty* F, const Member* M, Py_ssize_t j, double h, double g, double b, double l1) noexcept nogil:
    """Where one step along column j leads from b, whose gradient is g: to the minimum along it, to b itself if that is as good."""
    cdef double z = g + h * b, new = minimum(F, M, j, h, z, l1), here, there
    if F.convex or (b == 0) == (new == 0):
        return new
    here, there = (0.5 * h * b - z) * b, (0.5 * h * new - z) * new
    here, there = here + cost(F, M, j, b, l1), there + cost(F, M, j, new, l1)
    return b if there > here - TIE * fabs(z) * (fabs(b) + fabs(new)) else new


cdef void find_ends(Penalty* F, double level) noexcept nogil:
    """An interval that holds what g does not take above ``level``: where the solution's coefficient must lie."""
    cdef int side, _step
    cdef double low, high, middle
    if fabs(level - F.level) <= 1e-7 * F.level:
        return
    F.level = level
    for side in range(2):
        low, high = 0, 1
        while high < FAR and value_of(F, high if side else -high) <= level * (1 + 1e-6):
            low, high = high, 4 * high
        while low == 0 and high > 1 / FAR and value_of(F, 0.25 * (high if side else -high)) > level * (1 + 1e-6):
            high = 0.25 * high
        for _step in range(24):
            middle = 0.5 * (low + high)
            if value_of(F, middle if side else -middle) <= level * (1 + 1e-6):
                low = middle
            else:
                high = middle
        if high >= FAR:
            high = inf
        F.ends[side] = high if side else -high


cdef double excess(Penalty* F, const Member* M, Py_ssize_t j, double h, double t, double b, double l1,
                   double objective) noexcept nogil:
    """max_x t (x − b) − c (g(kx) − g(kb)), or a little more: what column j adds to the duality gap, g convex.

    x' = the minimum along the column has the subgradient s = t − h (x' − b) of the penalty, which bounds it from below by its
    tangent there; what is left, (t − s)(x − x'), is the larger for an x at one of the ends of where a solution may be.
    """
    cdef double new, rest, k = F.sigma * F.unit[j], c = l1 * M.f1[j] / k
    if not c > 0:
        return fabs(t) * 2 * (fabs(b) + 10)
    new = minimum(F, M, j, h, t + h * b, l1)
    rest = h * (new - b)
    if rest == 0:
        return 0
    find_ends(F, objective / c)
    return max(0.0, rest * (F.ends[rest > 0] / k - new) + t * (new - b) - (cost(F, M, j, new, l1) - cost(F, M, j, b, l1)))


cdef bint direction(Penalty* F, const Member* M, Listed* S, double l1, Py_ssize_t* k, double* d) noexcept nogil:
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


cdef int newton(Penalty* F, const Member* M, Listed* S, double l1) noexcept nogil:
    """A Newton step, as far as it decreases the objective; coefficients that would change their sign go to zero. Whether it was
    taken; −1 when memory is short."""
    cdef Py_ssize_t i, q, j, k = 0, a = S.a
    cdef double t = 1, change, size, v, before
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
    if not direction(F, M, S, l1, &k, d):
        return 0
    for _attempt in range(6):
        for i in range(a):
            fitted[i] = 0
        change, size = 0, 0
        for q in range(k):
            i = S.used[q]
            j = M.play.columns[S.at[i]]
            v = S.u[i] + t * d[q]
            if v * S.u[i] < 0 and M.f1[j] > 0:
                v = 0
            moved[q] = v - S.u[i]
            before = cost(F, M, j, S.u[i], l1)
            change += cost(F, M, j, v, l1) - before
            size += before
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
    cdef double l1 = M.l1[l], worst, before = inf, d, rate, h
    cdef int sweeps = 0, patience = 8, taken
    while M.epochs[l] < M.max_epochs and F.failure.function == 0:
        worst = 0
        for i in range(S.a):
            h = S.C[i * S.ld + i]
            d = moved_to(F, M, M.play.columns[S.at[i]], h, S.c[i], S.u[i], l1) - S.u[i]
            if d != 0:
                S.u[i] += d
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
            taken = newton(F, M, S, l1)
            if taken < 0:
                return 1
            patience = sweeps + (4 if taken else 16)
            before = inf
    return 0


cdef double gap_in_play(Penalty* F, const Member* M, double l1, const double* b, const double* g) noexcept nogil:
    """What the columns in play add to the gap; the objective is no more than at b = 0."""
    cdef Py_ssize_t q
    cdef double gap = 0, h
    for q in range(M.play.m):
        h = M.play.G[q * M.play.room + q]
        if h > 0:
            gap += excess(F, M, M.play.columns[q], h, g[q], b[q], l1, 0.5 * M.yy)
    return gap


cdef int solve(Member* M, Py_ssize_t l, double* b, double* g, Signal* signal, void* control, bint owner) noexcept nogil:
    """Alpha l on the columns in play, from b and its gradient g (m,)."""
    cdef Penalty* F = <Penalty*>M.own
    cdef Py_ssize_t q, i, came, m = M.play.m
    cdef double l1 = M.l1[l], aim = M.inner * M.tol * sqrt(M.yy), goal = LOOSE * sqrt(M.yy), h, left
    cdef Listed S
    cdef int failed = 0, closer = 0
    S.a, S.ld, S.at, S.C, S.room = 0, 0, NULL, NULL, NULL
    if not F.convex:
        goal = max(aim, goal)
    for q in range(m):
        h = M.play.G[q * M.play.room + q]
        if h > 0 and (b[q] != 0 or moved_to(F, M, M.play.columns[q], h, g[q], 0, l1) != 0):
            if not failed:
                failed = enlist(&S, &M.play, q, b[q], g[q])
    while not failed and S.a > 0 and M.epochs[l] < M.max_epochs and F.failure.function == 0 and not attend(signal, control, owner):
        failed = descend(F, M, l, &S, goal, signal, control, owner)
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
            if h > 0 and b[q] == 0 and moved_to(F, M, M.play.columns[q], h, g[q], 0, l1) != 0:
                for i in range(S.a):
                    if S.at[i] == q:
                        break
                else:
                    came += 1
                    failed = failed or enlist(&S, &M.play, q, 0.0, g[q])
        if came > 0:
            continue
        if F.convex:                                         # a gap is in proportion to what descent leaves
            left = gap_in_play(F, M, l1, b, g) / (0.5 * M.yy)
            if left <= M.inner * M.tol or closer == CLOSER:
                break
            goal = goal * max(1e-3, min(0.3, 0.5 * M.inner * M.tol / left))
            closer += 1
        elif goal == aim:
            break
        else:
            goal = aim
    drop_list(&S)
    return failed


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


def functions_at(uintptr_t value, uintptr_t prox, double a, const double[::1] v, const double[::1] t):
    """(g(v), prox(v, t)) of the functions at two addresses."""
    cdef Py_ssize_t i
    g, x = np.empty(len(v)), np.empty(len(v))
    cdef double[::1] g_ = g, x_ = x
    for i in range(v.shape[0]):
        g_[i] = (<Value>value)(v[i], a)
        x_[i] = (<Prox>prox)(v[i], t[i], a)
    return g, x


def largest_penalties(uintptr_t value, uintptr_t prox, double a, const double[:, ::1] gradient, const double[:, ::1] h,
                      const double[:, ::1] f1, const double[:, ::1] unit, const double[::1] sigma, const Py_ssize_t[::1] group):
    """(B,) the smallest l1 at which no column would leave zero, from gradients (B, p); infinite where a column always does."""
    cdef Py_ssize_t b, j, g, p = gradient.shape[1]
    cdef double l, low, high, k, z
    cdef int _step
    cdef Prox step = <Prox>prox
    out = np.empty(gradient.shape[0])
    cdef double[::1] found = out
    with nogil:
        for b in range(gradient.shape[0]):
            g, l = group[b], 0
            for j in range(p):
                z = f1[g if f1.shape[0] > 1 else 0, j]
                if not z > 0 or not h[g, j] > 0 or gradient[b, j] == 0:
                    continue
                k = sigma[b] * unit[g if unit.shape[0] > 1 else 0, j]
                high = max(l, fabs(gradient[b, j]) / z)
                low, z = l, z * k / h[g, j]
                if l > 0 and step(k * gradient[b, j] / h[g, j], l * z, a) == 0:
                    continue
                while high < FAR and step(k * gradient[b, j] / h[g, j], high * z, a) != 0:
                    low, high = high, 16 * high
                for _step in range(100):
                    if high >= FAR or high - low <= 1e-15 * high:
                        break
                    if step(k * gradient[b, j] / h[g, j], 0.5 * (low + high) * z, a) == 0:
                        high = 0.5 * (low + high)
                    else:
                        low = 0.5 * (low + high)
                l = high if high < FAR else inf
                if l == inf:
                    break
            found[b] = l
    return out


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
