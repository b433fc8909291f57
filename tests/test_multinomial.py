"""Multinomial paths: an independent referee, outside truth on real data, the laws, hard cases and bad input."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import riata
from riata.linear_model._multinomial import alpha_of, fit_multinomial

IRIS, WINE, DIGITS = (load(return_X_y=True) for load in (load_iris, load_wine, load_digits))


def objective(X, y, coef, intercept, alpha, l1_ratio, weights=None, offset=0.0):
    eta = X @ coef.T + intercept + offset
    top = eta.max(axis=1)
    loss = top + np.log(np.exp(eta - top[:, None]).sum(axis=1)) - eta[np.arange(len(y)), y]
    return np.average(loss, weights=weights) + alpha * (l1_ratio * np.abs(coef).sum() + (1 - l1_ratio) / 2 * (coef**2).sum())


def violation(X, y, coef, intercept, alpha, l1_ratio, weights=None):
    """Largest violation of the optimality conditions."""
    n, K = len(y), len(intercept)
    eta = X @ coef.T + intercept
    p = np.exp(eta - eta.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    w = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    r = w[:, None] * (np.eye(K)[y] - p)
    gradient = r.T @ X - alpha * (1 - l1_ratio) * coef
    l1 = alpha * l1_ratio
    slack = np.where(coef != 0, np.abs(gradient - l1 * np.sign(coef)), np.maximum(np.abs(gradient) - l1, 0))
    return max(slack.max(), np.abs(r.sum(axis=0)).max())


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("name", ["iris", "wine", "digits"])
def test_optimality_on_real_data(name, l1_ratio):
    X, y = {"iris": IRIS, "wine": WINE, "digits": (DIGITS[0][:600], DIGITS[1][:600])}[name]
    path = riata.fit_multinomial_path(X, y, l1_ratio=l1_ratio, alphas=8, alpha_min_ratio=0.01, standardize=False, tol=1e-10)
    assert (path.status == "converged").all()
    assert path.gap.max() <= 1e-10
    top = max(np.abs(X).max(), 1)
    for i, alpha in enumerate(path.alphas):
        assert violation(X, y, path.coef[i], path.intercept[i], alpha, l1_ratio) <= 1e-5 * top * max(1.0, alpha)
        assert abs(path.intercept[i].sum()) <= 1e-12 * max(1.0, np.abs(path.intercept[i]).max())
    assert (np.diff(path.dev_ratio) >= -1e-9).all()


def test_glmnet_multinomial_ridge():
    """Reference values of glmnet 2.0-2 that scikit-learn's own tests carry."""
    X = np.column_stack([np.arange(-4.0, 5), [0, 0, 1, 0, 1, 1, 1, 0, 0]])
    y = np.repeat([0, 1, 2], 3)
    path = riata.fit_multinomial_path(X, y, l1_ratio=0, alphas=[1.0], tol=1e-14)
    expected = np.array([[-0.12004759652, -0.38023389305, -0.01226499932], [0.2251747383, -8.164030176e-05, 0.04734548012],
                         [-0.1051271418, 0.3803155334, -0.0350804808]])
    np.testing.assert_allclose(np.column_stack([path.intercept[0], path.coef[0]]), expected, atol=2e-4)
    exact = LogisticRegression(C=1 / 9, solver="newton-cholesky", tol=1e-12).fit(X, y)
    np.testing.assert_allclose(path.coef[0], exact.coef_, atol=1e-7)
    np.testing.assert_allclose(path.intercept[0], exact.intercept_, atol=1e-7)


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("name", ["iris", "wine", "digits"])
def test_ridge_is_that_of_scikit_learn(name, C):
    X, y = {"iris": IRIS, "wine": ((WINE[0] - WINE[0].mean(0)) / WINE[0].std(0), WINE[1]), "digits": DIGITS}[name]
    fits = fit_multinomial(X, y, y.max() + 1, alpha_of(C, None, len(y)), 0.0, tol=1e-11)
    peer = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-10, max_iter=200).fit(X, y)
    assert fits.status.tolist() == ["converged"]
    alpha = 1 / (C * len(y))
    mine = objective(X, y, fits.coef[0], fits.intercept[0], alpha, 0.0)
    assert mine <= objective(X, y, peer.coef_, peer.intercept_, alpha, 0.0) + 1e-11
    np.testing.assert_allclose(fits.coef[0], peer.coef_, atol=2e-4 * max(1, np.abs(peer.coef_).max()))


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_lasso_is_that_of_saga(l1_ratio):
    X, y = (WINE[0] - WINE[0].mean(0)) / WINE[0].std(0), WINE[1]
    alpha = 0.02
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = LogisticRegression(C=1 / (alpha * len(y)), l1_ratio=l1_ratio, solver="saga", tol=1e-9, max_iter=20_000).fit(X, y)
    path = riata.fit_multinomial_path(X, y, l1_ratio=l1_ratio, alphas=[alpha], tol=1e-12)
    np.testing.assert_allclose(path.coef[0], peer.coef_, atol=1e-4)
    assert objective(X, y, path.coef[0], path.intercept[0], alpha, l1_ratio) <= objective(
        X, y, peer.coef_, peer.intercept_, alpha, l1_ratio) + 1e-12


