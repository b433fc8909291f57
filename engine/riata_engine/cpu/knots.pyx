# The path of a lasso on few features from knot to knot: between the penalties at which a coefficient becomes zero or ceases to be, the
# solution is linear in the penalty, and the inverse of the support's Gram matrix says where it goes. Every alpha that is asked for is
# accepted by its duality gap from a gradient computed afresh. Where that fails, or the support is nearly collinear, the rest of the
# path is descended (gram_descent.pyx).
#
# Osborne, Presnell and Turlach (2000), A new approach to variable selection in least squares problems, IMA J. Numer. Anal. 20;
# Efron, Hastie, Johnstone and Tibshirani (2004), Least angle regression, Ann. Statist. 32, section 3.1.
from libc.math cimport fabs, sqrt, INFINITY
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from riata_engine.cpu.certificate cimport duality_gap
from riata_engine.cpu.control cimport Signal, attend, fetch_add
from riata_engine.cpu.gram_descent cimport NO_MEMORY, Problem, solve_alone
from riata_engine.cpu.status cimport CONVERGED, SKIPPED, TIME_BUDGET

include "../formulas/early_stop.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    OUT = -1
    KNOTS = 16                             # a feature: a path of more goes round in circles

cdef double COLLINEAR = 1e-10              # share of a variance that the support leaves, below which it has no inverse
cdef double ENTRY_SLACK = 1 + 1e-12        # a knot is not passed for a rounding error
cdef double PARALLEL = 1e-12               # a gradient that moves with its bound to this share of it does not meet it


cdef struct Walk:
    Py_ssize_t p, m
    double l1                              # where it stands, between two alphas
    double way                             # to the next knot
    Py_ssize_t next                        # the feature that comes in or goes out there; OUT: none
    double sign                            # of one that comes in; 0: it goes out
    Py_ssize_t left                        # the feature that has just gone out
    double side                            # and the sign that it had
    bint directed                          # d, slope, way and next are those of the support
    long knots
    double* inverse                        # (m, p) rows of the inverse of the support's Gram matrix
    Py_ssize_t* index                      # (m) features of the support
    Py_ssize_t* place                      # (p) and where they stand there, or OUT
    double* s                              # (m) f1 times the sign
    double* b                              # (m) coefficients
    double* d                              # (m) what they gain for each unit that the penalty loses
    double* u                              # (m)
    double* g                              # (p) gradient c − C b
    double* slope                          # (p) what it loses
    double* plus                           # (p) 1 where a feature may come in above zero; below it
    double* minus
    double* at                             # (p) room
    double* t
    double* root                           # (p) √C_jj


cdef bint goes_by_knots(const Problem* P) noexcept nogil:
    """A lasso from zero, in which a coefficient is free, has a sign, or is held at zero."""
    cdef Py_ssize_t j
    if P.L == 0 or P.first > 0 or P.allowed != NULL or P.l2[0] > 0 or P.by_kkt or P.ahead:
        return False
    for j in range(P.M):
        if P.start[j] != 0 or not P.f1[j] > 0:
            return False
        if (P.lower[j] != 0 and P.lower[j] > -INFINITY) or (P.upper[j] != 0 and P.upper[j] < INFINITY):
            return False
    return True


cdef int solve_by_knots(const Problem* P, Signal* signal, void* control, bint owner) noexcept nogil:
    """One path. Non-zero when memory is short."""
    cdef Walk W
    cdef Py_ssize_t p = P.M, l, done = 0
    cdef double deviance = 0, before
    cdef bint well = True
    cdef double* memory = <double*>calloc(p * p + 13 * p + 1, sizeof(double))
    if memory == NULL:
        return NO_MEMORY
    set_out(P, &W, memory)
    for l in range(P.L):
        P.status[l] = SKIPPED
    while well and done < P.L:
        if attend(signal, control, owner):
            for l in range(done, P.L):
                P.status[l] = TIME_BUDGET if signal.stop == 2 else SKIPPED
            free(memory)
            return 0
        well = reach(P, &W, P.l1[done]) and accept(P, &W, done)
        if well:
            if P.counting:
                fetch_add(&signal.done, 1)
            before = deviance
            deviance = 1 - P.residual[done] / (2 * P.null) if P.null > 0 else 0
            if path_is_done(deviance, before, done, P.stop_dev_ratio, P.stop_dev_change):
                break
            done += 1
    free(memory)
    return 0 if well else go_alone(P, done, signal, control, owner)


