"""Diagnosis on quadratics whose curvature is known, and the test of a range of step sizes."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from riata.optim import descend, diagnose, lr_range_test
from riata_engine.descent import largest_curvature


def quadratic(curvatures=(4.0, 1.0), n=64):
    """Least squares whose Hessian is diagonal: columns of ±root of each curvature, orthogonal to each other and to ones."""
    signs = np.array([[(-1) ** (i >> (k + 1) & 1) for k in range(len(curvatures))] for i in range(n)], float)
    X = signs * np.sqrt(curvatures)
    return X, X @ np.ones(len(curvatures))


def gradient_descent(step, epochs=200, **kwargs):
    X, y = quadratic()
    return descend(X, y, step=step, batch_size=None, epochs=epochs, intercept=False, **kwargs), X, y


def test_the_curvature_is_that_of_the_hessian():
    X, _ = quadratic((4.0, 1.0, 0.25))
    assert largest_curvature(X, np.ones(64), intercept=False) == pytest.approx(4.0, rel=1e-3)
    rng = np.random.default_rng(0)
    A = rng.normal(size=(300, 20)) @ np.diag(np.linspace(0.1, 2, 20)) + 0.5
    w = rng.uniform(size=300)
    Z = np.column_stack([A, np.ones(300)])
    true = np.linalg.eigvalsh(Z.T @ (w[:, None] * Z) / w.sum())[-1]
    for X in (A, sparse.csr_array(A), A.astype(np.float32)):
        assert true * 0.99 <= largest_curvature(X, w) <= true * (1 + 1e-5)


@pytest.mark.parametrize("factor", [0.3, 0.6, 0.95])
def test_below_one_over_the_curvature_it_converges(factor):
    run, X, _ = gradient_descent(factor / 4, epochs=12)
    assert diagnose(run, X).verdict == "converging"
    run, X, _ = gradient_descent(factor / 4, epochs=1000)
    assert diagnose(run, X).verdict == "converged"
    assert diagnose(run, X).suggested_step is None


@pytest.mark.parametrize("factor", [1.2, 1.5, 1.9, 1.98])
def test_between_one_and_two_over_the_curvature_it_oscillates(factor):
    run, X, _ = gradient_descent(factor / 4, epochs=12)
    found = diagnose(run, X)
    assert found.verdict == "oscillating"
    assert found.suggested_step == pytest.approx(0.25, rel=1e-2)
    assert found.evidence["step_times_curvature"] == pytest.approx(factor, rel=1e-2)
    if factor > 1.5:                                   # the steep component outlasts the other: the history tells by itself
        blind = diagnose(run.history)
        assert blind.verdict == "oscillating"
        assert blind.suggested_step == pytest.approx(0.25, rel=0.15)


@pytest.mark.parametrize("factor", [2.02, 2.5, 10.0])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_beyond_two_over_the_curvature_it_diverges(factor):
    run, X, _ = gradient_descent(factor / 4, epochs=30)
    found = diagnose(run, X)
    assert found.verdict == "diverging"
    assert found.suggested_step == pytest.approx(0.25, rel=1e-2)
    assert np.isfinite(run.coef).all()
    assert "diverging" in found.message
    assert "step" in found.message
    cured, _, _ = gradient_descent(found.suggested_step, epochs=300)
    assert cured.gap < 1e-6


@pytest.mark.parametrize("factor", [2.1, 3.0, 100.0])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_divergence_is_stopped_and_the_best_coefficients_kept(factor):
    run, X, y = gradient_descent(factor / 4, epochs=5000)
    assert run.status == "diverged"
    assert run.n_epochs < 400
    assert np.isfinite(run.coef).all()
    assert run.objective <= np.mean(y**2) / 2
    assert diagnose(run, X).verdict == "diverging"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_growth_is_the_factor_of_the_steepest_component():
    run, _, _ = gradient_descent(2.5 / 4, epochs=9)
    assert diagnose(run.history).evidence["growth"] == pytest.approx(1.5, rel=1e-2)
    assert diagnose(run.history).evidence["alignment"] == pytest.approx(-1, abs=0.02)


def test_a_step_far_too_small_is_too_slow():
    run, X, _ = gradient_descent(0.01 / 4, epochs=30)
    found = diagnose(run, X)
    assert found.verdict == "too slow"
    assert found.suggested_step == pytest.approx(0.25, rel=1e-2)
    assert diagnose(run.history).verdict == "too slow"
    assert diagnose(run.history).suggested_step > run.step


def test_mini_batches_reach_their_noise_floor():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5))
    y = X @ rng.normal(size=5) + rng.normal(size=2000)
    floor = descend(X, y, step=0.2, batch_size=10, epochs=60)
    found = diagnose(floor)
    assert found.verdict == "noise floor"
    assert found.suggested_step < 0.2
    assert descend(X, y, step=found.suggested_step, batch_size=10, epochs=60).objective < floor.objective
    assert diagnose(descend(X, y, optimizer="saga", batch_size=10, epochs=60)).verdict == "converged"


def test_of_a_batch_each_problem_has_its_own():
    X, y = quadratic()
    run = descend(X, y, step=[0.01 / 4, 0.5 / 4, 1.9 / 4], batch_size=None, epochs=14, intercept=False)
    assert [found.verdict for found in diagnose(run, X)] == ["too slow", "converging", "oscillating"]
    with pytest.raises(TypeError, match="DescentResult"):
        diagnose("run")


def test_range_of_step_sizes(tmp_path):
    X, y = quadratic()
    test = lr_range_test(X, y, low=1e-4, high=10.0, count=60, epochs=20, batch_size=None, intercept=False)
    spacing = test.steps[1] / test.steps[0]
    assert 0.5 / spacing <= test.largest_step <= 0.5 * spacing                # stable below 2/4
    assert 0.1 < test.best_step < 0.5
    assert test.objective.min() < 1e-3 * test.start
    assert test.start == pytest.approx(np.mean(y**2) / 2)
    assert not (test.objective[test.steps > 0.6] < test.start).any()
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    ax = test.plot(Figure().subplots())
    assert ax.get_xscale() == "log"
    assert ax.get_legend() is not None
    own = lr_range_test(X, y, batch_size=None)
    assert own.steps[0] < own.best_step < own.steps[-1]
    with pytest.raises(ValueError, match="below high"):
        lr_range_test(X, y, low=1.0, high=0.1)


def standardised_cancer():
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import StandardScaler

    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.mark.parametrize(("optimizer", "suggested"), [("adam", 1e-3), ("sgd", None)])
def test_a_run_that_ends_above_its_start_has_steps_too_large(optimizer, suggested):
    X, y = standardised_cancer()
    with pytest.warns(ConvergenceWarning, match="1 of 1 runs ended above the objective that they began with"):
        run = descend(X, y, loss="logistic", optimizer=optimizer, step=1000.0)
    assert run.start_objective == pytest.approx(np.log(2))
    assert run.status == "max_epochs"
    assert run.objective > 1
    found = diagnose(run, X, y)
    assert found.verdict == "step too large"
    assert found.evidence["rise"] > 1
    assert found.suggested_step < 1
    assert suggested is None or found.suggested_step == suggested
    cured = descend(X, y, loss="logistic", optimizer=optimizer, step=found.suggested_step)
    assert cured.objective < run.start_objective / 2
    assert diagnose(cured, X, y).verdict != "step too large"


def test_noise_about_a_good_start_is_not_a_step_too_large():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    beta = np.ones(3)
    y = X @ beta + 1e-3 * rng.normal(size=400)
    begun = np.linalg.lstsq(X, y, rcond=None)[0]
    run = descend(X, y, start=(begun, 0.0), optimizer="sgd", step=0.5, batch_size=1, epochs=30, intercept=False)
    assert run.start_objective == pytest.approx(np.mean((y - X @ begun) ** 2) / 2)
    assert diagnose(run).evidence["rise"] > 0.1
    assert diagnose(run).verdict == "noise floor"


def test_one_epoch_is_too_short_to_tell():
    X, y = standardised_cancer()
    found = diagnose(descend(X, y, loss="logistic", epochs=1))
    assert found.verdict == "too short to tell"
    assert found.suggested_step is None
    assert found.advice == "run more epochs"
    assert diagnose(descend(X, y, loss="logistic", epochs=30)).verdict != "too short to tell"


def test_the_start_of_each_problem_of_a_batch_is_told():
    X, y = quadratic()
    run = descend(X, np.column_stack([y, 3 * y]), batch_size=None, epochs=3, intercept=False)
    np.testing.assert_allclose(run.start_objective, [np.mean(y**2) / 2, 9 * np.mean(y**2) / 2])


def test_arguments_of_a_diagnosis_are_checked():
    X, y = quadratic()
    run = descend(X, y, epochs=3)
    for wrong, message in (({"X": X[:, :1]}, "X has 1 columns; the model was fitted on 2"),
                           ({"X": X, "y": y[:3]}, r"y has shape \(3,\), X has 64 rows"),
                           ({"curvature": "a"}, "curvature = 'a'"), ({"curvature": 0.0}, "curvature = 0")):
        with pytest.raises((ValueError, TypeError), match=message):
            diagnose(run, **wrong)
    labels = np.where(y > 0, "yes", "no")
    told = descend(X, labels, loss="logistic", epochs=3)
    assert diagnose(told, X, labels).evidence == diagnose(told, X).evidence
    for wrong, message in (({"y": np.column_stack([y, y])}, "y has shape"), ({"y": y, "alpha": [0.1, 0.2]}, "alpha has shape")):
        with pytest.raises(ValueError, match=message):
            lr_range_test(X, **wrong)


@pytest.mark.parametrize("epochs", [20, 100])
@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_stays_at_its_noise_is_told_so_however_long_it_is(seed, epochs):
    """Single epochs go up and down there: what the last ones won is told by means."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(1000, 10))
    y = X[:, 0] - X[:, 1] + rng.normal(size=1000) > 0
    run = descend(X, y, loss="logistic", alpha=0.01, optimizer="sgd", step=2.0, batch_size=16, epochs=epochs, seed=seed)
    assert diagnose(run).verdict == "noise floor"
    assert run.gap > 1e-3
