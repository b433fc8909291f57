"""riata demo, and where its data come from."""
import json
import sys

import numpy as np
import pytest

from riata.cli import datasets

REPORT = {"path.png", "cv.png", "heatmap.png", "coefficients.png", "coefficients.csv", "model.json", "summary.md"}


@pytest.fixture
def little_nci60(tmp_path):
    """Files of the shape of NCI60's in the ISLP wheel, with 80 genes and rows as there: 8 melanoma lines of 64."""
    folder = tmp_path / "data"
    folder.mkdir()
    labels = ["CNS"] * 5 + ["RENAL"] * 9 + ["BREAST"] * 9 + ["MELANOMA"] * 8 + ["COLON"] * 33
    (folder / "NCI60labs.csv").write_text('"label"\n' + "".join(f'"{label}"\n' for label in labels))
    X = np.random.default_rng(5).normal(size=(64, 80))
    X[23:31, :3] += 3
    np.save(folder / "NCI60data.npy", X)
    return folder


@pytest.mark.parametrize("seed", range(5))
def test_nci60_folds_are_dealt_by_tumour_type(little_nci60, seed):
    problem = datasets.nci60(little_nci60, seed)
    assert problem.y.sum() == 8
    assert problem.X.shape == (64, 80)
    assert max(np.bincount(problem.cv[problem.y == 1])) == 1
    assert len(set(problem.cv)) == 10
    for rows in datasets.SAME_CELL_LINE:
        assert len(set(problem.cv[list(rows)])) == 1


def test_demo_runs_both_problems(cli, little_nci60, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "nci60_folder", lambda: little_nci60)
    code, out, err = cli("demo", "--out", "report", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert [d["name"] for d in document["datasets"]] == ["diabetes", "NCI60"]
    assert document["missing"] is None
    assert {row["feature"] for row in document["datasets"][1]["choices"]["min"]["coefficients"]} >= {"gene 1", "gene 2"}
    for folder in ("diabetes", "nci60"):
        assert {file.name for file in (tmp_path / "report" / folder).iterdir()} == REPORT


def test_demo_says_what_stands_in_for_nci60(monkeypatch):
    monkeypatch.setattr(datasets, "nci60_folder", lambda: None)
    (_, second), missing = datasets.demo_problems(0)
    assert "pip install --no-deps ISLP" in missing
    assert second.X.shape == (442, 1000)
    assert len(set(second.feature_names)) == 1000


def test_nci60_is_found_without_importing_islp(tmp_path, little_nci60, monkeypatch):
    package = tmp_path / "site" / "ISLP"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    little_nci60.rename(package / "data")
    monkeypatch.syspath_prepend(package.parent)
    assert datasets.nci60_folder() == package / "data"
    assert "ISLP" not in sys.modules
