"""Laws of the batch: a member is the problem solved alone, bit for bit, whatever the threads; a held-out group is a fit
on the remaining rows."""

import numpy as np
import pytest
import scipy.sparse as sp

import problems
from reference import null_objective, weighted_mean_squared_error
from test_laws import answers, assert_same_path

SOLVERS = ["auto", *problems.PATH_SOLVERS]
ARRAYS = ["alphas", "coef", "intercept", "gap", "status", "dev_ratio", "df", "held_out_deviance", "null_deviance"]


def assert_same_bits(first, second, at=slice(None)):
    for name in ARRAYS:
        one, other = np.asarray(getattr(first, name))[at], np.asarray(getattr(second, name))
        assert one.shape == other.shape, name
        assert one.tobytes() == other.tobytes(), f"{name} differs, by {np.nanmax(np.abs(one - other))}"


def many(rng, n, p, targets=5):
    X, y = problems.draw(rng, n, p)
    return X, y[:, None] * rng.uniform(0.5, 2, targets) + rng.standard_normal((n, targets))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", problems.SHAPES)
@pytest.mark.parametrize("name", ["plain", "weights", "everything"])
def test_targets_one_by_one(shape, solver, name):
    n, p = problems.SHAPES[shape]
    rng = np.random.default_rng([n, p])
    X, Y = many(rng, n, p)
    X = np.asfortranarray(X)
    common = {"l1_ratio": 0.7, "solver": solver, "n_alphas": 12, **problems.settings_for(name, rng, n, p)}
    together = problems.fit(X, Y, **common)
    assert together.coef.shape == (5, 12, p)
    for t in range(5):
        assert_same_bits(together, problems.fit(X, Y[:, t], **common), slice(t, t + 1))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", problems.SHAPES)
def test_weight_groups_one_by_one(shape, solver):
    n, p = problems.SHAPES[shape]
    rng = np.random.default_rng([n, p, 2])
    X, Y = many(rng, n, p, targets=2)
    X = np.asfortranarray(X)
    W = np.column_stack([np.ones(n), rng.integers(0, 3, n), rng.uniform(0.1, 2, n)]).astype(float)
    target, group = np.repeat([0, 1], 3), np.tile([0, 1, 2], 2)
    common = {"l1_ratio": 0.7, "solver": solver, "n_alphas": 8}
    together = problems.fit(X, Y, weights=W, target=target, group=group, **common)
    for b, (t, g) in enumerate(zip(target, group, strict=True)):
        alone = problems.fit(X, Y, weights=W[:, [g]], target=np.array([t]), group=np.array([0]), **common)
        assert_same_bits(together, alone, slice(b, b + 1))


@pytest.mark.parametrize("solver", SOLVERS)
def test_l1_ratios_and_grids_one_by_one(solver):
    rng = np.random.default_rng(3)
    X, y = problems.draw(rng, 60, 20)
    X = np.asfortranarray(X)
    ratios = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    alphas = np.array([problems.grid(X, y, r, count=7) for r in ratios])
    together = problems.fit(X, y, alphas, l1_ratio=ratios, target=np.zeros(5, np.intp), group=np.zeros(5, np.intp),
                            solver=solver)
    for b in range(5):
        alone = problems.fit(X, y, alphas[b], l1_ratio=float(ratios[b]), solver=solver)
        assert_same_bits(together, alone, slice(b, b + 1))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("storage", ["fortran", "c", "csc", "csr"])
@pytest.mark.parametrize("shape", [(300, 40), (60, 500)])
def test_threads_change_no_bit(shape, storage, solver):
    rng = np.random.default_rng(shape)
    X, Y = many(rng, *shape, targets=3)
    if storage.startswith("cs"):
        X[rng.random(X.shape) < 0.8] = 0
    X = problems.stored(X, storage)
    folds = [np.arange(0), *np.array_split(rng.permutation(shape[0]), 4)]
    target, group = np.repeat([0, 1, 2], 5), np.tile(np.arange(5), 3)
    common = {"l1_ratio": 0.7, "solver": solver, "n_alphas": 15, "held_out": folds, "target": target, "group": group}
    alone = problems.fit(X, Y, n_threads=1, **common)
    for threads in (2, 3, 8):
        assert_same_bits(alone, problems.fit(X, Y, n_threads=threads, **common))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("storage", ["fortran", "c", "csc", "csr"])
