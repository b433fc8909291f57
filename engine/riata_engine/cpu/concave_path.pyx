# MCP and SCAD paths: coordinate descent on the support in Gram space, Newton steps on the pieces of the penalty where descent
# crawls, the violation of the KKT conditions over all columns as certificate, and the curvature on the support as diagnosis.
from libc.math cimport fabs, log, sqrt, NAN, INFINITY as inf
from libc.stdlib cimport malloc, free
from libc.string cimport memcpy
from scipy.linalg.cython_lapack cimport dposv, dsyevr
from riata_engine.cpu.control cimport Signal, attend
from riata_engine.cpu.in_play cimport take_in
from riata_engine.cpu.rounds cimport Member, Rounds
from riata_engine.cpu.screen cimport kth_largest

include "../formulas/concave.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef struct Penalty:
    bint scad
    double gamma
    const double* e             # (p,) scale of the coefficient of z: that of X's, or of a standardised X's
    const double* f2
    bint diagnose
    double* score               # (p,) room


cdef cloned_void subtract_row(double* g, const double* row, double d, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t q
    for q in range(m):
        g[q] -= d * row[q]


cdef double step_on(const Penalty* F, Member* M, Py_ssize_t j, double h, double g, double* b, double l1, double l2) noexcept nogil:
    """One coordinate to its minimum; by how much it moved."""
    cdef double new = concave_step(F.scad, g + h * b[0], h, l1 * M.f1[j], l2 * F.f2[j], F.e[j], F.gamma)
    cdef double d = new - b[0]
    b[0] = new
    return d


cdef double newton(const Penalty* F, const Member* M, Py_ssize_t a, const Py_ssize_t* at, const double* C, double* c, double* b,
                   double l1, double l2, double* room) noexcept nogil:
    """A Newton step on the pieces that b (a,) lies on, c (a,) its gradient: as far as every coefficient keeps to its piece. How
    far, in shares of the step; 0 where the objective is not convex there."""
    cdef Py_ssize_t i, k, j
    cdef int n = <int>a, one = 1, info = 0, piece
    cdef char lower = b"L"
    cdef double l, e, edge, low, high, t = 1, way
    cdef double* A = room
    cdef double* d = room + a * a
    for i in range(a):
        j = M.play.columns[at[i]]
        l = l1 * M.f1[j]
        piece = concave_piece(F.scad, b[i], l, F.e[j], F.gamma)
        memcpy(A + i * a, C + i * a, a * sizeof(double))
        A[i * a + i] += l2 * F.f2[j] - piece_concavity(F.scad, piece, F.e[j], F.gamma)
        d[i] = c[i] - concave_slope(F.scad, b[i], l, l2 * F.f2[j], F.e[j], F.gamma)
    dposv(&lower, &n, &one, A, &n, d, &n, &info)
    if info != 0:
        return 0
    for i in range(a):
        j = M.play.columns[at[i]]
        l = l1 * M.f1[j]
        e = F.e[j]
        if l == 0 or d[i] == 0:
            continue
        piece = concave_piece(F.scad, b[i], l, e, F.gamma)
        low = 0                                              # the piece reaches from low to high
        high = inf
        if piece == 2:
            low = F.gamma * l / e
        elif piece == 1:
            high = F.gamma * l / e
            if F.scad:
                low = l / e
        else:
            high = l / e
        way = d[i] if b[i] > 0 else -d[i]
        edge = high if way > 0 else low
        if fabs(b[i]) + way > high or fabs(b[i]) + way < low:
            t = min(t, max(0.0, (edge - fabs(b[i])) / way))
    for i in range(a):
        b[i] += t * d[i]
        if fabs(b[i]) < 1e-15 * fabs(d[i]):                  # at the edge of its piece, which is zero
            b[i] = 0
    return t


cdef int on_support(const Penalty* F, Member* M, Py_ssize_t l, double* b, double* g, double aim, Signal* signal, void* control,
                    bint owner) noexcept nogil:
    """Descent on the coefficients other than zero until a sweep moves none by more than ``aim``; b and g (m,) are brought up to
    date. Non-zero when memory is short."""
    cdef Py_ssize_t m = M.play.m, a = 0, q, i, k
    cdef double l1 = M.l1[l], l2 = M.l2[l], worst, before = inf, d, rate
    cdef Py_ssize_t* at
    cdef double* C
    cdef double* c
    cdef double* u
    cdef double* room = NULL
    cdef int sweeps = 0
    for q in range(m):
        a += b[q] != 0
    if a == 0:
        return 0
    at = <Py_ssize_t*>malloc(a * sizeof(Py_ssize_t))
    C = <double*>malloc((a * a + 2 * a) * sizeof(double))
    if at == NULL or C == NULL:
        free(at)
        free(C)
        return 1
    c = C + a * a
    u = c + a
    a = 0
    for q in range(m):
        if b[q] != 0:
            at[a] = q
            a += 1
    for i in range(a):
        c[i], u[i] = g[at[i]], b[at[i]]
        for k in range(a):
            C[i * a + k] = M.play.G[at[i] * M.play.room + at[k]]
    while M.epochs[l] < M.max_epochs:
        worst = 0
        for i in range(a):
            d = step_on(F, M, M.play.columns[at[i]], C[i * a + i], c[i], u + i, l1, l2)
            if d != 0:
                subtract_row(c, C + i * a, d, a)
                worst = max(worst, fabs(d) * sqrt(C[i * a + i]))
        M.epochs[l] += 1
        sweeps += 1
        if worst <= aim:
            break
        if sweeps % 16 == 0 and attend(signal, control, owner):
            break
        rate = worst / before
        before = worst
        if sweeps % 5 == 0 and (rate >= 1 or log(aim / worst) / log(rate) > 8 + a / 6.0):
            if room == NULL:
                room = <double*>malloc((a * a + 2 * a) * sizeof(double))
                if room == NULL:
                    free(at)
                    free(C)
                    return 1
            for i in range(a):
                if u[i] == 0:                                # a coefficient went to zero: the support is another one
                    break
            else:
                memcpy(room + a * a + a, u, a * sizeof(double))
                if newton(F, M, a, at, C, c, u, l1, l2, room) > 0:
                    for i in range(a):
                        d = u[i] - room[a * a + a + i]
                        if d != 0:
                            subtract_row(c, C + i * a, d, a)
                before = inf
    free(room)
    for i in range(a):
        q = at[i]
        d = u[i] - b[q]
        b[q] = u[i]
        if d != 0:
            for k in range(m):
                g[k] -= d * M.play.G[q * M.play.room + k]
    for i in range(a):
        g[at[i]] = c[i]
    free(at)
    free(C)
    return 0


cdef int solve(Member* M, Py_ssize_t l, double* b, double* g, Signal* signal, void* control, bint owner) noexcept nogil:
    """Alpha l on the columns in play, from b and its gradient g (m,)."""
    cdef const Penalty* F = <const Penalty*>M.own
    cdef Py_ssize_t q, m = M.play.m
    cdef double l1 = M.l1[l], l2 = M.l2[l], d, worst, h, aim = M.inner * M.tol * sqrt(M.yy)
    while M.epochs[l] < M.max_epochs and not attend(signal, control, owner):
        worst = 0
        for q in range(m):
            h = M.play.G[q * M.play.room + q]
            if h <= 0 or (b[q] == 0 and fabs(g[q]) <= l1 * M.f1[M.play.columns[q]]):
                continue
            d = step_on(F, M, M.play.columns[q], h, g[q], b + q, l1, l2)
            if d != 0:
                subtract_row(g, M.play.G + q * M.play.room, d, m)
                worst = max(worst, fabs(d) * sqrt(h))
        M.epochs[l] += 1
        if worst <= aim:
            return 0
        if on_support(F, M, l, b, g, aim, signal, control, owner):
            return 1
    return 0


cdef double certify(Member* M, Py_ssize_t l, const double* b, const double* t, double rr, double ry) noexcept nogil:
    """The largest violation of the KKT conditions over all columns, each divided by √h_j √Σ v y²."""
    cdef const Penalty* F = <const Penalty*>M.own
    cdef Py_ssize_t j, q, p = M.play.X.p
    cdef double worst = 0, v, l1 = M.l1[l], l2 = M.l2[l]
    for j in range(p):
        if not M.play.inside[j] and M.h[j] > 0:
            v = fabs(t[j]) - l1 * M.f1[j]
            if v > 0:
                worst = max(worst, v / sqrt(M.h[j]))
    for q in range(M.play.m):
        j = M.play.columns[q]
        if M.h[j] > 0:
            v = concave_violation(F.scad, b[q], t[j], l1 * M.f1[j], l2 * F.f2[j], F.e[j], F.gamma)
            if not v <= worst * sqrt(M.h[j]):                # NaN is no answer
                worst = v / sqrt(M.h[j])
    return worst / sqrt(M.yy) if M.yy > 0 else worst


cdef int admit(Member* M, const double* t, double violating, double ahead, Py_ssize_t cap) noexcept nogil:
    """Take in what violates at the l1 penalty ``violating``, and the largest of what the strong rule lets through for ``ahead``."""
    cdef const Penalty* F = <const Penalty*>M.own
    cdef Py_ssize_t j, k = 0, p = M.play.X.p
    cdef double strong = max(2 * ahead - M.current, 0.0), edge = 0, s
    for j in range(p):
        if M.play.inside[j] or not M.h[j] > 0 or M.f1[j] == 0:
            continue
        s = fabs(t[j]) / M.f1[j]
        if s > 0 and s >= strong:
            F.score[k] = s
            k += 1
    if k > cap:
        edge = kth_largest(F.score, k, cap)
    for j in range(p):
        if M.play.inside[j] or not M.h[j] > 0 or M.f1[j] == 0:
            continue
        s = fabs(t[j]) / M.f1[j]
        if s > violating or (s > 0 and s >= strong and s >= edge):
            if take_in(&M.play, j):
                return 1
    return 0


cdef int remark(Member* M, Py_ssize_t l, const double* b) noexcept nogil:
    """The smallest eigenvalue of the objective's curvature on the support, in units in which columns have variance one, every
    penalised coefficient counted as on the concave piece (Breheny and Huang 2011, section 2.4)."""
    cdef const Penalty* F = <const Penalty*>M.own
    cdef Py_ssize_t a = 0, i, k, j, q, m = M.play.m
    cdef int n, one = 1, found = 0, lwork, liwork, info = 0, support[2]
    cdef double low = 0, high = 0, tolerance = 1e-8, smallest = inf, concavity
    cdef char values = b"N", range_ = b"I", lower = b"L"
    cdef double* A
    cdef double* root
    cdef double* work
    cdef int* iwork
    if not F.diagnose:
        return 0
    for q in range(m):
        a += b[q] != 0
    M.curvature[l] = inf
    if a == 0:
        return 0
    n = <int>a
    lwork, liwork = 40 * n, 10 * n + 10
    A = <double*>malloc((a * a + 3 * a + lwork) * sizeof(double))
    iwork = <int*>malloc(liwork * sizeof(int))
    if A == NULL or iwork == NULL:
        free(A)
        free(iwork)
        return 1
    root = A + a * a
    work = root + 2 * a
    i = 0
    for q in range(m):
        if b[q] != 0:
            root[i] = q                                      # exact: a place is far below 2^53
            i += 1
    for i in range(a):
        q = <Py_ssize_t>root[i]
        for k in range(i + 1):
            A[k * a + i] = M.play.G[q * M.play.room + <Py_ssize_t>root[k]]
    for i in range(a):
        j = M.play.columns[<Py_ssize_t>root[i]]
        concavity = F.e[j] / (F.gamma - 1 if F.scad else F.gamma) if M.f1[j] > 0 else 0
        root[i] = 1 / sqrt(A[i * a + i])
        A[i * a + i] += M.l2[l] * F.f2[j] - concavity
    for k in range(a):
        for i in range(k, a):
            A[k * a + i] *= root[i] * root[k]
    dsyevr(&values, &range_, &lower, &n, A, &n, &low, &high, &one, &one, &tolerance, &found, root + a, &smallest, &one, &support[0],
           work, &lwork, iwork, &liwork, &info)
    M.curvature[l] = root[a] if info == 0 else NAN
    free(A)
    free(iwork)
    return 0


cdef class ConcaveRounds(Rounds):
    """Paths of MCP or SCAD: after the arguments of ``Rounds``, scad, gamma (K,), e and f2 (1 or G, p), diagnose."""
    cdef Penalty* penalties

    def __init__(self, *arguments):
        cdef bint scad, diagnose
        cdef const double[::1] gamma
        cdef const double[:, ::1] e, f2
        cdef const Py_ssize_t[::1] group = arguments[5]
        cdef Py_ssize_t b
        scad, gamma, e, f2, diagnose = arguments[-5:]
        self.kept += (gamma, e, f2)
        self.penalties = <Penalty*>malloc((self.K + 1) * sizeof(Penalty))
        if self.penalties == NULL:
            raise MemoryError("no room for the list of problems")
        for b in range(self.K):
            self.penalties[b].score = NULL
        for b in range(self.K):
            self.penalties[b].scad, self.penalties[b].gamma, self.penalties[b].diagnose = scad, gamma[b], diagnose
            self.penalties[b].e = &e[group[b] if e.shape[0] > 1 else 0, 0]
            self.penalties[b].f2 = &f2[group[b] if f2.shape[0] > 1 else 0, 0]
            self.penalties[b].score = <double*>malloc(self.design.view.p * sizeof(double))
            if self.penalties[b].score == NULL:
                raise MemoryError("no room for the scores of a problem's columns")
        Rounds.__init__(self, *arguments)

    cdef void prepare(self, Member* M, Py_ssize_t b) noexcept:
        M.solve, M.certify, M.admit, M.remark, M.own = solve, certify, admit, remark, <void*>(self.penalties + b)

    def __dealloc__(self):
        cdef Py_ssize_t b
        if self.penalties != NULL:
            for b in range(self.K):
                free(self.penalties[b].score)
        free(self.penalties)
