"""Plots: what they show, and that nothing in them overlaps."""
import warnings
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from sklearn.exceptions import ConvergenceWarning

import riata
from cross_validated import diabetes_cv
from drawn import drawn, overlapping
from riata import plots
from riata.label_placement import spread

matplotlib.use("Agg")


heights = st.lists(st.floats(0, 1), min_size=1, max_size=15)


@given(heights, st.floats(0.001, 0.06))
def test_labels_are_spread_as_little_as_needed(start, gap):
    placed = spread(start, gap, 0.0, 1.0)
    order = np.argsort(start, kind="stable")
    assert placed.min() >= -1e-12
    assert placed.max() <= 1 + 1e-12
    assert (np.diff(placed[order]) >= gap - 1e-12).all()
    if len(start) == 1 or np.diff(np.sort(start)).min() >= gap:
        np.testing.assert_allclose(placed, start, atol=1e-12)


def test_spread_gives_up_distance_where_there_is_no_room():
    placed = spread(np.full(11, 0.5), 0.5, 0.0, 1.0)
    np.testing.assert_allclose(placed, np.linspace(0, 1, 11))


def test_path_names_the_largest_features_and_marks_alphas():
    X, y, cv = diabetes_cv()
    scale = X.std(axis=0) / y.std()
    ax, pixels = drawn(plots.plot_path, cv.path, scale=scale, marks=plots.cv_marks(cv), top=6)
    assert len(np.unique(pixels, axis=0)) > 20
    labels = [text for text in ax.texts if text.get_text() in cv.path.feature_names]
    size = np.abs(cv.coef_min * scale)
    assert {text.get_text() for text in labels} == {cv.path.feature_names[j] for j in np.argsort(-size)[:6]}
    assert overlapping(ax.texts) == []
    vertical = [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1]
    assert {cv.alpha_min, cv.alpha_1se} <= set(vertical)
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    assert ax.get_ylabel() == "standardised coefficient"


def test_path_of_unnamed_features_without_marks():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 30))
    result = riata.fit_path(X, X[:, :12] @ rng.normal(size=12) + rng.normal(size=60), alphas=30)
    ax, _ = drawn(plots.plot_path, result, top=10)
    assert sum(text.get_text().startswith("x") for text in ax.texts) == 10
    assert overlapping(ax.texts) == []


def test_unsolved_alphas_are_left_out():
    _, _, cv = diabetes_cv()
    coef, intercept = cv.path.coef.copy(), cv.path.intercept.copy()
    coef[20:], intercept[20:] = np.nan, np.nan
    ax, _ = drawn(plots.plot_path, replace(cv.path, stored_coef=coef, intercept=intercept))
    assert cv.path.alphas[20] < min(ax.get_xlim()) < cv.path.alphas[19]


def test_path_with_nothing_in_it():
    result = riata.fit_path(np.eye(6), np.arange(6.0), alphas=[1e3])
    ax, _ = drawn(plots.plot_path, result)
    assert [text.get_text() for text in ax.texts] == []


def test_scale_of_the_wrong_length():
    with pytest.raises(ValueError, match=r"scale has shape \(3,\), the path has 10 features"):
        plots.plot_path(diabetes_cv()[2].path, Figure().subplots(), scale=np.ones(3))


def test_cv_curve_shows_mean_error_bars_and_choices():
    _, _, cv = diabetes_cv()
    ax, _ = drawn(plots.plot_cv, cv, size=(7.4, 4.2))
    best, i = cv.index_min
    bars = ax.containers[0]
    np.testing.assert_array_equal(bars.lines[0].get_ydata(), cv.deviance_mean[best])
    segments = np.array(bars.lines[2][0].get_segments())
    np.testing.assert_allclose(segments[:, 1, 1] - segments[:, 0, 1], 2 * cv.deviance_se[best])
    band = ax.patches[0].get_bbox()
    assert band.y0 == cv.deviance_mean[best, i]
    assert band.y1 == pytest.approx(cv.deviance_mean[best, i] + cv.deviance_se[best, i])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"minimum: alpha {cv.alpha_min:.3g}" in labels
    assert f"1-SE: alpha {cv.alpha_1se:.3g}" in labels
    assert len(labels) == 3 + len(cv.l1_ratios)
    assert ax.get_title(loc="left") == "Cross-validation, 5 folds"


