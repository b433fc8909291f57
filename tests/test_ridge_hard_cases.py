"""Ridge decomposition: what is hard (no penalty, collinear columns, extreme scales, small shapes, bad arguments)."""

import numpy as np
import pytest

from riata_engine.solvers.least_squares import least_squares
from riata_engine.solvers.ridge import RidgeDecomposition
from ridge_problems import ALPHAS, SHAPES, options, problem


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_alpha_zero_is_minimum_norm(shape, seed):
    X, Y, rng = problem(shape, seed)
    X[:, 3] = X[:, 1]  # collinear
    X[:, 5] = 7.7  # constant
    w = rng.uniform(0.1, 2, len(X))
    root = np.sqrt(w / w.sum())[:, None]
    mean, mean_y = np.average(X, axis=0, weights=w), np.average(Y, axis=0, weights=w)
    expected = np.linalg.lstsq(root * (X - mean), root * (Y - mean_y), rcond=1e-10)[0].T
    rank = min(X.shape[1] - 2, len(X) - 1)

    fit = least_squares(X, Y, w)
    assert (fit.rank, fit.degenerate) == (rank, True)
    np.testing.assert_allclose(fit.coef, expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(fit.intercept, mean_y - expected @ mean, rtol=1e-9)
    assert fit.gap.max() < 1e-25

    ridge = RidgeDecomposition(X, w)
    assert (ridge.rank, ridge.degenerate, ridge.free_degenerate) == (rank, True, False)
    coef, b0 = ridge.coefficients([0.0, 1e-11], Y)
    np.testing.assert_allclose(coef[:, 0], expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(coef[:, 1], expected, rtol=1e-5, atol=1e-7)
    assert ridge.duality_gap([0.0, 1e-11], Y, coef, b0).max() < 1e-12

    free = RidgeDecomposition(X, w, penalty_factor=np.zeros(X.shape[1]))
    assert free.free_rank == rank
    assert free.free_degenerate
    assert free.degenerate
    coef, b0 = free.coefficients([0.0, 5.0], Y)
    np.testing.assert_allclose(coef, np.stack([expected, expected], axis=1), rtol=1e-8, atol=1e-10)
    assert free.duality_gap([0.0, 5.0], Y, coef, b0).max() < 1e-20


@pytest.mark.parametrize("shape", SHAPES)
def test_collinear_free_columns(shape):
    """The penalised coefficients are unique, the free ones of minimum norm given them."""
    X, Y, _ = problem(shape, 11)
    X[:, 2] = 3 * X[:, 0]
    factor = np.ones(X.shape[1])
    factor[[0, 2]] = 0
    ridge = RidgeDecomposition(X, penalty_factor=factor)
    assert ridge.free_degenerate
    assert ridge.free_rank == 1
    coef, b0 = ridge.coefficients(ALPHAS, Y)
    single = np.delete(X, 2, axis=1)
    one, one_b0 = RidgeDecomposition(single, penalty_factor=np.delete(factor, 2)).coefficients(ALPHAS, Y)
    np.testing.assert_allclose(np.delete(coef, [0, 2], axis=-1), one[..., 1:], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(coef[..., [0, 2]], one[..., :1] * [0.1, 0.3], rtol=1e-9)
    np.testing.assert_allclose(b0, one_b0, rtol=1e-9)
    assert ridge.duality_gap(ALPHAS, Y, coef, b0).max() < 1e-20


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_gap_is_a_certificate(shape, intercept):
    """It bounds the suboptimality of any coefficients, and is near it for good ones."""
    X, Y, rng = problem(shape, 12)
    n, p = X.shape
    w, f, s = options(rng, n, p, "zero weights, free columns")
    v, d = w / w.sum(), f * s**2
    ridge = RidgeDecomposition(X, w, intercept, f, s)
    best, best_b0 = ridge.coefficients(ALPHAS, Y)

    def objective(coef, b0):
        r = Y.T[:, None] - b0[..., None] - coef @ X.T
        return 0.5 * (r**2 @ v) + 0.5 * ALPHAS * (coef**2 @ d)

    null = 0.5 * (v @ (Y - intercept * (v @ Y)) ** 2)[:, None]
    for size in (1e-5, 1e-2, 1.0):
        coef = best + size * rng.standard_normal(best.shape)
        b0 = best_b0 + intercept * size * rng.standard_normal(best_b0.shape)
        gap = ridge.duality_gap(ALPHAS, Y, coef, b0)
        excess = (objective(coef, b0) - objective(best, best_b0)) / null
        assert np.all(gap >= excess * (1 - 1e-6) - 1e-13)
    assert np.all(ridge.duality_gap(ALPHAS, Y, np.zeros_like(best), best_b0 * 0) > 1e-3)


@pytest.mark.parametrize("shape", [(80, 10), (15, 40)])
@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e150, 1e-150])
def test_extreme_units(shape, scale):
    X, Y, _ = problem(shape, 13)
    X = X - X.mean(axis=0)
    base, _ = RidgeDecomposition(X).coefficients(0.0, Y)
    ridge = RidgeDecomposition(X * scale)
    coef, b0 = ridge.coefficients([0.0, 1.0], Y)
    np.testing.assert_allclose(coef[:, 0] * scale, base[:, 0], rtol=1e-8, atol=1e-10)
    assert np.all(np.isfinite(coef))
    assert ridge.duality_gap([0.0, 1.0], Y, coef, b0).max() < 1e-12
    fit = least_squares(X * scale, Y)
    np.testing.assert_allclose(fit.coef * scale, base[:, 0], rtol=1e-8, atol=1e-10)
    assert fit.gap.max() < 1e-20


def test_large_means_cost_no_digits():
    X, Y, _ = problem("tall", 14)
    X = np.round(X * 2**10) / 2**10  # so that adding 2**30 is exact
    for shape in ("tall", "wide"):
        A = X if shape == "tall" else X[:8]
        y = Y[: len(A)]
        coef, _ = RidgeDecomposition(A).coefficients(ALPHAS, y)
        moved, _ = RidgeDecomposition(A + 2.0**30).coefficients(ALPHAS, y)
        np.testing.assert_allclose(moved, coef, rtol=1e-7, atol=1e-9)


def test_least_squares_tells_columns_apart_that_the_gram_matrix_cannot():
    X, _, rng = problem("tall", 15)
    X[:, 1] = X[:, 0] + 1e-9 * rng.standard_normal(len(X))
    fit = least_squares(X, X @ np.ones(X.shape[1]))
    assert not fit.degenerate
    np.testing.assert_allclose(fit.coef[0], 1, rtol=1e-4)
    assert fit.gap.max() < 1e-20


def test_a_column_lost_beside_a_huge_one_is_not_certified():
    """Columns whose scales differ by 1e20 are beyond one eigen-decomposition: the gap must say so."""
    X, Y, _ = problem("tall", 16)
    X[:, 0] *= 1e20
    ridge = RidgeDecomposition(X)
    coef, b0 = ridge.coefficients([1e-3], Y)
    assert ridge.duality_gap([1e-3], Y, coef, b0).max() > 1e-6


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 5), (5, 1), (5, 5), (4, 0)])
def test_small_shapes(shape):
    rng = np.random.default_rng(17)
    X, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    ridge = RidgeDecomposition(X)
    coef, b0 = ridge.coefficients([0.0, 0.1], y)
    assert coef.shape == (1, 2, shape[1])
    assert ridge.duality_gap([0.0, 0.1], y, coef, b0).max() < 1e-12
    np.testing.assert_allclose(b0[0] + coef[0] @ X.mean(axis=0), y.mean(), rtol=1e-10, atol=1e-12)
    assert ridge.loo_residuals([0.1], y).shape == (1, shape[0], 1)
    assert least_squares(X, y).coef.shape == (1, shape[1])


