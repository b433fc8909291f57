"""Nested cross-validation: each outer fold is scored by a choice that never saw it."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, TimeSeriesSplit

import riata

OPTIONS = {"alphas": [1.0, 0.3, 0.1, 0.03], "l1_ratio": [0.5, 1.0], "tol": 1e-14}


@pytest.fixture
def data():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(48, 6))
    y = X[:, 1] * 2 - X[:, 4] + rng.normal(size=48) + 1
    return X, y


@pytest.mark.parametrize("rule", ["min", "1se"])
@pytest.mark.parametrize("outer", [KFold(3), TimeSeriesSplit(3)])
def test_it_is_a_loop_over_copied_rows(data, rule, outer):
    X, y = data
    nested = riata.nested_cross_validate(X, y, cv=outer, inner_cv=KFold(4), rule=rule, **OPTIONS)
    expected = np.full(48, np.nan)
    for k, (train, test) in enumerate(outer.split(X)):
        inner = riata.cross_validate_path(X[train], y[train], cv=KFold(4), **OPTIONS)
        assert nested.alpha[k] == getattr(inner, f"alpha_{rule}")
        assert nested.l1_ratio[k] == getattr(inner, f"l1_ratio_{rule}")
        np.testing.assert_allclose(nested.inner[k].deviance, inner.deviance, rtol=1e-7)
        expected[test] = inner.predict(X[test], rule)
        error = np.mean((y[test] - expected[test]) ** 2)
        assert nested.deviance[k] == pytest.approx(error, rel=1e-7)
        assert nested.r2[k] == pytest.approx(1 - error / y[test].var(), rel=1e-7)
    np.testing.assert_allclose(nested.oof_prediction, expected, atol=1e-8)


def test_int_folds_weights_groups_and_repeats(data):
    X, y = data
    groups = np.arange(48) // 4
    weights = np.ones(48)
    weights[:3] = 0
    nested = riata.nested_cross_validate(X, y, cv=3, inner_cv=4, groups=groups, weights=weights, n_repeats=2, seed=1,
                                         **OPTIONS)
    assert len(nested.folds) == 6
    assert np.isnan(nested.oof_prediction[:3]).all()
    assert np.isfinite(nested.oof_prediction[3:]).all()
    for test, inner in zip(nested.folds, nested.inner, strict=True):
        inner_rows = np.concatenate(inner.folds)
        assert not np.intersect1d(inner_rows, test).size                # no outer test row takes part inside
        assert np.array_equal(np.sort(inner_rows), np.setdiff1d(np.arange(3, 48), test))
        homes = [set(groups[rows]) for rows in inner.folds] + [set(groups[test])]
        assert sum(map(len, homes)) == len(set().union(*homes))


def test_stratified_inner_and_outer_folds(data):
    X, y = data
    nested = riata.nested_cross_validate(X, y, cv=3, inner_cv=2, stratify=4, **OPTIONS)
    top = np.argsort(y)[-12:]
    assert [np.isin(test, top).sum() for test in nested.folds] == [4, 4, 4]


def test_inner_folds_differ_between_outer_folds_and_follow_the_seed(data):
    X, y = data
    first, second = (riata.nested_cross_validate(X, y, cv=3, inner_cv=3, seed=2, n_threads=k, **OPTIONS)
                     for k in (1, 2))
    np.testing.assert_array_equal(first.oof_prediction, second.oof_prediction)
    other = riata.nested_cross_validate(X, y, cv=3, inner_cv=3, seed=3, **OPTIONS)
    assert not all(np.array_equal(a, b) for a, b in zip(first.folds, other.folds, strict=True))


def test_frame_summary_and_repr(data):
    nested = riata.nested_cross_validate(*data, cv=3, inner_cv=3, **OPTIONS)
    frame = nested.to_frame()
    assert frame["n_test"].tolist() == [16, 16, 16]
    np.testing.assert_array_equal(frame["alpha"], nested.alpha)
    assert "3 outer folds" in repr(nested)
    assert len(nested.summary().splitlines()) == 5
    assert nested.deviance_mean == pytest.approx(nested.deviance.mean())
    assert nested.deviance_se == pytest.approx(nested.deviance.std(ddof=1) / np.sqrt(3))


def test_progress_is_one_count_from_start_to_end(data):
    seen = []
    riata.nested_cross_validate(*data, cv=3, inner_cv=3, progress=lambda *counts: seen.append(counts), **OPTIONS)
    total = 3 * 2 * 4 * 4                              # outer folds, l1_ratios, inner folds + 1, alphas
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {of for _, of in seen} == {total}


def test_one_warning_for_the_whole_call():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 60)) + rng.normal(size=(30, 1)) * 5
    with pytest.warns(ConvergenceWarning) as caught:
        riata.nested_cross_validate(X, rng.normal(size=30), cv=2, inner_cv=2, alphas=10, tol=1e-15, max_epochs=1)
    assert len(caught) == 1
    assert "of 60 fits" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_bad_arguments(data):
    X, y = data
    with pytest.raises(ValueError, match="rule = 'best'"):
        riata.nested_cross_validate(X, y, rule="best")
    with pytest.raises(ValueError, match="inner_cv"):
        riata.nested_cross_validate(X, y, inner_cv=[([0, 1], [2])])
    with pytest.raises(ValueError, match="cv = 50 is more than the 48 rows"):
        riata.nested_cross_validate(X, y, cv=50)
