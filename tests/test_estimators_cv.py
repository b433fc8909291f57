"""ElasticNetCV and LassoCV: the numbers of scikit-learn for every kind of fold."""

import numpy as np
import pytest
import sklearn.linear_model as reference
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.model_selection import KFold, ShuffleSplit, TimeSeriesSplit

from riata.linear_model import ElasticNet, ElasticNetCV, LassoCV
from scikit_learn_peers import CROSS_VALIDATED, EXACT, make_data, theirs_of

ROWS = np.arange(120)
CV_CASES = {
    "default": ({}, {}),
    "int": ({"cv": 3}, {}),
    "shuffled": ({"cv": KFold(4, shuffle=True, random_state=0)}, {}),
    "time series": ({"cv": TimeSeriesSplit(3)}, {}),
    "random splits": ({"cv": ShuffleSplit(3, test_size=0.3, random_state=1)}, {}),
    "one fold": ({"cv": [(ROWS[:60], ROWS[60:])]}, {}),
    "masks": ({"cv": [(ROWS < 80, ROWS >= 80), (ROWS >= 50, ROWS < 50)]}, {}),
    "repeated rows": ({"cv": [(np.r_[0:80, 0:40], np.r_[80:120, 90:95]), (ROWS[40:], ROWS[:40])]}, {}),
    "no intercept": ({"fit_intercept": False}, {}),
    "positive": ({"positive": True}, {}),
    "given alphas": ({"alphas": [0.1, 1.0, 0.01, 0.3]}, {}),
    "one alpha": ({"alphas": [0.2]}, {}),
    "eps": ({"eps": 0.05}, {}),
    "weights": ({}, {"sample_weight": np.random.default_rng(5).integers(0, 3, 120).astype(float)}),
    "weights, time series": ({"cv": TimeSeriesSplit(3)}, {"sample_weight": np.linspace(0.5, 2, 120)}),
    "weights, repeated rows": (
        {"cv": [(np.r_[0:80, 0:40], ROWS[80:])]},
        {"sample_weight": np.linspace(0.5, 2, 120)},
    ),
}


@pytest.mark.parametrize("case", CV_CASES)
@pytest.mark.parametrize("density", [None, 0.4])
@pytest.mark.parametrize("Model", CROSS_VALIDATED)
def test_cross_validation_agrees_with_scikit_learn(Model, case, density):
    settings, fit_params = CV_CASES[case]
    X, y = make_data(seed=10, density=density)
    settings = {"alphas": 12, **EXACT, **settings}
    if Model is ElasticNetCV:
        settings["l1_ratio"] = [0.3, 1.0]
    ours = Model(**settings).fit(X, y, **fit_params)
    theirs = theirs_of(Model)(**settings).fit(sparse.csc_matrix(X) if density else X, y, **fit_params)
    assert ours.mse_path_.shape == theirs.mse_path_.shape
    np.testing.assert_allclose(ours.alphas_, theirs.alphas_, rtol=1e-10)
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-6)
    np.testing.assert_allclose(ours.alpha_, theirs.alpha_, rtol=1e-10)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-6 * (1e-12 + np.abs(theirs.coef_).max()))
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-6 * (1 + abs(theirs.intercept_)))
    assert hasattr(ours, "l1_ratio_") == hasattr(theirs, "l1_ratio_")
    if Model is ElasticNetCV:
        assert ours.l1_ratio_ == theirs.l1_ratio_


def test_diabetes_cross_validation_agrees_with_scikit_learn():
    X, y = load_diabetes(return_X_y=True)
    settings = {"l1_ratio": [0.1, 0.5, 0.9, 1.0], "cv": 10, **EXACT}
    ours, theirs = ElasticNetCV(**settings).fit(X, y), reference.ElasticNetCV(**settings).fit(X, y)
    assert ours.mse_path_.shape == (4, 100, 10)
    np.testing.assert_allclose(ours.mse_path_, theirs.mse_path_, rtol=1e-7)
    assert ours.alpha_ == pytest.approx(theirs.alpha_, rel=1e-10)
    assert ours.l1_ratio_ == theirs.l1_ratio_
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-3)


def test_the_chosen_model_is_the_single_fit_at_the_chosen_alpha():
    X, y = make_data(seed=11)
    chosen = ElasticNetCV(l1_ratio=[0.2, 0.8], **EXACT).fit(X, y)
    single = ElasticNet(alpha=chosen.alpha_, l1_ratio=chosen.l1_ratio_, **EXACT).fit(X, y)
    np.testing.assert_allclose(chosen.coef_, single.coef_, atol=1e-7)
    np.testing.assert_allclose(chosen.intercept_, single.intercept_, atol=1e-6)


def test_n_jobs_changes_no_bit():
    X, y = make_data(seed=12)
    one = ElasticNetCV(n_jobs=1).fit(X, y)
    for n_jobs in (None, 2, -1):
        other = ElasticNetCV(n_jobs=n_jobs).fit(X, y)
        np.testing.assert_array_equal(other.mse_path_, one.mse_path_)
        np.testing.assert_array_equal(other.coef_, one.coef_)


def test_constant_y_gives_zeros():
    X, _ = make_data(seed=13)
    model = LassoCV(cv=3).fit(X, np.full(len(X), 2.5))
    assert not model.coef_.any()
    assert model.intercept_ == pytest.approx(2.5)
    assert not ElasticNet(alpha=0.1).fit(X, np.zeros(len(X))).coef_.any()


def test_verbose_writes_progress_and_is_quiet_by_default(capsys):
    X, y = make_data(seed=14)
    LassoCV(cv=3, alphas=5).fit(X, y)
    assert capsys.readouterr() == ("", "")
    LassoCV(cv=3, alphas=5, verbose=1).fit(X, y)
    assert "LassoCV" in capsys.readouterr().err
