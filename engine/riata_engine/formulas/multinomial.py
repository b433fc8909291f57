"""The softmax cross-entropy ℓ(c, η) = log Σ_k e^η_k − η_c, and what its duality gap is made of.

Its conjugate is finite on u = q − e_c with q in the simplex, where it is the negative entropy Σ q log q. At a dual point q the
gap of a row, ℓ(c, η) + ℓ*(q − e_c) − ⟨q − e_c, η⟩, is KL(q ‖ p) with p = softmax(η): never negative, and free of cancellation.

Friedman, Hastie and Tibshirani (2010), "Regularization paths for generalized linear models via coordinate descent", Journal of
Statistical Software 33(1), section 4, for the model and its symmetric parametrisation.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython

if not cython.compiled:
    from math import inf, log

    def riata_log(x):
        return log(max(x, 1e-307))


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def shrunk_divergence(chosen: cython.double, others: cython.double, logarithm: cython.double, s: cython.double) -> cython.double:
    """KL(q ‖ p) at q = e_c + s (p − e_c), from p_c, Σ_{k≠c} p_k and log p_c.

    q_c = p_c + (1 − s)(1 − p_c) and q_k = s p_k, so that KL = s (1 − p_c) log s + q_c (log q_c − log p_c).
    """
    q: cython.double
    value: cython.double
    q = chosen + (1 - s) * others
    value = s * others * riata_log(s) + q * (riata_log(q) - logarithm)
    value = 0.0 if s >= 1 else value
    return value if value > 0 else 0.0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def fenchel_young(b: cython.double, g: cython.double, l1: cython.double, l2: cython.double) -> cython.double:
    """Ω(b) + Ω*(g) − g b of Ω(b) = l1 |b| + ½ l2 b²: 0 where g is a subgradient at b, never negative; inf where Ω*(g) is."""
    size: cython.double
    over: cython.double
    size = b if b >= 0 else -b
    over = (g if g >= 0 else -g) - l1
    if l2 > 0:
        over = over if over > 0 else 0.0
        # ½ l2 b² − over·|b| + over²/(2 l2) is a square where g and b have one sign
        if over > 0 and g * b >= 0:
            return (l2 * size - over) * (l2 * size - over) / (2 * l2)
        return l1 * size - g * b + l2 * b * b / 2 + over * over / (2 * l2)
    if over > 1e-12 * l1:
        return inf
    over = l1 * size - g * b
    return over if over > 0 else 0.0
