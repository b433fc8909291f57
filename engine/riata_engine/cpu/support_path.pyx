# A path on few features from support to support: the inverse of the support's Gram matrix (with the ridge part of the penalty on its
# diagonal) is kept from alpha to alpha, is bordered where a feature comes in and loses a row where one goes out. An alpha takes a step
# of Newton's method with it from the line through the last two solutions, and as a rule no more than that one. It is accepted by its
# duality gap from a gradient computed afresh. Where that fails, or the support is nearly collinear, the rest of the path is descended
# (gram_descent.pyx).
#
# Osborne, Presnell and Turlach (2000), A new approach to variable selection in least squares problems, IMA J. Numer. Anal. 20: the
# active set; Zou and Hastie (2005), JRSS B 67, section 3.4: the elastic net's.
from libc.math cimport fabs, sqrt, INFINITY
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset
from riata_engine.cpu.certificate cimport duality_gap
from riata_engine.cpu.control cimport Signal, attend, fetch_add
from riata_engine.cpu.gram_descent cimport NO_MEMORY, Problem, solve_alone
from riata_engine.cpu.status cimport CONVERGED, SKIPPED, TIME_BUDGET

include "../formulas/early_stop.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    OUT = -1
    LINE = 8                               # numbers of a line of the cache
    FEATURES = 128
    PATIENT = 100                          # epochs: smaller ``max_epochs`` are kept to the letter by descent
    RENEW = 3                              # steps of one alpha, after which the inverse is made anew: its ridge part has aged
    CAREFUL = 6                            # after which one feature comes in or goes out at a time, and the objective never rises
    MOST = 12                              # and as many more as there are features twice: what is left is descended

cdef double COLLINEAR = 1e-10              # share of a variance that the support leaves, below which it has no inverse
cdef double ENTRY_SLACK = 1 + 1e-12        # a feature does not come in for a rounding error


cdef struct Walk:
    Py_ssize_t p, m, ld                    # ld: p, rounded up to whole lines of the cache; everything is zero behind its end
    double* H                              # (p, ld) the Gram matrix
    double* inverse                        # (m, ld) rows of the inverse on the support
    Py_ssize_t* index                      # (m) features of the support
    Py_ssize_t* place                      # (p) and where they stand there, or OUT
    double* s                              # (m) f1 times the sign
    double* r                              # (m)
    double* u                              # (m)
    double* b                              # (p) coefficients
    double* old_b                          # (p) those of the alpha before
    double* t                              # (p) gradient c − C b
    double* old_t
    double* plus                           # (p) 1 where a feature may come in above zero; below it
    double* minus
    double* root                           # (p) √C_jj


cdef bint goes_by_supports(const Problem* P) noexcept nogil:
    """A path from zero on few features, in which a coefficient is free, has a sign, or is held at zero, and every l1 is positive."""
    cdef Py_ssize_t j
    if not P.few or P.M > FEATURES or P.max_epochs < PATIENT or P.by_kkt or P.L == 0 or not P.l1[P.L - 1] > 0:
        return False
    for j in range(P.M):
        if P.start[j] != 0:
            return False
        if not P.C[j * P.ldc + j] > 0 or (P.lower[j] == 0 and P.upper[j] == 0):
            continue                               # constant, or left out
        if not P.f1[j] > 0:
            return False
        if (P.lower[j] != 0 and P.lower[j] > -INFINITY) or (P.upper[j] != 0 and P.upper[j] < INFINITY):
            return False
    return True


cdef int solve_problem(const Problem* P, Signal* signal, void* control, bint owner) noexcept nogil:
    """One path, from support to support where it may go that way. Non-zero when memory is short."""
    return by_supports(P, signal, control, owner) if goes_by_supports(P) else solve_alone(P, signal, control, owner)


