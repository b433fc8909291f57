"""Laws of one problem: rows, columns, storage, solvers and units may be rearranged, the answer may not move.

Two answers to the same problem are compared by what their certificates allow, the distance of their predictions
(``problems.assert_same_optimum``), never by a tolerance chosen to fit.
"""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import problems
import riata
from reference import alpha_max, null_objective, weighted_mean_squared_error

TOL = 1e-10
SOLVERS = ["auto", *problems.PATH_SOLVERS]
NAMES = list(problems.SETTINGS)


@pytest.fixture(params=problems.SHAPES)
def data(request):
    n, p = problems.SHAPES[request.param]
    rng = np.random.default_rng([n, p])
    return (*problems.draw(rng, n, p), rng)


def answers(solution, b=0):
    return [(solution.coef[b, i], float(solution.intercept[b, i])) for i in range(solution.alphas.shape[1])]


def assert_same_path(X, y, alphas, l1_ratio, first, second, **settings):
    for alpha, one, other in zip(alphas, first, second, strict=True):
        problems.assert_same_optimum(X, y, alpha, l1_ratio, one, other, **settings)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("standardize", [False, True])
def test_weights_of_one_are_no_weights(data, solver, standardize):
    X, y, _ = data
    alphas = problems.grid(X, y, 0.7, standardize=standardize)
    common = {"l1_ratio": 0.7, "solver": solver, "tol": TOL, "standardize": standardize}
    first = problems.fit(np.asfortranarray(X), y, alphas, **common)
    second = problems.fit(np.asfortranarray(X), y, alphas, weights=np.ones(len(y)), **common)
    assert_same_path(X, y, alphas, 0.7, answers(first), answers(second), standardize=standardize)


@pytest.mark.parametrize("factor", [1e-12, 1e-3, 7.0, 1e12])
@pytest.mark.parametrize("solver", SOLVERS)
def test_constant_weight_changes_nothing(data, solver, factor):
    X, y, rng = data
    w = rng.uniform(0.1, 3, len(y))
    alphas = problems.grid(X, y, 0.7, weights=w)
    first = problems.fit(np.asfortranarray(X), y, alphas, weights=w, l1_ratio=0.7, solver=solver, tol=TOL)
    second = problems.fit(np.asfortranarray(X), y, alphas, weights=w * factor, l1_ratio=0.7, solver=solver, tol=TOL)
    assert_same_path(X, y, alphas, 0.7, answers(first), answers(second), weights=w)
    np.testing.assert_allclose(first.dev_ratio, second.dev_ratio, atol=4 * np.sqrt(2 * TOL))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("standardize", [False, True])
