"""SLOPE: formulas, duality gaps by an independent referee, limits, laws, outside truth, bad input."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.isotonic import isotonic_regression

import riata
from riata_engine.formulas.sorted_l1 import pooled, screened, sorted_dual_norm
from riata_engine.slope import Interrupted, SlopeBatch, sequence, solve_slope


def prox(v, lam, t=1.0):
    """The proximal step by scikit-learn's isotonic regression."""
    order = np.argsort(-np.abs(v), kind="stable")
    fitted = isotonic_regression(np.abs(v)[order] - t * lam, increasing=False)
    out = np.empty(len(v))
    out[order] = np.maximum(fitted, 0)
    return np.sign(v) * out


def gap(X, y, b, b0, alpha, lam, weights=None, standardize=False, intercept=True):
    """The relative duality gap, by plain numpy."""
    v = np.ones(len(y)) / len(y) if weights is None else weights / weights.sum()
    X = X.toarray() if sparse.issparse(X) else np.asarray(X, float)
    s = np.sqrt(v @ (X - v @ X) ** 2) if standardize else np.ones(X.shape[1])
    used = X.std(axis=0) > 0
    r, yc = y - X @ b - b0, y - (v @ y if intercept else 0.0)
    c = np.abs(X.T @ (v * r))[used] / s[used]
    J = lam @ np.sort(np.abs(s * b))[::-1]
    share = min(1.0, alpha / np.max(np.cumsum(np.sort(c)[::-1]) / np.cumsum(lam[:used.sum()])))
    primal, dual = v @ r**2 / 2 + alpha * J, share * (v @ (r * yc)) - share**2 * (v @ r**2) / 2
    return (primal - dual) / (v @ yc**2 / 2)


def correlated(seed=0, n=80, p=150, rho=0.8):
    rng = np.random.default_rng(seed)
    X = np.empty((n, p))
    X[:, 0] = rng.normal(size=n)
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * rng.normal(size=n)
    coef = np.zeros(p)
    coef[rng.choice(p, min(p, 12), replace=False)] = rng.normal(scale=2, size=min(p, 12))
    return X + 1, X @ coef + rng.normal(size=n) + 3


def test_formulas():
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 40):
        for scale in (1e-4, 1.0, 1e4):
            w = np.sort(np.abs(rng.normal(size=n)))[::-1] * scale
            lam = np.sort(rng.exponential(size=n))[::-1] * scale / 2
            u = w.copy()
            pooled(u, lam, 1.0, n, np.empty(n, int), np.empty(n))
            np.testing.assert_allclose(u, prox(w, lam), rtol=1e-12, atol=1e-12 * scale)
            assert sorted_dual_norm(w, lam, n) == pytest.approx(np.max(np.cumsum(w) / np.cumsum(lam)))
            # Fenchel-Young: ⟨w, u⟩ ≤ J°(w) J(u), and Moreau: w less its proximal step lies in the dual ball
            assert w @ u <= sorted_dual_norm(w, lam, n) * (lam @ u) * (1 + 1e-12)
            assert sorted_dual_norm(np.sort(np.abs(w - u))[::-1], lam, n) <= 1 + 1e-12
            assert screened(w, lam, 1e6, 0.0, n) == 0
            assert screened(w, lam, 0.0, 0.0, n) == n
    assert sorted_dual_norm(np.ones(2), np.zeros(2), 2) == 1e300


def test_sequences():
    p, n, q = 50, 3000, 0.2
    bh = norm.isf(np.arange(1, p + 1) * q / (2 * p))
    np.testing.assert_allclose(sequence("bh", p, n, q), bh)
    gaussian = sequence("gaussian", p, n, q)
    assert gaussian[0] == bh[0]
    assert gaussian[1] == pytest.approx(bh[1] * np.sqrt(1 + bh[0] ** 2 / (n - 2)))
    few = sequence("gaussian", p, 30, q)                           # constant from where it would increase
    assert (few == bh[0]).all()
    for lam in (gaussian, few, sequence("gaussian", p, 2, q)):
        assert (np.diff(lam) <= 0).all()
        assert (lam >= bh - 1e-12).all()
    np.testing.assert_allclose(sequence("oscar", 3, n, 0.5), [2.0, 1.5, 1.0])
    np.testing.assert_array_equal(sequence("lasso", 3, n, 0.5), np.ones(3))


