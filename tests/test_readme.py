"""Every snippet of the README runs: Python in order in one namespace, `riata` in a shell; `make` targets exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def lines(language):
    return [line.split("#")[0].strip() for kind, text in BLOCKS if kind == language for line in text.splitlines()
            if line.split("#")[0].strip()]


def test_python_snippets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    snippets = [text for kind, text in BLOCKS if kind == "python"]
    assert snippets
    namespace = {}
    for snippet in snippets:
        exec(compile(snippet, "README.md", "exec"), namespace)


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    wanted = [line.split()[1] for line in lines("bash") if line.startswith("make ")]
    assert wanted
    for target in wanted:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"README names make {target}"


def test_riata_commands(tmp_path):
    datasets = pytest.importorskip("sklearn.datasets")
    pytest.importorskip("polars")
    frame = datasets.load_diabetes(as_frame=True).frame.rename(columns={"target": "y"})
    frame.to_csv(tmp_path / "data.csv", index=False)
    frame.drop(columns="y").head(5).to_csv(tmp_path / "new.csv", index=False)
    commands = [line for line in lines("bash") if line.startswith("riata ")]
    assert commands
    for command in commands:
        done = subprocess.run([sys.executable, "-m", "riata.cli", *command.split()[1:]], cwd=tmp_path, capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "predictions.csv").exists()
