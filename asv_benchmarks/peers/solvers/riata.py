"""riata, by its native functions."""

from functools import partial

import numpy as np

import riata
import riata.functional
from riata.linear_model import QuantileRegressor
from riata.nn import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential, Softmax
from riata.optim import descend
from riata.svm import LinearSVC
from riata_engine.cox import Cox, solve_cox
from riata_engine.ragged import Ragged, solve_ragged

from . import N_THREADS

VERSION = riata.__version__


def prepare(data):
    """Sparse rows for descent: it goes by rows, as the solvers that it meets do."""
    by_rows = hasattr(data.get("X"), "indptr") and data["alphas"].size == 1
    return data | {"X": data["X"].tocsr()} if by_rows else data


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


def many(data, tol):
    result = riata.fit_batch(data["X"], data["y"], l1_ratio=data["l1_ratio"], alphas=data["alphas"], intercept=False, tol=tol,
                             n_threads=N_THREADS)
    coef = np.zeros((data["alphas"].size, max(X.shape[1] for X in data["X"])))
    for b, path in enumerate(result):
        coef[b * len(path.alphas):(b + 1) * len(path.alphas), :path.coef.shape[1]] = path.coef
    return coef, 0.0


def many_cv(data, tol):
    riata.fit_batch(data["X"], data["y"], l1_ratio=data["l1_ratio"], alphas=data["alphas"], cv=data["folds"], tol=tol,
                    n_threads=N_THREADS)
    return lambda: _held_out(data, tol), None


def _held_out(data, tol):
    """The held-out errors (B, L, K) behind ``many_cv``, which reports their mean at the choice."""
    K = max(folds.max() for folds in data["folds"]) + 1
    found = solve_ragged(Ragged(data["X"], data["y"], folds=data["folds"], n_folds=np.full(len(data["X"]), K), tol=tol,
                                l1_ratio=data["l1_ratio"], alphas=data["alphas"], n_threads=N_THREADS))
    return found.held_out.reshape(len(data["X"]), K, -1).transpose(0, 2, 1)


def boots(data, tol):
    result = riata.fit_batch(data["X"], data["y"], weights=data["counts"], l1_ratio=data["l1_ratio"], alphas=data["alphas"],
                             intercept=False, tol=tol, n_threads=N_THREADS)
    return result.coef.reshape(-1, data["X"].shape[1]), 0.0


def _glm(loss, data, tol):
    result = riata.fit_path(data["X"], data["y"], loss=loss, l1_ratio=data["l1_ratio"], alphas=data["alphas"],
                            intercept=data["intercept"], tol=tol, n_threads=N_THREADS)
    return result.coef, result.intercept


logistic, poisson, gamma = (partial(_glm, loss) for loss in ("logistic", "poisson", "gamma"))


def many_logistic(data, tol):
    result = riata.fit_batch(data["X"], data["y"], loss="logistic", l1_ratio=data["l1_ratio"], alphas=data["alphas"],
                             intercept=False, tol=tol, n_threads=N_THREADS)
    return result.coef.reshape(-1, data["X"].shape[1]), 0.0


def multinomial(data, tol):
    result = riata.fit_multinomial_path(data["X"], data["y"], l1_ratio=data["l1_ratio"], alphas=data["alphas"], tol=tol,
                                        n_threads=N_THREADS)
    return result.coef.reshape(-1, data["X"].shape[1]), result.intercept.ravel()


def group(data, tol):
    result = riata.fit_group_path(data["X"], data["y"], data["groups"], alphas=data["alphas"], tol=tol, n_threads=N_THREADS)
    return result.coef, result.intercept


def svc(data, tol):
    X, penalty = data["X"], "l1" if data["l1_ratio"] else "l2"
    model = LinearSVC(penalty=penalty, C=1 / (data["alphas"][0] * len(X)), tol=tol).fit(X, data["y"])
    return model.coef_, model.intercept_


def cox(data, tol):
    result = solve_cox(Cox(data["X"], data["time"], data["event"], ties="breslow", alphas=data["alphas"], tol=tol,
                           n_threads=N_THREADS))
    return result.coef[0], 0.0


def quantile(data, tol):
    model = QuantileRegressor(alpha=data["alphas"][0], quantile=data["quantile"][0], tol=tol).fit(data["X"], data["y"])
    return model.coef_[None, :], [model.intercept_]


def _concave(path, data, tol):
    result = path(data["X"], data["y"], gamma=data["gamma"][0], alphas=data["alphas"], intercept=False, standardize=False,
                  tol=tol, n_threads=N_THREADS)
    return result.coef, 0.0


mcp, scad = partial(_concave, riata.mcp_path), partial(_concave, riata.scad_path)


def slope(data, tol):
    result = riata.slope_path(data["X"], data["y"], sequence=data["sequence"], alphas=data["alphas"], tol=tol,
                              n_threads=N_THREADS)
    return result.coef, result.intercept


#: of a descent at 1e-3, 1e-4, ..., which is told no tolerance but how long to go
EPOCHS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)


def sgd(data, tol):
    # the default for sparse X is plain descent, which has a floor of noise
    optimizer = "saga" if hasattr(data["X"], "indptr") else "auto"
    result = descend(data["X"], data["y"], loss="logistic", alpha=data["alphas"].ravel()[0], l1_ratio=data["l1_ratio"],
                     intercept=data["intercept"], optimizer=optimizer, epochs=EPOCHS[round(-3 - np.log10(tol))],
                     n_threads=N_THREADS)
    return np.atleast_2d(result.coef), result.intercept


many_sgd = sgd


def softmax(data, tol):
    return riata.functional.softmax(data["X"], n_threads=N_THREADS)


def kl(data, tol):
    return riata.functional.kl_divergence(data["X"], data["q"], n_threads=N_THREADS)


def dropout(data, tol):
    return riata.functional.dropout(data["X"], data["rate"][0], seed=0, n_threads=N_THREADS)


def network(data, tol):
    X = data["X"].reshape(-1, 8, 8, 1)
    net = Sequential([Conv2D(16, padding="same"), ReLU(), MaxPool2D(), Conv2D(32, padding="same"), ReLU(), MaxPool2D(), Flatten(),
                      Dense(10), Softmax()])
    net.fit(X, data["y"], epochs=int(data["epochs"][0]), batch_size=int(data["batch_size"][0]))
    return net.predict_proba(X)
