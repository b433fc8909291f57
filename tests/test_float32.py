"""float32 X: products that are widened or bounded, and paths whose certificates hold for the float32 numbers as they are."""

import numpy as np
import pytest
from riata_engine.cpu.control import Control
from riata_engine.cpu.design import Design

import problems
from reference import duality_gap
from riata_engine.solvers import working_set

#: rows around the lines of a packed residual and the chunks of a sum
ROWS = [2, 7, 16, 33, 511, 512, 513, 1100]
#: columns around a tile
COLUMNS = [1, 2, 63, 65, 131]


def product(design, R, block, n_threads=1, narrow=False):
    return design.transposed_matvec(np.ascontiguousarray(R), block, Control(), n_threads, narrow=narrow)


def a_design(rng, n, p, spread=3):
    """float32 columns of unequal scales, some of which are far from zero; in float64 the columns of z, and the design."""
    scale = 10.0 ** rng.uniform(-spread, spread, p)
    X = ((rng.standard_normal((n, p)) + rng.choice([0, 1, 1000], p)) * scale).astype(np.float32)
    X = np.asfortranarray(X)
    center, multiplier = X.mean(axis=0, dtype=np.float64), 2.0 ** -np.floor(np.log2(scale))
    return (X.astype(np.float64) - center) * multiplier, Design(X, center, multiplier)


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("p", COLUMNS)
def test_products_are_those_of_float64(n, p):
    rng = np.random.default_rng([n, p])
    Z, design = a_design(rng, n, p)
    for k, block in ((1, 1), (5, 1), (10, 10), (11, 10), (23, 10), (23, 23), (12, 4)):
        R = rng.standard_normal((k, n))
        size = np.abs(R) @ (np.abs(Z) + 2.0**-24 * np.abs(design.center * design.multiplier))
        assert np.all(np.abs(product(design, R, block) - R @ Z) <= 1e-14 * (1 + np.log2(n)) * size)
        assert np.all(np.abs(product(design, R, block, narrow=True) - R @ Z) <= (design.narrow_error + 1e-14) * size)


def test_the_bound_of_a_narrow_product_holds_for_sums_that_only_grow():
    n = 5000
    X = np.asfortranarray(np.full((n, 70), 1 + 2.0**-23, np.float32))
    design = Design(X, np.zeros(70), np.ones(70))
    R = np.full((10, n), 1 / 3)
    exact = R @ X.astype(np.float64)
    off = np.abs(product(design, R, 10, narrow=True) - exact) / exact
    assert 0 < off.max() <= design.narrow_error


@pytest.mark.parametrize("narrow", [False, True])
def test_bits_of_a_product_depend_on_its_column_and_its_block_alone(narrow):
    rng = np.random.default_rng(1)
    _, design = a_design(rng, 700, 150)
    R = rng.standard_normal((30, 700))
    whole = product(design, R, 10, narrow=narrow)
    assert np.array_equal(whole, product(design, R, 10, 2, narrow))
    assert np.array_equal(whole[10:20], product(design, R[10:20], 10, narrow=narrow))
    some = np.array([3, 64, 65, 149])
    few = Design(np.asfortranarray(design.X[:, some]), design.center[some], design.multiplier[some])
    assert np.array_equal(whole[:, some], product(few, R, 10, narrow=narrow))


def test_only_contiguous_float32_columns_have_narrow_products():
    X = np.ones((4, 3), np.float32)
    for other in (X, X.astype(np.float64), np.asfortranarray(X)[::2]):
        assert Design(other, np.zeros(3), np.ones(3)).narrow_error == np.inf
    assert Design(np.asfortranarray(X), np.zeros(3), np.ones(3)).narrow_error < 1e-4


@pytest.fixture(params=["narrow", "wide"])
def checked(request, monkeypatch):
    """Columns are checked in float32, as those of a large X are, or in float64."""
    monkeypatch.setattr(working_set, "NARROW_FROM", 0 if request.param == "narrow" else np.inf)


