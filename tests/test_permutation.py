"""The permutation test of a cross-validated score: against a loop of cross-validations, its level, bits, bad input."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import TimeSeriesSplit

import riata
from riata.chunks import ALIGNED, Sequence, growing_chunks


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 6))
    return X, X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=50)


FOLDS = np.arange(50) % 5


@pytest.mark.parametrize("settings", [
    {}, {"alphas": [0.01, 0.5, 0.1]}, {"l1_ratio": [1.0, 0.3]}, {"standardize": True, "intercept": False}, {"positive": True},
    {"weights": np.r_[np.zeros(5), np.linspace(0.5, 2, 45)]}, {"offset": np.linspace(-1, 1, 50)}, {"l1_ratio": 0.0}],
    ids=["plain", "alphas", "l1_ratios", "standardize", "positive", "weights", "offset", "ridge"])
def test_each_score_is_that_of_a_cross_validation(data, settings):
    X, y = data
    options = {"alphas": 12, "tol": 1e-9, **settings}
    test = riata.permutation_test(X, y, n_perm=6, cv=FOLDS, **options)
    offset, weights = options.pop("offset", np.zeros(50)), options.get("weights", np.ones(50))
    rows = np.flatnonzero(weights)
    targets = [y - offset]
    for i in range(6):
        targets.append((y - offset).copy())
        targets[-1][rows] = (y - offset)[rows[test.plan[i]]]
    deviances, scores = [test.deviance, *test.null_deviances], [test.score, *test.null_scores]
    for target, deviance, score in zip(targets, deviances, scores, strict=True):
        cv = riata.cross_validate_path(X, target, cv=FOLDS, **options)
        assert deviance == pytest.approx(np.nanmin(cv.deviance_mean), rel=1e-6)
        variance = np.average((target - np.average(target, weights=weights)) ** 2, weights=weights)
        assert score == pytest.approx(1 - deviance / variance)
    cv = riata.cross_validate_path(X, targets[0], cv=FOLDS, **options)
    assert (test.alpha, test.l1_ratio) == (pytest.approx(cv.alpha_min), cv.l1_ratio_min)


def test_p_value(data):
    test = riata.permutation_test(*data, n_perm=60, cv=5, alphas=10)
    assert test.p_value == 1 / 61
    test.null_scores[:7] = test.score, test.score + 1, 2.0, np.nan, np.nan, -1.0, test.score
    assert test.p_value == (1 + 4) / (1 + 58)                     # what was not fitted takes no part


def test_level_under_the_null():
    """p-values of noise are uniform, the choice of the best alpha included."""
    rng = np.random.default_rng(1)
    p = np.array([riata.permutation_test(rng.normal(size=(25, 5)), rng.normal(size=25), n_perm=19, cv=5, alphas=8, seed=s).p_value
                  for s in range(200)])
    assert 0.02 <= (p <= 0.05).mean() <= 0.1
    assert 0.42 <= (p <= 0.5).mean() <= 0.64


def test_groups_keep_their_targets(data):
    X, y = data
    groups = np.arange(50) % 7
    from riata.units import Units

    units = Units(50, np.r_[0.0, np.ones(49)], groups, seed=3)
    targets = units.permuted(np.arange(50.0), units.permutations(20), 0, 20)
    assert (targets[0] == 0).all()
    np.testing.assert_array_equal(groups[targets.astype(int)], np.repeat(groups[:, None], 20, axis=1))
    assert len({tuple(column) for column in targets.T}) == 20
    np.testing.assert_array_equal(np.sort(targets, axis=0), np.sort(targets[:, [0]], axis=0) + np.zeros(20))
    assert riata.permutation_test(X, y, groups=groups, cv=5, n_perm=20, alphas=5).p_value <= 1


def test_bits_do_not_depend_on_threads_and_chunks(data):
    options = {"n_perm": 3 * ALIGNED, "cv": 5, "alphas": 10, "l1_ratio": [1.0, 0.4]}
    first = riata.permutation_test(*data, n_threads=1, **options)
    for more in ({"n_threads": 2}, {"max_memory": 1.0}, {"max_memory": 1e6}):
        other = riata.permutation_test(*data, **options, **more)
        assert other.score == first.score
        np.testing.assert_array_equal(other.null_scores, first.null_scores)


def test_a_plan_of_ones_own(data):
    plan = riata.resampling.permutations(50, 9, seed=5)
    test = riata.permutation_test(*data, n_perm=plan, cv=5, alphas=5)
    assert test.plan == plan
    assert len(test) == 9
    with pytest.raises(ValueError, match="a plan that permutes the 50 rows"):
        riata.permutation_test(*data, n_perm=riata.resampling.bootstrap(50, 9), cv=5)


def test_a_budget_and_ctrl_c(data):
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        test = riata.permutation_test(*data, n_perm=100_000, cv=5, alphas=10, time_budget=0.6, max_memory=1.0)
    done = np.isfinite(test.null_scores).sum()
    assert 0 < done < 100_000
    assert test.p_value >= 1 / (1 + done)

    def progress(done, total):
        if done > total / 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        riata.permutation_test(*data, n_perm=3000, cv=5, alphas=10, max_memory=1.0, progress=progress)
    assert 0 < np.isfinite(stopped.value.result.null_scores).sum() < 3000


def record_batches(monkeypatch, after):
    """Targets of each batch that is solved; `after(sequence, count)` is called behind each."""
    whole, targets = Sequence.solve, []

    def solve(self, batch):
        solution = whole(self, batch)
        targets.append(batch.Y.shape[1])
        after(self, len(targets))
        return solution

    monkeypatch.setattr(Sequence, "solve", solve)
    return targets


def test_a_budget_for_y_and_one_chunk_keeps_both(data, monkeypatch):
    whole = riata.permutation_test(*data, n_perm=4000, cv=5, alphas=10)

    def spent(sequence, count):
        if count == 2:
            sequence.deadline = -1.0

    targets = record_batches(monkeypatch, spent)
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        test = riata.permutation_test(*data, n_perm=4000, cv=5, alphas=10, time_budget=60.0)
    assert targets == [1, ALIGNED]                                # y first and alone, without any limit to the memory
    assert (test.score, test.alpha) == (whole.score, whole.alpha)
    np.testing.assert_array_equal(test.null_scores[:ALIGNED], whole.null_scores[:ALIGNED])
    assert np.isnan(test.null_scores[ALIGNED:]).all()
    assert (test.status[1 + ALIGNED:] == "time_budget").all()
    assert test.p_value == 1 / (1 + ALIGNED)
    assert f"{ALIGNED} of 4000 permutations" in repr(test)


def test_ctrl_c_in_a_later_chunk_keeps_those_before(data, monkeypatch):
    def interrupt(sequence, count):
        if count == 3:
            raise KeyboardInterrupt

    targets = record_batches(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt) as stopped:
        riata.permutation_test(*data, n_perm=4000, cv=5, alphas=10)
    assert targets == [1, ALIGNED, ALIGNED]
    test = stopped.value.result
    assert np.isfinite(test.score)
    assert np.isfinite(test.null_scores).sum() == ALIGNED


def test_chunks_grow_with_what_is_done():
    for share in (1.0, 0.25):
        ranges = list(growing_chunks(10_000, 20 * ALIGNED, share))
        assert ranges[0] == (0, 1)
        assert [first for first, _ in ranges[1:]] == [stop for _, stop in ranges[:-1]]
        assert ranges[-1][1] == 10_000
        assert all(stop - first <= max(ALIGNED, share * first) for first, stop in ranges)
        assert max(stop - first for first, stop in ranges) == 20 * ALIGNED
        assert all((first - 1) % ALIGNED == 0 for first, _ in ranges[1:])
    assert list(growing_chunks(1, 32)) == [(0, 1)]


def test_table_text_and_plot(data):
    test = riata.permutation_test(*data, n_perm=30, cv=5, alphas=10)
    assert list(test.to_frame().columns) == ["permutation", "score", "deviance"]
    assert "30 permutations" in repr(test)
    assert "R² of the permutations: median" in test.summary()
    pytest.importorskip("matplotlib")
    assert test.plot().get_xlabel() == "cross-validated R²"


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"n_perm": 0}, ValueError, "n_perm = 0 must be an int from 1"),
    ({"cv": TimeSeriesSplit(3)}, ValueError, "cv gives folds that do not train on every row.*an int"),
    ({"cv": 51}, ValueError, "cv = 51 is more than the 50"),
    ({"n_folds": 3}, TypeError, "it is called cv here"),
    ({"stratify": 3}, TypeError, "riata.cross_validate_path has stratify, permutation_test has not"),
])
def test_bad_arguments(data, options, error, message):
    with pytest.raises(error, match=message):
        riata.permutation_test(*data, **options)


def test_groups_of_one_row_each_are_refused():
    X = np.random.default_rng(0).normal(size=(40, 3))
    with pytest.raises(ValueError, match=r"each of the 40 groups has one row.*leave groups out"):
        riata.permutation_test(X, X[:, 0], groups=np.arange(40), n_perm=5)
