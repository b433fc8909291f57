"""Claims that once were false, and answers that once were lost."""

import numpy as np
import pytest
from riata_engine.cpu.control import Control
from scipy import sparse
from scipy.optimize import nnls

import problems
import reference
from random_problems import draw
from riata_engine import batch
from riata_engine.batch import Batch, solve
from riata_engine.solvers import certificate
from riata_engine.solvers.path_store import CONVERGED, DEGENERATE, MAX_ITER, NOT_FINITE, PathStore
from riata_engine.solvers.standard_form import standard_form
from riata_engine.solvers.statistics import group_statistics
from soak import at_alpha, one_problem

STORED = {"dense": np.asfortranarray, "csc": sparse.csc_array}


def hardly_varying(sd):
    """Column 0 is 1 + sd·noise but where it is 0: in the rows that are held out."""
    rng = np.random.default_rng(0)
    X, held = rng.standard_normal((60, 4)), np.arange(6)
    X[:, 0] = 1 + sd * rng.standard_normal(60)
    X[held, 0] = 0
    y = X[:, 1] + (X[:, 0] - 1) / sd * (np.arange(60) >= 6) * 2 + 0.1 * rng.standard_normal(60)
    return X, y, held


@pytest.mark.parametrize("sd", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("storage", STORED)
def test_the_variance_of_a_column_that_hardly_varies_within_a_fold(storage, sd):
    X, y, held = hardly_varying(sd)
    form = standard_form(Batch(STORED[storage](X), y, held_out=[held]), Control(), 1)
    train = X[6:, 0].astype(np.longdouble)
    true = float(((train - train.mean()) ** 2).mean()) * form.design.multiplier[0] ** 2
    assert form.variance(Control(), 1)[0, 0] == pytest.approx(true, rel=1e-12)
    statistics = group_statistics(form, Control(), 1)
    assert abs(statistics.C[0, 0, 0] / true - 1) < 4 * np.finfo(float).eps * statistics.size[0] ** 2


@pytest.mark.parametrize("sd", [1e-5, 1e-6, 1e-7, 1e-8])
@pytest.mark.parametrize("storage", STORED)
@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
def test_a_column_that_hardly_varies_within_a_fold_has_an_honest_certificate(solver, storage, sd):
    X, y, held = hardly_varying(sd)
    alphas, weights = np.array([0.1, 0.01]), (np.arange(60) >= 6).astype(float)
    found = solve(Batch(STORED[storage](X), y, held_out=[held], alphas=alphas, standardize=True, solver=solver))
    for at, alpha in enumerate(alphas):
        problem = reference.Problem(X, y, alpha, weights=weights, standardize=True)
        gap = reference.duality_gap(problem, found.coef[0, at], found.intercept[0, at], best_scale=True)
        assert gap <= 1.01 * found.gap[0, at] + 1e-8
    if solver == "gram":
        assert (found.status == CONVERGED).all()


def nearly_alike():
    rng = np.random.default_rng(0)
    X, c = rng.standard_normal((200, 20)), 1e-4
    X[:, 10:] = X[:, :10] + c * rng.standard_normal((200, 10))
    y = X[:, :10] @ rng.standard_normal(10) + (X[:, 10:15] - X[:, :5]).sum(axis=1) / c + 0.3 * rng.standard_normal(200)
    return np.asfortranarray(X), y, np.geomspace(1, 1e-4, 8) * np.abs(X.T @ (y - y.mean())).max() / 200


@pytest.mark.parametrize("passes", [0, 1])
@pytest.mark.parametrize("store", ["dense", "sparse"])
def test_a_stop_in_the_certificate_keeps_what_is_solved(monkeypatch, store, passes):
    X, y, alphas = nearly_alike()
    plain, done = certificate.gradients, []

    def gradients(form, problem, R, control, n_threads):
        if len(done) == passes:
            control.interrupt()
            control.error = RuntimeError("stopped")
        done.append(problem)
        return plain(form, problem, R, control, n_threads)

    kept, whole = [], batch._solution

    def solution(*settings):
        kept.append(whole(*settings))
        return kept[0]

    monkeypatch.setattr(certificate, "gradients", gradients)
    monkeypatch.setattr(batch, "_solution", solution)
    with pytest.raises(RuntimeError, match="stopped"):
        solve(Batch(X, y, solver="gram", alphas=alphas, tol=1e-16, n_threads=1, store=store))
    found = kept[0]
    assert len(done) == passes + 1
    coef = found.coef[0].toarray() if store == "sparse" else found.coef[0]
    assert set(found.status[0]) <= {CONVERGED, MAX_ITER}
    assert np.isfinite(coef).all()
    assert coef.any(axis=1).sum() >= len(alphas) - 1
    for at, alpha in enumerate(alphas):
        problem = reference.Problem(X, y, alpha)
        gap = reference.duality_gap(problem, coef[at], found.intercept[0, at], best_scale=True)
        assert gap <= 1.01 * found.gap[0, at] + 1e-13


def test_a_gap_that_cannot_be_certified_is_infinite_and_the_answer_stands():
    X, y, _ = hardly_varying(1e-6)
    form = standard_form(Batch(X, y), Control(), 1)
    store = PathStore(form, 3, "dense")
    store.status[:], store.intercept[:], store.residual[:] = CONVERGED, 1.0, 1.0
    store.gap[:] = [0.0, np.inf, np.nan]
    store.blank_unsolved(np.ones((1, 3)), 2 * store.form.null())
    assert store.status[0].tolist() == [CONVERGED, MAX_ITER, NOT_FINITE]
    assert store.gap[0, 1] == np.inf
    assert store.intercept[0, :2].tolist() == [1.0, 1.0]
    assert np.isnan(store.intercept[0, 2])                     # no coefficients under not_finite


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
def test_what_is_not_fitted_along_nearly_collinear_free_features_counts_in_the_gap(solver, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((12, 6))
    X[:, 1] = X[:, 0] + 1e-13 * rng.standard_normal(12)
    y = X[:, 2:] @ rng.standard_normal(4) + (X[:, 1] - X[:, 0]) / 1e-13 + 0.3 * rng.standard_normal(12)
    factor = np.array([0.0, 0, 1, 1, 1, 1])
    found = solve(Batch(np.asfortranarray(X), y, alphas=np.array([0.05]), penalty_factor=factor, solver=solver))
    problem = reference.Problem(X, y, 0.05, penalty_factor=factor)
    assert found.status[0, 0] == MAX_ITER
    gap = reference.duality_gap(problem, found.coef[0, 0], found.intercept[0, 0], best_scale=True)
    assert found.gap[0, 0] == pytest.approx(gap, rel=0.02)


@pytest.mark.parametrize("n", [30, 3000])
@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
def test_free_features_that_are_collinear_to_rounding_are_degenerate_and_certified(solver, n):
    rng = np.random.default_rng(0)
    X = np.hstack([np.eye(4)[rng.integers(0, 4, n)], rng.standard_normal((n, 3))])
    y = X @ rng.standard_normal(7) + rng.standard_normal(n)
    folds = [np.arange(0), np.arange(3)]
    found = solve(Batch(np.asfortranarray(X), y, alphas=np.array([0.05]), penalty_factor=np.array([0.0] * 4 + [1.0] * 3),
                        held_out=folds, solver=solver))
    assert (found.status == DEGENERATE).all()
    assert found.gap.max() <= 1e-6


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
@pytest.mark.parametrize("tol", [1e-3, 1e-6])
@pytest.mark.parametrize("apart", [1e-2, 1e-3, 1e-4, 1e-6])
@pytest.mark.parametrize(("lower", "factor", "alpha"), [
    ([-np.inf, 0, -np.inf], [0, 0, 1], 0.0), ([0, 0, 0], [1, 1, 1], 0.0), ([-np.inf, 0, 0], [0, 0, 1], 0.01),
    ([-np.inf, -1e3, -np.inf], [0, 0, 1], 0.01)])
def test_half_free_columns_nearly_alike(lower, factor, alpha, apart, tol, solver):
    """A small violation of the KKT conditions is a long way from the optimum here: a gap must tell."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3))
    X[:, 1] = X[:, 0] + apart * rng.standard_normal(50)
    y = (X[:, 1] - X[:, 0]) * 3 / apart + 0.1 * rng.standard_normal(50)
    settings = {"lower": np.array(lower), "penalty_factor": np.array(factor, float)}
    solution = problems.fit(np.asfortranarray(X), y, np.array([alpha]), solver=solver, tol=tol, max_epochs=2000, **settings)
    one = reference.Problem(X, y, alpha, **settings)
    excess = reference.objective(one, solution.coef[0, 0], solution.intercept[0, 0])
    excess -= reference.objective(one, *reference.solve(one))
    assert float(excess / reference.null_objective(one)) <= solution.gap[0, 0] + 1e-13
    if apart > 1e-6:                                           # there float64 may not tell the columns apart any more
        assert problems.status_names(solution)[0, 0] == "converged"
        assert solution.gap[0, 0] <= tol


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
def test_non_negative_least_squares_of_more_features_than_rows(solver):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((40, 300))
    y = X[:, :5] @ np.arange(1.0, 6.0) + 0.1 * rng.standard_normal(40)
    solution = problems.fit(np.asfortranarray(X), y, np.array([0.1, 0.0]), solver=solver, tol=1e-8, lower=np.zeros(300))
    assert (problems.status_names(solution) == "converged").all()
    assert (solution.gap <= 1e-8).all()
    best = nnls(X - X.mean(axis=0), y - y.mean())[1] ** 2
    found = ((y - X @ solution.coef[0, 1] - solution.intercept[0, 1]) ** 2).sum()
    assert (found - best) / ((y - y.mean()) ** 2).sum() <= solution.gap[0, 1] + 1e-13


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
def test_a_half_free_feature_comes_in_when_its_gradient_turns(solver):
    """At the null model it is pushed against its bound."""
    rng = np.random.default_rng(1)
    X, y = problems.draw(rng, 10, 10)
    settings = problems.settings_for("positive and free", rng, 10, 10)
    alphas = problems.grid(X, y, 0.05, count=4, **settings)
    solution = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=0.05, solver=solver, tol=1e-11, **settings)
    assert (problems.status_names(solution) == "converged").all()
    assert (solution.coef[0, :, 1] > 0).all()


def test_where_fold_sums_have_cancelled_the_residual_has_the_word():
    """Weights over eight decades, means of 1e9 standard deviations, a column that hardly varies in a fold."""
    fields, _ = draw(502669)
    gram = solve(Batch(**{**fields, "solver": "gram", "tol": 1e-6}))
    other = solve(Batch(**{**fields, "solver": "residual", "tol": 1e-6, "alphas": gram.alphas}))
    unit = one_problem(fields, 5)
    for l in np.flatnonzero(gram.status[5] == CONVERGED):
        problem = at_alpha(unit, gram.alphas[5, l])
        worse = reference.objective(problem, gram.coef[5, l], gram.intercept[5, l])
        worse -= reference.objective(problem, other.coef[5, l], other.intercept[5, l])
        assert float(worse / reference.null_objective(unit)) <= 1e-4          # rounding of the coefficients; it was 4e-3
