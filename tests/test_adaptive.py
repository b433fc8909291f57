"""Adaptive paths against a lasso on rescaled columns, and what the first fit leaves out."""

import numpy as np
import pytest

import riata


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(90, 12)) * rng.uniform(0.2, 5, 12) + 2
    return X, X[:, :3] @ [1.0, -0.5, 0.2] + rng.normal(size=90), rng.uniform(0.2, 2, 90)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("gamma", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("initial", ["ridge", "lasso", "ols", "array"])
def test_it_is_a_lasso_on_rescaled_columns(data, initial, gamma, standardize):
    """Zou (2006), section 3.4: with columns x_j · |b⁰_j|^gamma the plain lasso has coefficients b_j / |b⁰_j|^gamma."""
    X, y, w = data
    first = np.r_[0.0, np.linspace(-1, 1, 11)] if initial == "array" else initial
    result = riata.adaptive_path(X, y, initial=first, gamma=gamma, weights=w, standardize=standardize, alphas=15, tol=1e-12)
    centre = np.average(X, axis=0, weights=w)
    scale = np.sqrt(np.average((X - centre) ** 2, axis=0, weights=w)) if standardize else np.ones(12)
    size = np.abs(result.initial_coef * scale) ** gamma
    kept = size > 0
    plain = riata.fit_path(X[:, kept] / scale[kept] * size[kept], y, weights=w, alphas=result.alphas, tol=1e-12)
    np.testing.assert_allclose(result.coef[:, kept], plain.coef * size[kept] / scale[kept], atol=1e-7)
    assert not result.coef[:, ~kept].any()
    np.testing.assert_allclose(result.penalty_factor[kept], 1 / size[kept])
    assert np.isinf(result.penalty_factor[~kept]).all()


def test_the_first_fits(data):
    X, y, w = data
    options = {"weights": w, "standardize": True}
    ridge = riata.adaptive_path(X, y, initial="ridge", cv=5, seed=3, alphas=3, **options)
    cv = riata.cross_validate_path(X, y, l1_ratio=0, cv=5, seed=3, **options)
    np.testing.assert_array_equal(ridge.initial_coef, cv.coef_min)
    lasso = riata.adaptive_path(X, y, initial="lasso", cv=5, seed=3, alphas=3, **options)
    np.testing.assert_array_equal(lasso.initial_coef, riata.cross_validate_path(X, y, cv=5, seed=3, **options).coef_min)
    ols = riata.adaptive_path(X, y, initial="ols", alphas=3, weights=w)
    A = np.column_stack([np.ones(90), X]) * np.sqrt(w)[:, None]
    np.testing.assert_allclose(ols.initial_coef, np.linalg.lstsq(A, y * np.sqrt(w), rcond=None)[0][1:], rtol=1e-8)
    assert ols.initial_cv is None
    assert ridge.initial_cv.l1_ratio_min == 0.0


def test_penalty_factors_multiply_and_free_features_stay_free(data):
    X, y, _ = data
    factor = np.r_[0.0, np.inf, 2.0, np.ones(9)]
    first = np.r_[0.0, 1.0, 0.5, np.full(9, 0.25)]
    result = riata.adaptive_path(X, y, initial=first, penalty_factor=factor, alphas=5)
    np.testing.assert_array_equal(result.penalty_factor, np.r_[0.0, np.inf, 4.0, np.full(9, 4.0)])
    assert (result.coef[:, 0] != 0).all()


def test_it_selects_less_of_the_noise_than_the_lasso():
    wrong = {"adaptive": 0, "plain": 0}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(300, 20))
        y = X[:, :3] @ [2.0, -1.5, 1.0] + rng.normal(size=300)
        for name, path in (("adaptive", riata.adaptive_path(X, y, initial="ols")), ("plain", riata.fit_path(X, y))):
            coef = path.coef[np.nanargmin(path.bic)]
            assert coef[:3].all()
            wrong[name] += np.count_nonzero(coef[3:])
    assert wrong["adaptive"] < 0.6 * wrong["plain"]


def test_a_result_is_a_path(data, tmp_path):
    X, y, _ = data
    result = riata.adaptive_path(X, y, alphas=10)
    assert isinstance(result, riata.PathResult)
    assert repr(result).startswith("AdaptivePathResult(gamma=1, 0 features left out by the first fit, n_samples=90")
    riata.save_model(result, tmp_path / "m.json", alpha=result.alphas[4])
    np.testing.assert_array_equal(riata.load_model(tmp_path / "m.json").coef, result.coef[4])
    assert result.summary().count("\n") > 5
    cv = riata.cross_validate_path(X, y, penalty_factor=result.penalty_factor)
    assert cv.alpha_min > 0


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"initial": "enet"}, ValueError, "initial = 'enet' must be one of 'ridge', 'lasso', 'ols', or an array"),
    ({"initial": None}, TypeError, "initial = None must be"),
    ({"initial": np.ones(5)}, ValueError, "initial has 5 entries and X has 12 columns"),
    ({"initial": np.r_[np.nan, np.ones(11)]}, ValueError, r"initial\[0\] = nan must be finite: give 0"),
    ({"initial": np.zeros(12)}, ValueError, "every coefficient of the first fit is 0"),
    ({"gamma": 0}, ValueError, "gamma = 0 is outside"),
    ({"cv": 1}, ValueError, "cv = 1 must be at least 2"),
])
def test_bad_arguments(data, options, error, message):
    X, y, _ = data
    with pytest.raises(error, match=message):
        riata.adaptive_path(X, y, **options)
