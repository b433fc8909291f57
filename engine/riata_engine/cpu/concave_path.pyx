# MCP and SCAD paths: coordinate descent on the support in Gram space, Newton steps on the pieces of the penalty where descent
# crawls, the violation of the KKT conditions over all columns as certificate, and the curvature on the support as diagnosis.
from libc.math cimport fabs, log, sqrt, NAN, INFINITY as inf
from libc.stdlib cimport malloc, free
from scipy.linalg.cython_lapack cimport dposv, dsyevr
from riata_engine.cpu.control cimport Signal, attend
from riata_engine.cpu.in_play cimport take_in
from riata_engine.cpu.listed cimport Listed, drop_list, enlist, subtract_row
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


cdef double step_on(const Penalty* F, Member* M, Py_ssize_t j, double h, double g, double* b, double l1, double l2) noexcept nogil:
    """One coordinate to its minimum; by how much it moved."""
    cdef double new = concave_step(F.scad, g + h * b[0], h, l1 * M.f1[j], l2 * F.f2[j], F.e[j], F.gamma)
    cdef double d = new - b[0]
    b[0] = new
    return d


cdef bint direction(const Penalty* F, const Member* M, const Listed* S, Py_ssize_t k, double l1, double l2, double* A,
                    double* d) noexcept nogil:
    """Newton's direction d (k,) of the coefficients ``S.used`` on the pieces that they lie on. Whether the curvature is positive."""
    cdef Py_ssize_t i, q, j
    cdef int n = <int>k, one = 1, info = 0, piece
    cdef char lower = b"L"
    cdef double l, u
    for i in range(k):
        j = M.play.columns[S.at[S.used[i]]]
        l = l1 * M.f1[j]
        u = S.u[S.used[i]]
        for q in range(i, k):
            A[i * k + q] = S.C[S.used[i] * S.ld + S.used[q]]
        piece = concave_piece(F.scad, u, l, F.e[j], F.gamma)
        A[i * k + i] += l2 * F.f2[j] - piece_concavity(F.scad, piece, F.e[j], F.gamma)
        d[i] = S.c[S.used[i]] - concave_slope(F.scad, u, l, l2 * F.f2[j], F.e[j], F.gamma)
    dposv(&lower, &n, &one, A, &n, d, &n, &info)
    return info == 0


cdef int newton(const Penalty* F, const Member* M, Listed* S, double l1, double l2) noexcept nogil:
    """A Newton step, as far as it decreases the objective; coefficients that would change their sign go to zero. Whether it was
    taken; −1 when memory is short."""
    cdef Py_ssize_t i, q, j, k = 0, a = S.a
    cdef double t = 1, change, v, l
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
    for i in range(a):
        if S.u[i] != 0:
            S.used[k] = i
            k += 1
    if k == 0 or not direction(F, M, S, k, l1, l2, S.room, d):
        return 0
    for _attempt in range(6):
        for i in range(a):
            fitted[i] = 0
        change = 0
        for q in range(k):
            i = S.used[q]
            j = M.play.columns[S.at[i]]
            l = l1 * M.f1[j]
            v = S.u[i] + t * d[q]
            if v * S.u[i] < 0 and l > 0:
                v = 0
            moved[q] = v - S.u[i]
            change += concave_value(F.scad, v, l, l2 * F.f2[j], F.e[j], F.gamma)
            change -= concave_value(F.scad, S.u[i], l, l2 * F.f2[j], F.e[j], F.gamma)
            change -= S.c[i] * moved[q]
            subtract_row(fitted, S.C + i * S.ld, moved[q], a)
        for q in range(k):
            change -= 0.5 * moved[q] * fitted[S.used[q]]
        if change < 0:
            for q in range(k):
                S.u[S.used[q]] += moved[q]
            for i in range(a):
                S.c[i] += fitted[i]
            return 1
        t *= 0.5
    return 0


cdef int descend(const Penalty* F, Member* M, Py_ssize_t l, Listed* S, double aim, Signal* signal, void* control,
                 bint owner) noexcept nogil:
    """Sweeps over the list until one moves no coefficient by more than ``aim``. Non-zero when memory is short."""
    cdef Py_ssize_t i
    cdef double l1 = M.l1[l], l2 = M.l2[l], worst, before = inf, d, rate
    cdef int sweeps = 0, patience = 8, taken
    while M.epochs[l] < M.max_epochs:
        worst = 0
        for i in range(S.a):
            d = step_on(F, M, M.play.columns[S.at[i]], S.C[i * S.ld + i], S.c[i], S.u + i, l1, l2)
            if d != 0:
                subtract_row(S.c, S.C + i * S.ld, d, S.a)
                worst = max(worst, fabs(d) * sqrt(S.C[i * S.ld + i]))
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


cdef int solve(Member* M, Py_ssize_t l, double* b, double* g, Signal* signal, void* control, bint owner) noexcept nogil:
    """Alpha l on the columns in play, from b and its gradient g (m,)."""
    cdef const Penalty* F = <const Penalty*>M.own
    cdef Py_ssize_t q, i, came, m = M.play.m
    cdef double l1 = M.l1[l], aim = M.inner * M.tol * sqrt(M.yy), goal = max(aim, LOOSE * sqrt(M.yy))
    cdef Listed S
    cdef int failed = 0
    S.a, S.ld, S.at, S.C, S.room = 0, 0, NULL, NULL, NULL
    for q in range(m):
        if M.play.G[q * M.play.room + q] > 0 and (b[q] != 0 or fabs(g[q]) > l1 * M.f1[M.play.columns[q]]):
            if not failed:
                failed = enlist(&S, &M.play, q, b[q], g[q])
    while not failed and S.a > 0 and M.epochs[l] < M.max_epochs and not attend(signal, control, owner):
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
            if b[q] == 0 and fabs(g[q]) > l1 * M.f1[M.play.columns[q]] * (1 + 1e-12) and M.play.G[q * M.play.room + q] > 0:
                for i in range(S.a):
                    if S.at[i] == q:
                        break
                else:
                    came += 1
                    failed = failed or enlist(&S, &M.play, q, 0.0, g[q])
        if came == 0:
            if goal == aim:
                break
            goal = aim
    drop_list(&S)
    return failed


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
