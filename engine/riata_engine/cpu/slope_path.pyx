# SLOPE paths: accelerated proximal steps find which coefficients are equal in size, Newton steps solve for the sizes, the duality gap
# certifies. Coefficients are seen as u_j = f1_j b_j, on which the sorted l1 norm acts.
from libc.math cimport fabs, sqrt
from libc.stdlib cimport malloc, free
from libc.string cimport memcpy
from scipy.linalg.cython_lapack cimport dposv
from riata_engine.cpu.control cimport Signal, attend
from riata_engine.cpu.in_play cimport take_in
from riata_engine.cpu.listed cimport Listed, drop_list, enlist, subtract_row
from riata_engine.cpu.rounds cimport Member, Rounds
from riata_engine.cpu.slope_norm cimport Norm, Ranked, gap_of, prox, rank

include "../formulas/sorted_l1.py"

cdef enum:
    STEPS = 10                  # proximal steps between two looks at the gap
    MERGERS = 3                 # Newton steps in a row


cdef void move(Listed* S, Py_ssize_t i, double u) noexcept nogil:
    cdef double d = u - S.u[i]
    if d != 0:
        subtract_row(S.c, S.C + i * S.ld, d, S.a)
        S.u[i] = u


cdef int newton(const Norm* F, Listed* S, double a, int* steps) noexcept nogil:
    """Newton steps on the sizes of the clusters, each to the first place where two of them meet, or one meets zero, where they are
    one from then on. Whether the last was a whole one; −1 when memory is short."""
    cdef Py_ssize_t n = S.a, k = 0, K, i, q, r, g
    cdef double t, way, sign
    cdef int wide, one = 1, info = 0, _attempt
    cdef char lower = b"L"
    cdef Py_ssize_t* at = <Py_ssize_t*>malloc((2 * n + 2) * sizeof(Py_ssize_t))
    cdef Py_ssize_t* start = at + n
    cdef double* R = NULL
    cdef double* d
    cdef double* size
    cdef double* row
    if at == NULL:
        return -1
    for i in range(n):
        F.order[i].size, F.order[i].at = fabs(S.u[i]), i
    rank(F.order, n)
    K = 0
    size = <double*>malloc((n + 1) * sizeof(double))
    if size == NULL:
        free(at)
        return -1
    for i in range(n):
        if F.order[i].size == 0:
            break
        at[k] = F.order[i].at
        if K == 0 or F.order[i].size != size[K - 1]:
            size[K] = F.order[i].size
            start[K] = k
            K += 1
        k += 1
    start[K] = k
    R = <double*>malloc((K + 2) * (K + 1) * sizeof(double) + n * sizeof(double))
    if R == NULL:
        free(at)
        free(size)
        return -1
    d = R + (K + 1) * K
    row = d + K + 1
    for _attempt in range(MERGERS):
        if K == 0:
            break
        wide = <int>K
        for q in range(K):
            for i in range(n):
                row[i] = 0
            d[q] = 0
            for i in range(start[q], start[q + 1]):
                sign = 1.0 if S.u[at[i]] > 0 else -1.0
                subtract_row(row, S.C + at[i] * S.ld, -sign, n)
                d[q] += sign * S.c[at[i]] - a * F.lam[i]
            for r in range(q, K):
                R[q * K + r] = 0
                for i in range(start[r], start[r + 1]):
                    R[q * K + r] += row[at[i]] if S.u[at[i]] > 0 else -row[at[i]]
        dposv(&lower, &wide, &one, R, &wide, d, &wide, &info)
        if info != 0:
            break
        steps[0] += 1
        t = 1
        g = -1
        for q in range(K):
            way = d[q] - (d[q + 1] if q + 1 < K else 0.0)
            if way < 0 and size[q] - (size[q + 1] if q + 1 < K else 0.0) <= -t * way:
                t = -(size[q] - (size[q + 1] if q + 1 < K else 0.0)) / way
                g = q
        for q in range(K):
            size[q] += t * d[q]
        if g == K - 1:
            size[g] = 0
        elif g >= 0:
            size[g] = size[g + 1]
        for q in range(K):
            for i in range(start[q], start[q + 1]):
                move(S, at[i], size[q] if S.u[at[i]] > 0 else -size[q])
        if g < 0:
            free(at)
            free(size)
            free(R)
            return 1
        if g == K - 1:
            K -= 1
        else:
            for q in range(g + 1, K - 1):
                size[q] = size[q + 1]
            for q in range(g + 1, K):
                start[q] = start[q + 1]
            K -= 1
    free(at)
    free(size)
    free(R)
    return 0


cdef double largest_curvature(const Listed* S, double* x, double* z) noexcept nogil:
    """About the largest eigenvalue of the listed Gram matrix, by power iteration; x and z (a,) are room."""
    cdef Py_ssize_t i, _k, n = S.a
    cdef double norm = 0
    for i in range(n):
        x[i] = 1.0 / (1 + i % 7)
    for _k in range(8):
        for i in range(n):
            z[i] = 0
        for i in range(n):
            subtract_row(z, S.C + i * S.ld, -x[i], n)
        norm = 0
        for i in range(n):
            norm += z[i] * z[i]
        norm = sqrt(norm)
        if norm == 0:
            return 1
        for i in range(n):
            x[i] = z[i] / norm
    return norm