def test_no_penalty():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X @ rng.normal(size=(3, 3)) + rng.gumbel(size=(200, 3))).argmax(axis=1)
    path = riata.fit_multinomial_path(X, y, alphas=[0.0], tol=1e-12)
    peer = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(X, y)
    np.testing.assert_allclose(path.coef[0], peer.coef_ - peer.coef_.mean(axis=0), atol=1e-5)
    assert path.status[0] == "converged"


def wide(seed=0, n=120, p=300, K=4):
    rng = np.random.default_rng(seed)
    X = np.asfortranarray(rng.normal(size=(n, p)))
    y = (X[:, :K] * 2 + rng.gumbel(size=(n, K))).argmax(axis=1)
    return X, y


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.0])
def test_wide_data(l1_ratio):
    X, y = wide()
    path = riata.fit_multinomial_path(X, y, l1_ratio=l1_ratio, alphas=15, alpha_min_ratio=0.02)
    assert (path.status == "converged").all()
    for i in (3, 14):
        assert violation(X, y, path.coef[i], path.intercept[i], path.alphas[i], l1_ratio) <= 1e-3 * path.alphas[i] + 1e-9


def test_beyond_alpha_max_everything_is_zero():
    X, y = IRIS
    top = riata.fit_multinomial_path(X, y, alphas=2).alphas[0]
    path = riata.fit_multinomial_path(X, y, alphas=[3 * top, top, 0.98 * top], tol=1e-9)
    assert not path.coef[:2].any()
    assert path.coef[2].any()
    np.testing.assert_allclose(path.dev_ratio[:2], 0, atol=1e-12)
    np.testing.assert_allclose(path.predict_proba(X, alpha=path.alphas[0]), 1 / 3, atol=1e-12)


def close(a, b, atol=1e-6):
    np.testing.assert_allclose(a.coef, b.coef, atol=atol)
    np.testing.assert_allclose(a.intercept, b.intercept, atol=atol)


LAWS = {"l1_ratio": 0.7, "alphas": [0.1, 0.03, 0.01], "tol": 1e-13}


@pytest.mark.parametrize("settings", [{}, {"standardize": True}, {"intercept": False}],
                         ids=["plain", "standardize", "no intercept"])
def test_laws_of_weights(settings):
    X, y = IRIS
    rng = np.random.default_rng(0)
    settings = {**LAWS, **settings}
    plain = riata.fit_multinomial_path(X, y, **settings)
    close(plain, riata.fit_multinomial_path(X, y, weights=np.full(len(y), 7.0), **settings))
    weights = rng.integers(0, 3, len(y)).astype(float)
    rows = np.repeat(np.arange(len(y)), weights.astype(int))
    close(riata.fit_multinomial_path(X, y, weights=weights, **settings), riata.fit_multinomial_path(X[rows], y[rows], **settings))


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
def test_sparse_is_dense(standardize, intercept):
    X, y = DIGITS[0][:400], DIGITS[1][:400]
    settings = {"alphas": [0.2, 0.05], "standardize": standardize, "intercept": intercept, "tol": 1e-11}
    dense = riata.fit_multinomial_path(X, y, **settings)
    assert (dense.status == "converged").all()
    for kind in (sparse.csc_matrix, sparse.csr_array):
        close(dense, riata.fit_multinomial_path(kind(X), y, **settings), atol=3e-5)
    close(dense, riata.fit_multinomial_path(sparse.csc_matrix(X.astype(np.float32)), y, **settings), atol=3e-5)


