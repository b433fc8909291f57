"""Activations of a layer: a = f(z), and f'(z) written in a, so that z need not be kept.

relu     max(z, 0)          1 where a > 0, else 0
tanh     tanh z             1 − a²
sigmoid  1 / (1 + e^−z)     a (1 − a)

Goodfellow, Bengio and Courville (2016), "Deep Learning", section 6.3.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython

if not cython.compiled:
    from math import copysign, exp, fabs


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def relu(z: cython.floating) -> cython.floating:
    """NaN stays NaN."""
    return 0 if z < 0 else z


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def relu_slope(a: cython.floating) -> cython.floating:
    """0 at 0, as torch has it."""
    return 1 if a > 0 else 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def hyperbolic_tangent(z: cython.double) -> cython.double:
    """(1 − e) / (1 + e) with e = e^(−2|z|), and the sign of z; the absolute error is that of one rounding."""
    e: cython.double
    e = exp(-2 * fabs(z))
    return copysign((1 - e) / (1 + e), z)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def tanh_slope(a: cython.floating) -> cython.floating:
    return 1 - a * a


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def sigmoid_slope(a: cython.floating) -> cython.floating:
    return a * (1 - a)
