"""Calibrated probabilities: the maps against slow referees, cross-fitted scores, and the reliability curve."""

import pickle

import matplotlib
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

import riata
from cross_validated import diabetes_cv
from drawn import drawn, overlapping
from riata import plots

matplotlib.use("Agg")


def data(seed=0, n=400):
    """Two classes whose probability is not logistic in the features, so that a calibration has something to do."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    p = np.clip(0.5 + 0.6 * np.tanh(2 * X[:, 0] + X[:, 1]) ** 3, 0.02, 0.98)
    return X, np.where(rng.uniform(size=n) < p, "yes", "no"), rng.uniform(0.5, 2, n)


def crossed(weights=None, **options):
    X, y, _ = data()
    return riata.cross_validate_path(X, y, loss="logistic", alphas=12, cv=5, weights=weights, **options)


def platt(eta, y, w):
    """(a, b) by a general minimiser of the log-loss with Platt's targets."""
    w = w / w.mean()
    ones, zeros = w[y == 1].sum(), w[y == 0].sum()
    t = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))

    def loss(theta):
        f = theta[0] + theta[1] * eta
        return np.sum(w * (np.logaddexp(0, f) - t * f))

    return minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-8}).x


@pytest.mark.parametrize("weighted", [False, True])
def test_sigmoid_is_platts(weighted):
    w = data()[2] if weighted else None
    cv = crossed(w)
    made = cv.calibrate("sigmoid").calibration
    np.testing.assert_allclose(made.values, platt(cv.out_of_fold.link["min"], cv.out_of_fold.y, np.ones(400) if w is None else w),
                               rtol=1e-5, atol=1e-6)


def test_only_the_proportions_of_weights_matter():
    plain = crossed().calibrate().calibration
    for constant in (1 / 400, 100.0):
        scaled = crossed(np.full(400, constant)).calibrate().calibration
        np.testing.assert_allclose(scaled.values, plain.values, rtol=1e-6)
        assert scaled.brier_after == pytest.approx(plain.brier_after, rel=1e-6)


def test_a_shrunken_model_gains():
    X, y, w = data()
    cv = riata.cross_validate_path(X, y, loss="logistic", alphas=[0.3], l1_ratio=0.0, cv=5, weights=w)
    for method in ("sigmoid", "isotonic"):
        inside = cv.calibrate(method).calibration
        assert inside.brier_after < 0.9 * inside.brier_before


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("rule", ["min", "1se"])
def test_calibrated_predictions_are_cross_fitted_and_rise(method, rule):
    X, y, w = data()
    cv = crossed(w)
    made = cv.calibrate(method, rule)
    inside = made.calibration
    codes = (y == "yes").astype(float)
    eta = cv.out_of_fold.link[rule]
    for test in cv.folds:
        others = np.setdiff1d(np.arange(400), test)
        if method == "sigmoid":
            a, b = platt(eta[others], codes[others], w[others])
            expected = 1 / (1 + np.exp(-a - b * eta[test]))
        else:
            fit = IsotonicRegression(out_of_bounds="clip").fit(eta[others], codes[others], w[others])
            expected = fit.predict(eta[test])
        np.testing.assert_allclose(inside.after[test], expected, atol=1e-5)
    assert inside.brier_after == pytest.approx(np.average((codes - inside.after) ** 2, weights=w))
    assert inside.brier_before == pytest.approx(np.average((codes - 1 / (1 + np.exp(-eta))) ** 2, weights=w))
    link, calibrated = (made.predict(X, rule, kind=kind) for kind in ("link", "calibrated"))
    assert (np.diff(calibrated[np.argsort(link)]) >= -1e-12).all()
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    np.testing.assert_array_equal(calibrated, inside.probability(link))
    assert cv.calibration is None                      # what was given is not changed
    copy = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(copy.predict(X, rule, kind="calibrated"), calibrated)


def test_out_of_fold_links_are_those_of_both_rules():
    X, y, _ = data()
    cv = crossed()
    for rule in ("min", "1se"):
        r, i = cv.index(rule)
        for test in cv.folds:
            train = np.setdiff1d(np.arange(400), test)
            fit = riata.fit_path(X[train], y[train], loss="logistic", alphas=cv.alphas[r])
            np.testing.assert_allclose(cv.out_of_fold.link[rule][test], fit.predict(X[test], kind="link")[:, i], atol=2e-3)
    np.testing.assert_allclose(cv.oof_prediction, 1 / (1 + np.exp(-cv.out_of_fold.link["min"])))


