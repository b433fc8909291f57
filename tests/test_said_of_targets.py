"""What is said of targets that cannot be taken: labels, missing values, survival times."""

import numpy as np
import pandas as pd
import pytest

import riata
from riata.linear_model import (
    CoxRegressor,
    ElasticNet,
    HuberRegressor,
    LinearSVC,
    LogisticRegression,
    MultiTaskLasso,
    PenalizedClassifier,
    Ridge,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    Slope,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
CODES = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
WORDS = np.where(CODES, "yes", "no")
TIMES = rng.exponential(size=60)
MIXED = np.array([1, "a"] * 30, dtype=object)


@pytest.mark.parametrize("function", [riata.fit_path, riata.cross_validate_path])
@pytest.mark.parametrize(("y", "words"), [(MIXED, "mixes labels"), (MIXED.tolist(), "mixes labels"), (CODES + 0j, "complex128")])
def test_labels_of_mixed_or_complex_kinds_are_named(function, y, words):
    with pytest.raises(ValueError, match=words):
        function(X, y, loss="logistic")


@pytest.mark.parametrize("model", [LogisticRegression, LinearSVC, PenalizedClassifier, SGDClassifier])
def test_classifiers_name_missing_and_mixed_labels(model):
    with pytest.raises(ValueError, match="NaN or None, the first in row 1: drop"):
        model().fit(X, np.array(["a", None] * 30, dtype=object))
    with pytest.raises(ValueError, match="mixes labels"):
        model().fit(X, MIXED)


@pytest.mark.parametrize(("other", "words"), [
    (np.array(["2020-01-01", "2020-01-02"] * 30, dtype="datetime64[D]"), "Y has dtype datetime64"), (CODES, "mixes labels"),
    (CODES + 0j, "Y has dtype complex128"),
    (np.array(["0", "1", "2"] * 20), "problem 0 has 'no', 'yes', problem 1 '0', '1', '2'")])
def test_a_batch_says_which_labels_do_not_fit(other, words):
    with pytest.raises(ValueError, match=words):
        riata.fit_batch([X, X], [WORDS, other], loss="logistic", cv=3)


def test_multinomial_paths_take_classes_only():
    with pytest.raises(ValueError, match=r"not whole, such as .*regression"):
        riata.fit_multinomial_path(X, rng.normal(size=60))
    with pytest.raises(ValueError, match="one class only, 1: at least"):
        riata.fit_multinomial_path(X, np.ones(60, int))
    riata.fit_multinomial_path(X, CODES.astype(float), alphas=3)


@pytest.mark.parametrize("model", [ElasticNet, HuberRegressor, Ridge, RidgeCV, SGDRegressor, Slope])
def test_none_in_a_target_of_objects_is_nan(model):
    with pytest.raises(ValueError, match="y contains NaN, the first in row 1"):
        model().fit(X, np.array([1.0, None] * 30, dtype=object))


def test_none_in_targets_of_objects_is_nan():
    with pytest.raises(ValueError, match="NaN"):
        MultiTaskLasso().fit(X, np.array([[1.0, 2.0], [None, 2.0]] * 30, dtype=object))


@pytest.mark.parametrize("make", [lambda Y: Y, lambda Y: pd.DataFrame(Y, columns=["a", "b"])])
@pytest.mark.parametrize("cv", [None, 3])
def test_columns_of_labels_are_encoded_with_and_without_cv(make, cv):
    codes = np.column_stack([CODES, CODES[::-1]])
    given, plain = (riata.fit_batch(X, make(Y), loss="logistic", cv=cv) for Y in (np.column_stack([WORDS, WORDS[::-1]]), codes))
    for b in range(2):
        np.testing.assert_array_equal(given[b].coef, plain[b].coef)
    if cv is None:
        assert given.target_names == plain.target_names
    else:
        assert given[0].classes.tolist() == ["no", "yes"]
        assert given.labels == plain.labels


def test_a_column_of_one_class_spoils_no_other():
    with pytest.warns(UserWarning, match=r"1 of 2 problems .*a target of one kind"):
        batch = riata.fit_batch(X, np.column_stack([CODES, np.zeros(60)]), loss="logistic")
    assert batch.status[:, 0].tolist() == ["converged", "not_finite"]
    np.testing.assert_array_equal(batch.coef[0], riata.fit_path(X, CODES, loss="logistic").coef)


def test_a_scoring_function_that_gives_nan_is_named():
    with pytest.raises(ValueError, match="gave NaN in every fold: let it return finite"):
        riata.cross_validate_path(X, TIMES, scoring=lambda estimator, X, y: np.nan)


@pytest.mark.parametrize(("y", "event", "words"), [
    (pd.DataFrame({"t": TIMES, "status": CODES}), None, "Name the columns event and time"),
    (np.column_stack([TIMES, CODES]), None, "Pass y"),
    (TIMES, CODES + 1, "such as 2. .* event == 2, say"), (TIMES, WORDS, "such as 'no'"),
    (TIMES, np.where(CODES, np.nan, 1.0), "event is NaN in"), (TIMES.astype(str), CODES, "times in y must be numbers"),
])
def test_survival_targets_are_named_plainly(y, event, words):
    with pytest.raises(ValueError, match=words):
        CoxRegressor().fit(X, y, event)


@pytest.mark.parametrize("parameters", [{"max_iter": None}, {"penalty_factor": "bogus"}, {"penalty_factor": {}}])
def test_parameters_of_cox_are_named(parameters):
    with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter of CoxRegressor"):
        CoxRegressor(**parameters).fit(X, TIMES, CODES)


@pytest.mark.parametrize(("times", "words"), [([1.0, np.nan], r"times\[1\] is NaN"), ("a", "times = 'a' must be")])
def test_times_of_a_prediction_are_checked(times, words):
    model = CoxRegressor(alpha=0.1).fit(X, TIMES, CODES)
    with pytest.raises(ValueError, match=words):
        model.predict_survival_function(X, times)


def test_the_command_line_says_what_to_do_about_a_target_of_text(cli, tmp_path):
    pd.DataFrame({"x": X[:, 0], "gene": ["a", "b"] * 30, "ill": WORDS}).to_csv(tmp_path / "t.csv", index=False)
    code, _, err = cli("batch", "--table", tmp_path / "t.csv", "--by", "gene", "--target", "ill", "--out", tmp_path / "o.csv")
    assert code != 0
    assert "the target 'ill' is text: choose a column of numbers with --target, or --loss logistic" in err
