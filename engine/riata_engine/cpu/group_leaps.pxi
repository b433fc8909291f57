# Where block coordinate descent leaps to: Anderson's extrapolation of its last points (Bertrand & Massias 2021), and the polynomial
# in log alpha through the last solutions. Taken in by group_descent.pyx, behind ``Play`` and its ``objective``.
from libc.math cimport fabs, log, sqrt
from libc.string cimport memcpy, memset

cdef enum:
    MEMORY = 5                             # epochs between two extrapolations


cdef bint weights_of(double* M, double* x, Py_ssize_t k) noexcept nogil:
    """x = M⁻¹1 / 1ᵀM⁻¹1 for a positive semi-definite M (k, k), changed; False where there is none worth having."""
    cdef Py_ssize_t i, j, l
    cdef double s, trace = 0, total = 0
    for i in range(k):
        trace += M[i * k + i]
    if not trace > 0:
        return False
    for i in range(k):
        M[i * k + i] += 1e-12 * trace
    for j in range(k):                                 # Cholesky
        for l in range(j):
            M[j * k + j] -= M[j * k + l] * M[j * k + l]
        if not M[j * k + j] > 0:
            return False
        M[j * k + j] = sqrt(M[j * k + j])
        for i in range(j + 1, k):
            for l in range(j):
                M[i * k + j] -= M[i * k + l] * M[j * k + l]
            M[i * k + j] /= M[j * k + j]
    for i in range(k):
        s = 1
        for l in range(i):
            s -= M[i * k + l] * x[l]
        x[i] = s / M[i * k + i]
    for i in range(k - 1, -1, -1):
        s = x[i]
        for l in range(i + 1, k):
            s -= M[l * k + i] * x[l]
        x[i] = s / M[i * k + i]
        total += x[i]
    if not fabs(total) > 0:
        return False
    for i in range(k):
        x[i] /= total
    return True


cdef void extrapolate(Play* S, double* past_b, double* past_q) noexcept nogil:
    """Put the state at the extrapolation of MEMORY + 1 points, the last of them the present one, if its objective is smaller."""
    cdef Py_ssize_t size = S.T * S.m, long_size = S.T * S.length, i, j
    cdef double M[MEMORY * MEMORY]
    cdef double x[MEMORY]
    cdef double rr, ry, here, there
    cdef double* steps = past_b + (MEMORY + 1) * size
    cdef double* saved_b = S.b
    cdef double* saved_q = S.q
    for i in range(MEMORY):
        memcpy(steps + i * size, past_b + (i + 1) * size, size * sizeof(double))
        mix(steps + i * size, past_b + i * size, -1, size)
    for i in range(MEMORY):
        for j in range(i + 1):
            dot(steps + i * size, steps + j * size, size, &M[i * MEMORY + j])
            M[j * MEMORY + i] = M[i * MEMORY + j]
    if not weights_of(&M[0], &x[0], MEMORY):
        return
    here = objective(S, &rr, &ry)
    S.b = past_b                                       # the oldest point is needed no more
    S.q = past_q
    memset(S.b, 0, size * sizeof(double))
    memset(S.q, 0, long_size * sizeof(double))
    for i in range(MEMORY):
        mix(S.b, past_b + (i + 1) * size, x[i], size)
        mix(S.q, past_q + (i + 1) * long_size, x[i], long_size)
    there = objective(S, &rr, &ry)
    S.b = saved_b
    S.q = saved_q
    if there < here:
        memcpy(S.b, past_b, size * sizeof(double))
        memcpy(S.q, past_q, long_size * sizeof(double))


cdef void foresee(Play* S, const double** points, const double* where, Py_ssize_t known, const double* base,
                  double* saved) noexcept nogil:
    """Go on from the solutions at two or three alphas before, as a polynomial in log alpha, if that lowers the objective.

    The path is smooth where no group comes or goes; one whose coefficients would turn around, or which was not there before, stays.
    """
    cdef double rr, ry, here = objective(S, &rr, &ry), x = log(S.alpha), weight, turn
    cdef double node[3]
    cdef Py_ssize_t i, j, g, t, k
    for i in range(known):
        node[i] = log(where[i])
    memcpy(saved, S.b, S.T * S.m * sizeof(double))
    memset(S.b, 0, S.T * S.m * sizeof(double))
    for i in range(known):
        weight = 1
        for j in range(known):
            if j != i:
                weight *= (x - node[j]) / (node[i] - node[j])
        mix(S.b, points[i], weight, S.T * S.m)
    for g in range(S.G):
        turn = 0
        for t in range(S.T):
            for k in range(t * S.m + S.start[g], t * S.m + S.start[g + 1]):
                turn += S.b[k] * saved[k]
        if turn <= 0:
            for t in range(S.T):
                for k in range(t * S.m + S.start[g], t * S.m + S.start[g + 1]):
                    S.b[k] = saved[k]
    start_afresh(S, base)
    if not objective(S, &rr, &ry) < here:
        memcpy(S.b, saved, S.T * S.m * sizeof(double))
        start_afresh(S, base)
