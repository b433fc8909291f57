from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef void c_mask(uint8_t* mask, Py_ssize_t n, uint32_t thr, uint64_t first, uint64_t stream, uint32_t k0, uint32_t k1) noexcept nogil
