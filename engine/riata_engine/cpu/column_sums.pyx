# Sums over some columns of Z: products with a vector either way, and a weighted Gram matrix that grows. Columns are contiguous.
#
# Sparse columns are taken about zero, not about their centers: where there is an intercept, it takes the difference.
from cython cimport floating
from libc.math cimport sqrt
from libc.string cimport memset
from riata_engine.cpu.design cimport Columns
from riata_engine.cpu.gram_entries cimport triangle_row
from riata_engine.cpu.panels cimport PANEL, STRETCH, TRIPLE, pack_some, tile_at

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    int riata_simd_level() noexcept nogil


cdef cloned_void dots_of_four(const floating* x0, const floating* x1, const floating* x2, const floating* x3, const double* center,
                              const double* u, Py_ssize_t n, double* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double a = 0, b = 0, c = 0, d = 0, c0 = center[0], c1 = center[1], c2 = center[2], c3 = center[3]
    for i in range(n):
        a += (x0[i] - c0) * u[i]
        b += (x1[i] - c1) * u[i]
        c += (x2[i] - c2) * u[i]
        d += (x3[i] - c3) * u[i]
    out[0], out[1], out[2], out[3] = a, b, c, d


cdef cloned_void add_four(const floating* x0, const floating* x1, const floating* x2, const floating* x3, const double* center,
                          const double* d, Py_ssize_t n, double* out) noexcept nogil:
    cdef Py_ssize_t i
    cdef double d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3], c0 = center[0], c1 = center[1], c2 = center[2], c3 = center[3]
    for i in range(n):
        out[i] += ((x0[i] - c0) * d0 + (x1[i] - c1) * d1) + ((x2[i] - c2) * d2 + (x3[i] - c3) * d3)


cdef cloned_void dot_sparse(const floating* x, const int* index, Py_ssize_t length, const double* u, double* out) noexcept nogil:
    cdef Py_ssize_t a
    cdef double s = 0
    for a in range(length):
        s += x[a] * u[index[a]]
    out[0] = s


cdef void dots(const floating* x, const Columns* X, const Py_ssize_t* list, Py_ssize_t k, const double* u, double* out) noexcept nogil:
    cdef Py_ssize_t q, e, j
    cdef Py_ssize_t four[4]
    cdef double center[4]
    cdef double sums[4]
    if X.sparse:
        for q in range(k):
            j = list[q]
            dot_sparse(x + X.indptr[j], X.indices + X.indptr[j], X.indptr[j + 1] - X.indptr[j], u, &out[q])
            out[q] *= X.multiplier[j]
        return
    q = 0
    while q < k:
        for e in range(4):
            four[e] = list[min(q + e, k - 1)]
            center[e] = X.center[four[e]]
        dots_of_four(x + four[0] * X.col, x + four[1] * X.col, x + four[2] * X.col, x + four[3] * X.col, center, u, X.n, sums)
        for e in range(min(4, k - q)):
            out[q + e] = sums[e] * X.multiplier[four[e]]
        q += 4


cdef void adds(const floating* x, const Columns* X, const Py_ssize_t* list, Py_ssize_t k, const double* d, double* out) noexcept nogil:
    cdef Py_ssize_t q, e, j, a
    cdef const floating* four[4]
    cdef double center[4]
    cdef double step[4]
    if X.sparse:
        for q in range(k):
            j = list[q]
            step[0] = d[q] * X.multiplier[j]
            if step[0] != 0:
                for a in range(X.indptr[j], X.indptr[j + 1]):
                    out[X.indices[a]] += step[0] * x[a]
        return
    e = 0
    for q in range(k):
        if d[q] != 0:
            j = list[q]
            four[e], center[e], step[e] = x + j * X.col, X.center[j], d[q] * X.multiplier[j]
            e += 1
            if e == 4:
                add_four(four[0], four[1], four[2], four[3], center, step, X.n, out)
                e = 0
    if e:
        for a in range(e, 4):
            four[a], center[a], step[a] = four[0], 0, 0
        add_four(four[0], four[1], four[2], four[3], center, step, X.n, out)


cdef void dot_columns(const Columns* X, const Py_ssize_t* list, Py_ssize_t k, const double* u, double* out) noexcept nogil:
    """out[q] = Σ_i z_iq u_i of the k columns in a list."""
    if X.single:
        dots(<const float*>X.data, X, list, k, u, out)
    else:
        dots(<const double*>X.data, X, list, k, u, out)


