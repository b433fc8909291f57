"""The report folder: its numbers are those of the fit, its files are whole."""
import csv
import json
import struct
import warnings

import numpy as np
import polars as pl
import pytest

import riata
from cross_validated import diabetes_cv
from riata.persistence import load_model
from riata.report import (
    coefficient_table,
    facts,
    markdown,
    plural,
    selected,
    standard_deviations,
    standardising_scale,
    summarize,
    unfinished,
    write_report,
)
from riata.status import CONSTANT_TARGET, END_OF_GRID, UNDERFLOW


@pytest.mark.parametrize("block", [1, 7, 1 << 22])
def test_standard_deviations(block):
    rng = np.random.default_rng(0)
    X = rng.normal(1e6, 1.0, (20, 9)).astype(np.float32)
    weights = rng.integers(0, 4, 20)
    expected = np.repeat(X, weights, axis=0).astype(np.float64).std(axis=0)
    np.testing.assert_allclose(standard_deviations(X, weights, block), expected, rtol=1e-9)
    np.testing.assert_allclose(standard_deviations(X, block=block), X.astype(np.float64).std(axis=0), rtol=1e-9)


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_summary_repeats_the_fit(rule):
    X, y, cv = diabetes_cv()
    summary = summarize(cv, X, y, rule=rule, seconds=1.5)
    json.dumps(summary, allow_nan=False)
    choice = summary["choices"][rule]
    coef = getattr(cv, f"coef_{rule}")
    rows = {row["feature"]: row for row in choice["coefficients"]}
    assert set(rows) == {name for name, value in zip(cv.path.feature_names, coef, strict=True) if value}
    for name, value, x_sd in zip(cv.path.feature_names, coef, X.std(axis=0), strict=True):
        if value:
            assert rows[name]["coefficient"] == value
            assert rows[name]["sign"] == ("+" if value > 0 else "-")
            assert rows[name]["standardised"] == pytest.approx(value * x_sd / y.std(), rel=1e-9)
    sizes = [abs(row["standardised"]) for row in choice["coefficients"]]
    assert sizes == sorted(sizes, reverse=True)
    assert choice["alpha"] == getattr(cv, f"alpha_{rule}")
    r, i = getattr(cv, f"index_{rule}")
    residual = y - X @ coef - choice["intercept"]
    assert choice["deviance_explained"] == pytest.approx(1 - residual.var() / y.var(), rel=1e-6)
    assert choice["heldout_error"] == cv.deviance_mean[r, i]
    assert choice["heldout_r2"] == pytest.approx(1 - cv.deviance_mean[r, i] / y.var())
    assert sum(summary["status"].values()) == 3 * 25 * (5 + 1)
    assert summary["largest_gap"] == max(cv.fold_gap.max(), *(path.gap.max() for path in cv.paths))
    assert (summary["folds"], summary["rows"], summary["features"]) == (5, 442, 10)


def test_every_fit_that_did_not_converge_counts():
    X, y, cv = diabetes_cv()
    summary = summarize(cv, X, y)
    assert unfinished(summary) == 0
    summary["status"] = {"converged": 5, "max_iter": 2, "time_budget": 3, "skipped": 9, "degenerate": 1}
    assert unfinished(summary) == 5


def test_unknown_rule():
    X, y, cv = diabetes_cv()
    with pytest.raises(ValueError, match="rule is 'best'"):
        summarize(cv, X, y, rule="best")


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_folder(tmp_path, rule):
    X, y, cv = diabetes_cv()
    summary = summarize(cv, X, y, name="dia|betes", target="progress", rule=rule, notes=["A note."])
    files = write_report(cv, X, y, tmp_path / "a" / "b", summary=summary)
    names = {"path.png", "cv.png", "heatmap.png", "coefficients.png", "coefficients.csv", "model.json", "summary.md"}
    assert {file.name for file in (tmp_path / "a" / "b").iterdir()} == names
    for kind in ("path", "cv", "heatmap", "coefficients_plot"):
        with open(files[kind], "rb") as png:
            head = png.read(24)
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", head[16:24])
        assert width >= 1000
        assert height >= 300
    model = load_model(files["model"])
    np.testing.assert_allclose(model.predict(X), cv.predict(X, rule=rule), rtol=1e-12)
    assert model.target_names == ["progress"]
    text = (tmp_path / "a" / "b" / "summary.md").read_text()
    assert text.startswith("# dia|betes\n")
    assert "- A note." in text
    for row in summary["choices"][rule]["coefficients"]:
        assert f"| {row['feature']} | {row['sign']} | {row['coefficient']:.5g} |" in text
    for name in ("path", "cv", "heatmap", "coefficients"):
        assert f"]({name}.png)" in text


