"""Ctrl-C: what is done is kept, wherever it finds the code; a handler of the caller's is left alone."""

import _thread
import signal
import threading
import time

import numpy as np
import pytest
from riata_engine.cpu.control import Control, Stopped
from scipy import sparse

import riata
import riata.linear_model
from riata_engine.batch import STATUS, Batch, Interrupted, solve
from riata_engine.solvers import interruptible, working_set
from riata_engine.solvers.interruptible import interruptibly
from riata_engine.threads import single_threaded_blas


@pytest.fixture(autouse=True)
def python_handles_sigint():
    """As in a terminal; a shell that starts a job in the background lets it ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """A large call waits for those that were left behind: a test waits for its own, so that no other test has to."""
    yield
    for thread in threading.enumerate():
        if thread.name == "riata":
            thread.join()


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
    assert str(caught.value) == "interrupted; .result holds what is done"
    result = caught.value.result
    done = result.status == "converged"
    assert 0 < done.sum() < 5000
    assert set(result.status[~done]) == {"skipped"}
    assert np.isfinite(result.coef[done]).all()
    assert result.gap[done].max() <= 1e-8
    assert np.isnan(result.coef[~done]).all()


@pytest.mark.parametrize("phase", ["_screen", "_descend", "_residuals", "_gradients", "_gaps", "_accept", "_store", "_move_on"])
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


@pytest.mark.parametrize(("solver", "n", "p"), [("gram", 600, 200), ("working_set", 400, 30), ("residual", 400, 30)])
@pytest.mark.parametrize("forward", [False, True])
def test_a_cross_validation_keeps_what_is_done(solver, n, p, forward):
    X, y = problem(n, p)
    size = n // 5
    cv = [(np.arange(size * (k + 1)), np.arange(size * (k + 1), size * (k + 2))) for k in range(4)] if forward else 4
    options = {"l1_ratio": [0.5, 1.0], "alphas": 1000, "alpha_min_ratio": 1e-3, "cv": cv, "solver": solver, "n_threads": 1}
    whole = riata.cross_validate_path(X, y, **options)
    progress, pressed = press_at(2001)                 # of 2 · 5 · 1000, by weights (forward) or by l1_ratios first
    with pytest.raises(Interrupted) as caught:
        riata.cross_validate_path(X, y, progress=progress, **options)
    assert pressed
    part = caught.value.result
    assert isinstance(part, riata.CVResult)
    done = np.isfinite(part.deviance)
    paths_done = np.concatenate([path.status for path in part.paths]) == "converged"
    assert 0 < done.sum() + paths_done.sum() < done.size + paths_done.size
    np.testing.assert_array_equal(part.fold_status[done], "converged")
    np.testing.assert_array_equal(part.fold_status[~done], "skipped")
    np.testing.assert_allclose(part.deviance[done], whole.deviance[done], rtol=1e-13)     # products of fewer alphas at a time
    for kept, full in zip(part.paths, whole.paths, strict=True):
        fitted = kept.status == "converged"
        np.testing.assert_array_equal(kept.coef[fitted], full.coef[fitted])
        assert np.isnan(kept.coef[~fitted]).all()
    assert "skipped" in part.summary()
    assert part.to_frame().shape[0] == 2000
    if part.chosen:
        assert np.isfinite(part.deviance[part.index_min]).all()
        assert np.isfinite(part.oof_prediction[n - 1])


def test_a_cross_validation_stopped_before_any_choice():
    X, y = problem(300, 60)
    progress, _ = press_at(1)
    with pytest.raises(Interrupted) as caught:
        riata.cross_validate_path(X, y, alphas=4000, alpha_min_ratio=1e-3, cv=4, solver="residual", n_threads=1,
                                  progress=progress)
    part = caught.value.result
    assert not part.chosen
    assert part.oof_prediction is None
    assert (part.paths[0].status == "converged").any()
    assert "nothing chosen" in part.summary()
    assert part.to_frame().shape[0] == 4000
    with pytest.raises(RuntimeError, match="no alpha was fitted in every fold"):
        part.predict(X)


@pytest.mark.parametrize("outer_done", [0, 1])
def test_a_nested_cross_validation_keeps_the_outer_folds_that_are_done(outer_done):
    X, y = problem(200, 40)
    options = {"alphas": 600, "alpha_min_ratio": 1e-3, "cv": 4, "inner_cv": 3, "n_threads": 1, "solver": "residual"}
    whole = riata.nested_cross_validate(X, y, **options)
    progress, pressed = press_at(outer_done * 2400 + 1)         # 600 alphas of 3 folds and all rows in an outer fold
    with pytest.raises(Interrupted) as caught:
        riata.nested_cross_validate(X, y, progress=progress, **options)
    assert pressed
    part = caught.value.result
    assert len(part.folds) == len(part.inner) == len(part.deviance) == outer_done
    np.testing.assert_array_equal(part.deviance, whole.deviance[:outer_done])
    np.testing.assert_array_equal(part.alpha, whole.alpha[:outer_done])
    held_out = np.zeros(200, dtype=bool)
    for test in part.folds:
        held_out[test] = True
    np.testing.assert_array_equal(part.oof_prediction[held_out], whole.oof_prediction[held_out])
    assert np.isnan(part.oof_prediction[~held_out]).all()
    assert "skipped" in part.unfinished.fold_status
    assert f"{outer_done} outer folds" in part.summary()
    assert np.isfinite(part.deviance_mean) == (outer_done > 0)
    assert part.to_frame().shape[0] == outer_done
    assert whole.unfinished is None


def test_an_estimator_says_that_it_is_not_fitted(monkeypatch):
    from riata.linear_model import _certified

    def interrupted(*arguments, **options):
        raise Interrupted(None)

    monkeypatch.setattr(_certified, "solve", interrupted)
    with pytest.raises(Interrupted, match="ElasticNet: interrupted; the model is not fitted"):
        riata.linear_model.ElasticNet().fit(*problem(20, 3))


def sparse_problem():
    rng = np.random.default_rng(0)
    rows = rng.integers(20_000, size=(4000, 400), dtype=np.int32)
    X = sparse.csc_array((rng.normal(size=rows.size), rows.ravel(), 400 * np.arange(4001)), shape=(20_000, 4000))
    return X, np.asarray(X[:, :5].sum(axis=1)).ravel()


#: one call of LAPACK or BLAS, or one pass over large matrices, takes seconds in each
LONG = {
    "eigenvalues of a Gram matrix": lambda: Batch(*problem(1000, 3000), l1_ratio=0.0, n_alphas=2, solver="gram"),
    "eigenvectors of a kernel": lambda: Batch(*problem(2500, 3000), l1_ratio=0.0, n_alphas=2, solver="kernel"),
    "eigenvectors of a Gram matrix": lambda: Batch(*problem(3000, 2500), l1_ratio=0.0, n_alphas=2, solver="kernel"),
    "triangle of a tall X": lambda: Batch(*problem(4000, 2000), alphas=np.zeros(1)),
    "triangle of a wide X": lambda: Batch(*problem(1500, 6000), alphas=np.zeros(1)),
    "sparse product": lambda: Batch(*sparse_problem(), solver="gram"),
    "Gram matrices of folds": lambda: Batch(*problem(600, 3000), solver="gram", held_out=np.array_split(np.arange(600), 5)),
    "large Gram matrix": lambda: Batch(*problem(1000, 6000), solver="gram"),
    "free features": lambda: Batch(*problem(2000, 3000), penalty_factor=np.repeat([0.0, 1.0], 1500), solver="working_set"),
}


@pytest.mark.parametrize("case", LONG)
def test_the_time_budget_does_not_wait_for_one_long_call(case):
    batch = LONG[case]()
    batch.n_threads, batch.time_budget = 1, 0.3
    start = time.perf_counter()
    found = solve(batch)
    assert time.perf_counter() - start < 0.3 + 1.0
    late = found.status == STATUS.index("time_budget")
    if case != "eigenvalues of a Gram matrix":           # they come last: what is solved by then stands
        assert late.any()
    assert np.isnan(found.coef[late]).all()
    assert set(found.status[~late].tolist()) <= {STATUS.index("converged")}


@pytest.mark.parametrize("case", LONG)
def test_ctrl_c_does_not_wait_for_one_long_call(case):
    batch, pressed = LONG[case](), []
    batch.n_threads = 1

    def press():
        pressed.append(time.perf_counter())
        _thread.interrupt_main()

    timer = threading.Timer(0.4, press)
    timer.start()
    try:
        with pytest.raises(Interrupted) as caught:
            solve(batch)
        assert time.perf_counter() - pressed[0] < 1.0
    finally:
        timer.cancel()
    assert np.isnan(caught.value.solution.coef[caught.value.solution.status == STATUS.index("skipped")]).all()


def test_many_targets_of_a_wide_gram_matrix_end_in_time():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(64, 6830))
    Y = X[:, :20] @ rng.normal(size=(20, 30))
    start = time.perf_counter()
    with pytest.warns(UserWarning, match="time_budget"):
        found = riata.fit_batch(X, Y, solver="gram", time_budget=0.3)
    assert time.perf_counter() - start < 1.0 + 1.5          # with the tables of 20 million coefficients
    assert (found.status == "time_budget").any()


LARGE = 10 * interruptible.WORTH


def in_the_main_thread():
    return threading.current_thread() is threading.main_thread()


def test_a_large_call_runs_in_a_thread_and_hands_on_what_it_raises():
    def fail():
        raise FloatingPointError("as it was")

    assert interruptibly(in_the_main_thread, None, LARGE)
    assert interruptibly(in_the_main_thread, Control(), 1.0)
    assert not interruptibly(in_the_main_thread, Control(), LARGE)
    with pytest.raises(FloatingPointError, match="as it was"):
        interruptibly(fail, Control(), LARGE)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError, match="divide"):
        interruptibly(lambda: np.ones(1) / np.zeros(1), Control(), LARGE)


@pytest.fixture
def gate(monkeypatch):
    """Every call counts as large and waits for this event before it works; ``ended``: what came of them."""
    gate, real = threading.Event(), interruptible.interruptibly
    gate.ended = []

    def held_up(function, control, flops):
        def late():
            gate.wait()
            try:
                gate.ended.append(function())
            except Stopped as stopped:             # a pass over X that has seen the stop
                gate.ended.append(stopped)
            return gate.ended[-1]

        return real(late, control, LARGE)

    for name in ("exact", "free_features", "gram", "ridge_bounds", "statistics", "certificate"):
        monkeypatch.setattr(f"riata_engine.solvers.{name}.interruptibly", held_up)
    yield gate
    gate.set()


def arrays_of(solution):
    return {name: value.tobytes() for name, value in vars(solution).items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize(("solver", "options"), [
    ("kernel", {"l1_ratio": 0.0}), ("least_squares", {"alphas": np.zeros(1)}), ("gram", {"l1_ratio": 0.0}),
    ("dual_newton", {"l1_ratio": 0.0, "lower": np.zeros(60), "alphas": np.array([0.1])}),
    ("working_set", {"penalty_factor": np.repeat([0.0, 1.0], 30)})])
def test_a_call_that_is_left_behind_changes_nothing(solver, options, gate):
    """Neither the caller's arrays nor the answer, whatever it does after the stop."""
    X, y = problem(40, 60)
    given = X.copy(), y.copy()
    found = solve(Batch(X, y, solver=solver, time_budget=0.2, n_threads=1, **options))
    assert (found.status == STATUS.index("time_budget")).any() or np.isnan(found.df).all()
    threads = [thread for thread in threading.enumerate() if thread.name == "riata"]
    assert len(threads) == 1
    before = arrays_of(found)
    assert len(before) >= 8
    gate.set()
    threads[0].join()
    assert len(gate.ended) == 1
    assert arrays_of(found) == before
    np.testing.assert_array_equal(X, given[0])
    np.testing.assert_array_equal(y, given[1])