cdef int by_supports(const Problem* P, Signal* signal, void* control, bint owner) noexcept nogil:
    cdef Walk W
    cdef Py_ssize_t p = P.M, l, done = 0
    cdef double deviance = 0, before
    cdef bint well = True
    cdef char* memory
    W.ld = (p + LINE - 1) // LINE * LINE
    memory = <char*>calloc(2 * W.ld * W.ld + 12 * W.ld + LINE, sizeof(double))
    if memory == NULL:
        return NO_MEMORY
    set_out(P, &W, <double*>(memory + (LINE * sizeof(double) - <size_t>memory % (LINE * sizeof(double)))))
    for l in range(P.L):
        P.status[l] = SKIPPED
    while well and done < P.L:
        if attend(signal, control, owner):
            for l in range(done, P.L):
                P.status[l] = TIME_BUDGET if signal.stop == 2 else SKIPPED
            free(memory)
            return 0
        well = solve_one(P, &W, done)
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


cdef void set_out(const Problem* P, Walk* W, double* at) noexcept nogil:
    cdef Py_ssize_t p = P.M, ld = W.ld, j
    cdef bint used
    W.p, W.m, W.H, W.inverse = p, 0, at, at + ld * ld
    at += 2 * ld * ld
    W.s, W.r, W.u, W.b, W.old_b, W.t = at, at + ld, at + 2 * ld, at + 3 * ld, at + 4 * ld, at + 5 * ld
    W.old_t, W.plus, W.minus, W.root = at + 6 * ld, at + 7 * ld, at + 8 * ld, at + 9 * ld
    W.index, W.place = <Py_ssize_t*>(at + 10 * ld), <Py_ssize_t*>(at + 11 * ld)
    for j in range(p):
        memcpy(W.H + j * ld, P.C + j * P.ldc, p * sizeof(double))
    memcpy(W.t, P.c, p * sizeof(double))
    memcpy(W.old_t, P.c, p * sizeof(double))
    for j in range(p):
        used = P.C[j * P.ldc + j] > 0
        W.root[j] = sqrt(P.C[j * P.ldc + j]) if used else 0
        W.plus[j] = used and P.upper[j] > 0
        W.minus[j] = used and P.lower[j] < 0
        W.place[j] = OUT


cdef bint solve_one(const Problem* P, Walk* W, Py_ssize_t l) noexcept nogil:
    """Alpha number l; false where it takes too long, or the support has no inverse."""
    cdef int steps = 0, most = MOST + 2 * <int>W.p
    cdef bint well, careful
    if l > 1 and P.l1[l - 2] > P.l1[l - 1]:
        extrapolate(W, (P.l1[l] - P.l1[l - 1]) / (P.l1[l - 1] - P.l1[l - 2]))
    elif l > 0:
        memcpy(W.old_b, W.b, W.p * sizeof(double))
        memcpy(W.old_t, W.t, W.p * sizeof(double))
    if W.m == 0:
        memcpy(W.t, P.c, W.p * sizeof(double))     # not what the line through the last two says
    well = take_in(P, W, l, False)
    while well:
        if (W.m == 0 or steps > 0) and certify(P, W, l):
            P.status[l] = CONVERGED
            P.newtons[l] += steps
            return True
        if steps == most or W.m == 0:
            break
        if steps == RENEW:
            well = renew(P, W, l)
        careful = steps >= CAREFUL
        steps += 1
        if well and newton(P, W, l, careful):
            well = take_in(P, W, l, careful)
    return False


cdef void extrapolate(Walk* W, double step) noexcept nogil:
    """On along the line through the last two solutions; coefficients that would change their sign stay."""
    cdef Py_ssize_t j, k
    cdef double x, d
    forward(W.t, W.old_t, step, W.ld)
    for k in range(W.m):
        j = W.index[k]
        x = W.b[j]
        d = step * (x - W.old_b[j])
        W.old_b[j] = x
        if (x + d) * W.s[k] > 0:
            W.b[j] = x + d
        elif d != 0:
            add(W.t, W.H + j * W.ld, d, W.ld)