def test_heat_map_draws_every_cell_and_both_choices():
    _, _, cv = diabetes_cv()
    ax, _ = drawn(plots.plot_heatmap, cv)
    cells = np.concatenate([mesh.get_array().ravel() for mesh in ax.collections])
    np.testing.assert_array_equal(np.sort(cells), np.sort(cv.deviance_mean.ravel()))
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[0] == f"minimum: alpha {cv.alpha_min:.3g}, l1_ratio {cv.l1_ratio_min:g}"
    assert texts[1] == f"1-SE: alpha {cv.alpha_1se:.3g}, l1_ratio {cv.l1_ratio_1se:g}"
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["0.1", "0.5", "1"]


def test_one_fold_and_one_alpha_can_be_drawn():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 3))
    fold = (np.arange(30), np.arange(30, 40))
    cv = riata.cross_validate_path(X, X[:, 0] + rng.normal(size=40), alphas=[0.1], cv=[fold])
    for function in (plots.plot_cv, plots.plot_heatmap):
        _, pixels = drawn(function, cv)
        assert len(np.unique(pixels, axis=0)) > 10


def test_coefficients_are_ranked_and_zeros_left_out():
    ax, _ = drawn(plots.plot_coefficients, ["a", "b", "c", "d"], [0.1, 0.0, -2.0, 0.0], other=[0.0, 0.0, -1.0, 0.3])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["c", "a", "d"]
    assert sorted(bar.get_width() for bar in ax.patches) == [-2.0, 0.1]
    diamonds = next(line for line in ax.lines if line.get_marker() == "D")
    assert diamonds.get_xdata().tolist() == [-1.0, 0.3]


def test_no_coefficient_at_all():
    ax, _ = drawn(plots.plot_coefficients, None, np.zeros(3))
    assert ax.texts[0].get_text() == "every coefficient is zero"


def test_result_methods_draw_on_pyplot_and_leave_its_style_alone():
    from matplotlib import pyplot as plt
    _, _, cv = diabetes_cv()
    before = dict(matplotlib.rcParams)
    for ax in (cv.plot(), cv.path.plot(), plots.plot_heatmap(cv), plots.plot_coefficients(None, cv.coef_min)):
        ax.figure.canvas.draw()
        plt.close(ax.figure)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
@pytest.mark.parametrize("noise", [0.01, 3.0])                  # the minimum at alpha = 0, and at a positive alpha
def test_alpha_zero_is_left_out_of_a_log_axis_and_it_is_said(order, noise):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(40, 12))
    cv = riata.cross_validate_path(X, X[:, 0] + noise * rng.normal(size=40), alphas=np.array([0.4, 0.2, 0.0])[order],
                                   l1_ratio=[0.5, 1.0], cv=4)
    assert (cv.alpha_min == 0) == (noise < 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ax in (cv.plot(), cv.plot_heatmap(), cv.path.plot(marks=plots.cv_marks(cv))):
            ax.figure.canvas.draw()
            assert "alpha = 0 is left out" in ax.get_xlabel()
            assert ax.get_xlim()[0] > ax.get_xlim()[1] > 0.05
            if ax.get_legend():
                assert any(text.get_text().startswith(f"minimum: alpha {cv.alpha_min:.3g}") for text in ax.get_legend().texts)
        assert "left out" not in riata.fit_path(X, X[:, 0], alphas=[0.1, 0.2]).plot().get_xlabel()
    none = riata.cross_validate_path(X, X[:, 0], alphas=[0.0], l1_ratio=[0.5, 1.0], cv=4)
    for draw in (none.plot, none.plot_heatmap, none.path.plot):
        with pytest.raises(ValueError, match="alphas holds no positive value"):
            draw()


def test_a_path_that_was_not_solved_is_not_drawn():
    X = np.random.default_rng(0).normal(size=(60, 8))
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        path = riata.fit_path(X, X[:, 0], time_budget=1e-9)
    with pytest.raises(ValueError, match=r"no alpha of this path was solved \(100 time_budget\).*more time_budget"):
        path.plot()


def test_a_choice_at_alpha_zero_has_no_marker_in_the_legend():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(40, 12))
    cv = riata.cross_validate_path(X, X[:, 0] + 0.01 * rng.normal(size=40), alphas=[0.4, 0.2, 0.0], l1_ratio=[0.5, 1.0], cv=4)
    assert cv.alpha_min == 0
    for ax in (cv.plot(), cv.plot_heatmap()):
        markers = {line.get_label(): line.get_marker() for line in ax.lines}
        label = next(label for label in markers if label.startswith("minimum"))
        assert label.startswith("minimum: alpha 0 (beyond the axis)")
        assert markers[label] in ("", "None")
