"""Ridge for few alphas by Cholesky factors: the answers of the eigenvectors, which are computed only when needed."""

import numpy as np
import pytest
import scipy.sparse as sp

import riata_engine.solvers.ridge_inverse as inverse_module
from riata.linear_model import Ridge
from riata_engine.solvers.ridge import RidgeDecomposition
from riata_engine.solvers.ridge_gram import GramForm
from riata_engine.solvers.ridge_inverse import FEW
from riata_engine.solvers.ridge_kernel import KernelForm

SHAPES = {"tall": (70, 14), "wide": (18, 50), "square": (30, 30)}
ALPHAS = np.array([0.5, 0.02, 3.0])


@pytest.fixture
def no_eigenvectors(monkeypatch):
    """Any eigen-decomposition of a whole problem is an error."""
    def refuse(self, S):
        raise AssertionError("the eigenvectors were computed")

    monkeypatch.setattr(GramForm, "_decompose", refuse)
    monkeypatch.setattr(KernelForm, "_decompose", refuse)


def problem(shape, seed=0, mean=1.0):
    n, p = SHAPES[shape]
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) @ (np.eye(p) + 0.3 * rng.standard_normal((p, p)) / np.sqrt(p))
    X += mean * rng.standard_normal(p)
    return X, X[:, :2] + rng.standard_normal((n, 2)) + 4, rng


def settings(name, rng, n, p):
    if name == "plain":
        return {}
    if name == "no intercept":
        return {"intercept": False}
    if name == "equal weights":
        return {"sample_weight": np.full(n, 3.0)}
    w, f = rng.uniform(0.2, 3, n), rng.uniform(0.5, 2, p)
    if name == "zero weights, free columns":
        w[[1, 4]], f[[0, 5]] = 0, 0
    if name == "left out":
        f[[2, 7]], f[3] = np.inf, 0
    return {"sample_weight": w, "penalty_factor": f, "scale": rng.uniform(0.3, 4, p)}


def by_eigenvectors(*args, **kwargs):
    ridge = RidgeDecomposition(*args, **kwargs)
    assert ridge.eigenvalues is not None
    return ridge


def stacked(X, Y, alpha):
    """Ridge with intercept by least squares on rows x / sqrt(n) and sqrt(alpha) e_j: no Gram matrix."""
    n, p = X.shape
    Z, Yc = (X - X.mean(axis=0)) / np.sqrt(n), (Y - Y.mean(axis=0)) / np.sqrt(n)
    rows = np.vstack([Z, np.sqrt(alpha) * np.eye(p)])
    return np.linalg.lstsq(rows, np.vstack([Yc, np.zeros((p, Y.shape[1]))]), rcond=None)[0].T


