"""How many threads: all that this process may use, and one for BLAS while our own loops share them out."""

import os
import threading
from functools import lru_cache
from pathlib import Path

#: threads of one loop, where the machine does not have more: a system that refuses to start one ends the process
MOST = 256
#: OpenMP's threads do not survive a fork: a loop that waits for them in the child never ends
_forked = False


@lru_cache(maxsize=1)
def allowed_threads():
    """CPUs of the affinity mask, or of the cgroup's quota where that is less."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            count = min(count, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass                                    # no cgroup v2 here: the mask alone counts
    return max(1, count)


def thread_count(n_threads):
    """None or a negative number: all allowed threads (−2: all but one, …). One in a forked child, and never more than `MOST`
    or all allowed ones: answers do not depend on the number."""
    if _forked:
        return 1
    if n_threads is None:
        return allowed_threads()
    if n_threads < 0:
        return max(1, allowed_threads() + 1 + n_threads)
    return min(n_threads, max(MOST, allowed_threads()))


class _SingleThreadedBlas:
    """The process's BLAS limit is one for all threads: the first to come sets it, the last to leave restores it."""

    def __init__(self):
        self.lock, self.users, self.limited = threading.Lock(), 0, []

    def start_afresh(self):
        """In a forked child: the threads that held the lock, or were inside, are not here."""
        self.lock, self.users, self.limited = threading.Lock(), 0, []

    def __enter__(self):
        with self.lock:
            if self.users == 0:
                # only what is not one already: a call into a BLAS costs as much as a small fit's arithmetic
                self.limited = [(blas, count) for blas in _blas_libraries() if (count := blas.get_num_threads()) != 1]
                for blas, _ in self.limited:
                    blas.set_num_threads(1)
            self.users += 1

    def __exit__(self, *_):
        with self.lock:
            self.users -= 1
            if self.users == 0:
                for blas, count in self.limited:
                    blas.set_num_threads(count)


@lru_cache(maxsize=1)
def _blas_libraries():
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas").lib_controllers


_single = _SingleThreadedBlas()


def single_threaded_blas():
    """Context: BLAS on one thread. Ours are outside it, and its sums are then the same bits for any number of ours."""
    return _single


def _after_fork():
    global _forked
    _forked = True
    _single.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
