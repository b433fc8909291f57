"""MCP and SCAD: formulas, stationarity by an independent referee, limits, laws, outside truth, bad input."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning

import riata
from riata_engine.concave import ConcaveBatch, Interrupted, solve_concave
from riata_engine.formulas.concave import concave_piece, concave_slope, concave_step, concave_value, concave_violation

PATHS = {"mcp": riata.mcp_path, "scad": riata.scad_path}
GAMMA = {"mcp": 3.0, "scad": 3.7}


def value(penalty, u, l, gamma):
    """The penalty as its authors write it."""
    u = np.abs(u)
    if penalty == "mcp":
        return np.where(u <= gamma * l, l * u - u**2 / (2 * gamma), gamma * l**2 / 2)
    middle = (2 * gamma * l * u - u**2 - l**2) / (2 * (gamma - 1))
    return np.where(u <= l, l * u, np.where(u <= gamma * l, middle, l**2 * (gamma + 1) / 2))


def slope(penalty, u, l, gamma):
    size = np.abs(u)
    if penalty == "mcp":
        found = np.maximum(l - size / gamma, 0)
    else:
        found = np.where(size <= l, l, np.maximum(gamma * l - size, 0) / (gamma - 1))
    return np.sign(u) * found


def violation(penalty, X, y, b, b0, alpha, gamma, l1_ratio=1.0, weights=None, factor=1.0, standardize=True, intercept=True):
    """The KKT violation in the units of the documentation, by plain numpy."""
    v = np.ones(len(y)) / len(y) if weights is None else weights / weights.sum()
    X = X.toarray() if sparse.issparse(X) else np.asarray(X, float)
    r = y - X @ b - b0
    center = v @ X if intercept else 0.0
    Z, yc = X - center, y - (v @ y if intercept else 0.0)
    spread = np.sqrt(v @ (X - v @ X) ** 2) if standardize else np.ones(X.shape[1])
    length, t = np.sqrt(v @ Z**2), Z.T @ (v * r)
    l = alpha * l1_ratio * factor * spread
    u = spread * b
    wanted = spread * slope(penalty, u, alpha * l1_ratio * factor, gamma) + alpha * (1 - l1_ratio) * factor * spread**2 * b
    off = np.where(b == 0, np.maximum(np.abs(t) - l, 0), np.abs(t - wanted))
    return (off[length > 0] / length[length > 0]).max() / np.sqrt(v @ yc**2)


def correlated(seed=0, n=80, p=150, rho=0.6):
    rng = np.random.default_rng(seed)
    X = np.empty((n, p))
    X[:, 0] = rng.normal(size=n)
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * rng.normal(size=n)
    coef = np.zeros(p)
    coef[rng.choice(p, 8, replace=False)] = rng.normal(scale=2, size=8)
    return X * rng.uniform(0.2, 5, p) + 1, X @ coef + rng.normal(size=n) + 3


@pytest.mark.parametrize("scad", [False, True])
@pytest.mark.parametrize("l", [0.0, 0.3, 1e4])
def test_formulas(scad, l):
    penalty, gamma, e, l2 = ("mcp", "scad")[scad], 3.3, 1.7, 0.2
    rng = np.random.default_rng(0)
    for b in [*rng.normal(scale=2, size=20), 1e4, -1e4, 1e-9]:
        scale = np.sqrt(e)
        expected = float(value(penalty, scale * b, l / scale, gamma)) + l2 * b * b / 2
        assert concave_value(scad, b, l, l2, e, gamma) == pytest.approx(expected, rel=1e-12, abs=1e-12)
        h = 1e-6 * max(1, abs(b))
        ahead, behind = (concave_value(scad, b + d, l, l2, e, gamma) for d in (h, -h))
        if abs(b) > 2 * h:
            assert concave_slope(scad, b, l, l2, e, gamma) == pytest.approx((ahead - behind) / (2 * h), rel=1e-5, abs=1e-6)
        assert concave_piece(scad, b, l, e, gamma) in (0, 1, 2)
    for z in [*rng.normal(scale=3, size=20), 1e4, 0.0]:
        b = concave_step(scad, z, 1.4, l, l2, e, gamma)
        def objective(x, z=z):
            return 0.7 * x * x - z * x + concave_value(scad, x, l, l2, e, gamma)
        best = minimize_scalar(objective, bounds=(-abs(z) - 1, abs(z) + 1), method="bounded", options={"xatol": 1e-12}).fun
        assert objective(b) <= min(best, objective(0.0)) + 1e-9 * max(1, z * z)
        assert concave_violation(scad, b, z - 1.4 * b, l, l2, e, gamma) <= 1e-12 * max(1, abs(z), l)


@pytest.mark.parametrize("penalty", PATHS)
@pytest.mark.parametrize("settings", [{}, {"l1_ratio": 0.7}, {"intercept": False}, {"standardize": False, "gamma": 80.0}])
def test_every_alpha_is_stationary_by_an_independent_referee(penalty, settings):
    for X, y in (load_diabetes(return_X_y=True), correlated(), load_breast_cancer(return_X_y=True)):
        if not settings.get("standardize", True):
            X = X / X.std(axis=0) / 3
        path = PATHS[penalty](X, y.astype(float), alphas=25, tol=1e-7, **settings)
        assert (path.status == "converged").all()
        assert np.isnan(path.gap).all()
        for i, alpha in enumerate(path.alphas):
            options = {"gamma": GAMMA[penalty], **settings}
            found = violation(penalty, X, y, path.coef[i], path.intercept[i], alpha, **options)
            assert found <= 1.01e-7
            assert found == pytest.approx(path.kkt[i], rel=0.01, abs=2e-12)


@pytest.mark.parametrize("penalty", PATHS)
def test_the_objective_falls_in_no_single_coordinate(penalty):
    X, y = correlated(seed=1)
    path = PATHS[penalty](X, y, alphas=20)
    spread = X.std(axis=0)
    rng = np.random.default_rng(0)
    for i in (5, 12, 19):
        def objective(b, i=i):
            u, alpha = spread * b, path.alphas[i]
            return np.mean((y - X @ b - path.intercept[i]) ** 2) / 2 + value(penalty, u, alpha, GAMMA[penalty]).sum()
        here = objective(path.coef[i])
        for j in range(X.shape[1]):
            for d in rng.normal(scale=[1e-4, 0.1, 1], size=3) / spread[j]:
                moved = path.coef[i].copy()
                moved[j] += d
                assert objective(moved) >= here - 1e-5 * abs(d) * spread[j]


@pytest.mark.parametrize("penalty", PATHS)
def test_large_gamma_is_the_lasso(penalty):
    X, y = load_diabetes(return_X_y=True)
    path = PATHS[penalty](X, y, gamma=1e9, alphas=30, tol=1e-9)
    lasso = riata.fit_path(X, y, alphas=path.alphas, standardize=True, tol=1e-14)
    np.testing.assert_allclose(path.coef, lasso.coef, atol=1e-4)
    half = PATHS[penalty](X, y, gamma=1e9, l1_ratio=0.5, alphas=[1.0, 0.1], tol=1e-9)
    net = riata.fit_path(X, y, alphas=[1.0, 0.1], l1_ratio=0.5, standardize=True, tol=1e-14)
    np.testing.assert_allclose(half.coef, net.coef, atol=1e-4)


@pytest.mark.parametrize("penalty", PATHS)
def test_orthonormal_columns_have_closed_forms(penalty):
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(64, 20)))[0] * 8
    z = rng.normal(scale=2, size=20)
    gamma, alpha = GAMMA[penalty], 0.9
    path = PATHS[penalty](Q, Q @ z, alphas=[alpha], intercept=False, standardize=False, tol=1e-12)
    size = np.abs(z)
    soft = np.maximum(size - alpha, 0)
    if penalty == "mcp":
        expected = np.where(size <= gamma * alpha, soft / (1 - 1 / gamma), size)
    else:
        middle = ((gamma - 1) * size - gamma * alpha) / (gamma - 2)
        expected = np.where(size <= 2 * alpha, soft, np.where(size <= gamma * alpha, middle, size))
    np.testing.assert_allclose(path.coef[0], np.sign(z) * expected, atol=1e-10)


def test_curvature_is_the_smallest_eigenvalue_on_the_support():
    X, y = correlated(seed=2)
    path = riata.mcp_path(X, y, alphas=30)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    for i in range(30):
        A = Z[:, path.coef[i] != 0]
        if not A.shape[1]:
            assert np.isinf(path.curvature[i])
            continue
        expected = np.linalg.eigvalsh(A.T @ A / len(A))[0] - 1 / 3
        assert path.curvature[i] == pytest.approx(expected, abs=1e-8)
    convex = path.locally_convex
    assert convex[path.alphas >= path.convex_min].all()
    assert not convex.all()
    assert "not locally convex" in path.summary()
    assert "kkt" in path.to_frame().columns
    calm = riata.mcp_path(X, y, alphas=30, gamma=1e6, l1_ratio=0.5)
    assert calm.locally_convex.all()
    assert calm.convex_min == calm.alphas[-1]
    assert not calm.notes


def test_a_single_alpha_continues_the_path_from_zero():
    X, y = correlated(seed=3)
    path = riata.mcp_path(X, y, alphas=50)
    i = int(np.flatnonzero(path.locally_convex)[-1])
    single = riata.mcp_path(X, y, alphas=[path.alphas[i]])
    np.testing.assert_allclose(single.coef[0], path.coef[i], atol=1e-4)
    given = riata.mcp_path(X, y, alphas=path.alphas[[20, 0, 10]])
    assert given.alphas.tolist() == path.alphas[[20, 0, 10]].tolist()
    assert not given.coef[1].any()


@pytest.mark.parametrize("penalty", PATHS)
def test_laws_of_weights_storage_and_dtype(penalty):
    X, y = correlated(seed=4, n=60, p=40)
    fit = PATHS[penalty]
    settings = {"alphas": [2.0, 1.0, 0.5], "tol": 1e-10}
    plain = fit(X, y, **settings)
    for other in (fit(X, y, weights=np.full(60, 7.0), **settings), fit(sparse.csc_array(X), y, **settings),
                  fit(np.ascontiguousarray(X), y, **settings), fit(X, y - 2, offset=np.full(60, -2.0), **settings)):
        np.testing.assert_allclose(other.coef, plain.coef, atol=1e-7)
    single = fit(X.astype(np.float32), y, **settings)
    np.testing.assert_allclose(single.coef, fit(X.astype(np.float32).astype(float), y, **settings).coef, atol=1e-7)
    weights = np.arange(60) % 3
    weighted = fit(X, y, weights=weights, **settings)
    repeated = fit(np.repeat(X, weights, axis=0), np.repeat(y, weights), **settings)
    np.testing.assert_allclose(weighted.coef, repeated.coef, atol=1e-7)
    assert violation(penalty, X, y, weighted.coef[1], weighted.intercept[1], 1.0, GAMMA[penalty], weights=weights) <= 1e-9


def test_penalty_factors():
    X, y = correlated(seed=5, n=60, p=20)
    factor = np.ones(20)
    factor[[0, 1, 2]] = 0.0, np.inf, 3.0
    path = riata.mcp_path(X, y, penalty_factor=factor, alphas=20, tol=1e-8)
    assert (path.coef[:, 0] != 0).all()
    assert not path.coef[:, 1].any()
    assert not path.coef[0, 2:].any()
    assert path.coef[1, 2:].any()
    keep = np.arange(20) != 1
    for i in (3, 19):
        found = violation("mcp", X[:, keep], y, path.coef[i, keep], path.intercept[i], path.alphas[i], 3.0, factor=factor[keep])
        assert found <= 1e-8


@pytest.mark.parametrize("storage", [np.asfortranarray, sparse.csc_array])
def test_sparse_features_far_from_zero_and_constant_ones(storage):
    rng = np.random.default_rng(6)
    X = np.where(rng.uniform(size=(120, 30)) < 0.2, rng.normal(size=(120, 30)), 0.0)
    X[:, 3], X[:, 4] = 2.5, 1e5 + rng.normal(size=120)
    y = X[:, 4] - X[:, 0] + 0.1 * rng.normal(size=120)
    path = riata.scad_path(storage(X), y, alphas=20)
    assert (path.status == "converged").all()
    assert not path.coef[:, 3].any()
    assert path.coef[-1, 4] == pytest.approx(1, abs=0.1)


def batch_of(X, Y, **settings):
    return ConcaveBatch(X, Y, n_alphas=20, standardize=True, **settings)


@pytest.mark.parametrize("penalty", PATHS)
@pytest.mark.parametrize("storage", [np.asarray, sparse.csc_array])
def test_a_problem_has_the_same_bits_alone_in_a_batch_and_on_any_threads(penalty, storage):
    X, y = correlated(seed=7, n=90, p=200)
    Y = np.column_stack([y, X[:, 0] + np.random.default_rng(0).normal(size=90), y**2, np.zeros(90)])
    folds = [np.empty(0, int), np.arange(20), np.arange(50, 90)]
    target, group = np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)
    gamma = np.linspace(3, 5, 12)
    X = storage(X)
    settings = {"penalty": penalty, "held_out": folds}
    whole = solve_concave(batch_of(X, Y, target=target, group=group, gamma=gamma, n_threads=1, **settings))
    threads = solve_concave(batch_of(X, Y, target=target, group=group, gamma=gamma, n_threads=4, **settings))
    small = solve_concave(batch_of(X, Y, target=target, group=group, gamma=gamma, max_memory=1.0, **settings))
    for name in ("alphas", "coef", "intercept", "kkt", "curvature", "held_out_deviance", "status", "n_epochs"):
        np.testing.assert_array_equal(getattr(threads, name), getattr(whole, name))
        np.testing.assert_array_equal(getattr(small, name), getattr(whole, name))
    for b in (0, 4, 8):
        alone = solve_concave(batch_of(X, Y, target=target[[b]], group=group[[b]], gamma=gamma[b], **settings))
        for name in ("alphas", "coef", "intercept", "kkt", "held_out_deviance"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(whole, name)[b])
    assert not whole.coef[9:].any()
    assert (whole.status == 0).all()


def test_held_out_errors_are_of_fits_without_these_rows():
    X, y = correlated(seed=8, n=90, p=30)
    rows = np.arange(60, 90)
    fold = solve_concave(batch_of(X, y, held_out=[rows], tol=1e-10))
    alone = solve_concave(ConcaveBatch(X[:60], y[:60], alphas=fold.alphas, standardize=True, tol=1e-10))
    prediction = X[rows] @ alone.coef[0].T + alone.intercept[0]
    np.testing.assert_allclose(fold.held_out_deviance[0], ((y[rows, None] - prediction) ** 2).mean(axis=0), rtol=1e-4)


def test_skglm_agrees():
    pytest.importorskip("skglm", reason="skglm is not installed")
    from skglm.datafits import Quadratic
    from skglm.penalties import SCAD, MCPenalty
    from skglm.solvers import AndersonCD

    X, y = correlated(seed=9)
    X, y = np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0)), y - y.mean()
    for penalty, theirs in (("mcp", MCPenalty), ("scad", SCAD)):
        path = PATHS[penalty](X, y, alphas=30, tol=1e-9)
        convex = int(np.argmin(path.locally_convex)) or 30
        solver = AndersonCD(tol=1e-9, fit_intercept=False, warm_start=True, max_iter=500, max_epochs=10_000)
        coefs = solver.path(X, y, Quadratic(), theirs(1.0, GAMMA[penalty]), alphas=path.alphas[:convex])[1]
        np.testing.assert_allclose(path.coef[:convex], coefs.T, atol=1e-5)


def test_constant_target_and_extreme_scales():
    X, y = correlated(seed=10, n=50, p=20)
    flat = riata.mcp_path(X, np.full(50, 3.0), alphas=5)
    assert not flat.coef.any()
    assert flat.intercept == pytest.approx(3.0)
    assert (flat.status == "converged").all()
    plain = riata.mcp_path(X, y, alphas=10)
    for size in (1e-150, 1e150):
        scaled = riata.mcp_path(X, y * size, alphas=10)
        np.testing.assert_allclose(scaled.coef / size, plain.coef, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(riata.mcp_path(X * size, y, alphas=10).coef * size, plain.coef, rtol=1e-4, atol=1e-5)


def test_what_stops_early_says_so():
    X, y = correlated(seed=11, n=60, p=100)
    with pytest.warns(ConvergenceWarning, match="KKT violation did not reach tol"):
        path = riata.mcp_path(X, y, max_epochs=1, tol=1e-12)
    assert (path.status == "max_iter").any()
    assert (path.kkt[path.status == "max_iter"] > 1e-12).all()
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        late = riata.mcp_path(X, y, time_budget=1e-9)
    assert (late.status == "time_budget").all()
    assert np.isnan(late.coef).all()

    rng = np.random.default_rng(0)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stopped:
        riata.mcp_path(rng.normal(size=(300, 3000)), rng.normal(size=300), progress=stop, tol=1e-10)
    assert "skipped" in stopped.value.result.status


@pytest.mark.parametrize(("arguments", "words"), [
    ({"gamma": 1.0}, "gamma = 1.0"), ({"gamma": np.nan}, "gamma"), ({"l1_ratio": 0}, "l1_ratio = 0 leaves nothing of MCP"),
    ({"standardize": False, "gamma": 1.5}, "too small for column . of X, whose variance is"), ({"alphas": [-1.0]}, "alphas"),
    ({"penalty_factor": np.ones(3)}, "penalty_factor has 3 entries"), ({"lower": 0}, "lower"), ({"tol": 0}, "tol"),
])
def test_bad_input_is_named(arguments, words):
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises((ValueError, TypeError), match=words):
        riata.mcp_path(X, y, **arguments)
    if arguments == {"gamma": 1.0}:
        with pytest.raises(ValueError, match=r"above 2"):
            riata.scad_path(X, y, gamma=2.0)


def test_the_door_refuses_what_it_does_not_know():
    X, y = load_diabetes(return_X_y=True)
    for field, wrong in (("lower", np.zeros(10)), ("stop_dev_ratio", 0.9), ("solver", "gram"), ("loss", "logistic"),
                         ("penalty", "lasso"),
                         ("gamma", 1.0), ("l1_ratio", 0.0)):
        with pytest.raises(ValueError, match=field):
            ConcaveBatch(X, y, **{field: wrong})
