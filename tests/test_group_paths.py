"""Paths of group penalties against an independent referee, and the laws that they obey."""

import threading
import warnings

import numpy as np
import pytest
from scipy import optimize, sparse
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning

import riata
from riata_engine.formulas import groups as formulas
from riata_engine.groups import GroupBatch, solve_groups
from riata_engine.solvers import group_path

SIZES = [1, 3, 2, 7, 4, 1, 5]


def problem(seed=0, n=40, sizes=SIZES, T=1, rho=0.5):
    """X with correlated columns, Y of a few groups, index lists in an order of their own."""
    rng = np.random.default_rng(seed)
    p = sum(sizes)
    X = rng.normal(size=(n, p)) + rho * rng.normal(size=(n, 1)) + 2
    order = rng.permutation(p)
    groups = [np.sort(part) for part in np.split(order, np.cumsum(sizes)[:-1])]
    W = np.zeros((p, T))
    for g in groups[1:4]:
        W[g] = rng.normal(size=(len(g), T))
    return X, X @ W + rng.normal(size=(n, T)) + 5, groups


def dual_norm(t, lam, l1):
    """The least s with ‖S(t, s l1)‖ ≤ s lam, by bisection."""
    if not np.any(t):
        return 0.0
    if lam == 0:
        return np.abs(t).max() / l1

    def excess(s):
        return np.linalg.norm(np.maximum(np.abs(t) - s * l1, 0)) - s * lam
    high = 1.0
    while excess(high) > 0:
        high *= 2
    return optimize.brentq(excess, 0.0, high, xtol=1e-300, rtol=1e-14)


def referee(X, Y, groups, coef, intercept, alpha, factor=None, l1_ratio=1.0, sparsity=0.0, weights=None, standardize=False):
    """(objective, duality gap relative to that at zero) of one alpha; coef (T, p): everything from X, slowly."""
    n, p = X.shape
    w = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    factor = np.sqrt([len(g) for g in groups]) if factor is None else np.asarray(factor, float)
    centred = X - w @ X
    s = np.sqrt(w @ centred**2) if standardize else np.ones(p)
    centred, beta = centred / s, coef.T * s[:, None]
    Yc = Y - w @ Y
    R = Y - intercept - X @ coef.T
    R = R - w @ R
    share = l1_ratio * (1 - sparsity)
    penalty, ridge, top = 0.0, alpha * (1 - l1_ratio), 0.0
    T = centred.T @ (w[:, None] * R)
    if ridge > 0:
        conjugate = 0.0
    for g, f in zip(groups, factor, strict=True):
        if np.isinf(f):
            assert not beta[g].any()
            continue
        lam, l1 = alpha * share * f, alpha * l1_ratio * sparsity
        penalty += lam * np.linalg.norm(beta[g]) + l1 * np.abs(beta[g]).sum() + ridge / 2 * (beta[g]**2).sum()
        if ridge > 0:
            conjugate += max(np.linalg.norm(np.maximum(np.abs(T[g]) - l1, 0)) - lam, 0)**2 / (2 * ridge)
        else:
            top = max(top, dual_norm(T[g].ravel(), lam, l1))
    rr, ry = (w[:, None] * R * R).sum(), (w[:, None] * R * Yc).sum()
    scales = [1.0] if ridge > 0 else [min(1, 1 / top if top else np.inf), min(ry / rr if rr else 1, 1 / top if top else np.inf)]
    dual = max(s * ry - s * s * rr / 2 - (conjugate if ridge > 0 else 0) for s in scales)
    raw = Y - intercept - X @ coef.T
    primal = (w[:, None] * raw**2).sum() / 2 + penalty
    return primal, (primal - dual) / ((w[:, None] * Yc**2).sum() / 2)