@pytest.mark.parametrize("name", ["bh", "gaussian", "oscar", "lasso"])
@pytest.mark.parametrize("settings", [{}, {"intercept": False}, {"standardize": True}])
def test_every_alpha_is_certified_by_an_independent_referee(name, settings):
    for X, y in (load_diabetes(return_X_y=True), correlated(), load_breast_cancer(return_X_y=True)):
        path = riata.slope_path(X, y.astype(float), sequence=name, alphas=20, **settings)
        assert (path.status == "converged").all()
        assert not path.coef[0].any()
        for i, alpha in enumerate(path.alphas):
            found = gap(X, y, path.coef[i], path.intercept[i], alpha, path.sequence, **settings)
            assert found <= 1.01e-6
            assert found == pytest.approx(path.gap[i], abs=1e-9)


def test_the_objective_is_as_low_as_a_general_solver_gets_it():
    X, y = correlated(seed=1, n=40, p=6)
    lam = np.array([3.0, 2.0, 2.0, 1.0, 0.5, 0.0])
    path = riata.slope_path(X, y, sequence=lam, alphas=[0.5], tol=1e-12)

    def objective(b):
        return np.mean((y - y.mean() - (X - X.mean(axis=0)) @ b) ** 2) / 2 + 0.5 * lam @ np.sort(np.abs(b))[::-1]

    options = {"maxiter": 20_000, "xatol": 1e-9, "fatol": 1e-12}
    best = minimize(objective, path.coef[0] + 0.01, method="Nelder-Mead", options=options)
    assert objective(path.coef[0]) <= best.fun + 1e-10


def test_equal_weights_are_the_lasso():
    for X, y in (load_diabetes(return_X_y=True), correlated(seed=2)):
        path = riata.slope_path(X, y, sequence="lasso", alphas=30, tol=1e-12)
        lasso = riata.fit_path(X, y, alphas=30, tol=1e-14)
        np.testing.assert_allclose(path.alphas, lasso.alphas, rtol=1e-12)
        np.testing.assert_allclose(path.coef, lasso.coef, atol=2e-4 * np.abs(lasso.coef).max())
        assert np.array_equal(path.coef != 0, lasso.coef != 0)


def test_orthonormal_columns_are_one_proximal_step():
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(64, 20)))[0] * 8
    z, lam = rng.normal(scale=2, size=20), sequence("oscar", 20, 64, 0.1)
    path = riata.slope_path(Q, Q @ z, sequence=lam, alphas=[0.3], intercept=False, tol=1e-13)
    np.testing.assert_allclose(path.coef[0], prox(z, lam, 0.3), atol=1e-9)
    assert path.n_clusters()[0] == len(np.unique(np.abs(path.coef[0][path.coef[0] != 0]).round(9)))


def test_equal_columns_get_coefficients_of_equal_size():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 6))
    X[:, 1], X[:, 2] = X[:, 0], -X[:, 0]
    path = riata.slope_path(X, X[:, 0] + 0.1 * rng.normal(size=100), sequence="oscar", q=0.5, alphas=20)
    size = np.abs(path.coef[:, :3])
    np.testing.assert_allclose(size[:, 1:], size[:, :1].repeat(2, axis=1), rtol=1e-12)


def test_laws_of_weights_storage_and_dtype():
    X, y = correlated(seed=4, n=60, p=40)
    settings = {"alphas": [0.3, 0.1, 0.03], "tol": 1e-12}
    plain = riata.slope_path(X, y, **settings)
    for other in (riata.slope_path(X, y, weights=np.full(60, 7.0), **settings),
                  riata.slope_path(sparse.csc_array(X), y, **settings), riata.slope_path(np.ascontiguousarray(X), y, **settings),
                  riata.slope_path(X, y - 2, offset=np.full(60, -2.0), **settings)):
        np.testing.assert_allclose(other.coef, plain.coef, atol=1e-5)
    rounded = X.astype(np.float32)
    np.testing.assert_allclose(riata.slope_path(rounded, y, **settings).coef,
                               riata.slope_path(rounded.astype(float), y, **settings).coef, atol=1e-5)
    weights = np.arange(60) % 3
    weighted = riata.slope_path(X, y, weights=weights, **settings)
    repeated = riata.slope_path(np.repeat(X, weights, axis=0), np.repeat(y, weights), **settings)
    np.testing.assert_allclose(weighted.coef, repeated.coef, atol=1e-5)
    assert gap(X, y, weighted.coef[1], weighted.intercept[1], 0.1, weighted.sequence, weights=weights) <= 1e-11