cdef int descend(const Norm* F, Member* M, Py_ssize_t l, Listed* S, double aim, Signal* signal, void* control, bint owner) noexcept nogil:
    """The list solved to a gap of ``aim``. Non-zero when memory is short."""
    cdef Py_ssize_t i, n = S.a
    cdef double a = M.l1[l], L, beta, theta = 1, next_theta, rr, uc, product, square, curve, d
    cdef double* u = <double*>malloc(6 * n * sizeof(double))
    cdef double* old = u + n
    cdef double* old_c = old + n
    cdef double* v = old_c + n
    cdef double* z = v + n
    cdef double* fit = z + n
    cdef int step = 0, taken, pause = STEPS, patience = STEPS
    if u == NULL:
        return 1
    L = 1.05 * largest_curvature(S, v, z)
    memcpy(old, S.u, n * sizeof(double))
    memcpy(old_c, S.c, n * sizeof(double))
    while M.epochs[l] < M.max_epochs:
        if step % STEPS == 0:
            if attend(signal, control, owner):
                break
            uc = 0
            product = 0
            for i in range(n):
                fit[i] = 0
            for i in range(n):
                uc += S.u[i] * S.c[i]
                if S.u[i] != 0:
                    subtract_row(fit, S.C + i * S.ld, -S.u[i], n)
            for i in range(n):
                product += S.u[i] * fit[i]
            rr = max(M.yy - 2 * uc - product, 0.0)
            if gap_of(F, S.u, n, S.c, n, a, uc, rr) <= aim:
                break
            if step >= patience:
                taken = newton(F, S, a, &M.epochs[l])
                if taken < 0:
                    free(u)
                    return 1
                pause = STEPS if taken else 2 * pause
                patience = step + pause
                memcpy(old, S.u, n * sizeof(double))
                memcpy(old_c, S.c, n * sizeof(double))
                theta = 1
        next_theta = 0.5 * (1 + sqrt(1 + 4 * theta * theta))
        beta = (theta - 1) / next_theta
        theta = next_theta
        for i in range(n):
            z[i] = S.u[i] + beta * (S.u[i] - old[i])         # where the gradient is taken: it is linear
            v[i] = S.c[i] + beta * (S.c[i] - old_c[i])
        while True:
            for i in range(n):
                fit[i] = z[i] + v[i] / L
            prox(F, fit, n, a / L, u)
            for i in range(n):
                fit[i] = 0
            for i in range(n):
                d = u[i] - S.u[i]
                if d != 0:
                    subtract_row(fit, S.C + i * S.ld, d, n)  # −C d
            curve = 0
            square = 0
            for i in range(n):                               # u − z: its image is that of u − S.u less β times that of the last step
                d = u[i] - z[i]
                curve -= d * (fit[i] - (v[i] - S.c[i]))
                square += d * d
            if curve <= L * square * (1 + 1e-12) or square == 0:
                break
            L = max(1.5 * L, 1.01 * curve / square)
        product = 0
        for i in range(n):
            product += (z[i] - u[i]) * (u[i] - S.u[i])
            old[i], old_c[i] = S.u[i], S.c[i]
            S.u[i] = u[i]
            S.c[i] += fit[i]
        if product > 0:                                      # O'Donoghue and Candès 2015: the momentum points uphill
            theta = 1
            memcpy(old, S.u, n * sizeof(double))
            memcpy(old_c, S.c, n * sizeof(double))
        M.epochs[l] += 1
        step += 1
    free(u)
    return 0


cdef int put(Listed* S, Member* M, Py_ssize_t q, double b, double g) noexcept nogil:
    """``enlist`` in units of u."""
    cdef Py_ssize_t k
    cdef double f = M.f1[M.play.columns[q]]
    if enlist(S, &M.play, q, b * f, g / f):
        return 1
    for k in range(S.a):
        S.C[(S.a - 1) * S.ld + k] /= f * M.f1[M.play.columns[S.at[k]]]
        S.C[k * S.ld + S.a - 1] = S.C[(S.a - 1) * S.ld + k]
    return 0


