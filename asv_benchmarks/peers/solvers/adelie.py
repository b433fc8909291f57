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


def _family(glm, data, tol, **settings):
    X = data["X"]
    matrix = ad.matrix.sparse(X, method="naive", n_threads=N_THREADS) if sparse.issparse(X) else ad.matrix.dense(
        X, method="naive", n_threads=N_THREADS)
    state = ad.grpnet(X=matrix, glm=glm, lmda_path=data["alphas"], tol=tol, irls_tol=tol, intercept=data["intercept"],
                      early_exit=False, progress_bar=False, n_threads=N_THREADS, max_iters=1_000_000_000,
                      irls_max_iters=1_000_000, **settings)
    return state.betas, np.asarray(state.intercepts)


def logistic(data, tol):
    return _family(ad.glm.binomial(y=data["y"]), data, tol)


many_logistic = loops.targets(lambda data, tol: _dense(logistic(data, tol)))


def group(data, tol):
    return _family(ad.glm.gaussian(y=data["y"]), data, tol, groups=np.flatnonzero(np.diff(data["groups"], prepend=-1)))


def cox(data, tol):
    start = np.full(len(data["time"]), -1.0)
    glm = ad.glm.cox(start=start, stop=data["time"], status=data["event"].astype(float), tie_method="breslow")
    return _family(glm, data, tol)


def _dense(found):
    return found[0].toarray(), found[1]
