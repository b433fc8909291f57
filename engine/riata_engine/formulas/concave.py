"""Concave penalties on one coefficient, MCP and SCAD, beside a square: value, slope, and the step along one coordinate.

With l = alpha·l1_ratio·factor, the scale e of the coefficient (b is √e times larger in the units in which gamma is meant) and
γ the concavity, g(b) is even, with g'(b) for b > 0

    MCP    l − e b/γ up to γ l/e, then 0
    SCAD   l up to l/e, (γ l − e b)/(γ − 1) up to γ l/e, then 0

and ½ l2 b² beside it. Zhang (2010), "Nearly unbiased variable selection under minimax concave penalty", Annals of Statistics 38;
Fan and Li (2001), "Variable selection via nonconcave penalized likelihood and its oracle properties", JASA 96. Compiled into the
CPU kernels by ``include``, taken as they stand by numba.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def concave_piece(scad: cython.bint, b: cython.double, l: cython.double, e: cython.double, gamma: cython.double) -> cython.int:
    """Which piece of the penalty |b| lies on: 0 linear (SCAD's first), 1 concave, 2 flat."""
    u: cython.double
    u = b if b >= 0 else -b
    if e * u > gamma * l:
        return 2
    if scad and e * u <= l:
        return 0
    return 1


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def piece_level(scad: cython.bint, piece: cython.int, l: cython.double, gamma: cython.double) -> cython.double:
    """The slope that a piece would have at b = 0, were it continued to there."""
    if piece == 2:
        return 0
    if scad and piece == 1:
        return gamma * l / (gamma - 1)
    return l


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def piece_concavity(scad: cython.bint, piece: cython.int, e: cython.double, gamma: cython.double) -> cython.double:
    """−g'' on a piece."""
    if piece != 1:
        return 0
    return e / (gamma - 1) if scad else e / gamma


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def concave_value(scad: cython.bint, b: cython.double, l: cython.double, l2: cython.double, e: cython.double,
                  gamma: cython.double) -> cython.double:
    """g(b) + ½ l2 b²"""
    u: cython.double
    value: cython.double
    u = b if b >= 0 else -b
    if e * u > gamma * l:
        value = l / e * l * (gamma + 1) / 2 if scad else l / e * l * gamma / 2
    elif not scad:
        value = u * (l - e * u / (2 * gamma))
    elif e * u <= l:
        value = l * u
    else:
        value = (2 * gamma * l * u - e * u * u - l / e * l) / (2 * (gamma - 1))
    return value + l2 * b * b / 2


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def concave_slope(scad: cython.bint, b: cython.double, l: cython.double, l2: cython.double, e: cython.double,
                  gamma: cython.double) -> cython.double:
    """The derivative of g(b) + ½ l2 b² at b ≠ 0."""
    u: cython.double
    piece: cython.int
    slope: cython.double
    u = b if b >= 0 else -b
    piece = concave_piece(scad, b, l, e, gamma)
    slope = piece_level(scad, piece, l, gamma) - piece_concavity(scad, piece, e, gamma) * u
    return (slope if b >= 0 else -slope) + l2 * b


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def concave_step(scad: cython.bint, z: cython.double, h: cython.double, l: cython.double, l2: cython.double, e: cython.double,
                 gamma: cython.double) -> cython.double:
    """argmin_b ½ h b² − z b + g(b) + ½ l2 b².

    Unique where h + l2 is above the concavity of the penalty: e/γ (MCP), e/(γ − 1) (SCAD).
    """
    u: cython.double
    b: cython.double
    d: cython.double
    u = z if z >= 0 else -z
    if u <= l:
        return 0
    d = h + l2
    if scad:
        b = (u - l) / d
        if e * b > l:
            b = (u - gamma * l / (gamma - 1)) / (d - e / (gamma - 1))
    else:
        b = (u - l) / (d - e / gamma)
    if e * b > gamma * l:
        b = u / d
    return b if z >= 0 else -b


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def concave_violation(scad: cython.bint, b: cython.double, t: cython.double, l: cython.double, l2: cython.double,
                      e: cython.double, gamma: cython.double) -> cython.double:
    """How far minus the gradient of the loss, t, is from the subdifferential of the penalty at b."""
    v: cython.double
    if b == 0:
        v = (t if t >= 0 else -t) - l
        return v if v > 0 else 0
    v = t - concave_slope(scad, b, l, l2, e, gamma)
    return v if v >= 0 else -v