def test_coefficient_table_is_exact():
    X, y, cv = diabetes_cv()
    rows = list(csv.DictReader(coefficient_table(summarize(cv, X, y)).splitlines()))
    assert rows[0]["feature"] == "(intercept)"
    assert float(rows[0]["coefficient_min"]) == cv.intercept_min
    table = {row["feature"]: row for row in rows[1:]}
    for rule in ("min", "1se"):
        for name, value in zip(cv.path.feature_names, getattr(cv, f"coef_{rule}"), strict=True):
            assert float(table[name][f"coefficient_{rule}"] if name in table else 0.0) == value


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -1e9])
def test_constant_target(tmp_path, value):
    X = np.random.default_rng(3).normal(size=(30, 2))
    y = np.full(30, value)
    cv = riata.cross_validate_path(X, y, alphas=5, cv=3)
    summary = summarize(cv, X, y)
    write_report(cv, X, y, tmp_path, summary=summary)
    assert summary["choices"]["min"]["heldout_r2"] is None
    assert summary["choices"]["min"]["selected"] == 0
    assert "not defined" in (tmp_path / "summary.md").read_text()


def test_without_plots_nothing_is_drawn(tmp_path):
    X, y, cv = diabetes_cv()
    (tmp_path / "path.png").write_bytes(b"of an earlier report")
    files = write_report(cv, X, y, tmp_path, summary=summarize(cv, X, y), plots=False)
    assert not (tmp_path / "path.png").exists()
    assert set(files) == {"coefficients", "model", "summary"}
    assert "![" not in (tmp_path / "summary.md").read_text()


def test_nothing_selected(tmp_path):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(40, 3))
    y = rng.normal(size=40)
    cv = riata.cross_validate_path(pl.DataFrame(X, schema=["a", "b", "c"]), y, alphas=[1e3, 1e2], cv=4)
    summary = summarize(cv, X, y)
    write_report(cv, X, y, tmp_path, summary=summary)
    assert summary["choices"]["min"]["coefficients"] == []
    assert "| (none) |" in (tmp_path / "summary.md").read_text()


def test_a_report_says_that_y_is_constant():
    X = np.random.default_rng(0).normal(size=(30, 4))
    y = np.full(30, 0.1)
    summary = summarize(riata.cross_validate_path(X, y, alphas=5, cv=3), X, y)
    assert summary["notes"] == [CONSTANT_TARGET]
    assert f"- {CONSTANT_TARGET}" in markdown(summary, {}, "1")


def test_a_report_says_where_the_grid_ends_too_early():
    X = np.random.default_rng(0).normal(size=(60, 4))
    y = X.sum(axis=1)
    summary = summarize(riata.cross_validate_path(X, y, alphas=5, alpha_min_ratio=0.5, cv=3), X, y)
    assert summary["notes"] == [END_OF_GRID]
    assert summary["choices"]["min"]["end_of_grid"]
    assert facts(summary)[0][1].endswith(" (end of the grid)")
    assert "(end of the grid)" in markdown(summary, {}, "1")


@pytest.mark.parametrize(("ratios", "said"), [
    ([0.9, 0.5], "The best held-out score lies at the largest l1_ratio that was tried, 0.9: larger ones, up to 1, the lasso, "
                 "may do better."),
    ([0.5, 0.9, 1.0], None), ([0.9], None)])
