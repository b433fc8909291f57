"""What a batch says: attributes, messages and warnings that name the right thing, and files that are written as asked."""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, ShuffleSplit

import riata
from riata import many_run
from riata_engine.batch import Interrupted


@pytest.fixture
def problems():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(60, 3)) for _ in range(3)]
    return X, [A @ [1.0, -1.0, 0.5] + 0.1 * rng.normal(size=60) for A in X]


def test_predictions_that_were_not_kept_are_told_how_to_keep(problems):
    model = riata.fit_batch(*problems, cv=3)[0]
    with pytest.raises(AttributeError, match="give keep_predictions=True to"):
        _ = model.oof_prediction
    assert not hasattr(model, "oof_prediction")


def test_dir_shows_what_there_is(problems):
    models, paths = riata.fit_batch(*problems, cv=3), riata.fit_batch(*problems)
    for found, names in ((models, ("alpha", "cv_score", "indices", "message", "status", "to_frame")),
                         (models[0], ("alpha", "cv_r2", "status", "message", "coef")), (paths, ("alphas", "bic", "gap"))):
        assert {*names} <= {*dir(found)}
        for name in dir(found):
            if not name.startswith("_") and name != "oof_prediction":
                getattr(found, name)


def test_empty_slices_print_plainly(problems):
    assert repr(riata.fit_batch(*problems, cv=3)[:0]) == "BatchModels(0 problems, rule='min')"
    assert repr(riata.fit_batch(*problems)[:0]) == "BatchPaths(0 paths)"


@pytest.mark.parametrize("options", [{"select": "bic"}, {}])
def test_ctrl_c_within_a_chunk_says_so_for_what_it_did_not_begin(problems, monkeypatch, options):
    from riata import many_solve

    def stopped(ragged, **rest):
        ragged.time_budget = 1e-12                     # ends as Ctrl-C does: what was not begun is skipped
        found = real(ragged, **rest)
        for status in (found.status, found.fold_status):
            if status is not None:
                status[:] = many_run.SKIPPED
        raise Interrupted(found)

    real = many_solve.solve_ragged
    monkeypatch.setattr(many_solve, "solve_ragged", stopped)
    with pytest.raises(Interrupted) as raised:
        riata.fit_batch(*problems, **options)
    assert set(raised.value.result.message) == {"Ctrl-C came before it"}


def test_labels_behind_a_time_budget_are_not_called_too_many(problems):
    X, y = problems
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = riata.fit_batch(zip(X * 30, y * 30, strict=True), cv=3, labels=range(90), time_budget=1e-9, max_memory=1e4)
    assert len(found) < 90
    assert not [w for w in said if "the last name none" in str(w.message)]
    with pytest.warns(UserWarning, match="labels has 4 entries and X gave 3 problems"):
        riata.fit_batch(zip(X, y, strict=True), cv=3, labels=range(4))


def test_pairs_of_rows_are_folds_of_one_design(problems):
    X, y = problems
    ids = riata.fit_batch(X[0], np.c_[y[0], y[1]], cv=KFold(5))
    for cv in (list(KFold(5).split(X[0])), KFold(5).split(X[0]), tuple(KFold(5).split(X[0]))):
        np.testing.assert_array_equal(riata.fit_batch(X[0], np.c_[y[0], y[1]], cv=cv).data, ids.data)
    np.testing.assert_array_equal(riata.fit_batch(X, y, cv=KFold(5).split(X[0])).data, riata.fit_batch(X, y, cv=KFold(5)).data)
    used = KFold(5).split(X[0])
    list(used)
    for given, words in (((X[0], y[0], used), "gives no folds: a generator gives them once"),
                         (([X[0], X[1][:50]], [y[0], y[1][:50]], KFold(5).split(X[0])), "rows of its own: give an int"),
                         ((zip(X, y, strict=True), None, KFold(5).split(X[0])), "rows of its own"),
                         ((X[0], y[0], [(np.arange(10), np.arange(10, 20))]), "does not train on all the rows"),
                         ((X[0], y[0], list(ShuffleSplit(3, random_state=0).split(X[0]))), "in two folds")):
        with pytest.raises(ValueError, match=words):
            riata.fit_batch(*given[:2], cv=given[2])


def test_nan_in_a_table_names_its_column_and_the_warning_is_of_nan(problems):
    X, y = problems
    table = pd.DataFrame(X[1], columns=["a", "b", "c"])
    table.loc[3, "c"] = np.nan
    with pytest.warns(UserWarning, match="1 not_finite .X or y has NaN or infinite values, or"):
        found = riata.fit_batch([X[0], table], y[:2], cv=3)
    assert found.message[1] == "X has NaN or infinite values in column 'c' (index 2)"


def test_parquet_is_written_where_it_should_be(problems, tmp_path):
    models = riata.fit_batch(*problems, cv=3)
    real, link = tmp_path / "real.parquet", tmp_path / "link.parquet"
    real.write_text("old")
    link.symlink_to(real)
    models.to_parquet(link)
    assert link.is_symlink()
    assert len(riata.BatchModels.from_parquet(real)) == 3
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    for name, words in (("pipe", "this is a device, a pipe"), ("device", "this is a device, a pipe"), ("", "this is a folder"),
                        ("nodir/x.parquet", "there is no folder .*nodir.: make it first")):
        with pytest.raises(OSError, match=words):
            models.to_parquet(tmp_path / name)
    assert not os.path.isfile("/dev/null")
    assert sorted(os.listdir(tmp_path)) == ["device", "link.parquet", "pipe", "real.parquet"]


def test_a_full_disk_names_the_file(problems, tmp_path, monkeypatch):
    import errno

    import pyarrow.parquet

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "Error writing bytes to file")

    monkeypatch.setattr(pyarrow.parquet, "write_table", full)
    with pytest.raises(OSError, match=r"cannot write, the disk is full: make room: '.*m.parquet'"):
        riata.fit_batch(*problems, cv=3).to_parquet(tmp_path / "m.parquet")
    assert not list(tmp_path.iterdir())


def test_flipped_bytes_are_found(problems, tmp_path):
    path = tmp_path / "m.parquet"
    models = riata.fit_batch(*problems, cv=3)
    models.to_parquet(path)
    data = path.read_bytes()
    refused = 0
    for at in np.linspace(0, len(data) - 1, 60).astype(int):
        path.write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1:])
        try:
            found = riata.BatchModels.from_parquet(path)
        except ValueError as error:
            refused += str(path) in str(error)
            continue
        for name in models.store:                      # it was in what other programs read only
            np.testing.assert_array_equal(found.store[name], models.store[name])
    assert refused > 30
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: .*none.parquet"):
        riata.BatchModels.from_parquet(tmp_path / "none.parquet")