def hard(kind, rng, n, p):
    """float32 X that leaves float32 few digits, or none."""
    X, y = problems.draw(rng, n, p, correlation=0.5)
    if kind == "scales":
        X *= 10.0 ** rng.uniform(-8, 8, p)
    elif kind == "extreme scales":
        X *= 10.0 ** rng.choice([-36.0, -25.0, 0.0, 25.0, 36.0], p)
    elif kind == "nearly collinear":
        X[:, 1::2] = X[:, :-1:2] + 1e-5 * rng.standard_normal((n, p // 2))
    elif kind == "far from zero":
        X += 1e5 * rng.standard_normal(p)
    elif kind == "alike and constant":
        X[:, ::5], X[:, 1::5], X[:, 2::5] = X[:, :1], X[:, :1], 7.0
    elif kind == "an outlier":
        X[3, ::3] *= 1e6
    return np.asfortranarray(X.astype(np.float32)), y


KINDS = ["plain", "scales", "extreme scales", "nearly collinear", "far from zero", "alike and constant", "an outlier"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("l1_ratio", "standardize"), [(0.5, True), (1.0, False)])
@pytest.mark.parametrize("shape", [(60, 400), (560, 700)])
def test_gaps_hold_for_hard_data(checked, kind, shape, l1_ratio, standardize):
    """No gap is smaller than the referee's with the best scale, from the float32 numbers as they are; and alphas are solved.

    Of columns alike to 1e-5 some lasso alphas run out of epochs, in float64 too: they say so.
    """
    rng = np.random.default_rng([*shape, KINDS.index(kind)])
    X, y = hard(kind, rng, *shape)
    tol = 1e-5 if shape[0] > 512 else 1e-8
    common = {"l1_ratio": l1_ratio, "standardize": standardize}
    solution = problems.fit(X, y, n_alphas=5, alpha_min_ratio=0.05, solver="working_set", tol=tol, **common)
    converged = problems.status_names(solution) == "converged"
    assert np.array_equal(converged, solution.gap <= tol)
    assert converged.all() or kind == "nearly collinear"
    for i, alpha in enumerate(solution.alphas[0]):
        one = problems.problem(X.astype(np.float64), y, alpha, **common)
        coef, intercept, gap = solution.coef[0, i], solution.intercept[0, i], solution.gap[0, i]
        if gap < duality_gap(one, coef, intercept) - 1e-13:
            assert duality_gap(one, coef, intercept, best_scale=True) <= gap + 1e-13


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_float64(checked, kind):
    rng = np.random.default_rng(KINDS.index(kind))
    X, y = hard(kind, rng, 80, 300)
    wide = X.astype(np.float64)
    alphas = problems.grid(wide, y, 0.7, ratio=0.05, count=5)
    both = [problems.fit(A, y, alphas, l1_ratio=0.7, solver="working_set", tol=1e-10) for A in (X, wide)]
    for i, alpha in enumerate(alphas):
        problems.assert_same_optimum(wide, y, alpha, 0.7, *((s.coef[0, i], s.intercept[0, i]) for s in both))


@pytest.mark.parametrize("kind", ["plain", "scales", "nearly collinear"])
def test_a_problem_has_the_same_bits_alone_and_on_two_threads(checked, kind):
    rng = np.random.default_rng(5)
    X, y = hard(kind, rng, 90, 500)
    Y = np.column_stack([y, rng.standard_normal(90), y + X[:, 0] / np.abs(X[:, 0]).max()])
    common = {"l1_ratio": 0.9, "solver": "working_set", "n_alphas": 12, "tol": 1e-7}
    together = problems.fit(X, Y, n_threads=2, target=np.arange(3), group=np.zeros(3, np.intp), **common)
    for t in range(3):
        alone = problems.fit(X, Y[:, t], n_threads=1, **common)
        assert np.array_equal(together.coef[t], alone.coef[0])
        assert np.array_equal(together.gap[t], alone.gap[0])
