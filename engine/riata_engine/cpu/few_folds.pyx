# The folds of a path on few features: what ``group_statistics`` does for the groups of a batch, for one problem on one thread. Group
# 1 + k is the whole less fold k. Where that would lose more than half of the digits of a variance the group is summed from its rows.
from libc.math cimport sqrt, NAN
from libc.string cimport memset
from scipy.linalg.cython_blas cimport dgemm
from riata_engine.cpu.design cimport Columns
from riata_engine.cpu.few_task cimport IRREGULAR, Room, Rules, SOLVED, Task
from riata_engine.cpu.gram cimport gram_of_rows
from riata_engine.cpu.group_sums cimport about_own_means, centre_row, centred_product, clear, scale_row
from riata_engine.cpu.status cimport MAX_ITER
from riata_engine.cpu.targets cimport moments_of_targets, unless_rounding

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef double[2] NOUGHT
cdef double[2] ONE
NOUGHT[0], NOUGHT[1], ONE[0], ONE[1] = 0.0, 0.0, 1.0, 1.0


cdef void as_columns(const double* one_y, Py_ssize_t n, Columns* out) noexcept nogil:
    """[1, y] as a design of two columns."""
    out.n, out.p, out.row, out.col, out.sparse, out.single = n, 2, 2, 1, False, False
    out.data, out.center, out.multiplier = <const char*>one_y, &NOUGHT[0], &ONE[0]


cdef inline Py_ssize_t part_of(const Task* P, Py_ssize_t i) noexcept nogil:
    """What no fold holds is a part too."""
    return P.fold[i] if 0 <= P.fold[i] < P.K else P.K


cdef void sums_of_parts(Task* P, Room* R) noexcept nogil:
    """Rows in the order of their parts, and the sums over each; those over all of them into group 0, raw."""
    cdef Py_ssize_t n = P.X.n, p = P.X.p, parts = P.K + 1, i, k, m
    cdef double w
    cdef Columns targets
    for i in range(n):
        R.first[part_of(P, i) + 2] += 1
    for k in range(parts):
        R.first[k + 2] += R.first[k + 1]
    for i in range(n):
        k = part_of(P, i)
        R.root_of[i] = 1.0 if P.even else sqrt(P.v[i] * n)
        R.order[R.first[k + 1]] = i
        R.root[R.first[k + 1]] = R.root_of[i]
        R.first[k + 1] += 1                        # in the end where part k ends, and k + 1 begins
        w = 1.0 if P.even else P.v[i] * n
        R.part_weight[k] += w
        R.part_y[k] += w * R.Y[i]
    as_columns(R.one_y, n, &targets)
    for k in range(parts):
        m = R.first[k + 1] - R.first[k]
        if m:
            gram_of_rows(&P.X, &targets, R.order + R.first[k], m, NULL if P.even else R.root + R.first[k], R.packed,
                         R.part_C + k * p * p, R.part_c + 2 * k * p)
        add(R.C, R.part_C + k * p * p, p * p)
        add(R.whole_c, R.part_c + 2 * k * p, 2 * p)


