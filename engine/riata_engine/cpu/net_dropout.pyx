# Dropout (Srivastava et al. 2014), inverted: while it learns, numbers are 0 with probability ``rate`` and the others 1/(1 − rate) times
# as large. The mask is that of (seed, layer, step), as cpu/dropout makes it; the backward pass makes it again.
from libc.stdint cimport uint64_t
from libc.string cimport memcpy
from riata_engine.cpu.dropout cimport Rule, elements_of, rule_of
from riata_engine.cpu.net_op cimport Op
from riata_engine.formulas.dropout import rate_in_bits


cdef class DropoutOp(Op):
    """``rate`` in [0, 1), as ``rate_in_bits`` rounds it; ``tick`` counts the mini-batches that it has dropped from."""
    cdef public uint64_t tick
    cdef uint64_t layer
    cdef Rule rule
    cdef bint dropped

    def __init__(self, Py_ssize_t width, double rate, uint64_t seed, uint64_t layer):
        if not 0 <= rate < 1:
            raise ValueError(f"rate = {rate} is outside [0, 1)")
        self.width_in = self.width_out = width
        threshold, bits = rate_in_bits(rate)
        self.rule = rule_of(seed, 0, threshold, bits, 1 / (1 - threshold / 2.0**bits))
        self.layer, self.tick = layer + 1 << 40, 0             # the streams below are those of the order of the rows

    cdef void forward(self, Py_ssize_t m, bint training) noexcept nogil:
        self.dropped = training and self.rule.threshold > 0
        if self.dropped:
            self.rule.stream = self.layer + self.tick
            self.tick += 1
        self.through(self.x, self.out, m * self.width_in)

    cdef void backward(self, Py_ssize_t m) noexcept nogil:
        if self.dx != NULL:
            self.through(self.dout, self.dx, m * self.width_in)

    cdef void through(self, const void* x, void* out, Py_ssize_t n) noexcept nogil:
        if not self.dropped:
            memcpy(out, x, n * (sizeof(float) if self.single else sizeof(double)))
        elif self.single:
            elements_of(&self.rule, 0, <const float*>x, <const float*>NULL, <float*>out, NULL, n, False, 1)
        else:
            elements_of(&self.rule, 0, <const double*>x, <const double*>NULL, <double*>out, NULL, n, False, 1)
