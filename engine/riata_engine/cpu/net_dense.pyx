# A dense layer: out = f(x W + b), one matrix product for a mini-batch, three with its gradients.
from riata_engine.cpu.net_op cimport Op, add_bias, slopes
from riata_engine.cpu.net_products cimport product


cdef class DenseOp(Op):
    """Parameters: W (width_in, width_out), then b (width_out,)."""
    cdef int activation

    def __init__(self, Py_ssize_t width_in, Py_ssize_t width_out, int activation=0):
        self.width_in, self.width_out = width_in, width_out
        self.size = (width_in + 1) * width_out
        self.activation = activation

    cdef void forward(self, Py_ssize_t m, bint training) noexcept nogil:
        cdef Py_ssize_t p = self.width_in, k = self.width_out
        if self.single:
            product(<float*>self.x, 0, <float*>self.params, 0, m, k, p, <float>0, <float*>self.out)
            add_bias(self.out, <float*>self.params + p * k, m, k, self.activation, 1)
        else:
            product(<double*>self.x, 0, <double*>self.params, 0, m, k, p, <double>0, <double*>self.out)
            add_bias(self.out, <double*>self.params + p * k, m, k, self.activation, 0)

    cdef void backward(self, Py_ssize_t m) noexcept nogil:
        cdef Py_ssize_t p = self.width_in, k = self.width_out
        cdef void* sums = NULL
        if self.grad != NULL:
            sums = <void*>(<float*>self.grad + p * k) if self.single else <void*>(<double*>self.grad + p * k)
        slopes(self.dout, self.out, sums, m, k, self.activation, self.single)
        if self.grad != NULL:
            if self.single:
                product(<float*>self.x, 1, <float*>self.dout, 0, p, k, m, <float>0, <float*>self.grad)
            else:
                product(<double*>self.x, 1, <double*>self.dout, 0, p, k, m, <double>0, <double*>self.grad)
        if self.dx != NULL:
            if self.single:
                product(<float*>self.dout, 0, <float*>self.params, 1, m, p, k, <float>0, <float*>self.dx)
            else:
                product(<double*>self.dout, 0, <double*>self.params, 1, m, p, k, <double>0, <double*>self.dx)
