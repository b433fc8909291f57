"""The laws of weights, storage, dtype and threads for every loss, multinomial, Cox, margins, group, concave and sorted penalties.

Each kind of model is one function of the data and of what a law may change; a path of it is compared with another by its linear
predictors, to what gaps of 1e-10 allow.
"""

from functools import partial

import numpy as np
import pytest
from scipy import sparse

import riata
from loss_reference import LOSSES, PARAMETER, draw
from riata_engine.cox import Cox, solve_cox
from riata_engine.margins import LOSSES as MARGINS
from riata_engine.margins import Margins, solve_margins

TOL = 1e-10
N, P = 48, 10
CLOSE = {"rtol": 0, "atol": 3e-4}          # of predictors of size one: √(2 gap) and a margin for flat losses


def smooth(loss, l1_ratio, X, y, **settings):
    path = riata.fit_path(X, y, loss=riata.losses.Loss(loss, PARAMETER[loss]), l1_ratio=l1_ratio, tol=TOL, **settings)
    return path.alphas, path.coef, path.intercept[:, None]


def multinomial(l1_ratio, X, y, **settings):
    path = riata.fit_multinomial_path(X, y, l1_ratio=l1_ratio, tol=TOL, **settings)
    L, K, p = path.coef.shape
    return path.alphas, path.coef.reshape(L * K, p), path.intercept.reshape(L * K, 1)


def groups(sparsity, X, y, **settings):
    path = riata.fit_group_path(X, y, np.arange(X.shape[1]) // 2, sparsity=sparsity, tol=TOL, **settings)
    return path.alphas, path.coef, path.intercept[:, None]


def concave(fit, X, y, **settings):
    path = fit(X, y, gamma=100.0, standardize=False, tol=TOL, **settings)         # so large that there is one minimum
    return path.alphas, path.coef, path.intercept[:, None]


def slope(X, y, **settings):
    path = riata.slope_path(X, y, tol=TOL, **settings)
    return path.alphas, path.coef, path.intercept[:, None]


def cox(ties, X, y, alphas=6, weights=None, **settings):
    grid = {"n_alphas": alphas} if np.isscalar(alphas) else {"alphas": np.asarray(alphas)}
    found = solve_cox(Cox(X, np.abs(y) + 0.1, y > -0.5, ties=ties, weights=weights, tol=TOL, **grid, **settings))
    return found.alphas[0], found.coef[0], np.zeros((found.coef.shape[1], 1))


def counts(n):
    return np.random.default_rng(9).permutation(np.resize([0.0, 1.0, 2.0, 3.0], n))


def target(kind):
    loss = kind.split(" ")[1] if kind.startswith("loss") else "huber"
    X, y = draw(loss, seed=7, n=N, p=P)
    if kind.startswith("multinomial"):
        y = np.digitize(y, np.quantile(y, [0.3, 0.6]))
    X[np.abs(X) < 0.3] = 0
    return X, y


MODELS = {
    **{f"loss {loss} {l1_ratio}": partial(smooth, loss, l1_ratio) for loss in LOSSES for l1_ratio in (1.0, 0.5, 0.0)},
    **{f"multinomial {l1_ratio}": partial(multinomial, l1_ratio) for l1_ratio in (1.0, 0.5, 0.0)},
    **{f"cox {ties}": partial(cox, ties) for ties in ("breslow", "efron")},
    **{f"group {sparsity}": partial(groups, sparsity) for sparsity in (0.0, 0.5)},
    "mcp": partial(concave, riata.mcp_path), "scad": partial(concave, riata.scad_path), "slope": slope,
}


def predictors(X, found):
    _, coef, intercept = found
    X = X.toarray() if sparse.issparse(X) else np.asarray(X, float)
    return coef @ X.T + intercept


@pytest.mark.parametrize("kind", MODELS)
def test_laws_of_rows_storage_and_threads(kind):
    fit, (X, y) = MODELS[kind], target(kind)
    first = fit(X, y, alphas=6)
    grid = {"alphas": first[0]}
    plain = predictors(X, first)
    others = {"weights of one": fit(X, y, weights=np.ones(N), **grid),
              "a constant weight": fit(X, y, weights=np.full(N, 7.0), **grid),
              "C order": fit(np.ascontiguousarray(X), y, **grid), "F order": fit(np.asfortranarray(X), y, **grid),
              "csc": fit(sparse.csc_array(X), y, **grid), "csr": fit(sparse.csr_array(X), y, **grid)}
    for name, other in others.items():
        np.testing.assert_allclose(predictors(X, other), plain, err_msg=name, **CLOSE)
    narrow = X.astype(np.float32)
    wide = predictors(narrow, fit(narrow.astype(float), y, **grid))
    np.testing.assert_allclose(predictors(narrow, fit(narrow, y, **grid)), wide, err_msg="float32", **CLOSE)
    threads = [fit(X, y, n_threads=k, **grid) for k in (1, 2)]
    for one, other in zip(*threads, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", MODELS)
def test_laws_of_weights(kind):
    fit, (X, y) = MODELS[kind], target(kind)
    if kind == "cox efron":
        pytest.skip("Efron's approximation of ties counts deaths, which a weight does not change")
    times = counts(N)
    rows = np.repeat(np.arange(N), times.astype(int))
    weighted = fit(X, y, alphas=6, weights=times)
    repeated = fit(X[rows], y[rows], alphas=weighted[0])
    np.testing.assert_allclose(predictors(X, weighted), predictors(X, repeated), **CLOSE)
    spoilt = X.copy()
    spoilt[times == 0] = 1e3
    np.testing.assert_allclose(predictors(X, fit(spoilt, y, alphas=weighted[0], weights=times)), predictors(X, weighted), **CLOSE)


@pytest.mark.parametrize("kind", [kind for kind in MODELS if not kind.endswith(" 0.0") or kind.startswith("group")])
def test_the_largest_alpha_and_those_above_give_zeros(kind):
    fit, (X, y) = MODELS[kind], target(kind)
    top = fit(X, y, alphas=6)[0][0]
    _, coef, _ = fit(X, y, alphas=top * np.array([1e4, 2.0, 1.0 + 1e-7, 0.9]))
    parts = coef.reshape(4, -1)
    assert not parts[:3].any()
    assert parts[3].any()


@pytest.mark.parametrize("loss", MARGINS)
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_laws_of_margins(loss, l1_ratio):
    """No penalty of the intercept; a sum over rows, so that a constant weight divides C."""
    if l1_ratio and loss in ("hinge", "epsilon_insensitive"):
        pytest.skip("the engine's own tests have the pairs of a loss without curvature and a lasso")
    X, y = target("huber")
    signs = np.where(y > np.median(y), 1.0, -1.0)[:, None] if loss in ("hinge", "squared_hinge") else y[:, None]

    def fit(X, y, **settings):
        return solve_margins(Margins(X, y, loss=loss, l1_ratio=l1_ratio, alphas=np.array([0.3, 0.05]), tol=TOL, **settings))

    def reach(found, X):
        X = X.toarray() if sparse.issparse(X) else X
        return found.coef[0] @ X.T + found.intercept[0][:, None]

    plain = fit(X, signs)
    for other in (fit(X, signs, weights=np.full(N, 2.0)), fit(sparse.csc_array(X), signs), fit(np.asfortranarray(X), signs)):
        np.testing.assert_allclose(reach(other, X), reach(plain, X), **CLOSE)
    np.testing.assert_array_equal(fit(X, signs, n_threads=1).coef, fit(X, signs, n_threads=2).coef)
