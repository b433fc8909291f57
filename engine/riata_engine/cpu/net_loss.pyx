# The loss of a mini-batch and its slope in the last stage's output: softmax, sigmoid or identity is taken in one sweep with it.
import numpy as np
from cython cimport floating
from riata_engine.cpu.net_op cimport address
from riata_engine.cpu.softmax_rows cimport softmax_rows

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

include "loss_table.pxi"

cdef enum:
    SOFTMAX = -1

#: names of the losses of a network, and their codes
NET_LOSSES = {"softmax": SOFTMAX, "logistic": LOGISTIC, "squared": SQUARED, "huber": HUBER, "poisson": POISSON}


cdef inlined_void by_class(const floating* out, Py_ssize_t m, Py_ssize_t k, Py_ssize_t ld, double scale, double* eta) noexcept nogil:
    cdef Py_ssize_t i, j
    for j in range(k):
        for i in range(m):
            eta[j * ld + i] = scale * out[i * k + j]


cdef inlined_void by_row(const double* values, Py_ssize_t m, Py_ssize_t k, Py_ssize_t ld, double scale, floating* to) noexcept nogil:
    cdef Py_ssize_t i, j
    for i in range(m):
        for j in range(k):
            to[i * k + j] = <floating>(scale * values[j * ld + i])


cdef inlined_void each_number(int kind, const floating* out, const double* y, const double* w, Py_ssize_t m, Py_ssize_t k, double unit,
                              double delta, floating* slope, double* total) noexcept nogil:
    """Losses that are sums over the outputs. slope = unit·w ∂ℓ/∂out unless it is NULL; total = Σ w ℓ."""
    cdef Py_ssize_t i, j
    cdef double f = 0, v, t
    for i in range(m):
        for j in range(k):
            v = out[i * k + j]
            t = y[i * k + j]
            if kind == SQUARED:
                f += w[i] * (v - t) * (v - t) / 2
                v -= t
            else:
                f += w[i] * value_of(kind, t, v, delta)
                v = gradient_of(kind, t, v, delta)
            if slope != NULL:
                slope[i * k + j] = <floating>(unit * w[i] * v)
    total[0] = f


cdef inlined_void any_number(int kind, const floating* out, const double* y, const double* w, Py_ssize_t m, Py_ssize_t k, double unit,
                             double delta, floating* slope, double* total) noexcept nogil:
    if kind == LOGISTIC:
        each_number(LOGISTIC, out, y, w, m, k, unit, delta, slope, total)
    elif kind == HUBER:
        each_number(HUBER, out, y, w, m, k, unit, delta, slope, total)
    elif kind == POISSON:
        each_number(POISSON, out, y, w, m, k, unit, delta, slope, total)
    else:
        each_number(SQUARED, out, y, w, m, k, unit, delta, slope, total)


cdef cloned_void numbers_single(int kind, const float* out, const double* y, const double* w, Py_ssize_t m, Py_ssize_t k, double unit,
                                double delta, float* slope, double* total) noexcept nogil:
    any_number(kind, out, y, w, m, k, unit, delta, slope, total)


cdef cloned_void numbers_double(int kind, const double* out, const double* y, const double* w, Py_ssize_t m, Py_ssize_t k, double unit,
                                double delta, double* slope, double* total) noexcept nogil:
    any_number(kind, out, y, w, m, k, unit, delta, slope, total)


cdef cloned_void toward(const double* q, const double* prob, const double* w, Py_ssize_t m, Py_ssize_t k, Py_ssize_t ld,
                        double* r) noexcept nogil:
    """r = w (q − prob), class by class; q (m, k) row by row."""
    cdef Py_ssize_t i, j
    for j in range(k):
        for i in range(m):
            r[j * ld + i] = w[i] * (q[i * k + j] - prob[j * ld + i])


