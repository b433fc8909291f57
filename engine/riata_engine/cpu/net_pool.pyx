# Pooling of images (height, width, channels): the largest number under each window, whose place is kept, or their mean.
#
# A place beyond the border counts for neither.
import numpy as np
from cython cimport floating
from libc.stdint cimport uint16_t
from libc.string cimport memset
from riata_engine.cpu.net_op cimport Op, Window, address, window_of

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"


cdef inlined_void largest(const Window* g, const floating* x, Py_ssize_t m, floating* out, uint16_t* place) noexcept nogil:
    cdef Py_ssize_t i, oy, ox, iy, ix, j, c = g.c, y0, x0, y1, x1
    cdef const floating* row
    cdef floating* to = out
    cdef uint16_t* at = place
    cdef uint16_t t
    for i in range(m):
        for oy in range(g.oh):
            y0 = oy * g.sh - g.top
            y1 = min(y0 + g.kh, g.h)
            for ox in range(g.ow):
                x0 = ox * g.sw - g.left
                x1 = min(x0 + g.kw, g.w)
                row = x + ((i * g.h + max(y0, 0)) * g.w + max(x0, 0)) * c
                t = <uint16_t>((max(y0, 0) - y0) * g.kw + max(x0, 0) - x0)
                for j in range(c):
                    to[j] = row[j]
                    at[j] = t
                for iy in range(max(y0, 0), y1):
                    for ix in range(max(x0, 0), x1):
                        row = x + ((i * g.h + iy) * g.w + ix) * c
                        t = <uint16_t>((iy - y0) * g.kw + ix - x0)
                        for j in range(c):
                            at[j] = t if row[j] > to[j] else at[j]
                            to[j] = row[j] if row[j] > to[j] else to[j]
                to += c
                at += c


cdef inlined_void to_largest(const Window* g, const floating* dout, Py_ssize_t m, floating* dx, const uint16_t* place) noexcept nogil:
    cdef Py_ssize_t i, oy, ox, iy, ix, j, c = g.c, y0, x0
    cdef floating* row
    cdef const floating* d = dout
    cdef const uint16_t* at = place
    cdef uint16_t t
    memset(dx, 0, m * g.h * g.w * c * sizeof(floating))
    for i in range(m):
        for oy in range(g.oh):
            y0 = oy * g.sh - g.top
            for ox in range(g.ow):
                x0 = ox * g.sw - g.left
                for iy in range(max(y0, 0), min(y0 + g.kh, g.h)):
                    for ix in range(max(x0, 0), min(x0 + g.kw, g.w)):
                        row = dx + ((i * g.h + iy) * g.w + ix) * c
                        t = <uint16_t>((iy - y0) * g.kw + ix - x0)
                        for j in range(c):
                            row[j] += d[j] if at[j] == t else 0
                d += c
                at += c


cdef inlined_void mean_of(const Window* g, const floating* x, Py_ssize_t m, floating* out) noexcept nogil:
    cdef Py_ssize_t i, oy, ox, iy, ix, j, c = g.c, y0, x0, y1, x1
    cdef const floating* row
    cdef floating* to = out
    cdef floating share
    for i in range(m):
        for oy in range(g.oh):
            y0 = max(oy * g.sh - g.top, 0)
            y1 = min(oy * g.sh - g.top + g.kh, g.h)
            for ox in range(g.ow):
                x0 = max(ox * g.sw - g.left, 0)
                x1 = min(ox * g.sw - g.left + g.kw, g.w)
                share = <floating>1 / <floating>((y1 - y0) * (x1 - x0))
                for j in range(c):
                    to[j] = 0
                for iy in range(y0, y1):
                    for ix in range(x0, x1):
                        row = x + ((i * g.h + iy) * g.w + ix) * c
                        for j in range(c):
                            to[j] += row[j]
                for j in range(c):
                    to[j] *= share
                to += c


cdef inlined_void to_mean(const Window* g, const floating* dout, Py_ssize_t m, floating* dx) noexcept nogil:
    cdef Py_ssize_t i, oy, ox, iy, ix, j, c = g.c, y0, x0, y1, x1
    cdef floating* row
    cdef const floating* d = dout
    cdef floating share
    memset(dx, 0, m * g.h * g.w * c * sizeof(floating))
    for i in range(m):
        for oy in range(g.oh):
            y0 = max(oy * g.sh - g.top, 0)
            y1 = min(oy * g.sh - g.top + g.kh, g.h)
            for ox in range(g.ow):
                x0 = max(ox * g.sw - g.left, 0)
                x1 = min(ox * g.sw - g.left + g.kw, g.w)
                share = <floating>1 / <floating>((y1 - y0) * (x1 - x0))
                for iy in range(y0, y1):
                    for ix in range(x0, x1):
                        row = dx + ((i * g.h + iy) * g.w + ix) * c
                        for j in range(c):
                            row[j] += share * d[j]
                d += c


cdef cloned_void forward_single(const Window* g, const float* x, Py_ssize_t m, float* out, uint16_t* place) noexcept nogil:
    if place != NULL:
        largest(g, x, m, out, place)
    else:
        mean_of(g, x, m, out)


cdef cloned_void forward_double(const Window* g, const double* x, Py_ssize_t m, double* out, uint16_t* place) noexcept nogil:
    if place != NULL:
        largest(g, x, m, out, place)
    else:
        mean_of(g, x, m, out)


cdef cloned_void backward_single(const Window* g, const float* dout, Py_ssize_t m, float* dx, const uint16_t* place) noexcept nogil:
    if place != NULL:
        to_largest(g, dout, m, dx, place)
    else:
        to_mean(g, dout, m, dx)


cdef cloned_void backward_double(const Window* g, const double* dout, Py_ssize_t m, double* dx, const uint16_t* place) noexcept nogil:
    if place != NULL:
        to_largest(g, dout, m, dx, place)
    else:
        to_mean(g, dout, m, dx)


cdef class PoolOp(Op):
    """``window`` = (h, w, c, kh, kw, sh, sw, top, left, oh, ow); of equal numbers the first under the window is the largest."""
    cdef Window g
    cdef bint mean
    cdef object places
    cdef uint16_t* place

    def __init__(self, window, bint mean):
        cdef Window g = window_of(window)
        self.g = g
        self.width_in, self.width_out = g.h * g.w * g.c, g.oh * g.ow * g.c
        self.mean = mean

    def room(self):
        self.place = NULL
        if not self.mean:
            self.places = np.empty((self.capacity, self.width_out), np.uint16)
            self.place = <uint16_t*>address(self.places)

    cdef void forward(self, Py_ssize_t m, bint training) noexcept nogil:
        if self.single:
            forward_single(&self.g, <float*>self.x, m, <float*>self.out, self.place)
        else:
            forward_double(&self.g, <double*>self.x, m, <double*>self.out, self.place)

    cdef void backward(self, Py_ssize_t m) noexcept nogil:
        if self.dx == NULL:
            return
        if self.single:
            backward_single(&self.g, <float*>self.dout, m, <float*>self.dx, self.place)
        else:
            backward_double(&self.g, <double*>self.dout, m, <double*>self.dx, self.place)