@pytest.mark.parametrize("shape", SHAPES)
def test_constant_columns_and_targets(shape):
    X, _, _ = problem(shape, 18)
    X[:, 2] = 1e8 / 3
    y = np.full(len(X), 0.1)
    ridge = RidgeDecomposition(X)
    coef, b0 = ridge.coefficients([1e-8, 1.0], y)
    assert np.all(coef == 0)
    assert np.all(b0 == 0.1)
    assert np.all(ridge.duality_gap([1e-8, 1.0], y, coef, b0) == 0)
    coef, _ = ridge.coefficients([0.0, 1e-8, 1.0], X[:, 0])
    assert np.all(coef[..., 2] == 0)


def test_infinite_alpha_fits_the_free_columns_alone():
    X, Y, _ = problem("wide", 19)
    factor = np.ones(X.shape[1])
    factor[0] = 0
    ridge = RidgeDecomposition(X, penalty_factor=factor)
    coef, b0 = ridge.coefficients(np.inf, Y)
    expected = np.polynomial.polynomial.polyfit(X[:, 0], Y, 1)
    np.testing.assert_allclose(coef[:, 0, 0], expected[1], rtol=1e-10)
    np.testing.assert_allclose(b0[:, 0], expected[0], rtol=1e-10)
    assert np.all(coef[:, 0, 1:] == 0)
    assert ridge.duality_gap(np.inf, Y, coef, b0).max() < 1e-25
    line = ridge.loo_residuals(np.inf, Y)
    np.testing.assert_allclose(line, RidgeDecomposition(X[:, :1]).loo_residuals(0.0, Y), rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda X, Y: RidgeDecomposition(X, sample_weight=np.ones(3)), r"sample_weight has shape \(3,\)"),
        (lambda X, Y: RidgeDecomposition(X, sample_weight=-np.ones(60)), "sample_weight must be finite"),
        (lambda X, Y: RidgeDecomposition(X, sample_weight=np.zeros(60)), "at least one positive weight"),
        (lambda X, Y: RidgeDecomposition(X, penalty_factor=-np.ones(12)), r"penalty_factor\[0\]=-1.0"),
        (lambda X, Y: RidgeDecomposition(X, scale=np.full(12, np.inf)), r"scale\[0\]=inf; .* must be finite"),
        (lambda X, Y: RidgeDecomposition(X, scale=np.ones(3)), r"scale has shape \(3,\); X has 12 columns"),
        (lambda X, Y: RidgeDecomposition(X[:0]), "X has no rows"),
        (lambda X, Y: RidgeDecomposition(np.where(X > 2, np.nan, X)), "X has NaN or infinite entries"),
        (lambda X, Y: RidgeDecomposition(X).coefficients(-1, Y), "none negative or NaN"),
        (lambda X, Y: RidgeDecomposition(X).coefficients(1, Y[:5]), r"Y has shape \(5, 2\); X has 60 rows"),
        (lambda X, Y: RidgeDecomposition(X).duality_gap(1, Y, np.zeros(12), 0), r"coef has shape \(12,\)"),
        (lambda X, Y: least_squares(X, Y[:5]), r"Y has shape \(5, 2\); X has 60 rows"),
    ],
)
def test_bad_arguments_are_named(call, words):
    X, Y, _ = problem("tall")
    with pytest.raises(ValueError, match=words):
        call(X, Y)


