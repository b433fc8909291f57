# Descent with reduced variance: memory of slopes, epochs that end at the mean of their points, steps turned by curvature. Taken in by
# ``include``.


cdef void turned_step(const Run* R, Problem* P, const double* g, Room* S) noexcept nogil:
    """b less the step along (H + l2)⁻¹ (g + l2 b), H = Vᵀ spectrum V: for smooth penalties, taken by their gradient."""
    cdef Py_ssize_t j
    cdef double* turned = S.spectral
    for j in range(R.wide):
        S.trial[j] = g[j] + P.l2 * P.b[j]
    S.trial[R.wide] = g[R.wide]
    memset(S.trial + R.wide + 1, 0, (R.ld + 7 - R.wide) * sizeof(double))
    riata_rows_dots(R.turn, R.turn, R.ld, True, S.trial, 0, R.ld, 1, turned, 0, R.level)
    for j in range(R.ld):
        turned[j] /= R.spectrum[j] + P.l2
    riata_rows_dots(R.turn_back, R.turn_back, R.ld, True, turned, 0, R.ld, 1, S.trial, 0, R.level)
    for j in range(R.wide + 1):
        P.b[j] -= P.step * S.trial[j]
        P.tail[j] += P.b[j] if P.n_steps > R.tail_from else 0.0
    P.n_tail += P.n_steps > R.tail_from


cdef inline void remember(double* memory, const int* rows, Py_ssize_t m, bint keep, bint learn, double* u) noexcept nogil:
    """Slopes of rows go to the memory if ``keep``; when learning they become differences from what was there."""
    cdef Py_ssize_t i
    cdef double before
    for i in range(m):
        before = memory[rows[i]]
        if keep:
            memory[rows[i]] = u[i]
        if learn:
            u[i] -= before


cdef inline void prefetch_row(const Run* R, const Problem* P, int k, Py_ssize_t j) noexcept nogil:
    """The numbers that problems have for a row."""
    cdef int q
    for q in range(k):
        riata_prefetch(P[q].y + j)
        if P[q].memory != NULL:
            riata_prefetch(P[q].memory + j)
    if not R.even:
        riata_prefetch(P[0].weight + j)


cdef bint at_zero(const Run* R, const Problem* P) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(R.wide + 1):
        if P.b[j] != 0:
            return False
    return True


cdef void end_at_tail(const Run* R, Problem* P) noexcept nogil:
    """The mean gradient of the memory as the epoch left it; b is where the proximal step takes the mean of the tail's points.

    The mean of points after their proximal steps would have few zeros. Where signs do not change both are the same.
    """
    cdef Py_ssize_t j
    if R.reduction == CENTRAL:
        for j in range(R.wide + 1):
            P.mean[j] += P.gathered[j]
            P.gathered[j] = 0
    if P.n_tail == 0:
        return
    for j in range(R.p):
        P.b[j] = P.tail[j] / P.n_tail
        if not P.turned:
            P.b[j] = elastic_net_prox(P.b[j], P.step, P.l1, P.l2)
    P.b[R.wide] = P.tail[R.wide] / P.n_tail
    shrink_groups(R, P.lam, P.step, P.b)
    memset(P.tail, 0, R.ld * sizeof(double))
    P.n_tail = 0
