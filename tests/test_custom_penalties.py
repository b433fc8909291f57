"""Penalties of a user's own: the library's once more give its answers; a slow referee, and laws, for others; errors that name."""

import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

import riata
from own_penalties import CONCAVE, CONVEX, PARAMETERS, functions, own, scad_of
from riata.linear_model import PenalizedClassifier, PenalizedRegressor
from riata.penalties import check_penalty, custom
from riata_engine.penalty import PenaltyBatch, penalty_values, solve_penalty

pytest.importorskip("numba")

NAMES = (*CONVEX, *CONCAVE)
#: of penalties under which no coefficient is ever 0
ALPHAS = {"ridge": np.geomspace(10, 0.01, 12), "power": np.geomspace(10, 0.01, 12)}


def draw(seed=0, n=60, p=90, rho=0.5):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    coef = np.zeros(p)
    coef[rng.choice(p, 6, replace=False)] = rng.normal(scale=2, size=6)
    return X * rng.uniform(0.2, 5, p) + 1, X @ coef + rng.standard_normal(n) + 3


def path_of(name, X, y, **settings):
    return riata.penalty_path(X, y, own(name), **{"alphas": ALPHAS.get(name, 12), "alpha_min_ratio": None, **settings})


def arithmetic(name):
    """(g, prox) of arrays and of numbers, without numba."""
    a = (PARAMETERS[name],) if name in PARAMETERS else ()
    value, prox = functions(name)
    return np.vectorize(lambda b: value(float(b), *a), otypes=[float]), lambda v, t: prox(float(v), float(t), *a)


def objective(name, X, y, b, b0, alpha, scale=1.0):
    return np.mean((y - X @ b - b0) ** 2) / 2 + alpha * arithmetic(name)[0](scale * b).sum()


def slow_minimum(name, X, y, alpha, sweeps=4000):
    """(objective, b) by plain coordinate descent from zero."""
    prox = arithmetic(name)[1]
    Z, r, b = X - X.mean(axis=0), y - y.mean(), np.zeros(X.shape[1])
    h = (Z**2).mean(axis=0)
    for _ in range(sweeps):
        worst = 0.0
        for j in range(len(b)):
            new = prox(b[j] + Z[:, j] @ r / len(y) / h[j], alpha / h[j])
            if new != b[j]:
                worst = max(worst, abs(new - b[j]))
                r -= Z[:, j] * (new - b[j])
                b[j] = new
        if worst < 1e-13:
            break
    return np.mean(r**2) / 2 + alpha * arithmetic(name)[0](b).sum(), b


@pytest.mark.parametrize("name", NAMES)
def test_the_functions_of_the_tests_are_what_is_compiled(name):
    g, prox = arithmetic(name)
    v = np.linspace(-4, 4, 33)
    for t in (0.1, 1.3):
        got = penalty_values(own(name).engine, v, t)
        np.testing.assert_allclose(got[0], g(v), rtol=1e-15)
        np.testing.assert_allclose(got[1], [prox(x, t) for x in v], rtol=1e-14)


@pytest.mark.parametrize("kind", ["F", "C", "csc", "float32"])
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(("name", "l1_ratio"), [("lasso", 1.0), ("elastic_net", PARAMETERS["elastic_net"])])
@pytest.mark.parametrize("shape", [(60, 90), (90, 25)])
def test_the_lasso_and_the_elastic_net_are_those_of_the_library(kind, standardize, name, l1_ratio, shape):
    X, y = draw(1, *shape)
    X = {"F": np.asfortranarray, "C": np.ascontiguousarray, "float32": np.float32,
         "csc": lambda X: sparse.csc_array(np.where(np.abs(X) < 1, 0.0, X))}[kind](X)
    rng = np.random.default_rng(1)
    weights, factor = rng.integers(0, 3, len(y)).astype(float), rng.uniform(0.5, 2, X.shape[1])
    factor[3] = np.inf
    settings = {"alphas": 12, "weights": weights, "penalty_factor": factor, "offset": rng.normal(size=len(y)),
                "standardize": standardize}
    mine = riata.penalty_path(X, y, own(name), tol=1e-12, **settings)
    known = riata.fit_path(X, y, l1_ratio=l1_ratio, tol=1e-13, **settings)
    np.testing.assert_allclose(mine.alphas, known.alphas, rtol=1e-9)
    known = riata.fit_path(X, y, l1_ratio=l1_ratio, tol=1e-14, **{**settings, "alphas": mine.alphas})
    assert (mine.status == "converged").all()
    assert (mine.gap <= 1e-12).all()
    np.testing.assert_allclose(mine.coef, known.coef, atol=3e-6)
    np.testing.assert_allclose(mine.dev_ratio, known.dev_ratio, atol=1e-9)
    np.testing.assert_allclose(mine.intercept, known.intercept, atol=1e-5)
    assert mine.df[0] == 1