KINDS = [{}, {"sparsity": 0.4}, {"sparsity": 1.0}, {"l1_ratio": 0.7}, {"sparsity": 0.3, "l1_ratio": 0.5}, {"standardize": True}]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("n", [15, 40, 300])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_alpha_is_certified_and_the_referee_agrees(kind, n, weighted):
    X, Y, groups = problem(seed=n, n=n)
    weights = np.random.default_rng(1).integers(0, 4, n).astype(float) if weighted else None
    path = riata.fit_group_path(X, Y[:, 0], groups, alphas=30, tol=1e-8, weights=weights, **kind)
    assert (path.status == "converged").all()
    assert not path.coef[0].any()
    for k in range(len(path.alphas)):
        _, gap = referee(X, Y, groups, path.coef[k][None], path.intercept[k], path.alphas[k], weights=weights, **kind)
        assert gap <= 1.1e-8
    if not kind.get("sparsity"):
        for g in groups:                                   # a group is in whole or not at all
            in_use = path.coef[:, g] != 0
            np.testing.assert_array_equal(in_use.all(axis=1), in_use.any(axis=1))
    np.testing.assert_array_equal(path.n_groups, [len(path.selected_groups(alpha)) for alpha in path.alphas])


@pytest.mark.parametrize("kind", KINDS[:5], ids=str)
@pytest.mark.parametrize("T", [2, 5])
def test_several_responses_are_certified(kind, T):
    X, Y, groups = problem(seed=T, T=T)
    s = solve_groups(GroupBatch(X, Y, groups, np.sqrt([len(g) for g in groups]), n_alphas=15, tol=1e-8, **kind))
    assert not s.status.any()
    for l in range(15):
        _, gap = referee(X, Y, groups, s.coefficients(0, l), s.intercept[0, l], s.alphas[0, l], **kind)
        assert gap <= 1.1e-8


@pytest.mark.parametrize("tol", [1e-4, 1e-6, 1e-10, 1e-13])
@pytest.mark.parametrize("place", ["gram", "residual"])
def test_gram_space_and_the_residual_reach_every_tolerance(monkeypatch, tol, place):
    monkeypatch.setattr(group_path, "IN_GRAM", 1e9 if place == "gram" else 0.0)
    X, Y, groups = problem(seed=7, n=60, sizes=[5] * 40)
    for kind in KINDS[:4]:
        path = riata.fit_group_path(X, Y[:, 0], groups, alphas=20, tol=tol, **kind)
        assert (path.status == "converged").all()
        gaps = [referee(X, Y, groups, path.coef[k][None], path.intercept[k], path.alphas[k], **kind)[1] for k in range(20)]
        assert max(gaps) <= 1.05 * tol + 2e-15


def test_against_a_general_optimiser():
    X, Y, groups = problem(seed=3, n=50, sizes=[2, 3, 1])
    y, alpha = Y[:, 0], 0.3
    path = riata.fit_group_path(X, y, groups, alphas=[alpha], tol=1e-12, sparsity=0.3, l1_ratio=0.9)
    ours, _ = referee(X, Y, groups, path.coef, path.intercept[0], alpha, sparsity=0.3, l1_ratio=0.9)
    found = optimize.minimize(lambda v: referee(X, Y, groups, v[None, 1:], v[0], alpha, sparsity=0.3, l1_ratio=0.9)[0],
                              np.zeros(7), method="Powell", options={"xtol": 1e-10, "ftol": 1e-14, "maxiter": 100_000})
    assert ours <= found.fun + 1e-9


def test_real_data_group_lasso_of_one_hot_blocks():
    X, y = load_breast_cancer(return_X_y=True)
    blocks = np.hstack([(np.digitize(X[:, [j]], np.quantile(X[:, j], [0.25, 0.5, 0.75])) == np.arange(4)) for j in range(12)])
    labels = np.repeat([f"f{j}" for j in range(12)], 4)
    path = riata.fit_group_path(blocks, y.astype(float), labels)
    assert (path.status == "converged").all()
    assert path.dev_ratio[-1] > 0.7
    dense = blocks.astype(float)
    same = riata.fit_group_path(sparse.csr_matrix(dense), y.astype(float), labels)
    np.testing.assert_allclose(same.predict(dense), path.predict(dense), atol=3e-3)


