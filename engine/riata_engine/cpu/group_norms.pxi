# Norms of the slopes of one group. Included in group_descent.pyx and group_certificate.pyx.

cdef enum:
    NEWTON = 60                            # steps at most


cdef double norm_of(const double* t, Py_ssize_t d, Py_ssize_t T, Py_ssize_t stride, double l1) noexcept nogil:
    """‖S(t, l1)‖ of a block (T, d) whose rows are ``stride`` apart."""
    cdef Py_ssize_t i, k
    cdef double x, square = 0
    for i in range(T):
        for k in range(d):
            x = soft_threshold(t[i * stride + k], l1)
            square += x * x
    return sqrt(square)


cdef double dual_norm(const double* t, Py_ssize_t d, Py_ssize_t T, Py_ssize_t stride, double lam, double l1) noexcept nogil:
    """The least alpha at which alpha (lam ‖·‖ + l1 ‖·‖₁) holds the block at zero against the slope t; infinite if none does."""
    cdef Py_ssize_t i, k, _
    cdef double square = 0, overlap, top = 0, x, a
    for i in range(T):
        for k in range(d):
            a = fabs(t[i * stride + k])
            square += a * a
            top = max(top, a)
    if square == 0:
        return 0
    if lam == inf:
        return 0
    if l1 <= 0:
        return sqrt(square) / lam if lam > 0 else inf
    if lam <= 0:
        return top / l1
    x = max(sqrt(square) / (lam + l1 * sqrt(<double>(d * T))), top / (lam + l1))      # both from the left
    for _ in range(NEWTON):
        square = overlap = 0
        for i in range(T):
            for k in range(d):
                a = fabs(t[i * stride + k]) - l1 * x
                if a > 0:
                    square += a * a
                    overlap += a
        a = dual_norm_step(x, square, overlap, lam, l1) if square > 0 else x
        if a - x <= 1e-15 * x:
            break
        x = a
    return x