def test_sparse_columns_far_from_zero():
    X, y = IRIS[0] + 1000.0, IRIS[1]
    dense, stored = (riata.fit_multinomial_path(kind(X), y, **LAWS) for kind in (np.asarray, sparse.csc_matrix))
    assert (stored.status == "converged").all()
    np.testing.assert_allclose(stored.coef, dense.coef, atol=1e-6)
    np.testing.assert_allclose(stored.predict_proba(X), dense.predict_proba(X), atol=1e-6)


def test_float32_and_layouts():
    X, y = IRIS[0].astype(np.float32), IRIS[1]
    exact = riata.fit_multinomial_path(X.astype(float), y, **LAWS)
    for other in (X, np.asfortranarray(X), np.ascontiguousarray(X)[:, ::1], np.asfortranarray(X.astype(float))):
        close(exact, riata.fit_multinomial_path(other, y, **LAWS), atol=1e-5)


def test_offset_is_part_of_the_predictor():
    X, y = IRIS
    rng = np.random.default_rng(0)
    b = rng.normal(size=(3, 4))
    free = riata.fit_multinomial_path(X, y, alphas=[0.05], l1_ratio=0.5, tol=1e-12)
    moved = riata.fit_multinomial_path(X, y, alphas=[0.05], l1_ratio=0.5, tol=1e-12, offset=np.full((150, 3), [1.0, -2.0, 3.0]))
    np.testing.assert_allclose(moved.coef, free.coef, atol=1e-6)
    np.testing.assert_allclose(moved.intercept[0] + [1 - 2 / 3, -2 - 2 / 3, 3 - 2 / 3], free.intercept[0], atol=1e-6)
    offset = 0.2 * X @ b.T
    path = riata.fit_multinomial_path(X, y, alphas=[0.01], l1_ratio=0, tol=1e-13, offset=offset)
    best = objective(X, y, path.coef[0], path.intercept[0], 0.01, 0, offset=offset)
    for _ in range(20):
        other = path.coef[0] + 1e-3 * rng.normal(size=(3, 4))
        assert objective(X, y, other, path.intercept[0], 0.01, 0, offset=offset) >= best
    np.testing.assert_allclose(path.predict_proba(X, alpha=0.01, offset=offset).sum(axis=1), 1)


def test_penalty_factors():
    X, y = IRIS
    free = riata.fit_multinomial_path(X, y, penalty_factor=[0, 1, 1, np.inf], alphas=[0.3, 0.1], tol=1e-9)
    assert (free.status == "converged").all()
    assert not free.coef[:, :, 3].any()
    assert free.coef[0, :, 0].all()
    np.testing.assert_allclose(free.coef[:, :, 0].sum(axis=1), 0, atol=1e-9)
    alone = riata.fit_multinomial_path(X[:, :1], y, alphas=[0.0], tol=1e-9)
    at_top = riata.fit_multinomial_path(X, y, penalty_factor=[0, 1, 1, np.inf], alphas=2, tol=1e-9)
    np.testing.assert_allclose(at_top.coef[0, :, 0], alone.coef[0, :, 0], atol=1e-3)
    assert not at_top.coef[0, :, 1:].any()
    double = riata.fit_multinomial_path(X, y, penalty_factor=[2, 2, 2, 2], alphas=[0.1], tol=1e-12)
    close(double, riata.fit_multinomial_path(X, y, alphas=[0.2], tol=1e-12))


