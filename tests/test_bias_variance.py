"""Bias, variance and noise: against closed forms, slow loops and exact identities."""
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import riata
from drawn import drawn
from riata import diagnose
from riata.diagnose.decomposition import replicate_variance


def rows(n=120, p=4, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, X @ np.linspace(1, -1, p) + noise * rng.normal(size=n)


def test_ridge_on_a_fixed_design_has_its_closed_form():
    """Bias of ridge is −(I − H) f, its variance σ² (H Hᵀ)_ii: Hastie et al., section 7.3."""
    rng = np.random.default_rng(1)
    n, p, sigma, alpha, B = 60, 8, 0.7, 0.4, 4000
    X = rng.normal(size=(n, p))
    f = X @ rng.normal(size=p)
    H = X @ np.linalg.solve(X.T @ X + n * alpha * np.eye(p), X.T)
    Y = f[:, None] + sigma * rng.normal(size=(n, B))
    fits = riata.fit_batch(X, Y, l1_ratio=0.0, alphas=[alpha], intercept=False)
    parts = diagnose.decompose(fits.predict(X, alpha=alpha).T, f + sigma * rng.normal(size=n), truth=f)
    bias, variance = (f - H @ f) ** 2, sigma**2 * (H * H).sum(axis=1)
    np.testing.assert_allclose(parts.per_row["variance"], variance, rtol=0.15)
    assert parts.variance == pytest.approx(variance.mean(), rel=0.02)
    assert parts.bias == pytest.approx(bias.mean(), rel=0.02)
    assert parts.bias + parts.variance + parts.noise + parts.cross == pytest.approx(parts.error, rel=1e-12)


def test_few_models_are_unbiased():
    """With B = 3 models the plain mean of squares would put a third of the variance down as bias²."""
    rng = np.random.default_rng(2)
    predictions = 0.5 + rng.normal(size=(3, 200_000))
    parts = diagnose.decompose(predictions, np.zeros(200_000), truth=np.zeros(200_000))
    assert parts.variance == pytest.approx(1.0, abs=0.02)
    assert parts.bias == pytest.approx(0.25, abs=0.02)
    assert parts.noise == 0


numbers = st.floats(-5, 5, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_parts_of_a_squared_error_add_up(data):
    B, n = data.draw(st.integers(2, 5)), data.draw(st.integers(1, 4))
    predictions = np.array(data.draw(st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=B, max_size=B)))
    y, truth = (np.array(data.draw(st.lists(numbers, min_size=n, max_size=n))) for _ in range(2))
    parts = diagnose.decompose(predictions, y, truth=truth)
    assert parts.error == pytest.approx(((predictions - y) ** 2).mean(), abs=1e-9)
    assert sum(parts.parts.values()) == pytest.approx(parts.error, abs=1e-9)
    without = diagnose.decompose(predictions, y)
    assert np.isnan(without.bias)
    assert without.bias_and_noise + without.variance == pytest.approx(parts.error, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_parts_of_a_zero_one_loss_add_up(data):
    """Domingos's identity, by counting: for any number of classes, with and without noise."""
    K = data.draw(st.integers(2, 4))
    B, n = data.draw(st.integers(2, 6)), data.draw(st.integers(1, 4))
    label = st.integers(0, K - 1)
    said = np.array(data.draw(st.lists(st.lists(label, min_size=n, max_size=n), min_size=B, max_size=B)))
    y, truth = (np.array(data.draw(st.lists(label, min_size=n, max_size=n))) for _ in range(2))
    error = (said != y).mean()
    for best in (truth, None):
        parts = diagnose.decompose(said, y, error="zero_one", truth=best)
        assert parts.error == pytest.approx(error, abs=1e-12)
        assert sum(parts.parts.values()) == pytest.approx(error, abs=1e-12)
        assert parts.variance == pytest.approx(parts.unbiased_variance - parts.biased_variance, abs=1e-12)
    bias = np.mean([np.bincount(said[:, i], minlength=K).argmax() != truth[i] for i in range(n)])
    assert diagnose.decompose(said, y, error="zero_one", truth=truth).bias == pytest.approx(bias)


def test_zero_one_of_two_classes_is_the_formula_of_domingos():
    """E = (2 P(f = best) − 1) N + B ± V, row by row."""
    rng = np.random.default_rng(3)
    said, y, best = rng.integers(0, 2, size=(9, 50)), rng.integers(0, 2, 50), rng.integers(0, 2, 50)
    parts = diagnose.decompose(said, y, error="zero_one", truth=best)
    right = (said == best).mean(axis=0)
    main = (said.mean(axis=0) > 0.5).astype(int)
    V = (said != main).mean(axis=0)
    expected = (2 * right - 1) * (y != best) + (main != best) + np.where(main == best, 1, -1) * V
    np.testing.assert_allclose(parts.per_row["error"], expected, atol=1e-14)
    np.testing.assert_array_equal(parts.main, main)


def test_bootstraps_are_those_of_a_loop():
    X, y = rows()
    parts = diagnose.bias_variance(X, y, alpha=0.1, l1_ratio=0.5, n_boot=25, tol=1e-12)
    plan = riata.resampling.bootstrap(len(y), 25)
    said = np.full((25, len(y)), np.nan)
    net = ElasticNet(alpha=0.1, l1_ratio=0.5, tol=1e-12, max_iter=100_000)
    for b in range(25):
        out = plan.held_out(b)
        said[b, out] = net.fit(X[plan[b]], y[plan[b]]).predict(X[out])
    mean, B = np.nanmean(said, axis=0), np.isfinite(said).sum(axis=0)
    use = B >= 2
    np.testing.assert_allclose(parts.main[use], mean[use], atol=1e-6)
    variance = np.nanvar(said[:, use], axis=0, ddof=1)
    assert parts.variance == pytest.approx(variance.mean(), rel=1e-5)
    assert parts.error == pytest.approx(np.nanmean((said - y) ** 2, axis=0)[use].mean(), rel=1e-6)
    np.testing.assert_array_equal(parts.n_models, B)


def test_an_estimator_of_scikit_learn_gives_the_same_as_the_batch():
    X, y = rows(80)
    own = diagnose.bias_variance(X, y, alpha=0.05, n_boot=10, tol=1e-12)
    other = diagnose.bias_variance(X, y, estimator=ElasticNet(alpha=0.05, l1_ratio=1.0, tol=1e-12), n_boot=10)
    for name in ("error", "variance", "bias_and_noise"):
        assert getattr(own, name) == pytest.approx(getattr(other, name), rel=1e-6)


def test_the_noise_of_simulated_rows_is_found():
    X, y = rows(2000, 3, seed=4)
    parts = diagnose.bias_variance(X, y, alpha=1e-3, n_boot=40, noise=1.0)
    assert parts.noise == pytest.approx(1.0, rel=1e-12)
    assert abs(parts.bias) < 3 * parts.se["bias"]
    assert parts.variance == pytest.approx(4 / 2000, rel=0.4)              # σ² (p + 1) / n
    true = diagnose.bias_variance(X, y, alpha=1e-3, n_boot=40, truth=X @ np.linspace(1, -1, 3))
    assert 0 <= true.bias < 0.01
    assert true.bias + true.variance + true.noise + true.cross == pytest.approx(true.error, rel=1e-10)


def test_replicates_tell_the_noise():
    rng = np.random.default_rng(5)
    X = np.repeat(rng.normal(size=(200, 2)), 4, axis=0)
    y = X[:, 0] ** 2 + 0.5 * rng.normal(size=len(X))
    value, freedom = replicate_variance(X, y)
    assert freedom == 600
    assert value == pytest.approx(0.25, rel=0.15)
    parts = diagnose.bias_variance(X, y, alpha=1e-3, n_boot=30, noise="replicates", groups=np.repeat(np.arange(200), 4))
    assert parts.noise == pytest.approx(value)
    assert parts.bias == pytest.approx(2.0, rel=0.35)                      # the variance of a square of a normal
    assert replicate_variance(X[::4], y[::4])[1] == 0


def test_classes_and_counts():
    X, eta = rows(200, noise=0.3)
    rng = np.random.default_rng(6)
    labels = np.where(eta > 0, "yes", "no")
    parts = diagnose.bias_variance(X, labels, loss="logistic", alpha=0.01, n_boot=30)
    assert parts.kind == "zero_one"
    assert set(parts.main) <= {"yes", "no"}
    assert parts.bias_and_noise + parts.variance == pytest.approx(parts.error)
    brier = diagnose.bias_variance(X, labels, loss="logistic", alpha=0.01, n_boot=30, error="squared")
    assert ((brier.main >= 0) & (brier.main <= 1)).all()
    counts = diagnose.bias_variance(X, rng.poisson(np.exp(0.5 * X[:, 0])), loss="poisson", alpha=0.01, n_boot=30)
    assert (counts.main > 0).all()
    three = rng.choice(["a", "b", "c"], 200)
    tree = diagnose.bias_variance(X, three, estimator=DecisionTreeClassifier(random_state=0), n_boot=20)
    assert tree.error == pytest.approx(2 / 3, abs=0.12)
    deep = diagnose.bias_variance(X, eta, estimator=DecisionTreeRegressor(random_state=0), n_boot=20)
    flat = diagnose.bias_variance(X, eta, estimator=DecisionTreeRegressor(max_depth=1), n_boot=20)
    assert deep.variance > flat.variance
    assert deep.bias_and_noise < flat.bias_and_noise


def test_a_row_of_weight_0_is_not_there():
    X, y = rows(60)
    weights = np.ones(60)
    weights[::3] = 0.0
    there = weights > 0
    parts = diagnose.bias_variance(X, y, alpha=0.05, n_boot=20, weights=weights)
    alone = diagnose.bias_variance(X[there], y[there], alpha=0.05, n_boot=20)
    for name in ("error", "variance", "bias_and_noise"):
        assert getattr(parts, name) == pytest.approx(getattr(alone, name), rel=1e-6)


def test_the_rule_keeps_equal_rows_in_one_inner_fold():
    """With alpha chosen in each bootstrap, rows drawn twice must not be on both sides: y of pure noise is not fitted."""
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(60, 30)), rng.normal(size=60)
    parts = diagnose.bias_variance(X, y, n_boot=20, alphas=20)
    assert parts.error < 1.6 * y.var()


def test_threads_change_no_bit_and_y_is_left_alone():
    X, y = rows(100, 10)
    kept = y.copy()
    one, two = (diagnose.bias_variance(X, y, n_boot=12, alphas=15, n_threads=k) for k in (1, 2))
    for name in ("error", "variance", "bias_and_noise"):
        assert getattr(one, name) == getattr(two, name)
    np.testing.assert_array_equal(one.main, two.main)
    np.testing.assert_array_equal(y, kept)


def test_frame_summary_and_plot():
    X, y = rows()
    parts = diagnose.bias_variance(X, y, alpha=0.05, n_boot=20, noise=1.0)
    frame = parts.to_frame()
    assert list(frame["part"]) == ["bias²", "variance", "noise", "error"]
    assert frame["share"].iloc[-1] == 1.0
    assert sum(frame["share"].iloc[:-1]) == pytest.approx(1.0)
    assert "variance 1, as given" in parts.summary()
    ax, _ = drawn(parts.plot)
    assert [bar.get_width() for bar in ax.patches] == list(parts.parts.values())


@pytest.mark.parametrize(("options", "message"), [
    ({"noise": -1.0}, r"noise = -1.0 is outside"),
    ({"noise": "guess"}, r"noise = 'guess' must be a number"),
    ({"noise": "replicates"}, r"no row of X occurs again"),
    ({"noise": 1.0, "truth": np.zeros(120)}, r"leave one of them out"),
    ({"truth": np.zeros(3)}, r"truth has"),
    ({"error": "absolute"}, r"error = 'absolute' must be"),
    ({"error": "zero_one"}, r"is for classes"),
    ({"alpha": "best"}, r"alpha = 'best' must be a number"),
    ({"alpha": -1.0}, r"alpha = -1.0 is outside"),
    ({"n_boot": 1}, r"one bootstrap has no spread"),
    ({"estimator": ElasticNet(), "alpha": 0.1}, r"alpha = 0.1 is of riata's own models"),
    ({"estimator": ElasticNet}, r"must be an instance"),
    ({"estimator": DecisionTreeClassifier(), "error": "squared"}, r"predicts classes"),
])
def test_bad_input_is_named(options, message):
    X, y = rows()
    y = np.sign(y) if isinstance(options.get("estimator"), DecisionTreeClassifier) else y
    with pytest.raises((ValueError, TypeError), match=message):
        diagnose.bias_variance(X, y, **{"n_boot": 5, **options})


@pytest.mark.parametrize(("arguments", "message"), [
    (([[1.0, 2.0]], [1.0, 2.0]), r"2 or more models"),
    (([[1.0], [2.0]], [1.0, 2.0]), r"a column for each value of y"),
    (([[1.0, np.nan], [np.nan, 2.0]], [1.0, 2.0]), r"no row has predictions of two models"),
])
def test_decompose_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        diagnose.decompose(*arguments)


def test_a_noise_far_above_the_error_is_warned_of():
    X, y = rows()
    with pytest.warns(UserWarning, match=r"noise of variance 1e\+09 is above bias² \+ noise together, .* in squared units of y"):
        parts = diagnose.bias_variance(X, y, alpha=0.01, n_boot=10, noise=1e9)
    assert parts.bias < -9e8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diagnose.bias_variance(X, y, alpha=0.01, n_boot=10, noise=1.0)
