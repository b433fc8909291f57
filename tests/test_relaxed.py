"""Relaxed paths: refits against least squares on each support, mixtures against formulas, dependent supports, storage."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

import riata
from riata_engine.batch import refit_supports


def draw(n, p, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * 10.0 ** rng.uniform(-2, 2, p) + 3
    return X, X[:, :4] @ (np.array([1.0, -1, 0.5, 2]) / X[:, :4].std(axis=0)) + rng.normal(size=n), rng


def least_squares(X, y, support, weights, intercept):
    """(intercept, coefficients) by an orthogonal factorisation of the columns themselves."""
    A = np.column_stack([np.ones(len(y)), X[:, support]]) if intercept else X[:, support]
    root = np.sqrt(weights)
    scale = np.linalg.norm(A * root[:, None], axis=0)
    solution = np.linalg.lstsq(A * root[:, None] / scale, y * root, rcond=None)[0] / scale
    return (solution[0], solution[1:]) if intercept else (0.0, solution)


@pytest.mark.parametrize("shape", [(120, 15), (40, 90)])
@pytest.mark.parametrize("settings", [{}, {"weights": "counts"}, {"intercept": False}, {"offset": "line"}, {"l1_ratio": 0.4}],
                         ids=lambda settings: " ".join(settings) or "plain")
@pytest.mark.parametrize("storage", [np.asarray, np.asfortranarray, sp.csc_array, sp.csr_array])
def test_refits_are_least_squares_on_the_support(shape, settings, storage):
    n, p = shape
    X, y, rng = draw(n, p)
    settings = dict(settings)
    w, o = np.ones(n), np.zeros(n)
    if "weights" in settings:
        settings["weights"] = w = rng.integers(0, 3, n).astype(float)
    if "offset" in settings:
        settings["offset"] = o = np.linspace(-2, 2, n)
    relaxed = riata.relaxed_path(storage(X), y, alphas=25, alpha_min_ratio=0.05, standardize=True, **settings)
    path, refit = relaxed.path, relaxed.refit
    assert (refit.status == "converged").all()
    assert refit.gap.max() < 1e-12
    centre = np.average(y - o, weights=w) if settings.get("intercept", True) else 0.0
    null = np.average((y - o - centre) ** 2, weights=w)
    supports = {tuple(np.flatnonzero(row)) for row in path.coef}
    assert relaxed.n_supports == len(supports)
    for i in range(25):
        support = np.flatnonzero(path.coef[i])
        b0, b = least_squares(X, y - o, support, w, settings.get("intercept", True))
        size = X[:, support].std(axis=0) * np.abs(b).max(initial=1.0)
        np.testing.assert_allclose(refit.coef[i, support] * X[:, support].std(axis=0), b * X[:, support].std(axis=0), rtol=1e-7,
                                   atol=1e-9 * size.max(initial=1.0))
        assert not np.delete(refit.coef[i], support).any()
        assert refit.intercept[i] == pytest.approx(b0, rel=1e-6, abs=1e-7)
        error = y - o - b0 - X[:, support] @ b
        assert refit.dev_ratio[i] == pytest.approx(1 - np.average(error**2, weights=w) / null, abs=1e-9)
        assert refit.df[i] == len(support) + settings.get("intercept", True)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0])
def test_mixtures(gamma):
    X, y, _ = draw(80, 12)
    w = np.linspace(0.5, 2, 80)
    relaxed = riata.relaxed_path(X, y, weights=w, alphas=20, standardize=True)
    mixed = relaxed.mixed(gamma)
    np.testing.assert_allclose(mixed.coef, (1 - gamma) * relaxed.refit.coef + gamma * relaxed.path.coef, rtol=1e-12)
    np.testing.assert_allclose(relaxed.coef(gamma), mixed.coef)
    error = y[:, None] - relaxed.predict(X, gamma=gamma)
    np.testing.assert_allclose(mixed.dev_ratio, 1 - np.average(error**2, axis=0, weights=w) / mixed.null_deviance, atol=1e-10)
    assert (mixed.status == "converged").all()
    assert np.isfinite(mixed.bic).all()
    assert len(relaxed.to_frame(gamma=gamma)) == 20


def test_the_refit_finds_the_truth_that_the_lasso_shrinks():
    X, y, _ = draw(400, 30, seed=4)
    relaxed = riata.relaxed_path(X, y, standardize=True)
    truth = np.zeros(30)
    truth[:4] = np.array([1.0, -1, 0.5, 2]) / X[:, :4].std(axis=0)
    scale = X.std(axis=0)

    def distance(path):
        return np.linalg.norm((path.coef[np.nanargmin(path.bic)] - truth) * scale)

    assert distance(relaxed.refit) < 0.8 * distance(relaxed.path)


def test_dependent_supports_have_the_shortest_solution():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 5))
    X[:, 3] = X[:, 0] + X[:, 1]
    X[:, 4] = 1.0
    y = X[:, 0] + rng.normal(size=40)
    supports = [np.array([0, 1, 3]), np.array([0, 1]), np.array([], int), np.array([2, 4]), np.array([0, 2, 3])]
    fits = refit_supports(X, y, supports)
    names = np.array(["converged", "max_iter", "time_budget", "not_finite", "degenerate"])[fits.status]
    assert names.tolist() == ["degenerate", "converged", "converged", "degenerate", "converged"]
    centred = X - X.mean(axis=0)
    centred[:, 4] = 0.0
    for coef, support in zip(fits.coef, supports, strict=True):
        expected = np.zeros(5)
        expected[support] = np.linalg.pinv(centred[:, support], rcond=1e-10) @ (y - y.mean())
        np.testing.assert_allclose(coef, expected[fits.columns], atol=1e-10)
    assert fits.rank.tolist() == [2, 2, 0, 1, 3]
    assert fits.dev_ratio[2] == 0.0


def test_float32_and_nearly_dependent_columns():
    X, y, rng = draw(200, 10)
    relaxed = riata.relaxed_path(X.astype(np.float32), y, alphas=10, standardize=True)
    np.testing.assert_allclose(relaxed.refit.predict(X), riata.relaxed_path(X, y, alphas=10, standardize=True).refit.predict(X),
                               atol=1e-3)
    Z = rng.normal(size=(200, 2))
    Z = np.column_stack([Z, Z[:, 0] + 1e-5 * rng.normal(size=200)])
    fits = refit_supports(Z, y, [np.arange(3)])
    b0, b = least_squares(Z, y, np.arange(3), np.ones(200), True)
    np.testing.assert_allclose(fits.coef[0], b, rtol=1e-6)
    assert fits.gap[0] < 1e-20
    assert fits.intercept[0] == pytest.approx(b0)


def test_alphas_that_were_not_fitted_stay_so():
    X, y, _ = draw(60, 10)
    relaxed = riata.relaxed_path(X, y, stop_dev_ratio=0.5, standardize=True)
    skipped = relaxed.path.status == "skipped"
    assert skipped.any()
    assert (relaxed.refit.status[skipped] == "skipped").all()
    for gamma in (0, 0.5):
        mixed = relaxed.mixed(gamma)
        assert np.isnan(mixed.coef[skipped]).all()
        assert np.isnan(mixed.dev_ratio[skipped]).all()
        assert np.isfinite(mixed.coef[~skipped]).all()


def test_a_dependent_support_warns_once():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    X = np.column_stack([X, X[:, 0] + X[:, 1]])
    with pytest.warns(ConvergenceWarning, match="degenerate") as caught:
        riata.relaxed_path(X, rng.normal(size=30), l1_ratio=0.01, alphas=[1e-3])
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_text_plot_and_saving(tmp_path):
    X, y, _ = draw(60, 10)
    relaxed = riata.relaxed_path(X, y, alphas=15, standardize=True)
    assert "supports of 15 alphas refitted" in repr(relaxed)
    assert "penalised" in relaxed.summary()
    riata.save_model(relaxed.mixed(0.5), tmp_path / "m.json", alpha=relaxed.alphas[7])
    np.testing.assert_array_equal(riata.load_model(tmp_path / "m.json").coef, relaxed.coef(0.5)[7])
    pytest.importorskip("matplotlib")
    assert relaxed.plot(gamma=0.5).get_title(loc="left") == "Relaxed path, gamma = 0.5"


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda X, y: riata.relaxed_path(X, y, alphas=3).mixed(1.5), ValueError, r"gamma = 1\.5 is outside \[0, 1\]"),
    (lambda X, y: riata.relaxed_path(X, y, lower=0), TypeError, "unexpected keyword argument 'lower'"),
    (lambda X, y: riata.relaxed_path(X, y[:-1]), ValueError, "29 rows and X has 30"),
])
def test_bad_arguments(call, error, message):
    rng = np.random.default_rng(0)
    with pytest.raises(error, match=message):
        call(rng.normal(size=(30, 3)), rng.normal(size=30))
