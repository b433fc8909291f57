"""scikit-learn through joblib: the loops of loops.py as ``joblib.Parallel``, a problem a task, in processes (loky).

BLAS is held to one thread in each process, so that all of them together have as many as the other solvers.
"""

from functools import partial

import joblib
from threadpoolctl import threadpool_limits

from . import N_THREADS, loops, scikit_learn

VERSION = f"{scikit_learn.VERSION} (joblib {joblib.__version__})"
LIMIT = threadpool_limits(1)
path = scikit_learn.path


def in_parallel(function, jobs, **config):
    """The results of ``function(*job)`` for each job, in the order of the jobs."""
    with joblib.parallel_config(n_jobs=N_THREADS, **config):
        return joblib.Parallel()(joblib.delayed(function)(*job) for job in jobs)


def tasks(**config):
    """``many``, ``many_cv`` and ``boots`` by a backend of joblib."""
    each = partial(in_parallel, **config)
    return loops.many(path, each), loops.many_cv(scikit_learn.cv, each), loops.boots(path, each)


many, many_cv, boots = tasks(backend="loky", inner_max_num_threads=1)
