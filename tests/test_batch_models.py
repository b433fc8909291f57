"""One model for each of many problems: a column store that numbers, slices, joins and is written to Parquet."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import riata
from ragged_problems import ragged
from riata.batch_models import STATISTICS


@pytest.fixture(scope="module")
def models():
    X, y = ragged(9, seed=2)
    y[4][:] = np.nan
    with pytest.warns(UserWarning, match="1 of 9 problems"):
        return riata.fit_batch(X, y, l1_ratio=0.5, cv=4, keep_predictions=True, labels=[f"gene{b}" for b in range(9)])


def same(one, other):
    for name in (*STATISTICS, "data", "indices", "message"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert (one.status == other.status).all()
    assert one.labels == other.labels
    assert one.rule == other.rule
    np.testing.assert_array_equal(one.store["prediction"], other.store["prediction"])


def test_numbers_labels_slices_and_masks(models):
    assert len(models) == 9
    assert models["gene7"].alpha == models[7].alpha == models[-2].alpha == models.alpha[7]
    assert models[7].label == "gene7"
    part = models[2:5]
    assert part.labels == ["gene2", "gene3", "gene4"]
    np.testing.assert_array_equal(part[0].coef, models[2].coef)
    np.testing.assert_array_equal(part["gene3"].oof_prediction, models[3].oof_prediction)
    assert models[models.n_selected > 2].n_selected.min() > 2
    assert models[["gene5", "gene1"]].labels == ["gene5", "gene1"]
    assert models[::-1].labels == models.labels[::-1]
    assert len(models[:0]) == 0
    assert [model.label for model in models] == models.labels
    for bad, error in (("gene99", KeyError), (9, IndexError), (1.5, TypeError), (np.ones(3, bool), IndexError),
                       ([20], IndexError)):
        with pytest.raises(error):
            models[bad]


def test_status_failed_and_messages(models):
    assert models.status.value_counts() == {"converged": 8, "skipped": 1}
    assert models.failed == ["gene4"]
    assert models["gene4"].message == "every target is missing"
    assert np.isnan(models["gene4"].coef).all()
    with pytest.raises(ValueError, match="problem 'gene4' has no model to predict with: every target is missing"):
        models["gene4"].predict(np.ones((2, int(models.n_features[4]))))


def test_coefficients_predict(models):
    X, _ = ragged(9, seed=2)
    model = models[3]
    np.testing.assert_allclose(model.predict(X[3]), X[3] @ model.coef + model.intercept)
    np.testing.assert_allclose(model.predict(X[3], offset=np.ones(len(X[3]))), X[3] @ model.coef + model.intercept + 1)
    with pytest.raises(ValueError, match="the model was fitted on"):
        model.predict(np.ones((3, 40)))
    assert model.n_selected == np.count_nonzero(model.coef)


def test_concat_and_what_it_refuses(models):
    same(riata.concat([models[:4], models[4:4], models[4:]]), models)
    for parts, words in (([models, models[:1]], "'gene0' occurs in more than one"), ([], "at least one")):
        with pytest.raises(ValueError, match=words):
            riata.concat(parts)
    X, y = ragged(2)
    for options, words in (({"select": "1se", "cv": 4, "keep_predictions": True}, "differ in rules"),
                           ({"cv": 4}, "differ in has_predictions"), ({"cv": 4, "keep_predictions": True}, "result 1 has no "
                                                                                                           "labels")):
        with pytest.raises(ValueError, match=words):
            riata.concat([models, riata.fit_batch(X, y, **options)])


def test_frames(models):
    frame = models.to_frame()
    assert frame["problem"].tolist() == models.labels
    assert list(frame.columns) == ["problem", "status", "message", *STATISTICS]
    long = models.to_frame(coef=True)
    assert len(long) == models.n_selected.sum()
    first = long[long["problem"] == "gene0"]
    np.testing.assert_array_equal(models["gene0"].coef[first["feature"]], first["coef"])


def test_parquet_gives_everything_back(models, tmp_path):
    models.to_parquet(tmp_path / "genes.parquet")
    again = riata.BatchModels.from_parquet(tmp_path / "genes.parquet")
    same(again, models)
    np.testing.assert_array_equal(again["gene3"].coef, models["gene3"].coef)
    frame = pd.read_parquet(tmp_path / "genes.parquet")          # what others see
    np.testing.assert_array_equal(frame["coef"][0], models.data[:models.n_selected[0]])
    assert list(tmp_path.iterdir()) == [tmp_path / "genes.parquet"]


@pytest.mark.parametrize("kind", ["own", "shared", "picked"])
def test_names_of_features_come_back(kind, tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 5)), rng.normal(size=40)
    y += X[:, 1] + X[:, 3]
    table = pd.DataFrame(X, columns=list("abcde"))
    found = {"own": lambda: riata.fit_batch([table, X], [y, y], cv=4),
             "shared": lambda: riata.fit_batch(table, np.c_[y, y], cv=4),
             "picked": lambda: riata.fit_batch(table, y, columns=[["d", "b"], slice(0, 2)], cv=4)}[kind]()
    expected = {"own": [list("abcde"), None], "shared": [list("abcde")] * 2, "picked": [["d", "b"], ["a", "b"]]}[kind]
    found.to_parquet(tmp_path / "m.parquet")
    again = riata.BatchModels.from_parquet(tmp_path / "m.parquet")
    both = riata.concat([found, again])
    for result in (found, again, both, found[:], again[::1]):
        assert [model.feature_names for model in result][:2] == expected
    assert both[2].feature_names == expected[0]
    if kind == "shared":
        np.testing.assert_array_equal(found.coef_matrix().toarray(), [model.coef for model in found])
    else:
        with pytest.raises(ValueError, match="features of their own"):
            found.coef_matrix()
    assert set(found.to_frame(coef=True)["name"]) <= {*"abcde", *"01234"}


def test_other_files_are_refused(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="holds a table, but none of models"):
        riata.BatchModels.from_parquet(tmp_path / "other.parquet")
    (tmp_path / "no.parquet").write_text("no")
    with pytest.raises(ValueError, match="is no Parquet file"):
        riata.BatchModels.from_parquet(tmp_path / "no.parquet")


def test_without_pyarrow_the_error_says_how_to_get_it(models, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match="pip install"):
        models.to_parquet(tmp_path / "m.parquet")


def test_summary_and_repr(models):
    assert repr(models).startswith("BatchModels(9 problems, rule='min', 8 converged, 1 skipped")
    assert "gene4: every target is missing" in models.summary()
    assert "BatchModel('gene3', converged" in repr(models["gene3"])


def test_a_batch_loads_no_heavy_library():
    code = ("import sys, numpy as np, riata\nX = [np.random.default_rng(0).normal(size=(30, 3))] * 2\n"
            "riata.fit_batch(X, [x[:, 0] + 1.0 for x in X], cv=3)\n"
            "print([m for m in ('pandas', 'polars', 'pyarrow', 'sklearn', 'tqdm', 'rich') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_paths_number_slice_and_count():
    X, y = ragged(6)
    paths = riata.fit_batch(X, y, alphas=7, labels=list("abcdef"))
    assert paths.status.value_counts() == {"converged": 42}
    assert paths["c"].alphas.tolist() == paths.alphas[2].tolist()
    part = paths[np.arange(6) % 2 == 1]
    assert part.labels == ["b", "d", "f"]
    np.testing.assert_array_equal(part["d"].coef, paths[3].coef)
    assert len(paths.to_frame()) == 42
    assert paths.bic.shape == (6, 7)
    assert "BatchPaths(6 paths" in repr(paths)
    with pytest.raises(ValueError, match="for 'min' and '1se' give cv"):
        paths.select("min")
    one = riata.fit_batch(X[0], np.c_[y[0], y[0]], alphas=5)
    assert one.status.value_counts() == {"converged": 10}
    assert one.failed == []
