"""Bad arguments of the estimators are named, and a fit that falls short warns once."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

from riata.linear_model import ElasticNet, ElasticNetCV, LassoCV
from scikit_learn_peers import make_data


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("alpha", -1.0),
        ("alpha", float("nan")),
        ("alpha", float("inf")),
        ("alpha", "1"),
        ("l1_ratio", 1.1),
        ("l1_ratio", -0.1),
        ("l1_ratio", [0.5]),
        ("fit_intercept", "yes"),
        ("precompute", "often"),
        ("max_iter", 0),
        ("max_iter", 10.5),
        ("max_iter", 10**30),
        ("tol", -1e-4),
        ("selection", "greedy"),
        ("positive", 1.0),
        ("random_state", "seed"),
    ],
)
def test_a_bad_parameter_is_named_with_its_value(parameter, value):
    X, y = make_data(seed=26)
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of ElasticNet") as error:
        ElasticNet(**{parameter: value}).fit(X, y)
    assert repr(value) in str(error.value)
    assert isinstance(error.value, TypeError)  # as scikit-learn's InvalidParameterError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"eps": 0.0}, "'eps'"),
        ({"eps": 1.5}, "'eps'"),
        ({"alphas": 0}, "'alphas'"),
        ({"alphas": [0.1, -0.5]}, r"alphas\[1\] == -0.5"),
        ({"alphas": [0.1, float("nan")]}, r"alphas\[1\]"),
        ({"alphas": [[0.1]]}, "one-dimensional"),
        ({"alphas": ["a"]}, "must be numbers"),
        ({"l1_ratio": [0.5, 2.0]}, "l1_ratio"),
        ({"l1_ratio": []}, "l1_ratio"),
        ({"l1_ratio": 0.0}, "l1_ratio=0"),
        ({"n_jobs": 0}, "'n_jobs'"),
        ({"n_jobs": 10**12}, "'n_jobs'"),
        ({"cv": 1}, "n_splits"),
        ({"cv": []}, "no folds"),
        ({"cv": [([], [1, 2])]}, "no training rows"),
        ({"cv": [([0, 1], [])]}, "no test rows"),
        ({"cv": [([0, 1, 500], [2, 3])]}, "outside the 120 rows"),
        ({"precompute": np.zeros((3, 3))}, "precompute"),
    ],
)
def test_bad_cross_validation_arguments_are_named(settings, message):
    X, y = make_data(seed=27)
    with pytest.raises(ValueError, match=message):
        ElasticNetCV(**settings).fit(X, y)


def test_bad_weights_are_named():
    X, y = make_data(seed=28)
    ones = np.ones(len(y))
    for weights, message in (
        (ones[:-1], "sample_weight.shape"),
        (ones[:, None], "1D array or scalar"),
        (np.where(np.arange(len(y)) == 7, -1.0, ones), r"sample_weight\[7\] == -1"),
        (np.zeros(len(y)), "zero for every row"),
        (np.where(np.arange(len(y)) == 7, np.nan, ones), "NaN"),
    ):
        for model in (ElasticNet(), LassoCV(cv=3)):
            with pytest.raises(ValueError, match=message):
                model.fit(X, y, weights)
    with pytest.raises(ValueError, match="test rows of fold 0"):
        LassoCV(cv=3).fit(X, y, np.r_[np.zeros(40), np.ones(80)])
    np.testing.assert_array_equal(ElasticNet().fit(X, y, 2.0).coef_, ElasticNet().fit(X, y).coef_)


def test_bad_data_is_refused():
    X, y = make_data(seed=29)
    broken = X.copy()
    broken[3, 4] = np.nan
    for model in (ElasticNet(), ElasticNetCV(cv=3)):
        with pytest.raises(ValueError, match="NaN"):
            model.fit(broken, y)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            model.fit(X, y[:-1])
        with pytest.raises(ValueError, match="0 feature"):
            model.fit(X[:, :0], y)
        with pytest.raises(ValueError, match="0 sample"):
            model.fit(X[:0], y[:0])
        with pytest.raises(ValueError, match=r"[Cc]omplex"):
            model.fit(X.astype(complex), y)
    with pytest.raises(ValueError, match="fit_batch"):
        ElasticNetCV().fit(X, np.column_stack([y, y]))
    with pytest.warns(DataConversionWarning):
        ElasticNetCV(cv=3).fit(X, y[:, None])
    with pytest.raises(TypeError, match="sparse"):
        ElasticNet().fit(X, sparse.csr_matrix(y[:, None]))


def test_one_warning_with_counts_where_fits_fall_short():
    X, y = make_data(seed=30, n=60, p=200)
    X = X + 20 * X[:, :1]  # strongly correlated: one epoch cannot do
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LassoCV(cv=3, max_iter=1, tol=1e-14).fit(X, y)
    messages = [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]
    assert len(messages) == 1
    assert "of 400 fits" in messages[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LassoCV(cv=3, max_iter=100_000).fit(X, y)
