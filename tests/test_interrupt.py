"""Ctrl-C: what is done is kept, wherever it finds the code; a handler of the caller's is left alone."""

import signal
import threading

import numpy as np
import pytest

import riata
from riata_engine.batch import Interrupted
from riata_engine.solvers import working_set


@pytest.fixture(autouse=True)
def python_handles_sigint():
    """As in a terminal; a shell that starts a job in the background lets it ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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
        riata.fit_path(X, y, alphas=5000, alpha_min_ratio=1e-4, tol=1e-8, solver=solver, progress=progress)
    assert pressed
    result = caught.value.result
    done = result.status == "converged"
    assert 0 < done.sum() < 5000
    assert set(result.status[~done]) == {"skipped"}
    assert np.isfinite(result.coef[done]).all()
    assert result.gap[done].max() <= 1e-8
    assert np.isnan(result.coef[~done]).all()


@pytest.mark.parametrize("phase", ["_grow", "_descend", "_pass", "_accept"])
def test_ctrl_c_between_kernels_is_no_exception_there(phase, monkeypatch):
    """The signal finds the Python between two compiled calls, in the second round."""
    X, y = problem(200, 1500)
    calls = []
    original = getattr(working_set._Run, phase)

    def interrupted(run, *arguments):
        calls.append(phase)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return original(run, *arguments)

    monkeypatch.setattr(working_set._Run, phase, interrupted)
    with pytest.raises(Interrupted) as caught:
        riata.fit_path(X, y, solver="working_set")
    result = caught.value.result
    done = result.status == "converged"
    assert done.sum() >= 10
    assert set(result.status[~done]) == {"skipped"}
    assert np.isfinite(result.coef[done]).all()
    assert result.gap[done].max() <= 1e-6
    assert np.isnan(result.coef[~done]).all()
    assert (np.diff(result.alphas) < 0).all()
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
