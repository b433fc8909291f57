"""Problems that have nothing in common, in one call of the engine."""

import numpy as np
import pytest
from scipy import sparse

from riata_engine.batch import Batch, Interrupted, alpha_grid, solve
from riata_engine.ragged import Ragged, solve_ragged
from riata_engine.solvers.path_store import CONVERGED, NOT_FINITE, SKIPPED, TIME_BUDGET

FIELDS = ("alphas", "intercept", "gap", "status", "dev_ratio", "df", "n_epochs", "n_cholesky")


def problems(count=25, seed=0):
    """Small ones and a few wide, sparse and badly scaled ones, of several layouts; a one-hot column; folds of them."""
    rng = np.random.default_rng(seed)
    X, y, folds = [], [], []
    for b in range(count):
        n, p = int(rng.integers(12, 90)), int(rng.integers(1, 40))
        p = 150 if b % 9 == 8 else p
        design = rng.normal(size=(n, p)) * 10.0 ** rng.integers(-3, 4, p) + rng.normal(size=p)
        if b % 4 == 1:
            design[:, 0] = 0.0
            design[b % n, 0] = 1.0
        if b % 3 == 0:
            design = np.asfortranarray(design, np.float32 if b % 6 == 0 else float)
        signal = design[:, 0] / design[:, 0].std() + rng.normal(size=n)
        X.append(sparse.csc_array(design) if b == 4 else design)
        y.append(signal if b != 5 else np.full(n, 2.0))
        folds.append(rng.permutation(np.arange(n) % 4).astype(np.int32) - (b == 7))
    return X, y, folds


def path_coef(solution, b, p):
    return solution.coef[solution.coef_at[b]:solution.coef_at[b + 1]].reshape(-1, p)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_a_path_has_the_bits_it_has_alone(l1_ratio):
    X, y, _ = problems()
    weights = [None if b % 2 else np.arange(len(t)) % 3 + 0.5 for b, t in enumerate(y)]
    found = solve_ragged(Ragged(X, y, weights=weights, l1_ratio=l1_ratio, n_alphas=20, n_threads=2))
    for b, (design, target) in enumerate(zip(X, y, strict=True)):
        alone = solve(Batch(design, target[:, None], weights=weights[b], l1_ratio=l1_ratio, n_alphas=20, n_threads=1))
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(found, name)[b], getattr(alone, name)[0], err_msg=f"{name} of {b}")
        np.testing.assert_array_equal(path_coef(found, b, design.shape[1]), alone.coef[0])
        assert found.null_deviance[b] == alone.null_deviance[0]


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [0.4, 1.0])
def test_folds_are_those_of_a_batch_that_holds_rows_out(l1_ratio, intercept):
    X, y, folds = problems()
    weights = [None if b % 2 else np.arange(len(t)) % 3.0 for b, t in enumerate(y)]
    rules = {"intercept": intercept, "tol": 1e-10, "n_alphas": 15}
    found = solve_ragged(Ragged(X, y, folds=folds, n_folds=np.array([f.max() + 1 for f in folds]), weights=weights,
                                l1_ratio=l1_ratio, predictions=True, **rules))
    for b, (design, target) in enumerate(zip(X, y, strict=True)):
        K = folds[b].max() + 1
        options = {"weights": weights[b], "intercept": intercept, "tol": 1e-10}
        alphas = alpha_grid(Batch(design, target[:, None], l1_ratio=l1_ratio, n_alphas=15, **options))[0]
        rows = [np.flatnonzero(folds[b] == k) for k in range(K)]
        alone = solve(Batch(design, target[:, None], l1_ratio=np.full(K + 1, l1_ratio), alphas=alphas, held_out=[[], *rows],
                            group=np.arange(K + 1), **options))
        held_out = found.held_out[found.held_out_at[b]:found.held_out_at[b + 1]].reshape(K, -1)
        size = max(np.mean(target**2), 1e-300)
        np.testing.assert_allclose(held_out, alone.held_out_deviance[1:], rtol=2e-4, atol=2e-4 * size, err_msg=str(b))
        np.testing.assert_array_equal(found.fold_status[b], alone.status[1:].max(axis=0))
        assert (found.fold_gap[b] <= 1e-10).all() or (found.fold_status[b] != CONVERGED).any()
        prediction = found.prediction[found.prediction_at[b]:found.prediction_at[b + 1]].reshape(len(target), -1)
        for k, fold in enumerate(rows, 1):
            expected = design[fold] @ alone.coef[k].T + alone.intercept[k]
            np.testing.assert_allclose(prediction[fold], expected, atol=2e-2 * np.sqrt(size), err_msg=str(b))
            w = np.ones(len(fold)) if weights[b] is None else weights[b][fold]
            error = np.average((target[fold, None] - prediction[fold]) ** 2, axis=0, weights=w)
            np.testing.assert_allclose(held_out[k - 1], error, rtol=1e-9, atol=1e-9 * size)
        assert np.isnan(prediction[folds[b] < 0]).all() or not (folds[b] < 0).any()