def both(X, y, groups, change, other, **options):
    one = riata.fit_group_path(X, y, groups, alphas=[0.5, 0.2, 0.05], tol=1e-13, **options, **change)
    X, y = other.pop("X", X), other.pop("y", y)
    two = riata.fit_group_path(X, y, groups, alphas=[0.5, 0.2, 0.05], tol=1e-13, **options, **other)
    np.testing.assert_allclose(one.coef, two.coef, atol=3e-6)
    np.testing.assert_allclose(one.intercept, two.intercept, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_laws_of_weights_storage_offset(kind):
    X, Y, groups = problem(seed=11, n=50)
    y, n = Y[:, 0], 50
    both(X, y, groups, {"weights": np.full(n, 3.0)}, {}, **kind)
    some = np.ones(n)
    some[:10] = 0
    both(X, y, groups, {"weights": some}, {"X": X[10:], "y": y[10:]}, **kind)
    twice = np.ones(n)
    twice[:10] = 2
    both(X, y, groups, {"weights": twice}, {"X": np.vstack([X, X[:10]]), "y": np.concatenate([y, y[:10]])}, **kind)
    both(X, y, groups, {}, {"X": sparse.csc_matrix(X)}, **kind)
    both(X, y, groups, {}, {"X": np.asfortranarray(X)}, **kind)
    both(X, y, groups, {"offset": np.linspace(0, 1, n)}, {"y": y - np.linspace(0, 1, n)}, **kind)


def test_float32_is_read_as_it_is():
    X, Y, groups = problem(seed=12)
    narrow = X.astype(np.float32)
    one = riata.fit_group_path(narrow, Y[:, 0], groups, alphas=20)
    two = riata.fit_group_path(narrow.astype(float), Y[:, 0], groups, alphas=20)
    np.testing.assert_allclose(one.coef, two.coef, atol=1e-6)
    assert (one.status == "converged").all()


def test_bits_do_not_depend_on_threads_or_on_the_batch():
    X, Y, groups = problem(seed=13, n=200, sizes=[10] * 100)
    factor = np.sqrt([len(g) for g in groups])
    weights = np.random.default_rng(0).integers(0, 3, (200, 3)).astype(float)
    found = [solve_groups(GroupBatch(X, Y, groups, factor, l1_ratio=[1.0, 0.8, 1.0], weights=weights, weight_set=np.arange(3),
                                     n_alphas=20, n_threads=threads)) for threads in (1, 2, 5)]
    for k in range(3):
        alone = solve_groups(GroupBatch(X, Y, groups, factor, l1_ratio=[1.0, 0.8, 1.0][k], weights=weights[:, k], n_alphas=20))
        for s in found:
            np.testing.assert_array_equal(s.coef[k].toarray(), alone.coef[0].toarray())
            np.testing.assert_array_equal(s.gap[k], alone.gap[0])


def test_free_groups_left_out_groups_and_alpha_zero():
    X, Y, groups = problem(seed=14)
    y = Y[:, 0]
    factor = np.sqrt(SIZES)
    factor[3], factor[4] = 0, np.inf
    path = riata.fit_group_path(X, y, groups, penalty_factor=factor, tol=1e-9, alphas=30)
    assert (path.status == "converged").all()
    assert path.coef[0, groups[3]].all()
    assert not path.coef[:, groups[4]].any()
    others = [j for k in (0, 1, 2, 5, 6) for j in groups[k]]
    assert not path.coef[0, others].any()
    D = np.column_stack([np.ones(len(y)), X[:, groups[3]]])
    np.testing.assert_allclose(np.r_[path.intercept[0], path.coef[0, groups[3]]], np.linalg.lstsq(D, y)[0], rtol=1e-6)
    for k in range(30):                                   # optimal in the free features: their slopes vanish
        r = y - path.intercept[k] - X @ path.coef[k]
        assert np.abs(X[:, groups[3]].T @ (r - r.mean())).max() < 1e-9 * np.linalg.norm(X) * np.linalg.norm(y)
    least = riata.fit_group_path(X, y, groups, alphas=[0.1, 0.0], tol=1e-10)
    D = np.column_stack([np.ones(len(y)), X])
    np.testing.assert_allclose(np.r_[least.intercept[1], least.coef[1]], np.linalg.lstsq(D, y)[0], atol=1e-9)
    ridge = riata.fit_group_path(X, y, groups, alphas=[0.1], l1_ratio=0.0, tol=1e-13)
    C = X - X.mean(axis=0)
    np.testing.assert_allclose(ridge.coef[0], np.linalg.solve(C.T @ C + 4 * np.eye(23), C.T @ (y - y.mean())), atol=1e-5)


def test_least_squares_of_more_features_than_rows_says_degenerate():
    X, Y, groups = problem(seed=15, n=12)
    with pytest.warns(ConvergenceWarning, match="degenerate"):
        path = riata.fit_group_path(X, Y[:, 0], groups, alphas=[0.0])
    assert path.status[0] == "degenerate"
    assert path.dev_ratio[0] == pytest.approx(1)


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_scales_of_y_and_x(scale):
    X, Y, groups = problem(seed=16)
    one = riata.fit_group_path(X, Y[:, 0], groups, alphas=20)
    two = riata.fit_group_path(X, Y[:, 0] * scale, groups, alphas=20)
    np.testing.assert_allclose(two.coef / scale, one.coef, atol=1e-3)
    assert (two.status == "converged").all()
    three = riata.fit_group_path(X / scale, Y[:, 0], groups, alphas=20)
    np.testing.assert_allclose(three.coef / scale, one.coef, atol=1e-3)


def test_hard_columns():
    """Constant, equal and far columns, and a constant target."""
    X, Y, groups = problem(seed=17, n=30)
    X[:, groups[1][0]], X[:, groups[5]] = 4.0, 1.0
    X[:, groups[2][1]] = X[:, groups[2][0]]
    X[:, groups[3][0]] += 1e6
    for kind in KINDS:
        path = riata.fit_group_path(X, Y[:, 0], groups, alphas=20, **kind)
        assert (path.status == "converged").all()
        assert not path.coef[:, groups[5]].any()
        assert np.isfinite(path.coef).all()
    still = riata.fit_group_path(X, np.full(30, 3.0), groups, alphas=3)
    assert not still.coef.any()
    np.testing.assert_allclose(still.intercept, 3.0)


def test_early_stop_budget_and_interrupt():
    X, Y, groups = problem(seed=18, n=200, sizes=[10] * 60)
    stopped = riata.fit_group_path(X, Y[:, 0], groups, stop_dev_ratio=0.5)
    assert stopped.status[-1] == "skipped"
    assert np.isnan(stopped.coef[-1]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        late = riata.fit_group_path(X, Y[:, 0], groups, time_budget=1e-9)
        assert set(late.status) == {"time_budget"}
        short = riata.fit_group_path(X, Y[:, 0], groups, alphas=20, max_epochs=1, tol=1e-12)
    assert "max_iter" in short.status
    assert np.isfinite(short.coef).all()
    assert (short.gap[short.status == "max_iter"] > 1e-12).all()
    seen = []

    def interrupt(done, total):
        seen.append((done, total))
        raise KeyboardInterrupt

    X, Y, groups = problem(seed=18, n=500, sizes=[10] * 400)
    with pytest.raises(KeyboardInterrupt) as caught:
        riata.fit_group_path(X, Y[:, 0], groups, tol=1e-12, progress=interrupt)
    assert seen
    assert (caught.value.result.status != "converged").any()


def test_a_callers_thread_may_solve():
    X, Y, groups = problem(seed=19)
    found = []
    thread = threading.Thread(target=lambda: found.append(riata.fit_group_path(X, Y[:, 0], groups, alphas=5)))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0].coef, riata.fit_group_path(X, Y[:, 0], groups, alphas=5).coef)