def test_weight_zero_is_row_removed(data, solver, standardize):
    X, y, rng = data
    gone = rng.random(len(y)) < 0.3
    w = np.where(gone, 0.0, rng.uniform(0.5, 2, len(y)))
    spoilt = X.copy()
    spoilt[gone] = 1e6 * rng.standard_normal((gone.sum(), X.shape[1]))     # what stands there must not matter
    settings = {"weights": w[~gone], "standardize": standardize}
    alphas = problems.grid(X[~gone], y[~gone], 0.7, **settings)
    common = {"l1_ratio": 0.7, "solver": solver, "tol": TOL, "standardize": standardize}
    first = problems.fit(np.asfortranarray(X[~gone]), y[~gone], alphas, weights=w[~gone], **common)
    second = problems.fit(np.asfortranarray(spoilt), y, alphas, weights=w, **common)
    assert_same_path(X[~gone], y[~gone], alphas, 0.7, answers(first), answers(second), **settings)
    own_grid = problems.fit(np.asfortranarray(spoilt), y, weights=w, n_alphas=3, **common)
    assert own_grid.alphas[0, 0] == pytest.approx(alpha_max(X[~gone], y[~gone], l1_ratio=0.7, **settings), rel=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("standardize", [False, True])
def test_weight_two_is_row_repeated(data, solver, standardize):
    X, y, rng = data
    w = rng.integers(1, 4, len(y))
    repeated = np.repeat(np.arange(len(y)), w)
    alphas = problems.grid(X, y, 0.7, weights=w.astype(float), standardize=standardize)
    common = {"l1_ratio": 0.7, "solver": solver, "tol": TOL, "standardize": standardize}
    first = problems.fit(np.asfortranarray(X), y, alphas, weights=w.astype(float), **common)
    second = problems.fit(np.asfortranarray(X[repeated]), y[repeated], alphas, **common)
    assert_same_path(X[repeated], y[repeated], alphas, 0.7, answers(first), answers(second), standardize=standardize)


@pytest.mark.parametrize("name", NAMES)
def test_offset_is_shifted_target(data, name):
    X, y, rng = data
    settings = problems.settings_for(name, rng, *X.shape)
    offset = settings.pop("offset", 5 * rng.standard_normal(len(y)))
    alphas = problems.grid(X, y - offset, 0.7, **settings)
    first = problems.fit(np.asfortranarray(X), y, alphas, offset=offset, l1_ratio=0.7, tol=TOL, **settings)
    second = problems.fit(np.asfortranarray(X), y - offset, alphas, l1_ratio=0.7, tol=TOL, **settings)
    assert_same_path(X, y - offset, alphas, 0.7, answers(first), answers(second), **settings)


@pytest.mark.parametrize("shape", problems.SHAPES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ["plain", "weights", "everything"])
def test_dense_is_sparse(shape, solver, name):
    n, p = problems.SHAPES[shape]
    rng = np.random.default_rng([n, p, 1])
    X, y = problems.draw(rng, n, p, sparse=True)
    settings = problems.settings_for(name, rng, n, p)
    alphas = problems.grid(X, y, 0.7, **settings)
    kept = [problems.fit(problems.stored(X, storage), y, alphas, l1_ratio=0.7, solver=solver, tol=TOL, **settings)
            for storage in ("fortran", "c", "csc", "csr")]
    for other in kept[1:]:
        assert_same_path(X, y, alphas, 0.7, answers(kept[0]), answers(other), **settings)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("l1_ratio", problems.L1_RATIOS)
def test_solvers_agree(data, name, l1_ratio):
    X, y, rng = data
    settings = problems.settings_for(name, rng, *X.shape)
    alphas = problems.grid(X, y, l1_ratio, **settings)
    solvers = list(problems.PATH_SOLVERS)
    if l1_ratio == 0 and not {"lower", "upper"} & set(settings) and name != "free and left out":
        solvers.append("kernel")
    found = [problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=l1_ratio, solver=solver, tol=TOL, **settings)
             for solver in solvers]
    for other in found[1:]:
        assert_same_path(X, y, alphas, l1_ratio, answers(found[0]), answers(other), **settings)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("l1_ratio", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("solver", SOLVERS)
def test_alpha_max_and_above_give_zeros(data, name, l1_ratio, solver):
    X, y, rng = data
    settings = problems.settings_for(name, rng, *X.shape)
    edge = alpha_max(X, y, l1_ratio=l1_ratio, **settings)
    penalised = settings.get("penalty_factor", np.ones(X.shape[1])) > 0
    alphas = edge * np.array([1e6, 2, 1 + 1e-7, 1 - 1e-3])
    solution = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=l1_ratio, solver=solver, tol=1e-12, **settings)
    assert not solution.coef[0, :3][:, penalised].any()
    assert solution.coef[0, 3][penalised].any()
    own_grid = problems.fit(np.asfortranarray(X), y, l1_ratio=l1_ratio, solver=solver, n_alphas=5, **settings)
    assert own_grid.alphas[0, 0] == pytest.approx(edge, rel=1e-8)
    assert not own_grid.coef[0, 0][penalised].any()
    ratios = own_grid.alphas[0, 1:] / own_grid.alphas[0, :-1]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-10)
    end = 1e-3 if len(y) > X.shape[1] else 1e-2
    assert own_grid.alphas[0, -1] == pytest.approx(edge * end, rel=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", NAMES)
def test_order_of_columns_and_rows_is_free(data, name, solver):
    X, y, rng = data
    settings = problems.settings_for(name, rng, *X.shape)
    alphas = problems.grid(X, y, 0.7, **settings)
    columns, rows = rng.permutation(X.shape[1]), rng.permutation(len(y))
    order = {"penalty_factor": columns, "lower": columns, "upper": columns, "weights": rows, "offset": rows}
    moved = {k: v[order[k]] if k in order else v for k, v in settings.items()}
    first = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=0.7, solver=solver, tol=TOL, **settings)
    second = problems.fit(np.asfortranarray(X[rows][:, columns]), y[rows], alphas, l1_ratio=0.7, solver=solver, tol=TOL,
                          **moved)
    back = [(coef[np.argsort(columns)], intercept) for coef, intercept in answers(second)]
    assert_same_path(X, y, alphas, 0.7, answers(first), back, **settings)


