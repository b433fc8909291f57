"""Finished parts of a long batch, kept in a folder, so that a call that was cut off goes on where it stopped.

Every finished chunk of problems is a file of its own: written under a temporary name, synchronised, and renamed, so that it is
there as a whole or not at all. ``manifest.json`` says which call they belong to; each file holds the digest of its data.
"""

import errno
import json
import os
import re
import time
import zipfile
import zlib
from contextlib import suppress
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import numpy as np

MANIFEST = "manifest.json"
NAME = re.compile(r"problems-(\d+)-(\d+)\.npz")
TEMPORARY = ".unfinished"
#: files that are being written, of this process or another; nothing else is ever deleted
UNFINISHED = re.compile(r"(manifest\.json|problems-\d+-\d+\.npz)(\.[0-9a-f]+)?\.unfinished")
#: seconds without a change after which such a file is that of a call that was killed
STALE = 3600.0
REMEDIES = {errno.ENOSPC: "make room", errno.EDQUOT: "make room", errno.EFBIG: "allow larger files (ulimit -f)",
            errno.EACCES: "make the folder one that you may write to", errno.EROFS: "give a folder that can be written to"}


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
    TypeError, ValueError
        If it is no name of a folder, or the folder holds other files or another batch, naming what differs.
    OSError
        If it cannot be made or written to.
    """

    def __init__(self, directory, call):
        self.directory = _made(directory)
        manifest = self.directory / MANIFEST
        names = sorted(path.name for path in self.directory.iterdir())
        if MANIFEST not in names:
            others = [name for name in names if not UNFINISHED.fullmatch(name)]
            if others:
                raise ValueError(f"checkpoint = {str(directory)!r} holds other files ({others[0]}) and no {MANIFEST}: give an "
                                 "empty or a new folder")
            self.finished = {}
            self._write(manifest, json.dumps(call, indent=1).encode())
        self._refuse_another(manifest, call)           # also one that began at the same moment
        for name in filter(UNFINISHED.fullmatch, names):
            _delete_stale(self.directory / name)
        found = (NAME.fullmatch(path.name) for path in sorted(self.directory.iterdir()))
        self.finished = {int(match[1]): int(match[2]) for match in found if match}

    def _refuse_another(self, manifest, call):
        try:
            known = json.loads(manifest.read_text(encoding="utf-8"))
            if not isinstance(known, dict):
                raise ValueError("no JSON object")
        except (OSError, ValueError):
            raise ValueError(f"{manifest} cannot be read: delete the folder {self.directory} to begin anew") from None
        call = json.loads(json.dumps(call))
        differing = [name for name in {**known, **call} if known.get(name) != call.get(name)]
        if differing:
            said = "; ".join(_difference(name, known.get(name), call.get(name)) for name in differing[:5])
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
            with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                store = {name: file[name] for name in file.files}
            known = store.pop("digest").tobytes().decode()
            sentences = json.loads(store.pop("sentences").tobytes().decode())
            store["message"] = np.full(self.finished[start] - start, "", object)
            for b, sentence in sentences.items():
                store["message"][int(b)] = sentence
            if len(store["status"]) != len(store["message"]):
                raise ValueError(f"it holds {len(store['status'])} problems")
        except (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError, zipfile.BadZipFile,
                zlib.error) as error:                  # whatever bytes may stand there
            raise ValueError(f"{path} is damaged ({error}): delete it, and these problems are solved again") from error
        if known != digest:
            raise ValueError(f"checkpoint = {str(self.directory)!r} is of another batch: the data of the problems {start} to "
                             f"{self.finished[start] - 1} are not what they were. Give the same data to go on with it, or "
                             f"another folder")
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
        # a name of its own, so that two processes with one folder do not write into one file
        temporary = path.with_name(f"{path.name}.{uuid4().hex}{TEMPORARY}")
        try:
            try:
                with open(temporary, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
                _synchronise(self.directory)
            finally:
                if temporary.exists():                 # of a write that failed, or that Ctrl-C ended
                    temporary.unlink()
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            why, kept = "the disk is full" if full else error.strerror or str(error), len(self.finished)
            raise OSError(error.errno, f"cannot write {path}: {why}. The {kept} chunk{'s' * (kept != 1)} finished before are "
                          f"kept: {REMEDIES.get(error.errno, 'mend that')}, and the same call goes on from there") from error


def _made(directory):
    """The folder, made if it is not there."""
    if not isinstance(directory, (str, os.PathLike)):
        raise TypeError(f"checkpoint = {directory!r} must be the name of a folder")
    if not str(directory):
        raise ValueError("checkpoint = '' names no folder: give the name of one")
    folder = Path(directory)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"checkpoint = {str(directory)!r} is a file: give the name of a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"checkpoint = {str(directory)!r} cannot be made ({error.strerror}): give a folder that "
                      "can be written to") from error
    return folder


def _delete_stale(path):
    """Delete what a killed call left; a file that changed lately is another process's."""
    with suppress(OSError):                            # just finished, or not ours to delete: it harms nobody
        if time.time() - path.stat().st_mtime > STALE:
            path.unlink()


def _difference(name, known, given):
    if any(isinstance(value, str) and value.startswith("#") for value in (known, given)):
        return f"{name} differs"                       # digests, which tell a person nothing
    return f"{name} was {known!r} and is {given!r}"


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
