"""Progress of a batch: a function of the caller's, tqdm's bar, or a line on stderr."""

import sys
import time
from contextlib import contextmanager


@contextmanager
def reporting(progress, total, unit="problems"):
    """A function ``report(done)`` for `progress` None, True or a function of (done, total).

    True takes tqdm where it is installed, and a line on stderr that is written over where it is not.
    """
    if progress is None or progress is False:
        yield None
    elif progress is not True:
        yield lambda done: progress(done, total)
    else:
        bar = _bar(total, unit)
        try:
            yield bar.reach
        finally:
            bar.close()


def _bar(total, unit):
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Line(total, unit)
    return _Tqdm(tqdm(total=total, unit="fit" if unit == "problems" else unit))


class _Tqdm:
    def __init__(self, bar):
        self.bar, self.close = bar, bar.close

    def reach(self, done):
        self.bar.update(done - self.bar.n)


class _Line:
    """One line on stderr, written at most ten times a second."""

    def __init__(self, total, unit):
        self.total, self.unit, self.start, self.last, self.done = total, unit, time.monotonic(), 0.0, 0

    def reach(self, done):
        self.done = done
        now = time.monotonic()
        if now - self.last >= 0.1:
            self.last = now
            self._write()

    def _write(self):
        spent = time.monotonic() - self.start
        left = f", {spent / self.done * (self.total - self.done):.0f} s left" if self.total and self.done else ""
        sys.stderr.write(f"\r{self.done}/{'?' if self.total is None else self.total} {self.unit}, {spent:.0f} s{left}   ")
        sys.stderr.flush()

    def close(self):
        self._write()
        sys.stderr.write("\n")