@pytest.mark.parametrize("scale", [1e-6, 0.37, 4096.0, 1e6])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("solver", SOLVERS)
def test_units_of_y(data, l1_ratio, scale, solver):
    """y -> c y with l1 -> c l1, l2 as before: coefficients times c, and the same relative gap allowed."""
    X, y, _ = data
    alphas = problems.grid(X, y, l1_ratio)
    first = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=l1_ratio, solver=solver, tol=TOL)
    scaled, ratio = alphas * (scale * l1_ratio + 1 - l1_ratio), scale * l1_ratio / (scale * l1_ratio + 1 - l1_ratio)
    second = problems.fit(np.asfortranarray(X), scale * y, scaled, l1_ratio=ratio, solver=solver, tol=TOL)
    back = [(coef / scale, intercept / scale) for coef, intercept in answers(second)]
    assert_same_path(X, y, alphas, l1_ratio, answers(first), back)


@pytest.mark.parametrize("scale", [1e-6, 0.37, 4096.0, 1e6])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("solver", SOLVERS)
def test_units_of_x(data, l1_ratio, scale, solver):
    """X -> c X with l1 -> c l1, l2 -> c^2 l2: coefficients divided by c."""
    X, y, _ = data
    alphas = problems.grid(X, y, l1_ratio)
    first = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=l1_ratio, solver=solver, tol=TOL)
    l1, l2 = scale * l1_ratio, scale**2 * (1 - l1_ratio)
    second = problems.fit(np.asfortranarray(scale * X), y, alphas * (l1 + l2), l1_ratio=l1 / (l1 + l2), solver=solver,
                          tol=TOL)
    back = [(coef * scale, intercept) for coef, intercept in answers(second)]
    assert_same_path(X, y, alphas, l1_ratio, answers(first), back)


@pytest.mark.parametrize("solver", SOLVERS)
def test_standardize_ignores_units_and_means_of_columns(data, solver):
    X, y, rng = data
    units, means = rng.uniform(0.01, 100, X.shape[1]), 10 * rng.standard_normal(X.shape[1])
    alphas = problems.grid(X, y, 0.7, standardize=True)
    common = {"l1_ratio": 0.7, "solver": solver, "tol": TOL, "standardize": True}
    first = problems.fit(np.asfortranarray(X), y, alphas, **common)
    second = problems.fit(np.asfortranarray(X * units + means), y, alphas, **common)
    back = [(coef * units, intercept + float(coef @ means)) for coef, intercept in answers(second)]
    assert_same_path(X, y, alphas, 0.7, answers(first), back, standardize=True)