@pytest.mark.parametrize("shape", [(120, 15), (40, 90)])
@pytest.mark.parametrize("name", ["plain", "weights", "offset", "standardize", "no intercept", "everything"])
def test_held_out_group_is_a_fit_on_the_other_rows(name, shape, storage, solver):
    n, p = shape
    rng = np.random.default_rng([n, p, 5])
    X, y = problems.draw(rng, n, p, sparse=storage.startswith("cs"))
    settings = problems.settings_for(name, rng, n, p)
    folds = [np.sort(f) for f in np.array_split(rng.permutation(n), 4)]
    alphas = problems.grid(X, y, 0.7, **settings)
    common = {"l1_ratio": 0.7, "solver": solver, "tol": 1e-10}
    together = problems.fit(problems.stored(X, storage), y, alphas, held_out=[np.arange(0), *folds],
                            target=np.zeros(5, np.intp), group=np.arange(5), **common, **settings)
    assert (problems.status_names(together) == "converged").all()
    assert np.isnan(together.held_out_deviance[0]).all()
    for g, test in enumerate(folds, start=1):
        train = np.setdiff1d(np.arange(n), test)
        rest = {k: v[train] if k in ("weights", "offset") else v for k, v in settings.items()}
        alone = problems.fit(problems.stored(X[train], storage), y[train], alphas, **common, **rest)
        assert_same_path(X[train], y[train], alphas, 0.7, answers(together, g), answers(alone), **rest)
        held = {k: settings[k][test] for k in ("weights", "offset") if k in settings}
        for i, (coef, intercept) in enumerate(answers(together, g)):
            direct = weighted_mean_squared_error(X[test], y[test], coef, intercept, **held)
            assert together.held_out_deviance[g, i] == pytest.approx(direct, rel=1e-9)


def test_fold_of_a_tall_matrix_is_as_good_as_direct():
    """Sufficient statistics by subtraction must not cost digits: here one fold holds nearly all of the variance."""
    rng = np.random.default_rng(6)
    X, y = problems.draw(rng, 400, 8)
    loud = np.arange(0, 400, 10)
    X[loud] *= 1e7
    y[loud] *= 1e7
    train = np.setdiff1d(np.arange(400), loud)
    alphas = problems.grid(X[train], y[train], 0.7)
    together = problems.fit(np.asfortranarray(X), y, alphas, l1_ratio=0.7, tol=1e-10, held_out=[np.arange(0), loud],
                            target=np.zeros(2, np.intp), group=np.arange(2))
    alone = problems.fit(np.asfortranarray(X[train]), y[train], alphas, l1_ratio=0.7, tol=1e-10)
    assert_same_path(X[train], y[train], alphas, 0.7, answers(together, 1), answers(alone))


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_bad_member_breaks_no_other(solver):
    """A target with no variance, and one at 1e150, beside an ordinary one."""
    rng = np.random.default_rng(7)
    X, Y = many(rng, 50, 10, targets=3)
    Y[:, 1] = 4.0
    Y[:, 2] *= 1e150
    X = np.asfortranarray(X)
    together = problems.fit(X, Y, l1_ratio=0.7, n_alphas=8, solver=solver)
    assert_same_bits(together, problems.fit(X, Y[:, 0], l1_ratio=0.7, n_alphas=8, solver=solver), slice(0, 1))
    assert (problems.status_names(together)[0] == "converged").all()


def test_the_callers_arrays_are_left_alone():
    rng = np.random.default_rng(8)
    X, y = problems.draw(rng, 60, 10)
    settings = problems.settings_for("everything", rng, 60, 10)
    alphas = problems.grid(X, y, 0.7, **settings)
    for storage in ("fortran", "c", "csc", "csr"):
        held = problems.stored(X, storage)
        arrays = [held.data if storage.startswith("cs") else held, y, alphas, *settings.values()]
        arrays = [a for a in arrays if isinstance(a, np.ndarray)]
        before = [a.copy() for a in arrays]
        for a in arrays:
            a.flags.writeable = False
        for solver in SOLVERS:
            problems.fit(held, y, alphas, l1_ratio=0.7, solver=solver, **settings)
        for old, new in zip(before, arrays, strict=True):
            np.testing.assert_array_equal(old, new)


def test_sparse_store_holds_the_same_coefficients():
    rng = np.random.default_rng(9)
    X, Y = many(rng, 60, 20, targets=3)
    dense = problems.fit(np.asfortranarray(X), Y, n_alphas=10)
    sparse = problems.fit(np.asfortranarray(X), Y, n_alphas=10, store="sparse")
    for b in range(3):
        np.testing.assert_array_equal(sparse.coef[b].toarray(), dense.coef[b])
    nothing = problems.fit(np.asfortranarray(X), Y, n_alphas=10, store="none")
    np.testing.assert_array_equal(nothing.gap, dense.gap)
    np.testing.assert_array_equal(nothing.intercept, dense.intercept)


