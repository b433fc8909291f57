"""fit_path: options reach the engine, results keep their promises. Precision is the business of the law tests."""

import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LinearRegression

import riata


@pytest.fixture
def data():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(60, 8))
    y = X[:, 0] * 3 - X[:, 3] * 2 + rng.normal(size=60) + 5
    return X, y


def soft(c, t):
    return np.sign(c) * np.maximum(np.abs(c) - t, 0)


def test_orthogonal_design_has_the_soft_threshold_in_closed_form():
    n = 8
    X = np.sqrt(n) * np.linalg.qr(np.random.default_rng(0).normal(size=(n, 4)))[0]
    y = np.arange(n) - 2.0
    alphas = np.array([2.0, 0.5, 0.1])
    path = riata.fit_path(X, y, alphas=alphas, l1_ratio=0.7, intercept=False, tol=1e-14)
    c = X.T @ y / n
    expected = soft(c, 0.7 * alphas[:, None]) / (1 + 0.3 * alphas[:, None])
    np.testing.assert_allclose(path.coef, expected, atol=1e-14)
    assert (path.intercept == 0).all()


@pytest.mark.parametrize("l1_ratio", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("intercept", [True, False])
def test_it_agrees_with_scikit_learn_in_its_own_terms(data, l1_ratio, intercept):
    X, y = data
    weights = np.random.default_rng(0).uniform(0.1, 3, 60)
    path = riata.fit_path(X, y, alphas=[0.3, 0.05], l1_ratio=l1_ratio, intercept=intercept, weights=weights, tol=1e-14)
    for i, alpha in enumerate(path.alphas):
        theirs = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, fit_intercept=intercept, tol=1e-14, max_iter=100_000)
        theirs.fit(X, y, sample_weight=weights)
        np.testing.assert_allclose(path.coef[i], theirs.coef_, atol=1e-7)
        np.testing.assert_allclose(path.intercept[i], theirs.intercept_, atol=1e-7)


def test_every_array_has_its_documented_shape_and_type(data):
    path = riata.fit_path(*data, alphas=12)
    for name in ("alphas", "intercept", "gap", "status", "dev_ratio", "df", "n_epochs", "aic", "bic", "ebic"):
        assert getattr(path, name).shape == (12,), name
    assert path.coef.shape == (12, 8)
    assert set(path.status) == {"converged"}
    assert path.status.dtype.kind == "U"
    assert (path.gap <= 1e-6).all()
    assert (np.diff(path.alphas) < 0).all()
    assert path.alphas[-1] == pytest.approx(path.alphas[0] * 1e-3)
    np.testing.assert_allclose(path.coef[0], 0, atol=1e-14)
    assert path.df[0] == 1
    assert (np.diff(path.dev_ratio) >= -1e-9).all()
    assert path.n_samples == 60
    assert path.n_features == 8
    assert path.feature_names is None
    assert isinstance(path.solver, str)
    assert path.n_passes >= 1
    assert path.profile_


def test_deviance_explained_is_r_squared(data):
    X, y = data
    path = riata.fit_path(X, y, alphas=5)
    residual = y[:, None] - path.predict(X)
    np.testing.assert_allclose(path.dev_ratio, 1 - (residual**2).mean(axis=0) / y.var(), atol=1e-10)


def test_unsorted_alphas_come_back_in_the_callers_order(data):
    X, y = data
    given = [0.01, 1.0, 0.1, 0.5, 0.1]
    path = riata.fit_path(X, y, alphas=given)
    order = np.argsort(-np.array(given), kind="stable")
    sorted_path = riata.fit_path(X, y, alphas=np.array(given)[order])
    assert path.alphas.tolist() == given
    for name in ("coef", "intercept", "gap", "status", "dev_ratio", "df", "n_epochs"):
        np.testing.assert_array_equal(getattr(path, name)[order], getattr(sorted_path, name), err_msg=name)


def test_one_alpha_given_as_a_count_is_alpha_max(data):
    path = riata.fit_path(*data, alphas=1)
    np.testing.assert_allclose(path.coef, 0, atol=1e-14)