cdef int go_alone(const Problem* P, Py_ssize_t l, Signal* signal, void* control, bint owner) noexcept nogil:
    """From the last solution on."""
    cdef Problem rest = P[0]
    cdef Py_ssize_t j
    for j in range(P.M):
        P.coef[l * P.M + j] = 0
    if l > 0:
        rest.start = P.coef + (l - 1) * P.M
        rest.start_l1 = P.l1[l - 1]
    rest.first = l
    return solve_alone(&rest, signal, control, owner)


cdef void set_out(const Problem* P, Walk* W, double* memory) noexcept nogil:
    """At b = 0, at the largest penalty that does not hold."""
    cdef Py_ssize_t p = P.M, j
    cdef bint used
    cdef double limit
    W.p, W.m, W.knots, W.l1, W.next, W.sign, W.left, W.side, W.directed = p, 0, 0, 0, OUT, 0, OUT, 0, False
    W.inverse = memory
    memory += p * p
    W.s, W.b, W.d, W.u, W.g, W.slope = memory, memory + p, memory + 2 * p, memory + 3 * p, memory + 4 * p, memory + 5 * p
    W.plus, W.minus, W.at, W.t, W.root = memory + 6 * p, memory + 7 * p, memory + 8 * p, memory + 9 * p, memory + 10 * p
    W.index, W.place = <Py_ssize_t*>(memory + 11 * p), <Py_ssize_t*>(memory + 12 * p)
    memcpy(W.g, P.c, p * sizeof(double))
    for j in range(p):
        used = P.C[j * P.ldc + j] > 0
        W.root[j] = sqrt(P.C[j * P.ldc + j]) if used else 0
        W.plus[j] = used and P.upper[j] > 0
        W.minus[j] = used and P.lower[j] < 0
        W.place[j] = OUT
        limit = (W.g[j] * W.plus[j] if W.g[j] > 0 else -W.g[j] * W.minus[j]) / P.f1[j]
        if limit > W.l1:
            W.l1 = limit
            W.next = j
            W.sign = 1 if W.g[j] > 0 else -1


cdef bint reach(const Problem* P, Walk* W, double l1) noexcept nogil:
    """Walk until the next knot lies at or behind the penalty ``l1``; false where the path cannot be followed."""
    while W.l1 > l1 * ENTRY_SLACK:
        if not W.directed and not turn(P, W):
            return False
        if W.way >= W.l1 - l1:
            return True
        move(W)
        if W.knots > KNOTS * W.p or not W.l1 >= 0:
            return False
    return True


cdef bint turn(const Problem* P, Walk* W) noexcept nogil:
    """Take the next feature in, or out, and find the new direction and where it ends."""
    cdef Py_ssize_t k
    if W.next != OUT:
        if W.sign != 0:
            if not enter(P, W):
                return False
            W.left = OUT
        else:
            leave(W)
    if W.m == 0:                                   # all coefficients have come back to zero: nothing moves but the penalty
        return False
    product(W.inverse, W.p, W.m, W.s, W.d)
    for k in range(W.p):
        W.slope[k] = 0
    add_columns(W.slope, P.C, P.ldc, W.index, W.d, W.m, W.p)
    if W.next != OUT and W.sign != 0 and not W.d[W.m - 1] * W.sign > 0:
        return False                               # two features in one knot
    next_knot(P, W)
    W.directed = True
    return True


