# Where the entries of a Gram matrix stand: in a square with leading dimension ld, or, for ld = 0, as the rows of its lower triangle
# one after the other, each of as many whole cache lines as hold it. A triangle takes half the memory, and grows at its end.

cdef inline Py_ssize_t triangle_row(Py_ssize_t i) noexcept nogil:
    """Where row i of a triangle begins: rows 8 q … 8 q + 7 are 8 (q + 1) long."""
    cdef Py_ssize_t q = i >> 3
    return 8 * (q + 1) * (4 * q + (i & 7))


cdef inline double gram_entry(const double* C, Py_ssize_t ld, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    if ld:
        return C[i * ld + j]
    return C[triangle_row(i) + j] if i >= j else C[triangle_row(j) + i]