def test_a_report_says_where_the_list_of_l1_ratios_ends_too_early(ratios, said):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 30))
    y = 3 * X[:, 0] + rng.normal(size=60)              # one feature: the more lasso the better
    cv = riata.cross_validate_path(X, y, l1_ratio=ratios, alphas=40, cv=5)
    summary = summarize(cv, X, y)
    assert summary["notes"] == ([] if said is None else [said])
    assert cv.at_end_of_l1_ratios == (said is not None)
    assert facts(summary)[1][1].endswith(" (end of the list)") == (said is not None)
    assert ("(end of the list)" in markdown(summary, {}, "1")) == (said is not None)
    assert ("l1_ratio that was tried" in cv.summary()) == (said is not None)


def test_the_smallest_l1_ratio_is_an_end_unless_it_is_ridge():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 40))
    y = X @ rng.normal(size=40) + 3 * rng.normal(size=60)
    best = riata.cross_validate_path(X, y, l1_ratio=[1.0, 0.2], alphas=40, cv=5)
    assert "at the smallest l1_ratio that was tried, 0.2: smaller ones, down to 0, ridge," in best.summary()
    assert not riata.cross_validate_path(X, y, l1_ratio=[1.0, 0.0], alphas=40, cv=5).at_end_of_l1_ratios
    assert not riata.cross_validate_path(X, np.ones(60), l1_ratio=[0.5, 0.9], alphas=5, cv=5).at_end_of_l1_ratios


@pytest.mark.parametrize("x_scale", [1e-300, 1.0, 1e300])
@pytest.mark.parametrize("y_scale", [1e-300, 1e-140, 1.0, 1e140])
def test_sizes_at_extreme_scales(x_scale, y_scale):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 4))
    y = X[:, 0] + 0.5 * rng.normal(size=50)
    options = {"alphas": 6, "cv": 3, "standardize": True}
    plain = summarize(riata.cross_validate_path(X, y, **options), X, y)["choices"]["min"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        scale = standardising_scale(X * x_scale, y * y_scale)
        assert np.isfinite(scale).all()
        if y_scale / x_scale > 1e300:                  # the coefficients are beyond float64
            return
        cv = riata.cross_validate_path(X * x_scale, y * y_scale, **options)
        summary = summarize(cv, X * x_scale, y * y_scale)
    json.dumps(summary, allow_nan=False)
    choice = summary["choices"]["min"]
    if y_scale == 1e-300:                              # squared errors of 1e-600 are 0: it is said, and no R² is made up
        assert summary["notes"] == [UNDERFLOW]
        assert choice["heldout_r2"] is None
        return
    assert summary["notes"] == []
    assert choice["heldout_r2"] == pytest.approx(plain["heldout_r2"], rel=1e-6)
    if y_scale / x_scale > 1e-300:                     # else the coefficients are 0 or nearly
        expected = {row["feature"]: row["standardised"] for row in plain["coefficients"]}
        assert {row["feature"]: row["standardised"] for row in choice["coefficients"]} == pytest.approx(expected, rel=1e-6)


def test_tables_list_what_either_rule_selects(capsys):
    from riata.cli.console import print_summary

    X, y, cv = diabetes_cv()
    summary = summarize(cv, X, y)
    least = summary["choices"]["1se"]["coefficients"][-1]["feature"]
    rows = summary["choices"]["min"]["coefficients"]
    summary["choices"]["min"]["coefficients"] = [row for row in rows if row["feature"] != least]
    assert [row[0] for row in selected(summary)][-1] == least
    text = markdown(summary, {}, "1")
    assert f"| {least} |  | 0 | - | {summary['choices']['1se']['coefficients'][-1]['standardised']:.4f} |" in text
    print_summary(summary, {})
    assert any(line.split()[:1] == [least] for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(("count", "noun", "text"), [(1, "pass", "1 pass"), (2, "pass", "2 passes"), (1, "fold", "1 fold"),
                                                     (0, "l1_ratio", "0 l1_ratios")])
def test_plurals(count, noun, text):
    assert plural(count, noun) == text
