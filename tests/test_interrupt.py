"""Ctrl-C: what is done is kept, wherever it finds the code; a handler of the caller's is left alone."""

import os
import signal
import threading

import numpy as np
import pytest

import riata
from riata_engine.batch import Interrupted


def problem(n, p):
    rng = np.random.default_rng(3)
    X = np.asfortranarray(rng.normal(size=(n, p)))
    return X, X[:, :5].sum(axis=1) + rng.normal(size=n)


def press_at(done_wanted):
    """A progress function that presses Ctrl-C when so many fits are done, once."""
    pressed = []

    def progress(done, total):
        if done >= done_wanted and not pressed:
            pressed.append(done)
            signal.raise_signal(signal.SIGINT)

    return progress, pressed


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
def test_a_path_keeps_what_is_done(solver):
    X, y = problem(2000, 600)
    progress, pressed = press_at(1)
    with pytest.raises(KeyboardInterrupt) as caught:
        riata.fit_path(X, y, alphas=2000, alpha_min_ratio=1e-4, tol=1e-13, solver=solver, progress=progress)
    assert pressed
    result = caught.value.result
    done = result.status == "converged"
    assert 0 < done.sum() < 2000
    assert set(result.status[~done]) == {"skipped"}
    assert np.isfinite(result.coef[done]).all()
    assert result.gap[done].max() <= 1e-13
    assert np.isnan(result.coef[~done]).all()


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.01, 0.03, 0.06, 0.1, 0.15])
def test_ctrl_c_between_kernels_is_no_exception_there(delay):
    """The signal comes from outside, so that it finds Python code as often as compiled code."""
    X, y = problem(400, 3000)
    options = {"alphas": 1000, "alpha_min_ratio": 1e-3, "tol": 1e-12}
    started = threading.Event()

    def press():
        started.wait()
        threading.Event().wait(delay)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(Interrupted) as caught:
        riata.fit_path(X, y, progress=lambda done, total: started.set(), **options)
    thread.join()
    result = caught.value.result
    done = result.status == "converged"
    assert np.isfinite(result.coef[done]).all()
    assert np.isnan(result.coef[~done]).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_caller_stays():
    X, y = problem(2000, 600)
    heard = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        progress, pressed = press_at(1)
        path = riata.fit_path(X, y, alphas=2000, alpha_min_ratio=1e-4, progress=progress)
    finally:
        signal.signal(signal.SIGINT, before)
    assert pressed
    assert heard == [signal.SIGINT]
    assert (path.status == "converged").all()


def test_in_another_thread_nothing_is_installed():
    X, y = problem(200, 30)
    seen = []

    def fit():
        seen.append(riata.fit_path(X, y, progress=lambda done, total: seen.append(signal.getsignal(signal.SIGINT))))

    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    assert (seen[-1].status == "converged").all()
    assert all(handler is signal.default_int_handler for handler in seen[:-1])
