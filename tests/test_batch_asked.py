"""What a batch is asked: labels that are numbers, folds and weights of a long table, duplicates, and sentences that say how."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

import riata

F = riata.fit_batch


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    return X, X[:, 0] - X[:, 1] + 0.5 * rng.normal(size=80)


def test_labels_that_are_numbers_are_looked_up_by_loc(data):
    X, y = data
    by = np.repeat([3, 2, 1, 0], 20)
    for found in (F(X, y, by=by, cv=4), F(X, y, by=by)):
        assert found.labels == [3, 2, 1, 0]
        np.testing.assert_array_equal(found.loc[3].coef, found[0].coef)
        np.testing.assert_array_equal(found.loc[np.int64(1)].coef, found[2].coef)
        assert found.loc[[0, 3]].labels == [0, 3]
        assert found.loc[np.array([2])].labels == [2]
        with pytest.raises(KeyError, match="no problem is called 7"):
            found.loc[7]
        with pytest.raises(TypeError, match="a slice of labels"):
            found.loc[1:2]
        assert "position" in type(found).__getitem__.__doc__
    with pytest.raises(IndexError, match=r"\.loc\[2021\] is the problem called 2021"):
        F(X, y, by=np.repeat([2020, 2021], 40), cv=4)[2021]
    many = F(X, np.c_[y, -y], labels=[2021, 2020])
    np.testing.assert_array_equal(many.loc[2020].coef, many[1].coef)
    with pytest.raises(KeyError, match="have no labels"):
        F(X, np.c_[y, -y]).loc[0]


@pytest.mark.parametrize("by", [[1] * 30 + ["1"] * 50, ["a"] * 30 + [1] * 50, pd.Series([1] * 30 + ["1"] * 50),
                                np.array([1] * 30 + ["1"] * 50, object)])
def test_by_mixes_no_kinds(data, by):
    with pytest.raises(ValueError, match=r"by mixes text and others: by\[\d+\] = "):
        F(*data, by=by, cv=3)


def test_by_with_none_or_nan_beside_text_is_missing(data):
    for none in (None, float("nan")):
        with pytest.raises(ValueError, match="by has 1 missing labels, the first in row 0"):
            F(*data, by=[none] + ["a"] * 79, cv=3)


def test_a_column_of_zero_weights_skips_its_problem(data):
    X, y = data
    with pytest.warns(UserWarning, match="1 of 2 problems"):
        found = F(X, y, cv=5, weights=np.c_[np.ones(80), np.zeros(80)])
    assert list(found.status) == ["converged", "skipped"]
    assert found.message[1] == "no row with a target has a positive weight"


def test_splitters_by_groups_are_told_what_to_give(data):
    X, y = data
    for given in (([X], [y]), (X, np.c_[y, y])):
        with pytest.raises(ValueError, match="splits by groups, which fit_batch does not take: give the fold ids"):
            F(*given, cv=GroupKFold(3))


def test_fold_ids_of_the_rows_of_a_long_table(data):
    X, y = data
    ids, by = np.arange(80) % 5, np.arange(80) // 3 % 4
    found = F(X, y, by=by, cv=ids)
    for b in range(4):
        alone = riata.cross_validate_path(X[by == b], y[by == b], cv=ids[by == b])
        assert found[b].alpha == pytest.approx(alone.alpha_min)
    np.testing.assert_array_equal(F(X, y, by=by, cv=ids.tolist()).data, found.data)
    with pytest.raises(ValueError, match="cv has 79 fold ids and X has 80 rows"):
        F(X, y, by=by, cv=ids[1:])
    with pytest.warns(UserWarning, match="1 of 2 problems"):
        found = F(X, y, by=np.repeat(["a", "b"], 40), cv=np.r_[ids[:40], np.zeros(40, int)])
    assert list(found.status) == ["converged", "skipped"]
    assert "puts all rows into one fold" in found.message[1]


def test_progress_is_true_or_a_function(data):
    X, y = data
    for options in ({"cv": 5}, {}):
        with pytest.raises(TypeError, match="progress = 1 must be"):
            F(X, y, progress=1, **options)


def test_concat_mixes_no_kinds_of_labels(data):
    X, y = data
    parts = [F([X, X], [y, -y], cv=3, labels=labels) for labels in (["a", "b"], [1, 2])]
    with pytest.raises(ValueError, match="labels of the results mixes text and others"):
        riata.concat(parts)
    for wrong, kind in ((None, "NoneType"), (parts[0], "BatchModels")):
        with pytest.raises(TypeError, match=f"parts is of type {kind}: give a list of BatchModels"):
            riata.concat(wrong)


def test_columns_twice_and_slices_of_names(data):
    X, y = data
    for columns in ([0, 0], [1, -3], np.array([2, 1, 2])):
        with pytest.raises(ValueError, match=r"columns\[0\] holds column \d more than once"):
            F(X, y, columns=[columns], cv=3)
    table = pd.DataFrame(X, columns=list("abcd"))
    with pytest.raises(ValueError, match="is a slice of names: give a slice of column numbers"):
        F(table, y, columns=[slice("a", "b")], cv=3)
    with pytest.raises(ValueError, match="more than once"):
        F(table, y, columns=[["a", "a"]], cv=3)


def test_no_designs(data):
    with pytest.raises(ValueError, match=r"X has shape \(0, 5, 3\), a stack of no designs"):
        F(np.empty((0, 5, 3)), np.empty((0, 5)), cv=5)


def test_attributes_of_others_say_what_to_do(data, tmp_path):
    X, y = data
    models, paths = F([X, X], [y, -y], cv=3), F([X, X], [y, -y])
    for found, name, words in ((models, "predict", r"result\[i\]\.predict"), (models, "oof_prediction", "keep_predictions=True"),
                               (models, "coef", r"result\[i\]\.coef"), (paths, "to_parquet", r"result\.select"),
                               (paths, "predict", r"result\[i\]\.predict"), (paths, "oof_prediction", "give cv")):
        with pytest.raises(AttributeError, match=words):
            getattr(found, name)
    with pytest.raises(TypeError, match="path = 3 must be the name of a file"):
        models.to_parquet(3)
    with pytest.raises(ValueError, match=r"x.csv ends in '.csv', and what is written is Parquet"):
        models.to_parquet(tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())


def test_a_list_of_numbers_for_problems_says_how(data):
    X, y = data
    with pytest.raises(ValueError, match=r"lower is a list of 2 numbers, for 2 problems.*\[np.full\(4, -1.0\), \.\.\.\]"):
        F([X, X], [y, y], lower=[-1.0, -2.0], cv=3)
    found = F([X, X], [y, y], lower=[np.full(4, -0.1), np.full(4, -0.2)], cv=3)
    assert found[0].coef.min() >= -0.1 > found[1].coef.min() >= -0.2


def test_names_of_targets_are_labels(data):
    X, y = data
    named = [pd.Series(y, name="up"), pd.Series(-y, name="down")]
    assert F([X, X], named, cv=3).labels == ["up", "down"]
    assert F([X, X], named).labels == ["up", "down"]
    assert F([X, X], [named[0], named[0]], cv=3).labels is None
    assert F([X, X], named, cv=3, labels=["a", "b"]).labels == ["a", "b"]
    table = pd.DataFrame(np.c_[y, -y], columns=["y", "y"])
    with pytest.warns(UserWarning, match="Y has 2 columns called 'y', so that the problems go by their numbers"):
        assert F(X, table, cv=3).labels is None


def test_rows_of_weight_0_do_not_lengthen_a_grid(data):
    X, y = np.c_[data[0], data[0][:, :2] ** 2], data[1]
    w = np.r_[np.ones(5), np.zeros(75)]
    alone = riata.fit_path(X[:5], y[:5]).alphas
    np.testing.assert_allclose(riata.fit_path(X, y, weights=w).alphas, alone)
    both = F(X, y, weights=np.c_[w, np.ones(80)]).alphas
    np.testing.assert_allclose(both[0], alone)
    np.testing.assert_allclose(both[1], riata.fit_path(X, y).alphas)
    for found in (F([X], [y], weights=[w]), F(X, np.c_[y, y], weights=w), F([X], [np.where(w > 0, y, np.nan)]),
                  F(X, np.where(w > 0, y, np.nan)[:, None])):
        np.testing.assert_allclose(found[0].alphas, alone)
    chosen = F(X, np.c_[y, y], weights=w, select="bic", alphas=7)[0].alpha
    assert chosen == pytest.approx(F([X[:5]], [y[:5]], select="bic", alphas=7)[0].alpha)


def test_the_grid_is_paid_from_the_time_budget(data, monkeypatch):
    from time import sleep

    from riata import many_targets

    X, y = data
    left, solve, derived_alphas = [], many_targets.solve, many_targets.derived_alphas

    def noted(batch, **options):
        left.append(batch.time_budget)
        return solve(batch, **options)

    def slow(batch):
        sleep(0.1)
        return derived_alphas(batch)

    monkeypatch.setattr(many_targets, "solve", noted)
    monkeypatch.setattr(many_targets, "derived_alphas", slow)
    F(X, np.c_[y, -y], cv=5, time_budget=100)
    assert 0 < left[0] <= 99.9