def test_reference_class():
    X, y = IRIS
    path = riata.fit_multinomial_path(X, y, reference=1, alphas=[0.05, 0.02], l1_ratio=0.5, tol=1e-11)
    assert (path.status == "converged").all()
    assert path.reference == 1
    assert not path.coef[:, 1].any()
    assert not path.intercept[:, 1].any()
    loose = riata.fit_multinomial_path(X, y, alphas=[0.0], tol=1e-3)
    held = riata.fit_multinomial_path(X, y, reference=1, alphas=[0.0], tol=1e-3)
    np.testing.assert_allclose(loose.predict_proba(X, 0.0), held.predict_proba(X, 0.0), atol=0.05)


def test_two_classes_are_logistic_regression():
    """The symmetric ridge of two classes has half of the coefficients on either side."""
    X, y = IRIS[0][50:], IRIS[1][50:]
    path = riata.fit_multinomial_path(X, y, l1_ratio=0, alphas=[0.02], tol=1e-13)
    peer = LogisticRegression(C=2 / (0.02 * len(y)), solver="newton-cholesky", tol=1e-12).fit(X, y)
    np.testing.assert_allclose(path.coef[0, 1] - path.coef[0, 0], peer.coef_[0], atol=1e-5)


def test_separable_classes_without_a_penalty_are_said_to_be():
    X, y = np.arange(9.0)[:, None], np.repeat([0, 1, 2], 3)
    with pytest.warns(ConvergenceWarning, match="degenerate"):
        path = riata.fit_multinomial_path(X, y, alphas=[0.0])
    assert np.isfinite(path.coef).all()
    assert "without error" in path.notes[0]
    assert (path.predict(X, alpha=0.0) == y).all()
    with pytest.warns(ConvergenceWarning, match="told apart"):
        fit_multinomial(X, y, 3, 0.0, 1.0)
    tiny = riata.fit_multinomial_path(X, y, l1_ratio=0, alphas=[1e-6])
    assert tiny.status[0] == "converged"
    assert np.isfinite(tiny.coef).all()


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e8, 1e150])
def test_scale_of_X(scale):
    X, y = IRIS
    path = riata.fit_multinomial_path(X, y, alphas=5, l1_ratio=1.0, tol=1e-9)
    scaled = riata.fit_multinomial_path(X * scale, y, alphas=5, l1_ratio=1.0, tol=1e-9)
    np.testing.assert_allclose(scaled.alphas, path.alphas * scale, rtol=1e-9)
    np.testing.assert_allclose(scaled.coef * scale, path.coef, atol=1e-3)


def test_duplicate_and_constant_columns():
    X, y = np.column_stack([IRIS[0], IRIS[0][:, 2], np.full(150, 3.0)]), IRIS[1]
    for l1_ratio in (1.0, 0.3, 0.0):
        path = riata.fit_multinomial_path(X, y, l1_ratio=l1_ratio, alphas=10)
        assert (path.status == "converged").all()
        assert not path.coef[:, :, 5].any()
    np.testing.assert_allclose(path.coef[:, :, 2], path.coef[:, :, 4], atol=1e-3)


def test_threads_and_batches_give_the_same_bits():
    X, y = wide(1)
    settings = {"alphas": 8, "alpha_min_ratio": 0.1}
    results = [riata.cross_validate_multinomial(X, y, cv=4, l1_ratio=[0.5, 1.0], n_threads=t, **settings) for t in (1, 2)]
    np.testing.assert_array_equal(results[0].log_loss, results[1].log_loss)
    alone = riata.fit_multinomial_path(X, y, alphas=8, alpha_min_ratio=0.1, l1_ratio=1.0)
    np.testing.assert_array_equal(alone.coef, results[0].paths[1].coef)
    np.testing.assert_array_equal(alone.gap, results[0].paths[1].gap)