cdef class LossOp:
    """Mean of w ℓ over a mini-batch; ``kind`` is a code of ``NET_LOSSES``.

    softmax : ℓ = temperature² (log Σ e^η − Σ q η), η = out / temperature, for a class or shares q that sum to one
    logistic : Σ log(1 + e^out) − y out over the outputs
    poisson : Σ e^out − y out over the outputs
    squared, huber : Σ over the outputs of ½ (out − y)², and of Huber's loss with ``delta``
    """

    def __init__(self, int kind, Py_ssize_t width, double delta=1.0, double temperature=1.0):
        self.kind, self.width, self.delta, self.temperature = kind, width, delta, temperature

    def bind(self, out, dout):
        """The last stage's output and its gradient, (capacity, width)."""
        cdef Py_ssize_t rows = out.shape[0]
        self.kept = (out, dout)
        self.single = out.dtype == np.float32
        self.out, self.dout = address(out), address(dout)
        self.w = np.ones(rows)
        self.label = np.zeros(rows, np.int32)
        if self.kind == SOFTMAX:
            self.eta, self.prob, self.r = np.empty((3, self.width, rows))
        self.y = np.empty((rows, self.width))

    def take(self, labels=None, targets=None, weights=None):
        """The targets of all rows: labels (n,) int32 of the softmax or targets (n, width) float64; weights (n,) or None."""
        self.labelled, self.weighted = labels is not None, weights is not None
        if self.labelled:
            self.labels = labels
        else:
            self.targets = targets
            self.label[:] = 0                                # `softmax` takes each row for one of class 0 at first
        if self.weighted:
            self.weights = weights

    cdef double run(self, const Py_ssize_t* rows, Py_ssize_t first, Py_ssize_t m, bint slope, double* weight) noexcept nogil:
        """Σ w ℓ of the rows (of those from ``first`` on, where rows is NULL), and Σ w; dout = w ∂ℓ / Σ w where wanted."""
        cdef Py_ssize_t i, j, row, k = self.width
        cdef double total = 0, out = 0
        for i in range(m):
            row = rows[i] if rows != NULL else first + i
            self.w[i] = self.weights[row] if self.weighted else 1.0
            total += self.w[i]
            if self.labelled:
                self.label[i] = self.labels[row]
            else:
                for j in range(k):
                    self.y[i, j] = self.targets[row, j]
        weight[0] = total
        if self.kind == SOFTMAX:
            return self.softmax(m, slope, total)
        if self.single:
            numbers_single(self.kind, <float*>self.out, &self.y[0, 0], &self.w[0], m, k, 1 / total if total > 0 else 0, self.delta,
                           <float*>self.dout if slope else NULL, &out)
        else:
            numbers_double(self.kind, <double*>self.out, &self.y[0, 0], &self.w[0], m, k, 1 / total if total > 0 else 0, self.delta,
                           <double*>self.dout if slope else NULL, &out)
        return out

    cdef double softmax(self, Py_ssize_t m, bint slope, double total) noexcept nogil:
        cdef Py_ssize_t i, j, k = self.width, ld = self.w.shape[0]
        cdef double out = 0, T = self.temperature, scale = -T / total if total > 0 else 0
        self.turn(m, 1 / T)
        softmax_rows(&self.eta[0, 0], &self.label[0], &self.w[0], m, ld, k, &self.prob[0, 0],
                     &self.r[0, 0] if slope and self.labelled else NULL, &out)
        if not self.labelled:
            for i in range(m):                           # the label is 0: put the shares in its place
                out += self.w[i] * self.eta[0, i]
                for j in range(k):
                    out -= self.w[i] * self.y[i, j] * self.eta[j, i]
            if slope:
                toward(&self.y[0, 0], &self.prob[0, 0], &self.w[0], m, k, ld, &self.r[0, 0])
        if slope:
            if self.single:
                by_row(&self.r[0, 0], m, k, ld, scale, <float*>self.dout)
            else:
                by_row(&self.r[0, 0], m, k, ld, scale, <double*>self.dout)
        return T * T * out

    cdef void turn(self, Py_ssize_t m, double scale) noexcept nogil:
        if self.single:
            by_class(<float*>self.out, m, self.width, self.w.shape[0], scale, &self.eta[0, 0])
        else:
            by_class(<double*>self.out, m, self.width, self.w.shape[0], scale, &self.eta[0, 0])

    def mean(self, Py_ssize_t m, double[:, ::1] to):
        """to (m, width): what the output says y is: probabilities, or the output itself."""
        cdef Py_ssize_t i, j, k = self.width
        cdef double unheard = 0, v
        if self.kind == SOFTMAX:
            self.turn(m, 1)
            softmax_rows(&self.eta[0, 0], &self.label[0], &self.w[0], m, self.w.shape[0], k, &self.prob[0, 0], NULL, &unheard)
        for i in range(m):
            for j in range(k):
                if self.kind == SOFTMAX:
                    to[i, j] = self.prob[j, i]
                else:
                    v = (<float*>self.out)[i * k + j] if self.single else (<double*>self.out)[i * k + j]
                    to[i, j] = logistic_mean(v) if self.kind == LOGISTIC else exp(v) if self.kind == POISSON else v
