"""Cases that once went wrong."""

import threading

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_info

import reference
import riata
import soak
from riata_engine.batch import Batch, solve


def drawn(n, p, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    return rng, X, 3 * X[:, 0] + rng.standard_normal(n)


@pytest.mark.parametrize(("l1_ratio", "alphas"), [(0.0, [1.0, 0.1]), (0.5, [1.0, 0.1]), (1.0, [0.1, 0.0])])
@pytest.mark.parametrize("shape", [(40, 10), (40, 60)])
def test_bounds_of_zero_leave_a_feature_out_of_every_solver(shape, l1_ratio, alphas):
    _, X, y = drawn(*shape)
    lower, upper, factor = np.full(shape[1], -np.inf), np.full(shape[1], np.inf), np.ones(shape[1])
    lower[0], upper[0], factor[0] = 0.0, 0.0, np.inf
    held = solve(Batch(X, y, alphas=np.array(alphas), l1_ratio=l1_ratio, lower=lower, upper=upper))
    out = solve(Batch(X, y, alphas=np.array(alphas), l1_ratio=l1_ratio, penalty_factor=factor))
    assert not held.coef[0, :, 0].any()
    np.testing.assert_allclose(held.coef, out.coef, atol=1e-8)


def test_nearly_collinear_free_features_are_told_apart():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 20))
    X[:, 1] = X[:, 0] + 1.5e-6 * rng.standard_normal(200)
    y = X[:, 2:] @ rng.standard_normal(18) + (X[:, 1] - X[:, 0]) / 1.5e-6 * 3 + rng.standard_normal(200)
    factor = np.ones(20)
    factor[:2] = 0
    for solver in ("gram", "working_set"):
        found = solve(Batch(X, y, alphas=np.array([0.1]), l1_ratio=0.9, penalty_factor=factor, solver=solver))
        b = found.coef[0, 0]
        r = y - X @ b - found.intercept[0, 0]
        assert found.status[0, 0] == 0
        assert abs(r @ (X[:, 1] - X[:, 0])) / np.linalg.norm(X[:, 1] - X[:, 0]) / np.linalg.norm(y) < 1e-5


@pytest.mark.parametrize(("mean", "intercept"), [(3.0, True), (3.0, False), (1e3, True), (1e6, True)])
@pytest.mark.parametrize("standardize", [True, False])
def test_sparse_columns_with_large_means(mean, intercept, standardize):
    rng, X, _ = drawn(100, 6)
    y = X @ rng.standard_normal(6) + rng.standard_normal(100)
    settings = {"alphas": np.array([0.1]), "intercept": intercept, "standardize": standardize, "tol": 1e-10}
    dense = solve(Batch(X + mean, y, **settings))
    stored = solve(Batch(sparse.csc_array(X + mean), y, **settings))
    assert dense.status[0, 0] == stored.status[0, 0] == 0
    np.testing.assert_allclose(stored.coef, dense.coef, atol=1e-6)


def test_arrays_that_are_not_aligned_or_not_native_are_read_right():
    rng = np.random.default_rng(0)
    record = np.zeros(100, np.dtype([("a", "i1"), ("x", "f8", (5,))]))
    record["x"] = rng.standard_normal((100, 5))
    y = record["x"] @ np.arange(1.0, 6.0)
    expected = solve(Batch(np.array(record["x"]), y, alphas=np.array([0.01]))).coef
    for X in (record["x"], np.array(record["x"]).astype(">f8")):
        np.testing.assert_allclose(solve(Batch(X, y, alphas=np.array([0.01]))).coef, expected, rtol=1e-12)
    with pytest.raises(TypeError, match="float32 or float64"):
        solve(Batch(np.ones((5, 2), int), np.ones(5)))


