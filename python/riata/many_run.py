"""A batch chunk by chunk: within a memory limit and a time budget, with checkpoints, and with what is done after Ctrl-C."""

import time

import numpy as np

from riata.checkpoint import Checkpoint, Digests
from riata.columns import joined, put, room_for
from riata.feature_names import joined_names
from riata.many_solve import SKIPPED, TIME_BUDGET, blank
from riata.status import MEANING
from riata_engine.memory import free_memory

#: bytes that a chunk of models may take where more is free: a larger one is no faster, and more is held at once
CHUNK = 2.0 ** 28
#: estimated operations of a chunk that a checkpoint keeps: a second or so, which is what a kill may cost
KEPT = 4e9
BEFORE = "Ctrl-C came before it"


class Limits:
    """How many problems a chunk takes.

    Parameters
    ----------
    rules : Rules
    max_memory : float or None
        Bytes beside X and the result; None for half of what is free.
    gathered : bool
        Whether the rows or columns of each problem are copied.
    kept : bool
        Whether finished chunks go into a checkpoint.
    paths_beside : int
        Paths for each problem that are held beside its own: those of folds that share a matrix.
    """

    def __init__(self, rules, max_memory, gathered, kept, paths_beside=0):
        self.rules, self.gathered, self.kept, self.paths = rules, gathered, kept, paths_beside + 1
        self.room = max_memory if max_memory is not None else 0.5 * free_memory()
        if rules.select is not None:
            self.room = min(self.room, CHUNK) if max_memory is None else self.room

    def bytes_of(self, n, p):
        """What one problem takes in a chunk, or an array of what each does."""
        L, folds = self.rules.L, 0
        if self.rules.folds is not None:
            folds = self.rules.folds.K or 10
        rows = n * L if self.rules.keep_predictions else 0
        return 8.0 * (2 * L * p * self.paths + L * (30 + 6 * folds) + 2 * rows + 4 * n + (n * p if self.gathered else 0))

    def share_of(self, n, p):
        """How much of a chunk one problem is, or an array of what each is."""
        share = self.bytes_of(n, p) / self.room
        if self.kept:
            folds = 1 if self.rules.folds is None else 10
            work = n * p * (p + 5.0) + folds * 10.0 * self.rules.L * np.minimum(n, p) * p + 2e4 * self.rules.L
            share = np.maximum(share, work / KEPT)
        return share

    def stop(self, source, start, end):
        """Where the chunk that begins at `start` ends, `end` at the latest; it has one problem at least."""
        count = end - start
        size = min(count, 4096)
        while True:                                    # looks at no more sizes than it needs
            n, p = source.sizes(start, start + size)
            fit = int(np.searchsorted(np.cumsum(self.share_of(n.astype(float), p.astype(float))), 1.0, side="right"))
            if fit < size or size == count:
                return start + min(max(fit, 1), count)
            size = min(count, 4 * size)


def run(source, rules, solve, finish, *, limits, checkpoint=None, call=None, shared=(), report=None, deadline=None):
    """Solve all problems of a source.

    Parameters
    ----------
    source : a class of `riata.many_sources`
    rules : Rules
    solve : callable
        As `riata.many_solve.solve_chunk`.
    finish : callable
        What is made of the store of a chunk at once: models, say.
    limits : Limits
    checkpoint, call : path and dict, optional
        See `riata.checkpoint.Checkpoint`.
    shared : tuple of arrays
        Held by all problems.
    report : callable, optional
        ``report(done)`` in problems.
    deadline : float, optional
        On the clock of ``time.monotonic``.

    Returns
    -------
    store : dict
    names : FeatureNames
    interrupted : bool
    cut_off : bool
        Whether the time budget ended it: an iterator may have given more.
    """
    kept = None if checkpoint is None else Checkpoint(checkpoint, call)
    digests = None if kept is None else Digests(shared)
    parts = _Parts(source, rules)
    start, interrupted, cut_off = 0, False, False

    try:
        while source.B is None or start < source.B:
            over = deadline is not None and time.monotonic() >= deadline
            known = None if kept is None else kept.finished.get(start)
            behind = None if kept is None else kept.next_start(start)
            if over and behind is None and (source.B is not None or parts.count):
                cut_off = True
                break
            if source.B is None:
                count = known - start if known else None if behind is None else behind - start
                chunk = source.take(count, None if known else limits.share_of)
                if chunk is None:
                    break
                stop = start + len(chunk.X)
            else:
                stop = known or limits.stop(source, start, source.B if behind is None else behind)
                chunk = source.chunk(start, stop)
            digest = None if kept is None else digests.of(chunk)
            if known:
                parts.add(kept.load(start, digest), chunk.names)
            elif over:
                n, p = chunk.sizes
                store = _unreached(n, p, rules, start, TIME_BUDGET)
                parts.add(finish(store), chunk.names)
            else:
                left = None if deadline is None else max(deadline - time.monotonic(), 1e-9)
                within = None if report is None else lambda done, before=start: report(before + done)
                store, interrupted = solve(chunk, start, rules, left, within)
                whole = not interrupted and (deadline is None or time.monotonic() < deadline)
                store = finish(store)
                if interrupted:                        # what was not begun was not stopped as asked
                    store["message"][store["message"] == MEANING["skipped"]] = BEFORE
                parts.add(store, chunk.names)
                if kept is not None and whole:
                    kept.save(start, stop, store, digest)
            start, store, chunk = stop, None, None     # not held while the next are solved
            if report is not None:
                report(start)
            if interrupted:
                break
    except KeyboardInterrupt:                          # between two calls of the engine
        interrupted = True
    if source.B is not None and parts.count < source.B:
        n, p = source.sizes(parts.count, source.B)
        store = _unreached(n, p, rules, parts.count, SKIPPED if interrupted else TIME_BUDGET)
        parts.add(finish(store), _names_left(source, parts.count))
    return (*parts.joined(), interrupted, cut_off)


class _Parts:
    """What the chunks give, as one. Whole paths go straight to their place, where their number is known: they are large."""

    def __init__(self, source, rules):
        self.source, self.rules = source, rules
        self.stores, self.names, self.counts, self.whole, self.count = [], [], [], None, 0

    def add(self, store, names):
        have, B = len(store["status"]), self.source.B
        if self.count == 0 and self.rules.select is None and B is not None and have < B:
            self.whole = room_for(store, B, coef=int(self.rules.L * self.source.sizes(0, B)[1].sum()))
        if self.whole is None:
            self.stores.append(store)
        else:
            put(self.whole, self.count, store)
        self.names.append(names)
        self.counts.append(have)
        self.count += have

    def joined(self):
        """(store, names), or (None, None) of nothing."""
        if not self.counts:
            return None, None
        store = joined(self.stores) if self.whole is None else self.whole
        return store, joined_names(self.names, self.counts)


def _unreached(n, p, rules, first, status):
    """The store of problems that no chunk reached."""
    why = BEFORE if status == SKIPPED else "the time budget was used up before it"
    store = blank(n, p, np.zeros(len(n), np.int64), rules.L, status, rules)
    store["message"] = np.full(len(n), why, object)
    store["l1_ratio"] = rules.l1_ratios(first, len(n))
    return store


def _names_left(source, start):
    names = source.names
    return names.of(range(start, source.B)) if names.own is not None or names.picks is not None else names
