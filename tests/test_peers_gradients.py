"""The rows of gradient descent, row kernels and networks: their judge, a run of each, and the tables of their own."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest

TOP = Path(__file__).resolve().parents[1] / "asv_benchmarks"
if not TOP.exists():
    pytest.skip("there is no asv_benchmarks/ beside these tests", allow_module_level=True)
sys.path.insert(0, str(TOP))
from peers import exchange, judge, kernels, publish, report, rows, runner, solver_table  # noqa: E402

KERNELS = [row for row in rows.ROWS if row.task in kernels.TASKS]
DESCENT = rows.select(["sgd-*"])


@pytest.mark.parametrize("row", KERNELS, ids=lambda row: row.name)
def test_riata_passes_the_judge_and_a_wrong_answer_does_not(row, tmp_path):
    from peers.solvers import riata as player

    folder = rows.write(row, tmp_path, size="quick")
    data = exchange.read_data(folder)
    answer = getattr(player, row.task)(data, 1e-3)
    wrong = np.full_like(answer, 0.1) if row.task == "network" else answer * np.float32(1.001)
    lost = np.where(np.arange(answer.size).reshape(answer.shape) == 3, np.nan, answer)
    for name, values in (("run", answer), ("off", wrong), ("nan", lost)):
        exchange.write_array(tmp_path / name, values)
    found = {name: judge.judge(row, data, folder, tmp_path / name) for name in ("run", "off", "nan")}
    assert found["run"][0] <= min(row.levels) < found["off"][0] < found["nan"][0] == np.inf
    assert found["run"][1] is None


def test_dropout_that_keeps_too_many_does_not_pass():
    x = np.ones((50, 40), np.float32)
    assert kernels.judge("dropout", {"X": x, "rate": np.array([0.5])}, 2 * x) == np.inf


def test_the_rows_of_descent_are_played_by_riata_and_scikit_learn(tmp_path):
    chosen = solver_table.select(["riata", "sgd", "sgd_average", "saga"])
    result = runner.compare(DESCENT, chosen, tmp_path, size="quick", repeats=1, clock="cpu", log=io.StringIO())
    for played in result["rows"]:
        assert report.best(played, "riata", min(played["levels"])), [run["gap"] for run in played["runs"]]
        gaps = [run["gap"] for run in played["runs"] if run["solver"] in ("sgd", "sgd_average")]
        assert min(gaps) < 0.1, gaps
        assert report.best(played, "saga", min(played["levels"])) or played["task"] == "many_sgd"


def test_kernels_are_timed_without_bounds_and_absent_solvers_say_why(tmp_path):
    chosen = solver_table.select(["riata", "scipy_numpy", "torch_cpu"])
    result = runner.compare(rows.select(["softmax", "kl", "dropout"]), chosen, tmp_path, size="quick", repeats=1, clock="cpu",
                            log=io.StringIO())
    assert "peers-torch" in result["absent"]["torch_cpu"]
    for played in result["rows"]:
        assert report.best(played, "riata", 1e-5)
        assert report.best(played, "scipy_numpy", 1e-5) or "scipy_numpy" in result["absent"]
    text = report.markdown(result | {"machine": report.machine()})
    assert text.split("## Seconds at an objective")[0].count("softmax") == 1
    assert "softmax, 10" not in text.split("## Seconds at an objective")[1].split("## All runs")[0]


def test_they_are_published_in_tables_of_their_own(tmp_path):
    run = {"solver": "riata", "title": "riata", "tol": 1e-6, "status": "ok", "reason": "", "first": 1.0, "median": 0.5,
           "gap": 1e-7, "excess": None, "default": True, "seconds": [1.0]}
    peer = run | {"solver": "sgd_average", "median": 2.0}
    made = [{"name": row.name, "title": row.title, "task": row.task, "levels": list(row.levels), "time_limit": 9.0,
             "runs": [run, peer] if row.task == "sgd" else [run]} for row in (rows.ROWS[0], *DESCENT, *KERNELS)]
    titles = {name: name for name in ("riata", "sgd", "sgd_average", "torch_cpu")}
    result = {"started": "2000-01-01 00:00", "size": "full", "clock": "cpu", "n_threads": 1, "rows": made, "absent": {},
              "titles": titles, "cold": {name: {"version": "1"} for name in titles}, "machine": report.machine()}
    (tmp_path / "docs").mkdir()
    marks = {"README.md": ["peers-table"], "docs/performance.md": ["peers-table", "machine", "descent-table", "kernels-table"]}
    for file, names in marks.items():
        (tmp_path / file).write_text("".join(f"<!-- {mark} -->\n<!-- /{mark} -->\n" for mark in names))
    publish.publish(result, tmp_path)
    text = (tmp_path / "docs" / "performance.md").read_text()
    place = {mark: text.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0] for mark in marks["docs/performance.md"]}
    assert place["descent-table"].count("ridge by descent, n=100 000, p=100, alpha 1e-4 | **0.5** | 2.00 (4.0×) |") == 3
    assert place["kernels-table"].count("softmax, 10 000 × 1000 float32 | **0.5** |") == 1
    assert "sgd" not in place["kernels-table"]
    assert "sgd" in place["descent-table"]
    assert "torch_cpu" not in text
    assert "descent" not in place["peers-table"] + (tmp_path / "README.md").read_text()
