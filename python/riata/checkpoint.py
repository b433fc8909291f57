"""Finished parts of a long batch, kept in a folder, so that a call that was cut off goes on where it stopped.

Every finished chunk of problems is a file of its own: written under a temporary name, synchronised, and renamed, so that it is
there as a whole or not at all. ``manifest.json`` says which call they belong to; each file holds the digest of its data.
"""

import errno
import json
import os
import re
import zipfile
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

import numpy as np

MANIFEST = "manifest.json"
NAME = re.compile(r"problems-(\d+)-(\d+)\.npz")
TEMPORARY = ".unfinished"


class Checkpoint:
    """The folder of one batch.

    Parameters
    ----------
    directory : path
        Made if it is not there; a folder with other files in it is refused.
    call : dict of str to (str, number or None)
        What identifies the call.

    Attributes
    ----------
    finished : dict of int to int
        First problem of each finished chunk -> the one behind its last.

    Raises
    ------
    ValueError
        If the folder holds another batch, naming what differs.
    """

    def __init__(self, directory, call):
        self.directory = Path(directory)
        if self.directory.exists() and not self.directory.is_dir():
            raise ValueError(f"checkpoint = {str(directory)!r} is a file: give the name of a folder")
        self.directory.mkdir(parents=True, exist_ok=True)
        manifest = self.directory / MANIFEST
        for left in self.directory.glob(f"*{TEMPORARY}"):
            left.unlink()                              # of a call that was killed while it wrote
        if manifest.exists():
            self._refuse_another(manifest, call)
        else:
            others = sorted(path.name for path in self.directory.iterdir())
            if others:
                raise ValueError(f"checkpoint = {str(directory)!r} holds other files ({others[0]}) and no {MANIFEST}: give an "
                                 "empty or a new folder")
            self._write(manifest, json.dumps(call, indent=1).encode())
        found = (NAME.fullmatch(path.name) for path in self.directory.iterdir())
        self.finished = {int(match[1]): int(match[2]) for match in found if match}

    def _refuse_another(self, manifest, call):
        try:
            known = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError:
            raise ValueError(f"{manifest} cannot be read: delete the folder {self.directory} to begin anew") from None
        call = json.loads(json.dumps(call))
        differing = [name for name in {**known, **call} if known.get(name) != call.get(name)]
        if differing:
            said = "; ".join(f"{name} was {known.get(name)!r} and is {call.get(name)!r}" for name in differing[:5])
            raise ValueError(f"checkpoint = {str(self.directory)!r} is of another batch: {said}. Give the same call to go on "
                             "with it, or another folder")

    def next_start(self, start):
        """The first finished chunk at or behind a problem, or None."""
        return min((first for first in self.finished if first >= start), default=None)

    def load(self, start, digest):
        """The store of the chunk that begins at a problem.

        Raises
        ------
        ValueError
            If its data were others, or the file is damaged.
        """
        path = self._path(start, self.finished[start])
        try:
            with np.load(path, allow_pickle=False) as file:
                store = {name: file[name] for name in file.files}
        except (OSError, ValueError, zipfile.BadZipFile, KeyError) as error:
            raise ValueError(f"{path} is damaged ({error}): delete it, and these problems are solved again") from error
        if store.pop("digest").tobytes().decode() != digest:
            raise ValueError(f"checkpoint = {str(self.directory)!r} is of another batch: the data of the problems {start} to "
                             f"{self.finished[start] - 1} are not what they were. Give the same data to go on with it, or "
                             f"another folder")
        sentences = json.loads(store.pop("sentences").tobytes().decode())
        store["message"] = np.full(len(store["status"]), "", object)
        for b, sentence in sentences.items():
            store["message"][int(b)] = sentence
        return store

    def save(self, start, stop, store, digest):
        """Write a finished chunk.

        Raises
        ------
        OSError
            If the disk is full, say; what was finished before is kept.
        """
        sentences = {str(b): store["message"][b] for b in np.flatnonzero(store["message"] != "")}
        buffer = BytesIO()
        np.savez(buffer, **{name: values for name, values in store.items() if name != "message"},
                 digest=np.frombuffer(digest.encode(), np.uint8),
                 sentences=np.frombuffer(json.dumps(sentences).encode(), np.uint8))
        self._write(self._path(start, stop), buffer.getbuffer())
        self.finished[start] = stop

    def _path(self, start, stop):
        return self.directory / f"problems-{start:09d}-{stop:09d}.npz"

    def _write(self, path, data):
        temporary = path.with_name(path.name + TEMPORARY)
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _synchronise(self.directory)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            why = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
            kept = sum(1 for name in os.listdir(self.directory) if NAME.fullmatch(name))
            raise OSError(error.errno, f"cannot write {path}: {why}. The {kept} chunk{'s' * (kept != 1)} finished before "
                          "are kept: make room, and the same call goes on from there") from error


def _synchronise(directory):
    """Make a rename in a folder last, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Digests:
    """Digests of chunks: of the bytes, shapes and dtypes of all that each problem has. What all share is read once."""

    def __init__(self, shared=()):
        self.known = {id(array): digest_of(array) for array in shared}
        self.shared = shared                           # kept, so that no other array gets its id

    def of(self, chunk):
        """Hexadecimal digest of a `riata.many_sources.Chunk`."""
        total, seen = blake2b(digest_size=16), dict(self.known)
        for items in (chunk.X, chunk.y, chunk.weights, chunk.offset):
            for array in items or ():
                digest = seen.get(id(array))
                if digest is None:
                    digest = seen[id(array)] = digest_of(array)
                total.update(digest)
        return total.hexdigest()


def digest_of(array):
    """16 bytes that identify an array, a sparse matrix, or None."""
    total = blake2b(digest_size=16)
    if array is None:
        return total.digest()
    if not isinstance(array, np.ndarray):
        array = array.tocsc()
        parts = (np.array(array.shape, np.int64), array.indptr.astype(np.int64), array.indices.astype(np.int64), array.data)
    else:
        parts = (array,)
    for part in parts:
        total.update(f"{part.dtype.str}{part.shape}".encode())
        if part.ndim == 2 and not part.flags.c_contiguous:
            part = part.T                              # by columns, whatever the layout: two copies of a matrix are told apart
            total.update(b"columns")
        total.update(np.ascontiguousarray(part).data)
    return total.digest()
