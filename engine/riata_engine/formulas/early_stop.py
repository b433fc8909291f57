"""When a path may end before its last alpha: glmnet's devmax and fdev."""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def path_is_done(dev: cython.double, dev_before: cython.double, l: cython.Py_ssize_t, highest: cython.double,
                 smallest_gain: cython.double) -> cython.bint:
    """Whether nothing behind alpha number l (from 0) is solved: the share of deviance explained is ``highest`` or more, or, from
    the fifth alpha on, less than the share ``smallest_gain`` of it was gained there. A negative ``smallest_gain`` asks for none.
    """
    return dev >= highest or (smallest_gain >= 0 and l >= 4 and dev - dev_before < smallest_gain * dev)
