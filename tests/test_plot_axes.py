"""Axes of the plots: every curve whole, marks and names beside what is drawn, names as they are."""
import matplotlib
import numpy as np
import pandas as pd
import pytest

import riata
from cross_validated import diabetes_cv
from drawn import drawn, overlapping
from riata import plots
from riata.plot_style import ratio_labels, shorten

matplotlib.use("Agg")


def standing_inside(text, frame):
    """The box of a text, which must be whole within the axes."""
    box = text.get_window_extent()
    assert frame.x0 <= box.x0 < box.x1 <= frame.x1
    assert frame.y0 <= box.y0 < box.y1 <= frame.y1
    return box


def at_the_end_of_the_grid():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6))
    y = X.sum(axis=1) + 0.1 * rng.normal(size=80)
    return riata.cross_validate_path(X, y, l1_ratio=[0.5, 1.0], alphas=30, cv=4, alpha_min_ratio=0.05)


@pytest.mark.parametrize("make", [lambda: diabetes_cv()[2], at_the_end_of_the_grid], ids=["inside", "end"])
@pytest.mark.parametrize("kind", ["path", "cv"])
def test_the_names_of_the_marks_stand_on_no_curve_and_inside_the_axes(kind, make):
    cv = make()
    if kind == "path":
        ax, _ = drawn(plots.plot_path, cv.path, marks=plots.cv_marks(cv))
    else:
        ax, _ = drawn(plots.plot_cv, cv, size=(7.4, 4.2))
    names = [text for text in ax.texts if text.get_text() in ("minimum", "1-SE")]
    assert len(names) == 2
    assert overlapping(ax.texts) == []
    frame = ax.get_window_extent()
    for name in names:
        box = standing_inside(name, frame)
        for line in ax.lines:
            if len(line.get_xdata()) > 2:
                assert not box.count_contains(line.get_transform().transform(line.get_xydata()))


def test_the_markers_of_the_choices_are_drawn_whole():
    cv = at_the_end_of_the_grid()
    for function, size in ((plots.plot_cv, (7.4, 4.2)), (plots.plot_heatmap, (6.8, 3.2))):
        ax, _ = drawn(function, cv, size=size)
        marks = [line for line in ax.lines if len(line.get_xdata()) == 1 and line.get_marker() in "os"
                 and line.get_markersize() >= 7]
        assert marks
        for mark in marks:
            x = mark.get_transform().transform(mark.get_xydata())[0, 0]
            radius = mark.get_markersize() / 2 * ax.figure.dpi / 72
            assert not mark.get_clip_on()
            assert x + radius <= ax.get_window_extent().x1 + 1


def noise_only(seed=0, n=60, p=20):
    rng = np.random.default_rng(seed)
    return riata.cross_validate_path(rng.normal(size=(n, p)), rng.normal(size=n), l1_ratio=[0.5, 1.0], alphas=30, cv=5, seed=1)


def inside(points, ax):
    x, y = np.asarray(points, float).T
    seen = np.isfinite(x) & np.isfinite(y)
    x, y = x[seen], y[seen]
    return (x <= ax.get_xlim()[0]).all() and (x >= ax.get_xlim()[1]).all() and (
        y >= ax.get_ylim()[0]).all() and (y <= ax.get_ylim()[1]).all()


@pytest.mark.parametrize("make", [lambda: diabetes_cv()[2], at_the_end_of_the_grid, noise_only,
                                  lambda: noise_only(2, 40, 36)], ids=["inside", "end", "null", "overfitted"])
def test_every_curve_is_whole(make):
    cv = make()
    ax, _ = drawn(plots.plot_cv, cv, size=(7.4, 4.2))
    curves = [line for line in ax.lines if len(line.get_xdata()) == cv.alphas.shape[1] and line.get_marker() != "_"]
    assert len(curves) == len(cv.l1_ratios)
    for curve in curves:
        assert inside(curve.get_xydata(), ax)
    upper = np.array(ax.containers[0].lines[2][0].get_segments())[:, 1]
    assert inside(upper, ax)
    assert ("log scale" in ax.get_ylabel()) == (ax.get_yscale() == "log")
    for path in cv.paths:
        ax, _ = drawn(plots.plot_path, path, marks=plots.cv_marks(cv))
        for j in range(path.coef.shape[1]):
            assert inside(np.column_stack([path.alphas, path.coef[:, j]]), ax)


def test_errors_far_above_the_null_model_have_a_log_axis():
    cv = noise_only(2, 40, 36)
    assert cv.deviance_mean[cv.index_min[0]].max() > 4 * cv.deviance_mean[cv.index_min[0], 0]
    ax, _ = drawn(plots.plot_cv, cv, size=(7.4, 4.2))
    assert ax.get_yscale() == "log"
    assert drawn(plots.plot_cv, diabetes_cv()[2])[0].get_yscale() == "linear"


