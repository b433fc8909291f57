"""Folds: what each kind of cv means, and which are refused."""

import numpy as np
import pytest
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)

from riata.folds import make_folds


def covers_each_row(folds, rows, times=1):
    return np.array_equal(np.sort(np.concatenate(folds.test)), np.repeat(rows, times))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n", "k"), [(10, 2), (23, 5), (7, 7), (101, 10)])
def test_an_int_makes_shuffled_folds_of_nearly_equal_size(n, k, seed):
    folds = make_folds(k, n, seed=seed)
    assert len(folds) == k
    assert folds.train is None
    assert covers_each_row(folds, np.arange(n))
    sizes = [len(test) for test in folds.test]
    assert max(sizes) - min(sizes) <= 1


def test_folds_are_a_function_of_the_seed():
    def ids(seed):
        return [test.tolist() for test in make_folds(5, 100, seed=seed).test]

    assert ids(3) == ids(3)
    assert ids(3) != ids(4)
    assert ids(0) != [list(range(20 * k, 20 * k + 20)) for k in range(5)]


def test_repeats_are_shuffled_anew():
    folds = make_folds(4, 40, n_repeats=3)
    assert len(folds) == 12
    assert covers_each_row(folds, np.arange(40), times=3)
    assert folds.test[0].tolist() != folds.test[4].tolist()


def test_rows_of_weight_zero_take_no_part_in_an_int_cv():
    weights = np.ones(30)
    weights[[2, 11, 29]] = 0.0
    assert covers_each_row(make_folds(3, 30, weights=weights), np.flatnonzero(weights))


def test_folds_of_some_rows_hold_only_these():
    rows = np.array([1, 4, 5, 8, 9, 15])
    assert covers_each_row(make_folds(3, 20, rows=rows), rows)
    assert covers_each_row(make_folds(KFold(3), 20, rows=rows), rows)
    assert covers_each_row(make_folds(np.arange(20) % 3, 20, rows=rows), rows)


