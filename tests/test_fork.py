"""A forked child of a process that has fitted with many threads: it answers, on one thread, with the same bits."""

import multiprocessing
import threading

import numpy as np
import pytest
from riata_engine.cpu.control import Control, Stopped

from riata_engine import threads
from riata_engine.batch import Batch, solve
from riata_engine.solvers import interruptible

pytestmark = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")


def fit(n_threads):
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.standard_normal((2000, 200)))
    return solve(Batch(X, X[:, :8] + rng.standard_normal((2000, 8)), n_threads=n_threads, n_alphas=3)).coef


def child(connection):
    connection.send((threads.thread_count(2), threads.thread_count(None), fit(2)))


def forked(function, *settings):
    """What ``function(connection, *settings)`` sends from a forked child within 60 seconds."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=function, args=(there, *settings), daemon=True)
    process.start()
    try:
        assert here.poll(60), "the child hangs"
        return here.recv()
    finally:
        process.kill()
        process.join()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")       # of forking where threads are about
def test_a_forked_child_of_a_threaded_fit_answers():
    coef = fit(2)
    given, default, found = forked(child)
    assert given == default == 1
    np.testing.assert_array_equal(found, coef)
    assert threads.thread_count(2) == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_within_a_fit_leaves_no_lock_behind():
    with threads.single_threaded_blas(), threads.single_threaded_blas().lock:
        forked(child)
    assert threads.single_threaded_blas().users == 0


def large_call(connection):
    connection.send(interruptible.interruptibly(lambda: 7, Control(time_budget=30), 10 * interruptible.WORTH))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_does_not_wait_for_what_its_parent_left_behind():
    gate = threading.Event()
    with pytest.raises(Stopped):
        interruptible.interruptibly(gate.wait, Control(time_budget=0.1), 10 * interruptible.WORTH)
    try:
        assert forked(large_call) == 7
    finally:
        gate.set()