def test_alpha_min_ratio_sets_the_end_of_the_grid(data):
    path = riata.fit_path(*data, alphas=7, alpha_min_ratio=0.2)
    assert path.alphas[-1] / path.alphas[0] == pytest.approx(0.2)


def test_predictions(data):
    X, y = data
    path = riata.fit_path(X, y, alphas=6)
    expected = X @ path.coef.T + path.intercept
    # two orders of the same sum: terms that cancel leave the rounding of their size
    close = partial(np.testing.assert_allclose, rtol=1e-14, atol=1e-15 * (np.abs(X) @ np.abs(path.coef).T).max())
    close(path.predict(X), expected)
    close(path.predict(X, alpha=path.alphas[4]), expected[:, 4])
    close(path.predict(X, alpha=path.alphas[4] * (1 + 1e-12)), expected[:, 4])
    close(path.predict(sp.csr_array(X)), expected)
    np.testing.assert_allclose(path.predict(X.astype(np.float32)), expected, rtol=1e-5)
    close(path.predict(X, offset=np.arange(60)), expected + np.arange(60)[:, None])


def test_an_alpha_that_was_not_fitted_is_never_interpolated(data):
    X, y = data
    path = riata.fit_path(X, y, alphas=[1.0, 0.5, 0.0])
    assert [path.at(a) for a in path.alphas] == [0, 1, 2]
    with pytest.raises(ValueError, match=r"alpha = 0\.6 was not fitted; the nearest .* is 0\.5.*alphas=\[0\.6\]"):
        path.predict(X, alpha=0.6)
    with pytest.raises(ValueError, match="alpha"):
        path.at(np.nan)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"])
def test_tables_keep_their_names(data, make):
    X, y = data
    names = [f"gene {j}" for j in range(8)]
    table = make({name: X[:, j] for j, name in enumerate(names)})
    path = riata.fit_path(table, y, alphas=5)
    assert path.feature_names == names
    np.testing.assert_array_equal(path.coef, riata.fit_path(np.asfortranarray(X), y, alphas=5).coef)
    np.testing.assert_allclose(path.predict(table), path.predict(X), rtol=1e-14)
    turned = make({name: X[:, 7 - j] for j, name in enumerate(names[::-1])})
    with pytest.raises(ValueError, match="another order"):
        path.predict(turned)
    with pytest.raises(ValueError, match=r"lacks columns .*'gene 3'"):
        path.predict(make({name.replace("gene 3", "gene x"): X[:, 0] for name in names}))
    with pytest.raises(ValueError, match="X has 7 columns; the model was fitted on 8"):
        path.predict(X[:, :7])


@pytest.mark.parametrize("kind", ["fortran", "strided", "read_only", "memmap", "csc", "csr", "int", "bool", "list"])
def test_storages_agree(kind, tmp_path):
    rng = np.random.default_rng(3)
    X = rng.integers(0, 2, size=(40, 5)).astype(float)
    y = X @ np.arange(5.0) + rng.normal(size=40)
    other = {"fortran": np.asfortranarray(X), "strided": np.repeat(X, 2, axis=1)[:, ::2], "read_only": X.copy(),
             "csc": sp.csc_array(X), "csr": sp.csr_matrix(X), "int": X.astype(int), "bool": X.astype(bool),
             "list": X.tolist()}.get(kind)
    if kind == "read_only":
        other.flags.writeable = False
    if kind == "memmap":
        other = np.memmap(tmp_path / "X", dtype=np.float64, mode="w+", shape=X.shape)
        other[:] = X
    options = {"alphas": [0.5, 0.1, 0.01], "l1_ratio": 0.8, "tol": 1e-14}
    np.testing.assert_allclose(riata.fit_path(other, y, **options).coef, riata.fit_path(X, y, **options).coef,
                               atol=1e-10)