def test_null_deviance_of_each_group():
    rng = np.random.default_rng(10)
    X, y = problems.draw(rng, 60, 5)
    W = rng.uniform(0.1, 2, (60, 3))
    solution = problems.fit(np.asfortranarray(X), y, n_alphas=2, weights=W, target=np.zeros(3, np.intp),
                            group=np.arange(3))
    for g in range(3):
        null = float(null_objective(problems.problem(X, y, 1.0, 1.0, weights=W[:, g])))
        assert solution.null_deviance[g] == pytest.approx(2 * null, rel=1e-12)


@pytest.mark.parametrize("name", ["plain", "free and left out", "positive", "bounds", "standardize", "everything"])
@pytest.mark.parametrize("shape", [(40, 90), (530, 60)])
def test_working_sets_of_folds_alone_and_together(shape, name):
    """Members whose blocks and lists differ in length, with held-out rows and an early stop, go through their rounds together.
    (One pool for the folds of many rows makes their Gram matrices by subtraction from the sum: not the same bits there.)"""
    n, p = shape
    rng = np.random.default_rng([n, p, 11])
    X, Y = many(rng, n, p, targets=3)
    X = np.asfortranarray(X)
    folds = [np.sort(rows) for rows in np.array_split(rng.permutation(n), 4)] if n <= 512 else [np.arange(0)]
    G = len(folds)
    target, group = np.repeat(np.arange(3), G), np.tile(np.arange(G), 3)
    ratios = np.where(np.arange(3 * G) % 2, 0.3, 0.95)
    common = {"solver": "working_set", "n_alphas": 30, "stop_dev_ratio": 0.8, "stop_dev_change": 1e-4,
              **problems.settings_for(name, rng, n, p)}
    together = problems.fit(X, Y, held_out=folds, target=target, group=group, l1_ratio=ratios, **common)
    skipped = (problems.status_names(together) == "skipped").sum(axis=1)
    assert skipped.any()
    assert len(np.unique(skipped)) > 1
    for b in range(3 * G):
        alone = problems.fit(X, Y[:, [target[b]]], held_out=[folds[group[b]]], target=np.zeros(1, np.intp),
                             group=np.zeros(1, np.intp), l1_ratio=float(ratios[b]), **common)
        assert_same_bits(together, alone, slice(b, b + 1))
    kept = problems.fit(X, Y, held_out=folds, target=target, group=group, l1_ratio=ratios, store="sparse", **common)
    for b in range(3 * G):
        np.testing.assert_array_equal(kept.coef[b].toarray(), np.nan_to_num(together.coef[b]))


