"""Rows of probabilities: terms of divergences, and what backward passes multiply by.

A row is given by its probabilities p and their logarithms l, so that nothing is lost where p underflows. The conventions at 0 are
scipy's (``rel_entr``, ``entr``): 0·log 0 = 0, a probability where the other distribution has none costs infinity, and where both
are 0 nothing is added, which is also how masked entries take no part.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython

if not cython.compiled:
    from math import inf, log

    def row_log(x):
        return log(x) if x > 0 else -inf


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def relative_entropy(p: cython.floating, l: cython.floating, other: cython.floating) -> cython.floating:
    """p log(p/q) from p, l = log p and other = log q."""
    zero: cython.floating = 0
    return p * (l - other) if p > 0 else zero


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def to_the_middle(p: cython.floating, q: cython.floating) -> cython.floating:
    """log(p / ½(p + q)), the derivative of twice the Jensen-Shannon divergence along p; 0 where both are 0."""
    zero: cython.floating = 0
    return row_log((p + p) / (p + q)) if p + q > 0 else zero


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def softmax_vjp(g: cython.floating, p: cython.floating, mean: cython.floating) -> cython.floating:
    """Of p = softmax(z): p_k (g_k − Σ p g)."""
    return p * (g - mean)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def log_softmax_vjp(g: cython.floating, p: cython.floating, total: cython.floating) -> cython.floating:
    """Of log softmax(z): g_k − p_k Σ g."""
    return g - p * total
