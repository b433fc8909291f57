# Dropout (Srivastava et al. 2014), inverted: while it learns, numbers are 0 with probability ``rate`` and the others 1/(1 − rate) times
# as large. The mask is a function of (seed, layer, step): the words of Philox, whatever the number of threads.
import numpy as np
from cython cimport floating
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy
from riata_engine.cpu.net_op cimport Op, address
from riata_engine.cpu.philox cimport c_mask

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"


cdef inlined_void masked(const floating* x, const uint8_t* mask, Py_ssize_t n, floating scale, floating* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = x[i] * scale if mask[i] else 0


cdef cloned_void masked_single(const float* x, const uint8_t* mask, Py_ssize_t n, float scale, float* out) noexcept nogil:
    masked(x, mask, n, scale, out)


cdef cloned_void masked_double(const double* x, const uint8_t* mask, Py_ssize_t n, double scale, double* out) noexcept nogil:
    masked(x, mask, n, scale, out)


cdef class DropoutOp(Op):
    """``rate`` in [0, 1), to a multiple of 2⁻³²; ``tick`` counts the mini-batches that it has dropped from."""
    cdef double rate
    cdef public uint64_t tick
    cdef uint64_t seed, stream
    cdef object masks
    cdef uint8_t* mask
    cdef bint dropped

    def __init__(self, Py_ssize_t width, double rate, uint64_t seed, uint64_t layer):
        if not 0 <= rate < 1:
            raise ValueError(f"rate = {rate} is outside [0, 1)")
        self.width_in = self.width_out = width
        self.rate, self.seed, self.stream, self.tick = rate, seed, layer << 40, 0

    def room(self):
        self.masks = np.empty(self.capacity * self.width_in, np.uint8)
        self.mask = <uint8_t*>address(self.masks)

    cdef void forward(self, Py_ssize_t m, bint training) noexcept nogil:
        cdef Py_ssize_t n = m * self.width_in
        self.dropped = training and self.rate > 0
        if self.dropped:
            c_mask(self.mask, n, <uint32_t>(self.rate * 4294967296.0), 0, self.stream + self.tick, <uint32_t>self.seed,
                   <uint32_t>(self.seed >> 32))
            self.tick += 1
        self.through(self.x, self.out, n)

    cdef void backward(self, Py_ssize_t m) noexcept nogil:
        if self.dx != NULL:
            self.through(self.dout, self.dx, m * self.width_in)

    cdef void through(self, const void* x, void* out, Py_ssize_t n) noexcept nogil:
        cdef double scale = 1 / (1 - self.rate)
        if not self.dropped:
            memcpy(out, x, n * (sizeof(float) if self.single else sizeof(double)))
        elif self.single:
            masked_single(<const float*>x, self.mask, n, <float>scale, <float*>out)
        else:
            masked_double(<const double*>x, self.mask, n, scale, <double*>out)
