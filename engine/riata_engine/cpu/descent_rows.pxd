from libc.stdint cimport uint32_t, uint64_t

cdef enum:
    WORDS = 256

cdef struct Words:
    # random words in the order of their positions (formulas/philox.py)
    uint32_t word[WORDS]
    int at
    uint64_t counter, stream, seed

cdef void open_words(Words* R, uint64_t seed, uint64_t stream) noexcept nogil
cdef void shuffle_rows(const int* rows, Py_ssize_t n, Py_ssize_t block, bint inside, Words* R, int* room, int* out) noexcept nogil
cdef void drop_out(const void* x, bint single, Py_ssize_t p, double rate, uint64_t seed, uint64_t stream, uint64_t row,
                   void* out) noexcept nogil
cdef void slopes_of_rows(int loss, double a, const double* y, const double* w, const double* eta, Py_ssize_t m, int k, Py_ssize_t ld,
                         double* g, double* value) noexcept nogil