def test_features_without_a_penalty():
    X, y = draw(2)
    factor = np.ones(X.shape[1])
    factor[[4, 17]] = 0
    mine = riata.penalty_path(X, y, own("lasso"), alphas=[1.0, 0.3], penalty_factor=factor, tol=1e-12)
    known = riata.fit_path(X, y, alphas=[1.0, 0.3], penalty_factor=factor, tol=1e-13)
    assert (mine.gap <= 1e-12).all()
    np.testing.assert_allclose(mine.coef, known.coef, atol=1e-6)


def test_bounds_and_ridge_are_those_of_the_library():
    X, y = draw(3)
    for name, settings in (("positive", {"positive": True}), ("box", {"lower": -0.5, "upper": 0.5}),
                           ("ridge", {"l1_ratio": 0.0})):
        alphas = ALPHAS.get(name, [2.0, 0.5, 0.1])
        mine = riata.penalty_path(X, y, own(name), alphas=alphas, tol=1e-12)
        known = riata.fit_path(X, y, alphas=alphas, tol=1e-14, **settings)
        np.testing.assert_allclose(mine.coef, known.coef, atol=1e-5, err_msg=name)
    assert (riata.penalty_path(X, y, own("positive"), alphas=10).coef >= 0).all()
    assert np.abs(riata.penalty_path(X, y, own("box"), alphas=10).coef).max() <= 0.5 * (1 + 1e-15)


@pytest.mark.parametrize("name", CONVEX)
def test_a_gap_is_no_less_than_what_is_missing(name):
    """The referee is descent in plain numpy to 1e-13."""
    X, y = draw(4, 40, 25)
    alphas = np.array([1.0, 0.2, 0.05])
    least = [slow_minimum(name, X, y, alpha)[0] for alpha in alphas]
    null = np.var(y) / 2
    for tol in (1e-1, 1e-2, 1e-4, 1e-8):
        path = riata.penalty_path(X, y, own(name), alphas=alphas, tol=tol)
        assert (path.gap <= tol).all()
        assert np.isnan(path.prox_residual).all()
        for l, alpha in enumerate(alphas):
            missing = (objective(name, X, y, path.coef[l], path.intercept[l], alpha) - least[l]) / null
            assert missing <= path.gap[l] + 1e-12
    assert path.gap.max() > 0
    with pytest.warns(ConvergenceWarning, match="1 max_iter"):
        rough = riata.penalty_path(X, y, own(name), alphas=[0.05], tol=1e-12, max_epochs=2)
    missing = (objective(name, X, y, rough.coef[0], rough.intercept[0], 0.05) - least[2]) / null
    assert missing <= rough.gap[0]
    assert rough.gap[0] > 1e-12


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("name", CONCAVE)
def test_no_coefficient_alone_improves_a_path_that_is_not_convex(name, standardize):
    X, y = draw(5)
    path = path_of(name, X, y, standardize=standardize, tol=1e-7)
    assert (path.status == "converged").all()
    assert np.isnan(path.gap).all()
    scale = X.std(axis=0) if standardize else np.ones(X.shape[1])
    Z, prox = X - X.mean(axis=0), arithmetic(name)[1]
    h = (Z**2).mean(axis=0)
    for l in (1, 5, 11):
        r = y - X @ path.coef[l] - path.intercept[l]
        b, t = path.coef[l] * scale, path.alphas[l] * scale**2 / h
        v = b + scale * (Z.T @ r) / len(y) / h
        to = np.array([prox(*pair) for pair in zip(v, t, strict=True)])
        found = (np.sqrt(h) / scale * np.abs(to - b)).max() / y.std()
        assert found <= 1.01e-7
        assert found == pytest.approx(path.prox_residual[l], rel=0.05, abs=1e-12)
        here = objective(name, X, y, path.coef[l], path.intercept[l], path.alphas[l], scale)
        for j in range(0, X.shape[1], 7):                  # over all values, zero among them
            for value in (0.0, -1.0, 0.3, 2.0, path.coef[l, j] + 0.01):
                moved = path.coef[l].copy()
                moved[j] = value
                shift = path.intercept[l] - (moved[j] - path.coef[l, j]) * X[:, j].mean()
                assert objective(name, X, y, moved, shift, path.alphas[l], scale) >= here - 1e-7


