"""riata, by its native functions."""

import riata

VERSION = riata.__version__
N_THREADS = 1


def path(data, tol):
    result = riata.fit_path(data["X"], data["y"], l1_ratio=data["l1_ratio"], alphas=data["alphas"],
                            intercept=data["intercept"], tol=tol, n_threads=N_THREADS)
    return result.coef, result.intercept


fit = path


def cv(data, tol):
    l1_ratios, alphas = data["l1_ratios"], data["alphas"]
    result = riata.cross_validate_path(data["X"], data["y"], l1_ratio=list(l1_ratios), alphas=alphas.shape[1],
                                       alpha_min_ratio=alphas[0, -1] / alphas[0, 0], cv=data["folds"], tol=tol,
                                       n_threads=N_THREADS)
    return result.deviance, (result.coef_min[None, :], [result.intercept_min])


def targets(data, tol):
    result = riata.fit_batch(data["X"], data["y"], l1_ratio=data["l1_ratio"], alphas=data["alphas"], intercept=False,
                             tol=tol, n_threads=N_THREADS)
    return result.coef.reshape(-1, data["X"].shape[1]), 0.0
