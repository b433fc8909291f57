"""Checkpoints of a batch: what is finished is kept, whole, and only for the call and the data it belongs to."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import riata
from ragged_problems import ragged
from riata import checkpoint as checkpoint_module
from riata import many_calls
from riata.many_solve import solve_chunk

SMALL = {"cv": 3, "max_memory": 3e5}                   # several chunks


def kept(folder):
    return sorted(path.name for path in Path(folder).glob("*.npz"))


def span(name):
    """First problem of a file, and the one behind its last."""
    return tuple(map(int, name.removeprefix("problems-").removesuffix(".npz").split("-")))


def solved(monkeypatch):
    """A list of the numbers of the problems that are solved from now on."""
    seen = []

    def watched(chunk, first, *rest, **options):
        seen.extend(range(first, first + len(chunk.X)))
        return solve_chunk(chunk, first, *rest, **options)

    monkeypatch.setattr(many_calls, "solve_chunk", watched)
    return seen


@pytest.mark.parametrize("iterator", [False, True])
@pytest.mark.parametrize("options", [{"cv": 3, "keep_predictions": True}, {"alphas": 20}])
def test_a_rerun_takes_what_is_finished(tmp_path, monkeypatch, options, iterator):
    X, y = ragged(20)
    given = (lambda: (zip(X, y, strict=True),)) if iterator else (lambda: (X, y))
    folder = tmp_path / "ck"
    whole = riata.fit_batch(*given(), **options)
    first = riata.fit_batch(*given(), checkpoint=folder, max_memory=3e5 if "cv" in options else 2e4, **options)
    names = kept(folder)
    assert len(names) > 2
    (folder / names[1]).unlink()
    numbers = range(*span(names[1]))
    seen = solved(monkeypatch)
    again = riata.fit_batch(*given(), checkpoint=folder, max_memory=1e9, **options)
    assert sorted(seen) == list(numbers)               # nothing else is done twice
    for found in (first, again):
        for b in range(20):
            np.testing.assert_array_equal(found[b].coef, whole[b].coef)
        assert (found.message == whole.message).all()
    assert not list(folder.glob("*.unfinished"))


def test_another_call_is_refused_and_what_differs_is_named(tmp_path):
    X, y = ragged(8)
    riata.fit_batch(X, y, checkpoint=tmp_path / "ck", **SMALL)
    for options, words in (({"tol": 1e-8}, "tol was 1e-06 and is 1e-08"), ({"cv": 4}, "cv was 3 and is 4"),
                           ({"seed": 1}, "seed was 0"), ({"l1_ratio": 0.5}, "l1_ratio was 1.0"),
                           ({"select": "bic"}, "select was 'min'"),
                           ({"alphas": np.geomspace(1, 0.1, 5)}, "n_alphas was 100 and is 5")):
        with pytest.raises(ValueError, match=f"is of another batch: .*{words}"):
            riata.fit_batch(X, y, checkpoint=tmp_path / "ck", **{**SMALL, **options})
    with pytest.raises(ValueError, match="problems was 8 and is 7"):
        riata.fit_batch(X[1:], y[1:], checkpoint=tmp_path / "ck", **SMALL)
    other = [*y[:2], y[2] + 1e-9, *y[3:]]
    with pytest.raises(ValueError, match=r"the data of the problems 0 to . are not what they were"):
        riata.fit_batch(X, other, checkpoint=tmp_path / "ck", **SMALL)
    riata.fit_batch([np.asfortranarray(x) for x in X], y, checkpoint=tmp_path / "thread", n_threads=1, **SMALL)
    riata.fit_batch([np.asfortranarray(x) for x in X], y, checkpoint=tmp_path / "thread", n_threads=2, **SMALL)


def test_folders_that_are_no_checkpoint_are_refused(tmp_path):
    X, y = ragged(3)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file: give the name of a folder"):
        riata.fit_batch(X, y, cv=3, checkpoint=tmp_path / "file")
    with pytest.raises(ValueError, match=r"holds other files \(file\)"):
        riata.fit_batch(X, y, cv=3, checkpoint=tmp_path)
    riata.fit_batch(X, y, cv=3, checkpoint=tmp_path / "ck")
    name = kept(tmp_path / "ck")[0]
    (tmp_path / "ck" / name).write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"is damaged .* delete it"):
        riata.fit_batch(X, y, cv=3, checkpoint=tmp_path / "ck")
    (tmp_path / "ck" / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read: delete the folder"):
        riata.fit_batch(X, y, cv=3, checkpoint=tmp_path / "ck")


def test_a_full_disk_is_said_and_what_is_finished_is_kept(tmp_path, monkeypatch):
    X, y = ragged(20)
    whole = riata.fit_batch(X, y, **SMALL)
    real, count = os.fsync, [0]

    def full(handle):
        count[0] += 1
        if count[0] > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(checkpoint_module.os, "fsync", full)
    with pytest.raises(OSError, match=r"the disk is full. The . chunks? finished before are kept: make room"):
        riata.fit_batch(X, y, checkpoint=tmp_path / "ck", **SMALL)
    finished = kept(tmp_path / "ck")
    assert finished
    assert not list((tmp_path / "ck").glob("*.unfinished"))
    monkeypatch.setattr(checkpoint_module.os, "fsync", real)
    seen = solved(monkeypatch)
    np.testing.assert_array_equal(riata.fit_batch(X, y, checkpoint=tmp_path / "ck", **SMALL).data, whole.data)
    assert 0 < len(seen) < 20


def test_what_ran_out_of_time_is_not_kept(tmp_path):
    X, y = ragged(6)
    with pytest.warns(UserWarning, match="6 time_budget"):
        riata.fit_batch(X, y, checkpoint=tmp_path / "ck", time_budget=1e-9, **SMALL)
    assert kept(tmp_path / "ck") == []
    assert riata.fit_batch(X, y, checkpoint=tmp_path / "ck", **SMALL).failed == []


@pytest.mark.parametrize("shared", [False, True])
def test_targets_and_windows_of_one_design(tmp_path, shared):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(50, 30)), rng.normal(size=(50, 6))
    given = {"cv": 3, "alphas": 10} | ({} if shared else {"columns": [slice(b, b + 9) for b in range(6)]})
    one = riata.fit_batch(X, Y, checkpoint=tmp_path / "ck", max_memory=6e4 if shared else 1.5e4, **given)
    assert len(kept(tmp_path / "ck")) > 1
    two = riata.fit_batch(X, Y, checkpoint=tmp_path / "ck", **given)
    np.testing.assert_array_equal(one.data, two.data)
    X[0, 0] += 1
    with pytest.raises(ValueError, match="are not what they were"):
        riata.fit_batch(X, Y, checkpoint=tmp_path / "ck", **given)


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from ragged_problems import ragged
import riata
X, y = ragged(60)
riata.fit_batch(X, y, cv=3, max_memory=2e5, checkpoint={folder!r}, progress=lambda done, total: __import__("time").sleep(0.03))
"""


def test_kill_9_loses_nothing_and_does_nothing_twice(tmp_path, monkeypatch):
    folder = tmp_path / "ck"
    program = PROGRAM.format(tests=str(Path(__file__).parent), folder=str(folder))
    running = subprocess.Popen([sys.executable, "-c", program])
    try:
        deadline = time.monotonic() + 120
        while len(kept(folder)) < 3 and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    finished = [span(name) for name in kept(folder)]
    assert len(finished) >= 3
    json.loads((folder / "manifest.json").read_text())
    X, y = ragged(60)
    seen = solved(monkeypatch)
    found = riata.fit_batch(X, y, cv=3, max_memory=2e5, checkpoint=folder)
    before = {b for start, stop in finished for b in range(start, stop)}
    assert sorted(seen) == sorted(set(range(60)) - before)
    np.testing.assert_array_equal(found.data, riata.fit_batch(X, y, cv=3).data)