@pytest.mark.parametrize("alpha", [1.0, 0.4, 0.1])
def test_mcp_and_scad_are_those_of_the_library_where_the_objective_is_convex(alpha):
    X, y = draw(6, 200, 12)
    for gamma, known, functions_at in ((4.0, riata.mcp_path, None), (5.0, riata.scad_path, scad_of)):
        given = (functions("mcp") if functions_at is None else functions_at(alpha, gamma))
        penalty = custom(*given, name="concave", parameter=gamma * alpha if functions_at is None else None, convex=False)
        mine = riata.penalty_path(X, y, penalty, alphas=[alpha], standardize=True, tol=1e-10)
        theirs = known(X, y, gamma=gamma, alphas=[alpha], tol=1e-10)
        assert theirs.locally_convex.all()
        np.testing.assert_allclose(mine.coef, theirs.coef, atol=1e-8)
        assert (theirs.coef != 0).sum() > 0


def test_half_thresholding_finds_the_support():
    """l_1/2 has no bias worth the name where signals are strong: it comes to least squares on the true support."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 400))
    coef = np.zeros(400)
    coef[:5] = [3, -3, 2, 2, -4]
    y = X @ coef + 0.3 * rng.standard_normal(100)
    path = riata.penalty_path(X, y, own("root"), alphas=30)
    found = [np.flatnonzero(b).tolist() == [0, 1, 2, 3, 4] for b in path.coef]
    assert sum(found) >= 5
    best = path.coef[np.flatnonzero(found)[-1]]
    np.testing.assert_allclose(best[:5], coef[:5], atol=0.15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", [20, 90])
def test_a_problem_alone_in_a_batch_and_on_threads_has_the_same_bits(name, p):
    X, _ = draw(7, 50, p)
    Y = np.column_stack([draw(seed, 50, p)[1] for seed in range(3)])
    settings = {"alphas": ALPHAS[name]} if name in ALPHAS else {"n_alphas": 8}
    together = [solve_penalty(PenaltyBatch(X, Y, penalty=own(name).engine, n_threads=k, **settings)) for k in (1, 2)]
    np.testing.assert_array_equal(together[0].coef, together[1].coef)
    for b in range(3):
        alone = solve_penalty(PenaltyBatch(X, Y[:, b], penalty=own(name).engine, **settings))
        np.testing.assert_array_equal(alone.coef[0], together[0].coef[b])


@pytest.mark.parametrize("name", ["lasso", "box", "power", "mcp"])
def test_laws_of_weights_scales_and_order(name):
    X, y = draw(8, 60, 20)
    alphas = np.array([1.0, 0.3])
    settings = {"alphas": alphas, "tol": 1e-11}
    plain = riata.penalty_path(X, y, own(name), **settings)
    weights = np.tile([0.0, 1.0, 2.0], 20)
    rows = np.repeat(np.arange(60), weights.astype(int))
    np.testing.assert_allclose(riata.penalty_path(X, y, own(name), weights=weights, **settings).coef,
                               riata.penalty_path(X[rows], y[rows], own(name), **settings).coef, atol=1e-6)
    order = np.random.default_rng(0).permutation(20)
    np.testing.assert_allclose(riata.penalty_path(X[:, order], y, own(name), **settings).coef, plain.coef[:, order], atol=1e-6)
    np.testing.assert_allclose(riata.penalty_path(X, y + 7, own(name), **settings).coef, plain.coef, atol=1e-6)
    backwards = riata.penalty_path(X, y, own(name), **{**settings, "alphas": alphas[::-1]})
    np.testing.assert_allclose(backwards.coef, plain.coef[::-1], atol=1e-12)
    half = riata.penalty_path(X, y, own(name), penalty_factor=np.full(20, 0.5), **{**settings, "alphas": 2 * alphas})
    np.testing.assert_allclose(half.coef, plain.coef, atol=1e-7)
    kept = X.copy(), y.copy()
    riata.penalty_path(X, y, own(name), **settings)
    assert (kept[0] == X).all()
    assert (y == kept[1]).all()


@pytest.mark.parametrize("scale", [1e-120, 1e120])
def test_far_units_of_the_target(scale):
    """The lasso commutes with the unit of y."""
    X, y = draw(9)
    plain, far = (riata.penalty_path(X, y * s, own("lasso"), alphas=8, tol=1e-10) for s in (1.0, scale))
    np.testing.assert_allclose(far.coef / scale, plain.coef, atol=1e-8)


def test_constant_columns_and_targets():
    X, y = draw(10, 40, 10)
    X[:, 2] = 5.0
    assert (riata.penalty_path(X, y, own("lasso"), alphas=6).coef[:, 2] == 0).all()
    for name in ("lasso", "root"):
        flat = riata.penalty_path(X, np.full(40, 3.0), own(name), alphas=4)
        assert (flat.coef == 0).all()
        assert (flat.status == "converged").all()


def test_cross_validation():
    X, y = draw(11)
    folds = np.arange(60) % 4
    mine = riata.cross_validate_path(X, y, penalty=own("lasso"), cv=folds, alphas=10, tol=1e-11)
    known = riata.cross_validate_path(X, y, cv=folds, alphas=10, tol=1e-11)
    np.testing.assert_allclose(mine.alphas, known.alphas, rtol=1e-12)
    np.testing.assert_allclose(mine.deviance, known.deviance, rtol=1e-6)
    assert isinstance(mine.paths[0], riata.PenaltyPathResult)
    pairs = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(4)]
    split = riata.cross_validate_path(X, y, penalty=own("lasso"), cv=pairs, alphas=10, tol=1e-11)
    np.testing.assert_allclose(split.deviance, mine.deviance, rtol=1e-6)
    concave = riata.cross_validate_path(X, y, penalty=own("root"), cv=folds, alphas=10, scoring="mae")
    assert (concave.paths[0].prox_residual <= 1e-6).all()
    assert concave.predict(X).shape == (60,)
    given = riata.cross_validate_path(X, y, penalty=own("ridge"), cv=folds, alphas=[10.0, 1.0, 0.1])
    assert given.alphas.shape == (1, 3)


@pytest.mark.parametrize(("given", "words"), [
    ({"l1_ratio": 0.5}, r"l1_ratio = 0.5 does not go with penalty='lasso'"), ({"loss": "huber"}, "loss = 'huber' does not go"),
    ({"positive": True}, "positive = True does not go"), ({"lower": np.zeros(90)}, "lower does not go"),
    ({"solver": "gram"}, "solver = 'gram' does not go"), ({"alphas": [1.0, 0.0]}, "alphas has 0"),
    ({"inner_cv": 3}, "Leave inner_cv or penalty out"),
])
def test_what_does_not_go_with_a_penalty_of_ones_own_in_cross_validation(given, words):
    X, y = draw(11)
    with pytest.raises(ValueError, match=words):
        riata.cross_validate_path(X, y, **{"penalty": own("lasso"), "cv": 3, **given})


def test_estimators():
    X, y = draw(12)
    model = clone(PenalizedRegressor(penalty=own("lasso"), alpha=0.5)).fit(X, y)
    known = PenalizedRegressor(penalty="l1", alpha=0.5).fit(X, y)
    np.testing.assert_allclose(model.coef_, known.coef_, atol=1e-6)
    assert model.gap_ <= 1e-8
    assert not hasattr(model, "prox_residual_")
    model.set_params(penalty=own("root")).fit(X, y)
    assert model.prox_residual_ <= 1e-8
    assert np.isnan(model.gap_)
    assert not hasattr(model.fit(X, y).set_params(penalty="l1").fit(X, y), "prox_residual_")
    pickled = pickle.loads(pickle.dumps(PenalizedRegressor(penalty=own("lasso"), alpha=0.5).fit(X, y)))
    np.testing.assert_array_equal(pickled.fit(X, y).coef_, PenalizedRegressor(penalty=own("lasso"), alpha=0.5).fit(X, y).coef_)
    search = GridSearchCV(PenalizedRegressor(penalty=own("lasso")), {"alpha": [50.0, 0.5]}).fit(X, y)
    assert search.best_params_ == {"alpha": 0.5}
    with pytest.warns(ConvergenceWarning, match="with a prox residual above tol"):
        PenalizedRegressor(penalty=own("log_sum"), alpha=0.05, max_iter=1).fit(X, y)


@pytest.mark.parametrize(("model", "words"), [
    (lambda: PenalizedRegressor(penalty=own("lasso"), alpha=0.0), "alpha = 0 leaves nothing of a penalty of your own"),
    (lambda: PenalizedRegressor(penalty=own("lasso"), positive=True), "positive is not available"),
    (lambda: PenalizedRegressor("huber", own("lasso")), "no solver fits loss='huber' with penalty='your own'"),
    (lambda: PenalizedRegressor(penalty="your own"), r"'your own' \(riata.penalties.custom\). Got 'your own'"),
    (lambda: PenalizedRegressor(penalty=abs), "Got <built-in function abs>"),
])
def test_what_estimators_refuse(model, words):
    X, y = draw(12)
    with pytest.raises(ValueError, match=words):
        model().fit(X, y)
    with pytest.raises(ValueError, match="no solver fits loss='logistic' with penalty='your own'"):
        PenalizedClassifier(penalty=own("lasso")).fit(X, y > 0)


VALUE, PROX = functions("lasso")


@pytest.mark.parametrize(("value", "prox", "convex", "words"), [
    (VALUE, lambda v, t: max(v - t, 0.0), True, r"prox\(v=-6.13, t=0.01\) is 0, where .* was expected, where it is .*: give the"),
    (VALUE, lambda v, t: 1.000001 * (max(v - t, 0.0) + min(v + t, 0.0)), True, r"prox\(v="),
    (VALUE, lambda v, t: v / t * 0 + math.nan, True, r"prox\(v=-6.13, t=0.01\) is nan, and a finite number was expected"),
    (VALUE, lambda v, t: max(v - t, 0.0) + min(v + t, 0.0) if abs(v) < 1e9 else math.inf, True, r"prox\(v=-1e\+10.*is inf"),
    (lambda b: abs(b) + 1, PROX, True, r"value\(b=0\) is 1, and 0 was expected: subtract 1"),
    (lambda b: b, lambda v, t: v - t, True, r"value\(b=-6.13\) is -6.13, and a number of 0 or more .*: a penalty is least"),
    (lambda b: math.sqrt(b) if b > 0 else b * math.nan, PROX, True, r"value\(b=.*\) is nan"),
    (*functions("root"), True, r"value\(b=.*it is not convex: give convex=False"),
    (lambda b: max(b, 0.0), lambda v, t: max(v - t, 0.0) + min(v, 0.0), True, r"value\(b=-1e\+10\) is 0, .*grow to both sides"),
    (*functions("root")[:1], PROX, False, r"prox\(v="),
])
def test_what_is_wrong_with_functions_is_said(value, prox, convex, words):
    with pytest.raises(ValueError, match=words):
        custom(value, prox, convex=convex)


def test_a_value_that_is_not_a_number_beside_the_grid():
    with pytest.raises(ValueError, match=r"value\(b=-7.0\d+\) is nan, and a number of 0 or more was expected: write it so that"):
        custom(lambda b: abs(b) if not 7 < abs(b) < 1e6 else math.nan, PROX)


@pytest.mark.parametrize(("given", "more", "error", "words"), [
    ((VALUE, None), {}, TypeError, r"prox = None must be a function of \(v, t\)"),
    ((np.abs, PROX), {}, TypeError, "value = <ufunc 'absolute'> must be a function of b written with def or lambda"),
    ((VALUE, PROX), {"name": 3}, TypeError, "name = 3 must be a text"),
    ((VALUE, PROX), {"convex": "yes"}, TypeError, "convex = 'yes' must be True or False"),
    ((VALUE, PROX), {"parameter": "a"}, TypeError, "parameter = 'a' must be a number"),
    ((VALUE, lambda v, t: "text" + v), {}, TypeError, r"numba cannot compile prox\(v, t\)"),
    ((VALUE, PROX), {"parameter": 2.0}, TypeError, r"numba cannot compile value\(b, a\)"),
])
def test_bad_arguments(given, more, error, words):
    with pytest.raises(error, match=words):
        custom(*given, **more)


def test_bad_arguments_of_a_path_and_of_the_check():
    X, y = draw()
    with pytest.raises(TypeError, match=r"penalty = 'l1' must be one of riata.penalties.custom"):
        riata.penalty_path(X, y, "l1")
    with pytest.raises(ValueError, match="alphas has 0"):
        riata.penalty_path(X, y, own("lasso"), alphas=[1.0, 0.0])
    with pytest.raises(ValueError, match=r"ridge: no alpha makes every coefficient 0.*give the alphas"):
        riata.penalty_path(X, y, own("ridge"))
    with pytest.raises(TypeError, match=r"riata.cross_validate_path has cv"):
        riata.penalty_path(X, y, own("lasso"), cv=5)
    with pytest.raises(ValueError, match="t = -1 must be a finite number above 0"):
        check_penalty(own("lasso"), t=[1.0, -1.0])
    with pytest.raises(ValueError, match=r"v = \[nan\] must hold one finite number or more"):
        check_penalty(own("lasso"), v=[math.nan])
    with pytest.raises(TypeError, match=r"penalty = 'lasso' must be what riata\.penalties\.custom"):
        check_penalty("lasso")
    check_penalty(own("lasso"), v=np.linspace(-100, 100, 11), t=[1e-3, 1e3])


def test_a_function_that_fails_in_the_fit_is_named():
    X, y = draw()
    broken = custom(VALUE, lambda v, t: max(v - t, 0.0) + min(v + t, 0.0) if not 20 < abs(v) < 1e6 else math.nan, name="broken")
    with pytest.raises(ValueError, match=r"broken: prox\(v=-?[\d.]+, t=[\de.-]+\) is nan in problem 1, and a finite"):
        solve_penalty(PenaltyBatch(X, np.column_stack([np.zeros(60), 100 * y]), alphas=np.array([1.0, 0.1]),
                                   penalty=broken.engine))
    broken = custom(lambda b: abs(b) if not 20 < abs(b) < 1e6 else math.nan, PROX, name="broken")
    with pytest.raises(ValueError, match=r"broken: value\(b=-?[\d.]+\) is nan in problem 0, and a number of 0 or more"):
        riata.penalty_path(X, 100 * y, broken, alphas=[1.0, 0.1])


def test_results():
    X, y = draw()
    convex, concave = path_of("lasso", X, y), path_of("root", X, y)
    assert "largest gap" in repr(convex)
    assert "largest prox residual" in repr(concave)
    assert "gap" in convex.to_frame().columns
    assert "prox_residual" in concave.to_frame().columns
    assert "residual" in concave.summary()
    again = pickle.loads(pickle.dumps(concave))
    np.testing.assert_array_equal(again.predict(X), concave.predict(X))
    assert again.penalty == concave.penalty
    a, b = custom(*functions("box"), parameter=1.0), custom(*functions("box"), parameter=2.0)
    assert a.engine.at[:2] == b.engine.at[:2]                 # compiled once


SCRIPT = """
import sys
import riata
assert "numba" not in sys.modules
from own_penalties import own
penalty = own("log_sum")
print(penalty.engine.functions.on_disk, penalty.engine.functions.from_disk)
"""


def test_compiled_functions_are_kept_on_disk(tmp_path):
    source = (Path(__file__).parent / "own_penalties.py").read_text()
    (tmp_path / "own_penalties.py").write_text(source)
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run():
        return subprocess.run([sys.executable, str(tmp_path / "script.py")], env=environment, capture_output=True, text=True,
                              check=True).stdout.split()

    assert run() == ["True", "False"]
    assert run() == ["True", "True"]
    (tmp_path / "own_penalties.py").write_text(source.replace("return math.log1p(abs(b) / width)",
                                                              "return math.log1p(abs(b) * (1 / width))"))
    assert run() == ["True", "False"]


def test_without_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match="pip install numba"):
        custom(lambda b: abs(b), lambda v, t: max(v - t, 0.0) + min(v + t, 0.0))
