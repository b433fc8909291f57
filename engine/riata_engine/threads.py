"""How many threads: all that this process may use, and one for BLAS while our own loops share them out."""

import os
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path


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
    """None or a negative number: all allowed threads (−2: all but one, …)."""
    if n_threads is None:
        return allowed_threads()
    if n_threads < 0:
        return max(1, allowed_threads() + 1 + n_threads)
    return n_threads


@lru_cache(maxsize=1)
def _blas_controller():
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


@contextmanager
def single_threaded_blas():
    """BLAS on one thread: ours are outside it, and its sums are then the same bits for any number of ours."""
    with _blas_controller().limit(limits=1):
        yield