def test_formulas_are_what_they_say():
    rng = np.random.default_rng(0)
    for _ in range(300):
        d, lam, l1, ridge = rng.integers(1, 6), *10.0 ** rng.uniform(-3, 3, 3)
        b, t = rng.normal(size=(2, d)) * 10.0 ** rng.uniform(-4, 4)
        norm = np.linalg.norm(np.maximum(np.abs(t) - l1, 0))
        value = lam * np.linalg.norm(b) + l1 * np.abs(b).sum() + ridge / 2 * b @ b
        conjugate = formulas.group_conjugate(norm, lam, ridge)
        assert value + conjugate >= b @ t - 1e-9 * (value + conjugate)                    # Fenchel–Young
        u = np.sign(t) * np.maximum(np.abs(t) - l1, 0)
        best = u * formulas.group_shrink(norm, lam) / ridge                               # and its equality
        value = lam * np.linalg.norm(best) + l1 * np.abs(best).sum() + ridge / 2 * best @ best
        assert value + conjugate == pytest.approx(best @ t, rel=1e-9, abs=1e-12)
        x = max(np.abs(t).max() / (lam + l1), 1e-300)
        for _ in range(60):
            over = np.maximum(np.abs(t) - l1 * x, 0)
            x = formulas.dual_norm_step(x, over @ over, over.sum(), lam, l1)
        assert x == pytest.approx(dual_norm(t, lam, l1), rel=1e-9)
    assert formulas.group_conjugate(2.0, 1.0, 0.0) == np.inf
    assert formulas.group_conjugate(1e4, 1e4, 0.0) == 0
    assert formulas.group_shrink(1e-300, 1e4) == 0


