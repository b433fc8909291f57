# A Newton step of the quadratic model on its support: where coordinate descent crawls, and in place of it where there is no l1
# penalty. Conjugate gradients on the whole Hessian, preconditioned by a Cholesky factor for each class.
#
# The blocks have the weights w p_k (1 − p_k) of a class that moves alone. Weights w p_k, which together majorise the Hessian, need ten
# times as many products where probabilities are near 0 and 1.
#
# A change t of the predictors changes residuals by −w p_k (t_k − Σ_l p_l t_l). Where one class has all but 1e-7 of a row's probability,
# the difference for that class is below the rounding of its two terms in single precision, and with it the curvature of nearly
# separable classes. So t is taken relative to that of the likeliest class, which no sum of differences then contains.
from libc.math cimport sqrt
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from riata_engine.cpu.control cimport Signal, attend
from riata_engine.cpu.design cimport pack
from riata_engine.cpu.multinomial_state cimport State
from riata_engine.cpu.multinomial_step cimport class_sigma, pair_add, pair_dot
from scipy.linalg.cython_blas cimport ssyrk, strsv
from scipy.linalg.cython_lapack cimport spotrf

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    PANEL = 512                   # rows of a block of the Gram products
    MOST_FACTORED = 1500          # features of a class beyond which its diagonal must do

cdef double JITTER = 1e-5         # share of a diagonal entry that is added to it: the factor is one in single precision


cdef struct Space:
    # unknowns: for each class its pairs, then its intercept where there is one
    Py_ssize_t N
    Py_ssize_t* start             # (K + 1,)
    Py_ssize_t* slot              # (N,) slots of features; −1: the intercept
    float** factor                # (K,) Cholesky factors, NULL: the diagonal
    double* diagonal              # (N,)
    double* x
    double* r
    double* z
    double* d
    double* Hd
    float* change                 # (K, ld)
    float* mean                   # (ld,)
    Py_ssize_t* likeliest         # (n,) classes
    float* base                   # (ld,) change of the likeliest class
    double* total                 # (n_work + 1,) of the intercept and each slot, sums over the classes
    Py_ssize_t* classes           # and how many of them there are
    float* panel
    float* small


cdef void close_space(Space* P, Py_ssize_t K) noexcept nogil:
    cdef Py_ssize_t k
    if P.factor != NULL:
        for k in range(K):
            free(P.factor[k])
    free(P.factor)
    free(P.start)
    free(P.slot)
    free(P.diagonal)
    free(P.x)
    free(P.r)
    free(P.z)
    free(P.d)
    free(P.Hd)
    free(P.change)
    free(P.mean)
    free(P.likeliest)
    free(P.base)
    free(P.total)
    free(P.classes)
    free(P.panel)
    free(P.small)


cdef int open_space(State* S, double l1, bint free_only, Space* P) noexcept nogil:
    cdef Py_ssize_t k, m, s, j, i, N = 0, widest = 0
    memset(P, 0, sizeof(Space))
    P.start = <Py_ssize_t*>calloc(S.K + 1, sizeof(Py_ssize_t))
    for k in range(S.K):
        N += S.n_pairs[k] + 1
    P.slot = <Py_ssize_t*>malloc((N + 1) * sizeof(Py_ssize_t))
    if P.start == NULL or P.slot == NULL:
        return 1
    N = 0
    for k in range(S.K):
        P.start[k] = N
        if k != S.reference:
            for m in range(S.n_pairs[k]):
                s = S.pairs[k * S.room + m]
                j = S.work[s]
                if l1 * S.f1[j] == 0 or (S.trial[j * S.K + k] != 0 and not free_only):
                    P.slot[N] = s
                    N += 1
            if S.intercept:
                P.slot[N] = -1
                N += 1
        widest = max(widest, N - P.start[k])
    P.start[S.K] = N
    P.N = N
    P.factor = <float**>calloc(S.K, sizeof(float*))
    P.diagonal = <double*>calloc(N + 1, sizeof(double))
    P.x = <double*>calloc(N + 1, sizeof(double))
    P.r = <double*>calloc(N + 1, sizeof(double))
    P.z = <double*>calloc(N + 1, sizeof(double))
    P.d = <double*>calloc(N + 1, sizeof(double))
    P.Hd = <double*>calloc(N + 1, sizeof(double))
    P.change = <float*>calloc(S.K * S.ld, sizeof(float))
    P.mean = <float*>calloc(S.ld, sizeof(float))
    P.likeliest = <Py_ssize_t*>calloc(S.n + 1, sizeof(Py_ssize_t))
    P.base = <float*>calloc(S.ld, sizeof(float))
    P.total = <double*>calloc(S.n_work + 1, sizeof(double))
    P.classes = <Py_ssize_t*>calloc(S.n_work + 1, sizeof(Py_ssize_t))
    P.panel = <float*>malloc(PANEL * (min(widest, <Py_ssize_t>MOST_FACTORED) + 1) * sizeof(float))
    P.small = <float*>malloc((widest + 1) * sizeof(float))
    if (P.factor == NULL or P.diagonal == NULL or P.x == NULL or P.r == NULL or P.z == NULL or P.d == NULL or P.Hd == NULL
            or P.change == NULL or P.mean == NULL or P.likeliest == NULL or P.base == NULL or P.panel == NULL or P.small == NULL
            or P.total == NULL or P.classes == NULL):
        return 1
    for k in range(1, S.K):
        for i in range(S.n):
            if S.prob[k * S.ld + i] > S.prob[P.likeliest[i] * S.ld + i]:
                P.likeliest[i] = k
    return 0