cdef void add_columns(const Columns* X, const Py_ssize_t* list, Py_ssize_t k, const double* d, double* out) noexcept nogil:
    """out (n,) += Σ_q d_q z_q"""
    if X.single:
        adds(<const float*>X.data, X, list, k, d, out)
    else:
        adds(<const double*>X.data, X, list, k, d, out)


cdef Py_ssize_t room_for_columns(const Columns* X, Py_ssize_t m, Py_ssize_t fresh) noexcept nogil:
    """Numbers of ``room`` that ``gram_of_columns`` needs."""
    cdef Py_ssize_t wide = (m + PANEL - 1) // PANEL * PANEL, low = (fresh + PANEL - 1) // PANEL * PANEL
    return (X.n if X.sparse else STRETCH * (wide + low + 1)) + fresh * wide


cdef int gram_of_columns(const Columns* X, const Py_ssize_t* list, Py_ssize_t m, Py_ssize_t old, const double* w, double weight,
                         double* mean, double* room, double* C) noexcept nogil:
    """Rows ``old`` … m of the triangle C = Zᵀ W Z − weight·mean meanᵀ (gram_entries.pxd) over the columns in a list, and their means.

    ``weight`` is Σ w; where it is 0 the columns are not centred. ``mean`` (m,) holds those of the first ``old`` columns already.
    """
    cdef Py_ssize_t fresh = m - old, wide = (m + PANEL - 1) // PANEL * PANEL, i, j
    cdef double* D = room
    cdef double* row
    cdef double unit = 1 / weight if weight > 0 else 0
    memset(D, 0, fresh * wide * sizeof(double))
    dot_columns(X, list + old, fresh, w, mean + old)
    for i in range(old, m):
        mean[i] *= unit
    if X.sparse:
        if X.single:
            sparse_products(<const float*>X.data, X, list, m, old, w, room + fresh * wide, D, wide)
        else:
            sparse_products(<const double*>X.data, X, list, m, old, w, room + fresh * wide, D, wide)
    else:
        dense_products(X, list, m, old, w, room + fresh * wide, D, wide)
    for i in range(fresh):
        row = C + triangle_row(old + i)
        for j in range(old + i + 1):
            row[j] = D[i * wide + j] - weight * mean[old + i] * mean[j]
    return 0


cdef void dense_products(const Columns* X, const Py_ssize_t* list, Py_ssize_t m, Py_ssize_t old, const double* w, double* room, double* D,
                         Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t fresh = m - old, low = (fresh + PANEL - 1) // PANEL * PANEL, r0 = 0, here, i, j, end
    cdef double* A = room
    cdef double* B = room + STRETCH * ld
    cdef double* root = B + STRETCH * low
    cdef int level = riata_simd_level()
    while r0 < X.n:
        here = min(STRETCH, X.n - r0)
        for i in range(here):
            root[i] = sqrt(w[r0 + i])
        pack_some(X, list, NULL, r0, here, 0, m, A, root)
        if old:
            pack_some(X, list + old, NULL, r0, here, 0, fresh, B, root)
        i = 0
        while i < fresh:
            end = min(m, old + i + PANEL)
            j = 0
            while j < end:
                tile_at(A + j * here, PANEL * here, j, min(TRIPLE, end - j), (B if old else A) + i * here, i, fresh, here, D, ld, level)
                j += TRIPLE
            i += PANEL
        r0 += STRETCH


cdef void sparse_products(const floating* x, const Columns* X, const Py_ssize_t* list, Py_ssize_t m, Py_ssize_t old, const double* w,
                          double* dense, double* D, Py_ssize_t ld) noexcept nogil:
    """One new column at a time, spread over the rows, against those before it."""
    cdef Py_ssize_t i, j, k, a
    memset(dense, 0, X.n * sizeof(double))
    for i in range(old, m):
        j = list[i]
        for a in range(X.indptr[j], X.indptr[j + 1]):
            dense[X.indices[a]] = w[X.indices[a]] * x[a]
        for k in range(i + 1):
            dot_sparse(x + X.indptr[list[k]], X.indices + X.indptr[list[k]], X.indptr[list[k] + 1] - X.indptr[list[k]], dense,
                       &D[(i - old) * ld + k])
            D[(i - old) * ld + k] *= X.multiplier[j] * X.multiplier[list[k]]
        for a in range(X.indptr[j], X.indptr[j + 1]):
            dense[X.indices[a]] = 0
