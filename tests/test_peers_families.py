"""The rows of other losses and penalties: their referee against a second one, their data, and a run of each with what is here."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

import cox_reference
import loss_reference
import riata

TOP = Path(__file__).resolve().parents[1] / "asv_benchmarks"
if not TOP.exists():
    pytest.skip("there is no asv_benchmarks/ beside these tests", allow_module_level=True)
sys.path.insert(0, str(TOP))
from benchmarks import family_referee  # noqa: E402
from peers import exchange, families, judge, publish, report, rows, runner, solver_table  # noqa: E402

ROWS = [row for row in rows.ROWS if row.task in families.TASKS and row.task not in families.DESCENT]


def written(row, root):
    folder = rows.write(row, root, size="quick")
    return folder, exchange.read_data(folder)


@pytest.mark.parametrize("loss", ["logistic", "poisson", "gamma"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_gaps_of_smooth_losses_are_those_of_another_referee(loss, l1_ratio):
    X, y = loss_reference.draw(loss, seed=3)
    path = riata.fit_path(X, y, loss=loss, l1_ratio=l1_ratio, alphas=5, alpha_min_ratio=0.05, tol=1e-3)
    coef = path.coef + 1e-3 * (path.coef != 0)
    primal, dual = family_referee.smooth_bounds(loss, X, y, sparse.csr_matrix(coef), path.alphas, l1_ratio, fit_intercept=True)
    other = [loss_reference.gap(loss, X, y, a, l1_ratio, b, b0)
             for a, b, b0 in zip(path.alphas, coef, path.intercept, strict=True)]
    np.testing.assert_allclose(primal - dual, other, rtol=1e-6, atol=1e-9)


def test_the_gap_of_the_squared_hinge_bounds_the_excess():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 5)), np.where(rng.random(60) < 0.5, 1.0, -1.0)
    value = family_referee.FORMULAS["squared_hinge"][0]
    for l1_ratio in (0.0, 1.0):
        points = 0.3 * rng.standard_normal((40, 5))
        primal, dual = family_referee.smooth_bounds("squared_hinge", X, y, points, np.full(40, 0.05), l1_ratio,
                                                    fit_intercept=False)
        assert (dual <= primal.min() + 1e-12).all()
        expected = value(y, X @ points[0]).mean() + 0.05 * (l1_ratio * np.abs(points[0]).sum()
                                                            + (1 - l1_ratio) / 2 * points[0] @ points[0])
        assert primal[0] == pytest.approx(expected, rel=1e-12)


def test_gaps_of_the_cox_model_are_those_of_another_referee(tmp_path):
    _, data = written(next(row for row in ROWS if row.name == "cox"), tmp_path)
    X, time, event = data["X"], data["time"], data["event"]
    coef = 0.05 * np.random.default_rng(0).standard_normal((2, X.shape[1])) * (np.arange(X.shape[1]) % 4 == 0)
    alphas = data["alphas"][[20, 40]]
    primal, dual = family_referee.cox_bounds(X, time, event, coef, alphas)
    ones, strata = np.ones(len(time)), np.zeros(len(time))
    other = [cox_reference.gap(b, X, time, event, ones, strata, "breslow", a, 1.0) for a, b in zip(alphas, coef, strict=True)]
    np.testing.assert_allclose(primal - dual, other, rtol=1e-9)


def test_lower_bounds_hold_for_every_point_of_a_group_lasso_and_of_slope():
    rng = np.random.default_rng(1)
    X, groups = rng.standard_normal((30, 12)), np.arange(12) // 3
    y = X[:, 0] + rng.standard_normal(30)
    X, y = X - X.mean(axis=0), y - y.mean()
    points, alphas = 0.3 * rng.standard_normal((30, 12)), np.full(30, 0.1)
    for sparsity in (0.0, 0.5):
        primal, dual = family_referee.group_bounds(X, y, groups, points, alphas, sparsity)
        assert (dual <= primal.min() + 1e-12).all()
    sequence = np.linspace(2, 1, 12)
    primal, dual = family_referee.slope_bounds(X, y, sequence, points, np.zeros(30), alphas)
    assert (dual <= primal.min() + 1e-12).all()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_riata_passes_the_judge_and_the_null_model_does_not(row, tmp_path):
    """At tol = 1e-6 a run passes; coefficients of zero under the smallest alpha do not."""
    from peers.solvers import riata as player

    folder, data = written(row, tmp_path)
    coef, intercept = getattr(player, row.task)(data, 1e-6)
    exchange.write_coefficients(tmp_path / "run", coef, intercept)
    gap, bounds = judge.judge(row, data, folder, tmp_path / "run")
    assert -1e-12 <= gap <= 1.001e-6
    assert (bounds is None) == (row.task in families.BY_KKT)
    exchange.write_coefficients(tmp_path / "zeros", 0 * coef, intercept)
    assert judge.judge(row, data, folder, tmp_path / "zeros")[0] > 1e-3
    exchange.write_coefficients(tmp_path / "nan", coef + np.where(coef == 0, 0.0, np.nan), intercept)
    assert judge.judge(row, data, folder, tmp_path / "nan")[0] == np.inf
    exchange.write_coefficients(tmp_path / "short", coef[:-1], intercept if np.ndim(intercept) == 0 else intercept[:-1])
    with pytest.raises(ValueError, match="coefficient vectors came back"):
        judge.judge(row, data, folder, tmp_path / "short")


def test_scikit_learn_plays_the_rows_that_it_has(tmp_path):
    chosen = [row for row in ROWS if row.name in ("svc-l2", "quantile", "poisson-tall", "mcp")]
    result = runner.compare(chosen, solver_table.select(["riata", "scikit_learn", "glum"]), tmp_path, size="quick", repeats=1,
                            clock="cpu", log=io.StringIO())
    assert "peers-more" in result["absent"]["glum"]
    assert not {"riata", "scikit_learn"} & set(result["absent"])
    for row in result["rows"]:
        for name in ("riata", "scikit_learn") if row["name"] != "mcp" else ("riata",):
            assert report.best(row, name, min(row["levels"])), [run["reason"] for run in row["runs"]]
    assert "LinearSVC" in report.markdown(result | {"machine": report.machine()})


def test_they_are_published_in_a_table_of_their_own(tmp_path):
    run = {"solver": "riata", "title": "riata", "tol": 1e-6, "status": "ok", "reason": "", "first": 1.0, "median": 1.0,
           "gap": 1e-7, "excess": None, "default": True, "seconds": [1.0]}
    made = [{"name": row.name, "title": row.title, "task": row.task, "levels": [1e-4, 1e-6], "time_limit": 9.0, "runs": [run]}
            for row in (rows.ROWS[0], *(row for row in ROWS if row.name in ("logistic-p5000", "cox")))]
    result = {"started": "2000-01-01 00:00", "size": "full", "clock": "cpu", "n_threads": 1, "rows": made, "absent": {},
              "titles": {"riata": "riata"}, "cold": {"riata": {"version": "1"}}, "machine": report.machine()}
    (tmp_path / "docs").mkdir()
    places = {"README.md": ["peers-table"], "docs/performance.md": ["peers-table", "machine", "families-table"]}
    for file, marks in places.items():
        (tmp_path / file).write_text("".join(f"<!-- {mark} -->\n<!-- /{mark} -->\n" for mark in marks))
    publish.publish(result, tmp_path)
    first, others = (tmp_path / "docs" / "performance.md").read_text().split("<!-- families-table -->")
    assert "Cox" in others
    assert "Cox" not in first
    assert "lasso, n=1000" in first
    readme = (tmp_path / "README.md").read_text()
    assert "l1 logistic" in readme
    assert "Cox" not in readme
