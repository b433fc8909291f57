"""Penalties on groups of coefficients: steps and dual norms, as functions of numbers that a loop over the group adds up.

    g(b) = lam·‖b‖₂ + l1·‖b‖₁ + ½ ridge·‖b‖₂²       for one group b

lam = alpha·factor of the group norm (Yuan & Lin 2006), l1 that of the sparse group lasso (Simon et al. 2013). With several
responses b is a block of rows and ‖·‖₂ its Frobenius norm. Compiled into the CPU kernels by ``include``, taken as they stand by
numba.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython

if not cython.compiled:
    from math import inf, sqrt


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def group_shrink(norm: cython.double, lam: cython.double) -> cython.double:
    """Factor of v in argmin_b ½ ‖b − v‖² + lam ‖b‖, where ``norm`` = ‖v‖."""
    return 1 - lam / norm if norm > lam else 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def secular_share(v: cython.double, h: cython.double, lam: cython.double, t: cython.double) -> cython.double:
    """b_k / t of the minimiser of ½ Σ h_k b_k² − Σ v_k b_k + lam ‖b‖, if its length is t: from (h_k + lam / t) b_k = v_k."""
    return v / (h * t + lam)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def secular_step(t: cython.double, square: cython.double, slope: cython.double) -> cython.double:
    """Newton's next length on 1 / N(t) = 1, where N² = Σ share_k² = ``square`` and ``slope`` = Σ share_k² h_k / (h_k t + lam).

    1 / N is concave and nearly a line in t (Moré & Sorensen 1983): from the left of the root Newton never passes it, and from the
    right one step comes to the left of it.
    """
    return t + (sqrt(square) - 1) * square / slope if slope > 0 else t


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def group_conjugate(norm: cython.double, lam: cython.double, ridge: cython.double) -> cython.double:
    """g*(t) = (norm − lam)₊² / (2 ridge), where ``norm`` is that of t soft-thresholded by l1; infinite where no ridge holds b."""
    u: cython.double
    u = norm - lam
    if u <= 0:
        return 0
    return u * u / (2 * ridge) if ridge > 0 else inf


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def dual_norm_step(x: cython.double, square: cython.double, overlap: cython.double, lam: cython.double,
                   l1: cython.double) -> cython.double:
    """Newton's next x on ‖S(t, l1 x)‖ = lam x, whose root is the dual norm of lam ‖b‖ + l1 ‖b‖₁ at t.

    ``square`` = Σ (|t_k| − l1 x)₊² and ``overlap`` = Σ (|t_k| − l1 x)₊. The difference of the sides is convex and falls: from the
    left of the root Newton never passes it.
    """
    norm: cython.double
    norm = sqrt(square)
    return x + (norm - lam * x) / (l1 * overlap / norm + lam) if norm > lam * x else x
