# The quadratic model of a Newton step on short sparse columns: coordinate descent on the weighted residual, no Gram matrix.
#
# With d = b − start the model's residual is rest = r − W X d, less W times the constant that keeps its sum at zero, which is carried
# as one number (``mean``): a coordinate step reads and writes the stored entries of its column and nothing else.
from cython cimport floating
from libc.math cimport fabs, INFINITY as inf
from libc.string cimport memcpy
from riata_engine.cpu.certificate cimport duality_gap
from riata_engine.cpu.column_sums cimport dot_columns
from riata_engine.cpu.design cimport Columns

include "../formulas/penalties.py"

cdef enum:
    MANY = 256                                     # fewer columns have a Gram matrix that costs nothing
    SHORT = 8                                      # columns shorter than this share of their number: a row of the matrix is dearer


cdef bint sparse_model_pays(const Columns* X, const Py_ssize_t* list, Py_ssize_t m) noexcept nogil:
    """Whether the entries of a column are few beside the number of columns."""
    cdef Py_ssize_t q
    cdef long long entries = 0
    if not X.sparse or m < MANY:
        return False
    for q in range(m):
        entries += X.indptr[list[q] + 1] - X.indptr[list[q]]
    return entries * SHORT <= m * m


cdef void curvatures(const floating* x, SparseModel* M) noexcept nogil:
    cdef Py_ssize_t q, j, a
    cdef double h, xw, z, scale
    for q in range(M.m):
        j = M.list[q]
        scale = M.X.multiplier[j]
        h = xw = 0
        for a in range(M.X.indptr[j], M.X.indptr[j + 1]):
            z = M.w[M.X.indices[a]] * x[a]
            xw += z
            h += z * x[a]
        M.xw[q] = xw * scale
        M.h[q] = h * scale * scale - (M.xw[q] * M.xw[q] / M.weight if M.weight > 0 else 0)


cdef void sparse_model_open(SparseModel* M) noexcept nogil:
    """Curvatures of the columns, and the residual where the model starts."""
    if M.X.single:
        curvatures(<const float*>M.X.data, M)
    else:
        curvatures(<const double*>M.X.data, M)
    memcpy(M.rest, M.r, M.X.n * sizeof(double))
    memcpy(M.start, M.b, M.m * sizeof(double))
    M.mean = 0


cdef double cycle(const floating* x, SparseModel* M, double l1, double l2, bint support) noexcept nogil:
    cdef Py_ssize_t q, j, a, begin, end
    cdef double g, u, d, scale, total = 0
    for q in range(M.m):
        if (support and M.b[q] == 0) or M.h[q] + l2 * M.f2[q] <= 0:
            continue
        j = M.list[q]
        begin, end, scale = M.X.indptr[j], M.X.indptr[j + 1], M.X.multiplier[j]
        g = 0
        for a in range(begin, end):
            g += x[a] * M.rest[M.X.indices[a]]
        g = g * scale + M.mean * M.xw[q]
        if M.b[q] == 0 and fabs(g) <= l1 * M.f1[q]:
            continue
        u = elastic_net_step(g + M.h[q] * M.b[q], M.h[q], l1 * M.f1[q], l2 * M.f2[q], M.lower[q], M.upper[q])
        d = u - M.b[q]
        if d == 0:
            continue
        M.b[q] = u
        total += (M.h[q] + l2 * M.f2[q]) * d * d
        if M.weight > 0:
            M.mean += d * M.xw[q] / M.weight
        d *= scale
        for a in range(begin, end):
            M.rest[M.X.indices[a]] -= M.w[M.X.indices[a]] * x[a] * d
    return total


cdef double sparse_model_epoch(SparseModel* M, double l1, double l2, bint support) noexcept nogil:
    """One cycle over all columns, or over those with a coefficient; returns Σ (h + l2)(Δb)²."""
    if M.X.single:
        return cycle(<const float*>M.X.data, M, l1, l2, support)
    return cycle(<const double*>M.X.data, M, l1, l2, support)


cdef double sparse_model_gap(SparseModel* M, double l1, double l2) noexcept nogil:
    """Duality gap of the model over its columns, by one pass over them."""
    cdef Py_ssize_t q
    cdef double rr = M.square, ry
    dot_columns(M.X, M.list, M.m, M.rest, M.slope)
    for q in range(M.m):
        M.slope[q] += M.mean * M.xw[q]
        rr -= (M.b[q] - M.start[q]) * (M.g[q] + M.slope[q])
    rr = max(rr, 0.0)
    ry = rr
    for q in range(M.m):
        ry += M.b[q] * M.slope[q]
    return duality_gap(M.m, M.slope, M.b, l1, l2, M.f1, M.f2, M.lower, M.upper, 1.0, rr, ry, M.square / 2)
