"""What a call says that it cost: counts, bytes by the model that the docstring states, seconds per phase."""

import numpy as np
import pytest
from scipy import sparse

import riata


def data(n=80, p=30, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    return np.asfortranarray(X), X[:, :5].sum(axis=1) + rng.standard_normal(n)


def supports(path):
    return (path.coef != 0).sum(axis=1)


@pytest.mark.parametrize("solver", ["gram", "working_set"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bytes_in_gram_space_are_those_of_a_count_by_hand(solver, dtype):
    X, y = data()
    path = riata.fit_path(X.astype(dtype), y.astype(dtype), solver=solver, tol=1e-5)
    s = supports(path)
    by_hand = path.n_passes * X.size * dtype().itemsize + (4 * path.n_epochs * s**2 + 8 * path.n_cholesky * s**2).sum()
    assert path.profile_.bytes_moved == by_hand


def test_bytes_of_residual_descent_are_those_of_a_count_by_hand():
    X, y = data()
    X = sparse.csc_matrix(X * (np.random.default_rng(1).random(X.shape) < 0.2))
    path = riata.fit_path(X, y, solver="residual")
    stored = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    by_hand = path.n_passes * stored + 2 * stored / X.shape[1] * (path.n_epochs * supports(path)).sum()
    assert path.profile_.bytes_moved == pytest.approx(by_hand, rel=1e-12)


def test_a_ridge_path_by_decomposition_reads_X_once():
    X, y = data(20, 60)
    path = riata.fit_path(X, y, l1_ratio=0)
    assert path.solver == "kernel"
    assert path.profile_.bytes_moved == X.nbytes * path.n_passes


def test_a_profile_adds_up_what_the_result_counts():
    X, y = data()
    batch = riata.fit_batch(X, np.column_stack([y, -2 * y, X[:, 0]]))
    assert batch.n_cholesky.shape == batch.n_epochs.shape == batch.gap.shape
    profile = batch.profile_
    assert (profile.n_passes, profile.n_epochs, profile.n_cholesky) == (
        batch.n_passes, batch.n_epochs.sum(), batch.n_cholesky.sum())
    assert batch[1].profile_ is profile
    assert all(seconds >= 0 for seconds in profile.seconds.values())
    assert {"gram", "descent"} <= set(profile.seconds)
    assert f"{profile.n_epochs} epochs" in str(profile)


def test_more_work_is_never_fewer_bytes():
    X, y = data()
    for solver in ("working_set", "gram"):
        path = riata.fit_path(X, y, solver=solver)
        part = riata.fit_path(X, y, alphas=path.alphas[:40], solver=solver)
        assert path.profile_.bytes_moved > part.profile_.bytes_moved


def test_weight_groups_that_share_nothing_add_up():
    X, y = data()
    weights = np.random.default_rng(2).random((80, 2)) + 0.5
    both = riata.fit_batch(X, y, weights=weights)
    alone = [riata.fit_path(X, y, weights=weights[:, k]) for k in range(2)]
    assert both.profile_.bytes_moved == sum(path.profile_.bytes_moved for path in alone)
    assert both.n_passes == sum(path.n_passes for path in alone)


def test_the_paths_of_a_cross_validation_carry_the_cost_of_the_whole_call():
    X, y = data()
    cv = riata.cross_validate_path(X, y, cv=4, l1_ratio=[0.5, 1.0])
    assert cv.path.profile_.n_epochs >= cv.path.n_epochs.sum()
    assert cv.path.profile_.bytes_moved > 0
    assert cv.path.profile_.seconds


def test_a_path_that_ends_at_alpha_zero_counts_both_solvers():
    X, y = data()
    alphas = np.array([0.5, 0.1, 0.0])
    path = riata.fit_path(X, y, alphas=alphas)
    part = riata.fit_path(X, y, alphas=alphas[:2])
    assert path.profile_.bytes_moved == part.profile_.bytes_moved + X.nbytes