def test_a_call_that_is_left_behind_holds_blas_to_one_thread():
    gate, blas, seen = threading.Event(), single_threaded_blas(), []

    def work():
        gate.wait()
        seen.append(blas.users)

    with blas, pytest.raises(Stopped):
        interruptibly(work, Control(time_budget=0.1), LARGE)
    assert blas.users == 1                                   # the caller has left, the call has not
    counts = [library.get_num_threads() for library, _ in blas.limited]
    assert set(counts) <= {1}
    gate.set()
    next(iter(interruptible._left_behind)).wait()
    assert seen == [1]
    assert blas.users == 0
    assert all(library.get_num_threads() == count for library, count in blas.limited)


def test_a_large_call_waits_for_those_that_were_left_behind():
    gate, ran = threading.Event(), []
    with pytest.raises(Stopped):
        interruptibly(gate.wait, Control(time_budget=0.1), LARGE)
    for _ in range(3):                                       # each polls its own control, and starts nothing
        control = Control(time_budget=0.1)
        with pytest.raises(Stopped):
            interruptibly(lambda: ran.append(1), control, LARGE)
        assert control.stopped == "time_budget"
    assert not ran
    assert sum(thread.name == "riata" for thread in threading.enumerate()) == 1
    assert interruptibly(in_the_main_thread, Control(), 1.0)      # a small one need not wait
    threading.Timer(0.3, gate.set).start()
    start = time.perf_counter()
    interruptibly(lambda: ran.append(1), Control(), LARGE)
    assert time.perf_counter() - start > 0.2
    assert ran == [1]
    assert not interruptible._left_behind


def test_budgets_in_a_loop_leave_one_call_behind_at_most():
    X, y = problem(1500, 1600)
    for _ in range(4):
        solve(Batch(X, y, l1_ratio=0.0, alphas=np.ones(1), time_budget=0.2, n_threads=1))
        assert sum(thread.name == "riata" for thread in threading.enumerate()) <= 1