@pytest.mark.parametrize("shape", [(40, 90), (90, 40)])
def test_a_column_that_varies_in_its_last_digits_counts_in_the_gap(shape):
    """Standardised it matters as much as any other; its answer may be left out, not what it is worth."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal(shape)
    signs = np.where(np.arange(shape[0]) % 2, 1.0, -1.0)
    X[:, 7] = 1e6 * (1 + 2 * np.finfo(float).eps * signs)
    y = X[:, 0] + 5.0 * signs
    scale = X.std(axis=0)
    scale[7] = (X[:, 7] - 1e6).std()
    ridge = RidgeDecomposition(X, scale=scale, separate=True)
    coef, intercept = ridge.coefficients([0.1], y)
    gap = ridge.duality_gap([0.1], y, coef, intercept)[0, 0]
    assert ridge.design.constant[7]
    exact = (X[:, 7] - 1e6) / scale[7]
    r = ridge.residuals(y, coef)[0, 0]
    missing = 0.5 * (exact @ r / shape[0])**2 / 0.1 / (0.5 * np.var(y))
    assert missing > 0.05
    np.testing.assert_allclose(gap, missing, rtol=1e-6)
    X[:, 7] = 1e6
    ridge = RidgeDecomposition(X, scale=scale, separate=True)
    assert ridge.duality_gap([0.1], y, *ridge.coefficients([0.1], y))[0, 0] < 1e-20
