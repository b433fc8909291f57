# The columns in play that a solver visits, with their Gram matrix side by side.
from libc.stdlib cimport malloc, free
from libc.string cimport memcpy
from riata_engine.cpu.in_play cimport InPlay

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"


cdef cloned_void minus_row(double* g, const double* row, double d, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t q
    for q in range(m):
        g[q] -= d * row[q]


cdef void subtract_row(double* g, const double* row, double d, Py_ssize_t m) noexcept nogil:
    """g −= d row"""
    minus_row(g, row, d, m)


cdef void drop_list(Listed* S) noexcept nogil:
    free(S.at)
    free(S.C)
    free(S.room)


cdef int make_room(Listed* S, Py_ssize_t ld) noexcept nogil:
    """Room for ``ld`` columns; what is listed stays. Non-zero when memory is short."""
    cdef Py_ssize_t i
    cdef Listed old = S[0]
    if ld <= S.ld:
        return 0
    S.at = <Py_ssize_t*>malloc(2 * ld * sizeof(Py_ssize_t))
    S.C = <double*>malloc((ld + 2) * ld * sizeof(double))
    S.room = NULL
    if S.at == NULL or S.C == NULL:
        drop_list(&old)
        return 1
    S.ld, S.used, S.c = ld, S.at + ld, S.C + ld * ld
    S.u = S.c + ld
    for i in range(S.a):
        S.at[i], S.c[i], S.u[i] = old.at[i], old.c[i], old.u[i]
        memcpy(S.C + i * ld, old.C + i * old.ld, S.a * sizeof(double))
    drop_list(&old)
    return 0


cdef int enlist(Listed* S, const InPlay* P, Py_ssize_t q, double b, double g) noexcept nogil:
    """Put the column at place q on the list. Non-zero when memory is short."""
    cdef Py_ssize_t k, a = S.a
    cdef const double* row = P.G + q * P.room
    if a == S.ld and make_room(S, min(P.m, 2 * a + 64)):
        return 1
    S.at[a], S.c[a], S.u[a] = q, g, b
    S.a = a + 1
    for k in range(a + 1):
        S.C[a * S.ld + k] = row[S.at[k]]
        S.C[k * S.ld + a] = row[S.at[k]]
    return 0
