# Products of a few rows with the coefficients of a few problems, dense or CSR, dropout applied. Taken in by ``include``.
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset
from riata_engine.cpu.dropout cimport Rule, elements_of

cdef extern from "riata_row_products.h":
    void riata_rows_dots(const void* const* x, const void* const* next, Py_ssize_t m, bint single, const double* c, Py_ssize_t ld,
                         Py_ssize_t p, int problems, double* out, Py_ssize_t stride, int level) noexcept nogil
    void riata_rows_adds(const void* const* x, Py_ssize_t m, bint single, const double* g, double* c, Py_ssize_t ld, Py_ssize_t p,
                         int problems, Py_ssize_t stride, int level) noexcept nogil

cdef extern from "riata_gather.h":
    void riata_prefetch(const void* address) noexcept nogil
    void riata_column_dots_double(const double* x, const long long* indptr, const int* index, Py_ssize_t first, Py_ssize_t last,
                                  const double* r, double* out) noexcept nogil
    void riata_column_dots_float(const float* x, const long long* indptr, const int* index, Py_ssize_t first, Py_ssize_t last,
                                 const double* r, double* out) noexcept nogil


cdef inline Py_ssize_t entry_size(const Run* R) noexcept nogil:
    return sizeof(float) if R.single else sizeof(double)


cdef void take_rows(const Run* R, const int* rows, Py_ssize_t m, bint dropped, uint64_t stream, char* room,
                    const void** x) noexcept nogil:
    """Where each of m rows begins; with dropout, if there is any, copies in ``room``: the number of an element in its stream is its
    place among the entries of X. Pointers to the last row fill up a group of four."""
    cdef Py_ssize_t i, size = entry_size(R), at = 0, begin, length
    cdef Rule rule = R.dropout
    rule.stream = stream
    for i in range(m):
        begin = R.indptr[rows[i]] if R.sparse else rows[i] * R.p
        x[i] = <const char*>R.x + begin * size
        if dropped and rule.threshold > 0:
            length = R.indptr[rows[i] + 1] - begin if R.sparse else R.p
            if R.single:
                elements_of(&rule, begin, <const float*>x[i], <const float*>NULL, <float*>(room + at), NULL, length, False, 1)
            else:
                elements_of(&rule, begin, <const double*>x[i], <const double*>NULL, <double*>(room + at), NULL, length, False, 1)
            x[i] = room + at
            at += length * size
    for i in range(m, (m + 3) // 4 * 4):
        x[i] = x[m - 1]


cdef void fits_of_rows(const Run* R, const int* rows, const void** x, const void** ahead, Py_ssize_t m, const double* b, int k,
                       double* eta) noexcept nogil:
    """eta[q, i] = b0 + xᵢᵀb of k = 1 or TILE problems, b (k, ld), eta (k, ROWS); ``ahead``: rows to come, ROWS of them."""
    cdef Py_ssize_t i, r, length
    cdef int q
    cdef double out
    cdef long long ends[2]
    if R.sparse:
        ends[0] = 0
        for i in range(m):
            ends[1] = R.indptr[rows[i] + 1] - R.indptr[rows[i]]
            r = (<const char*>ahead[i] - <const char*>R.x) // entry_size(R)
            for length in range(0, ends[1], 8):
                riata_prefetch(<const char*>ahead[i] + length * entry_size(R))
            for length in range(0, ends[1], 16):
                riata_prefetch(<const char*>(R.indices + r + length))
            for q in range(k):
                if R.single:
                    riata_column_dots_float(<const float*>x[i], ends, R.indices + R.indptr[rows[i]], 0, 1, b + q * R.ld, &out)
                else:
                    riata_column_dots_double(<const double*>x[i], ends, R.indices + R.indptr[rows[i]], 0, 1, b + q * R.ld, &out)
                eta[q * ROWS + i] = b[q * R.ld + R.wide] + out
        return
    riata_rows_dots(x, ahead, m, R.single, b, R.ld, R.p, k, eta, ROWS, R.level)


cdef void add_rows(const Run* R, const int* rows, const void** x, Py_ssize_t m, double* u, int k, double* g) noexcept nogil:
    """g[q] += Σ_i u[q, i] xᵢ, and in the place of the intercept Σ_i u[q, i]; u (k, ROWS), g (k, ld)."""
    cdef Py_ssize_t i, a
    cdef int q
    cdef double total
    cdef const int* index
    cdef const double* z
    cdef const float* f
    for q in range(k):
        total = 0
        for i in range(m):
            total += u[q * ROWS + i]
        g[q * R.ld + R.wide] += total
        for i in range(m, (m + 3) // 4 * 4):
            u[q * ROWS + i] = 0
    if R.sparse:
        for i in range(m):
            index = R.indices + R.indptr[rows[i]]
            z, f = <const double*>x[i], <const float*>x[i]
            for q in range(k):
                total = u[q * ROWS + i]
                if total == 0:
                    continue
                if R.single:
                    for a in range(R.indptr[rows[i] + 1] - R.indptr[rows[i]]):
                        g[q * R.ld + index[a]] += total * f[a]
                else:
                    for a in range(R.indptr[rows[i] + 1] - R.indptr[rows[i]]):
                        g[q * R.ld + index[a]] += total * z[a]
        return
    riata_rows_adds(x, m, R.single, u, g, R.ld, R.p, k, ROWS, R.level)


cdef void rows_near(const Run* R, Py_ssize_t at, Py_ssize_t m, int* rows, const void** x, const void** ahead) noexcept nogil:
    """m rows from ``at`` on, where they begin, and where the ROWS rows after them do."""
    cdef Py_ssize_t i
    for i in range(2 * ROWS):
        rows[i] = <int>min(at + i, R.n - 1)
    take_rows(R, rows, m, False, 0, NULL, x)
    for i in range(ROWS):
        ahead[i] = <const char*>R.x + (R.indptr[rows[ROWS + i]] if R.sparse else rows[ROWS + i] * R.p) * entry_size(R)
