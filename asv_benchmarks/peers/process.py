"""A worker seen from the runner: started with pinned threads, asked one job at a time, ended when it takes too long."""

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time

from . import exchange

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "BLIS_NUM_THREADS",
           "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS")
START_LIMIT = 300.0   # seconds for an import


def pinned(n_threads):
    """The environment with every library that reads its threads there held to ``n_threads``."""
    return os.environ | dict.fromkeys(THREADS, str(n_threads))


class Absent(Exception):
    """The solver cannot run here; the message is the reason."""


class TooSlow(Exception):
    """The run passed its time limit."""


class Failed(Exception):
    """The solver raised; the message is what it said."""


class Worker:
    """One solver's process. A worker ended by a time limit is started anew by the next job."""

    def __init__(self, command, n_threads=1):
        self.command = command
        self.environment = pinned(n_threads) | {"PYTHONWARNINGS": "ignore"}
        self.process = None
        self.greeting = {}

    def start(self):
        self.errors = tempfile.TemporaryFile(mode="w+")   # noqa: SIM115 - closed by stop()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, env=self.environment, bufsize=0, start_new_session=True)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.waiting = b""
        self.greeting = self._answer(START_LIMIT)
        if self.greeting.get("status") != "ready":
            self.stop()
            raise Absent(self.greeting.get("reason", "the worker did not start"))
        return self

    def ask(self, time_limit, **job):
        """Seconds that the solver took.

        Raises
        ------
        TooSlow
            After ``time_limit`` seconds; the process is ended.
        Failed
            The solver raised or its process died.
        """
        if self.process is None:
            self.start()
        self.process.stdin.write((exchange.line(job) + "\n").encode())
        answer = self._answer(time_limit)
        if answer["status"] != "ok":
            raise Failed(answer["reason"])
        return float(answer["seconds"])

    def _answer(self, time_limit):
        deadline = time.monotonic() + time_limit
        while True:
            while b"\n" in self.waiting:
                text, self.waiting = self.waiting.split(b"\n", 1)
                if text.startswith(exchange.MARK.encode()):
                    return exchange.parse(text.decode()[len(exchange.MARK):])
            if not self.selector.select(max(0.0, deadline - time.monotonic())):
                self.stop()
                raise TooSlow(f"> {time_limit:.0f} s")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                code = self.process.wait()
                self.errors.seek(0)
                last = [text for text in self.errors.read().splitlines() if text.strip()][-1:]
                self.stop()
                raise Failed(f"the process ended with code {code}: {' '.join(last)}")
            self.waiting += chunk

    def stop(self):
        """End the process, if there is one, and those that it started."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.selector.close()
        self.errors.close()
        self.process = None