@pytest.mark.parametrize("storage", [np.asarray, sparse.csc_array])
def test_a_problem_has_the_same_bits_alone_in_a_batch_and_on_any_threads(storage):
    X, y = correlated(seed=7, n=90, p=200)
    Y = np.column_stack([y, X[:, 0] + np.random.default_rng(0).normal(size=90), np.zeros(90)])
    folds = [np.empty(0, int), np.arange(20), np.arange(50, 90)]
    target, group = np.repeat(np.arange(3), 3), np.tile(np.arange(3), 3)
    settings = {"sequence": sequence("bh", 200, 90, 0.1), "held_out": folds, "n_alphas": 15}
    X = storage(X)
    whole = solve_slope(SlopeBatch(X, Y, target=target, group=group, n_threads=1, **settings))
    names = ("alphas", "coef", "intercept", "gap", "held_out_deviance", "status", "n_epochs")
    for other in ({"n_threads": 4}, {"max_memory": 1.0}):
        again = solve_slope(SlopeBatch(X, Y, target=target, group=group, **other, **settings))
        for name in names:
            np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    for b in (0, 4):
        alone = solve_slope(SlopeBatch(X, Y, target=target[[b]], group=group[[b]], **settings))
        for name in names:
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(whole, name)[b])
    assert not whole.coef[6:].any()
    assert (whole.status == 0).all()


def test_constant_columns_and_extreme_scales():
    X, y = correlated(seed=5, n=50, p=20)
    X[:, 3] = 2.0
    plain = riata.slope_path(X, y, alphas=10)
    assert not plain.coef[:, 3].any()
    for size in (1e-150, 1e150):
        np.testing.assert_allclose(riata.slope_path(X, y * size, alphas=10).coef / size, plain.coef, atol=1e-3)
        np.testing.assert_allclose(riata.slope_path(X * size, y, alphas=10).coef * size, plain.coef, atol=1e-3)


def test_sortedl1_agrees():
    sortedl1 = pytest.importorskip("sortedl1", reason="sortedl1 is not installed")
    X, y = correlated(seed=9)
    X, y = np.asfortranarray(X - X.mean(axis=0)), y - y.mean()
    path = riata.slope_path(X, y, alphas=[0.5, 0.2, 0.1], intercept=False, tol=1e-12)
    for alpha, coef in zip(path.alphas, path.coef, strict=True):
        theirs = sortedl1.Slope(lam=path.sequence, alpha=alpha, fit_intercept=False, tol=1e-10).fit(X, y)
        np.testing.assert_allclose(coef, np.ravel(theirs.coef_), atol=1e-3)


def test_what_stops_early_says_so():
    X, y = correlated(seed=11, n=60, p=100)
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        path = riata.slope_path(X, y, max_epochs=1, tol=1e-12)
    assert (path.gap[path.status == "max_iter"] > 1e-12).all()
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        late = riata.slope_path(X, y, time_budget=1e-9)
    assert (late.status == "time_budget").all()
    assert np.isnan(late.coef).all()

    rng = np.random.default_rng(0)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stopped:
        riata.slope_path(rng.normal(size=(300, 3000)), rng.normal(size=300), progress=stop)
    assert "skipped" in stopped.value.result.status


@pytest.mark.parametrize(("arguments", "words"), [
    ({"sequence": "fdr"}, "sequence = 'fdr' must be one of 'bh'"), ({"sequence": np.arange(10.0)[::-1][:9]}, "9 entries"),
    ({"sequence": [1.0, 2.0, *[0.5] * 8]}, r"increases from sequence\[0\] = 1 to 2"), ({"sequence": [np.nan] * 10}, "finite"),
    ({"sequence": [1.0, *[-1.0] * 9]}, r"sequence\[1\] = -1"), ({"sequence": [0] * 10}, "0 throughout"), ({"q": 0.0}, "q = 0.0"),
    ({"penalty_factor": np.ones(10)}, "penalty_factor"), ({"alphas": "many"}, "alphas"),
])
def test_bad_input_is_named(arguments, words):
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises((ValueError, TypeError), match=words):
        riata.slope_path(X, y, **arguments)


def test_the_door_refuses_what_it_does_not_know():
    X, y = load_diabetes(return_X_y=True)
    for field, wrong in (("lower", np.zeros(10)), ("penalty_factor", np.ones(10)), ("sequence", np.arange(10.0)),
                         ("sequence", np.zeros(10)), ("sequence", np.ones(3))):
        with pytest.raises(ValueError, match=field):
            SlopeBatch(X, y, **{field: wrong})
