"""Penalties on one coefficient: value, proximal step, convex conjugate.

    g(b) = l1·|b| + ½ l2·b²   on   lower ≤ b ≤ upper   (lower ≤ 0 ≤ upper)

l1 = alpha·l1_ratio·factor and l2 = alpha·(1 − l1_ratio)·factor. Compiled into the CPU kernels by ``include``, taken as they
stand by numba.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython

if not cython.compiled:
    from math import inf


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def soft_threshold(x: cython.floating, t: cython.floating) -> cython.floating:
    """argmin_b ½ (b − x)² + t |b|"""
    if x > t:
        return x - t
    if x < -t:
        return x + t
    return 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def elastic_net_value(b: cython.floating, l1: cython.floating, l2: cython.floating) -> cython.floating:
    """l1 |b| + ½ l2 b²"""
    return l1 * (b if b >= 0 else -b) + l2 * b * b / 2


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def elastic_net_step(z: cython.floating, h: cython.floating, l1: cython.floating, l2: cython.floating,
                     lower: cython.floating, upper: cython.floating) -> cython.floating:
    """argmin_b ½ h b² − z b + g(b): the exact minimiser along one coordinate, h > 0 or l2 > 0.

    Clipping is exact because the function is convex in b.
    """
    b: cython.floating
    b = soft_threshold(z, l1) / (h + l2)
    if b > upper:
        return upper
    if b < lower:
        return lower
    return b


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def elastic_net_prox(x: cython.floating, h: cython.floating, l1: cython.floating, l2: cython.floating) -> cython.floating:
    """argmin_b (b − x)² / (2 h) + l1 |b| + ½ l2 b²: the proximal step of size h."""
    return soft_threshold(x, h * l1) / (1 + h * l2)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def elastic_net_conjugate(t: cython.floating, l1: cython.floating, l2: cython.floating,
                          lower: cython.floating, upper: cython.floating) -> cython.floating:
    """g*(t) = max_b t b − g(b), which is (|t| − l1)₊² / (2 l2) without bounds; infinite where l2 = 0 and no bound holds b."""
    u: cython.floating
    b: cython.floating
    value: cython.floating
    u = (t if t >= 0 else -t) - l1
    b = upper if t > 0 else -lower                        # the bound on the side of t
    if l2 > 0 and u / l2 < b:
        b = u / l2
    value = u * b - l2 * b * b / 2
    value = inf if b == inf else value
    return value if u > 0 else 0                          # at the end only: a loop over features then has no branches
