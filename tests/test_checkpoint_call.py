"""Which calls a checkpoint takes for the same, and what it leaves alone in a folder."""

import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, PredefinedSplit

import riata
from riata import checkpoint
from riata.checkpoint_call import plain


@pytest.fixture
def problems():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(60, 3)) for _ in range(4)]
    return X, [A @ [1.0, -1.0, 0.5] + 0.1 * rng.normal(size=60) for A in X]


class Own:
    """A splitter without a text of its own."""

    def __init__(self, test):
        self.test = test

    def split(self, X, y=None, groups=None):
        rows = np.arange(len(X))
        return ((np.setdiff1d(rows, test), test) for test in self.test)


def thirds(shift):
    return np.array_split(np.roll(np.arange(60), shift), 3)


@pytest.mark.parametrize(("first", "second"), [
    ({"penalty_factor": [[1, 11, 1]] * 4}, {"penalty_factor": [[11, 1, 1]] * 4}),
    ({"cv": pd.Series(np.arange(60) % 3)}, {"cv": pd.Series(np.roll(np.arange(60) % 3, 30)[np.r_[:28, 40:60, 28:40]])}),
    ({"cv": PredefinedSplit(np.arange(60) % 3)}, {"cv": PredefinedSplit(np.r_[np.arange(57) % 3, 1, 2, 0])}),
    ({"cv": Own(thirds(0))}, {"cv": Own(thirds(7))}),
    ({"cv": riata.resampling.from_splitter(Own(thirds(0)), n_samples=60)},
     {"cv": riata.resampling.from_splitter(Own(thirds(7)), n_samples=60)}),
    ({"cv": riata.resampling.kfold(60, 3)}, {"cv": riata.resampling.kfold(60, 3, seed=1)})])
def test_arguments_that_differ_are_told_apart(tmp_path, problems, first, second):
    X, y = problems
    given = {"cv": 3, "checkpoint": tmp_path / "ck"}
    one = riata.fit_batch(X, y, **{**given, **first})
    again = riata.fit_batch(X, y, **{**given, **first})
    np.testing.assert_array_equal(one.data, again.data)
    with pytest.raises(ValueError, match="is of another batch"):
        riata.fit_batch(X, y, **{**given, **second})


def test_what_is_told_apart_in_plain_values():
    values = [[1, 11], [11, 1], ["1", 11], [[1], 11], [None, 11], np.array([1, 11]), np.array([1.0, 11.0]), {"a": 1}, {"a": 2},
              KFold(5), KFold(5, shuffle=True, random_state=0), KFold(6), np.random.RandomState(0), np.random.RandomState(1)]
    assert len({plain(value) for value in values}) == len(values)
    assert plain(pd.Series([1, 11])) == plain(np.array([1, 11]))
    assert plain({"x", "y", "z"}) == plain({"z", "y", "x"})


PROGRAM = """
import numpy as np, riata
class Own:
    def split(self, X, y=None, groups=None):
        rows = np.arange(len(X))
        return ((rows[rows % 3 != k], rows[rows % 3 == k]) for k in range(3))
rng = np.random.default_rng(0)
X = [rng.normal(size=(30, 3)) for _ in range(2)]
riata.fit_batch(X, [A[:, 0] for A in X], cv=Own(), checkpoint="ck")
"""


def test_another_process_knows_an_own_splitter_again(tmp_path):
    for _ in range(2):
        subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, check=True)


def test_nothing_of_others_is_deleted_or_in_the_way(tmp_path, problems):
    X, y = problems
    thesis = tmp_path / "thesis.unfinished"
    thesis.write_text("years of work")
    with pytest.raises(ValueError, match=r"holds other files \(thesis.unfinished\)"):
        riata.fit_batch(X, y, cv=3, checkpoint=tmp_path)
    assert thesis.read_text() == "years of work"
    thesis.unlink()
    fresh, stale = (tmp_path / f"problems-000000000-000000003.npz.{mark}.unfinished" for mark in ("ab", "cd"))
    for path in (fresh, stale):
        path.write_text("of another process")
    (tmp_path / "manifest.json.ef.unfinished").write_text("of one that begins at the same moment")
    os.utime(stale, (time.time() - 2 * checkpoint.STALE,) * 2)
    riata.fit_batch(X, y, cv=3, checkpoint=tmp_path)
    assert fresh.exists()
    assert not stale.exists()
    thesis.write_text("moved here")
    riata.fit_batch(X, y, cv=3, checkpoint=tmp_path)
    assert thesis.exists()


def test_two_processes_in_one_folder(tmp_path):
    code = PROGRAM.replace('checkpoint="ck"', 'checkpoint="ck", max_memory=1e3').replace("range(2)", "range(40)")
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=120) == (None, b"")
        assert process.returncode == 0
    assert not list((tmp_path / "ck").glob("*.unfinished"))


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.parametrize("kind", ["empty", "truncated", "foreign", "array"])
def test_damaged_chunks_are_named(tmp_path, problems, kind):
    X, y = problems
    riata.fit_batch(X, y, cv=3, checkpoint=tmp_path / "ck")
    path, = (tmp_path / "ck").glob("*.npz")
    data = path.read_bytes()
    path.write_bytes({"empty": b"", "truncated": data[:len(data) // 2]}.get(kind, b""))
    if kind == "foreign":
        np.savez(path, a=np.ones(3))
    elif kind == "array":
        np.save(path.with_suffix(".npy"), np.ones(3))
        path.with_suffix(".npy").replace(path)
    with pytest.raises(ValueError, match=rf"{path.name} is damaged .*: delete it, and these problems are solved again"):
        riata.fit_batch(X, y, cv=3, checkpoint=tmp_path / "ck")


def test_odd_folders_are_refused_by_a_sentence(tmp_path, problems):
    X, y = problems
    (tmp_path / "afile").write_text("")
    for given, error, words in ((True, TypeError, "checkpoint = True must be the name of a folder"),
                                (3, TypeError, "checkpoint = 3 must be"), ("", ValueError, "names no folder"),
                                (tmp_path / "afile" / "sub", OSError, "cannot be made .*give a folder")):
        with pytest.raises(error, match=words):
            riata.fit_batch(X, y, cv=3, checkpoint=given)
    riata.fit_batch(X, y, cv=3, checkpoint=tmp_path / "ck")
    with pytest.raises(ValueError, match="shapes differs"):
        riata.fit_batch([A[:, :2] for A in X], y, cv=3, checkpoint=tmp_path / "ck")
    (tmp_path / "ck" / "manifest.json").write_text("[1]")
    with pytest.raises(ValueError, match="cannot be read: delete the folder"):
        riata.fit_batch(X, y, cv=3, checkpoint=tmp_path / "ck")


@pytest.mark.parametrize(("number", "remedy"), [("EFBIG", "allow larger files"), ("EROFS", "give a folder that can be written"),
                                                ("EIO", "mend that")])
def test_a_write_that_fails_names_its_own_remedy(tmp_path, problems, monkeypatch, number, remedy):
    import errno

    X, y = problems
    code = getattr(errno, number)

    def failing(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(checkpoint.os, "fsync", failing)
    with pytest.raises(OSError, match=remedy) as raised:
        riata.fit_batch(X, y, cv=3, checkpoint=tmp_path / "ck")
    assert "make room" not in str(raised.value)
    assert not list((tmp_path / "ck").iterdir())