cdef bint enter(const Problem* P, Walk* W) noexcept nogil:
    """The next feature into the support: a bordered inverse. False where it is nearly in the span of the others."""
    cdef Py_ssize_t j = W.next, m = W.m, k
    cdef double rest = P.C[j * P.ldc + j]
    cdef double* last = W.inverse + m * W.p
    for k in range(m):
        W.at[k] = P.C[j * P.ldc + W.index[k]]
    product(W.inverse, W.p, m, W.at, W.u)
    for k in range(m):
        rest -= W.at[k] * W.u[k]
    if not rest > COLLINEAR * P.C[j * P.ldc + j]:
        return False
    for k in range(m):
        add(W.inverse + k * W.p, W.u, W.u[k] / rest, m)
        W.inverse[k * W.p + m] = -W.u[k] / rest
        last[k] = -W.u[k] / rest
    last[m] = 1 / rest
    W.index[m], W.place[j], W.s[m], W.b[m] = j, m, W.sign * P.f1[j], 0
    W.m += 1
    return True


cdef void leave(Walk* W) noexcept nogil:
    """The next feature out of the support; the last one takes its place."""
    cdef Py_ssize_t m = W.m - 1, at = W.place[W.next], k
    cdef double pivot
    W.left, W.side = W.next, 1 if W.s[at] > 0 else -1
    swap(W, at, m)
    pivot = W.inverse[m * W.p + m]
    memcpy(W.u, W.inverse + m * W.p, m * sizeof(double))
    for k in range(m):
        add(W.inverse + k * W.p, W.u, -W.u[k] / pivot, m)
    W.place[W.next] = OUT
    W.m = m


