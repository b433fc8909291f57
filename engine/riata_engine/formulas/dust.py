"""When a coefficient is rounding of the target."""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def is_dust(b: cython.double, h: cython.double, l1: cython.double, yy: cython.double) -> cython.bint:
    """Whether under an l1 penalty a coefficient b on a column of variance h fits no more than rounding of y, of variance yy.

    Such a one is set to zero: of two equal columns, one would keep that of the other. Rounding is 1e-14 of the length of y.
    """
    return l1 > 0 and h * b * b <= 1e-28 * yy
