"""The comparisons of many problems: loops of peers, joblib's processes, and the cost of each of 1 to 100 000."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

TOP = Path(__file__).resolve().parents[1] / "asv_benchmarks"
if not TOP.exists():
    pytest.skip("there is no asv_benchmarks/ beside these tests", allow_module_level=True)
sys.path.insert(0, str(TOP))
from peers import __main__ as command_line  # noqa: E402
from peers import publish, report, rows, runner, scaling, solver_table  # noqa: E402
from peers.solvers import loops, scikit_learn, scikit_learn_joblib, scikit_learn_threads  # noqa: E402

MARKS = "".join(f"<!-- {mark} -->\nold\n<!-- /{mark} -->\n" for mark in ("threads-table", "scaling-table"))


def ragged(folds=None):
    rng = np.random.default_rng(5)
    X = [np.asfortranarray(rng.standard_normal((n, p))) for n, p in ((12, 3), (9, 5))]
    data = {"X": X, "y": [part @ np.ones(part.shape[1]) + rng.standard_normal(len(part)) for part in X], "l1_ratio": 0.5,
            "alphas": np.array([[1.0, 0.1], [0.5, 0.2]]), "intercept": False}
    return data if folds is None else data | {"folds": [np.arange(len(part)) % folds for part in X]}


@pytest.mark.parametrize("peer", [scikit_learn_joblib, scikit_learn_threads])
def test_joblib_gives_what_the_loop_gives_in_the_order_of_the_problems(peer, monkeypatch):
    monkeypatch.setattr(scikit_learn_joblib, "N_THREADS", 2)
    data = ragged()
    for ours, theirs in zip(peer.many(data, 1e-6), scikit_learn.many(data, 1e-6), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    one = {"X": data["X"][0], "y": data["y"][0], "alphas": data["alphas"][0], "l1_ratio": 0.5, "intercept": False,
           "counts": np.random.default_rng(0).integers(0, 3, (12, 4))}
    np.testing.assert_array_equal(peer.boots(one, 1e-6)[0], scikit_learn.boots(one, 1e-6)[0])
    np.testing.assert_array_equal(peer.many_cv(ragged(3), 1e-6)[0], scikit_learn.many_cv(ragged(3), 1e-6)[0])


def test_a_bootstrap_has_each_row_as_often_as_it_was_drawn():
    data = {"X": np.arange(6.0).reshape(3, 2), "y": np.arange(3.0), "alphas": None}
    X, y = loops.drawn(lambda part, tol: (part["X"], part["y"]), data, np.array([2, 0, 1]), 0.0)
    assert X.tolist() == [[0, 1], [0, 1], [4, 5]]
    assert y.tolist() == [0, 0, 2]


@pytest.mark.parametrize(("n_threads", "clock", "reason"), [(1, "wall", "--threads 2"), (2, "cpu", "--clock wall"),
                                                            (2, "wall", None)])
def test_joblib_takes_part_only_where_its_time_says_something(n_threads, clock, reason, tmp_path):
    solver, = solver_table.select(["scikit_learn_joblib"])
    said = solver.unsuited(n_threads, clock)
    assert said is None if reason is None else reason in said
    assert solver_table.select(["riata"])[0].unsuited(n_threads, clock) is None
    result = runner.compare([], [solver], tmp_path, size="quick", n_threads=n_threads, clock=clock, log=io.StringIO())
    assert list(result["absent"]) == ([] if reason is None else ["scikit_learn_joblib"])


def test_two_threads_beside_joblib(tmp_path, capsys):
    assert command_line.main(["threads", "--quick", "--no-install", "--repeats", "1", "--rows", "many-paths", "--build",
                              str(tmp_path), "--solvers", "riata", "scikit_learn_joblib", "--out", str(tmp_path / "out")]) == 0
    result = json.loads((tmp_path / "out" / "threads.json").read_text())
    assert (result["n_threads"], result["clock"], result["absent"]) == (2, "wall", {})
    row, = result["rows"]
    for solver in ("riata", "scikit_learn_joblib"):
        assert report.best(row, solver, min(row["levels"])), [run["reason"] for run in row["runs"]]
    assert "scikit-learn, joblib" in capsys.readouterr().out


def test_the_mode_threads_has_the_rows_of_many_problems_and_goes_by_the_wall(tmp_path, capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(command_line.runner, "compare", lambda *given, **more: asked.append((*given, more)) or fake_threads())
    assert command_line.main(["threads", "--no-install", "--out", str(tmp_path)]) == 0
    (chosen, solvers, _, more), = asked
    assert [row.name for row in chosen] == ["many-paths", "many-lassos", "many-cv", "bootstraps"]
    assert [solver.name for solver in solvers] == ["riata", "scikit_learn_joblib", "scikit_learn_threads"]
    assert (more["n_threads"], more["clock"]) == (2, "wall")
    with pytest.raises(SystemExit):
        command_line.main(["threads", "--clock", "cpu"])
    assert "clock on the wall" in capsys.readouterr().err


def test_glmnet_in_a_loop_reaches_the_gaps_of_many_problems(tmp_path):
    chosen = rows.select(["many-lassos", "many-cv", "bootstraps"])
    result = runner.compare(chosen, solver_table.select(["glmnet"]), tmp_path, size="quick", repeats=1, log=io.StringIO())
    if result["absent"]:
        assert "glmnet" in result["absent"]["glmnet"]
        pytest.skip(result["absent"]["glmnet"])
    for row in result["rows"]:
        assert report.best(row, "glmnet", min(row["levels"])), [run["reason"] for run in row["runs"]]


def test_problems_of_the_curve_are_all_different_and_their_columns_lie_together():
    X, y = scaling.problems(3)
    assert [design.shape for design in X] == [scaling.SHAPE] * 3
    assert all(design.flags.f_contiguous for design in X)
    assert len({design[0, 0] for design in X}) == len({target[0] for target in y}) == 3


def test_the_best_turn_is_of_as_many_as_asked_for():
    turns = []
    assert scaling.best_turn(lambda: turns.append(1), turns=3, enough=0.0) >= 0
    assert len(turns) == 3


@pytest.mark.parametrize(("value", "text"), [(100_000, "100 000"), (1, "1"), (123456.0, "120 000"), (4.56, "4.6"), (0, "0")])
def test_numbers_of_the_curve_have_two_digits_or_are_whole(value, text):
    assert scaling.grouped(value) == text


def fake_threads():
    return {"rows": [], "n_threads": 2, "clock": "wall", "started": "2000-01-01 00:00", "machine": report.machine(), "absent": {},
            "size": "full", "cold": {"riata": {"version": "1", "import": 0.1}}, "titles": {"riata": "riata"}}


def fake_curve():
    runs = [{"seconds": 0.5, "peak": 2**20 - 1}, {"seconds": 1.0, "peak": 2**22}, {"seconds": 1.0, "peak": None}]
    return {"started": "2000-01-01 00:00", "shape": [40, 5], "alphas": 20, "sizes": [1, 1000, 2000], "machine": report.machine(),
            "tasks": {"paths": {"runs": runs, "loop": {"seconds": 2.0}, "loop_problems": 200},
                      "models": {"runs": runs, "loop": None, "loop_problems": 200}}}


def test_the_curve_as_a_table():
    lines = scaling.table(fake_curve()).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2] == "| 1 | 2 | 1.0 | – | 2 | 1.0 | – |"
    assert lines[3] == "| 1 000 | 1 000 | 4.0 | 4 200 | 1 000 | 4.0 | 4 200 |"
    assert lines[4].startswith("| 2 000 | 2 000 | – | – |")
    assert lines[5] == "| *scikit-learn, one by one* | 100 | | | – | | |"


def test_the_curve_is_measured_and_published(tmp_path, monkeypatch):
    monkeypatch.setattr(scaling, "TURNS", 1)
    for task in scaling.TASKS:
        run = scaling.measure(task, 3)
        assert run["seconds"] > 0
        assert run["peak"] is None or run["peak"] >= 0
    assert scaling.loop("paths", 2)["seconds"] > 0
    assert scaling.loop("models by BIC", 2) is None
    monkeypatch.setattr(scaling, "_in_a_process", lambda function, task, count: {"seconds": 0.1, "peak": 10 * count})
    result = scaling.compare((1, 10), log=io.StringIO())
    assert scaling.write(result, tmp_path).read_text().count("\n| ") == 4
    (tmp_path / "docs").mkdir()
    file = tmp_path / "docs" / "performance.md"
    file.write_text(MARKS)
    publish.publish_batches(tmp_path, scaling=result)
    assert file.read_text().count("\nold\n") == 1
    publish.publish_batches(tmp_path, threads=fake_threads())
    assert "2 thread(s)" in file.read_text()
    assert "\nold\n" not in file.read_text()


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match=r"no such task.*3 problems.*KeyError"):
        scaling._in_a_process("measure", "no such task", 3)


def test_the_document_has_the_places_of_both_tables():
    text = (TOP.parent / "docs" / "performance.md").read_text()
    for mark in ("threads-table", "scaling-table"):
        assert text.count(f"<!-- {mark} -->") == text.count(f"<!-- /{mark} -->") == 1


def test_nothing_to_publish_is_said(tmp_path, capsys):
    assert command_line.main(["publish", "--out", str(tmp_path)]) == 1
    assert "make peers-batches" in capsys.readouterr().err
