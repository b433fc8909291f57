"""Scales at the edge of float64, tolerances beyond it, and fits cut short: the answer is right, or a message says why."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import riata
from riata.linear_model import (
    AdaptiveLasso,
    GroupLasso,
    HuberRegressor,
    LogisticRegression,
    MCPRegressor,
    MultiTaskLasso,
    QuantileRegressor,
    RelaxedLasso,
    SCADRegressor,
    Slope,
    SparseGroupLasso,
)


def data(n=60, p=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, X[:, 0] + rng.normal(size=n)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e12, 1e200, 1e-6, 1e-12, 1e-200])
def test_huber_goes_with_the_scale_of_y(scale):
    X, y = data()
    plain, scaled = HuberRegressor(alpha=0).fit(X, y), HuberRegressor(alpha=0).fit(X, scale * y)
    np.testing.assert_allclose(scaled.coef_ / scale, plain.coef_, rtol=1e-6)
    np.testing.assert_allclose([scaled.intercept_ / scale, scaled.scale_ / scale], [plain.intercept_, plain.scale_], rtol=1e-6)
    np.testing.assert_array_equal(scaled.outliers_, plain.outliers_)


def test_huber_with_a_ridge_goes_with_alpha_over_the_scale():
    X, y = data()
    plain, scaled = HuberRegressor(alpha=3.0).fit(X, y), HuberRegressor(alpha=3e-12).fit(X, 1e12 * y)
    np.testing.assert_allclose(scaled.coef_ / 1e12, plain.coef_, rtol=1e-6)


@pytest.mark.parametrize(("settings", "status"), [({"time_budget": 1e-9}, "time_budget"), ({"max_iter": 1}, "max_iter")])
def test_svm_path_says_what_is_not_converged(settings, status):
    X, y = data()
    with pytest.warns(ConvergenceWarning, match=f"2 of 2 fits are not converged: 2 {status}"):
        path = riata.fit_svm_path(X, y > 0, [1.0, 10.0], **settings)
    assert (path.status == status).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_group_lasso_of_a_target_whose_square_overflows():
    X, y = data()
    coef = GroupLasso(groups=[0, 0, 1, 1]).fit(X, 1e300 * y).coef_
    expected = np.linalg.lstsq(X - X.mean(axis=0), y - y.mean())[0]
    np.testing.assert_allclose(coef / 1e300, expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_a_grid_beyond_float64_blames_the_scale(scale):
    X, y = data()
    with pytest.raises(ValueError, match=r"AdaptiveLasso: the largest alpha.*scale them first"):
        AdaptiveLasso(alpha=None).fit(X, scale * y)


@pytest.mark.parametrize("path", [riata.mcp_path, riata.scad_path])
def test_a_tol_below_what_float64_holds_keeps_the_good_answer(path):
    X, y = data()
    fine = path(X, y, alphas=20, tol=1e-14)
    with pytest.warns(ConvergenceWarning, match="float64 holds no better answer"):
        beyond = path(X, y, alphas=20, tol=1e-30)
    assert beyond.kkt.max() < 1e-14
    assert ((beyond.status == "converged") == (beyond.kkt <= 1e-30)).all()
    np.testing.assert_allclose(beyond.coef, fine.coef, atol=1e-12)


def test_groups_as_a_dict_are_refused():
    X, y = data()
    with pytest.raises(TypeError, match=r"of a dict give list\(groups.values\(\)\)"):
        riata.fit_group_path(X, y, groups={0: [0], 1: [1], 2: [2], 3: [3]})


@pytest.mark.parametrize(("model", "name"), [
    (MCPRegressor(0.1, cv="bogus"), "cv"), (SCADRegressor(0.1, cv=-1), "cv"), (Slope(0.1, alphas=[]), "alphas"),
    (AdaptiveLasso(0.1, cv="bogus"), "cv"), (RelaxedLasso(0.1, cv=0), "cv"), (RelaxedLasso(0.1, alphas=[-1.0]), "alphas"),
    (QuantileRegressor(solver_options="bogus"), "solver_options"), (LogisticRegression(dual="bogus"), "dual"),
    (LogisticRegression(intercept_scaling=np.nan), "intercept_scaling")], ids=str)
def test_parameters_are_checked_where_they_are_not_used(model, name):
    X, y = data()
    with pytest.raises(ValueError, match=name):
        model.fit(X, y > 0)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("model", [GroupLasso(groups=[0, 0, 1, 1]), MultiTaskLasso(), SparseGroupLasso(groups=[0, 0, 1, 1])],
                         ids=str)
def test_groups_of_tiny_columns_give_no_warning_from_inside(model):
    X, y = data()
    assert not model.fit(1e-200 * X, np.column_stack([y, y]) if isinstance(model, MultiTaskLasso) else y).coef_.any()
