"""fit_batch on what is misshapen, missing or ambiguous: each problem keeps to its own, and each refusal says what to do."""

import datetime

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import KFold, StratifiedKFold

import riata


@pytest.fixture
def three():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(60, 3)) for _ in range(3)]
    return X, [A @ [1.0, -1.0, 0.5] + 0.1 * rng.normal(size=60) for A in X]


def refused(*args, match, kind=ValueError, **options):
    with pytest.raises(kind, match=match):
        riata.fit_batch(*args, **options)


@pytest.mark.parametrize("bounds", [{"lower": [None, 0.0, None]}, {"lower": [0.0, None, None]}, {"upper": [None, 0.0, 0.2]}])
def test_a_bound_of_one_problem_is_its_own(three, bounds):
    X, y = three
    found = riata.fit_batch(X, y, cv=5, **bounds)
    name, values = next(iter(bounds.items()))
    for b, model in enumerate(found):
        alone = riata.cross_validate_path(X[b], y[b], cv=5, **{name: values[b]})
        np.testing.assert_allclose(model.coef, alone.coef_min, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_bad_bound_is_refused_wherever_it_stands(three, at):
    upper = [None] * 3
    upper[at] = -1.0
    refused(*three, cv=5, upper=upper, match=f"problem {at}: upper.*below 0")


def test_a_list_of_as_many_numbers_as_problems_and_features_is_ambiguous(three):
    refused(*three, cv=5, lower=[0, -5, -5], match="lower is a list of 3 numbers, for 3 problems and as many features: give")
    found = riata.fit_batch(*three, cv=5, lower=np.array([0.0, 0.0, -5.0]))
    assert all(model.coef[1] >= 0 for model in found)


def test_columns_and_by_divide_one_design_only(three):
    X, y = three
    for given in ((X, y), (np.stack(X), np.stack(y)), (iter(zip(X, y, strict=True)), None)):
        refused(*given, cv=5, columns=[[0], [1], [2]], match="columns is given, which divides one design, and X is")
    for given in ((X, y), (iter(zip(X, y, strict=True)), None)):
        refused(*given, cv=5, by=["a"] * 60, match="by is given, which divides one design, and X is")


def test_a_splitter_that_reads_y_makes_folds_for_each_target(three):
    X, _ = three
    rng = np.random.default_rng(1)
    Y = (rng.random((60, 4)) < [0.2, 0.5, 0.5, 0.8]).astype(float)
    Y[:, 2] = Y[:, 1] * 2                              # the classes, and so the folds, of target 1
    found = riata.fit_batch(X[0], Y, cv=StratifiedKFold(5))
    for b, model in enumerate(found):
        alone = riata.cross_validate_path(X[0], Y[:, b], cv=StratifiedKFold(5))
        assert model.cv_score == pytest.approx(alone.deviance_mean[alone.index("min")], rel=1e-9)


def test_an_iterator_may_fill_the_same_arrays_again(three):
    def problems():
        design, target, weights = np.empty((60, 3)), np.empty(60), np.ones(60)
        for A, b in zip(*three, strict=True):
            design[:], target[:] = A, b
            weights[:] = 1.0 + len(A) * (b > 0)
            yield design, target, weights

    weights = [1.0 + 60 * (y > 0) for y in three[1]]
    found, same = riata.fit_batch(problems(), cv=5), riata.fit_batch(*three, cv=5, weights=weights)
    np.testing.assert_array_equal(found.intercept, same.intercept)
    designs = (sparse.csc_array(A) for A in three[0])
    assert len(riata.fit_batch(zip(designs, three[1], strict=True), cv=5)) == 3


def test_too_few_rows_for_a_splitter_skip_that_problem_only(three):
    X, y = three
    found = riata.fit_batch([X[0], X[1][:4]], [y[0], y[1][:4]], cv=KFold(5))
    assert found.status.tolist() == ["converged", "skipped"]
    assert "KFold makes no folds of the 4 rows" in found.message[1]


def test_an_infinite_target_spoils_no_other_model(three):
    X, y = three
    found = riata.fit_batch(X[0], np.column_stack([y[0], np.full(60, np.inf)]), cv=5)
    assert found.status.tolist() == ["converged", "not_finite"]
    assert "infinite" in found.message[1]
    refused(X[0], np.full(60, np.inf), cv=5, match="Y has 60 NaN or infinite values")


def test_a_design_without_columns_is_skipped_with_a_sentence():
    found = riata.fit_batch(np.empty((40, 0)), np.zeros(40), cv=5)
    assert found.status.tolist() == ["skipped"]
    assert found.message[0] == "there are no columns to fit with"


@pytest.mark.parametrize(("options", "match"), [
    ({"penalty_factor": [None, None, np.ones(4)]}, "problem 2: penalty_factor"),
    ({"lower": [None, None, np.zeros(2)]}, "problem 2: lower"),
    ({"cv": [np.arange(60) % 5] * 2 + [np.arange(59) % 5]}, r"cv\[2\] has 59 fold ids and problem 2 has 60 rows"),
    ({"cv": [np.arange(60) % 5] * 2 + [None]}, r"cv\[2\] = None, and cv is a list with fold ids of each problem"),
    ({"cv": np.arange(59) % 5}, "cv has 59 fold ids and problem 0 has 60 rows")])
def test_bad_arguments_of_the_last_problem_are_found_before_the_first_is_fitted(three, options, match):
    done = []
    refused(*three, **{"cv": 5, "max_memory": 1.0, "progress": lambda *at: done.append(at), **options}, match=match)
    assert all(at[0] == 0 for at in done)


@pytest.mark.parametrize("select", ["aic", "bic", "ebic", "min"])
def test_a_constant_target_has_the_null_model_by_every_rule(three, select):
    X, y = three
    found = riata.fit_batch([X[0], X[1]], [np.full(60, 2.0), y[1]], select=select, cv=5 if select == "min" else None)
    assert found.status.tolist() == ["converged", "converged"]
    assert found[0].coef.tolist() == [0.0, 0.0, 0.0]
    assert found[0].intercept == pytest.approx(2.0, rel=1e-14)


def test_pairs_of_rows_are_folds(three):
    X, y = three
    same = riata.fit_batch(X[0], y[0], cv=KFold(5))
    for cv in (list(KFold(5).split(X[0])), KFold(5).split(X[0])):
        found = riata.fit_batch(X[0], y[0], cv=cv)
        assert found.cv_score.tolist() == same.cv_score.tolist()
    assert riata.fit_batch(X, y, cv=KFold(7).split(X[0])).status.tolist() == ["converged"] * 3


@pytest.mark.parametrize(("labels", "match"), [
    ([("a", 1), ("a", 2), ("b", 1)], r"labels\[0\] = \('a', 1\) must be a text or a number"),
    ([1, "1", "b"], r"labels mixes text and others: labels\[0\] = 1, labels\[1\] = '1'"),
    ([1.0, np.nan, np.nan], r"labels\[1\] = nan is missing"),
    ([pd.NaT, "a", "b"], r"labels\[0\] = NaT is missing"),
    (pd.Series(["a", pd.NA, "b"], dtype="string"), r"labels\[1\] = <NA> is missing"),
    (["a", None, "b"], r"labels\[1\] = None must be a text"),
    ([[1], [2], [3]], r"labels\[0\] = \[1\] must be a text or a number"),
    (["a", "b", "a"], r"labels\[2\] = 'a' is the label of problem 0 too")])
def test_labels_that_name_no_problem_are_refused_at_once(three, labels, match):
    refused(*three, cv=5, labels=labels, match=match)
    pairs = pd.Series([("a", 1), ("b", 2)] * 30)
    refused(three[0][0], three[1][0], cv=5, by=pairs, match=r"by\[0\] = \('a', 1\) must be a text or a number")


def test_dates_are_labels_of_no_more_text_than_they_need(three):
    X, y = three
    days = pd.date_range("2024-01-01", periods=2).repeat(30)
    assert riata.fit_batch(X[0], y[0], by=days, cv=5).labels == ["2024-01-01", "2024-01-02"]
    found = riata.fit_batch(X, y, labels=np.array(["2024-01-01", "2024-01-02", "2024-01-03"], "M8[ns]"), cv=5)
    assert found["2024-01-02"].label == "2024-01-02"
    named = riata.fit_batch(X, y, labels=[datetime.date(2024, 1, d) for d in (1, 2, 3)], cv=5)
    assert len(named.to_frame()) >= 3


def test_a_table_of_targets_and_a_list_of_pairs_say_what_to_give(three):
    X, y = three
    refused(X, pd.DataFrame(np.stack(y).T), cv=5, match="Y is a DataFrame, and X holds 3 designs: give Y as a list")
    refused(X, dict(enumerate(y)), match="Y is a dict")
    for options in ({}, {"cv": 5}):
        refused(list(zip(X, y, strict=True)), match="list of 3 pairs .* give the designs as X and the targets as Y", **options)


def test_the_column_of_the_labels_is_no_target(three):
    table = pd.DataFrame(three[0][0], columns=list("abc")).assign(g=np.repeat([0.0, 1.0], 30))
    refused(table, "g", by="g", cv=5, match="Y = 'g' and by = 'g' name the same column")


@pytest.mark.parametrize(("alphas", "match"), [
    ([[1.0], None, [2.0]], r"alphas\[1\] = None, and alphas is a list with an entry for each problem"),
    ([[1.0], [2.0, 1.0]], "alphas has 2 entries for 3 problems"),
    ([[1.0], [2.0]], "alphas has 2 entries for 3 problems"),
    ([[1.0], 0.5, [2.0]], r"alphas\[1\] = 0.5")])
def test_alphas_of_each_problem_that_do_not_fit(three, alphas, match):
    refused(*three, alphas=alphas, match=match)