@pytest.mark.parametrize("groups", [np.arange(40) // 3, [f"clinic {i % 7}" for i in range(40)]], ids=["int", "text"])
def test_groups_stay_whole(groups):
    folds = make_folds(4, 40, groups=groups)
    assert covers_each_row(folds, np.arange(40))
    homes = [set(np.asarray(groups)[test]) for test in folds.test]
    assert all(homes[i].isdisjoint(homes[j]) for i in range(4) for j in range(i))


def test_strata_are_spread_evenly():
    y = np.exp(np.random.default_rng(0).normal(size=60))
    top = np.argsort(y)[-12:]
    for seed in range(10):
        folds = make_folds(4, 60, y=y, stratify=5, seed=seed)
        assert covers_each_row(folds, np.arange(60))
        assert [np.isin(test, top).sum() for test in folds.test] == [3, 3, 3, 3]


@pytest.mark.parametrize("splitter", [KFold(4), KFold(4, shuffle=True, random_state=0), LeaveOneOut(),
                                      RepeatedKFold(n_splits=3, n_repeats=2, random_state=1)])
def test_a_partitioning_splitter_is_recognised_as_one(splitter):
    folds = make_folds(splitter, 20)
    expected = [test for _, test in splitter.split(np.zeros((20, 1)))]
    assert folds.train is None
    assert all(np.array_equal(a, b) for a, b in zip(folds.test, expected, strict=True))


@pytest.mark.parametrize("splitter", [TimeSeriesSplit(3), ShuffleSplit(3, train_size=0.5, test_size=0.2,
                                                                       random_state=0)])
def test_other_splitters_keep_their_training_rows(splitter):
    folds = make_folds(splitter, 20)
    for (train, test), mine, held in zip(splitter.split(np.zeros((20, 1))), folds.train, folds.test, strict=True):
        np.testing.assert_array_equal(mine, train)
        np.testing.assert_array_equal(held, test)


def test_given_folds_may_not_tear_groups_apart():
    groups = np.repeat(np.arange(5), 4)
    assert len(make_folds(groups % 2, 20, groups=groups)) == 2
    with pytest.raises(ValueError, match="fold 0 tests on row 0 but trains on others of its group"):
        make_folds(np.arange(20) % 2, 20, groups=groups)
    with pytest.raises(ValueError, match="fold 1 tests on row 19"):
        make_folds([(np.arange(4, 20), np.arange(4)), (np.arange(19), [19])], 20, groups=groups)


def test_a_splitter_receives_the_groups():
    groups = np.arange(20) // 4
    folds = make_folds(GroupKFold(5), 20, groups=groups)
    assert all(len(np.unique(groups[test])) == 1 for test in folds.test)


def test_a_splitter_of_another_library_receives_x_and_y():
    class ByFirstColumn:
        def split(self, X, y=None, groups=None):
            assert len(y) == len(X)
            for value in np.unique(X[:, 0]):
                yield np.flatnonzero(X[:, 0] != value), np.flatnonzero(X[:, 0] == value)

    X = np.array([[0.0], [1.0], [0.0], [1.0], [2.0], [2.0]])
    folds = make_folds(ByFirstColumn(), 6, X=X, y=np.zeros(6))
    assert [test.tolist() for test in folds.test] == [[0, 2], [1, 3], [4, 5]]
    part = make_folds(ByFirstColumn(), 6, X=X, y=np.zeros(6), rows=np.array([1, 2, 3, 0]))
    assert [test.tolist() for test in part.test] == [[2, 0], [1, 3]]


def test_an_iterable_of_pairs_and_boolean_masks():
    pairs = list(KFold(3).split(np.zeros((9, 1))))
    masks = [(np.isin(np.arange(9), train), np.isin(np.arange(9), test)) for train, test in pairs]
    for cv in (pairs, iter(pairs), masks):
        folds = make_folds(cv, 9)
        assert folds.train is None
        assert [test.tolist() for test in folds.test] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_a_bootstrap_keeps_how_often_a_row_occurs():
    folds = make_folds([([0, 0, 1, 2], [3]), ([3, 3, 3, 2], [0, 1])], 4)
    assert folds.train[0].tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("make", [np.array, list, __import__("pandas").Series])
def test_fold_ids_with_rows_never_held_out(make):
    ids = [0, 2, 2, -1, 0, 5]
    folds = make_folds(make(ids), 6)
    assert [test.tolist() for test in folds.test] == [[0, 4], [1, 2], [5]]
    theirs = [test.tolist() for _, test in PredefinedSplit(ids).split()]
    assert [test.tolist() for test in folds.test] == theirs


@pytest.mark.parametrize(("cv", "extra", "message"), [
    (1, {}, "cv = 1 must be at least 2"),
    (7, {}, "cv = 7 is more than the 6 rows"),
    (2.5, {}, "cv = 2.5 must be"),
    (True, {}, "cv = True must be"),
    ("five", {}, "cv = 'five' must be"),
    (None, {}, "cv = None must be"),
    ([], {}, "cv gives no folds"),
    ([([0, 1], [])], {}, "no test rows of fold 0"),
    ([([], [0])], {}, "no training rows of fold 0"),
    ([([0, 1], [6])], {}, "outside the 6 rows"),
    ([([0.5, 1.5], [2])], {}, "row indices"),
    ([1, 2, 3], {}, "3 fold ids for 6 rows"),
    (np.zeros(6, dtype=int), {}, "all rows into one fold"),
    (np.full(6, -1), {}, "no fold id of 0 or more"),
    (np.linspace(0, 1, 6), {}, "must be of integers"),
    (3, {"groups": [0, 0, 0, 1, 1, 1]}, "cv = 3 is more than the 2 groups"),
    (3, {"groups": [0, 1]}, "groups has shape"),
    (3, {"groups": [0, 0, 1, 1, 2, 2], "stratify": 2}, "cannot be combined"),
    (3, {"stratify": 1}, "stratify = 1"),
    (KFold(3), {"stratify": 2}, "int cv only"),
    (KFold(3), {"n_repeats": 2}, "RepeatedKFold"),
    (3, {"n_repeats": 0}, "n_repeats = 0"),
    (3, {"seed": -1}, "seed = -1"),
    (3, {"seed": None}, "seed = None"),
    (np.array([0, 0, 1, 1, 2, 2]), {"weights": np.array([0.0, 0, 1, 1, 1, 1])}, "test rows of fold 0 have weight 0"),
    (np.array([0, 0, 0, 1, 1, 1]), {"weights": np.array([1.0, 1, 1, 0, 0, 0])}, "training rows of fold 0"),
])
def test_bad_folds_are_refused(cv, extra, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make_folds(cv, 6, y=np.arange(6.0), **extra)


def test_one_row_cannot_be_cross_validated():
    with pytest.raises(ValueError, match="at least 2 rows"):
        make_folds(2, 1)


def test_pairs_cannot_be_inner_folds():
    with pytest.raises(ValueError, match="inner_cv"):
        make_folds([([0], [1])], 3, rows=np.array([0, 1]))
