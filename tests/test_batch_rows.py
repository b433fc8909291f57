"""Batches whose problems lack rows, or whose rows have weight 0: they are what they would be without these rows."""

import numpy as np
import pytest
from sklearn.model_selection import KFold, PredefinedSplit, StratifiedKFold

import riata


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6))
    return X, X[:, 0] - X[:, 1] + 0.5 * rng.normal(size=80)


@pytest.mark.parametrize("cv", [KFold(5), StratifiedKFold(5)])
def test_a_splitter_splits_the_rows_with_a_target(data, cv):
    X, y = data
    y = 1.0 + (y > 0)
    lacking = y.copy()
    lacking[[0, 1, 2, 40]] = np.nan
    there = np.isfinite(lacking)
    alone = riata.cross_validate_path(X[there], y[there], cv=cv)
    batches = (riata.fit_batch(X, np.c_[lacking, y], cv=cv), riata.fit_batch([X, X], [lacking, y], cv=cv),
               riata.fit_batch(np.vstack([X, X]), np.r_[lacking, y], by=np.repeat(["a", "b"], 80), cv=cv),
               riata.fit_batch(iter([(X, lacking), (X, y)]), cv=cv))
    for found in batches:
        assert found.failed == []
        assert found[0].alpha == pytest.approx(alone.alpha_min, rel=1e-12)
        assert found[0].cv_score == pytest.approx(alone.deviance_mean[alone.index_min], rel=1e-9)
        np.testing.assert_allclose(found[0].coef, alone.coef_min, rtol=1e-7, atol=1e-9)


def test_a_block_of_missing_targets_takes_no_fold(data):
    X, y = data
    y[:20] = np.nan
    assert riata.fit_batch(X, y[:, None], cv=KFold(6)).failed == []


def test_a_predefined_split_is_of_all_rows(data):
    X, y = data
    y[[3, 4, 50]] = np.nan
    ids = np.arange(80) % 4
    by_ids, by_split = (riata.fit_batch([X], [y], cv=cv) for cv in (ids, PredefinedSplit(ids)))
    np.testing.assert_array_equal(by_split.data, by_ids.data)
    assert by_split[0].cv_score == by_ids[0].cv_score
