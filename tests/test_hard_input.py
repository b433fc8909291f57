"""Hard but valid input: one row, constants, duplicates, collinear, extreme scales."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import riata


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 4))
    return X, X @ [1.0, 0.0, -2.0, 0.5] + rng.normal(size=20)


def quiet(function, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return function(*arguments, **options)


def test_one_row_is_its_own_mean():
    path = quiet(riata.fit_path, np.array([[1.0, 2.0]]), [3.0], alphas=4)
    np.testing.assert_array_equal(path.coef, 0)
    np.testing.assert_array_equal(path.intercept, 3.0)
    assert set(path.status) == {"converged"}


def test_one_row_without_an_intercept():
    path = quiet(riata.fit_path, np.array([[2.0]]), [3.0], alphas=[1.0], intercept=False)
    np.testing.assert_allclose(path.coef, [[(2 * 3 - 1) / 4]])


def test_one_row_cannot_be_cross_validated():
    for function in (riata.cross_validate_path, riata.nested_cross_validate):
        with pytest.raises(ValueError, match="at least 2 rows"):
            function(np.array([[1.0, 2.0]]), [3.0])


def test_constant_columns_get_no_coefficient(data):
    X, y = data
    wide = np.c_[X, np.full(20, 7.0), np.zeros(20)]
    for standardize in (False, True):
        path = quiet(riata.fit_path, wide, y, alphas=10, standardize=standardize)
        np.testing.assert_array_equal(path.coef[:, 4:], 0)
        alone = riata.fit_path(X, y, alphas=10, standardize=standardize)
        np.testing.assert_allclose(path.coef[:, :4], alone.coef, atol=1e-3)
        np.testing.assert_allclose(path.dev_ratio, alone.dev_ratio, atol=1e-5)


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
@pytest.mark.parametrize("l1_ratio", [0.3, 0.9])
@pytest.mark.parametrize("wide", [1, 60])
def test_standardised_columns_that_are_constant_in_a_fold(solver, l1_ratio, wide):
    """One-hot columns: those of the held-out rows are zero in the rest, and rounding of them has no say in the gap."""
    y = np.tile([0.0, 1.0, 4.0, 4.0, 1.0, 0.0], 2 * wide)
    X = np.column_stack([np.arange(12.0 * wide), np.repeat(np.eye(12), wide, axis=0)])
    fold = np.arange(12 * wide) // (4 * wide)
    cv = quiet(riata.cross_validate_path, X, y, l1_ratio=l1_ratio, alphas=40, cv=fold, standardize=True, solver=solver, tol=1e-9)
    assert set(cv.fold_status.ravel()) == {"converged"}
    for k, test in enumerate(cv.folds):
        rest = np.setdiff1d(np.arange(len(y)), test)
        kept = np.flatnonzero(X[rest].std(axis=0) > 0)
        alone = riata.fit_path(X[np.ix_(rest, kept)], y[rest], l1_ratio=l1_ratio, alphas=cv.alphas[0], standardize=True, tol=1e-9)
        # the held-out columns' coefficients are zero: predictions are those of the rest alone
        error = ((y[test][:, None] - alone.predict(X[np.ix_(test, kept)])) ** 2).mean(axis=0)
        np.testing.assert_allclose(cv.deviance[0, :, k], error, rtol=1e-3)


def test_a_constant_target_has_no_coefficients(data):
    X, _ = data
    path = quiet(riata.fit_path, X, np.full(20, 0.1), alphas=5)
    np.testing.assert_array_equal(path.coef, 0)
    np.testing.assert_allclose(path.intercept, 0.1, rtol=1e-15)
    assert set(path.status) == {"converged"}


def test_duplicate_columns_share_or_split_but_predict_the_same(data):
    X, y = data
    path = quiet(riata.fit_path, np.c_[X, X], y, alphas=[0.1], tol=1e-10)
    single = riata.fit_path(X, y, alphas=[0.1], tol=1e-10)
    np.testing.assert_allclose(path.coef[:, :4] + path.coef[:, 4:], single.coef, atol=1e-4)
    ridge = quiet(riata.fit_path, np.c_[X, X], y, alphas=[0.1], l1_ratio=0.2, tol=1e-12)
    np.testing.assert_allclose(ridge.coef[:, :4], ridge.coef[:, 4:], atol=1e-5)


def test_alpha_zero_with_more_features_than_rows_is_flagged():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(6, 15)), rng.normal(size=6)
    with pytest.warns(ConvergenceWarning, match="1 degenerate"):
        path = riata.fit_path(X, y, alphas=[0.1, 0.0])
    assert path.status.tolist() == ["converged", "degenerate"]
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(path.coef[1], np.linalg.pinv(centred) @ (y - y.mean()), atol=1e-8)


def test_collinear_features_without_a_penalty_are_flagged(data):
    X, y = data
    doubled = np.c_[X, 2 * X[:, 0]]
    with pytest.warns(ConvergenceWarning, match="degenerate"):
        path = riata.fit_path(doubled, y, alphas=[0.3], penalty_factor=[0, 1, 1, 1, 0], tol=1e-12)
    assert path.status.tolist() == ["degenerate"]
    single = riata.fit_path(X, y, alphas=[0.3], penalty_factor=[0, 1, 1, 1], tol=1e-12)
    np.testing.assert_allclose(path.coef[0, 0] + 2 * path.coef[0, 4], single.coef[0, 0], atol=1e-5)
    assert path.coef[0, 4] == pytest.approx(2 * path.coef[0, 0], abs=1e-5)          # minimum norm along (1, 2)


@pytest.mark.parametrize(("x_scale", "y_scale"), [(1e150, 1.0), (1e-150, 1.0), (1.0, 1e300), (1.0, 1e-300),
                                                  (1e150, 1e150), (1e-150, 1e-150), (1e-150, 1e150), (1e150, 1e-150)])
def test_extreme_scales_change_nothing_but_the_unit(data, x_scale, y_scale):
    X, y = data
    plain = riata.fit_path(X, y, alphas=5, tol=1e-10)
    path = quiet(riata.fit_path, X * x_scale, y * y_scale, alphas=5, tol=1e-10)
    assert set(path.status) == {"converged"}
    np.testing.assert_allclose(path.dev_ratio, plain.dev_ratio, atol=1e-6)
    np.testing.assert_allclose(path.coef / y_scale * x_scale, plain.coef, atol=1e-4)


@pytest.mark.parametrize(("x_scale", "y_scale"), [(1e150, 1e300), (1e-150, 1e300), (1e-200, 1e-200)])
def test_numbers_beyond_float64_are_never_called_converged(data, x_scale, y_scale):
    """The largest alpha is x·y in size and a coefficient y/x: one of them cannot be written down here."""
    X, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        path = riata.fit_path(X * x_scale, y * y_scale, alphas=5)
    converged = path.status == "converged"
    assert np.isfinite(path.coef[converged]).all()
    assert np.isfinite(path.alphas[converged]).all()


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_extreme_scales_of_x(data, scale):
    X, y = data
    path = quiet(riata.fit_path, X * scale, y, alphas=5)
    assert set(path.status) <= {"converged"}
    np.testing.assert_allclose(path.dev_ratio, riata.fit_path(X, y, alphas=5).dev_ratio, atol=1e-4)


def test_very_many_features_and_few_rows():
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(5, 20_000)), rng.normal(size=5)
    path = quiet(riata.fit_path, X, y, alphas=10)
    assert (np.count_nonzero(path.coef, axis=1) <= 5).all()
    assert (path.gap <= 1e-6).all()


def test_integers_and_booleans_are_numbers(data):
    rng = np.random.default_rng(5)
    X = rng.integers(0, 2, size=(30, 4))
    y = rng.integers(0, 5, size=30)
    expected = riata.fit_path(X.astype(float), y.astype(float), alphas=3).coef
    np.testing.assert_array_equal(riata.fit_path(X, y, alphas=3).coef, expected)
    np.testing.assert_array_equal(riata.fit_path(X.astype(bool), y, alphas=3).coef, expected)


def test_weight_zero_rows_may_hold_anything_finite(data):
    X, y = data
    weights = np.ones(20)
    weights[0] = 0
    plain = riata.fit_path(X, y, weights=weights, alphas=[0.1], tol=1e-12).coef
    X[0], y[0] = 1e6, -1e6
    np.testing.assert_allclose(riata.fit_path(X, y, weights=weights, alphas=[0.1], tol=1e-12).coef, plain, atol=1e-6)
