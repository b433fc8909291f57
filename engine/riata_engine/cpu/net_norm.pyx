# Batch normalisation (Ioffe and Szegedy 2015): each channel of a mini-batch gets mean 0 and variance 1, then a scale and a shift.
#
# A stage of its own that does not learn (or predicts) takes the running mean and variance instead. Sums are in float64.
import numpy as np
from cython cimport floating
from libc.math cimport sqrt
from libc.string cimport memcpy, memset
from riata_engine.cpu.net_op cimport Op, add_bias, slopes

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"


cdef inlined_void moments(const floating* x, Py_ssize_t m, Py_ssize_t k, double* mean, double* square) noexcept nogil:
    """Mean and variance (divisor m) of each column, in two passes."""
    cdef Py_ssize_t i, j
    cdef double d
    for j in range(k):
        mean[j] = 0
        square[j] = 0
    for i in range(m):
        for j in range(k):
            mean[j] += x[i * k + j]
    for j in range(k):
        mean[j] /= m
    for i in range(m):
        for j in range(k):
            d = x[i * k + j] - mean[j]
            square[j] += d * d
    for j in range(k):
        square[j] /= m


cdef inlined_void scaled(const floating* x, Py_ssize_t m, Py_ssize_t k, const double* mean, const double* inverse,
                         const floating* gamma, floating* out) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(m):
        for j in range(k):
            out[i * k + j] = <floating>((x[i * k + j] - mean[j]) * (inverse[j] * gamma[j]))


cdef inlined_void sums_of(const floating* x, const floating* d, Py_ssize_t m, Py_ssize_t k, const double* mean, const double* inverse,
                          double* total, double* along) noexcept nogil:
    """total = Σ d, along = Σ d (x − mean)·inverse, by columns."""
    cdef Py_ssize_t i, j
    for j in range(k):
        total[j] = 0
        along[j] = 0
    for i in range(m):
        for j in range(k):
            total[j] += d[i * k + j]
            along[j] += d[i * k + j] * ((x[i * k + j] - mean[j]) * inverse[j])


cdef inlined_void slope_of(const floating* x, const floating* d, Py_ssize_t m, Py_ssize_t k, const double* mean, const double* inverse,
                           const floating* gamma, const double* total, const double* along, floating* dx) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef double unit = 1.0 / m
    for i in range(m):
        for j in range(k):
            dx[i * k + j] = <floating>((d[i * k + j] - unit * (total[j] + (x[i * k + j] - mean[j]) * inverse[j] * along[j]))
                                       * (inverse[j] * gamma[j]))


cdef cloned_void forward_single(const float* x, Py_ssize_t m, Py_ssize_t k, double* mean, double* square, bint fresh, const double* inverse,
                                const float* gamma, float* out) noexcept nogil:
    if fresh:
        moments(x, m, k, mean, square)
    else:
        scaled(x, m, k, mean, inverse, gamma, out)


cdef cloned_void forward_double(const double* x, Py_ssize_t m, Py_ssize_t k, double* mean, double* square, bint fresh,
                                const double* inverse, const double* gamma, double* out) noexcept nogil:
    if fresh:
        moments(x, m, k, mean, square)
    else:
        scaled(x, m, k, mean, inverse, gamma, out)


cdef cloned_void backward_single(const float* x, const float* d, Py_ssize_t m, Py_ssize_t k, const double* mean, const double* inverse,
                                 const float* gamma, double* total, double* along, float* dx) noexcept nogil:
    if dx == NULL:
        sums_of(x, d, m, k, mean, inverse, total, along)
    else:
        slope_of(x, d, m, k, mean, inverse, gamma, total, along, dx)


cdef cloned_void backward_double(const double* x, const double* d, Py_ssize_t m, Py_ssize_t k, const double* mean, const double* inverse,
                                 const double* gamma, double* total, double* along, double* dx) noexcept nogil:
    if dx == NULL:
        sums_of(x, d, m, k, mean, inverse, total, along)
    else:
        slope_of(x, d, m, k, mean, inverse, gamma, total, along, dx)