cdef cloned_void weigh(const float* x, const double* w, const double* p, Py_ssize_t m, float* out) noexcept nogil:
    """out = x √v; x NULL: a column of ones."""
    cdef Py_ssize_t i
    if x == NULL:
        for i in range(m):
            out[i] = <float>sqrt(w[i] * p[i] * (1 - p[i]))
    else:
        for i in range(m):
            out[i] = x[i] * <float>sqrt(w[i] * p[i] * (1 - p[i]))


cdef cloned_void to_single(const double* x, Py_ssize_t n, float* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = <float>x[i]


cdef int factorise(State* S, Space* P, double l2) noexcept nogil:
    """A Cholesky factor for each class that is not too wide."""
    cdef Py_ssize_t k, c, j, start
    cdef int a, rows, ld = PANEL, info
    cdef float one = 1, beta
    cdef char lower = b"l", flip = b"t"
    cdef float* C
    cdef float* column
    for k in range(S.K):
        a = <int>(P.start[k + 1] - P.start[k])
        if a == 0 or a > MOST_FACTORED:
            for c in range(P.start[k], P.start[k + 1]):
                P.diagonal[c] = diagonal_entry(S, P.slot[c], k, l2)
            continue
        C = <float*>calloc(<Py_ssize_t>a * a, sizeof(float))
        if C == NULL:
            return 1
        start = 0
        beta = 0
        while start < S.n:
            rows = <int>min(<Py_ssize_t>PANEL, S.n - start)
            for c in range(a):
                j = P.slot[P.start[k] + c]
                column = P.panel + c * PANEL
                if j < 0:
                    weigh(NULL, S.w + start, S.prob + k * S.ld + start, rows, column)
                elif S.X.sparse:
                    pack(S.X, start, start + rows, &S.work[j], 0, 1, S.tile, rows)
                    to_single(S.tile, rows, column)
                    weigh(column, S.w + start, S.prob + k * S.ld + start, rows, column)
                else:
                    weigh(S.x32 + j * S.ld + start, S.w + start, S.prob + k * S.ld + start, rows, column)
            ssyrk(&lower, &flip, &a, &rows, &one, P.panel, &ld, &beta, C, &a)
            beta = 1
            start += rows
        for c in range(a):
            j = P.slot[P.start[k] + c]
            C[c * a + c] *= <float>(1 + JITTER)
            if j >= 0:
                C[c * a + c] += <float>(l2 * S.f2[S.work[j]])
            P.diagonal[P.start[k] + c] = C[c * a + c] if C[c * a + c] > 0 else 1.0
            if not C[c * a + c] > 0:
                C[c * a + c] = 1
        spotrf(&lower, &a, C, &a, &info)
        if info != 0:
            free(C)
        else:
            P.factor[k] = C
    return 0


cdef double diagonal_entry(State* S, Py_ssize_t slot, Py_ssize_t k, double l2) noexcept nogil:
    cdef Py_ssize_t start = 0, m, i
    cdef double total = 0
    cdef const float* x
    while start < S.n:
        m = min(<Py_ssize_t>PANEL, S.n - start)
        x = NULL
        if slot >= 0 and S.X.sparse:
            pack(S.X, start, start + m, &S.work[slot], 0, 1, S.tile, m)
            to_single(S.tile, m, <float*>S.tile + 2 * PANEL)
            x = <float*>S.tile + 2 * PANEL
        elif slot >= 0:
            x = S.x32 + slot * S.ld + start
        weigh(x, S.w + start, S.prob + k * S.ld + start, m, <float*>S.tile + 4 * PANEL)
        x = <float*>S.tile + 4 * PANEL
        for i in range(m):
            total += x[i] * x[i]
        start += m
    total += l2 * S.f2[S.work[slot]] if slot >= 0 else 0.0
    return total if total > 0 else 1.0


cdef void precondition(State* S, Space* P) noexcept nogil:
    """z = M⁻¹ r"""
    cdef Py_ssize_t k, c
    cdef int a, one = 1
    cdef char lower = b"l", plain = b"n", flip = b"t", any_diagonal = b"n"
    for k in range(S.K):
        if P.factor[k] == NULL:
            for c in range(P.start[k], P.start[k + 1]):
                P.z[c] = P.r[c] / P.diagonal[c]
            continue
        a = <int>(P.start[k + 1] - P.start[k])
        for c in range(a):
            P.small[c] = <float>P.r[P.start[k] + c]
        strsv(&lower, &plain, &any_diagonal, &a, P.factor[k], &a, P.small, &one)
        strsv(&lower, &flip, &any_diagonal, &a, P.factor[k], &a, P.small, &one)
        for c in range(a):
            P.z[P.start[k] + c] = P.small[c]


cdef cloned_void add_constant(float d, Py_ssize_t ld, float* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(ld):
        out[i] += d


cdef cloned_void add_mean(const float* q, float* t, const float* base, Py_ssize_t ld, float* mean) noexcept nogil:
    """t −= base, and its share of the mean."""
    cdef Py_ssize_t i
    for i in range(ld):
        t[i] -= base[i]
        mean[i] += q[i] * t[i]


cdef void predictors_of(State* S, Space* P, const double* d) noexcept nogil:
    """change = Z d."""
    cdef Py_ssize_t k, c
    memset(P.change, 0, S.K * S.ld * sizeof(float))
    for k in range(S.K):
        for c in range(P.start[k], P.start[k + 1]):
            if d[c] != 0:
                if P.slot[c] < 0:
                    add_constant(<float>d[c], S.ld, P.change + k * S.ld)
                else:
                    pair_add(S, P.slot[c], d[c], P.change + k * S.ld)


cdef void hessian(State* S, Space* P, double l2, const double* d, double* out) noexcept nogil:
    """out = H d"""
    cdef Py_ssize_t k, c, i
    cdef double total
    predictors_of(S, P, d)
    for i in range(S.n):
        P.base[i] = P.change[P.likeliest[i] * S.ld + i]
    memset(P.mean, 0, S.ld * sizeof(float))
    for k in range(S.K):
        add_mean(S.q + k * S.ld, P.change + k * S.ld, P.base, S.ld, P.mean)
    for k in range(S.K):
        if P.start[k] == P.start[k + 1]:
            continue
        class_sigma(S, k, P.change + k * S.ld, P.mean, &total)
        for c in range(P.start[k], P.start[k + 1]):
            if P.slot[c] < 0:
                out[c] = -total
            else:
                pair_dot(S, P.slot[c], S.sigma, &out[c])
                out[c] = l2 * S.f2[S.work[P.slot[c]]] * d[c] - out[c]


cdef double product(const double* a, const double* b, Py_ssize_t N) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(N):
        total += a[i] * b[i]
    return total


cdef void drop_shifts(State* S, Space* P, double l1, double l2, double* r) noexcept nogil:
    """Take from r what intercepts, or coefficients without a penalty, have in common over all classes.

    Moving all classes alike changes no probability: in exact arithmetic r has no such part, and the Hessian no curvature to divide
    its rounding by.
    """
    cdef Py_ssize_t c, a, j
    memset(P.total, 0, (S.n_work + 1) * sizeof(double))
    memset(P.classes, 0, (S.n_work + 1) * sizeof(Py_ssize_t))
    for c in range(P.N):
        P.total[P.slot[c] + 1] += r[c]
        P.classes[P.slot[c] + 1] += 1
    for c in range(P.N):
        a = P.slot[c] + 1
        if P.classes[a] < S.K:
            continue
        if a:
            j = S.work[a - 1]
            if l1 * S.f1[j] > 0 or l2 * S.f2[j] > 0:
                continue
        r[c] -= P.total[a] / S.K


cdef int conjugate_gradients(State* S, Space* P, double l1, double l2, double rel, int most, Signal* signal, void* control,
                             bint owner) noexcept nogil:
    """x with H x = r (overwritten) to ``rel`` in the norm of the preconditioner; the products that it took."""
    cdef double rho, first, a, before
    cdef Py_ssize_t i
    cdef int k = 0
    precondition(S, P)
    memcpy(P.d, P.z, P.N * sizeof(double))
    rho = product(P.r, P.z, P.N)
    first = rho
    while k < most and rho > rel * rel * first and rho > 0:
        hessian(S, P, l2, P.d, P.Hd)
        k += 1
        a = product(P.d, P.Hd, P.N)
        if not a > 1e-12 * rho:                        # no curvature that single precision can tell from none
            break
        a = rho / a
        for i in range(P.N):
            P.x[i] += a * P.d[i]
            P.r[i] -= a * P.Hd[i]
        drop_shifts(S, P, l1, l2, P.r)
        precondition(S, P)
        before = rho
        rho = product(P.r, P.z, P.N)
        for i in range(P.N):
            P.d[i] = P.z[i] + rho / before * P.d[i]
        if attend(signal, control, owner):
            break
    return k


cdef int newton(State* S, double l1, double l2, bint dry, double rel, int most, double* decrease, Signal* signal, void* control,
                bint owner) noexcept nogil:
    """A Newton step from the trial point on the coefficients other than 0 and those without an l1 penalty.

    Returns products taken, −1 where memory is short. ``decrease`` of the model is what it gained. ``dry``: nothing moves, only
    what has no l1 penalty would, and ``decrease`` is the whole Newton decrement.
    """
    cdef Space P
    cdef Py_ssize_t k, c, j
    cdef int taken
    cdef double total, b, gain, share
    cdef double* rhs
    decrease[0] = 0
    if open_space(S, l1, dry, &P) or factorise(S, &P, l2):
        close_space(&P, S.K)
        return -1
    if P.N == 0:
        close_space(&P, S.K)
        return 0
    for k in range(S.K):
        if P.start[k] == P.start[k + 1]:
            continue
        class_sigma(S, k, S.t + k * S.ld, S.mean_t, &total)
        for c in range(P.start[k], P.start[k + 1]):
            if P.slot[c] < 0:
                P.r[c] = S.g0[k] + total
            else:
                j = S.work[P.slot[c]]
                b = S.trial[j * S.K + k]
                pair_dot(S, P.slot[c], S.sigma, &P.r[c])
                P.r[c] += S.G[k * S.p + j] - l2 * S.f2[j] * b - (l1 * S.f1[j] if b > 0 else -l1 * S.f1[j] if b < 0 else 0.0)
    drop_shifts(S, &P, l1, l2, P.r)
    rhs = <double*>malloc(P.N * sizeof(double))        # conjugate gradients overwrite r
    if rhs == NULL:
        close_space(&P, S.K)
        return -1
    memcpy(rhs, P.r, P.N * sizeof(double))
    taken = conjugate_gradients(S, &P, l1, l2, rel, most, signal, control, owner)
    if dry:
        decrease[0] = product(rhs, P.x, P.N)
    else:
        # the sign pattern holds within an orthant: what would cross stops at zero, and if that is no gain, all stop with the first
        share = 1
        memcpy(P.z, P.x, P.N * sizeof(double))
        for k in range(S.K):
            for c in range(P.start[k], P.start[k + 1]):
                if P.slot[c] >= 0:
                    j = S.work[P.slot[c]]
                    b = S.trial[j * S.K + k]
                    if l1 * S.f1[j] > 0 and (b + P.x[c]) * b < 0:
                        share = min(share, -b / P.x[c])
                        P.z[c] = -b
        gain = model_gain(S, &P, l2, rhs, P.z)
        if share < 1 and not gain > 0:
            for c in range(P.N):
                P.z[c] = share * P.x[c]
            gain = model_gain(S, &P, l2, rhs, P.z)
        if gain > 0:
            decrease[0] = gain
            for k in range(S.K):
                for c in range(P.start[k], P.start[k + 1]):
                    if P.slot[c] < 0:
                        S.trial0[k] += P.z[c]
                    else:
                        j = S.work[P.slot[c]]
                        b = S.trial[j * S.K + k]
                        S.trial[j * S.K + k] = 0 if l1 * S.f1[j] > 0 and (b + P.z[c]) * b < 0 else b + P.z[c]
            predictors_of(S, &P, P.z)
            for k in range(S.K):
                accept_change(P.change + k * S.ld, S.q + k * S.ld, S.ld, S.t + k * S.ld, S.mean_t)
    free(rhs)
    close_space(&P, S.K)
    return taken


cdef cloned_void accept_change(const float* change, const float* q, Py_ssize_t ld, float* t, float* mean_t) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(ld):
        t[i] += change[i]
        mean_t[i] += q[i] * change[i]


cdef double model_gain(State* S, Space* P, double l2, const double* rhs, const double* x) noexcept nogil:
    """What a change x within the orthant takes off the model, the penalty included."""
    hessian(S, P, l2, x, P.Hd)
    return product(rhs, x, P.N) - 0.5 * product(x, P.Hd, P.N)