NAMES = ["plain", "no intercept", "equal weights", "weights, factors, scale", "zero weights, free columns", "left out"]
LAYOUTS = {"C": np.ascontiguousarray, "F": np.asfortranarray, "float32": lambda X: X.astype(np.float32),
           "csr": sp.csr_array, "csc": sp.csc_array}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_same_answers_as_the_eigenvectors(shape, name, layout, monkeypatch):
    X, Y, rng = problem(shape, 1)
    if layout.startswith("cs"):
        X[rng.uniform(size=X.shape) < 0.6] = 0
    given = settings(name, rng, *X.shape)
    X = LAYOUTS[layout](X)
    eigen = by_eigenvectors(X, **given)
    expected, expected_b0 = eigen.coefficients(ALPHAS, Y)
    rank, degenerate = eigen.rank, eigen.degenerate
    with monkeypatch.context() as patch:
        patch.setattr(GramForm, "_decompose", None)
        patch.setattr(KernelForm, "_decompose", None)
        ridge = RidgeDecomposition(X, **given)
        coef, b0 = ridge.coefficients(ALPHAS, Y)
        gap = ridge.duality_gap(ALPHAS, Y, coef, b0)
    np.testing.assert_allclose(coef, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(b0, expected_b0, rtol=1e-10, atol=1e-12)
    assert gap.max() < 1e-20
    assert (ridge.rank, ridge.degenerate) == (rank, degenerate)  # computed now, from the matrix that was kept
    np.testing.assert_allclose(ridge.eigenvalues, eigen.eigenvalues, rtol=1e-10, atol=1e-12)
    again, _ = ridge.coefficients(ALPHAS, Y)
    np.testing.assert_allclose(again, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_estimator_needs_no_eigenvectors(shape, no_eigenvectors):
    X, Y, _ = problem(shape, 2)
    for y, alpha in ((Y[:, 0], 1.0), (Y, 1.0), (Y, [0.3, 2.0])):
        model = Ridge(alpha=alpha).fit(X, y)
        for coef, target, strength in zip(np.atleast_2d(model.coef_), np.atleast_2d(y.T),
                                          np.broadcast_to(alpha, y.ndim), strict=False):  # fmt: skip
            expected = stacked(X, target[:, None], strength / len(X))[0]
            np.testing.assert_allclose(coef, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_factors_are_reused_and_given_up_when_alphas_are_many(shape, monkeypatch):
    X, Y, _ = problem(shape, 3)
    made = []
    original = inverse_module.cholesky

    def counted(S, alpha, bound):
        made.append(alpha)
        return original(S, alpha, bound)

    monkeypatch.setattr(inverse_module, "cholesky", counted)
    ridge = RidgeDecomposition(X)
    grid = np.geomspace(0.01, 1, FEW)
    for y in Y.T:
        for alphas in (grid, grid[::-1], np.repeat(grid[:1], 20)):
            ridge.coefficients(alphas, y)
    assert sorted(made) == sorted(grid)
    expected, _ = by_eigenvectors(X).coefficients([0.5, *grid], Y)
    coef, _ = ridge.coefficients([0.5, *grid], Y)
    assert len(made) == FEW
    np.testing.assert_allclose(coef, expected, rtol=1e-12)


@pytest.mark.parametrize("special", [0.0, np.inf, 1e-320])
@pytest.mark.parametrize("shape", SHAPES)
def test_alphas_without_a_factor(shape, special):
    """alpha = 0, infinite or lost in rounding, beside an ordinary one: the limits of ridge."""
    X, Y, _ = problem(shape, 4)
    X[:, 3] = X[:, 1]
    X[:, 4] = 2.5
    coef, b0 = RidgeDecomposition(X).coefficients([special, 0.3], Y)
    Z, Yc = X - X.mean(axis=0), Y - Y.mean(axis=0)
    limit = np.zeros((2, X.shape[1])) if special == np.inf else np.linalg.lstsq(Z, Yc, rcond=1e-10)[0].T
    np.testing.assert_allclose(coef[:, 0], limit, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(coef[:, 1], stacked(X, Y, 0.3), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(b0, Y.mean(axis=0)[:, None] - coef @ X.mean(axis=0), rtol=1e-9, atol=1e-9)
    assert np.all(coef[..., 4] == 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mean", [0.0, 5.0, 1e4])
def test_ill_conditioned_factors_are_refined(mean, seed, no_eigenvectors):
    """A Gram matrix with a condition of 1e8 or more costs eight digits; refinement against X gets them back."""
    X, Y, rng = problem("tall", seed, mean)
    X[:, 6] = X[:, 2] + 1e-4 * rng.standard_normal(len(X))
    Y += 1e4 * (X[:, 6:7] - X[:, 2:3])
    sparse = [sp.csr_array(X)] if mean < 100 else []  # whose products lose the digits of large means
    for layout in (X, np.asfortranarray(X), *sparse):
        ridge = RidgeDecomposition(layout)
        coef, b0 = ridge.coefficients(1e-9, Y)
        expected = stacked(X, Y, 1e-9)
        error = np.linalg.norm(coef[:, 0] - expected) / np.linalg.norm(expected)
        assert error < 2e-11
        assert ridge.duality_gap(1e-9, Y, coef, b0).max() < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_ill_conditioned_kernels_go_to_the_eigenvectors(seed):
    """The dual vector is the residual over alpha: a factor of the kernel loses its digits, the eigenvectors do not."""
    X, Y, rng = problem("wide", seed)
    X[4] = X[2] + 1e-5 * rng.standard_normal(X.shape[1])
    coef, b0 = RidgeDecomposition(X).coefficients(1e-8, Y)
    expected, expected_b0 = by_eigenvectors(X).coefficients(1e-8, Y)
    np.testing.assert_array_equal(coef, expected)
    np.testing.assert_array_equal(b0, expected_b0)


@pytest.mark.parametrize("mean", [0.0, 0.5, 2.5, 9.0, 60.0, 2.0**30])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", SHAPES)
def test_means_of_any_size(shape, order, mean, no_eigenvectors):
    """Whether X or the centred blocks went into the products, shifting the columns changes nothing."""
    X, Y, rng = problem(shape, 5, mean=0.0)
    X = np.round(X * 2**10) / 2**10
    signs = rng.choice([-1.0, 1.0], X.shape[1])
    weights = rng.uniform(0.5, 2, len(X))
    for sample_weight in (None, weights):
        base, _ = RidgeDecomposition(X, sample_weight).coefficients(ALPHAS, Y)
        moved = np.asarray(X + mean * signs, order=order)
        ridge = RidgeDecomposition(moved, sample_weight)
        coef, b0 = ridge.coefficients(ALPHAS, Y)
        np.testing.assert_allclose(coef, base, rtol=1e-9 if mean < 1e6 else 1e-6, atol=1e-11 if mean < 1e6 else 1e-8)
        assert ridge.duality_gap(ALPHAS, Y, coef, b0).max() < (1e-22 if mean < 1e6 else 1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_constant_column_among_moderate_ones(shape, no_eigenvectors):
    X, Y, _ = problem(shape, 6, mean=0.1)
    X[:, 3] = 1e6 / 3
    for weights in (None, np.linspace(1, 2, len(X))):
        ridge = RidgeDecomposition(X, weights)
        coef, b0 = ridge.coefficients(ALPHAS, Y)
        without, without_b0 = RidgeDecomposition(np.delete(X, 3, axis=1), weights).coefficients(ALPHAS, Y)
        assert np.all(coef[..., 3] == 0)
        np.testing.assert_allclose(np.delete(coef, 3, axis=-1), without, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(b0, without_b0, rtol=1e-9)
        assert ridge.duality_gap(ALPHAS, Y, coef, b0).max() < 1e-20


@pytest.mark.parametrize("shape", [(900, 400), (400, 900)])
def test_large_factors(shape, monkeypatch, no_eigenvectors):
    """Beyond the size from which NumPy factors: the normal equations hold."""
    monkeypatch.setattr(inverse_module, "LARGE", 400)
    rng = np.random.default_rng(7)
    X, y = rng.standard_normal(shape) + 0.5, rng.standard_normal(shape[0])
    coef, b0 = RidgeDecomposition(X).coefficients(0.1, y)
    residual = y - b0[0, 0] - X @ coef[0, 0]
    gradient = (X - X.mean(axis=0)).T @ residual / len(y)
    np.testing.assert_allclose(gradient, 0.1 * coef[0, 0], rtol=1e-8, atol=1e-13)
    assert abs(residual.mean()) < 1e-13
