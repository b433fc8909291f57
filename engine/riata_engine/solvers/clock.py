"""Seconds per phase."""

import time


class Clock:
    """``with clock("gram"): …`` adds up in ``clock.seconds["gram"]``; phases may be nested."""

    def __init__(self):
        self.seconds, self._open = {}, []

    def __call__(self, phase):
        self._open.append((phase, time.perf_counter()))
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        phase, start = self._open.pop()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start