def test_many_threads_leave_blas_as_it_was():
    before = [pool["num_threads"] for pool in threadpool_info()]
    _, X, y = drawn(200, 30)
    threads = [threading.Thread(target=lambda: [riata.fit_path(X, y, alphas=20) for _ in range(8)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [pool["num_threads"] for pool in threadpool_info()] == before


@pytest.mark.parametrize("standardize", [True, False])
def test_a_callback_that_raises_ends_the_call_whenever_it_does(standardize):
    """Whatever pass is under way: the exception comes out, never a solution from half of a pass."""
    _, X, y = drawn(3000, 1500)
    for patience in range(6):
        calls = []

        def stop(done, total, calls=calls, patience=patience):
            calls.append(done)
            if len(calls) > patience:
                raise RuntimeError("enough")

        with pytest.raises(RuntimeError, match="enough"):
            solve(Batch(X, y, standardize=standardize, alpha_min_ratio=1e-4, tol=1e-12), progress=stop)


def test_time_budget_ends_every_thread():
    """The owner of the clock may be out of work while another thread is not: one problem is trivial, the other long."""
    _, X, y = drawn(3000, 1200)
    pair = np.column_stack([y, np.ones(3000)])
    for Y in (pair, pair[:, ::-1]):
        found = solve(Batch(X, Y, solver="gram", alpha_min_ratio=1e-5, tol=1e-14, time_budget=0.01, n_threads=2))
        assert set(found.status.ravel()) <= {0, 2}
        assert (found.status == 2).any()
        assert np.isnan(found.coef[found.status == 2]).all()


def test_alphas_too_small_for_float64_are_not_called_converged():
    """The largest alpha is about x·y, here 1e-600."""
    _, X, y = drawn(60, 5)
    found = solve(Batch(X * 1e-300, y * 1e-300, n_alphas=5))
    assert (found.status == 3).all()
    assert np.isnan(found.coef).all() or not np.isfinite(found.gap).any()


def off_optimum(X, y, found, l1_ratio, **settings):
    """How far the objectives of a solution are from the referee's optimum, in null objectives, less what is claimed."""
    excess = []
    for at, alpha in enumerate(found.alphas[0]):
        problem = reference.Problem(X, y, alpha, l1_ratio, **settings)
        best = reference.dual_bound(problem, *reference.solve(problem), best_scale=True)
        value = reference.objective(problem, found.coef[0, at], found.intercept[0, at])
        excess.append(float((value - best) / reference.null_objective(problem)) - found.gap[0, at])
    return np.array(excess)


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_sparse_columns_far_from_zero_keep_their_certificates(solver, l1_ratio):
    """Centred after the product, a mean of 1e8 standard deviations left descent on the residual without a correct digit."""
    rng = np.random.default_rng(1235)
    X = rng.standard_normal((23, 7)) + 10.0 ** np.arange(2, 9)
    X[:, 0] *= rng.random(23) < 0.3
    y = (X - X.mean(axis=0)) @ rng.standard_normal(7) + rng.standard_normal(23) + 1e6
    alphas = np.array([1.0, 0.1, 1e-3])
    found = solve(Batch(sparse.csc_array(X), y, alphas=alphas, l1_ratio=l1_ratio, solver=solver))
    dense = solve(Batch(X, y, alphas=alphas, l1_ratio=l1_ratio, solver=solver, tol=1e-9))
    assert (found.status == 0).all()
    assert off_optimum(X, y, found, l1_ratio).max() < 1e-8
    np.testing.assert_allclose(found.dev_ratio, dense.dev_ratio, atol=2e-3)


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual", "kernel"])
def test_a_target_that_varies_in_its_last_digits_only(solver):
    """Below 2e-15 of its size it counts as constant, in every solver alike; a few dozen times above, it is fitted."""
    rng, X, _ = drawn(30, 4)
    alphas = np.array([0.1, 0.01])
    constant = solve(Batch(X, 2.0**50 + np.round(rng.standard_normal(30)), alphas=alphas, l1_ratio=0.0, solver=solver))
    assert (constant.status == 0).all()
    assert not constant.coef.any()
    assert not constant.gap.any()
    y = 2.0**49 + np.round(40 * X[:, 0] + 10 * rng.standard_normal(30))
    found = solve(Batch(X, y, alphas=alphas, l1_ratio=0.0, solver=solver))
    assert (found.status == 0).all()
    assert off_optimum(X, y, found, 0.0).max() < (1 / 16 / 40) ** 2      # an intercept near 2**49 is a multiple of 1/16
    assert found.dev_ratio.min() > 0.8


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual", "kernel"])
@pytest.mark.parametrize("level", [3.0, -1e6])
def test_standardised_constant_columns_are_free_without_an_intercept(solver, level):
    """Their standard deviation is zero, and so is their penalty; rounding must not make it 1e-16."""
    rng, X, y = drawn(30, 5)
    X[:, 2] = level
    y = y + 7
    w = 10.0 ** rng.uniform(-8, 0, 30)
    settings = {"standardize": True, "intercept": False, "weights": w}
    found = solve(Batch(X, y, alphas=np.array([1.0, 0.01]), l1_ratio=0.0, solver=solver, **settings))
    assert (found.status == 0).all()
    assert off_optimum(X, y, found, 0.0, **settings).max() < 1e-8


@pytest.mark.parametrize("seed", [
    2,          # sparse columns with means of 1e8 standard deviations
    34,         # a standardised constant column without an intercept, through the kernel
    6204,       # free features 1e-8 apart: the Gram matrix of ridge took them for collinear and certified what it left out
    25556,      # a free feature that is constant within a fold: rounding was projected out as if it were a direction
    2777,       # a feature that its bound holds at zero was waited for without end
    6758,       # a column beside an almost equal free one: of the projected Gram matrix nothing but rounding was left
    2008012,    # sparse columns stored in every row of a fold, whose mean there is 1e5 deviations
    4001543,    # free features of float32 1e-8 apart: fits of 1e7 deviations of y that all but cancel
])
def test_seeds_of_the_soak_that_once_had_false_certificates(seed):
    total = soak.judge_all([seed])
    assert not total.wrong, "\n".join(map(soak.replay, total.wrong))
    assert total.certificates["proven"] >= 16
    assert not total.certificates["open"]
