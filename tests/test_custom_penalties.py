"""Penalties of a user's own: the library's once more give its answers; a slow referee, and laws, for others."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

import riata
from own_penalties import ALPHAS, CONCAVE, CONVEX, PARAMETERS, draw, functions, own, path_of, scad_of
from riata.penalties import custom
from riata_engine.penalty import PenaltyBatch, penalty_values, solve_penalty

pytest.importorskip("numba")

NAMES = (*CONVEX, *CONCAVE)


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
