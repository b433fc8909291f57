# A network: its stages one after the other on a mini-batch, forward, loss, backward. Everything it writes to is there beforehand.
import numpy as np
from cython cimport floating
from libc.math cimport sqrt
from libc.string cimport memcpy
from riata_engine.cpu.net_loss cimport LossOp
from riata_engine.cpu.net_op cimport Op, address


cdef class Network:
    """Stages that have been bound to their arrays, from the input to the loss.

    Parameters
    ----------
    ops : list of Op
    loss : LossOp
    x : (capacity, width) input of the first stage
    lowest : int
        The first stage that has a gradient of its own to find.
    """
    cdef list ops
    cdef LossOp loss
    cdef object x, source, order
    cdef Py_ssize_t capacity, row_bytes, lowest, available
    cdef const Py_ssize_t* rows
    cdef char* data
    cdef char* into
    cdef readonly double weight                             # Σ w of the last mini-batch

    def __init__(self, list ops, LossOp loss, x, Py_ssize_t lowest):
        self.ops, self.loss, self.x, self.lowest = ops, loss, x, lowest
        self.capacity, self.row_bytes = x.shape[0], x.shape[1] * x.itemsize
        self.into = <char*>address(x)

    def take(self, X, order=None):
        """Rows to learn or predict from, (n, width) in the network's type; ``order`` (m,) intp or None for all as they are."""
        if X.dtype != self.x.dtype or X.ndim != 2 or X.shape[1] != self.x.shape[1] or not X.flags.c_contiguous:
            raise ValueError(f"X is {X.shape} {X.dtype}: give C-ordered rows of {self.x.shape[1]} {self.x.dtype}")
        self.source, self.order = X, order
        self.data = <char*>address(X)
        self.rows = <const Py_ssize_t*>address(order)
        self.available = X.shape[0] if order is None else order.shape[0]
        if order is not None and (order.dtype != np.intp or not order.flags.c_contiguous
                                  or (order.size and not 0 <= order.min() <= order.max() < X.shape[0])):
            raise ValueError(f"order must be row numbers of X, intp below {X.shape[0]}")

    cdef void load(self, Py_ssize_t start, Py_ssize_t m) noexcept nogil:
        cdef Py_ssize_t i, size = self.row_bytes
        cdef char* to = self.into
        if self.rows == NULL:
            memcpy(to, self.data + start * size, m * size)
        else:
            for i in range(m):
                memcpy(to + i * size, self.data + self.rows[start + i] * size, size)

    cdef int check(self, Py_ssize_t start, Py_ssize_t stop) except -1:
        if self.source is None or not 0 <= start < stop <= self.available or stop - start > self.capacity:
            raise ValueError(f"rows {start} to {stop} are not there, or more than {self.capacity} at a time")
        return 0

    def forward(self, Py_ssize_t start, Py_ssize_t stop, bint training=False):
        """Run the stages on some of the rows; the last one's output is in its array."""
        self.check(start, stop)
        cdef Py_ssize_t m = stop - start
        cdef Op op
        with nogil:
            self.load(start, m)
        for op in self.ops:
            with nogil:
                op.forward(m, training)

    def value(self, Py_ssize_t start, Py_ssize_t stop):
        """Σ w ℓ of some of the rows, without learning; ``weight`` is their Σ w."""
        self.forward(start, stop)
        return self.loss.run(self.rows + start if self.rows != NULL else NULL, start, stop - start, 0, &self.weight)

    def gradient(self, Py_ssize_t start, Py_ssize_t stop):
        """Σ w ℓ of a mini-batch; the gradient of Σ w ℓ / Σ w is in the stages' arrays."""
        cdef double value
        cdef Py_ssize_t m = stop - start, i
        cdef Op op
        self.forward(start, stop, 1)
        value = self.loss.run(self.rows + start if self.rows != NULL else NULL, start, m, 1, &self.weight)
        for i in range(len(self.ops) - 1, self.lowest - 1, -1):
            op = self.ops[i]
            with nogil:
                op.backward(m)
        return value

    def mean(self, Py_ssize_t start, Py_ssize_t stop, double[:, ::1] to):
        """to (stop − start, width): predictions of some of the rows."""
        self.forward(start, stop)
        if to.shape[0] != stop - start or to.shape[1] != self.loss.width:
            raise ValueError(f"predictions of {stop - start} rows do not fit ({to.shape[0]}, {to.shape[1]})")
        self.loss.mean(stop - start, to)


def clip_norm(floating[::1] grad, double longest):
    """Scale grad down to the norm ``longest`` where it is longer, in place; returns its norm before."""
    cdef Py_ssize_t i
    cdef double square = 0, norm
    cdef floating shrink
    with nogil:
        for i in range(grad.shape[0]):
            square += <double>grad[i] * <double>grad[i]
        norm = sqrt(square)
        if norm > longest:
            shrink = <floating>(longest / norm)
            for i in range(grad.shape[0]):
                grad[i] *= shrink
    return norm


def add_penalty(floating[::1] grad, const floating[::1] params, double l2):
    """grad += l2·params, the slope of ½ l2‖params‖², which is returned."""
    cdef Py_ssize_t i
    cdef double square = 0
    cdef floating slope = <floating>l2
    if grad.shape[0] != params.shape[0]:
        raise ValueError(f"grad has {grad.shape[0]} entries, params has {params.shape[0]}")
    with nogil:
        for i in range(grad.shape[0]):
            grad[i] += slope * params[i]
            square += params[i] * params[i]
    return l2 * square / 2
