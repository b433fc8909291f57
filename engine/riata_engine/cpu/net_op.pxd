cdef enum Activation:
    LINEAR, RELU, TANH, SIGMOID


cdef struct Window:
    # an image (h, w, c), what slides over it, its step, how far it begins above and to the left of the image, and its places
    Py_ssize_t h, w, c, kh, kw, sh, sw, top, left, oh, ow


cdef class Op:
    """One stage of a network on a whole mini-batch: rows in, rows out.

    ``bind`` gives it its arrays, so that a step allocates nothing. ``dx`` is NULL where nothing below learns, ``grad`` where
    the stage itself does not.
    """
    cdef readonly Py_ssize_t width_in, width_out, size, capacity       # numbers of a row; parameters; rows
    cdef readonly bint single, trainable
    cdef void* x
    cdef void* out
    cdef void* dx
    cdef void* dout                                                    # of ``out``; the stage may overwrite it
    cdef void* params
    cdef void* grad
    cdef object kept                                                   # the arrays behind the pointers
    cdef void forward(self, Py_ssize_t m, bint training) noexcept nogil
    cdef void backward(self, Py_ssize_t m) noexcept nogil


cdef Window window_of(numbers) except *
cdef void* address(array)
cdef void add_bias(void* z, const void* bias, Py_ssize_t m, Py_ssize_t k, int activation, bint single) noexcept nogil
cdef void slopes(void* dout, const void* out, void* sums, Py_ssize_t m, Py_ssize_t k, int activation, bint single) noexcept nogil
