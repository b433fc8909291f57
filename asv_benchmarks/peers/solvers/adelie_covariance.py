"""adelie's covariance method: the Gram matrix once (part of the time), then gaussian_cov on it. No intercept."""

import adelie as ad
import numpy as np

from . import adelie

VERSION = adelie.VERSION


def path(data, tol):
    X, y = data["X"], data["y"]
    n = len(y)
    gram = np.asfortranarray(X.T @ X / n)
    state = ad.gaussian_cov(A=ad.matrix.dense(gram, method="cov", n_threads=adelie.N_THREADS), v=X.T @ y / n,
                            alpha=data["l1_ratio"], lmda_path=data["alphas"], tol=tol, early_exit=False,
                            progress_bar=False, n_threads=adelie.N_THREADS, max_iters=1_000_000_000)
    return state.betas, 0.0
