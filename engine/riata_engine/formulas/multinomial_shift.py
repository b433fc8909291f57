"""The shift common to all classes of a feature's coefficients, which the softmax does not see, that the penalty likes best."""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def best_shift(b: cython.p_double, K: cython.Py_ssize_t, l1: cython.double, l2: cython.double) -> cython.double:
    """argmin_t Σ_k l1 |b_k − t| + ½ l2 (b_k − t)²: the median for l1 (0 if it is one), the mean for l2 or no penalty at all.

    From 0 to the breakpoint where the slope changes its sign, or the root between two of them (glmnet's rule, Friedman et al.
    2010, section 4.2).
    """
    t: cython.double
    slope: cython.double
    side: cython.double
    step: cython.double
    following: cython.double
    k: cython.Py_ssize_t
    turn: cython.Py_ssize_t
    if l1 <= 0:
        t = 0
        for k in range(K):
            t += b[k] / K
        return t
    t = 0
    side = 0
    for turn in range(K + 2):  # noqa: B007
        if side == 0:                                 # which way is down
            slope = 0
            for k in range(K):
                slope += -l1 - l2 * b[k] if b[k] > 0 else l1 - l2 * b[k]
            if slope < 0:
                side = 1
            else:
                slope = 0
                for k in range(K):
                    slope += l1 - l2 * b[k] if b[k] < 0 else -l1 - l2 * b[k]
                if slope <= 0:
                    return 0
                side = -1
        slope = 0                                     # along ``side``, just beyond t
        step = -1
        for k in range(K):
            following = side * (b[k] - t)
            slope += (-l1 if following > 0 else l1) - l2 * following
            if following > 0 and (step < 0 or following < step):
                step = following
        if slope >= 0 or step < 0:
            return t
        if l2 > 0 and -slope / (K * l2) < step:
            return t - side * slope / (K * l2)
        t += side * step
    return t