cdef class NormOp(Op):
    """Parameters: scale (channels,), shift (channels,). ``running`` (2, channels) float64: mean and variance, kept from step to step.

    ``share`` is the weight of a new mini-batch in them; its variance has the divisor m − 1 there, as torch has it.
    """
    cdef readonly object running
    cdef double[:, ::1] _running, _now                      # _now: mean, variance, 1 / deviation, two sums
    cdef Py_ssize_t channels, places
    cdef double share, floor
    cdef int activation
    cdef public bint frozen
    cdef bint fresh

    def __init__(self, Py_ssize_t places, Py_ssize_t channels, double share, double floor, int activation=0):
        self.width_in = self.width_out = places * channels
        self.places, self.channels, self.share, self.floor = places, channels, share, floor
        self.size = 2 * channels
        self.activation = activation
        self.running = np.array([np.zeros(channels), np.ones(channels)])
        self._running = self.running
        self._now = np.empty((5, channels))

    cdef void forward(self, Py_ssize_t m, bint training) noexcept nogil:
        cdef Py_ssize_t rows = m * self.places, k = self.channels, j
        cdef double* mean = &self._now[0, 0]
        cdef double* square = &self._now[1, 0]
        cdef double* inverse = &self._now[2, 0]
        self.fresh = training and not self.frozen
        if self.fresh:
            if self.single:
                forward_single(<float*>self.x, rows, k, mean, square, 1, inverse, <float*>self.params, <float*>self.out)
            else:
                forward_double(<double*>self.x, rows, k, mean, square, 1, inverse, <double*>self.params, <double*>self.out)
            for j in range(k):
                self._running[0, j] += self.share * (mean[j] - self._running[0, j])
                self._running[1, j] += self.share * (square[j] * (rows / (rows - 1.0) if rows > 1 else 1.0) - self._running[1, j])
        else:
            memcpy(mean, &self._running[0, 0], 2 * k * sizeof(double))
        for j in range(k):
            inverse[j] = 1 / sqrt(square[j] + self.floor)
        if self.single:
            forward_single(<float*>self.x, rows, k, mean, square, 0, inverse, <float*>self.params, <float*>self.out)
            add_bias(self.out, <float*>self.params + k, rows, k, self.activation, 1)
        else:
            forward_double(<double*>self.x, rows, k, mean, square, 0, inverse, <double*>self.params, <double*>self.out)
            add_bias(self.out, <double*>self.params + k, rows, k, self.activation, 0)

    cdef void backward(self, Py_ssize_t m) noexcept nogil:
        cdef Py_ssize_t rows = m * self.places, k = self.channels, j
        cdef double* mean = &self._now[0, 0]
        cdef double* inverse = &self._now[2, 0]
        cdef double* total = &self._now[3, 0]
        cdef double* along = &self._now[4, 0]
        slopes(self.dout, self.out, NULL, rows, k, self.activation, self.single)
        if self.single:
            backward_single(<float*>self.x, <float*>self.dout, rows, k, mean, inverse, <float*>self.params, total, along, NULL)
        else:
            backward_double(<double*>self.x, <double*>self.dout, rows, k, mean, inverse, <double*>self.params, total, along, NULL)
        if self.grad != NULL:
            for j in range(k):
                if self.single:
                    (<float*>self.grad)[j] = <float>along[j]
                    (<float*>self.grad)[k + j] = <float>total[j]
                else:
                    (<double*>self.grad)[j] = along[j]
                    (<double*>self.grad)[k + j] = total[j]
        if self.dx != NULL:
            if not self.fresh:                              # mean and variance are constants
                memset(total, 0, 2 * k * sizeof(double))
            if self.single:
                backward_single(<float*>self.x, <float*>self.dout, rows, k, mean, inverse, <float*>self.params, total, along,
                                <float*>self.dx)
            else:
                backward_double(<double*>self.x, <double*>self.dout, rows, k, mean, inverse, <double*>self.params, total, along,
                                <double*>self.dx)
