"""Ridge within bounds of more features than rows, by Newton's method on the dual."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

import problems
import reference
from riata_engine.batch import STATUS, Batch, solve
from riata_engine.solvers.choice import dual_bytes


def wide(n, p, T=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    return X, X[:, :10] @ rng.standard_normal((10, T)) + rng.standard_normal((n, T))


BOUNDS = {"positive": (0.0, np.inf), "box": (-0.05, 0.1), "above": (-np.inf, 0.02)}


@pytest.mark.parametrize("alpha", [10.0, 0.1, 1e-3, 1e-6])
@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("shape", [(40, 300), (60, 70)])
def test_certificates_hold_before_the_reference(shape, bounds, alpha):
    X, Y = wide(*shape)
    lower, upper = (np.full(shape[1], side) for side in BOUNDS[bounds])
    found = solve(Batch(X, Y, l1_ratio=0.0, alphas=np.array([alpha]), lower=lower, upper=upper, solver="dual_newton"))
    assert found.status[0, 0] == STATUS.index("converged")
    problem = reference.Problem(X, Y[:, 0], alpha, 0.0, lower=lower, upper=upper)
    coef, intercept = found.coef[0, 0], found.intercept[0, 0]
    assert reference.is_feasible(problem, coef)
    assert reference.duality_gap(problem, coef, intercept) <= 1e-6 * 1.05


def test_the_same_as_scikit_learn():
    X, Y = wide(50, 200, 2)
    found = solve(Batch(X, Y, l1_ratio=0.0, alphas=np.array([1.0, 0.1]), lower=np.zeros(200), tol=1e-14,
                        solver="dual_newton"))
    for t in range(2):
        for l, alpha in enumerate([1.0, 0.1]):
            other = Ridge(alpha=50 * alpha, positive=True, tol=1e-12, max_iter=10**6).fit(X, Y[:, t])
            np.testing.assert_allclose(found.coef[t, l], other.coef_, atol=2e-5)


@pytest.mark.parametrize("options", [
    {}, {"standardize": True}, {"intercept": False}, {"penalty_factor": np.r_[np.inf, np.geomspace(0.01, 100, 119)]},
    {"held_out": [np.arange(5), np.arange(5, 30), np.array([], int)], "group": np.arange(3), "target": np.arange(3)},
    {"weights": np.random.default_rng(1).uniform(size=(50, 3)) * (np.arange(50) % 7 > 0)[:, None]}, {"store": "sparse"}])
@pytest.mark.parametrize("storage", ["fortran", "c", "sparse", "float32"])
def test_as_the_other_solvers_alone_and_in_a_batch(storage, options):
    X, Y = wide(50, 120, 3)
    X[:, 5], X[:, 9] = 1.0, X[:, 8]
    X = {"fortran": np.asfortranarray, "c": np.ascontiguousarray, "sparse": sparse.csc_array,
         "float32": lambda X: np.asfortranarray(X, dtype=np.float32)}[storage](X)
    batch = {"l1_ratio": 0.0, "alphas": np.array([1.0, 0.05, 1e-4]), "lower": np.full(120, -0.02), "upper": np.full(120, 0.3),
             "tol": 1e-10, **options}
    found = solve(Batch(X, Y, solver="dual_newton", **batch))
    other = solve(Batch(X, Y, solver="working_set", **batch))
    assert set(problems.status_names(found).ravel()) == {"converged"}
    dense = [np.stack([c.toarray() for c in s.coef]) if isinstance(s.coef, list) else s.coef for s in (found, other)]
    done = other.status == STATUS.index("converged")
    np.testing.assert_allclose(dense[0][:, 0][done[:, 0]], dense[1][:, 0][done[:, 0]], atol=2e-4)
    np.testing.assert_allclose(found.dev_ratio[done], other.dev_ratio[done], atol=1e-4)
    np.testing.assert_allclose(found.held_out_deviance[done], other.held_out_deviance[done], rtol=1e-3)
    np.testing.assert_array_equal(found.df, np.count_nonzero(dense[0], axis=2) + batch.get("intercept", True))
    for k in range(3):
        own = {name: value for name, value in batch.items() if name not in ("held_out", "weights", "group", "target")}
        if "held_out" in batch:
            own["held_out"] = batch["held_out"][k:k + 1]
        if "weights" in batch:
            own["weights"] = batch["weights"][:, k]
        alone = solve(Batch(X, Y[:, k], n_threads=1, solver="dual_newton", **own))
        coef = alone.coef[0].toarray() if isinstance(alone.coef, list) else alone.coef[0]
        np.testing.assert_array_equal(coef, dense[0][k])
        for name in ("gap", "intercept", "held_out_deviance", "n_epochs", "n_cholesky"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(found, name)[k])


def test_what_is_done_is_kept_when_time_runs_out():
    X, Y = wide(1000, 4000, 4)
    found = solve(Batch(X, Y, l1_ratio=0.0, alphas=np.geomspace(1, 1e-5, 50), lower=np.zeros(4000), time_budget=1.0,
                        solver="dual_newton"))
    late = found.status == STATUS.index("time_budget")
    assert late.any()
    assert np.isnan(found.coef[late]).all()
    assert (found.status[~late] == STATUS.index("converged")).all()


def test_where_it_does_not_apply():
    X, Y = wide(30, 50)
    with pytest.raises(ValueError, match=r"dual_newton.*a penalty on every feature"):
        solve(Batch(X, Y, l1_ratio=0.0, alphas=np.array([0.1]), solver="dual_newton"))
    free = np.r_[0.0, np.ones(49)]
    for options in ({"penalty_factor": free}, {"alphas": np.array([0.1, 0.0])}, {"l1_ratio": 0.5}):
        found = solve(Batch(X, Y, **{"l1_ratio": 0.0, "alphas": np.array([0.1]), "lower": np.zeros(50), **options}))
        assert found.solver != "dual_newton"


@pytest.mark.parametrize(("shape", "options", "solver"), [
    ((64, 3000, 2), {"alphas": np.array([1.0, 0.1])}, "dual_newton"),
    ((64, 2000, 1), {"alphas": np.geomspace(10, 0.01, 30)}, "dual_newton"),
    ((300, 2000, 1), {"alphas": np.geomspace(10, 0.01, 10)}, "gram"),
    ((400, 500, 20), {"alphas": np.geomspace(10, 0.01, 10)}, "gram"),
    ((60, 200, 1), {"alphas": np.geomspace(10, 0.01, 10), "held_out": np.array_split(np.arange(60), 3)}, "gram"),
    ((300, 2000, 1), {"alphas": np.array([0.1]), "penalty_factor": np.arange(2000) > 0.0}, "gram"),
    ((64, 3000, 1), {"alphas": np.array([0.1]), "max_memory": 1e6}, "working_set")])
def test_auto_takes_what_costs_less(shape, options, solver):
    X, Y = wide(*shape)
    found = solve(Batch(X, Y, l1_ratio=0.0, lower=np.zeros(shape[1]), time_budget=0.01, **options))
    assert found.solver == solver


def test_auto_takes_residual_descent_for_sparse_columns():
    X = sparse.random_array((300, 2000), density=0.02, format="csc", rng=np.random.default_rng(0))
    found = solve(Batch(X, X[:, :10].sum(axis=1), l1_ratio=0.0, lower=np.zeros(2000), alphas=np.array([0.1])))
    assert found.solver == "residual"
    assert found.status[0, 0] == STATUS.index("converged")


@pytest.mark.parametrize("shape", [(200, 300, 6), (50, 120, 30)])
def test_it_keeps_within_the_memory_allowed(shape):
    X, Y = wide(*shape)
    batch = {"l1_ratio": 0.0, "lower": np.zeros(shape[1]), "alphas": np.array([1.0, 0.1]), "n_threads": 1,
             "solver": "dual_newton"}
    whole = solve(Batch(X, Y, **batch))
    shared, each = dual_bytes(*shape[:2], 2)
    for at_once in (1, 3):
        allowed = shared + at_once * each
        tracemalloc.start()
        try:
            found = solve(Batch(X, Y, max_memory=allowed, **batch))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        answer = sum(array.nbytes for array in vars(found).values() if isinstance(array, np.ndarray))
        assert peak <= allowed + answer + 2 * Y.nbytes + 64 * 1024          # the standard form, and Python's own
        assert peak > 0.4 * allowed
        np.testing.assert_array_equal(found.coef, whole.coef)
        np.testing.assert_array_equal(found.gap, whole.gap)
    with pytest.raises(MemoryError, match=r"dual_newton' needs .* MiB for its matrices of .* allowed: use solver='auto'"):
        solve(Batch(X, Y, max_memory=0.9 * (shared + each), **batch))
    assert solve(Batch(X, Y, max_memory=0.9 * (shared + each), **{**batch, "solver": "auto"})).solver == "gram"


@pytest.mark.parametrize("most", [1, 2, 5])
def test_an_epoch_is_an_evaluation(most):
    """max_epochs ends them whatever round they are in, with the certificate of what stands then."""
    X, Y = wide(60, 500)
    alphas, lower = np.geomspace(1, 1e-6, 12), np.zeros(500)
    batch = {"l1_ratio": 0.0, "lower": lower, "alphas": alphas, "solver": "dual_newton"}
    found, whole = solve(Batch(X, Y, max_epochs=most, **batch)), solve(Batch(X, Y, **batch))
    late = found.status == STATUS.index("max_iter")
    assert late.any()
    assert (found.n_epochs[late] == most).all()
    assert found.n_epochs.max() <= most
    assert (found.n_cholesky < found.n_epochs).all()
    assert (found.gap[late] > 1e-6).all()
    assert (found.status[~late] == STATUS.index("converged")).all()
    assert (whole.status == STATUS.index("converged")).all()
    assert whole.n_epochs.max() > 5
    for l in range(12):
        problem = reference.Problem(X, Y[:, 0], alphas[l], 0.0, lower=lower)
        gap = reference.duality_gap(problem, found.coef[0, l], found.intercept[0, l])
        assert gap <= max(found.gap[0, l], 1e-6) * 1.05


@pytest.mark.parametrize("store", ["dense", "sparse"])
def test_what_few_epochs_do_not_solve_another_solver_does(store):
    """Small alphas on badly scaled columns: coordinate descent alone takes fifty times as long, and does not get there."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 150)) * 10 ** rng.uniform(-1, 1, 150) + 10 * rng.normal(size=150)
    Y = np.column_stack([X[:, :5].sum(axis=1) + rng.normal(size=60), rng.normal(size=60)])
    options = {"l1_ratio": 0.0, "lower": np.zeros(150), "intercept": False, "alphas": np.array([10.0, 2e-4]), "store": store}
    solution = solve(Batch(X, Y, **options))
    assert solution.solver == "gram+dual_newton"
    assert {STATUS[code] for code in solution.status.ravel()} == {"converged"}
    for t in range(2):
        coef = solution.coef[t] if store == "dense" else solution.coef[t].toarray()
        for alpha, b in zip(solution.alphas[t], coef, strict=True):
            problem = reference.Problem(X, Y[:, t], alpha, 0.0, lower=0.0, intercept=False)
            assert reference.duality_gap(problem, b, 0.0) <= 1.05e-6
