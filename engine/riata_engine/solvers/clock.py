"""Seconds per phase."""

import time
from contextlib import contextmanager


class Clock:
    """``with clock("gram"): …`` adds up in ``clock.seconds["gram"]``."""

    def __init__(self):
        self.seconds = {}

    @contextmanager
    def __call__(self, phase):
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start