cdef void swap(Walk* W, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    cdef Py_ssize_t k
    if i == j:
        return
    for k in range(W.m):
        W.inverse[i * W.p + k], W.inverse[j * W.p + k] = W.inverse[j * W.p + k], W.inverse[i * W.p + k]
    for k in range(W.m):
        W.inverse[k * W.p + i], W.inverse[k * W.p + j] = W.inverse[k * W.p + j], W.inverse[k * W.p + i]
    W.index[i], W.index[j] = W.index[j], W.index[i]
    W.s[i], W.s[j] = W.s[j], W.s[i]
    W.b[i], W.b[j] = W.b[j], W.b[i]
    W.place[W.index[i]], W.place[W.index[j]] = i, j


cdef void next_knot(const Problem* P, Walk* W) noexcept nogil:
    """How far the direction holds, and what happens there."""
    cdef Py_ssize_t j, k
    cdef double way, value
    meetings(W.p, W.l1, P.f1, W.g, W.slope, W.plus, W.minus, W.at)
    if W.left != OUT:                              # it stands at the bound that it leaves: only the other one can be met
        j = W.left
        W.at[j] = meeting(W.l1, P.f1[j], -W.side * W.g[j], -W.side * W.slope[j], W.minus[j] if W.side > 0 else W.plus[j])
    W.way, W.next, W.sign = W.l1, OUT, 0
    for j in range(W.p):
        if W.at[j] < W.way and W.place[j] == OUT:
            W.way, W.next = W.at[j], j
    for k in range(W.m):
        if W.b[k] * W.d[k] < 0:
            way = -W.b[k] / W.d[k]
            if way < W.way:
                W.way, W.next = way, W.index[k]
    if W.next != OUT and W.place[W.next] == OUT:
        j = W.next
        value = W.g[j] - W.way * W.slope[j]
        W.sign = 1 if value > 0 else -1


cdef inline double meeting(double l1, double f1, double g, double slope, double may) noexcept nogil:
    """How far a gradient g, which loses ``slope`` on the way, is from its upper bound l1 f1, which loses f1."""
    cdef double way = l1 * f1 - g, gain = f1 - slope
    way = way if way > 0 else 0
    return way / gain if (may > 0) & (gain > PARALLEL * f1) else INFINITY


cdef cloned_void meetings(Py_ssize_t p, double l1, const double* f1, const double* g, const double* slope, const double* plus,
                          const double* minus, double* out) noexcept nogil:
    cdef Py_ssize_t j
    cdef double up, down
    for j in range(p):
        up = meeting(l1, f1[j], g[j], slope[j], plus[j])
        down = meeting(l1, f1[j], -g[j], -slope[j], minus[j])
        out[j] = up if up < down else down


cdef void move(Walk* W) noexcept nogil:
    """To the next knot."""
    add(W.b, W.d, W.way, W.m)
    add(W.g, W.slope, -W.way, W.p)
    W.l1 -= W.way
    if W.next != OUT and W.sign == 0:
        W.b[W.place[W.next]] = 0
    W.directed = False
    W.knots += 1


cdef cloned_void add(double* to, const double* what, double times, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] += times * what[i]


cdef cloned_void add_columns(double* to, const double* C, Py_ssize_t ld, const Py_ssize_t* index, const double* times, Py_ssize_t m,
                             Py_ssize_t n) noexcept nogil:
    """to += Σ_k times[k] C[index[k]], four at a time."""
    cdef Py_ssize_t i, k
    cdef const double* r
    cdef const double* s
    cdef const double* t
    cdef const double* u
    for k in range(0, m - m % 4, 4):
        r, s, t, u = C + index[k] * ld, C + index[k + 1] * ld, C + index[k + 2] * ld, C + index[k + 3] * ld
        for i in range(n):
            to[i] += (times[k] * r[i] + times[k + 1] * s[i]) + (times[k + 2] * t[i] + times[k + 3] * u[i])
    for k in range(m - m % 4, m):
        r = C + index[k] * ld
        for i in range(n):
            to[i] += times[k] * r[i]


cdef cloned_void product(const double* inverse, Py_ssize_t ld, Py_ssize_t m, const double* v, double* out) noexcept nogil:
    """out = inverse · v, which is symmetric: row by row."""
    cdef Py_ssize_t i, j
    for i in range(m):
        out[i] = 0
    for j in range(0, m - m % 4, 4):
        for i in range(m):
            out[i] += (v[j] * inverse[j * ld + i] + v[j + 1] * inverse[(j + 1) * ld + i]) \
                + (v[j + 2] * inverse[(j + 2) * ld + i] + v[j + 3] * inverse[(j + 3) * ld + i])
    for j in range(m - m % 4, m):
        for i in range(m):
            out[i] += v[j] * inverse[j * ld + i]


cdef bint accept(const Problem* P, Walk* W, Py_ssize_t l) noexcept nogil:
    """Whether the certificate holds at alpha number l, at once or after a correction; its results are stored then."""
    cdef Py_ssize_t k
    cdef double way = W.l1 - P.l1[l] if W.l1 > P.l1[l] and W.directed else 0
    cdef double* b = P.coef + l * P.M
    memcpy(W.t, P.c, W.p * sizeof(double))
    for k in range(W.m):
        b[W.index[k]] = W.b[k] + way * W.d[k]
        W.u[k] = -b[W.index[k]]
    add_columns(W.t, P.C, P.ldc, W.index, W.u, W.m, W.p)
    if not certify(P, W, l, b):
        if not W.directed:
            return False
        for k in range(W.m):
            W.u[k] = W.t[W.index[k]] - P.l1[l] * W.s[k]
        product(W.inverse, W.p, W.m, W.u, W.at)
        for k in range(W.m):
            b[W.index[k]] += W.at[k]
            W.b[k] = b[W.index[k]]
            W.u[k] = -W.at[k]
        add_columns(W.t, P.C, P.ldc, W.index, W.u, W.m, W.p)
        memcpy(W.g, W.t, W.p * sizeof(double))     # the walk goes on from what is right
        W.l1 -= way
        W.way -= way
        if not certify(P, W, l, b):
            return False
    P.status[l] = CONVERGED
    P.epochs[l] = 0
    P.newtons[l] = <int>W.knots
    W.knots = 0
    return True


cdef bint certify(const Problem* P, Walk* W, Py_ssize_t l, const double* b) noexcept nogil:
    cdef Py_ssize_t j
    cdef double bc = 0, bg = 0, rr, gap, length = 0
    for j in range(P.M):
        bc += b[j] * P.c[j]
        bg += b[j] * W.t[j]
        length += fabs(b[j]) * W.root[j]
    rr = max(P.yy - bc - bg, 0.0)
    gap = duality_gap(P.M, W.t, b, P.l1[l], P.l2[l], P.f1, P.f2, P.lower, P.upper, P.bound_scale, rr, P.yy - bc, P.scale)
    if not gap <= P.tol * P.scale:
        return False
    P.gap[l], P.residual[l], P.length[l] = gap / P.scale, rr, length
    return True
