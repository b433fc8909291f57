# The activations for compiled loops. Taken in by ``include``.
from libc.math cimport copysign, fabs

cdef extern from "riata_math.h":
    double exp "riata_exp" (double x) noexcept nogil

include "../formulas/activations.py"
