# Steps on one block of coefficients, and the products with rows of A that they take. Included in group_descent.pyx.

cdef enum:
    SECULAR = 60                           # Newton steps at most: three or four are usual
    BLOCK_STEPS = 30                       # proximal gradient steps on a block

cdef double SETTLED = 1e-3                 # they end when a step is this part of the first
cdef double EDGE = 1 + 4e-14               # a slope so little beyond what holds a group at zero is rounding


cdef cloned_void subtract_rows(double* q, Py_ssize_t length, const floating* A, Py_ssize_t ld, const double* step,
                               Py_ssize_t d) noexcept nogil:
    """q −= Σ_k step_k A_k, four rows at a time."""
    cdef Py_ssize_t i, k = 0
    cdef const floating* a
    cdef const floating* a1
    cdef const floating* a2
    cdef const floating* a3
    cdef double s, s1, s2, s3
    while k + 4 <= d:
        a = A + k * ld
        a1 = a + ld
        a2 = a1 + ld
        a3 = a2 + ld
        s = step[k]
        s1 = step[k + 1]
        s2 = step[k + 2]
        s3 = step[k + 3]
        for i in range(length):
            q[i] -= s * a[i] + s1 * a1[i] + s2 * a2[i] + s3 * a3[i]
        k += 4
    while k < d:
        a = A + k * ld
        s = step[k]
        for i in range(length):
            q[i] -= s * a[i]
        k += 1


cdef cloned_void row_products(const double* r, Py_ssize_t length, const floating* A, Py_ssize_t ld, Py_ssize_t d,
                              double* out) noexcept nogil:
    """out[k] = A_k·r, four rows at a time."""
    cdef Py_ssize_t i, k = 0
    cdef const floating* a
    cdef const floating* a1
    cdef const floating* a2
    cdef const floating* a3
    cdef double s, s1, s2, s3
    while k + 4 <= d:
        a = A + k * ld
        a1 = a + ld
        a2 = a1 + ld
        a3 = a2 + ld
        s = s1 = s2 = s3 = 0
        for i in range(length):
            s += a[i] * r[i]
            s1 += a1[i] * r[i]
            s2 += a2[i] * r[i]
            s3 += a3[i] * r[i]
        out[k] = s
        out[k + 1] = s1
        out[k + 2] = s2
        out[k + 3] = s3
        k += 4
    while k < d:
        a = A + k * ld
        s = 0
        for i in range(length):
            s += a[i] * r[i]
        out[k] = s
        k += 1


cdef cloned_void dot(const double* x, const double* y, Py_ssize_t m, double* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double s = 0
    for i in range(m):
        s += x[i] * y[i]
    out[0] = s


cdef cloned_void mix(double* out, const double* x, double weight, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(m):
        out[i] += weight * x[i]


cdef double principal_step(const double* v, const double* h, double lam, double ridge, Py_ssize_t d, Py_ssize_t T,
                           double before, double* out) noexcept nogil:
    """out (T, d) = argmin ½ Σ (h_k + ridge) b² − v b + lam ‖b‖; returns its length. ``before``: the length it had."""
    cdef Py_ssize_t i, k, _
    cdef double norm = 0, top = 0, t, following, square, slope, share, u
    for i in range(T * d):
        norm += v[i] * v[i]
    norm = sqrt(norm)
    if norm <= lam * EDGE:
        memset(out, 0, T * d * sizeof(double))
        return 0
    for k in range(d):
        top = max(top, h[k] + ridge)
    if lam <= 0:
        square = 0
        for i in range(T * d):
            u = h[i % d] + ridge
            out[i] = v[i] / u if u > 0 else 0
            square += out[i] * out[i]
        return sqrt(square)
    if top <= 0:                                       # a group without any column that varies
        memset(out, 0, T * d * sizeof(double))
        return 0
    t = (norm - lam) / top                             # never above the root
    if d > 1:
        t = max(t, before)
        for _ in range(SECULAR):
            square = slope = 0
            for i in range(T * d):
                u = h[i % d] + ridge
                share = secular_share(v[i], u, lam, t)
                square += share * share
                slope += share * share * u / (u * t + lam)
            following = max(secular_step(t, square, slope), (norm - lam) / top)
            u = fabs(following - t)
            t = following
            if u <= 1e-15 * t:
                break
    for i in range(T * d):
        out[i] = t * secular_share(v[i], h[i % d] + ridge, lam, t)
    return t


cdef void proximal(double* x, double l1, double lam, Py_ssize_t size) noexcept nogil:
    """x = argmin_b ½ ‖b − x‖² + l1 ‖b‖₁ + lam ‖b‖"""
    cdef Py_ssize_t i
    cdef double square = 0
    for i in range(size):
        x[i] = soft_threshold(x[i], l1)
        square += x[i] * x[i]
    square = group_shrink(sqrt(square), lam)
    for i in range(size):
        x[i] *= square


cdef void sparse_step(const double* v, const double* B, double curvature, double lam, double l1, double ridge, Py_ssize_t d,
                      Py_ssize_t T, double* b, double* point, double* moved) noexcept nogil:
    """Accelerated proximal gradient steps (Beck & Teboulle 2009, restarted) on ½ bᵀBb − vᵀb + g(b) from b (T, d), in place."""
    cdef Py_ssize_t i, k, t, step
    cdef double L = curvature + ridge, s, first = 0, change, uphill, momentum, theta = 1, following
    if L <= 0:
        memset(b, 0, T * d * sizeof(double))
        return
    memcpy(point, b, T * d * sizeof(double))
    for step in range(BLOCK_STEPS):
        for t in range(T):
            for i in range(d):
                s = v[t * d + i] - ridge * point[t * d + i]
                for k in range(d):
                    s -= B[i * d + k] * point[t * d + k]
                moved[t * d + i] = point[t * d + i] + s / L
        proximal(moved, l1 / L, lam / L, T * d)
        change = uphill = 0
        for i in range(T * d):
            s = moved[i] - b[i]
            change += s * s
            uphill += (point[i] - moved[i]) * s
        following = (1 + sqrt(1 + 4 * theta * theta)) / 2
        momentum = (theta - 1) / following
        if uphill > 0:
            momentum, following = 0, 1
        theta = following
        for i in range(T * d):
            point[i] = moved[i] + momentum * (moved[i] - b[i])
            b[i] = moved[i]
        if step == 0:
            first = change
        if change <= SETTLED * SETTLED * first:
            break
