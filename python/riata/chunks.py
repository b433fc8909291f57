"""A call that is too large for one solve: chunk after chunk, under one progress function, one time budget and one Ctrl-C."""

import time

from riata.status import count_at_limit
from riata_engine.batch import solve

#: bytes that a chunk may take where the caller sets no `max_memory`; larger ones are hardly faster
CHUNK = 2**28
#: members of a chunk are a multiple of this: what is summed over members is summed in the same groups for any chunking
ALIGNED = 32


def chunk_size(members, bytes_each, max_memory=None):
    """How many members a chunk takes: as many as fit, in whole groups of `ALIGNED`, at least one group.

    Parameters
    ----------
    members : int
        All there are.
    bytes_each : float
        What one takes.
    max_memory : float, optional
        Bytes; default `CHUNK`.
    """
    room = (CHUNK if max_memory is None else max_memory) / max(1.0, bytes_each)
    return int(min(max(members, 1), max(1, int(min(room, 2.0**40)) // ALIGNED) * ALIGNED))


def growing_chunks(members, most, share=1.0):
    """Ranges of members, the first one alone, then chunks that grow with what is done: a stop costs little of it.

    The sizes depend on the arguments alone, never on a clock: what a solver is chosen by is the same in every run.

    Parameters
    ----------
    members : int
        All there are.
    most : int
        What a chunk takes, by `chunk_size`.
    share : float, default=1.0
        A chunk takes at most this share of what is done before it, or one group of `ALIGNED`.

    Yields
    ------
    (first, stop)
    """
    first, stop = 0, 1
    while first < members:
        yield first, min(stop, members)
        first = stop
        stop += min(most, max(1, int(share * first) // ALIGNED) * ALIGNED)


class Sequence:
    """Solves that the caller sees as one.

    Parameters
    ----------
    fits : int
        (problem, alpha) pairs of all solves together.
    progress : callable or None
    time_budget : float or None
        Seconds from now.

    Attributes
    ----------
    n_at_limit : int
        As in `riata.results.PathResult`, over all solves so far.
    """

    def __init__(self, fits, progress=None, time_budget=None):
        self.deadline = None if time_budget is None else time.monotonic() + time_budget
        self.caller, self.fits, self.done, self.n_at_limit = progress, fits, 0, 0

    @property
    def time_left(self):
        """Seconds, more than 0; None where there is no budget."""
        return None if self.deadline is None else max(self.deadline - time.monotonic(), 1e-9)

    @property
    def over(self):
        """Whether the budget is spent."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def solve(self, batch):
        """The engine's solution of one batch within what is left of the budget.

        Raises
        ------
        riata_engine.batch.Interrupted
            On Ctrl-C, with the part of this batch that is done.
        """
        batch.time_budget = self.time_left
        solution = solve(batch, progress=None if self.caller is None else self._report)
        self.done += solution.alphas.size
        self.n_at_limit += count_at_limit(solution, batch)
        return solution

    def _report(self, done, of):
        self.caller(min(self.done + done, self.fits), self.fits)
