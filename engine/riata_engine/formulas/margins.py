"""Losses of a margin: hinge, epsilon-insensitive and pinball loss, and their squares, as one family.

With e = η − y the residual and S(e) = sign(e)·(|e| − eps)₊, its soft threshold, what lies outside the tube,

    ℓ(e) = max over lo ≤ a ≤ hi of  a·e − eps·|a| − ½ kappa·a²

| loss | y | lo, hi | eps | kappa |
|---|---|---|---|---|
| hinge (1 − yη)₊ | ±1 | −1, 0 for y = 1; 0, 1 for y = −1 | 0 | 0 |
| squared hinge | ±1 | −inf, 0; 0, inf | 0 | ½ |
| epsilon-insensitive (|e| − eps)₊ | real | −1, 1 | eps | 0 |
| its square | real | −inf, inf | eps | ½ |
| pinball q(−e)₊ + (1 − q)e₊ | real | −q, 1 − q | 0 | 0 |

The maximiser a is the slope of ℓ. A loss with kappa = 0 is piecewise linear; with kappa = t it becomes its Moreau envelope, the
smoothing of the augmented Lagrangian. Compiled into the CPU kernels by ``include`` behind penalties.py, taken as they stand by
numba.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython

if not cython.compiled:
    from riata_engine.formulas.penalties import soft_threshold


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def margin_slope(e: cython.double, eps: cython.double, steep: cython.double,
                 lo: cython.double, hi: cython.double) -> cython.double:
    """ℓ'(e) for kappa = 1/steep > 0: S(e)·steep within lo … hi."""
    a: cython.double
    a = steep * soft_threshold(e, eps)
    if a < lo:
        return lo
    if a > hi:
        return hi
    return a


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def margin_curved(e: cython.double, eps: cython.double, steep: cython.double,
                  lo: cython.double, hi: cython.double) -> cython.bint:
    """Whether ℓ''(e) is ``steep``; elsewhere it is 0."""
    a: cython.double
    if eps > 0 and -eps <= e <= eps:
        return False
    a = steep * soft_threshold(e, eps)
    return lo < a < hi


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def margin_loss(e: cython.double, eps: cython.double, kappa: cython.double,
                lo: cython.double, hi: cython.double) -> cython.double:
    """ℓ(e)"""
    t: cython.double
    a: cython.double
    t = soft_threshold(e, eps)
    if kappa > 0:
        a = margin_slope(e, eps, 1 / kappa, lo, hi)
        return a * t - kappa * a * a / 2
    if t > 0:
        return hi * t
    if t < 0:
        return lo * t
    return 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def margin_conjugate(a: cython.double, y: cython.double, eps: cython.double, kappa: cython.double) -> cython.double:
    """The conjugate of η ↦ ℓ(η − y) at a slope a within lo … hi: a·y + eps·|a| + ½ kappa·a²."""
    return a * y + eps * (a if a >= 0 else -a) + kappa * a * a / 2


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def modified_huber_value(y: cython.double, eta: cython.double) -> cython.double:
    """(1 − z)₊² for z = yη ≥ −1, and −4 z below (Zhang 2004); y = ±1."""
    z: cython.double
    t: cython.double
    z = y * eta
    t = 1 - z if z < 1 else 0.0
    return t * t if z >= -1 else -4 * z


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def modified_huber_slope(y: cython.double, eta: cython.double) -> cython.double:
    z: cython.double
    t: cython.double
    z = y * eta
    t = 1 - z if z < 1 else 0.0
    return -2 * t * y if z >= -1 else -4 * y


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def perceptron_value(y: cython.double, eta: cython.double) -> cython.double:
    """(−yη)₊ (Rosenblatt 1958); y = ±1."""
    return -y * eta if y * eta < 0 else 0.0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def perceptron_slope(y: cython.double, eta: cython.double) -> cython.double:
    """−y on the wrong side, and at the border, where a run begins: of the slopes there the one that moves."""
    return -y if y * eta <= 0 else 0.0