cdef cloned_void add(double* to, const double* what, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        to[i] += what[i]


cdef int fold_statistics(Task* P, const Rules* A, Room* R, double base_mean) noexcept nogil:
    """C, c and the moments of the target of every group, about its own means."""
    cdef Py_ssize_t p = P.X.p, K = P.K, j, k
    cdef double weight = 0, total = 0
    cdef int verdict
    for k in range(K + 1):
        weight += R.part_weight[k]
        total += R.part_y[k]
    for j in range(p):
        R.spread[j] = R.C[j * p + j] / P.X.n
    for k in range(K):
        if R.first[k + 1] == R.first[k]:
            return IRREGULAR                       # nothing is held out
        verdict = without(P, A, R, k, weight, total, base_mean)
        if verdict:
            return verdict
    for j in range(p):                             # and group 0, in place
        R.shift[j] = R.whole_c[2 * j] / weight
        R.c[j] = centred_product(R.whole_c[2 * j + 1] / weight, R.shift[j], R.ybar[0], 0, total / weight)
    for j in range(p):
        scale_row(R.C + j * p, p, weight, R.shift[j], 0, R.shift, R.zero, R.C + j * p)
    memset(R.shift, 0, p * sizeof(double))
    for j in range(p):
        if R.C[j * p + j] <= 0:
            clear(R.C, p, j)
    return SOLVED


cdef int without(Task* P, const Rules* A, Room* R, Py_ssize_t k, double whole, double total, double base_mean) noexcept nogil:
    """The statistics of the group that holds out part k."""
    cdef Py_ssize_t p = P.X.p, g = k + 1, j
    cdef double weight = whole - R.part_weight[k], mean = (total - R.part_y[k]) / weight if weight > 0 else 0
    cdef double* C = R.C + g * p * p
    cdef double* c = R.c + g * p
    cdef double* z = R.shift + g * p
    cdef bint few = False
    if weight <= A.light * whole:
        return IRREGULAR
    moments_of_group(P, A, R, k, base_mean)
    R.null[g] = 0.5 * R.yy[g]
    if not R.null[g] > 0:
        return IRREGULAR
    for j in range(p):
        z[j] = (R.whole_c[2 * j] - R.part_c[2 * (k * p + j)]) / weight
        c[j] = (R.whole_c[2 * j + 1] - R.part_c[2 * (k * p + j) + 1]) / weight
        if A.intercept:
            c[j] = centred_product(c[j], z[j], R.ybar[g], z[j], mean)
    for j in range(p):
        if A.intercept:
            centre_row(R.C + j * p, R.part_C + (k * p + j) * p, p, weight, z[j], z[j], z, z, C + j * p)
        else:
            centre_row(R.C + j * p, R.part_C + (k * p + j) * p, p, weight, z[j], 0, z, R.zero, C + j * p)
        few = few or C[j * p + j] < A.guard * R.spread[j]
    if not A.intercept:
        memset(z, 0, p * sizeof(double))
    R.inflation[g] = 1
    for j in range(p):
        if C[j * p + j] > P.rounding * P.rounding * (R.spread[j] + z[j] * z[j]):
            R.inflation[g] = max(R.inflation[g], sqrt((R.spread[j] + z[j] * z[j]) / C[j * p + j]))
    if few and from_its_rows(P, A, R, k, weight):
        return IRREGULAR
    for j in range(p):
        if C[j * p + j] <= P.rounding * P.rounding * R.spread[j]:
            clear(C, p, j)
    return IRREGULAR if R.inflation[g] > A.inflated else SOLVED


cdef void moments_of_group(Task* P, const Rules* A, Room* R, Py_ssize_t k, double base_mean) noexcept nogil:
    cdef Py_ssize_t n = P.X.n, i
    cdef double total = 0
    for i in range(n):
        R.v[i] = P.v[i] if P.fold[i] != k else 0
        total += R.v[i]
    for i in range(n):
        R.v[i] /= total
    moments_of_targets(R.Y, 1, R.v, n, 1, A.intercept, &R.ybar[k + 1], &R.yy[k + 1])
    R.yy[k + 1] = unless_rounding(R.yy[k + 1], R.ybar[k + 1], base_mean, P.rounding)


cdef int from_its_rows(Task* P, const Rules* A, Room* R, Py_ssize_t k, double weight) noexcept nogil:
    """C and c of the group that holds out part k, summed from rows that are centred by its means before they are multiplied."""
    cdef Py_ssize_t p = P.X.p, g = k + 1, i, j, m = 0
    cdef double total = 0, far
    cdef Columns own = P.X, targets
    cdef double* C = R.C + g * p * p
    cdef double* z = R.shift + g * p
    for j in range(p):
        R.own_center[j] = R.center[j] + (z[j] / R.multiplier[j] if R.multiplier[j] > 0 else 0)
    own.center = R.own_center
    for i in range(P.X.n):
        if P.fold[i] != k and P.v[i] > 0:
            R.own_rows[m] = i
            R.own_root[m] = R.root_of[i]
            total += R.root_of[i] * R.root_of[i] * R.Y[i]
            m += 1
    memset(C, 0, p * p * sizeof(double))
    memset(R.raw, 0, 2 * p * sizeof(double))
    as_columns(R.one_y, P.X.n, &targets)
    gram_of_rows(&own, &targets, R.own_rows, m, NULL if P.even else R.own_root, R.packed, C, R.raw)
    about_own_means(p, weight, total, R.ybar[g], R.raw, C, R.c + g * p, R.own_z, R.zero)
    R.inflation[g] = 1
    for j in range(p):                             # of centred entries a digit is lost where a product loses two
        far = R.own_center[j] * R.multiplier[j]
        if C[j * p + j] > P.rounding * P.rounding * R.spread[j] and far * far > A.far_off * A.far_off * C[j * p + j]:
            return IRREGULAR
    return SOLVED


cdef void errors_of_folds(Task* P, Room* R, double level, double sigma) noexcept nogil:
    """Mean squared errors and predictions of what folds hold out, and how their paths ended."""
    cdef Py_ssize_t p = P.X.p, L = P.L, k, g, i, l, m, at
    cdef double weight
    cdef const double* b
    for l in range(L):
        P.fold_gap[l] = 0
        P.fold_status[l] = 0
    for k in range(P.K):
        g = k + 1
        m = R.first[k + 1] - R.first[k]
        gather(P, R.order + R.first[k], m, R.shift + g * p, R.Z)
        b = R.coef + g * L * p
        products(R.Z, m, p, b, L, R.fit)
        weight = 0
        memset(P.held_out + k * L, 0, L * sizeof(double))
        for i in range(m):
            at = R.order[R.first[k] + i]
            weight += P.v[at]
            held_out_row(R.fit + i * L, L, P.v[at], R.Y[at] - R.ybar[g], P.held_out + k * L)
            if P.prediction != NULL:
                to_data(R.fit + i * L, L, level + R.ybar[g], sigma, P.prediction + at * L)
        for l in range(L):
            P.held_out[k * L + l] = P.held_out[k * L + l] / weight * sigma * sigma if weight > 0 else NAN
            P.fold_status[l] = max(P.fold_status[l], R.status[g * L + l])
            if R.status[g * L + l] > MAX_ITER:
                P.held_out[k * L + l] = NAN
                P.fold_gap[l] = NAN                # and so it stays
            elif R.gap[g * L + l] > P.fold_gap[l]:
                P.fold_gap[l] = R.gap[g * L + l]


cdef void gather(const Task* P, const Py_ssize_t* rows, Py_ssize_t m, const double* shift, double* Z) noexcept nogil:
    """Z (m, p): the given rows of z, less the means of a group."""
    cdef Py_ssize_t p = P.X.p, i, j, at
    for i in range(m):
        at = rows[i] * P.X.row
        for j in range(p):
            Z[i * p + j] = (((<const float*>P.X.data)[at + j * P.X.col] if P.X.single else (<const double*>P.X.data)[at + j * P.X.col])
                            - P.X.center[j]) * P.X.multiplier[j] - shift[j]


cdef void products(double* Z, Py_ssize_t m, Py_ssize_t p, const double* b, Py_ssize_t L, double* out) noexcept nogil:
    """out (m, L) = Z bᵀ; b (L, p). To BLAS all three are transposed."""
    cdef char plain = b"n", turned = b"t"
    cdef int rows = <int>L, columns = <int>m, inner = <int>p
    cdef double one = 1, nought = 0
    dgemm(&turned, &plain, &rows, &columns, &inner, &one, <double*>b, &inner, Z, &inner, &nought, out, &rows)


cdef cloned_void held_out_row(const double* fit, Py_ssize_t L, double weight, double y, double* out) noexcept nogil:
    cdef Py_ssize_t l
    for l in range(L):
        out[l] += weight * (y - fit[l]) * (y - fit[l])


cdef cloned_void to_data(const double* fit, Py_ssize_t L, double level, double sigma, double* out) noexcept nogil:
    cdef Py_ssize_t l
    for l in range(L):
        out[l] = sigma * (level + fit[l])
