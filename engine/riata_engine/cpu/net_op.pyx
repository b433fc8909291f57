# What the stages of a network share: their arrays, and the activation, which is taken in one sweep with the bias.
#
# All arrays of a stage are (rows, width), C-ordered; an image is a row of (height, width, channels), so that channels lie side by
# side and the loops over them vectorise.
import numpy as np
from cython cimport floating
from libc.string cimport memcpy, memset

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

include "activation_table.pxi"

#: names of activations, in the order of their codes
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid")


cdef inline double sigmoid(double z) noexcept nogil:
    return 0.5 + hyperbolic_tangent(z / 2) / 2


cdef inlined_void biased_rows(floating* z, const floating* bias, Py_ssize_t m, Py_ssize_t k, int activation) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef floating* row
    for i in range(m):
        row = z + i * k
        for j in range(k):
            if activation == RELU:
                row[j] = relu(row[j] + bias[j])
            elif activation == TANH:
                row[j] = <floating>hyperbolic_tangent(row[j] + bias[j])
            elif activation == SIGMOID:
                row[j] = <floating>sigmoid(row[j] + bias[j])
            else:
                row[j] = row[j] + bias[j]


cdef cloned_void biased_single(float* z, const float* bias, Py_ssize_t m, Py_ssize_t k, int activation) noexcept nogil:
    if activation == RELU:
        biased_rows(z, bias, m, k, RELU)
    elif activation == TANH:
        biased_rows(z, bias, m, k, TANH)
    elif activation == SIGMOID:
        biased_rows(z, bias, m, k, SIGMOID)
    else:
        biased_rows(z, bias, m, k, LINEAR)


cdef cloned_void biased_double(double* z, const double* bias, Py_ssize_t m, Py_ssize_t k, int activation) noexcept nogil:
    if activation == RELU:
        biased_rows(z, bias, m, k, RELU)
    elif activation == TANH:
        biased_rows(z, bias, m, k, TANH)
    elif activation == SIGMOID:
        biased_rows(z, bias, m, k, SIGMOID)
    else:
        biased_rows(z, bias, m, k, LINEAR)


cdef void add_bias(void* z, const void* bias, Py_ssize_t m, Py_ssize_t k, int activation, bint single) noexcept nogil:
    """z (m, k) = f(z + bias)"""
    if single:
        biased_single(<float*>z, <const float*>bias, m, k, activation)
    else:
        biased_double(<double*>z, <const double*>bias, m, k, activation)


cdef inlined_void slope_rows(floating* dout, const floating* out, floating* sums, Py_ssize_t m, Py_ssize_t k,
                             int activation) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef floating* d
    cdef const floating* a
    for i in range(m):
        d = dout + i * k
        a = out + i * k
        for j in range(k):
            if activation == RELU:
                d[j] = d[j] * relu_slope(a[j])
            elif activation == TANH:
                d[j] = d[j] * tanh_slope(a[j])
            elif activation == SIGMOID:
                d[j] = d[j] * sigmoid_slope(a[j])
            if sums != NULL:
                sums[j] += d[j]


cdef cloned_void slopes_single(float* dout, const float* out, float* sums, Py_ssize_t m, Py_ssize_t k, int activation) noexcept nogil:
    if activation == RELU:
        slope_rows(dout, out, sums, m, k, RELU)
    elif activation == TANH:
        slope_rows(dout, out, sums, m, k, TANH)
    elif activation == SIGMOID:
        slope_rows(dout, out, sums, m, k, SIGMOID)
    else:
        slope_rows(dout, out, sums, m, k, LINEAR)


cdef cloned_void slopes_double(double* dout, const double* out, double* sums, Py_ssize_t m, Py_ssize_t k,
                               int activation) noexcept nogil:
    if activation == RELU:
        slope_rows(dout, out, sums, m, k, RELU)
    elif activation == TANH:
        slope_rows(dout, out, sums, m, k, TANH)
    elif activation == SIGMOID:
        slope_rows(dout, out, sums, m, k, SIGMOID)
    else:
        slope_rows(dout, out, sums, m, k, LINEAR)


cdef void slopes(void* dout, const void* out, void* sums, Py_ssize_t m, Py_ssize_t k, int activation, bint single) noexcept nogil:
    """dout (m, k) times f', in place; sums (k,), unless NULL, gets the sums of its columns: the gradient of the bias."""
    if sums != NULL:
        memset(sums, 0, k * (sizeof(float) if single else sizeof(double)))
    elif activation == LINEAR:
        return
    if single:
        slopes_single(<float*>dout, <const float*>out, <float*>sums, m, k, activation)
    else:
        slopes_double(<double*>dout, <const double*>out, <double*>sums, m, k, activation)


cdef void* address(array):
    return <void*><size_t>array.ctypes.data if array is not None else NULL


cdef Window window_of(numbers) except *:
    cdef Window g
    g.h, g.w, g.c, g.kh, g.kw, g.sh, g.sw, g.top, g.left, g.oh, g.ow = numbers
    return g


cdef class Op:
    """See net_op.pxd."""

    def bind(self, x, out, dx, dout, params, grad):
        """Arrays (capacity, width) in and out and their gradients, (size,) parameters and their gradient; None where not wanted."""
        self.kept = (x, out, dx, dout, params, grad)
        self.single = x.dtype == np.float32
        self.capacity = x.shape[0]
        for array, width in ((x, self.width_in), (out, self.width_out), (dx, self.width_in), (dout, self.width_out)):
            if array is not None and not (array.flags.c_contiguous and array.dtype == x.dtype and array.shape[0] == self.capacity
                                          and array.shape[1] == width):
                raise ValueError(f"a stage of width {self.width_in} to {self.width_out} was given an array {array.shape} {array.dtype}")
        self.x, self.out, self.dx, self.dout = address(x), address(out), address(dx), address(dout)
        self.params, self.grad = address(params), address(grad)
        self.trainable = grad is not None
        self.room()

    def room(self):
        """Scratch space, once the arrays are known."""

    cdef void forward(self, Py_ssize_t m, bint training) noexcept nogil:
        pass

    cdef void backward(self, Py_ssize_t m) noexcept nogil:
        pass


cdef class ActivationOp(Op):
    """An activation on its own: where no layer before it could take it in."""
    cdef int activation
    cdef object zero

    def __init__(self, Py_ssize_t width, int activation):
        self.width_in = self.width_out = width
        self.activation = activation

    def room(self):
        self.zero = np.zeros(self.width_in, np.float32 if self.single else np.float64)
        self.params = address(self.zero)

    cdef void forward(self, Py_ssize_t m, bint training) noexcept nogil:
        cdef size_t item = sizeof(float) if self.single else sizeof(double)
        memcpy(self.out, self.x, m * self.width_in * item)
        add_bias(self.out, self.params, m, self.width_in, self.activation, self.single)

    cdef void backward(self, Py_ssize_t m) noexcept nogil:
        cdef size_t item = sizeof(float) if self.single else sizeof(double)
        if self.dx != NULL:
            slopes(self.dout, self.out, NULL, m, self.width_in, self.activation, self.single)
            memcpy(self.dx, self.dout, m * self.width_in * item)