def test_float32_is_fitted_as_it_is(data):
    X, y = data
    single = riata.fit_path(X.astype(np.float32), y, alphas=[0.1], tol=1e-10)
    double = riata.fit_path(X.astype(np.float32).astype(np.float64), y, alphas=[0.1], tol=1e-10)
    np.testing.assert_allclose(single.coef, double.coef, atol=2e-6)


def test_the_callers_arrays_are_never_changed(data):
    X, y = data
    inputs = {"X": X, "y": y, "weights": np.linspace(0, 2, 60), "offset": np.linspace(-1, 1, 60),
              "penalty_factor": np.array([0, 1, 2, np.inf, 1, 1, 1, 1.0]), "lower": np.full(8, -0.5),
              "upper": np.full(8, 0.5), "alphas": np.array([0.1, 0.5])}
    before = {name: array.copy() for name, array in inputs.items()}
    riata.fit_path(standardize=True, **inputs)
    for name, array in inputs.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_penalty_factors_and_bounds(data):
    X, y = data
    factors = [0, 1, 1, np.inf, 1, 1, 1, 1]
    path = riata.fit_path(X, y, alphas=[5.0, 0.1], penalty_factor=factors, lower=-0.25, upper=0.25)
    assert (path.coef[:, 3] == 0).all()
    np.testing.assert_allclose(path.coef[:, 0], 0.25, atol=1e-14)       # free, and held at its bound
    assert np.abs(path.coef).max() <= 0.25 + 1e-12
    positive = riata.fit_path(X, y, alphas=[0.1], positive=True)
    assert (positive.coef >= 0).all()
    np.testing.assert_array_equal(positive.coef, riata.fit_path(X, y, alphas=[0.1], lower=np.zeros(8)).coef)


def test_offset_is_a_shifted_target(data):
    X, y = data
    offset = np.sin(np.arange(60))
    with_offset = riata.fit_path(X, y, alphas=[0.3], offset=offset, tol=1e-14)
    shifted = riata.fit_path(X, y - offset, alphas=[0.3], tol=1e-14)
    np.testing.assert_allclose(with_offset.coef, shifted.coef, atol=1e-14)


def test_standardize_is_a_penalty_on_scaled_features(data):
    X, y = data
    X = X * np.arange(1, 9)
    mine = riata.fit_path(X, y, alphas=[0.3], standardize=True, tol=1e-14)
    scaled = riata.fit_path(X / X.std(axis=0), y, alphas=[0.3], tol=1e-14)
    np.testing.assert_allclose(mine.coef, scaled.coef / X.std(axis=0), atol=1e-9)


def test_weight_zero_removes_a_row_and_the_count_of_samples(data):
    X, y = data
    weights = np.ones(60)
    weights[50:] = 0
    path = riata.fit_path(X, y, alphas=[0.2], weights=weights, tol=1e-14)
    alone = riata.fit_path(X[:50], y[:50], alphas=[0.2], tol=1e-14)
    assert path.n_samples == alone.n_samples == 50
    np.testing.assert_allclose(path.coef, alone.coef, atol=1e-10)
    np.testing.assert_allclose(path.bic, alone.bic, rtol=1e-10)


def test_a_path_stopped_early_has_no_coefficients_under_later_alphas(data):
    X, y = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = riata.fit_path(X, y, alphas=50, stop_dev_ratio=0.5)
    skipped = path.status == "skipped"
    assert skipped.any()
    assert not skipped[0]
    assert np.isnan(path.coef[skipped]).all()
    assert np.isnan(path.predict(X)[:, skipped]).all()
    assert np.isfinite(path.predict(X)[:, ~skipped]).all()
    assert path.dev_ratio[~skipped].max() >= 0.5