def test_any_threads_order_and_company_give_the_same_bits():
    X, y, folds = problems(40, 3)
    counts = np.array([f.max() + 1 for f in folds])

    def solved(those, n_threads):
        return solve_ragged(Ragged([X[b] for b in those], [y[b] for b in those], folds=[folds[b] for b in those],
                                   n_folds=counts[those], n_alphas=10, l1_ratio=0.5, n_threads=n_threads, predictions=True))

    whole = solved(np.arange(40), 1)
    for those in (np.arange(40)[::-1], np.array([3, 17, 5])):
        part = solved(those, 2)
        for name in (*FIELDS, "fold_gap", "fold_status", "null_deviance"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[those], err_msg=name)
        for name in ("coef", "held_out", "prediction"):
            at, there = getattr(part, f"{name}_at"), getattr(whole, f"{name}_at")
            for k, b in enumerate(those):
                np.testing.assert_array_equal(getattr(part, name)[at[k]:at[k + 1]], getattr(whole, name)[there[b]:there[b + 1]])


def test_a_nan_in_one_design_spoils_no_other():
    X, y, _ = problems(6)
    X = [np.array(design.toarray() if sparse.issparse(design) else design, float) for design in X]
    clean = solve_ragged(Ragged(X, y, n_alphas=5))
    X[2] = X[2].copy()
    X[2][3, 0] = np.nan
    found = solve_ragged(Ragged(X, y, n_alphas=5))
    assert (found.status[2] == NOT_FINITE).all()
    assert np.isnan(path_coef(found, 2, X[2].shape[1])).all()
    for b in (0, 1, 3, 4, 5):
        np.testing.assert_array_equal(path_coef(found, b, X[b].shape[1]), path_coef(clean, b, X[b].shape[1]))


def test_out_of_time_is_said_of_what_is_not_done():
    X, y, _ = problems(12)
    found = solve_ragged(Ragged(X, y, n_alphas=5, time_budget=1e-9))
    assert (found.status == TIME_BUDGET).any(axis=1).sum() >= 11
    assert np.isnan(found.coef[np.repeat((found.status != CONVERGED).ravel(), np.repeat([x.shape[1] for x in X], 5))]).all()


def test_progress_ends_with_all_that_is_done():
    X, y, folds = problems(12)
    seen = []
    counts = np.array([f.max() + 1 for f in folds])
    solve_ragged(Ragged(X, y, n_alphas=5, folds=folds, n_folds=counts), lambda *at: seen.append(at))
    assert seen[-1] == (60, 60)


def nans(X, y, folds, **options):
    """Problem 1 has a NaN in X."""
    X = [np.array(design.toarray() if sparse.issparse(design) else design, float) for design in X]
    X[1][0, 0] = np.nan
    return solve_ragged(Ragged(X, y, folds=folds, n_folds=np.array([f.max() + 1 for f in folds]), n_alphas=6, **options))