cdef cloned_void forward(double* t, double* old, double step, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef double x
    for i in range(n):
        x = t[i]
        t[i] = x + step * (x - old[i])
        old[i] = x


cdef bint take_in(const Problem* P, Walk* W, Py_ssize_t l, bint careful) noexcept nogil:
    """Features whose gradient is beyond their penalty, into the support; if ``careful`` the one that is furthest.

    False where one is nearly in the span of the others.
    """
    cdef Py_ssize_t j, furthest = OUT
    cdef double limit, beyond, most = 0
    for j in range(W.p):
        limit = P.l1[l] * P.f1[j] * ENTRY_SLACK
        if W.place[j] == OUT and ((W.t[j] > limit and W.plus[j] > 0) or (-W.t[j] > limit and W.minus[j] > 0)):
            beyond = (fabs(W.t[j]) - limit) / W.root[j]
            if not careful and not enter(P, W, j, P.l2[l]):
                return False
            if beyond > most:
                most = beyond
                furthest = j
    return not careful or furthest == OUT or enter(P, W, furthest, P.l2[l])


cdef bint enter(const Problem* P, Walk* W, Py_ssize_t j, double l2) noexcept nogil:
    """A feature into the inverse, by bordering. False where it is nearly in the span of the others."""
    cdef Py_ssize_t m = W.m, k
    cdef double whole = W.H[j * W.ld + j] + l2 * P.f2[j], rest = whole
    cdef double* last = W.inverse + m * W.ld
    W.s[m] = P.f1[j] if (W.b[j] if W.b[j] != 0 else W.t[j]) > 0 else -P.f1[j]
    for k in range(m):
        W.r[k] = W.H[j * W.ld + W.index[k]]
    product(W.inverse, W.ld, m, W.r, W.u)
    for k in range(m):
        rest -= W.r[k] * W.u[k]
    if not rest > COLLINEAR * whole:
        return False
    for k in range(m):
        add(W.inverse + k * W.ld, W.u, W.u[k] / rest, whole_lines(m))
        W.inverse[k * W.ld + m] = -W.u[k] / rest
        last[k] = -W.u[k] / rest
    last[m] = 1 / rest
    W.index[m], W.place[j] = j, m
    W.m += 1
    return True


cdef inline Py_ssize_t whole_lines(Py_ssize_t m) noexcept nogil:
    return (m + LINE - 1) // LINE * LINE


cdef void leave(Walk* W, Py_ssize_t at) noexcept nogil:
    """The feature in place ``at`` out of the support; the last one takes its place."""
    cdef Py_ssize_t m = W.m - 1, j = W.index[at], ld = W.ld, k
    cdef double pivot
    for k in range(W.m):
        W.inverse[at * ld + k], W.inverse[m * ld + k] = W.inverse[m * ld + k], W.inverse[at * ld + k]
    for k in range(W.m):
        W.inverse[k * ld + at], W.inverse[k * ld + m] = W.inverse[k * ld + m], W.inverse[k * ld + at]
    W.index[at], W.s[at] = W.index[m], W.s[m]
    W.place[W.index[at]] = at
    W.place[j], W.b[j], W.old_b[j], W.m = OUT, 0, 0, m
    pivot = W.inverse[m * ld + m]
    memcpy(W.u, W.inverse + m * ld, whole_lines(m + 1) * sizeof(double))
    W.u[m] = 0
    for k in range(m):
        add(W.inverse + k * ld, W.u, -W.u[k] / pivot, whole_lines(m))
        W.inverse[k * ld + m] = 0
    memset(W.inverse + m * ld, 0, ld * sizeof(double))


cdef bint renew(const Problem* P, Walk* W, Py_ssize_t l) noexcept nogil:
    """The inverse anew, with the ridge part of this alpha."""
    cdef Py_ssize_t m = W.m, k
    memset(W.inverse, 0, m * W.ld * sizeof(double))
    W.m = 0
    for k in range(m):
        if not enter(P, W, W.index[k], P.l2[l]):
            return False
    return True


cdef bint newton(const Problem* P, Walk* W, Py_ssize_t l, bint careful) noexcept nogil:
    """A step on the support; coefficients that change their sign become zero and go out. If ``careful`` the step ends where the
    first one does. Then the gradient afresh. Returns whether the step was a whole one.
    """
    cdef Py_ssize_t j, k, first = OUT
    cdef double share = 1, x
    for k in range(W.m):
        j = W.index[k]
        W.r[k] = W.t[j] - P.l2[l] * P.f2[j] * W.b[j] - P.l1[l] * W.s[k]
    product(W.inverse, W.ld, W.m, W.r, W.u)
    for k in range(W.m if careful else 0):
        x = W.b[W.index[k]]
        if (x + share * W.u[k]) * W.s[k] < 0:
            share = -x / W.u[k]
            first = k
    for k in range(W.m):
        W.b[W.index[k]] += share * W.u[k]
    k = W.m - 1
    while k >= 0:
        if k == first or not W.b[W.index[k]] * W.s[k] > 0:
            leave(W, k)
        k -= 1
    memcpy(W.t, P.c, W.p * sizeof(double))
    for k in range(W.m):
        W.u[k] = -W.b[W.index[k]]
    add_columns(W.t, W.H, W.ld, W.index, W.u, W.m)
    return share == 1


cdef cloned_void add(double* to, const double* what, double times, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] += times * what[i]


cdef cloned_void add_columns(double* to, const double* H, Py_ssize_t ld, const Py_ssize_t* index, const double* times,
                             Py_ssize_t m) noexcept nogil:
    """to += Σ_k times[k] H[index[k]], four at a time."""
    cdef Py_ssize_t i, k
    cdef const double* r
    cdef const double* s
    cdef const double* t
    cdef const double* u
    for k in range(0, m - m % 4, 4):
        r, s, t, u = H + index[k] * ld, H + index[k + 1] * ld, H + index[k + 2] * ld, H + index[k + 3] * ld
        for i in range(ld):
            to[i] += (times[k] * r[i] + times[k + 1] * s[i]) + (times[k + 2] * t[i] + times[k + 3] * u[i])
    for k in range(m - m % 4, m):
        r = H + index[k] * ld
        for i in range(ld):
            to[i] += times[k] * r[i]


cdef cloned_void product(const double* inverse, Py_ssize_t ld, Py_ssize_t m, const double* v, double* out) noexcept nogil:
    """out = inverse · v, which is symmetric: row by row, and zero to the end of the line."""
    cdef Py_ssize_t i, j, n = (m + LINE - 1) // LINE * LINE
    for i in range(n):
        out[i] = 0
    for j in range(0, m - m % 4, 4):
        for i in range(n):
            out[i] += (v[j] * inverse[j * ld + i] + v[j + 1] * inverse[(j + 1) * ld + i]) \
                + (v[j + 2] * inverse[(j + 2) * ld + i] + v[j + 3] * inverse[(j + 3) * ld + i])
    for j in range(m - m % 4, m):
        for i in range(n):
            out[i] += v[j] * inverse[j * ld + i]


cdef bint certify(const Problem* P, Walk* W, Py_ssize_t l) noexcept nogil:
    """Whether the certificate holds at alpha number l; its results are stored then."""
    cdef Py_ssize_t j
    cdef double bc = 0, bg = 0, rr, gap, length = 0
    for j in range(P.M):
        bc += W.b[j] * P.c[j]
        bg += W.b[j] * W.t[j]
        length += fabs(W.b[j]) * W.root[j]
    rr = max(P.yy - bc - bg, 0.0)
    gap = duality_gap(P.M, W.t, W.b, P.l1[l], P.l2[l], P.f1, P.f2, P.lower, P.upper, P.bound_scale, rr, P.yy - bc, P.scale)
    if not gap <= P.tol * P.scale:
        return False
    P.gap[l], P.residual[l], P.length[l] = gap / P.scale, rr, length
    memcpy(P.coef + l * P.M, W.b, P.M * sizeof(double))
    return True
