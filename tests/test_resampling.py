"""Resampling plans: data that any part of can be drawn alone, and that mean what their names say."""

import json

import numpy as np
import pytest
from sklearn.model_selection import RepeatedKFold, TimeSeriesSplit

import riata
from riata import resampling
from riata.folds import make_folds

DRAWN = {
    "bootstrap": lambda n, seed=0: resampling.bootstrap(n, 40, seed=seed),
    "half_samples": lambda n, seed=0: resampling.half_samples(n, 40, seed=seed),
    "thirds": lambda n, seed=0: resampling.half_samples(n, 40, size=n // 3, seed=seed),
    "complementary_pairs": lambda n, seed=0: resampling.complementary_pairs(n, 20, seed=seed),
    "permutations": lambda n, seed=0: resampling.permutations(n, 40, seed=seed),
}
HELD = {
    "kfold": lambda n: resampling.kfold(n, 5, n_repeats=3, seed=2),
    "grouped": lambda n: resampling.kfold(n, 4, groups=np.arange(n) // 3),
    "stratified": lambda n: resampling.kfold(n, 4, stratify=3, y=np.arange(n)),
    "leave_one_out": resampling.leave_one_out,
    "time_series": lambda n: resampling.time_series(n, 3, gap=1),
    "from_splitter": lambda n: resampling.from_splitter(RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), n),
}
PLANS = {**DRAWN, **HELD}
WEIGHTED = sorted(set(PLANS) - {"permutations"})


@pytest.mark.parametrize("kind", sorted(PLANS))
@pytest.mark.parametrize("n", [29, 30])
def test_members_are_the_same_in_any_order_and_company(kind, n):
    plan = PLANS[kind](n)
    expected = [np.array(plan[i]) for i in range(len(plan))]
    for i in np.random.default_rng(0).permutation(len(plan)):
        np.testing.assert_array_equal(plan[int(i)], expected[i])
    np.testing.assert_array_equal(plan[-1], expected[-1])
    if kind in DRAWN:
        longer = type(plan)(plan.kind, n, 4 * len(plan), plan.seed, plan.options)
        for i in range(len(plan)):
            np.testing.assert_array_equal(longer[i], expected[i])


@pytest.mark.parametrize("kind", WEIGHTED)
@pytest.mark.parametrize("n", [29, 30])
def test_weights_count_the_rows_of_every_range_of_members(kind, n, monkeypatch):
    plan = PLANS[kind](n)
    expected = np.stack([np.bincount(plan[i], minlength=n) for i in range(len(plan))], axis=1)
    whole = plan.weights()
    assert whole.dtype == np.uint8
    np.testing.assert_array_equal(whole, expected)
    monkeypatch.setattr("riata.resampling_plan.BLOCK_BYTES", 8 * n * 3)
    for first, last in [(0, 0), (0, 1), (1, 2), (2, len(plan)), (len(plan), len(plan)), (1, len(plan) - 1)]:
        np.testing.assert_array_equal(plan.weights(first, last), expected[:, first:last])
    for i in range(len(plan)):
        held = plan.held_out(i)
        assert set(held.tolist()) <= set(np.flatnonzero(expected[:, i] == 0).tolist())
        if plan.complementary or kind == "bootstrap":
            np.testing.assert_array_equal(held, np.flatnonzero(expected[:, i] == 0))


@pytest.mark.parametrize("kind", sorted(DRAWN))
def test_seeds_differ_and_so_do_kinds(kind):
    plan, other = DRAWN[kind](50), DRAWN[kind](50, seed=1)
    assert plan == DRAWN[kind](50)
    assert plan != other
    assert any(not np.array_equal(plan[i], other[i]) for i in range(5))
    for name in DRAWN:
        if name != kind:
            assert plan != DRAWN[name](50)


def test_halves_are_halves_and_pairs_are_disjoint():
    for n in (2, 7, 64):
        pairs, halves = resampling.complementary_pairs(n, 25), resampling.half_samples(n, 25)
        for i in range(25):
            one, two = pairs[2 * i], pairs[2 * i + 1]
            assert len(one) == len(two) == len(halves[i]) == n // 2
            assert len(np.union1d(one, two)) == 2 * (n // 2)
            assert len(np.unique(halves[i])) == n // 2
            assert sorted([*halves[i], *halves.held_out(i)]) == list(range(n))
        assert len(pairs) == 50


def test_each_row_is_drawn_equally_often():
    """Counts over 20 000 members lie within five standard errors of their mean."""
    n, members = 10, 20_000
    for plan in resampling.half_samples(n, members, seed=5), resampling.complementary_pairs(n, members // 2, seed=5):
        assert np.abs(plan.weights().mean(axis=1) - 0.5).max() < 5 * np.sqrt(0.25 / members)
    counts = resampling.bootstrap(n, members, seed=5).weights()
    assert (counts.sum(axis=0) == n).all()
    assert np.abs(counts.mean(axis=1) - 1).max() < 5 * np.sqrt((1 - 1 / n) / members)
    assert abs((counts == 0).mean() - (1 - 1 / n) ** n) < 0.005
    orders = np.stack([resampling.permutations(n, 2000, seed=5)[i] for i in range(2000)])
    table = np.stack([np.bincount(orders[:, k], minlength=n) for k in range(n)])
    assert np.abs(table / 2000 - 1 / n).max() < 5 * np.sqrt(0.09 / 2000)


def test_permuted_targets_are_the_orders_of_the_plan(monkeypatch):
    plan, y = resampling.permutations(11, 30), np.arange(11.0) ** 2
    expected = np.stack([y[plan[i]] for i in range(30)], axis=1)
    np.testing.assert_array_equal(plan.permuted(y), expected)
    monkeypatch.setattr("riata.resampling_plan.BLOCK_BYTES", 1)
    np.testing.assert_array_equal(plan.permuted(y, 4, 9), expected[:, 4:9])


def test_folds_are_those_of_cross_validation():
    plan = resampling.kfold(30, 4, n_repeats=2, seed=3)
    folds = make_folds(4, 30, n_repeats=2, seed=3)
    for i, test in enumerate(folds.test):
        np.testing.assert_array_equal(plan.held_out(i), test)
        np.testing.assert_array_equal(plan[i], np.setdiff1d(np.arange(30), test))
    plan = resampling.time_series(30, 3, gap=2, test_size=5)
    for i, (train, test) in enumerate(TimeSeriesSplit(3, gap=2, test_size=5).split(np.zeros((30, 1)))):
        np.testing.assert_array_equal(plan[i], train)
        np.testing.assert_array_equal(plan.held_out(i), test)
    plan = resampling.leave_one_out(5)
    assert [plan.held_out(i).tolist() for i in range(5)] == [[0], [1], [2], [3], [4]]
    groups = np.repeat(np.arange(6), 5)
    plan = resampling.kfold(30, 3, groups=groups)
    assert all(not set(groups[plan[i]]) & set(groups[plan.held_out(i)]) for i in range(3))


@pytest.mark.parametrize("kind", sorted(PLANS))
def test_plans_survive_json(kind):
    plan = PLANS[kind](23)
    text = plan.to_json()
    again = resampling.ResamplingPlan.from_json(text)
    assert again == plan
    assert hash(again) == hash(plan)
    assert repr(again) == repr(plan)
    assert again.to_json() == text
    for i in (0, len(plan) - 1):
        np.testing.assert_array_equal(again[i], plan[i])
    assert f"{len(plan)} members on 23 rows" in repr(plan)


def test_large_counts_get_a_larger_type():
    pairs = [(np.repeat([0, 1], [300, 2]), [2, 3]), ([0, 1], [2, 3])]
    plan = resampling.from_splitter(pairs, 4)
    weights = plan.weights()
    assert weights.dtype == np.uint16
    np.testing.assert_array_equal(weights, [[300, 1], [2, 1], [0, 0], [0, 0]])


def test_a_plan_serves_as_cv():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6))
    y = X[:, 0] + rng.normal(size=40)
    settings = {"alphas": 12, "l1_ratio": 0.5}
    plan = resampling.kfold(40, 5, seed=7)
    one, other = (riata.cross_validate_path(X, y, cv=cv, **extra, **settings) for cv, extra in [(plan, {}), (5, {"seed": 7})])
    np.testing.assert_array_equal(one.deviance, other.deviance)
    plan = resampling.bootstrap(40, 6)
    boot = riata.cross_validate_path(X, y, cv=plan, **settings)
    pairs = riata.cross_validate_path(X, y, cv=[(plan[i], plan.held_out(i)) for i in range(6)], **settings)
    np.testing.assert_array_equal(boot.deviance, pairs.deviance)
    halves = make_folds(resampling.complementary_pairs(41, 3), 41)
    assert halves.train is None
    assert len(halves) == 6


def test_counts_are_weights_of_a_batch():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    plan = resampling.bootstrap(30, 3)
    batch = riata.fit_batch(X, y, weights=plan.weights(), alphas=5)
    for i in range(3):
        alone = riata.fit_path(X[plan[i]], y[plan[i]], alphas=batch[i].alphas)
        np.testing.assert_allclose(batch[i].coef, alone.coef, atol=1e-6)


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: resampling.bootstrap(0), ValueError, "n_samples = 0 must be an int from 1"),
    (lambda: resampling.bootstrap(2.5), TypeError, "n_samples = 2.5 must be an int"),
    (lambda: resampling.bootstrap(10, 0), ValueError, "n_members = 0 must be"),
    (lambda: resampling.bootstrap(10, seed=-1), ValueError, "seed = -1 must be an int from 0"),
    (lambda: resampling.half_samples(10, seed=None), ValueError, "seed = None must be"),
    (lambda: resampling.half_samples(1), ValueError, "at least 2 rows"),
    (lambda: resampling.half_samples(10, size=10), ValueError, "size = 10 must be an int from 1 to 9"),
    (lambda: resampling.complementary_pairs(10, n_pairs=0), ValueError, "n_pairs = 0"),
    (lambda: resampling.leave_one_out(1), ValueError, "at least 2 rows"),
    (lambda: resampling.kfold(10, 11), ValueError, "n_splits = 11 is more than the 10 rows"),
    (lambda: resampling.kfold(10, RepeatedKFold()), TypeError, "from_splitter takes a splitter"),
    (lambda: resampling.kfold(10, 3, stratify=3), ValueError, "stratify = 3 needs y"),
    (lambda: resampling.kfold(10, 3, stratify=3, y=np.zeros(9)), ValueError, r"y has shape \(9,\)"),
    (lambda: resampling.from_splitter(5, 10), TypeError, "use riata.resampling.kfold"),
    (lambda: resampling.time_series(4, 5), ValueError, r"n_splits = 5 needs more than the 4 rows of n_samples.* <= 3"),
    (lambda: resampling.time_series(5, 5), ValueError, r"n_splits = 5 needs more than the 5 rows of n_samples.* <= 4"),
    (lambda: resampling.time_series(9, 1), ValueError, "n_splits = 1 must be at least 2"),
    (lambda: resampling.time_series(9, 2.5), TypeError, r"n_splits = 2\.5 must be an int"),
    (lambda: resampling.time_series(9, 3, gap=-1), ValueError, "gap = -1 must be at least 0"),
    (lambda: resampling.time_series(9, 3, gap=0.5), TypeError, r"gap = 0\.5 must be an int"),
    (lambda: resampling.time_series(9, 3, gap=3), ValueError, "3 tests of 2 rows behind a gap of 3 leave none of the 9 rows"),
    (lambda: resampling.time_series(9, 3, test_size=3), ValueError, r"3 tests of 3 rows .* smaller n_splits, test_size or gap"),
    (lambda: resampling.time_series(9, 3, max_train_size=0), ValueError, "max_train_size = 0 must be an int from 1"),
    (lambda: resampling.bootstrap(10).weights(5, 2), ValueError, "first = 5, last = 2 is no range"),
    (lambda: resampling.bootstrap(10, 20)[20], IndexError, r"plan\[20\]: the plan has 20 members"),
    (lambda: resampling.bootstrap(10, 20)[2:4], TypeError, "a slice of a plan"),
    (lambda: resampling.bootstrap(10, 20)["a"], TypeError, "numbered by ints"),
    (lambda: resampling.permutations(10).weights(), ValueError, "permutations has no weights: plan"),
    (lambda: resampling.permutations(10).held_out(0), ValueError, "permutations holds no rows out"),
    (lambda: resampling.bootstrap(10).permuted(np.zeros(10)), ValueError, "permutes nothing"),
    (lambda: resampling.permutations(10).permuted(np.zeros(9)), ValueError, r"y has shape \(9,\); expected \(10,\)"),
    (lambda: resampling.ResamplingPlan.from_dict({"format": "other"}), ValueError, "its format is 'other'"),
    (lambda: resampling.ResamplingPlan.from_dict([]), ValueError, "its format is 'list'"),
    (lambda: make_folds(resampling.kfold(10, 3), 11), ValueError, "plan of 10 rows, there are 11"),
    (lambda: make_folds(resampling.permutations(10), 10), ValueError, "plan of permutations"),
    (lambda: make_folds(resampling.bootstrap(1, 2), 1), ValueError, "holds no row out"),
])
def test_bad_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(("change", "message"), [
    ({"kind": "dice"}, "of kind 'dice'"), ({"seed": -1}, "seed = -1"), ({"n_members": 0}, "n_members = 0"),
    ({"options": {"size": 20}}, "size = 20 must be an int from 1 to 9"),
    ({"test": [[1], [2]]}, "2 lists of test rows for 5 members"), ({"test": [[1]] * 4 + [[10]]}, "member 4 .* outside 0..9"),
    ({"test": [[1]] * 5, "train": [[2]] * 4}, "4 lists of train rows"),
])
def test_broken_documents_are_refused(change, message):
    document = json.loads(resampling.half_samples(10, 5).to_json())
    with pytest.raises(ValueError, match=message):
        resampling.ResamplingPlan.from_dict({**document, **change})
    with pytest.raises(ValueError, match="lacks seed"):
        resampling.ResamplingPlan.from_dict({key: value for key, value in document.items() if key != "seed"})


def test_what_is_no_json_is_refused():
    for text in ("x", 3, None):
        with pytest.raises(ValueError, match=r"is no JSON .*give what to_json made"):
            riata.resampling.ResamplingPlan.from_json(text)


def test_folds_and_single_draws_are_no_bootstraps():
    X = np.random.default_rng(0).normal(size=(40, 3))
    plan = riata.resampling
    for n_boot, words in ((plan.kfold(40, 5), "holds folds out"), (plan.leave_one_out(40), "holds folds out"),
                          (plan.time_series(40, 5), "holds folds out"), (1, "one bootstrap has no spread"),
                          (plan.bootstrap(40, 1), "one bootstrap has no spread")):
        with pytest.raises(ValueError, match=words):
            riata.bootstrap_path(X, X[:, 0], n_boot=n_boot)
