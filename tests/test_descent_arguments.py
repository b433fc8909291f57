"""What descend is given and what it hands back: bad input named, predictions, starts, the history drawn."""

import numpy as np
import pytest
from riata_engine.cpu.steps import step
from scipy import sparse

from descent_reference import draw
from riata.optim import SGD, Nesterov, descend


@pytest.mark.parametrize(("wrong", "message"), [
    ({"step": 0.0}, "step"), ({"step": -1.0}, "step"), ({"step": "fast"}, "step"), ({"batch_size": 401}, "batch_size"),
    ({"batch_size": 0}, "batch_size"), ({"dropout": 1.0}, "dropout"), ({"dropout": -0.1}, "dropout"), ({"alpha": -1.0}, "alpha"),
    ({"optimizer": "adamm"}, "adamw"), ({"schedule": "cos"}, "cosine"), ({"epochs": 0}, "epochs"), ({"clip": 0.0}, "clip"),
    ({"validation": 1.5}, "validation"), ({"validation": [0, 400]}, "399"), ({"validation": np.arange(400)}, "none is left"),
    ({"patience": 0}, "patience"), ({"loss": "hinges"}, "loss"), ({"schedule": "armijo"}, "batch_size=None"),
    ({"groups": np.zeros(7), "optimizer": "adam"}, "common step size"), ({"start": (np.zeros(3), 0.0)}, "start"),
    ({"alpha": [0.1, 0.2], "step": [0.1, 0.2, 0.3]}, "batch of 3"), ({"l1_ratio": 2.0}, "l1_ratio"), ({"seed": -1}, "seed"),
    ({"tol": -1.0}, "tol"), ({"weights": np.zeros(400)}, "weights"), ({"optimizer": SGD}, "optimizer"),
])
def test_bad_input_is_named(wrong, message):
    X, y = draw()
    with pytest.raises((ValueError, TypeError), match=message):
        descend(X, y, **wrong)


def test_bad_data_is_named():
    X, y = draw()
    with pytest.raises(ValueError, match="NaN"):
        descend(np.where(X > 2, np.nan, X), y)
    with pytest.raises(ValueError, match="400 rows"):
        descend(X, y[:-1])
    with pytest.raises(ValueError, match="NaN"):
        descend(X, np.where(y > 1, np.nan, y))
    with pytest.raises(ValueError, match="poisson"):
        descend(X, y, loss="poisson")
    with pytest.raises(ValueError, match="beta1"):
        Nesterov(beta1=1.0)
    with pytest.raises(TypeError, match="batch_sizes"):
        descend(X, y, batch_sizes=3)
    with pytest.raises(ValueError, match="velocity"):
        step(1, np.zeros(3), np.zeros(3), None, None, 1, 0.1)


def test_predictions_of_other_columns_are_refused():
    X = np.random.default_rng(0).normal(size=(40, 4))
    run = descend(X, X[:, 0], epochs=2)
    for rows in (X[:, :3], sparse.csr_array(X[:, :3])):
        with pytest.raises(ValueError, match="X has 3 columns; the model was fitted on 4"):
            run.predict(rows)
    np.testing.assert_allclose(run.predict(sparse.csr_array(X)), run.predict(X))
    assert descend(X, X[:, :2], epochs=2).predict(X).shape == (40, 2)


@pytest.mark.parametrize(("wrong", "message"), [
    ({"alpha": "a"}, "alpha = 'a' must be a number"),
    ({"alpha": [None, "b"]}, r"alpha = \[None, 'b'\] must be a number"),
    ({"start": np.zeros(4)}, r"start must be a pair \(coef, intercept\).*got ndarray of shape \(4,\)"),
    ({"start": (np.zeros(4), np.zeros(5))}, r"start.*intercept has shape \(5,\); expected a number"),
    ({"start": (np.zeros(3), 0.0)}, r"start.*coef has shape \(3,\); expected \(4,\)"),
    ({"start": (np.zeros(4), np.nan)}, "start.*intercept has NaN"),
    ({"start": (["a"] * 4, 0.0)}, "start.*coef must be numbers"),
    ({"validation": [0, 1, 0]}, "validation names row 0 2 times"),
    ({"validation": lambda coef, intercept: None}, "validation: the function returned None; it must return a finite number"),
    ({"loss": "huber", "epsilon": -1}, r"epsilon = -1 .*riata.losses.huber\(delta\)"),
    ({"epsilon": 0.5}, "epsilon = 0.5 .*loss = 'squared' has none: leave it out"),
    ({"loss": "epsilon_insensitive", "epsilon": -1.0}, "epsilon = -1"),
])
def test_messages_of_descend_name_argument_value_and_remedy(wrong, message):
    X = np.random.default_rng(0).normal(size=(40, 4))
    with pytest.raises(ValueError, match=message):
        descend(X, X[:, 0], epochs=2, **wrong)


def test_a_start_fits_one_problem_or_each():
    X = np.random.default_rng(0).normal(size=(40, 4))
    one = descend(X, X[:, 0], epochs=2, start=(np.ones(4), 0.5))
    each = descend(X, X[:, 0], epochs=2, alpha=[0.0, 0.0], start=(np.ones((2, 4)), np.full(2, 0.5)))
    np.testing.assert_array_equal(each.coef, [one.coef, one.coef])


def test_the_history_is_drawn():
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    X = np.random.default_rng(0).normal(size=(60, 4))
    run = descend(X, X[:, 0] + 0.1, epochs=20, validation=0.2)
    ax = run.plot(Figure().subplots())
    lines = {line.get_label(): line for line in ax.get_lines()}
    np.testing.assert_array_equal(lines["objective"].get_xydata(), np.column_stack([np.arange(1, 21), run.history.objective]))
    np.testing.assert_array_equal(lines["validation"].get_ydata(), run.history.validation_loss)
    assert lines["start"].get_ydata()[0] == run.start_objective
    assert f"epoch {run.history.validation_loss.argmin() + 1}" in " ".join(lines)
    assert ax.get_yscale() == "log"
    many = descend(X, X[:, :3], epochs=5)
    assert len(many.plot(Figure().subplots()).get_lines()) == 3
    assert descend(X, X[:, 0], epochs=1).history.plot(Figure().subplots(), title="$one$").get_title(loc="left") == r"\$one\$"
