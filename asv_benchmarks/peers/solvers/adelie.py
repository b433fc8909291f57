"""adelie: grpnet with groups of one (its alpha is l1_ratio, its lmda is alpha), early exit switched off."""

from importlib.metadata import version

import adelie as ad
import numpy as np
from scipy import sparse

from . import N_THREADS, loops
from .fold_loop import cross_validate

VERSION = version("adelie")


def path(data, tol):
    X = data["X"]
    matrix = ad.matrix.sparse(X, method="naive", n_threads=N_THREADS) if sparse.issparse(X) else ad.matrix.dense(
        X, method="naive", n_threads=N_THREADS)
    state = ad.grpnet(X=matrix, glm=ad.glm.gaussian(y=data["y"]), alpha=data["l1_ratio"], lmda_path=data["alphas"],
                      tol=tol, intercept=data["intercept"], early_exit=False, progress_bar=False, n_threads=N_THREADS,
                      max_iters=1_000_000_000)
    return state.betas, np.asarray(state.intercepts)


fit = path


def dense_path(data, tol):
    coef, intercept = path(data, tol)
    return coef.toarray(), intercept


def cv(data, tol):
    return cross_validate(dense_path, data, tol)


many, many_cv, boots = loops.many(dense_path), loops.many_cv(cv), loops.boots(dense_path)