def test_working_sets_of_overlapping_half_samples():
    """Each problem has Gram matrices of its own; more problems than go together; what is held out is nobody's business."""
    rng = np.random.default_rng(12)
    n, p, B = 30, 400, 70
    X, y = problems.draw(rng, n, p, correlation=0.5)
    X = np.asfortranarray(X)
    held = [np.sort(rng.permutation(n)[: n // 2]) for _ in range(B)]
    common = {"solver": "working_set", "l1_ratio": 0.9, "n_alphas": 12, "tol": 1e-8}
    together = problems.fit(X, y, held_out=held, target=np.zeros(B, np.intp), group=np.arange(B), **common)
    assert (problems.status_names(together) == "converged").all()
    for b in (0, 1, 63, 64, 69):
        alone = problems.fit(X, y, held_out=[held[b]], target=np.zeros(1, np.intp), group=np.zeros(1, np.intp), **common)
        assert_same_bits(together, alone, slice(b, b + 1))
        train = np.setdiff1d(np.arange(n), held[b])
        rest = problems.fit(np.asfortranarray(X[train]), y[train], together.alphas[b], **common | {"n_alphas": None})
        assert_same_path(X[train], y[train], together.alphas[b], 0.9, answers(together, b), answers(rest))


RIDGE_LAYOUTS = {
    "dense": np.asfortranarray,
    "c": np.ascontiguousarray,
    "float32": lambda X: np.asfortranarray(X, dtype=np.float32),
    "sparse": lambda X: sp.csc_array(np.where(np.abs(X) > 1, X, 0)),
}


def ridge_settings(name, rng, n, p):
    settings = {} if name == "plain" else {"weights": rng.uniform(0.2, 2, n)}
    if name == "zero weights, free features":
        settings["weights"][[1, 5]] = 0
        settings["penalty_factor"] = np.r_[0.0, 0.0, rng.uniform(0.5, 2, p - 2)]
    return settings


@pytest.mark.parametrize("grid", ["one", "few", "many, down to hard ones", "own"])
@pytest.mark.parametrize("name", ["plain", "weights", "zero weights, free features"])
@pytest.mark.parametrize("layout", RIDGE_LAYOUTS)
@pytest.mark.parametrize("shape", [(25, 70), (60, 20), (12, 1500)])
def test_ridge_targets_one_by_one(shape, layout, name, grid):
    """The closed form has all targets in one product a block: still the bits of each alone, in any company."""
    rng = np.random.default_rng(shape)
    X, Y = many(rng, *shape, targets=7)
    X[:, 3] = X[:, 4] + 1e-3 * X[:, 5]                                         # small eigenvalues in tall designs
    alphas = {"one": np.array([0.3]), "few": np.geomspace(3, 0.1, 3), "many, down to hard ones": np.geomspace(5, 1e-11, 40),
              "own": np.geomspace(5, 1e-9, 40) * rng.uniform(0.1, 9, (7, 1))}[grid]  # fmt: skip
    X = RIDGE_LAYOUTS[layout](X)
    common = {"l1_ratio": 0.0, "solver": "kernel", **ridge_settings(name, rng, *shape)}
    together = problems.fit(X, Y, alphas, **common)
    assert together.solver == "kernel"
    for t in (0, 3, 6):
        alone = problems.fit(X, Y[:, t], alphas[t] if alphas.ndim == 2 else alphas, **common)
        assert_same_bits(together, alone, slice(t, t + 1))


@pytest.mark.parametrize("layout", RIDGE_LAYOUTS)
@pytest.mark.parametrize("shape", [(25, 70), (60, 20)])
def test_least_squares_targets_one_by_one(shape, layout):
    rng = np.random.default_rng(shape)
    X, Y = many(rng, *shape, targets=7)
    X = RIDGE_LAYOUTS[layout](X)
    together = problems.fit(X, Y, np.zeros(1), solver="least_squares")
    for t in (0, 3, 6):
        assert_same_bits(together, problems.fit(X, Y[:, t], np.zeros(1), solver="least_squares"), slice(t, t + 1))


@pytest.mark.parametrize("store", ["dense", "sparse", "none"])
def test_ridge_problems_of_interleaved_groups(store):
    """The problems of a weight group need not stand side by side, and held-out rows are scored."""
    rng = np.random.default_rng(12)
    X, Y = many(rng, 30, 50, targets=3)
    folds = [np.arange(0), np.arange(10), np.arange(10, 30)]
    target, group = np.repeat([0, 1, 2], 3), np.tile([0, 1, 2], 3)
    common = {"l1_ratio": 0.0, "solver": "kernel", "held_out": folds, "store": store}
    alphas = np.geomspace(3, 0.1, 4)
    together = problems.fit(X, Y, alphas, target=target, group=group, **common)
    assert (problems.status_names(together) == "converged").all()
    for b in (1, 5, 6):
        alone = problems.fit(X, Y, alphas, target=target[b:b + 1], group=group[b:b + 1], **common)
        for name in ("intercept", "gap", "df", "held_out_deviance"):
            assert getattr(together, name)[b].tobytes() == getattr(alone, name)[0].tobytes(), name
        if store == "dense":
            assert together.coef[b].tobytes() == alone.coef[0].tobytes()
        elif store == "sparse":
            np.testing.assert_array_equal(together.coef[b].toarray(), alone.coef[0].toarray())


def test_a_thousand_ridge_targets():
    """More features than samples, in several chunks of targets: every answer converged, and that of the target alone."""
    rng = np.random.default_rng(13)
    X = np.asfortranarray(rng.standard_normal((40, 600)))
    Y = X[:, :5] @ rng.standard_normal((5, 1000)) + rng.standard_normal((40, 1000))
    common = {"l1_ratio": 0.0, "alphas": np.geomspace(10, 0.1, 3)}
    together = problems.fit(X, Y, max_memory=2**24, **common)
    assert together.solver == "kernel"
    assert (problems.status_names(together) == "converged").all()
    for t in (0, 499, 999):
        assert_same_bits(together, problems.fit(X, Y[:, t], **common), slice(t, t + 1))
