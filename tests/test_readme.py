"""Every snippet of the documents runs: Python in order in one namespace, `riata` commands; `make` targets and links exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "docs/user-guide.md", "docs/custom-losses.md", "docs/scikit-learn.md", "docs/performance.md")
LINK = re.compile(r"\]\(([^)#:]+)\)")


def blocks(document, language):
    text = (ROOT / document).read_text(encoding="utf-8")
    return [text for kind, text in re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if kind == language]


def commands(document):
    lines = [line.split("#")[0].strip() for text in blocks(document, "bash") for line in text.splitlines()]
    return [line for line in lines if line]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_snippets(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    snippets = blocks(document, "python")
    assert snippets
    namespace = {}
    for snippet in snippets:
        exec(compile(snippet, document, "exec"), namespace)


@pytest.mark.parametrize("document", ["README.md", "docs/performance.md"])
def test_make_targets_exist(document):
    makefile = (ROOT / "Makefile").read_text()
    wanted = [line.split()[1] for line in commands(document) if line.startswith("make ")]
    assert wanted
    for target in wanted:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{document} names make {target}"


@pytest.mark.parametrize("document", [*DOCUMENTS, "docs/architecture.md", "CHANGELOG.md"])
def test_links_lead_somewhere(document):
    for target in LINK.findall((ROOT / document).read_text(encoding="utf-8")):
        assert ((ROOT / document).parent / target).exists(), f"{document} links to {target}"


def test_riata_commands(tmp_path):
    datasets = pytest.importorskip("sklearn.datasets")
    pytest.importorskip("polars")
    frame = datasets.load_diabetes(as_frame=True).frame.rename(columns={"target": "y"})
    frame.to_csv(tmp_path / "data.csv", index=False)
    frame.drop(columns="y").head(5).to_csv(tmp_path / "new.csv", index=False)
    sales = frame.rename(columns={"y": "sales"}).assign(product=frame.index % 3)
    sales.to_csv(tmp_path / "sales.csv", index=False)
    wanted = [line for line in commands("README.md") if line.startswith("riata ")]
    assert wanted
    for command in wanted:
        done = subprocess.run([sys.executable, "-m", "riata.cli.app", *command.split()[1:]], cwd=tmp_path,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "predictions.csv").exists()
    assert (tmp_path / "models.parquet").exists()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_fences_alternate(document):
    """A code block opens with its language and ends with a bare fence."""
    inside = False
    for number, line in enumerate((ROOT / document).read_text().splitlines(), 1):
        if line.startswith("```"):
            assert (line.strip() == "```") == inside, f"{document}, line {number}"
            inside = not inside
    assert not inside