def test_of_what_was_not_solved_nothing_is_said_of_folds_either():
    X, y, folds = problems(6)
    found = nans(X, y, folds)
    assert (found.status[1] == NOT_FINITE).all()
    assert (found.fold_status[1] == NOT_FINITE).all()
    assert np.isnan(found.alphas[1]).all()
    assert np.isnan(found.held_out[found.held_out_at[1]:found.held_out_at[2]]).all()
    assert (found.fold_status[0] == CONVERGED).all()
    late = nans(X, y, folds, time_budget=1e-9)
    assert (late.fold_status == late.status).all()
    assert np.isnan(late.held_out).all()
    plain = solve_ragged(Ragged(X, y, n_alphas=6))
    assert (plain.fold_status == SKIPPED).all()
    assert np.isnan(plain.fold_gap).all()


def test_targets_of_any_stride():
    rng = np.random.default_rng(0)
    record = np.zeros(40, dtype=[("flag", "f4"), ("y", "f8")])
    X = rng.normal(size=(40, 3))
    record["y"] = X[:, 0] + rng.normal(size=40)
    straight = record["y"].copy()
    for y in (record["y"], straight[::-1][::-1], np.repeat(straight, 2)[::2], straight.astype(">f8")):
        found = solve_ragged(Ragged([X], [y], n_alphas=7))
        np.testing.assert_array_equal(found.coef, solve_ragged(Ragged([X], [straight], n_alphas=7)).coef)
        np.testing.assert_array_equal(solve(Batch(X, y, n_alphas=7)).coef, solve(Batch(X, straight, n_alphas=7)).coef)


@pytest.mark.parametrize(("change", "message"), [
    ({"X": [np.ones((5, 0))]}, r"X\[0\] has shape \(5, 0\)"), ({"y": [np.ones(4)]}, r"y\[0\] 4 entries"),
    ({"stop_dev_ratio": 0.9}, "stop_dev_ratio and stop_dev_change")])
def test_what_no_ragged_batch_is_made_of(change, message):
    fields = {"X": [np.ones((5, 2))], "y": [np.arange(5.0)], "folds": [np.arange(5) % 2], "n_folds": np.array([2]), **change}
    with pytest.raises(ValueError, match=message):
        Ragged(**fields)


def test_numbers_that_overflow_are_a_status_and_no_warning(recwarn):
    X, y, _ = problems(4)
    y[1] = y[1] * 1e200
    X[2] = X[2] * 1e-170
    found = solve_ragged(Ragged(X, y, alphas=np.array([1e-3, 1e-4])))
    assert found.alphas.shape == (4, 2)
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


def test_a_task_that_would_take_much_memory_goes_the_long_way():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(120, 20))
    y = X[:, 0] + rng.normal(size=120)
    folds = np.arange(120, dtype=np.int32)
    fields = {"X": [X], "y": [y], "folds": [folds], "n_folds": np.array([120]), "n_alphas": 10, "tol": 1e-10}
    whole, held = solve_ragged(Ragged(**fields)), solve_ragged(Ragged(**fields, max_memory=2**21))
    assert Ragged(**fields).is_plain(0)
    assert not Ragged(**fields, max_memory=2**21).is_plain(0)
    np.testing.assert_allclose(whole.held_out, held.held_out, rtol=1e-3, atol=1e-4)


def test_progress_counts_what_is_solved_only():
    X, y, _ = problems(30)
    seen = []
    found = solve_ragged(Ragged(X, y, n_alphas=5, time_budget=1e-9), lambda *at: seen.append(at))
    assert seen[-1] == (int((found.status == CONVERGED).sum()), 150)


@pytest.mark.parametrize("after", [1, 20, 60])
def test_ctrl_c_keeps_what_is_done_wherever_it_strikes(after):
    X, y, _ = problems(12)
    X = [sparse.csc_array(design) for design in X * 6]
    y = y * 6

    def strike(done, total):
        if done >= after:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stopped:
        solve_ragged(Ragged(X, y, n_alphas=5), strike)
    done = (stopped.value.solution.status == CONVERGED).sum()
    assert after <= done < 360