def test_constant_predictors_are_calibrated_to_the_share():
    X, y, _ = data()
    cv = riata.cross_validate_path(X, y, loss="logistic", alphas=[10.0], cv=[(np.arange(200), np.arange(200, 400)),
                                                                              (np.arange(200, 400), np.arange(200))])
    made = cv.calibrate()
    assert np.isfinite(made.calibration.after).all()
    assert made.predict(X, kind="calibrated") == pytest.approx(np.full(400, (y == "yes").mean()), abs=0.02)


@pytest.mark.parametrize("options", [{"n_repeats": 2}, {"stratify": False}])
def test_repeats_and_other_folds(options):
    made = crossed(**options).calibrate("isotonic")
    assert len(made.calibration.rows) == 400
    assert 0 < made.calibration.brier_after < 0.3


def test_what_cannot_be_calibrated():
    cv = crossed()
    X = data()[0]
    with pytest.raises(ValueError, match="kind = 'calibrated' needs a calibration"):
        cv.predict(X, kind="calibrated")
    with pytest.raises(ValueError, match="rule = '1se'"):
        cv.calibrate().predict(X, rule="1se", kind="calibrated")
    with pytest.raises(ValueError, match="method = 'platt'"):
        cv.calibrate("platt")
    with pytest.raises(ValueError, match="rule = 'best'"):
        cv.calibrate(rule="best")
    with pytest.raises(ValueError, match="two classes"):
        diabetes_cv()[2].calibrate()
    with pytest.raises(ValueError, match="calibration"):
        plots.plot_calibration(cv)
    X, y, _ = data()
    one = riata.cross_validate_path(X, y, loss="logistic", alphas=[0.1], cv=[(np.arange(300), np.arange(300, 400))])
    with pytest.raises(ValueError, match="at least two folds"):
        one.calibrate()


def test_reliability_curve_and_its_plot():
    made = crossed(data()[2]).calibrate("isotonic")
    before, after = made.calibration.reliability(8)
    for probability, share in (before, after):
        assert len(probability) <= 8
        assert ((share >= 0) & (share <= 1)).all()
        assert (np.diff(probability) > 0).all()
    inside = made.calibration
    order = np.argsort(inside.before, kind="stable")
    at = (np.cumsum(inside.weights[order]) - inside.weights[order] / 2) / inside.weights.sum()
    first = order[at * 8 < 1]
    assert before[0][0] == pytest.approx(np.average(inside.before[first], weights=inside.weights[first]))
    assert before[1][0] == pytest.approx(np.average(inside.y[first], weights=inside.weights[first]))
    ax, pixels = drawn(plots.plot_calibration, made, n_bins=8)
    assert len(np.unique(pixels, axis=0)) > 20
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [f"as fitted: Brier score {inside.brier_before:.4g}", f"isotonic: Brier score {inside.brier_after:.4g}"]
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), before[1])
    assert overlapping(ax.texts) == []
    with pytest.raises(ValueError, match="n_bins = 0"):
        inside.reliability(0)


@pytest.mark.parametrize("scoring", ["auc", "log_loss", "accuracy"])
def test_plots_follow_the_measure(scoring):
    X, y, _ = data()
    cv = riata.cross_validate_path(X, y, loss="logistic", l1_ratio=[0.2, 1.0], alphas=15, cv=5, scoring=scoring)
    ax, _ = drawn(plots.plot_cv, cv)
    assert ax.get_ylabel().startswith(f"held-out {cv.score_label}")
    best, i = cv.index_min
    bars = next(c for c in ax.containers if hasattr(c, "has_yerr"))
    np.testing.assert_array_equal(bars.lines[0].get_ydata(), cv.score_mean[best])
    band = next(patch for patch in ax.patches).get_extents().transformed(ax.transData.inverted())
    edges = sorted([cv.score_mean[best, i], cv.score_mean[best, i] + (-1 if cv.greater_is_better else 1) * cv.score_se[best, i]])
    np.testing.assert_allclose([band.y0, band.y1], edges)
    texts = " ".join(text.get_text() for text in ax.get_legend().get_texts())
    assert ("maximum to" in texts) == cv.greater_is_better
    ax, _ = drawn(plots.plot_heatmap, cv)
    bar = next(other for other in ax.figure.axes if other.get_ylabel() == f"held-out {cv.score_label}")
    ticks = [float(tick.get_text().replace("−", "-")) for tick in bar.get_yticklabels()]
    assert max(ticks) > 0
