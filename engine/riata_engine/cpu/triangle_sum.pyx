# Weighted sums of rows of a symmetric matrix of which the lower triangle is kept (see triangle_sum.pxd). What lies before the diagonal
# of a row stands in a piece; what lies behind it is a column. Eight of them are gathered for 64 entries at a time: features of a
# support that came in together stand in the same cache lines.
from riata_engine.cpu.gram_entries cimport gram_entry, triangle_row
from riata_engine.cpu.row_sum cimport RowSum, row_sum_add, row_sum_flush, row_sum_open

cdef enum:
    STRETCH = 64


cdef void triangle_sum_open(TriangleSum* S, double* y, Py_ssize_t n, const double* C) noexcept nogil:
    S.y = y
    S.n = n
    S.C = C
    S.pending = 0


cdef void triangle_sum_add(TriangleSum* S, Py_ssize_t index, double weight) noexcept nogil:
    S.index[S.pending] = index
    S.weight[S.pending] = weight
    S.pending += 1
    if S.pending == TOGETHER:
        triangle_sum_flush(S)


cdef void triangle_sum_flush(TriangleSum* S) noexcept nogil:
    """Add what is pending; y is up to date afterwards."""
    cdef double gathered[TOGETHER * STRETCH]
    cdef Py_ssize_t behind[TOGETHER]
    cdef Py_ssize_t slot[TOGETHER]
    cdef const void* piece[TOGETHER]
    cdef Py_ssize_t i0 = 0, i, a, columns, q
    cdef const double* row
    cdef int k, count = S.pending
    cdef RowSum G
    while i0 < S.n:
        columns = 0
        for k in range(count):
            a = S.index[k]
            piece[k] = S.C + triangle_row(a) + i0
            if i0 + STRETCH > a + 1:
                piece[k] = &gathered[STRETCH * k]
                if i0 > a:
                    behind[columns] = a
                    slot[columns] = STRETCH * k
                    columns += 1
                else:
                    for i in range(STRETCH):
                        gathered[STRETCH * k + i] = gram_entry(S.C, 0, a, i0 + i)
        if columns:
            for i in range(STRETCH):
                row = S.C + triangle_row(i0 + i)
                for q in range(columns):
                    gathered[slot[q] + i] = row[behind[q]]
        row_sum_open(&G, S.y + i0, STRETCH, False)
        for k in range(count):
            row_sum_add(&G, piece[k], S.weight[k])
        row_sum_flush(&G)
        i0 += STRETCH
    S.pending = 0
