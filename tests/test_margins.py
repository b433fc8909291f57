"""Losses of a margin: formulas, certificates against a slow referee, laws, and scikit-learn's numbers."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn.linear_model
import sklearn.svm
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

import riata
from riata.linear_model import QuantileRegressor
from riata.svm import LinearSVC, LinearSVR
from riata_engine.formulas import margins as formulas
from riata_engine.margins import LOSSES, Margins, solve_margins


@parametrize_with_checks([LinearSVC(), LinearSVC(loss="hinge"), LinearSVC(penalty="l1"), LinearSVR(),
        QuantileRegressor(alpha=0.1)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


SHAPES = {"hinge": (-1, 0, 0, 0), "squared_hinge": (-np.inf, 0, 0, 0.5), "epsilon_insensitive": (-1, 1, 0.3, 0),
          "squared_epsilon_insensitive": (-np.inf, np.inf, 0.3, 0.5), "quantile": (-0.3, 0.7, 0, 0)}


def plain_loss(name, y, eta, eps=0.3, q=0.3):
    """The textbook formula."""
    r = y - eta
    return {"hinge": np.maximum(0, 1 - y * eta), "squared_hinge": np.maximum(0, 1 - y * eta)**2,
            "epsilon_insensitive": np.maximum(0, np.abs(r) - eps), "squared_epsilon_insensitive": np.maximum(0,
                    np.abs(r) - eps)**2,
            "quantile": np.where(r > 0, q * r, (q - 1) * r)}[name]


@pytest.mark.parametrize("name", SHAPES)
def test_formulas_are_the_losses_their_slopes_and_their_conjugates(name):
    lo, hi, eps, kappa = SHAPES[name]
    y = 1.0
    for eta in (-1e4, -3.0, -0.2, 0.31, 0.99, 1.01, 1.5, 1e4):
        e = eta - y
        value = formulas.margin_loss(e, eps, kappa, lo, hi)
        assert value == pytest.approx(plain_loss(name, y, eta), rel=1e-12, abs=1e-12)
        smoothed = kappa or 0.1                                       # slopes are those of the (smoothed) loss
        h = 1e-6 * max(1, abs(e))
        slope = formulas.margin_slope(e, eps, 1 / smoothed, lo, hi)
        up, down = (formulas.margin_loss(e + s * h, eps, smoothed, lo, hi) for s in (1, -1))
        assert slope == pytest.approx((up - down) / (2 * h), abs=1e-4 * max(1, abs(slope)))
        assert lo <= slope <= hi
        # Fenchel and Young: equal at the slope, no less elsewhere
        assert formulas.margin_loss(e, eps, smoothed, lo, hi) + formulas.margin_conjugate(slope, y, eps,
                smoothed) == pytest.approx(
            slope * eta, rel=1e-9, abs=1e-9)
        for a in np.linspace(max(lo, -5), min(hi, 5), 7):
            assert value + formulas.margin_conjugate(a, y, eps, kappa) >= a * eta - 1e-9 * max(1, abs(a * eta))
        curved = formulas.margin_curved(e, eps, 1 / smoothed, lo, hi)
        assert curved == (abs(formulas.margin_slope(e + h, eps, 1 / smoothed, lo, hi) - slope) > 0.5 * h / smoothed)


def drawn(seed=0, n=120, p=8, loss="hinge"):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * rng.uniform(0.3, 3, p) + rng.normal(size=p)
    f = X @ rng.normal(size=p) + rng.normal(size=n)
    return X, np.where(f > np.median(f), 1.0, -1.0) if LOSSES[loss][0] else f


def objective(loss, X, y, w, coef, intercept, alpha, l1_ratio, scaling, eps=0.3, q=0.3):
    b = np.append(coef, 0 if scaling is None else intercept / scaling)
    c = np.ones(len(y)) if w is None else w
    penalty = l1_ratio * np.abs(b).sum() + (1 - l1_ratio) / 2 * b @ b
    return (c * plain_loss(loss, y, X @ coef + intercept, eps, q)).sum() / c.sum() + alpha * penalty


def solve(loss, X, y, alpha, **settings):
    given = {"l1_ratio": 0.0, "epsilon": 0.3, "quantile": 0.3, "n_threads": 1} | settings
    return solve_margins(Margins(X, y[:, None] if y.ndim == 1 else y, loss, np.atleast_1d(alpha), **given))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("scaling", [1.0, None])
@pytest.mark.parametrize("shape", [(120, 8), (40, 70)])
def test_no_point_nearby_is_better_than_the_gap_says(loss, l1_ratio, scaling, shape):
    X, y = drawn(1, *shape, loss)
    alpha = np.array([0.3, 0.03])
    found = solve(loss, X, y, alpha, l1_ratio=l1_ratio, intercept_scaling=scaling, tol=1e-7)
    assert (found.status == 0).all()
    assert (found.gap <= 1e-7).all()
    rng = np.random.default_rng(0)
    for step, strength in enumerate(alpha):
        coef, intercept = found.coef[0, step], found.intercept[0, step]
        here = objective(loss, X, y, None, coef, intercept, strength, l1_ratio, scaling)
        room = found.null_objective[0] * max(found.gap[0, step], 1e-12)
        for _ in range(60):
            move = rng.normal(size=len(coef)) * (rng.random(len(coef)) < 0.3)
            shift = rng.normal()
            best = min(objective(loss, X, y, None, coef + t * move, intercept + t * shift, strength, l1_ratio, scaling)
                       for t in np.outer([1, -1], np.logspace(-9, 0, 10)).ravel())
            assert here - best <= room + 1e-12


@pytest.mark.parametrize("loss", LOSSES)
def test_laws(loss):
    X, y = drawn(2, loss=loss)
    l1 = 1.0 if loss in ("quantile", "squared_hinge") else 0.0
    strict = {"l1_ratio": l1, "tol": 1e-10}
    base = solve(loss, X, y, 0.05, **strict)

    def close(other, by=3e-4):
        np.testing.assert_allclose(other.coef, base.coef, atol=by * np.abs(base.coef).max())

    close(solve(loss, X, y, 0.05, weights=np.full(len(y), 3.0), **strict))
    close(solve(loss, sparse.csc_array(X), y, 0.05, **strict))
    close(solve(loss, sparse.csr_array(X), y, 0.05, **strict))
    close(solve(loss, np.asfortranarray(X), y, 0.05, **strict))
    close(solve(loss, X.astype(np.float32), y, 0.05, **strict), 3e-3)
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 3, len(y)).astype(float)
    rows = np.repeat(np.arange(len(y)), weights.astype(int))
    weighted, repeated = solve(loss, X, y, 0.05, weights=weights, **strict), solve(loss, X[rows], y[rows], 0.05, **strict)
    np.testing.assert_allclose(weighted.coef, repeated.coef, atol=3e-4 * np.abs(base.coef).max())
    Y = np.column_stack([y, -y, y])
    for threads in (1, 2):
        batch = solve(loss, X, Y, 0.05, n_threads=threads, **strict)
        np.testing.assert_array_equal(batch.coef[0], solve(loss, X, y, 0.05, **strict).coef[0])
        np.testing.assert_array_equal(batch.coef[2], batch.coef[0])
    if loss != "quantile":
        np.testing.assert_allclose(batch.coef[1], -batch.coef[0], atol=3e-4 * np.abs(base.coef).max())
    none = solve(loss, X, y, 1e4, **strict | {"l1_ratio": 1.0})
    assert not none.coef.any()
    assert none.status[0, 0] == 0
    np.testing.assert_allclose(none.dev_ratio, 0, atol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_extremes_have_no_nan(loss):
    X, y = drawn(3, loss=loss)
    scale = 1.0 if LOSSES[loss][0] else 1e8
    for data in (X * 1e-8, X * 1e8, np.column_stack([X, X[:, 0], np.zeros(len(y)), np.ones(len(y))])):
        found = solve(loss, data, y * scale, 0.1 / scale if loss.startswith("eps") else 0.1, l1_ratio=0.0, epsilon=0.3 * scale)
        assert np.isfinite(found.coef).all()
        assert (found.gap[found.status == 0] <= 1e-6).all()
    constant = solve(loss, X, np.ones(len(y)), 0.1)
    assert constant.status[0, 0] == 0
    assert not constant.coef.any()


def test_many_rows_have_the_same_answer_however_they_are_stored():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(6000, 20))
    y = np.where(X @ rng.normal(size=20) + rng.normal(size=6000) > 0, 1.0, -1.0)
    for l1_ratio in (0.0, 1.0):
        dense = solve("squared_hinge", X, y, 0.01, l1_ratio=l1_ratio, tol=1e-12)
        other = solve("squared_hinge", sparse.csc_array(X), y, 0.01, l1_ratio=l1_ratio, tol=1e-12)
        np.testing.assert_allclose(dense.coef, other.coef, atol=1e-6)
        np.testing.assert_array_equal(dense.coef, solve("squared_hinge", X, y, 0.01, l1_ratio=l1_ratio, tol=1e-12,
                n_threads=2).coef)


def test_working_sets_solve_what_all_columns_would():
    X, y = drawn(7, 80, 900, "squared_hinge")
    alphas = np.array([0.5, 0.3, 0.2])
    wide = solve("squared_hinge", X, y, alphas, l1_ratio=1.0, tol=1e-8)
    assert wide.solver == "working_set"
    assert (wide.status == 0).all()
    support = np.flatnonzero(wide.coef[0].any(axis=0))
    few = solve("squared_hinge", X[:, support], y, alphas, l1_ratio=1.0, tol=1e-10)
    np.testing.assert_allclose(wide.coef[0][:, support], few.coef[0], atol=1e-3)


def scaled(load):
    X, y = load(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris, load_wine])
@pytest.mark.parametrize("settings", [{}, {"loss": "hinge"}, {"penalty": "l1"}, {"class_weight": "balanced"},
        {"intercept_scaling": 10.0},
                                      {"C": 0.01}, {"fit_intercept": False}, {"class_weight": {1: 5.0}}], ids=str)
def test_linear_svc_is_scikit_learns(load, settings):
    X, y = scaled(load)
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
    ours = LinearSVC(tol=1e-12, **settings).fit(X, y, weights)
    theirs = sklearn.svm.LinearSVC(tol=1e-9, max_iter=300_000, dual=settings.get("penalty") != "l1", random_state=0, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, y, weights)
    assert ours.coef_.shape == theirs.coef_.shape
    assert np.all(ours.gap_ <= 1e-12)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-3 if settings.get("loss") == "hinge" else 1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=2e-3 if settings.get("loss") == "hinge" else 1e-4)
    assert (ours.predict(X) == theirs.predict(X)).mean() > 0.99
    again = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(again.decision_function(X), ours.decision_function(X))


@pytest.mark.parametrize("settings", [{}, {"epsilon": 5.0}, {"loss": "squared_epsilon_insensitive", "epsilon": 5.0}], ids=str)
def test_linear_svr_is_scikit_learns(settings):
    X, y = scaled(load_diabetes)
    ours = LinearSVR(tol=1e-10, **settings).fit(X, y)
    theirs = sklearn.svm.LinearSVR(tol=1e-9, max_iter=200_000, random_state=0, **settings).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-2)


@pytest.mark.parametrize(("alpha", "quantile"), [(0.1, 0.5), (1.0, 0.9), (0.0, 0.5), (0.0, 0.1), (100.0, 0.3)])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_quantile_regressor_is_scikit_learns(alpha, quantile, fit_intercept):
    X, y = scaled(load_diabetes)
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y))
    settings = {"alpha": alpha, "quantile": quantile, "fit_intercept": fit_intercept}
    ours = QuantileRegressor(tol=1e-9, **settings).fit(X, y, weights)
    theirs = sklearn.linear_model.QuantileRegressor(**settings).fit(X, y, weights)

    def value(m):
        return np.average(plain_loss("quantile", y, m.predict(X), q=quantile), weights=weights) + alpha * np.abs(m.coef_).sum()
    assert ours.gap_ <= 1e-9
    assert abs(value(ours) - value(theirs)) <= 1e-7 * value(theirs)
    if alpha < 100:
        np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-3 * max(1, np.abs(theirs.coef_).max()))


def test_a_path_over_c_is_its_fits():
    X, y = scaled(load_wine)
    path = riata.fit_svm_path(X, y, [1.0, 0.01, 0.1], tol=1e-10)
    assert (path.Cs == [0.01, 0.1, 1.0]).all()
    assert (path.status == "converged").all()
    for step, C in enumerate(path.Cs):
        one = LinearSVC(C=C, tol=1e-10).fit(X, y)
        np.testing.assert_allclose(path.coef[step], one.coef_, atol=1e-4)
        assert (path.predict(X)[step] == one.predict(X)).mean() > 0.99
    X, y = scaled(load_diabetes)
    assert riata.fit_svm_path(X, y, 3, loss="epsilon_insensitive", epsilon=1.0).predict(X).shape == (3, len(y))


def test_an_intercept_without_a_penalty_takes_up_a_shift():
    X, y = scaled(load_breast_cancer)
    one, other = (LinearSVC(intercept_scaling=None, tol=1e-12).fit(X + shift, y) for shift in (0.0, 50.0))
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-6)


def test_bad_input():
    X, y = scaled(load_breast_cancer)
    bad = [(LinearSVC(C=0), "C"), (LinearSVC(C=-1.0), "C"), (LinearSVC(penalty="l1", loss="hinge"), "Unsupported set"),
           (LinearSVC(penalty="l1", dual=True), "Unsupported set"), (LinearSVC(loss="hinge", dual=False), "Unsupported set"),
           (LinearSVC(multi_class="crammer_singer"), "multi_class"), (LinearSVC(intercept_scaling=0), "intercept_scaling"),
           (LinearSVC(tol=np.nan), "tol"), (LinearSVR(epsilon=-1), "epsilon"), (LinearSVR(dual=False), "Unsupported set"),
           (LinearSVR(loss="hinge"), "loss"), (QuantileRegressor(quantile=0), "quantile"),
                   (QuantileRegressor(quantile=1.0), "quantile"),
           (QuantileRegressor(alpha=-1), "alpha"), (QuantileRegressor(solver="x"), "solver")]
    for model, message in bad:
        with pytest.raises(ValueError, match=message):
            model.fit(X, y)
    with pytest.raises(ValueError, match="only one class"):
        LinearSVC().fit(X, np.zeros(len(y)))
    with pytest.raises(ValueError, match="NaN"):
        LinearSVC().fit(X, np.where(np.arange(len(y)) == 3, np.nan, y))
    with pytest.raises(ValueError, match="continuous"):
        LinearSVC().fit(X, y + np.random.default_rng(0).random(len(y)))
    for given, message in (({"loss": "log"}, "loss='log'"), ({"loss": "hinge", "penalty": "l1"}, "squared"),
            ({"Cs": [0.0]}, "Cs"),
                           ({"loss": "epsilon_insensitive", "class_weight": "balanced"}, "class_weight")):
        with pytest.raises(ValueError, match=message):
            riata.fit_svm_path(X, y, **given)
    words = LinearSVC().fit(X, np.where(y, "benign", "malignant"))
    assert set(words.predict(X)) == {"benign", "malignant"}
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        LinearSVC(loss="hinge", max_iter=1).fit(X, y)


def test_a_time_budget_leaves_no_coefficients_under_what_was_not_solved():
    X, y = scaled(load_breast_cancer)
    path = riata.fit_svm_path(X, y, 5, time_budget=1e-9)
    late = path.status == "time_budget"
    assert late.any()
    assert np.isnan(path.coef[late]).all()
