from libc.stdint cimport uint32_t, uint64_t

cdef enum:
    WORDS = 256

cdef enum:                              # places of ``LOSSES`` behind those of loss_table.pxi
    HINGE = 7
    SQUARED_HINGE = 8
    EPSILON_INSENSITIVE = 9
    SQUARED_EPSILON_INSENSITIVE = 10
    MODIFIED_HUBER = 11
    PERCEPTRON = 12

cdef struct Words:
    # random words in the order of their positions (formulas/philox.py)
    uint32_t word[WORDS]
    int at
    uint64_t counter, stream, seed

cdef void open_words(Words* R, uint64_t seed, uint64_t stream) noexcept nogil
cdef void shuffle_rows(const int* rows, Py_ssize_t n, Py_ssize_t block, bint inside, Words* R, int* room, int* out) noexcept nogil
cdef void slopes_of_rows(int loss, double a, const double* y, const double* w, const double* eta, Py_ssize_t m, int k, Py_ssize_t ld,
                         double* g, double* value) noexcept nogil