def test_cross_validation():
    X, y = WINE
    labels = np.array(["barbera", "barolo", "grignolino"])[y]
    result = riata.cross_validate_multinomial(X, labels, standardize=True, cv=5, alphas=30, seed=1)
    assert result.accuracy[result.index_min].mean() > 0.95
    assert result.alpha_1se >= result.alpha_min
    np.testing.assert_allclose(result.deviance, 2 * result.log_loss)
    rows = result.folds[2]
    train = np.setdiff1d(np.arange(len(y)), rows)
    fold = riata.fit_multinomial_path(X[train], labels[train], standardize=True, alphas=result.alphas[0])
    proba = fold.predict_proba(X[rows])[:, 10]
    np.testing.assert_allclose(-np.log(proba[np.arange(len(rows)), y[rows]]).mean(), result.log_loss[0, 10, 2], rtol=1e-3)
    assert (result.predict(X) == labels).mean() > 0.97
    assert result.predict_proba(X, rule="1se").shape == (178, 3)
    by_accuracy = riata.cross_validate_multinomial(X, labels, standardize=True, cv=5, alphas=10, scoring="accuracy")
    best = by_accuracy.score_mean[by_accuracy.index_min]
    assert best == by_accuracy.score_mean.max() == by_accuracy.accuracy.mean(axis=-1).max()
    assert "MultinomialCVResult" in repr(result)


def test_labels_order_and_prediction():
    X, y = IRIS
    labels = np.array(["setosa", "versicolor", "virginica"], object)[y]
    path = riata.fit_multinomial_path(X, labels, alphas=[0.01, 0.1])
    assert path.alphas.tolist() == [0.01, 0.1]
    assert path.classes.tolist() == ["setosa", "versicolor", "virginica"]
    assert path.predict(X).shape == (150, 2)
    assert path.predict_proba(X).shape == (150, 2, 3)
    assert (path.predict(X, alpha=0.01) == labels).mean() > 0.94
    assert "3" in repr(path)
    with pytest.raises(ValueError, match="nearest fitted"):
        path.predict(X, alpha=0.5)


@pytest.mark.parametrize(("change", "match"), [
    ({"y": np.zeros(150)}, "one class only"),
    ({"y": np.where(np.arange(150) == 3, np.nan, IRIS[1])}, "1 missing label.*row 3"),
    ({"y": [None, *"ab" * 74, "a"]}, "missing label"),
    ({"y": [1, *"ab" * 74, "a"]}, "kind|mixes|labels"),
    ({"y": IRIS[1][:10]}, "one label per row"),
    ({"weights": (IRIS[1] > 0).astype(float)}, "class 0 has no row"),
    ({"weights": -np.ones(150)}, "negative"),
    ({"reference": 9}, "none of the classes"),
    ({"offset": np.zeros(150)}, "a column for each of the 3 classes"),
    ({"offset": np.full((150, 3), np.nan)}, "NaN"),
    ({"X": np.full((150, 2), np.nan)}, "NaN"),
    ({"l1_ratio": 2}, "l1_ratio"),
    ({"tol": 0}, "tol"),
    ({"penalty_factor": [1, 1]}, "penalty_factor"),
    ({"alphas": [0.1], "alpha_min_ratio": 0.1}, "alpha_min_ratio"),
])
def test_bad_input(change, match):
    with pytest.raises(ValueError, match=match):
        riata.fit_multinomial_path(**{"X": IRIS[0], "y": IRIS[1], **change})


def test_bad_folds_and_names():
    X, y = IRIS
    with pytest.raises(ValueError, match=r"class 0 has no row.*fold 0"):
        riata.cross_validate_multinomial(X, y, cv=[(np.arange(50, 150), np.arange(50)), (np.arange(100), np.arange(100, 150))])
    with pytest.raises(ValueError, match="scoring"):
        riata.cross_validate_multinomial(X, y, scoring="c_index")
    with pytest.raises(TypeError, match="weights"):
        riata.fit_multinomial_path(X, y, sample_weight=np.ones(150))


def test_budget_and_epochs():
    X, y = wide(n=400, p=600)
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        path = riata.fit_multinomial_path(X, y, alphas=100, alpha_min_ratio=1e-3, time_budget=1e-3)
    assert path.status[-1] == "time_budget"
    assert np.isnan(path.coef[-1]).all()
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        path = riata.fit_multinomial_path(X, y, alphas=[0.01], max_epochs=1, tol=1e-12)
    assert path.status[0] == "max_iter"
    assert path.gap[0] > 1e-12
    assert np.isfinite(path.coef).all()


def test_progress():
    seen = []
    riata.fit_multinomial_path(*wide(n=400, p=600), alphas=60, progress=lambda done, total: seen.append((done, total)))
    assert all(total == 60 and done <= 60 for done, total in seen)
