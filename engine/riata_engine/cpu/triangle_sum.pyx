# y += Σ_k weight_k C[index_k] for rows of a symmetric matrix of which the lower triangle is kept (gram_entries.pxd), to the bits of a
# RowSum of whole rows. 64 entries of y are made at a time: what of them lies before the diagonal of a row stands in a piece, what lies
# behind it is a column in 64 rows, which are brought into the second-level cache first, in the order in which they lie in memory.
from riata_engine.cpu.gram_entries cimport gram_entry, triangle_row
from riata_engine.cpu.row_sum cimport ROWS, RowSum, row_sum_add, row_sum_flush, row_sum_open

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define RIATA_PREFETCH(p) __builtin_prefetch((p), 0, 2)
    #else
    #define RIATA_PREFETCH(p) ((void)(p))
    #endif
    """
    void RIATA_PREFETCH(const void* p) noexcept nogil

cdef enum:
    STRETCH = 64
    LINE = 8


cdef inline void columns_of(const double* C, Py_ssize_t i0, Py_ssize_t a, double* to) noexcept nogil:
    """C[i0:i0 + 64, a], eight rows of one length after the other."""
    cdef Py_ssize_t i = 0, ld = i0 + LINE
    cdef const double* x = C + triangle_row(i0) + a
    while i < STRETCH:
        to[i] = x[0]
        to[i + 1] = x[ld]
        to[i + 2] = x[2 * ld]
        to[i + 3] = x[3 * ld]
        to[i + 4] = x[4 * ld]
        to[i + 5] = x[5 * ld]
        to[i + 6] = x[6 * ld]
        to[i + 7] = x[7 * ld]
        x += LINE * ld
        ld += LINE
        i += LINE


cdef void triangle_sum(double* y, Py_ssize_t n, const double* C, const Py_ssize_t* index, const double* weight,
                       Py_ssize_t count) noexcept nogil:
    """n is a multiple of 64."""
    cdef double gathered[ROWS * STRETCH]
    cdef const double* piece
    cdef const double* row
    cdef Py_ssize_t i0 = 0, i, j, a, k
    cdef double* to
    cdef RowSum G
    while i0 < n:
        for i in range(STRETCH):
            row = C + triangle_row(i0 + i)
            j = 0
            while j < i0:
                RIATA_PREFETCH(row + j)
                j += LINE
        row_sum_open(&G, y + i0, STRETCH, False)
        for k in range(count):
            a = index[k]
            piece = C + triangle_row(a) + i0
            if i0 + STRETCH > a + 1:
                to = &gathered[STRETCH * (k % ROWS)]
                if i0 > a:
                    columns_of(C, i0, a, to)
                else:
                    for i in range(STRETCH):
                        to[i] = gram_entry(C, 0, a, i0 + i)
                piece = to
            row_sum_add(&G, piece, weight[k])
        row_sum_flush(&G)
        i0 += STRETCH
