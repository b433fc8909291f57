# MCP and SCAD paths: coordinate descent on the support in Gram space, Newton steps on the pieces of the penalty where descent
# crawls, the violation of the KKT conditions over all columns as certificate, and the curvature on the support as diagnosis.
from libc.math cimport fabs, sqrt, NAN, INFINITY as inf
from libc.stdlib cimport malloc, free
from scipy.linalg.cython_lapack cimport dposv, dsyevr
from riata_engine.cpu.in_play cimport take_in
from riata_engine.cpu.listed cimport Listed
from riata_engine.cpu.rounds cimport Member, Rounds
from riata_engine.cpu.screen cimport kth_largest

include "../formulas/concave.py"

cdef double LOOSE = 1e-4        # moves, in units of the norm of y, at which descent looks beyond its list for the first time

cdef struct Penalty:
    bint scad
    double gamma
    const double* e             # (p,) scale of the coefficient of z: that of X's, or of a standardised X's
    const double* f2
    bint diagnose
    double* score               # (p,) room


cdef inline bint failed(const Penalty* F) noexcept nogil:
    return False


cdef inline double step_on(const Penalty* F, const Member* M, Py_ssize_t j, double h, double g, double* b, double l1,
                           double l2) noexcept nogil:
    """One coordinate to its minimum; by how much it moved."""
    cdef double new = concave_step(F.scad, g + h * b[0], h, l1 * M.f1[j], l2 * F.f2[j], F.e[j], F.gamma)
    cdef double d = new - b[0]
    b[0] = new
    return d


cdef inline bint leaves_zero(const Penalty* F, const Member* M, Py_ssize_t j, double h, double g, double slack, double l1,
                             double l2) noexcept nogil:
    return fabs(g) > l1 * M.f1[j] * (1 + slack)


cdef bint direction(const Penalty* F, const Member* M, Listed* S, Py_ssize_t* k, double* d, double l1, double l2) noexcept nogil:
    """Newton's direction d (k,) of the k coefficients ``S.used`` other than 0, on the pieces that they lie on. Whether there are
    some, and the curvature is positive."""
    cdef Py_ssize_t i, q, j, m = 0
    cdef int n, one = 1, info = 0, piece
    cdef char lower = b"L"
    cdef double l, u
    cdef double* A = S.room
    for i in range(S.a):
        if S.u[i] != 0:
            S.used[m] = i
            m += 1
    k[0] = m
    if m == 0:
        return False
    n = <int>m
    for i in range(m):
        j = M.play.columns[S.at[S.used[i]]]
        l = l1 * M.f1[j]
        u = S.u[S.used[i]]
        for q in range(i, m):
            A[i * m + q] = S.C[S.used[i] * S.ld + S.used[q]]
        piece = concave_piece(F.scad, u, l, F.e[j], F.gamma)
        A[i * m + i] += l2 * F.f2[j] - piece_concavity(F.scad, piece, F.e[j], F.gamma)
        d[i] = S.c[S.used[i]] - concave_slope(F.scad, u, l, l2 * F.f2[j], F.e[j], F.gamma)
    dposv(&lower, &n, &one, A, &n, d, &n, &info)
    return info == 0


cdef inline void add_cost(const Penalty* F, const Member* M, Py_ssize_t j, double b, double new, double* change, double* size,
                          double l1, double l2) noexcept nogil:
    change[0] += concave_value(F.scad, new, l1 * M.f1[j], l2 * F.f2[j], F.e[j], F.gamma)
    change[0] -= concave_value(F.scad, b, l1 * M.f1[j], l2 * F.f2[j], F.e[j], F.gamma)


cdef double next_goal(const Penalty* F, const Member* M, const double* b, const double* g, double goal, int k, double l1,
                      double l2) noexcept nogil:
    cdef double aim = M.inner * M.tol * sqrt(M.yy)
    if k == 0:
        return max(aim, LOOSE * sqrt(M.yy))
    return -1 if goal == aim else aim


include "listed_descent.pxi"


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
