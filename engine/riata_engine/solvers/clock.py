"""What a call cost: seconds per phase, and an estimate of the bytes that its counted work moved."""

import time

import numpy as np

from riata_engine.cpu.scale import work_on_supports

#: bytes of an entry of the active block of a Gram matrix, which descent reads, and of its factor, which a Newton step reads
BLOCK_ENTRY, FACTOR_ENTRY = 4, 8


class Clock:
    """``with clock("gram"): …`` adds up in ``clock.seconds["gram"]``; phases may be nested."""

    def __init__(self):
        self.seconds, self._open = {}, []

    def __call__(self, phase):
        self._open.append((phase, time.perf_counter()))
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        phase, start = self._open.pop()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start


def bytes_moved(X, intercept, store, l1_ratio, solver):
    """Bytes that the counted work of a batch reads: a model of the traffic, not a measurement of it.

    With s the features in the support of an alpha (all p for ridge), X as it is stored (entries, and for CSC their
    indices) and the counts of the result,

    - a pass over X reads all of X, once for all problems of the batch;
    - an epoch in Gram space reads s rows of an active block of s single-precision entries, 4 s²; one of residual descent reads
      each column of the support twice (the product with the residual, then the update of it), 2 s / p of X;
    - a Newton step on a support reads its factor, s² / 2 double-precision entries, in each of two triangular solves, 8 s².

    What an alpha took counts on its last support, also where it was solved, rejected and solved again; what was spent ahead on
    alphas that were never accepted does not, nor do the first looks at X before the solver, the making of Gram matrices beyond
    its pass over X, the dual points of half-free features, or Newton steps by conjugate gradients. What a cache serves counts in
    full.

    Parameters
    ----------
    X : ndarray or CSC matrix of shape (n, p)
    intercept : bool
    store : PathStore
        With its counters (``n_passes``, ``n_epochs``, ``n_cholesky``) and ``df``.
    l1_ratio : (B,) ndarray
    solver : str

    Returns
    -------
    float
    """
    stored = X.nbytes if isinstance(X, np.ndarray) else X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    p = X.shape[1]
    columns, squares, steps = work_on_supports(store.df, intercept, l1_ratio, p, store.n_epochs, store.n_cholesky)
    if solver == "dual_newton":                              # an evaluation is a pass over X, and counted so
        work = 0.0
    else:
        work = 2 * stored / p * columns if solver == "residual" else BLOCK_ENTRY * squares + FACTOR_ENTRY * steps
    return float(store.n_passes * stored + work)