cdef int solve(Member* M, Py_ssize_t l, double* b, double* g, Signal* signal, void* control, bint owner) noexcept nogil:
    """Alpha l on the columns in play, from b and its gradient g (m,)."""
    cdef const Norm* F = <const Norm*>M.own
    cdef Py_ssize_t q, i, k, came, m = M.play.m, n
    cdef double f, d, aim = M.inner * M.tol * 0.5 * M.yy
    cdef Listed S
    cdef int failed = 0
    cdef bint loose = True
    S.a, S.ld, S.at, S.C, S.room = 0, 0, NULL, NULL, NULL
    for q in range(m):
        if b[q] != 0 and not failed:
            failed = put(&S, M, q, b[q], g[q])
    while not failed:
        n = 0
        for q in range(m):
            if M.play.G[q * M.play.room + q] > 0:
                F.order[n].size, F.order[n].at = fabs(g[q]) / M.f1[M.play.columns[q]], q
                n += 1
        rank(F.order, n)
        for i in range(n):
            F.w[i] = F.order[i].size
        k = screened(F.w, F.lam, M.l1[l], 0.0, n)
        came = 0
        for i in range(k):
            F.first[i] = F.order[i].at
        for i in range(k):
            for q in range(S.a):
                if S.at[q] == F.first[i]:
                    break
            else:
                failed = failed or put(&S, M, F.first[i], b[F.first[i]], g[F.first[i]])
                came += 1
        if failed or S.a == 0 or (came == 0 and not loose) or M.epochs[l] >= M.max_epochs or attend(signal, control, owner):
            break
        loose = came > 0 and S.a < m
        failed = descend(F, M, l, &S, max(aim, LOOSE * M.yy) if loose else aim, signal, control, owner)
        for i in range(S.a):
            q = S.at[i]
            f = M.f1[M.play.columns[q]]
            d = S.u[i] / f - b[q]
            if d != 0:
                subtract_row(g, M.play.G + q * M.play.room, d, m)
                b[q] = S.u[i] / f
        for i in range(S.a):
            S.c[i] = g[S.at[i]] / M.f1[M.play.columns[S.at[i]]]
    drop_list(&S)
    return failed


cdef double certify(Member* M, Py_ssize_t l, const double* b, const double* t, double rr, double ry) noexcept nogil:
    """The duality gap over all columns, divided by the objective of the null model."""
    cdef const Norm* F = <const Norm*>M.own
    cdef Py_ssize_t j, q, n = 0, p = M.play.X.p
    cdef double uc = 0
    for q in range(M.play.m):
        j = M.play.columns[q]
        F.w[q] = b[q] * M.f1[j]
        uc += b[q] * t[j]
    for j in range(p):
        if M.h[j] > 0:
            F.total[n] = t[j] / M.f1[j]
            n += 1
    return gap_of(F, F.w, M.play.m, F.total, n, M.l1[l], uc, rr) / (0.5 * M.yy) if M.yy > 0 else 0.0


cdef int admit(Member* M, const double* t, double violating, double ahead, Py_ssize_t cap) noexcept nogil:
    """Take in what violates at alpha ``violating``, and the first of what the strong rule lets through for ``ahead``."""
    cdef const Norm* F = <const Norm*>M.own
    cdef Py_ssize_t i, j, n = 0, p = M.play.X.p, must, may
    for j in range(p):
        if M.h[j] > 0:
            F.order[n].size, F.order[n].at = fabs(t[j]) / M.f1[j], j
            n += 1
    rank(F.order, n)
    for i in range(n):
        F.w[i] = F.order[i].size
    must = screened(F.w, F.lam, violating, 0.0, n)
    may = screened(F.w, F.lam, ahead, max(M.current - ahead, 0.0), n)
    for i in range(n):
        if i >= must and (i >= may or cap <= 0):
            break
        if not M.play.inside[F.order[i].at]:
            cap -= 1
            if take_in(&M.play, F.order[i].at):
                return 1
    return 0


cdef int remark(Member* M, Py_ssize_t l, const double* b) noexcept nogil:
    return 0


cdef double LOOSE = 1e-5        # gap, in units of Σ v y², at which a solver looks beyond its list for the first time


cdef class SlopeRounds(Rounds):
    """Paths of the sorted l1 norm: after the arguments of ``Rounds``, the sequence (p,)."""
    cdef Norm* norms

    def __init__(self, *arguments):
        cdef const double[::1] lam = arguments[len(arguments) - 1]
        cdef Py_ssize_t b, p = self.design.view.p
        cdef Norm* F
        self.kept += (lam,)
        self.norms = <Norm*>malloc((self.K + 1) * sizeof(Norm))
        if self.norms == NULL:
            raise MemoryError("no room for the list of problems")
        for b in range(self.K):
            self.norms[b].order, self.norms[b].w, self.norms[b].first = NULL, NULL, NULL
        for b in range(self.K):
            F = self.norms + b
            F.lam = <double*>&lam[0]
            F.order = <Ranked*>malloc((p + 1) * sizeof(Ranked))
            F.w = <double*>malloc((2 * p + 2) * sizeof(double))
            F.first = <Py_ssize_t*>malloc((p + 1) * sizeof(Py_ssize_t))
            if F.order == NULL or F.w == NULL or F.first == NULL:
                raise MemoryError("no room for the order of a problem's columns")
            F.total = F.w + p + 1
        Rounds.__init__(self, *arguments)

    cdef void prepare(self, Member* M, Py_ssize_t b) noexcept:
        M.solve, M.certify, M.admit, M.remark, M.own = solve, certify, admit, remark, <void*>(self.norms + b)

    def __dealloc__(self):
        cdef Py_ssize_t b
        if self.norms != NULL:
            for b in range(self.K):
                free(self.norms[b].order)
                free(self.norms[b].w)
                free(self.norms[b].first)
        free(self.norms)
