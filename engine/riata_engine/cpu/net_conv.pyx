# Convolution of images (height, width, channels): patches side by side in a matrix (im2col), and one matrix product for many images.
#
# Chellapilla, Puri and Simard (2006), "High performance convolutional neural networks for document processing". Images go in tiles
# whose patches stay in the second-level cache; where one tile holds the mini-batch, the gradient finds its patches still there.
import numpy as np
from cython cimport floating
from libc.string cimport memset
from riata_engine.cpu.net_op cimport Op, Window, add_bias, address, slopes, window_of
from riata_engine.cpu.net_products cimport product

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

cdef enum:
    TILE = 1 << 19                     # bytes of patches at a time


cdef inlined_void patches(const Window* g, const floating* x, Py_ssize_t images, floating* columns) noexcept nogil:
    """columns (images·oh·ow, kh·kw·c): the input under the kernel at each place, 0 beyond the border."""
    cdef Py_ssize_t i, oy, ox, ky, iy, ix, a, b, t, span = g.kw * g.c
    cdef const floating* row
    cdef floating* to = columns
    for i in range(images):
        for oy in range(g.oh):
            for ox in range(g.ow):
                ix = ox * g.sw - g.left
                a = (-ix if ix < 0 else 0) * g.c                        # of the span, what lies on the image
                b = (min(g.kw, g.w - ix)) * g.c
                for ky in range(g.kh):
                    iy = oy * g.sh - g.top + ky
                    if iy < 0 or iy >= g.h or b <= a:
                        for t in range(span):
                            to[t] = 0
                    else:
                        row = x + ((i * g.h + iy) * g.w + ix) * g.c
                        for t in range(a):
                            to[t] = 0
                        for t in range(a, b):
                            to[t] = row[t]
                        for t in range(b, span):
                            to[t] = 0
                    to += span


cdef inlined_void spread(const Window* g, const floating* columns, Py_ssize_t images, floating* dx) noexcept nogil:
    """The transpose of ``patches``: dx is the sum over the patches that each number lies in."""
    cdef Py_ssize_t i, oy, ox, ky, iy, ix, a, b, t, span = g.kw * g.c
    cdef floating* row
    cdef const floating* at = columns
    memset(dx, 0, images * g.h * g.w * g.c * sizeof(floating))
    for i in range(images):
        for oy in range(g.oh):
            for ox in range(g.ow):
                ix = ox * g.sw - g.left
                a = (-ix if ix < 0 else 0) * g.c
                b = (min(g.kw, g.w - ix)) * g.c
                for ky in range(g.kh):
                    iy = oy * g.sh - g.top + ky
                    if 0 <= iy < g.h:
                        row = dx + ((i * g.h + iy) * g.w + ix) * g.c
                        for t in range(a, b):
                            row[t] += at[t]
                    at += span


cdef cloned_void patches_single(const Window* g, const float* x, Py_ssize_t images, float* columns) noexcept nogil:
    patches(g, x, images, columns)


cdef cloned_void patches_double(const Window* g, const double* x, Py_ssize_t images, double* columns) noexcept nogil:
    patches(g, x, images, columns)


cdef cloned_void spread_single(const Window* g, const float* columns, Py_ssize_t images, float* dx) noexcept nogil:
    spread(g, columns, images, dx)


cdef cloned_void spread_double(const Window* g, const double* columns, Py_ssize_t images, double* dx) noexcept nogil:
    spread(g, columns, images, dx)


cdef inline void fill(const Window* g, const floating* x, Py_ssize_t images, floating* columns) noexcept nogil:
    if floating is float:
        patches_single(g, x, images, columns)
    else:
        patches_double(g, x, images, columns)


cdef inline void collect(const Window* g, const floating* columns, Py_ssize_t images, floating* dx) noexcept nogil:
    if floating is float:
        spread_single(g, columns, images, dx)
    else:
        spread_double(g, columns, images, dx)


cdef class ConvOp(Op):
    """Parameters: W (kh, kw, channels, filters), then b (filters,). ``window`` = (h, w, c, kh, kw, sh, sw, top, left, oh, ow)."""
    cdef Window g
    cdef Py_ssize_t filters, depth, tile
    cdef int activation
    cdef object room_for_columns, room_for_slopes
    cdef void* columns
    cdef void* slopes_of_columns

    def __init__(self, window, Py_ssize_t filters, int activation=0):
        cdef Window g = window_of(window)
        self.g = g
        self.filters, self.activation = filters, activation
        self.depth = g.kh * g.kw * g.c
        self.width_in, self.width_out = g.h * g.w * g.c, g.oh * g.ow * filters
        self.size = (self.depth + 1) * filters

    def room(self):
        dtype = np.float32 if self.single else np.float64
        cdef Py_ssize_t places = self.g.oh * self.g.ow
        self.tile = min(self.capacity, max(1, TILE // (places * self.depth * np.dtype(dtype).itemsize)))
        self.room_for_columns = np.empty(self.tile * places * self.depth, dtype)
        self.columns = address(self.room_for_columns)
        if self.dx != NULL:
            self.room_for_slopes = np.empty(self.tile * places * self.depth, dtype)
            self.slopes_of_columns = address(self.room_for_slopes)

    cdef void forward(self, Py_ssize_t m, bint training) noexcept nogil:
        if self.single:
            convolve(self, <float*>self.x, <float*>self.params, <float*>self.columns, <float*>self.out, m)
        else:
            convolve(self, <double*>self.x, <double*>self.params, <double*>self.columns, <double*>self.out, m)

    cdef void backward(self, Py_ssize_t m) noexcept nogil:
        if self.single:
            convolve_back(self, <float*>self.x, <float*>self.params, <float*>self.columns, <float*>self.slopes_of_columns,
                          <float*>self.grad, <float*>self.dout, <float*>self.dx, m)
        else:
            convolve_back(self, <double*>self.x, <double*>self.params, <double*>self.columns, <double*>self.slopes_of_columns,
                          <double*>self.grad, <double*>self.dout, <double*>self.dx, m)


cdef void convolve(ConvOp op, const floating* x, const floating* W, floating* columns, floating* out, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t places = op.g.oh * op.g.ow, start = 0, images
    cdef floating* to
    while start < m:
        images = min(op.tile, m - start)
        to = out + start * op.width_out
        fill(&op.g, x + start * op.width_in, images, columns)
        product(columns, 0, W, 0, images * places, op.filters, op.depth, <floating>0, to)
        add_bias(to, W + op.depth * op.filters, images * places, op.filters, op.activation, op.single)
        start += images


cdef void convolve_back(ConvOp op, const floating* x, const floating* W, floating* columns, floating* slopes_of_columns,
                        floating* grad, floating* dout, floating* dx, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t places = op.g.oh * op.g.ow, start = 0, images
    cdef floating* d
    slopes(dout, op.out, <void*>(grad + op.depth * op.filters) if grad != NULL else NULL, m * places, op.filters, op.activation,
           op.single)
    while start < m:
        images = min(op.tile, m - start)
        d = dout + start * op.width_out
        if grad != NULL:
            if m > op.tile:
                fill(&op.g, x + start * op.width_in, images, columns)
            product(columns, 1, d, 0, op.depth, op.filters, images * places, <floating>(1 if start else 0), grad)
        if dx != NULL:
            product(d, 0, W, 1, images * places, op.depth, op.filters, <floating>0, slopes_of_columns)
            collect(&op.g, slopes_of_columns, images, dx + start * op.width_in)
        start += images
