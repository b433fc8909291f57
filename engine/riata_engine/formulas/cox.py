"""The Cox partial likelihood: a term log A_k for every death, and the Kullback–Leibler distance that its duality gap is made of.

With risk set R and the deaths D at one time, d of them, of weight mean m, term l = 0 … d − 1 is

    A_l = Σ_{j∈R} w_j exp(η_j) − c_l Σ_{j∈D} w_j exp(η_j),   c_l = 0 (Breslow 1974)  or  l/d (Efron 1977).

Compiled into the CPU kernels by ``include``.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython

if not cython.compiled:
    from math import inf, log


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def tie_share(l: cython.double, d: cython.double, efron: cython.bint) -> cython.double:
    """c_l: the share of the deaths at its time that term l leaves out of its risk set."""
    return l / d if efron else 0.0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def mixed_entropy(p: cython.double, e: cython.double, s: cython.double) -> cython.double:
    """q log(q/p) for q = s p + (1 − s) e: what one entry adds to the distance of a dual point from the gradient.

    log Σ a_j exp(η_j) has the conjugate Σ q_j log(q_j / a_j) on the simplex; with p its gradient, f(η) + f*(q) − ⟨q, η⟩ is
    Σ q_j log(q_j / p_j).
    """
    q: cython.double
    q = s * p + (1 - s) * e
    if q <= 0:
        return 0
    if p <= 0:
        return inf
    return q * log(q / p)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def shrunk_entropy(rest: cython.double, s: cython.double) -> cython.double:
    """The same summed over entries with e = 0 whose p add up to ``rest``: s rest log s."""
    return s * rest * log(s) if s > 0 else 0.0