def test_the_secular_equation_gives_the_exact_block():
    rng = np.random.default_rng(1)
    for _ in range(200):
        d = rng.integers(1, 8)
        h, v = 10.0 ** rng.uniform(-4, 4, d), rng.normal(size=d) * 10.0 ** rng.uniform(-2, 2)
        lam = np.linalg.norm(v) * rng.uniform(0.001, 0.999)
        t = (np.linalg.norm(v) - lam) / h.max()
        for _ in range(60):
            share = np.array([formulas.secular_share(a, b, lam, t) for a, b in zip(v, h, strict=True)])
            t = formulas.secular_step(t, share @ share, (share**2 * h / (h * t + lam)).sum())
        b = t * np.array([formulas.secular_share(a, c, lam, t) for a, c in zip(v, h, strict=True)])
        slope = h * b - v + lam * b / np.linalg.norm(b)
        assert np.abs(slope).max() <= 1e-10 * np.abs(v).max()


def test_labels_and_lists_name_the_same_groups():
    X, y = load_diabetes(return_X_y=True)
    lists = riata.fit_group_path(X, y, [[0, 3], [1, 2], range(4, 10)], alphas=10)
    labels = riata.fit_group_path(X, y, list("abba") + ["c"] * 6, alphas=10)
    np.testing.assert_array_equal(lists.coef, labels.coef)
    assert labels.group_names == ["a", "b", "c"]
    assert labels.selected_groups(labels.alphas[-1]) == ["a", "b", "c"]
    assert "3 groups" in repr(labels)


@pytest.mark.parametrize(("groups", "message"), [
    ([[0, 1], [1, 2, 3]], r"feature 1 is in groups\[0\] and groups\[1\]"),
    ([[0, 0], [1, 2, 3]], r"feature 0 is twice in groups\[0\]"),
    ([[0, 1], [3]], "feature 2 of 4 is in none"),
    ([[0], [1]], "features 2, 3 of 4 are in none"),
    ([[0, 1], [2, 4]], r"groups\[1\] has feature 4, and X has 4 columns"),
    ([[0, -1], [1, 2]], r"groups\[0\] has feature -1"),
    ([[0, 1, 2, 3], []], r"groups\[1\] is empty"),
    ([1, 2, 3], "3 labels and X has 4 columns"),
    ([1, 2, 3, np.nan], r"groups\[3\] = nan is no label"),
    ([1, 2, 3, None], r"groups\[3\] = None is no label"),
    ([[0, 1], 2, 3], r"groups\[1\] = 2 is no list"),
    ([[0.5, 1], [2, 3]], r"must hold positions of columns"),
    ("abcd", "a label for each of the 4 features"),
    (2, "a label for each of the 4 features"),
])
def test_groups_that_are_no_partition(groups, message):
    with pytest.raises((ValueError, TypeError), match=message):
        riata.fit_group_path(np.eye(4), np.arange(4.0), groups)


def test_other_bad_input():
    X, y, groups = np.eye(4), np.arange(4.0), [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match=r"penalty_factor\[1\] = -2"):
        riata.fit_group_path(X, y, groups, penalty_factor=[1, -2])
    with pytest.raises(ValueError, match="3 entries and there are 2 groups"):
        riata.fit_group_path(X, y, groups, penalty_factor=[1, 2, 3])
    with pytest.raises(ValueError, match="leaves all of them out"):
        riata.fit_group_path(X, y, groups, penalty_factor=[np.inf] * 2)
    with pytest.raises(ValueError, match="sparsity = 2"):
        riata.fit_group_path(X, y, groups, sparsity=2)
    with pytest.raises(ValueError, match="y has 1 NaN"):
        riata.fit_group_path(X, [0, 1, np.nan, 2], groups)
    with pytest.raises(TypeError, match="it is called penalty_factor here"):
        riata.fit_group_path(X, y, groups, penalty_factors=[1, 2])
