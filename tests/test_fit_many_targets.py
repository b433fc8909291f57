"""fit_batch on many targets of one design, some of which lack rows: the answers that each has alone."""

import numpy as np
import pytest
from scipy import sparse

import riata
from ragged_problems import shared_design


@pytest.mark.parametrize("weights", [None, "shared", "own"])
def test_targets_of_one_design_may_lack_rows(weights):
    X, Y = shared_design()
    Y[:, 3] = np.where(np.isnan(Y[:, 2]), np.nan, Y[:, 4])          # two targets that lack the same rows, and more
    W = None if weights is None else np.random.default_rng(1).uniform(0.5, 2, Y.shape if weights == "own" else len(Y))
    found = riata.fit_batch(X, Y, weights=W, l1_ratio=0.7, tol=1e-9)
    for b in range(Y.shape[1]):
        kept = ~np.isnan(Y[:, b])
        w = None if W is None else (W[:, b] if weights == "own" else W)[kept]
        alone = riata.fit_path(X[kept], Y[kept, b], weights=w, l1_ratio=0.7, tol=1e-9)
        np.testing.assert_allclose(found[b].alphas, alone.alphas, rtol=1e-10)
        np.testing.assert_allclose(found[b].coef, alone.coef, atol=1e-7)
        assert found.null_deviance[b] == pytest.approx(alone.null_deviance, rel=1e-10)
        assert found.n_samples[b] == kept.sum()
    if weights != "own":
        assert isinstance(found, riata.BatchResult)


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_targets_of_one_design_cross_validated(missing):
    X, Y = shared_design(missing)
    found = riata.fit_batch(X, Y, cv=5, keep_predictions=True, labels=[f"t{b}" for b in range(Y.shape[1])], tol=1e-9)
    again = riata.fit_batch(X, Y, cv=5, keep_predictions=True, max_memory=2e6, tol=1e-9)
    for b in range(Y.shape[1]):
        kept = ~np.isnan(Y[:, b])
        alone = riata.cross_validate_path(X[kept], Y[kept, b], cv=5, tol=1e-9)
        for model in (found[b], again[b]):
            assert model.alpha == pytest.approx(alone.alpha_min, rel=1e-9)
            np.testing.assert_allclose(model.coef, alone.coef_min, atol=1e-7)
            np.testing.assert_allclose(model.oof_prediction[kept], alone.oof_prediction, atol=1e-6)
    assert found["t3"].n_samples == (~np.isnan(Y[:, 3])).sum()


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_targets_of_one_design_with_offsets_and_weights(storage, missing):
    X, Y = shared_design(missing, T=3)
    X = storage(np.where(X > 0.3, X, 0))
    rng = np.random.default_rng(2)
    offset, weights = rng.normal(size=len(Y)), rng.uniform(0.5, 2, len(Y))
    ratios, alphas = [0.0, 0.5, 1.0], [0.01, 0.3, 0.1]
    common = {"offset": offset, "weights": weights, "l1_ratio": ratios, "tol": 1e-9}
    models = riata.fit_batch(X, Y, cv=4, keep_predictions=True, alphas=15, **common)
    paths = riata.fit_batch(X, Y, alphas=alphas, **common)
    for b, ratio in enumerate(ratios):
        kept = ~np.isnan(Y[:, b])
        alone = {"offset": offset[kept], "weights": weights[kept], "l1_ratio": ratio, "tol": 1e-9}
        cv = riata.cross_validate_path(X[kept], Y[kept, b], cv=4, alphas=15, **alone)
        assert models[b].alpha == pytest.approx(cv.alpha_min, rel=1e-8)
        np.testing.assert_allclose(models[b].coef, cv.coef_min, atol=1e-6)
        np.testing.assert_allclose(models[b].oof_prediction[kept], cv.oof_prediction, atol=1e-5)
        path = riata.fit_path(X[kept], Y[kept, b], alphas=alphas, **alone)
        np.testing.assert_array_equal(paths[b].alphas, alphas)
        np.testing.assert_allclose(paths[b].coef, path.coef, atol=1e-6)


def test_a_target_that_lacks_nearly_all_rows_has_the_grid_of_those_it_has():
    X, Y = shared_design()
    Y[10:, 0] = np.nan                                 # 10 rows for 12 features
    found = riata.fit_batch(X, Y, alphas=20)
    assert found.alphas[0, -1] / found.alphas[0, 0] == pytest.approx(1e-2)
    assert found.alphas[1, -1] / found.alphas[1, 0] == pytest.approx(1e-3)


def test_long_path_batches_give_the_same_result_in_chunks_on_one_design():
    X, Y = shared_design(0.0)
    whole, parts = riata.fit_batch(X, Y, alphas=20), riata.fit_batch(X, Y, alphas=20, max_memory=1e5)
    np.testing.assert_array_equal(whole.coef, parts.coef)
    assert isinstance(parts, riata.BatchResult)
