"""The scripts of examples/ run, and their results are what they say."""

import importlib.util
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run(name, *arguments):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main(*arguments)


def test_every_example_is_run_here():
    tested = Path(__file__).read_text(encoding="utf-8")
    for script in EXAMPLES.glob("*.py"):
        assert f'run("{script.stem}"' in tested


def test_one_model_per_target(capsys):
    batch, scores = run("one_model_per_target")
    assert len(batch) == 32
    assert (batch.status == "converged").all()
    assert batch.gap.max() <= 1e-6
    assert np.nanmax(scores) > 0.5
    assert f"median R² {np.nanmedian(scores):.3f}" in capsys.readouterr().out


def test_one_model_per_series(capsys):
    models, scores = run("one_model_per_series", 20)
    assert len(models) == 20
    assert models.status.value_counts() == {"converged": 19, "skipped": 1}
    assert models.failed == ["product0"]
    assert "cannot make 5 folds" in models["product0"].message
    assert np.median(scores) > 0.3
    assert f"median R² one day ahead {np.median(scores):.3f}" in capsys.readouterr().out


def test_nested_cv_diabetes(capsys):
    cv, nested = run("nested_cv_diabetes")
    assert len(nested.folds) == 10
    assert not np.isnan(nested.oof_prediction).any()
    assert nested.deviance.shape == (10,)
    assert 0.4 < nested.r2.mean() < 0.55
    assert cv.deviance_mean[cv.index_min] < cv.deviance_mean.max()
    assert "NestedCVResult(10 outer folds" in capsys.readouterr().out


def test_readme_plot(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    pytest.importorskip("polars")
    image = tmp_path / "path.png"
    cv = run("readme_plot", image)
    assert image.read_bytes().startswith(b"\x89PNG")
    assert all((path.gap <= 1e-6).all() for path in cv.paths)
    assert "1se" in capsys.readouterr().out


def test_stability_selection(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    pytest.importorskip("polars")
    image = tmp_path / "stability.png"
    selection = run("stability_selection", 20, image)
    assert image.read_bytes().startswith(b"\x89PNG")
    assert selection.gap_ <= 1e-6
    assert selection.n_entered_.max() <= selection.q_ == 20
    assert 1 <= selection.n_selected_ <= 20
    assert selection.pfer_ <= 0.2
    assert "of them by chance" in capsys.readouterr().out


def test_one_model_per_gene(capsys):
    models, nested = run("one_model_per_gene", 4, 80, (40, 140))
    assert len(models) == len(nested) == 4
    assert (models.gap <= 1e-6).all()
    assert models["gene2"].coef.shape == models[2].coef.shape
    assert np.isfinite(nested).all()
    assert "nested R²: median" in capsys.readouterr().out


def test_transfer_recogniser(capsys, tmp_path):
    for package in ("onnx", "onnxruntime", "matplotlib", "rapidocr_onnxruntime"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: `make models` fetches the recogniser and what runs it")
    image = tmp_path / "transfer.png"
    found = run("transfer_recogniser", (3, 20), 3, 400, image)
    assert image.read_bytes().startswith(b"\x89PNG")
    mean = {case: scores.mean() for case, scores in found.items()}
    # over all images and five draws it is ahead by .16 with three images of each digit, and behind by .08 to .29 on ink
    assert mean["which digit", "recogniser", 3] > mean["which digit", "raw pixels", 3] + 0.08
    assert mean["much ink", "recogniser", 20] < mean["much ink", "raw pixels", 20] - 0.05
    assert "which digit,   3 images per class, recogniser: accuracy" in capsys.readouterr().out


def test_transfer_recogniser_says_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rapidocr_onnxruntime" else find_spec(name))
    assert run("transfer_recogniser") is None
    assert "make models" in capsys.readouterr().out


def test_transfer_digits(capsys):
    means = run("transfer_digits", 3, 3)
    assert f"new head: accuracy {means['new head']:.3f} ±" in capsys.readouterr().out
    # what 0 to 4 have taught is worth more than drawn features, .05 in the mean of five draws, and level with a new network
    assert means["new head"] > means["drawn features"] + 0.01
    assert abs(means["new head"] - means["from nothing"]) < 0.05
    assert abs(means["fine-tuned"] - means["from nothing"]) < 0.05
