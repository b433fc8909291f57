"""Bootstraps of a path: against loops over fits, SciPy's BCa, formulas by hand; bits for threads and chunks; bad input."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats
from sklearn.exceptions import ConvergenceWarning

import riata
from problems import settings_for
from riata.chunks import ALIGNED
from riata.intervals import acceleration, bca_interval, percentile_interval, share_interval


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 8)) * rng.uniform(0.5, 2, 8)
    return X, X[:, :3] @ [1.0, -0.7, 0.3] + rng.normal(size=60)


ALPHAS = [0.5, 0.1, 0.02]


@pytest.fixture(scope="module")
def boot(data):
    return riata.bootstrap_path(*data, n_boot=150, alphas=ALPHAS, choose="all", tol=1e-10, seed=7)


def draws_one_by_one(X, y, boot, weights=None, **settings):
    """(B, L, p) coefficients and (B, L) intercepts of each draw, fitted on repeated rows or by weights in its own call."""
    counts = boot.plan.weights()
    paths = [riata.fit_path(X, y, alphas=ALPHAS, weights=c if weights is None else c * weights, tol=1e-10, **settings)
             for c in counts.T.astype(float)]
    return np.stack([path.coef for path in paths]), np.stack([path.intercept for path in paths]), paths


# ---- draws ----

def test_draws_are_the_fits_on_repeated_rows(data, boot):
    X, y = data
    for b in (0, 77, 149):
        rows = boot.plan[b]
        path = riata.fit_path(X[rows], y[rows], alphas=ALPHAS, tol=1e-10)
        np.testing.assert_allclose(boot.draws[b], path.coef, atol=1e-6)
        np.testing.assert_allclose(boot.intercept_draws[b], path.intercept, atol=1e-6)


def test_selection_frequency_is_a_count(data, boot):
    coef, _, _ = draws_one_by_one(*data, boot)
    np.testing.assert_array_equal(boot.selection_frequency, (coef != 0).mean(axis=0))
    low, high = boot.selection_interval(0.9)
    assert (low <= boot.selection_frequency + 1e-15).all()
    assert (boot.selection_frequency <= high + 1e-15).all()
    exact = stats.binomtest(30, 150).proportion_ci(0.9, method="wilson")
    np.testing.assert_allclose(share_interval(np.array(0.2), 150, 0.9), [exact.low, exact.high])


@pytest.mark.parametrize("name", ["plain", "weights", "offset", "standardize", "no intercept", "positive", "mixed order"])
def test_performance_by_hand(data, name):
    X, y = data
    rng = np.random.default_rng(5)
    settings = {} if name == "mixed order" else settings_for(name, rng, *X.shape)
    weights = settings.pop("weights", None)
    boot = riata.bootstrap_path(X, y, n_boot=40, alphas=[0.02, 0.5, 0.1] if name == "mixed order" else ALPHAS, choose="all",
                                jackknife=0, tol=1e-10, weights=weights, **settings)
    at = np.argsort(-boot.alphas)
    coef, intercept, paths = draws_one_by_one(X, y, boot, weights, **settings)
    w = np.ones(60) if weights is None else weights
    offset = settings.get("offset", np.zeros(60))
    error = (y - offset - intercept[:, :, None] - coef @ X.T) ** 2                          # (B, L, n)
    on_all = (error * w).sum(axis=2) / w.sum()
    own_r2 = np.stack([path.dev_ratio for path in paths])
    null = np.array([path.null_deviance for path in paths])[:, None]
    full = riata.fit_path(X, y, alphas=ALPHAS, weights=weights, tol=1e-10, **settings)
    apparent = (1 - full.dev_ratio) * full.null_deviance
    np.testing.assert_allclose(boot.deviance_apparent[at], apparent, rtol=1e-8)
    np.testing.assert_allclose(boot.optimism_deviance[at], (on_all - (1 - own_r2) * null).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(boot.r2_corrected[at], full.dev_ratio - (own_r2 - 1 + on_all / full.null_deviance).mean(axis=0),
                               rtol=1e-5)
    unseen = (boot.plan.weights() == 0).T[:, None]
    rows = (error * unseen).sum(axis=0) / unseen.sum(axis=0)
    out_of_bag = (rows * w).sum(axis=1) / w.sum()
    np.testing.assert_allclose(boot.deviance_632[at], 0.368 * apparent + 0.632 * out_of_bag, rtol=1e-6)
    np.testing.assert_allclose(boot.deviance_corrected, boot.deviance_apparent + boot.optimism_deviance)


def test_optimism_sees_the_overfit():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 20)), rng.normal(size=80)
    fresh_X, fresh_y = rng.normal(size=(4000, 20)), rng.normal(size=4000)
    boot = riata.bootstrap_path(X, y, n_boot=300, alphas=[0.01], choose=0.01, jackknife=0)
    error = np.mean((fresh_y - boot.path.predict(fresh_X)[:, 0]) ** 2)
    assert boot.r2_apparent[0] > 0.15
    assert abs(boot.deviance_corrected[0] - error) < 0.6 * abs(boot.deviance_apparent[0] - error)


# ---- intervals ----

def test_percentile_intervals_are_quantiles(data, boot):
    coef, _, _ = draws_one_by_one(*data, boot)
    expected = np.quantile(coef[:, 1], [0.1, 0.9], axis=0)
    np.testing.assert_allclose(boot.interval(0.8, "percentile", alpha=0.1), expected, atol=1e-6)


@pytest.mark.parametrize("statistic", ["mean", "median", "maximum"])
def test_bca_is_that_of_scipy(statistic):
    rng = np.random.default_rng(1)
    sample = rng.exponential(size=40)
    f = {"mean": np.mean, "median": np.median, "maximum": np.max}[statistic]
    result = stats.bootstrap((sample,), f, n_resamples=999, method="BCa", confidence_level=0.9, rng=rng)
    draws = result.bootstrap_distribution
    jackknife = np.array([f(np.delete(sample, i)) for i in range(40)])
    low, high = bca_interval(draws[:, None], np.array([f(sample)]), acceleration(jackknife[:, None]), 0.9)
    np.testing.assert_allclose([low[0], high[0]], result.confidence_interval, rtol=1e-12)


def test_bca_of_a_path_is_that_of_scipy(data, boot):
    """The same draws handed to scipy.stats.bootstrap, whose jackknife refits each path without a row."""
    X, y = data

    def coefficient(rows, j=0, alpha=0.1):
        return riata.fit_path(X[rows], y[rows], alphas=[alpha], tol=1e-13).coef[0, j]

    class Drawn:
        bootstrap_distribution = boot.coef_draws(0.1)[:, 0]

    with np.errstate(all="ignore"):
        result = stats.bootstrap((np.arange(60),), lambda rows: coefficient(rows), n_resamples=0, vectorized=False,
                                 bootstrap_result=Drawn(), method="BCa", confidence_level=0.9)
    np.testing.assert_allclose(boot.interval(0.9, "bca", alpha=0.1)[:, 0], result.confidence_interval, rtol=1e-6)


def test_ties_count_half_and_ends_stay_finite():
    draws = np.r_[np.zeros(60), np.linspace(0.1, 4, 40)][:, None]
    none = np.zeros(1)
    low, high = bca_interval(draws, none, none, 0.9)                  # 60 of 100 are equal: a share of 0.3 lies below
    bias = stats.norm.ppf(0.3)
    expected = np.quantile(draws, stats.norm.cdf(2 * bias + stats.norm.ppf([0.05, 0.95])))
    np.testing.assert_allclose([low[0], high[0]], expected)
    np.testing.assert_array_equal(bca_interval(np.zeros((50, 1)), none, none, 0.9), np.zeros((2, 1)))
    for estimate in (-1.0, 5.0):                                      # beyond all draws
        ends = bca_interval(draws, np.array([estimate]), none, 0.9)
        assert np.isfinite(ends).all()
    assert np.isnan(bca_interval(draws, none, np.array([np.nan]), 0.9)).all()
    assert np.isnan(percentile_interval(np.empty((0, 2)), 0.9)).all()


def test_acceleration_of_blocks_estimates_that_of_rows():
    rng = np.random.default_rng(0)
    sample = rng.exponential(size=4000)
    rows = (sample.sum() - sample) / 3999
    blocks = np.array([np.delete(sample, slice(40 * k, 40 * k + 40)).mean() for k in range(100)])
    exact = 2 / (6 * np.sqrt(4000))
    assert acceleration(rows) == pytest.approx(exact, rel=0.2)
    assert acceleration(blocks) == pytest.approx(exact, abs=3 / (6 * 100))
    assert acceleration(np.full((9, 1), 0.1)) == 0.0


def test_the_jackknife_leaves_out_blocks_where_it_is_asked_to(data):
    X, y = data
    whole = riata.bootstrap_path(X, y, n_boot=40, alphas=[0.05], choose=0.05)
    twelve = riata.bootstrap_path(X, y, n_boot=40, alphas=[0.05], choose=0.05, jackknife=12)
    assert np.abs(whole.acceleration).max() <= 1 / 6 + 1e-12
    assert (whole.acceleration != twelve.acceleration).any()
    none = riata.bootstrap_path(X, y, n_boot=40, alphas=[0.05], choose=0.05, jackknife=0)
    with pytest.raises(ValueError, match=r"jackknife=0.*method='percentile'"):
        none.interval()


# ---- choice of alpha, groups, plans ----

def test_choices(data):
    X, y = data
    cv = riata.cross_validate_path(X, y, alphas=20, cv=5)
    options = {"n_boot": 33, "alphas": 20, "cv": 5, "jackknife": 0}
    for rule, alpha in (("min", cv.alpha_min), ("1se", cv.alpha_1se)):
        boot = riata.bootstrap_path(X, y, choose=rule, **options)
        assert boot.alphas.tolist() == [alpha]
        assert boot.cv.alpha_min == cv.alpha_min
    path = riata.fit_path(X, y, alphas=20)
    for name in ("aic", "bic", "ebic"):
        boot = riata.bootstrap_path(X, y, choose=name, **options)
        assert boot.kept[0] == np.nanargmin(getattr(path, name))
        assert boot.cv is None
    every = riata.bootstrap_path(X, y, choose="all", **options)
    np.testing.assert_array_equal(every.draws[:, boot.kept[0]], boot.draws[:, 0])
    np.testing.assert_array_equal(every.selection_frequency, boot.selection_frequency)


def test_groups_are_drawn_together(data):
    X, y = data
    groups = np.arange(60) // 4
    boot = riata.bootstrap_path(X, y, n_boot=20, alphas=[0.1], choose=0.1, groups=groups)
    assert boot.plan.n_samples == 15
    counts = boot.plan.weights()[:, 3][groups].astype(float)
    path = riata.fit_path(X, y, weights=counts, alphas=[0.1])
    np.testing.assert_allclose(boot.draws[3, 0], path.coef[0], atol=1e-3)
    assert boot.acceleration is not None


def test_rows_without_weight_are_not_drawn(data):
    X, y = data
    weights = np.r_[np.zeros(10), np.ones(50)]
    some = riata.bootstrap_path(X, y, n_boot=50, alphas=[0.1], choose=0.1, weights=weights, tol=1e-12)
    fewer = riata.bootstrap_path(X[10:], y[10:], n_boot=50, alphas=[0.1], choose=0.1, tol=1e-12)
    np.testing.assert_allclose(some.draws, fewer.draws, atol=1e-7)
    np.testing.assert_allclose(some.acceleration, fewer.acceleration, atol=1e-5)
    np.testing.assert_allclose(some.deviance_632, fewer.deviance_632)


def test_a_plan_of_ones_own(data):
    X, y = data
    plan = riata.resampling.half_samples(60, 25, seed=4)
    boot = riata.bootstrap_path(X, y, n_boot=plan, alphas=[0.1], choose=0.1, jackknife=0)
    assert len(boot) == 25
    assert boot.plan == plan
    with pytest.raises(ValueError, match=r"n_boot = .* must be an int, or a plan that draws from 60 rows"):
        riata.bootstrap_path(X, y, n_boot=riata.resampling.bootstrap(59, 10))


# ---- bits, storage, stops ----

def same(first, second):
    for name in ("intercept_draws", "selection_frequency", "status", "gap", "optimism_deviance", "optimism_r2",
                 "deviance_out_of_bag", "acceleration", "draws"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


@pytest.mark.parametrize("choose", [0.1, "all"])
def test_bits_do_not_depend_on_threads_and_chunks(data, choose):
    options = {"n_boot": 5 * ALIGNED + 7, "alphas": ALPHAS, "choose": choose, "tol": 1e-9}
    first = riata.bootstrap_path(*data, n_threads=1, **options)
    same(first, riata.bootstrap_path(*data, n_threads=2, **options))
    same(first, riata.bootstrap_path(*data, max_memory=1.0, **options))
    same(first, riata.bootstrap_path(*data, max_memory=1e6, **options))


def test_more_bootstraps_begin_with_the_same(data):
    few, many = (riata.bootstrap_path(*data, n_boot=b, alphas=[0.1], choose=0.1, jackknife=0) for b in (20, 50))
    np.testing.assert_array_equal(few.draws, many.draws[:20])


def test_sparse_and_float32_and_sparse_draws(data, monkeypatch):
    X, y = data
    options = {"n_boot": 40, "alphas": ALPHAS, "choose": "all", "tol": 1e-10}
    dense = riata.bootstrap_path(X, y, **options)
    columns = riata.bootstrap_path(sp.csc_array(X), y, **options)
    np.testing.assert_allclose(dense.draws, columns.draws, atol=1e-6)
    np.testing.assert_allclose(dense.deviance_632, columns.deviance_632, rtol=1e-6)
    single = riata.bootstrap_path(X.astype(np.float32), y, **options)
    np.testing.assert_allclose(dense.draws, single.draws, atol=1e-4)
    monkeypatch.setattr("riata.bootstrap_draws.SPARSE_PATH", 0)
    monkeypatch.setattr("riata.bootstrap_draws.SPARSE_DRAWS", 0)
    thin = riata.bootstrap_path(X, y, **options)
    assert sp.issparse(thin.draws)
    np.testing.assert_array_equal(thin.selection_frequency, dense.selection_frequency)
    for alpha in ALPHAS:
        np.testing.assert_allclose(thin.coef_draws(alpha), dense.coef_draws(alpha), atol=1e-7)
        np.testing.assert_allclose(thin.interval(alpha=alpha), dense.interval(alpha=alpha), atol=1e-7)
    np.testing.assert_allclose(thin.deviance_632, dense.deviance_632)


def test_wide_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 200))
    y = X[:, 0] * 3 + rng.normal(size=30)
    boot = riata.bootstrap_path(X, y, n_boot=40, alphas=[1.0, 0.3], choose=0.3)
    one_by_one = [riata.fit_path(X, y, alphas=[1.0, 0.3], weights=w).coef != 0 for w in boot.plan.weights().T.astype(float)]
    np.testing.assert_array_equal(boot.selection_frequency, np.mean(one_by_one, axis=0))
    assert (boot.status == "converged").all()
    low, high = boot.interval()
    assert 0 < low[0] < high[0]


def test_a_budget_leaves_the_rest_undone(data):
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        boot = riata.bootstrap_path(*data, n_boot=200_000, alphas=[0.1, 0.05], choose=0.1, jackknife=0, time_budget=0.6,
                                    max_memory=1.0)
    done = np.isfinite(boot.intercept_draws[:, 0]).sum()
    assert 0 < done < 200_000
    assert np.isfinite(boot.interval(method="percentile")).all()
    assert len(boot.coef_draws()) == done
    assert 0 <= np.nanmin(boot.selection_frequency) <= np.nanmax(boot.selection_frequency) <= 1


def test_ctrl_c_keeps_what_is_done(data):
    def progress(done, total):
        if done > total / 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        riata.bootstrap_path(*data, n_boot=3000, alphas=[0.1], choose=0.1, max_memory=1.0, progress=progress)
    boot = stopped.value.result
    done = np.isfinite(boot.intercept_draws[:, 0]).sum()
    assert 0 < done < 3000
    assert np.isfinite(boot.interval(method="percentile")).all()
    assert boot.acceleration is None
    with pytest.warns(UserWarning, match=r"the jackknife was cut off .* percentile intervals"):
        np.testing.assert_array_equal(boot.interval(), boot.interval(method="percentile"))


@pytest.mark.parametrize("within", [False, True], ids=["before the jackknife", "within it"])
def test_a_jackknife_that_the_budget_cuts_off_leaves_percentile_intervals(data, monkeypatch, within):
    from riata.chunks import Sequence

    whole, calls = Sequence.solve, []

    def solve(self, batch):
        calls.append(batch)
        if batch.held_out is not None and within:
            self.deadline = -1.0                                 # the engine finds its time spent
        solution = whole(self, batch)
        if not within:
            self.deadline = -1.0
        return solution

    monkeypatch.setattr(Sequence, "solve", solve)
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        boot = riata.bootstrap_path(*data, n_boot=40, alphas=[0.1], choose=0.1, time_budget=60.0)
    assert len(calls) == 1 + within
    assert (boot.jackknife, boot.method, boot.acceleration) == ("cut_off", "percentile", None)
    percentile = boot.interval(method="percentile")
    assert np.isfinite(percentile).all()
    with pytest.warns(UserWarning, match=r"the jackknife was cut off .* percentile intervals"):
        np.testing.assert_array_equal(boot.interval(), percentile)
    with pytest.raises(ValueError, match=r"'bca' cannot be had, the jackknife was cut off .*larger time_budget"):
        boot.interval(method="bca")
    text = boot.summary()
    assert "95 % percentile interval" in text
    assert text.endswith("the jackknife was cut off by the time budget or by Ctrl-C: percentile intervals")
    assert "nan" not in text
    assert np.isfinite(boot.to_frame()["low"]).all()


def test_progress_counts_everything(data):
    seen = []
    riata.bootstrap_path(*data, n_boot=70, alphas=ALPHAS, choose=0.1, max_memory=1.0, progress=lambda *at: seen.append(at))
    assert seen[-1] == (70 * 3 + 60, 70 * 3 + 60)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


# ---- tables, text, plot ----

def test_table_text_and_plot(data, boot):
    frame = boot.to_frame(level=0.9)
    assert list(frame.columns) == ["alpha", "feature", "coef", "mean", "se", "low", "high", "selected"]
    assert set(frame["alpha"]) == set(boot.alphas)
    row = frame[(frame["alpha"] == 0.1) & (frame["feature"] == "x0")].iloc[0]
    np.testing.assert_allclose([row["low"], row["high"]], boot.interval(0.9, alpha=0.1)[:, 0])
    np.testing.assert_allclose(row["se"], boot.coef_draws(0.1)[:, 0].std(ddof=1))
    assert "corrected for optimism" in boot.summary()
    assert "150 bootstraps of 3 alphas" in repr(boot)
    pytest.importorskip("matplotlib")
    ax = boot.plot(alpha=0.02)
    assert ax.get_title(loc="left") == "150 bootstraps at alpha 0.02"


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"n_boot": 0}, ValueError, "n_boot = 0 must be an int from 1"),
    ({"n_boot": 2.5}, TypeError, r"n_boot = 2\.5 must be an int"),
    ({"choose": "cv"}, ValueError, "choose = 'cv' must be one of 'min', '1se'"),
    ({"choose": True}, ValueError, "choose = True must be one of"),
    ({"choose": 0.2, "alphas": [0.1]}, ValueError, r"alpha = 0\.2 was not fitted.*alphas=\[0\.2\]"),
    ({"jackknife": 1}, ValueError, "jackknife = 1 must be 0, or a number of blocks from 3 to 60"),
    ({"jackknife": "all"}, TypeError, "jackknife = 'all' must be an int"),
    ({"seed": -1}, ValueError, r"seed = -1 must be an int from 0 to 2\*\*64 - 1"),
    ({"max_memory": 0}, ValueError, "max_memory = 0 is outside"),
    ({"groups": np.arange(59)}, ValueError, "groups has shape"),
    ({"random_state": 3}, TypeError, "it is called seed here"),
])
def test_bad_arguments(data, options, error, message):
    with pytest.raises(error, match=message):
        riata.bootstrap_path(*data, **options)


def test_bad_questions(boot):
    with pytest.raises(ValueError, match=r"level = 1\.5 is outside"):
        boot.interval(1.5, alpha=0.1)
    with pytest.raises(ValueError, match="3 alphas are kept: name one"):
        boot.interval()
    with pytest.raises(ValueError, match="method = 'basic' must be"):
        boot.interval(method="basic", alpha=0.1)


def test_an_alpha_that_was_not_kept(data):
    boot = riata.bootstrap_path(*data, n_boot=5, alphas=ALPHAS, choose=0.1, jackknife=0)
    with pytest.raises(ValueError, match=r"alpha = 0\.5 is on the path, but its coefficients were not kept; kept: 0\.1"):
        boot.coef_draws(0.5)
