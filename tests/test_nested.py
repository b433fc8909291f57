"""Nested cross-validation: each outer fold is scored by a choice that never saw it."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit

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


def classes(share=0.4):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(90, 5))
    score = X[:, 0] - X[:, 1] + rng.logistic(size=90)
    return X, np.where(score > np.quantile(score, 1 - share), "ill", "well")


@pytest.mark.parametrize(("scoring", "referee"), [
    ("auc", lambda y, eta: metrics.roc_auc_score(y, eta)), ("accuracy", lambda y, eta: np.mean(y == (eta > 0))),
    ("brier", lambda y, eta: np.mean((y - 1 / (1 + np.exp(-eta))) ** 2)),
    ("f1_macro", lambda y, eta: metrics.f1_score(y, eta > 0, average="macro"))])
def test_a_measure_chooses_within_and_scores_without(scoring, referee):
    X, y = classes()
    outer = StratifiedKFold(3)
    options = {"loss": "logistic", "alphas": [0.2, 0.1, 0.05, 0.01], "tol": 1e-10, "scoring": scoring}
    nested = riata.nested_cross_validate(X, y, cv=outer, inner_cv=StratifiedKFold(4), **options)
    for k, (train, test) in enumerate(outer.split(X, y)):
        inner = riata.cross_validate_path(X[train], y[train], cv=StratifiedKFold(4), **options)
        assert nested.alpha[k] == inner.alpha_min
        eta = inner.predict(X[test], kind="link")
        assert nested.score[k] == pytest.approx(referee((y[test] == "well").astype(float), eta), abs=1e-7)
    assert nested.scoring == scoring
    assert nested.score_mean == pytest.approx(nested.score.mean())
    assert nested.score_se == pytest.approx(nested.score.std(ddof=1) / np.sqrt(3))
    assert nested.score_label in repr(nested)
    np.testing.assert_array_equal(nested.to_frame()[scoring], nested.score)
    same = riata.cross_validate_path(X, y, cv=outer, inner_cv=StratifiedKFold(4), **options)
    np.testing.assert_array_equal(same.score, nested.score)


def test_by_default_the_score_is_the_deviance(data):
    nested = riata.nested_cross_validate(*data, cv=3, inner_cv=3, weights=np.arange(48) % 3 + 1.0, **OPTIONS)
    np.testing.assert_array_equal(nested.score, nested.deviance)
    assert (nested.score_mean, nested.score_se) == pytest.approx((nested.deviance_mean, nested.deviance_se))
    mse = riata.nested_cross_validate(*data, cv=3, inner_cv=3, weights=np.arange(48) % 3 + 1.0, scoring="mse", **OPTIONS)
    np.testing.assert_allclose(mse.score, nested.deviance, rtol=1e-12)


def test_an_outer_fold_without_a_score_is_named():
    X, y = classes()
    ids = np.arange(90) % 3
    ids[np.flatnonzero(y == "ill")[:4]] = 3
    with pytest.warns(UserWarning, match=r"scoring = 'auc' has no value in fold 3 "):
        nested = riata.nested_cross_validate(X, y, cv=ids, inner_cv=3, loss="logistic", alphas=4, scoring="auc")
    assert np.isnan(nested.score[3])
    assert nested.score_mean == pytest.approx(nested.score[:3].mean())
    assert nested.score_se == pytest.approx(nested.score[:3].std(ddof=1) / np.sqrt(3))
    assert nested.undefined_folds.tolist() == [3]


def test_an_inner_fold_without_a_score_is_named():
    X, y = classes()
    rare = np.where(np.cumsum(y == "ill") <= 6, y, "well")
    inner = np.arange(90) % 3
    inner[np.flatnonzero(rare == "well")[:5]] = 3
    with pytest.warns(UserWarning, match=r"inner_cv of outer fold 0: scoring = 'auc' has no value in folds 0, 3 "):
        riata.nested_cross_validate(X, rare, cv=2, inner_cv=inner, loss="logistic", alphas=4, scoring="auc")