@pytest.mark.parametrize("marks", [{"minimum": 0, "1-SE": 0}, {"minimum": 1, "1-SE": 0}, {"minimum": 9, "1-SE": 0},
                                   {"minimum": 29, "1-SE": 28}, {"minimum": 29, "1-SE": 29}, {"minimum": 15, "1-SE": 14}])
def test_names_of_marks_at_the_edges_stand_inside(marks):
    path = noise_only().paths[0]
    ax, _ = drawn(plots.plot_path, path, marks={name: path.alphas[i] for name, i in marks.items()})
    names = [text for text in ax.texts if text.get_text() in ("minimum", "1-SE", "minimum, 1-SE")]
    assert len(names) == len(set(marks.values()))
    assert overlapping(ax.texts) == []
    frame = ax.get_window_extent()
    for name in names:
        standing_inside(name, frame)


def test_one_alpha_is_drawn_as_points_beside_their_names():
    X, y, _ = diabetes_cv()
    ax, _ = drawn(plots.plot_path, riata.fit_path(X, y, alphas=[0.37]))
    points = [line for line in ax.lines if line.get_marker() == "o"]
    assert points
    assert all(line.get_xdata().tolist() == [0.37] for line in points)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0.37"]
    left, right = np.log(ax.get_xlim())
    assert (np.log(0.37) - left) / (right - left) > 0.85


@pytest.mark.parametrize("low", [0.31, 0.9, 2.1])
def test_a_short_range_of_alphas_has_labels(low):
    X, y, _ = diabetes_cv()
    ax, _ = drawn(plots.plot_path, riata.fit_path(X, y, alphas=[1.15 * low, low]))
    assert sum(bool(tick.get_text()) for tick in ax.get_xticklabels()) >= 2


def test_curves_do_not_hide_one_another_on_the_zero_line():
    cv = noise_only()
    ax, _ = drawn(plots.plot_path, cv.path)
    curves = [line.get_ydata() for line in ax.lines if len(line.get_ydata()) == cv.alphas.shape[1]]
    assert len(curves) == 10
    for curve in curves:
        assert not ((curve[:-2] == 0) & (curve[1:-1] == 0) & (curve[2:] == 0)).any()
        assert np.isfinite(curve[-2:]).all()


def test_names_are_shown_as_they_are():
    names = ["$cost_usd$", "a_$b", "größe", "x^2", "100%", "Δ price €"]
    X = np.random.default_rng(0).normal(size=(50, 6))
    path = riata.fit_path(pd.DataFrame(X, columns=names), X.sum(axis=1), alphas=20)
    ax, _ = drawn(plots.plot_path, path, title="$y$ of 3 $")
    bars, _ = drawn(plots.plot_coefficients, names, np.arange(1.0, 7.0))
    shown = {text.get_text() for text in ax.texts}
    assert {name.replace("$", r"\$") for name in names} == shown == {tick.get_text() for tick in bars.get_yticklabels()}
    assert ax.get_title(loc="left") == r"\$y\$ of 3 \$"


@pytest.mark.parametrize("names", [
    [f"a very long feature name that ends in its number {j}" for j in range(12)],
    [f"a very long feature name that has {j} in its middle and goes on" for j in range(12)],
    [f"{j} is where this very long feature name begins" for j in range(12)], ["short", "x" * 80]])
def test_long_names_stay_different(names):
    for length in (22, 30):
        short = shorten(names, length)
        assert len(set(short)) == len(names)
        assert max(map(len, short)) <= length
        assert all(given == cut for given, cut in zip(names, short, strict=True) if len(given) <= length)


def test_the_legend_of_bars_with_long_names_is_whole():
    rng = np.random.default_rng(0)
    size = rng.normal(size=14)
    names = [f"a very long feature name that goes on {j}" for j in range(14)]
    ax, _ = drawn(plots.plot_coefficients, names, size, other=size / 2, size=(5.6, plots.coefficients_height(14)))
    box, figure = ax.get_legend().get_window_extent(), ax.figure.bbox
    assert figure.x0 <= box.x0 < box.x1 <= figure.x1


def test_a_second_choice_of_nothing_is_said_in_the_legend():
    ax, _ = drawn(plots.plot_coefficients, ["a", "b"], [1.0, 0.0], other=[0.0, 0.0])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["minimum, positive", "1-SE: every coefficient is zero"]
    assert ax.get_title(loc="left") == "1 coefficient"
    assert np.diff(ax.get_ylim())[0] == pytest.approx(-3.2 + 0.0, abs=0.21)          # a bar has the thickness of one of three


def test_l1_ratios_have_the_digits_that_tell_them_apart():
    assert ratio_labels(np.linspace(0.05, 1, 12))[1] == "0.136"
    assert ratio_labels([0.9995, 1.0]) == ["0.9995", "1"]
