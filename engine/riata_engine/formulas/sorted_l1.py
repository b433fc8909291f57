"""The sorted l1 norm J(u) = Σ_k λ_k |u|_(k), λ_1 ≥ λ_2 ≥ … ≥ 0: value, proximal step and dual norm of magnitudes already sorted.

Bogdan, van den Berg, Sabatti, Su and Candès (2015), "SLOPE: adaptive variable selection via convex optimization", Annals of
Applied Statistics 9. Compiled into the CPU kernels by ``include``; pointers are arrays in plain Python.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def pooled(w: cython.p_double, lam: cython.p_double, t: cython.double, n: cython.Py_ssize_t, first: cython.p_Py_ssize_t,
           total: cython.p_double) -> cython.void:
    """w ← argmin_u ½‖u − w‖² + t Σ λ_k u_k over u_1 ≥ … ≥ u_n ≥ 0, of n magnitudes w in descending order (the stack algorithm).

    ``first`` and ``total`` (n,) are room: where a block of equal numbers begins, and the sum over it.
    """
    i: cython.Py_ssize_t
    k: cython.Py_ssize_t
    end: cython.Py_ssize_t
    blocks: cython.Py_ssize_t = 0
    mean: cython.double
    for i in range(n):
        first[blocks] = i
        total[blocks] = w[i] - t * lam[i]
        blocks += 1
        # as long as the block before has a mean that is not larger, the two are one
        while blocks > 1 and (total[blocks - 2] * (i + 1 - first[blocks - 1])
                              <= total[blocks - 1] * (first[blocks - 1] - first[blocks - 2])):
            total[blocks - 2] += total[blocks - 1]
            blocks -= 1
    for k in range(blocks):
        end = first[k + 1] if k + 1 < blocks else n
        mean = total[k] / (end - first[k])
        for i in range(first[k], end):
            w[i] = mean if mean > 0 else 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def sorted_dual_norm(w: cython.p_double, lam: cython.p_double, n: cython.Py_ssize_t) -> cython.double:
    """max_k Σ_{i ≤ k} w_i / Σ_{i ≤ k} λ_i of n magnitudes w in descending order: the dual norm of J."""
    i: cython.Py_ssize_t
    s: cython.double = 0
    weight: cython.double = 0
    worst: cython.double = 0
    for i in range(n):
        s += w[i]
        weight += lam[i]
        if s > worst * weight:
            worst = s / weight if weight > 0 else 1e300
    return worst


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def screened(w: cython.p_double, lam: cython.p_double, a: cython.double, shift: cython.double,
             n: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """How many of n magnitudes w of the gradient, descending, can belong to coefficients other than zero under a J, where
    the gradient may still change by ``shift`` times λ: the strong rule (Larsson, Bogdan and Wallin 2020, algorithm 1)."""
    i: cython.Py_ssize_t
    count: cython.Py_ssize_t = 0
    s: cython.double = 0
    for i in range(n):
        s += w[i] + (shift - a) * lam[i]
        if s > 0:
            count = i + 1
            s = 0
    return count