def test_null_deviance_and_dev_ratio_speak_of_the_same_thing(data):
    X, y, rng = data
    w = rng.uniform(0.1, 3, len(y))
    alphas = problems.grid(X, y, 1.0, weights=w)
    solution = problems.fit(np.asfortranarray(X), y, alphas, weights=w)
    null = 2 * float(null_objective(problems.problem(X, y, 1.0, 1.0, weights=w)))
    for i, (coef, intercept) in enumerate(answers(solution)):
        mean_square = weighted_mean_squared_error(X, y, coef, intercept, w)
        assert solution.dev_ratio[0, i] == pytest.approx(1 - mean_square / null, abs=1e-11)
    assert (solution.df[0] == (solution.coef[0] != 0).sum(axis=1) + 1).all()      # the intercept counts


@hypothesis_settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(5, 30), p=st.integers(3, 30), solver=st.sampled_from(SOLVERS),
       name=st.sampled_from(NAMES), l1_ratio=st.sampled_from([0.05, 0.5, 1.0]))
def test_any_rearrangement(seed, n, p, solver, name, l1_ratio):
    """Rows split, shuffled and interleaved with rows of weight zero, columns shuffled: the same optimum."""
    rng = np.random.default_rng(seed)
    X, y = problems.draw(rng, n, p)
    settings = problems.settings_for(name, rng, n, p)
    w = settings.setdefault("weights", np.ones(n))
    if np.count_nonzero(w) < 5:
        w += 1
    offset = settings.get("offset", np.zeros(n))
    alphas = problems.grid(X, y, l1_ratio, count=4, **settings)
    assume(alphas[0] > 0)
    order, columns = rng.permutation(3 * n), rng.permutation(p)
    rows = np.tile(np.arange(n), 3)[order]
    share = rng.uniform(0, 1, n)
    moved = {k: v[columns] if k in ("penalty_factor", "lower", "upper") else v for k, v in settings.items()}
    moved["weights"] = np.concatenate([w * share, w * (1 - share), np.zeros(n)])[order]
    moved["offset"] = offset[rows]
    first = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=l1_ratio, solver=solver, tol=TOL, **settings)
    second = problems.fit(np.asfortranarray(X[rows][:, columns]), y[rows], alphas, l1_ratio=l1_ratio, solver=solver,
                          tol=TOL, **moved)
    back = [(coef[np.argsort(columns)], intercept) for coef, intercept in answers(second)]
    assert_same_path(X, y, alphas, l1_ratio, answers(first), back, **settings)


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
@pytest.mark.parametrize("p", [4, 80])
@pytest.mark.parametrize("seed", range(3))
def test_identical_columns_share_a_sum_and_with_an_l2_part_share_it_evenly(seed, p, solver):
    """The lasso determines the sum of their coefficients only; any l2 part makes equal shares the one solution."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, p))
    X = np.insert(X, [1, p], X[:, [0]], axis=1)
    same = [0, 1, p + 1]
    y = 2 * X[:, 0] + X[:, 2] + rng.normal(size=60)
    lasso = riata.fit_path(X, y, alphas=[0.5, 0.2], solver=solver, tol=1e-12)
    alone = riata.fit_path(X[:, 1:-1], y, alphas=[0.5, 0.2], solver=solver, tol=1e-12)
    np.testing.assert_allclose(lasso.coef[:, same].sum(axis=1), alone.coef[:, 0], rtol=1e-4)
    assert (lasso.coef[:, same] >= 0).all()            # all shares have the sign of the sum
    for l1_ratio in (0.9, 0.5):
        shares = riata.fit_path(X, y, alphas=[0.5, 0.2], l1_ratio=l1_ratio, solver=solver, tol=1e-12).coef[:, same]
        np.testing.assert_allclose(shares, shares.mean(axis=1, keepdims=True) * np.ones(3), rtol=1e-3)
    ridge = riata.fit_path(X, y, alphas=[0.5, 0.2], l1_ratio=0.0, tol=1e-12).coef[:, same]
    np.testing.assert_allclose(ridge, ridge.mean(axis=1, keepdims=True) * np.ones(3), rtol=1e-9)
