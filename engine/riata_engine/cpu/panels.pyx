# Panels: eight columns of Z side by side, row after row, in float64, as the products of riata_gram.h take them.
from cython cimport floating
from libc.string cimport memset
from riata_engine.cpu.design cimport Columns

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef extern from "riata_gram.h":
    void riata_gram_tile(const double* a, Py_ssize_t following, int count, const double* b, Py_ssize_t rows, double* c, Py_ssize_t ldc,
                         int level) noexcept nogil


cdef cloned_void pack_columns(const floating* x, Py_ssize_t col, const Py_ssize_t* columns, const Py_ssize_t* rows, Py_ssize_t n,
                              Py_ssize_t m, const double* center, const double* multiplier, double* out) noexcept nogil:
    """One panel from the given m ≤ 8 columns of contiguous rows, of which the given ones are taken (NULL: 0 … n)."""
    cdef double z[128]                     # sixteen rows, turned in the first-level cache
    cdef Py_ssize_t i, i0, j, k, here
    cdef const floating* v
    memset(&z[0], 0, sizeof(z))
    for i0 in range(0, n, 16):
        here = min(16, n - i0)
        for k in range(m):
            j = columns[k]
            v = x + j * col
            if rows == NULL:
                for i in range(here):
                    z[16 * k + i] = (v[i0 + i] - center[j]) * multiplier[j]
            else:
                for i in range(here):
                    z[16 * k + i] = (v[rows[i0 + i]] - center[j]) * multiplier[j]
        for i in range(here):
            for k in range(PANEL):
                out[PANEL * (i0 + i) + k] = z[16 * k + i]


cdef cloned_void pack_given(const floating* x, Py_ssize_t row, Py_ssize_t col, const Py_ssize_t* rows, Py_ssize_t n, Py_ssize_t m,
                            const double* center, const double* multiplier, double* out) noexcept nogil:
    """Panels from m columns of the given rows (NULL: 0 … n), for any strides."""
    cdef Py_ssize_t i, k, q, j, panels = (m + PANEL - 1) // PANEL
    cdef const floating* v
    cdef double* z
    for i in range(n):
        v = x + (rows[i] if rows != NULL else i) * row
        for q in range(panels):
            z = out + PANEL * (q * n + i)
            j = PANEL * q
            if j + PANEL <= m:
                for k in range(PANEL):
                    z[k] = (v[(j + k) * col] - center[j + k]) * multiplier[j + k]
            else:
                for k in range(PANEL):
                    z[k] = (v[(j + k) * col] - center[j + k]) * multiplier[j + k] if j + k < m else 0.0


cdef cloned_void weigh(double* z, const double* root, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t i, k
    for i in range(rows):
        for k in range(PANEL):
            z[PANEL * i + k] *= root[i]


cdef void pack_some(const Columns* X, const Py_ssize_t* columns, const Py_ssize_t* rows, Py_ssize_t r0, Py_ssize_t n, Py_ssize_t j0,
                    Py_ssize_t j1, double* Z, const double* root) noexcept nogil:
    """The panels of entries j0 … j1 (j0 a multiple of 8) of a list of columns (NULL: of all), for the n given rows (NULL: from row r0 on).

    Each row is multiplied by its ``root`` (NULL: 1). A list takes a dense X whose columns are contiguous.
    """
    cdef Py_ssize_t j, k, m, at = 0 if rows != NULL else r0 * X.row
    cdef Py_ssize_t eight[PANEL]
    if X.row != 1:                                                       # a row at a time
        if X.single:
            pack_given[float](<const float*>X.data + at + j0 * X.col, X.row, X.col, rows, n, j1 - j0, X.center + j0, X.multiplier + j0,
                              Z + j0 * n)
        else:
            pack_given[double](<const double*>X.data + at + j0 * X.col, X.row, X.col, rows, n, j1 - j0, X.center + j0,
                               X.multiplier + j0, Z + j0 * n)
    j = j0
    while X.row == 1 and j < j1:
        m = min(PANEL, j1 - j)
        for k in range(m):
            eight[k] = columns[j + k] if columns != NULL else j + k
        if X.single:
            pack_columns[float](<const float*>X.data + at, X.col, &eight[0], rows, n, m, X.center, X.multiplier, Z + j * n)
        else:
            pack_columns[double](<const double*>X.data + at, X.col, &eight[0], rows, n, m, X.center, X.multiplier, Z + j * n)
        j += PANEL
    if root != NULL:
        for j in range((j1 - j0 + PANEL - 1) // PANEL):
            weigh(Z + (j0 + PANEL * j) * n, root, n)


cdef void tile_at(const double* A, Py_ssize_t following, Py_ssize_t j, Py_ssize_t columns, const double* B, Py_ssize_t i,
                  Py_ssize_t height, Py_ssize_t rows, double* C, Py_ssize_t ldc, int level) noexcept nogil:
    """C[i:i + 8, j:j + columns] += BᵀA, where only the first ``height`` rows of C exist and ``columns`` is at most 24."""
    cdef double side[PANEL * TRIPLE]
    cdef Py_ssize_t a, b
    cdef int count = <int>((columns + PANEL - 1) // PANEL)
    if count * PANEL == columns and i + PANEL <= height:
        riata_gram_tile(A, following, count, B, rows, C + i * ldc + j, ldc, level)
        return
    memset(&side[0], 0, sizeof(side))
    riata_gram_tile(A, following, count, B, rows, &side[0], TRIPLE, level)
    for a in range(min(PANEL, height - i)):
        for b in range(columns):
            C[(i + a) * ldc + j + b] += side[TRIPLE * a + b]