def test_one_warning_with_counts_when_epochs_run_out(data):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 60)) + rng.normal(size=(30, 1)) * 5
    with pytest.warns(ConvergenceWarning) as caught:
        path = riata.fit_path(X, rng.normal(size=30), alphas=20, tol=1e-15, max_epochs=1)
    count = (path.status == "max_iter").sum()
    assert count > 0
    assert len(caught) == 1
    assert f"{count} max_iter" in str(caught[0].message)
    assert "largest gap" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_alpha_zero_with_more_features_than_rows_is_the_minimum_norm_answer_and_says_so():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(10, 30)), rng.normal(size=10)
    with pytest.warns(ConvergenceWarning, match="1 degenerate") as caught:
        path = riata.fit_path(X, y, alphas=[0.0])
    assert len(caught) == 1
    assert path.status.tolist() == ["degenerate"]
    theirs = LinearRegression().fit(X, y)                               # minimum norm by SVD
    np.testing.assert_allclose(path.coef[0], theirs.coef_, atol=1e-8)


def test_progress_counts_alphas(data):
    seen = []
    riata.fit_path(*data, alphas=30, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (30, 30)
    assert {total for _, total in seen} == {30}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_ctrl_c_keeps_what_is_done(data):
    """Raised from the progress call, as Python raises it from wherever it happens to be."""
    X, y = data

    def interrupt(done, total):
        raise KeyboardInterrupt

    for function, target in ((riata.fit_path, y), (riata.fit_batch, np.c_[y, -y])):
        with pytest.raises(KeyboardInterrupt) as caught:
            function(np.tile(X, (200, 40)), np.tile(target, (200,) + (1,) * (target.ndim - 1)), alphas=100,
                     alpha_min_ratio=1e-6, tol=1e-15, progress=interrupt)
        result = caught.value.result
        skipped = result.status == "skipped"
        assert skipped.any()
        assert np.isnan(result.coef[skipped]).all()
        assert np.isfinite(result.coef[~skipped]).all()


def test_results_do_not_depend_on_the_number_of_threads(data):
    one, two = (riata.fit_path(*data, alphas=20, n_threads=k) for k in (1, 2))
    np.testing.assert_array_equal(one.coef, two.coef)


def test_a_result_survives_pickle(data):
    path = riata.fit_path(*data, alphas=4)
    again = pickle.loads(pickle.dumps(path))
    np.testing.assert_array_equal(again.coef, path.coef)
    assert again.status.tolist() == path.status.tolist()
    assert repr(again) == repr(path)


def test_frame_summary_and_repr(data):
    X, y = data
    names = [f"f{j}" for j in range(8)]
    names[3] = "gap"                                                    # a name that a statistic has too
    path = riata.fit_path(pd.DataFrame(X, columns=names), y, alphas=[1.0, 0.2])
    frame = path.to_frame()
    assert len(frame) == 2
    np.testing.assert_array_equal(frame["gap"], path.gap)
    np.testing.assert_array_equal(frame["coef of gap"], path.coef[:, 3])
    np.testing.assert_array_equal(frame["f0"], path.coef[:, 0])
    never = [name for j, name in enumerate(names) if not path.coef[:, j].any()]
    assert not set(never) & set(frame.columns)
    assert "f0" not in path.to_frame(coef=False)
    assert "2 converged" in repr(path)
    assert len(path.summary().splitlines()) == 4


def test_plot_draws_the_path(data):
    pytest.importorskip("matplotlib").use("Agg")
    axes = riata.fit_path(*data, alphas=10).plot()
    assert axes.lines


def test_no_result_shares_memory_with_the_arguments():
    rng = np.random.default_rng(3)
    X, Y, alphas = rng.normal(size=(30, 4)), rng.normal(size=(30, 2)), np.array([0.5, 0.1])
    weights, ratios = rng.uniform(1, 2, 30), np.array([0.5, 1.0])
    given = [X, Y, alphas, weights, ratios]
    results = [riata.fit_path(X, Y[:, 0], alphas=alphas, weights=weights),
               riata.fit_batch(X, Y, alphas=alphas, weights=weights),
               riata.cross_validate_path(X, Y[:, 0], l1_ratio=ratios, alphas=alphas, weights=weights, cv=3)]
    for result in results:
        arrays = [value for value in vars(result).values() if isinstance(value, np.ndarray)]
        assert len(arrays) > 3
        assert not any(np.shares_memory(array, argument) for array in arrays for argument in given)
