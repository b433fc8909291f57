"""Every bad argument is refused with its name, its value and a remedy; hard but valid input gets an honest answer."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

import riata
from native_functions import FUNCTIONS, every_function
from riata.linear_model import ElasticNet


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 4))
    return X, X @ [1.0, 0.0, -2.0, 0.5] + rng.normal(size=20)


# ---- X ----

@every_function
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, sp.csc_array, sp.csr_array,
                                     lambda X: X.astype(np.float32)])
def test_nan_and_infinity_in_x_name_the_column_and_count_the_cells(function, data, bad, storage):
    X, y = data
    X[[3, 7, 8], 2] = bad
    with pytest.raises(ValueError, match=r"X has 3 NaN or infinite values in column 2, .*(Impute|drop)"):
        function(storage(X), y)


def test_nan_in_a_table_names_the_column(data):
    X, y = data
    X[4, 1] = np.nan
    table = pd.DataFrame(X, columns=["age", "dose", "height", "weight"])
    with pytest.raises(ValueError, match=r"1 NaN or infinite value in column 'dose' \(index 1\)"):
        riata.fit_path(table, y)


@every_function
@pytest.mark.parametrize(("shape", "message"), [
    ((0, 4), "X has 0 rows"), ((20, 0), "X has 0 columns"), ((0, 0), "X has 0 rows"), ((20,), r"X has shape \(20,\)"),
    ((20, 4, 1), r"X has shape \(20, 4, 1\)")])
def test_empty_x_and_wrong_shapes(function, shape, message):
    with pytest.raises(ValueError, match=message):
        function(np.ones(shape), np.ones(20))


@every_function
def test_object_and_complex_x(function, data):
    X, y = data
    with pytest.raises(ValueError, match=r"X has dtype object.*astype"):
        function(X.astype(object), y)
    with pytest.raises(ValueError, match="complex"):
        function(X.astype(complex), y)


def test_new_data_are_checked_as_well(data):
    X, y = data
    path = riata.fit_path(X, y, alphas=3)
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="1 NaN or infinite value in column 0"):
        path.predict(X)


# ---- y, weights, offset ----

@every_function
@pytest.mark.parametrize(("change", "message"), [
    (lambda y: y[:-1], "19 rows and X has 20"),
    (lambda y: np.r_[y[:-2], np.nan, np.inf], r"2 NaN or infinite values, the first in row 18"),
    (lambda y: y.astype(complex), "complex"),
    (lambda y: y.astype(object), "dtype object"),
    (lambda y: np.array(["a"] * 20), "dtype <U1"),
    (lambda y: np.float64(1.0), r"1 is one number; expected \(n,\)"),
], ids=["length", "nan", "complex", "object", "text", "scalar"])
def test_bad_targets(function, data, change, message):
    X, y = data
    with pytest.raises(ValueError, match=f"[yY] (has|=) .*{message}"):
        function(X, change(y))


def test_two_targets_are_for_fit_batch(data):
    X, y = data
    for function in (FUNCTIONS[0], *FUNCTIONS[2:]):
        with pytest.raises(ValueError, match=r"y has shape \(20, 2\); expected \(n,\)"):
            function(X, np.c_[y, y])
    with pytest.raises(ValueError, match="Y has 0 columns"):
        riata.fit_batch(X, np.empty((20, 0)))


@every_function
@pytest.mark.parametrize(("weights", "message"), [
    (-np.ones(20), r"20 negative values, the first weights\[0\] = -1"),
    (np.r_[np.ones(19), -0.5], r"1 negative value, the first weights\[19\] = -0.5"),
    (np.zeros(20), "all weights are 0"),
    (np.r_[np.ones(19), np.nan], "weights has 1 NaN"),
    (np.r_[np.ones(19), np.inf], "weights has 1 NaN or infinite value, the first in row 19; drop this row"),
    (np.ones(19), "weights has 19 rows"),
    (np.array(["a"] * 20), "weights has dtype"),
], ids=["negative", "one_negative", "zero", "nan", "inf", "length", "text"])
def test_bad_weights(function, data, weights, message):
    with pytest.raises(ValueError, match=message):
        function(*data, weights=weights)


def test_bad_weights_of_a_batch_name_the_column(data):
    X, y = data
    weights = np.ones((20, 3))
    weights[:, 1] = 0
    with pytest.raises(ValueError, match="all weights are 0 in column 1"):
        riata.fit_batch(X, y, weights=weights)
    weights[4, 2] = -1
    with pytest.raises(ValueError, match=r"weights\[4, 2\] = -1"):
        riata.fit_batch(X, y, weights=weights)
    with pytest.raises(ValueError, match="Y has 2 columns and weights has 3"):
        riata.fit_batch(X, np.c_[y, y], weights=np.ones((20, 3)))
    with pytest.raises(ValueError, match="weights has 0 columns"):
        riata.fit_batch(X, y, weights=np.ones((20, 0)))
    with pytest.raises(ValueError, match="weights has shape"):
        riata.fit_path(X, y, weights=np.ones((20, 3)))


@every_function
def test_bad_offset(function, data):
    with pytest.raises(ValueError, match="offset has 3 rows"):
        function(*data, offset=np.ones(3))
    with pytest.raises(ValueError, match="offset has 20 NaN"):
        function(*data, offset=np.full(20, np.nan))


# ---- the penalty ----

@every_function
@pytest.mark.parametrize(("alphas", "error", "message"), [
    ([0.1, -0.2], ValueError, r"alphas contains -0\.2"),
    ([np.nan], ValueError, "alphas contains nan"),
    ([np.inf], ValueError, "alphas contains inf"),
    ([], ValueError, "alphas is empty"),
    (0, ValueError, "alphas = 0 must be at least 1"),
    (0.5, TypeError, r"write alphas=\[0\.5\]"),
    (True, TypeError, "alphas = True"),
    (None, TypeError, "alphas = None"),
    (["a"], ValueError, "alphas holds 'a', which is not a real number: give a number in its place"),
    ({1, 2}, ValueError, "alphas is a set; pass an array or a list of numbers"),
    ("a", ValueError, r"alphas = 'a' is text; expected \(L,\)"),
    (np.array(5), ValueError, r"alphas = 5 is one number; expected \(L,\)"),
])
def test_bad_alphas(function, data, alphas, error, message):
    with pytest.raises(error, match=message):
        function(*data, alphas=alphas)


def test_alphas_of_a_batch_need_a_row_per_problem(data):
    X, y = data
    with pytest.raises(ValueError, match=r"alphas has shape \(3, 2\); expected \(L,\), or \(1, L\)"):
        riata.fit_batch(X, y, alphas=np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"l1_ratio has shape \(3,\)"):
        riata.fit_batch(X, y, l1_ratio=[1, 1, 1])


@every_function
@pytest.mark.parametrize(("l1_ratio", "error"), [(-0.1, ValueError), (1.0001, ValueError), (np.nan, ValueError),
                                                 (True, TypeError), (None, None), ("lasso", None), ([], None),
                                                 ([2.0], None)])
def test_bad_l1_ratio(function, data, l1_ratio, error):
    """Where a list is allowed, what is neither is refused as a list: a ValueError instead of a TypeError."""
    with pytest.raises(error or (TypeError, ValueError), match="l1_ratio"):
        function(*data, l1_ratio=l1_ratio)


@every_function
@pytest.mark.parametrize(("option", "value", "message"), [
    ("penalty_factor", [1, -1, 1, 1], r"penalty_factor\[1\] = -1"),
    ("penalty_factor", [1, np.nan, 1, 1], r"penalty_factor\[1\] = nan"),
    ("penalty_factor", [np.inf] * 4, "inf for every feature"),
    ("penalty_factor", [1, 1], "2 entries and X has 4 columns"),
    ("penalty_factor", [[1, 1, 1, 1]], "penalty_factor has shape"),
    ("lower", 0.5, r"lower\[0\] = 0\.5 is above 0"),
    ("lower", [-1, -1, 0.1, -1], r"lower\[2\] = 0\.1 is above 0"),
    ("lower", [0, 0], "2 entries"),
    ("lower", np.nan, r"lower\[0\] = nan is not a number"),
    ("upper", -0.5, r"upper\[0\] = -0\.5 is below 0"),
    ("upper", [1, 1, 1, np.nan], r"upper\[3\] = nan"),
    ("lower", "a", r"lower = 'a' is text; expected a number, or \(p,\): one per column of X, p = 4"),
    ("lower", [None] * 4, "lower holds None, which is not a real number: give a number in its place"),
])
def test_bad_penalty_factors_and_bounds(function, data, option, value, message):
    with pytest.raises(ValueError, match=message):
        function(*data, **{option: value})


# ---- the rest ----

@every_function
@pytest.mark.parametrize(("option", "value"), [
    ("positive", 1), ("positive", "yes"), ("intercept", None), ("standardize", 1.0), ("solver", "magic"),
    ("tol", 0.0), ("tol", -1.0), ("tol", np.nan), ("tol", "small"), ("max_epochs", 0), ("max_epochs", 10.0),
    ("alpha_min_ratio", 0.0), ("alpha_min_ratio", 1.0), ("alpha_min_ratio", 2.0),
    ("n_threads", 0), ("n_threads", -2), ("n_threads", 1.5),
    ("time_budget", 0.0), ("time_budget", -1), ("backend", "cuda"), ("progress", 3)])
def test_bad_settings_name_the_argument_and_the_value(function, data, option, value):
    with pytest.raises((ValueError, TypeError), match=option) as caught:
        function(*data, **{option: value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("function", [riata.fit_path, riata.fit_batch])
@pytest.mark.parametrize(("option", "value"), [("stop_dev_ratio", 0.0), ("stop_dev_ratio", 1.5), ("stop_dev_change", -0.1)])
def test_bad_stop_rules_name_the_argument_and_the_value(function, data, option, value):
    with pytest.raises(ValueError, match=option) as caught:
        function(*data, **{option: value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(("options", "message"), [
    ({"tol": -1}, r"tol = -1 is outside \(0, inf\): give a finite number above 0"),
    ({"time_budget": 0}, r"time_budget = 0 is outside \(0, inf\): give a number above 0"),
    ({"alpha_min_ratio": 2}, r"alpha_min_ratio = 2 is outside \(0, 1\): give a number above 0 and below 1")])
def test_a_number_out_of_bounds_gets_a_remedy(data, options, message):
    with pytest.raises(ValueError, match=message):
        riata.fit_path(*data, **options)


def test_missing_and_surplus_columns_are_named_at_prediction(data):
    X, y = data
    table = pd.DataFrame(X, columns=list("abcd"))
    path = riata.fit_path(table, y, alphas=3)
    with pytest.raises(ValueError, match="X has 3 columns; the model was fitted on 4: missing 'd'"):
        path.predict(table[["a", "b", "c"]])
    with pytest.raises(ValueError, match="X has 5 columns; the model was fitted on 4: drop 'e'"):
        path.predict(table.assign(e=1.0))
    with pytest.raises(ValueError, match="pass an X of 4 columns"):
        path.predict(X[:, :3])


# ---- what a new user tried ----

@pytest.mark.parametrize(("options", "message"), [
    ({"penalty_factor": 2.0}, r"penalty_factor = 2 is one number; expected \(p,\): one per column of X, p = 4"),
    ({"weights": 2.0}, r"weights = 2 is one number; expected \(n,\).*: one per row, n = 20"),
    ({"offset": 1.0}, r"offset = 1 is one number; expected \(n,\): one per row, n = 20"),
    ({"lower": [[-1.0] * 4]}, r"lower has shape \(1, 4\); expected a number, or \(p,\): one per column of X, p = 4"),
    ({"alphas": 10 ** 12}, "alphas = 1000000000000 is more than 1000000 as a number of alphas: write alphas=")])
def test_shapes_and_counts_are_named(data, options, message):
    for function in FUNCTIONS[:3]:
        with pytest.raises(ValueError, match=message):
            function(*data, **options)


@pytest.mark.parametrize("kind", [pd.Series, pl.Series, lambda v: pd.Series(v, dtype="category"),
                                  lambda v: pd.Series(v, name="values")])
def test_a_target_of_text_gets_advice_for_a_target(data, kind):
    with pytest.raises(ValueError, match=r"^y holds values of type .* code two classes as 0 and 1") as caught:
        riata.fit_path(data[0], kind(["a", "b"] * 10))
    assert "values'" not in str(caught.value)


@pytest.mark.parametrize("groups", [np.r_[np.nan, np.arange(19)], np.array([None] + ["a", "b", "c"] * 6 + ["a"], object),
                                    pd.Series([pd.NA] + [1] * 9 + [2] * 10, dtype="Int64"),
                                    np.array(["NaT"] + ["2020-01-01"] * 9 + ["2021-01-01"] * 10, "M8[D]")])
def test_a_missing_group_is_refused(data, groups):
    with pytest.raises(ValueError, match="groups has 1 missing value, the first in row 0: give every row a group"):
        riata.cross_validate_path(*data, groups=groups, cv=2, alphas=3)


def test_groups_of_two_kinds_are_refused(data):
    with pytest.raises(ValueError, match="groups mixes values that cannot be compared"):
        riata.cross_validate_path(*data, groups=np.array([1, "a"] * 10, object), cv=2)


def test_two_columns_of_one_name_are_refused_as_scikit_learn_does(data):
    X = pd.DataFrame(data[0], columns=["a", "b", "a", "c"])
    with pytest.raises(ValueError, match=r"X has two columns of one name, 'a': rename one, or pass X.to_numpy\(\)"):
        riata.fit_path(X, data[1])
    with pytest.raises(ValueError, match="X has two columns of one name, 'a'"):
        ElasticNet().fit(X, data[1])


@pytest.mark.parametrize(("i", "error", "message"), [
    (5, IndexError, r"\[5\]: there is no such problem, the batch holds 2: 0 to 1, or -2 to -1"),
    ("a", TypeError, r"\['a'\]: number a problem by an int from 0 to 1"), (1.0, TypeError, r"\[1.0\]: number a problem")])
def test_problems_of_a_batch_are_numbered(data, i, error, message):
    many = riata.fit_batch(data[0], np.c_[data[1], data[1]], alphas=3)
    with pytest.raises(error, match=message):
        many[i]
    assert len(list(many)) == 2
    assert many[np.int64(-1)].alphas.shape == (3,)


def test_large_weights_and_tiny_targets_leak_no_warning(data):
    X, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function in FUNCTIONS:
            huge, ones = function(X, y, weights=np.full(20, 1e308), alphas=3), function(X, y, alphas=3)
            if hasattr(huge, "coef"):
                np.testing.assert_array_equal(huge.coef, ones.coef)
        riata.fit_path(X, y * 1e-320, alphas=3)
        riata.cross_validate_path(X, y * 1e-320, alphas=3, cv=3)
        ElasticNet().fit(X, y * 1e-320)


def test_advice_where_float64_is_the_limit(data):
    X, y = data
    Z = np.random.default_rng(0).normal(size=(300, 141))         # of fewer features even these paths are solved
    Z, z = Z[:, :140], Z[:, 140]
    for arguments in ({"X": Z * 1e20, "y": z, "alphas": [0.1]}, {"X": X, "y": y, "alphas": 30, "tol": 1e-300}):
        with pytest.warns(ConvergenceWarning, match="float64 holds no better answer at this scale") as said:
            riata.fit_path(**arguments)
        assert "max_epochs" not in str(said[0].message)
    with pytest.warns(ConvergenceWarning, match="float64 holds no better answer at this scale") as said:
        ElasticNet(alpha=0.1, tol=1e-6).fit(Z * 1e20, z)
    assert "max_iter" not in str(said[0].message)
    for fit in (lambda: riata.fit_path(Z, z, alphas=[1e-17]),
                lambda: ElasticNet(alpha=1e-17, l1_ratio=1.0, tol=1e-6).fit(Z, z)):
        with pytest.warns(ConvergenceWarning, match="below 1e-12 of the largest that matters, alpha_max, use alpha = 0 "):
            fit()
    hard = np.cumsum(X, axis=0) + 100
    with pytest.warns(ConvergenceWarning, match="Raise max_epochs or tol") as said:
        riata.fit_path(hard, y, alphas=3, max_epochs=1, solver="residual", tol=1e-12)
    assert "float64" not in str(said[0].message)


def test_underflow_is_named_and_leaves_no_coefficients(data):
    X, y = data
    with pytest.warns(ConvergenceWarning, match="3 not_finite .the numbers over- or underflowed; rescale X or y"):
        path = riata.fit_path(X * 1e-170, y * 1e-170, alphas=3)
    assert set(path.status) == {"not_finite"}
    assert np.isnan(path.coef).all()
    assert np.isnan(path.intercept).all()
    assert path.notes == []
