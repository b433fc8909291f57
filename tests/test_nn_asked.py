"""Networks: arguments that are refused by name, training that cannot be, labels through a file, divergence."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from riata.nn import CrossEntropy, Dense, Dropout, ReLU, Sequential, Softmax, load_network

ROWS = np.random.default_rng(0).standard_normal((40, 5))
Y = ROWS[:, 0]


def regression(**settings):
    return Sequential([Dense(3, "relu"), Dense(1)], **settings)


@pytest.mark.parametrize(("wrong", "says"), [
    (lambda: regression(input_shape=(0,)), r"input_shape = \(0,\) must be a tuple"),
    (lambda: regression(input_shape=64), r"input_shape = 64 must be a tuple"),
    (lambda: regression(input_shape=(2.5,)), r"input_shape = \(2.5,\)"),
    (lambda: regression().build(()), r"input_shape = \(\)"),
    (lambda: regression().freeze([0, 1]), r"layers = \[0, 1\] must be an int from 0 to 2"),
    (lambda: regression().freeze(99), "layers = 99"),
    (lambda: regression().freeze(True), "layers = True"),
    (lambda: regression().fit(ROWS, Y, callback=3), "callback = 3 must be None or a function"),
    (lambda: regression().fit(ROWS, Y, progress=3), "progress = 3 must be None, True or a function"),
    (lambda: regression().fit(ROWS, Y, sample_weight=-np.ones(40)), "sample_weight has 40 negative values, the first sample_wei"),
    (lambda: regression().fit(ROWS, Y, sample_weight=np.zeros(40)), "sample_weight is 0 for every row"),
    (lambda: regression().fit(ROWS, Y).predict(ROWS[:0]), r"X has shape \(0, 5\): it has no rows"),
    (lambda: regression().fit(ROWS, Y, batch_size="all"), "batch_size = 'all'"),
    (lambda: regression().fit(ROWS, Y, schedule=lambda t: -1.0), r"schedule\(0\) = -1.0"),
    (lambda: regression().fit(ROWS, Y, schedule=lambda t: float("nan")), r"schedule\(0\) = nan"),
    (lambda: regression().fit(ROWS, Y, schedule=lambda t: "a" if t else 0.1), r"schedule\(1\) = 'a'"),
    (lambda: Sequential([Dropout(0.5)]).fit(ROWS, ROWS), "nothing can learn: no layer has weights"),
    (lambda: Sequential([ReLU()]).fit(ROWS, ROWS), "nothing can learn: no layer has weights"),
    (lambda: regression().freeze(2).fit(ROWS, Y), "nothing can learn: all layers with weights are frozen"),
])
def test_arguments_are_refused_by_name(wrong, says):
    with pytest.raises((ValueError, TypeError), match=says):
        wrong()


def test_a_label_out_of_many_is_told_with_their_number():
    net = Sequential([Dense(10), Softmax()]).fit(ROWS, np.arange(40) % 10, epochs=1)
    with pytest.raises(ValueError, match=r"label 10 .* 6, 7, … \(10 in all\)"):
        net.evaluate(ROWS, np.full(40, 10))


def test_all_smoothing_is_allowed_as_by_the_function():
    even = Sequential([Dense(2), Softmax()], loss=CrossEntropy(label_smoothing=1), dtype="float64", seed=1)
    even.fit(ROWS, Y > 0, epochs=300, learning_rate=0.05)
    np.testing.assert_allclose(even.predict_proba(ROWS), 0.5, atol=1e-3)


def test_few_rows_are_one_batch_unless_a_size_is_given():
    one, other = (regression(dtype="float64").fit(ROWS[:7], Y[:7], epochs=3, **size) for size in ({}, {"batch_size": 7}))
    np.testing.assert_array_equal(one.weights["0.W"], other.weights["0.W"])
    many, some = (regression(dtype="float64").fit(ROWS, Y, epochs=3, **size) for size in ({}, {"batch_size": 32}))
    np.testing.assert_array_equal(many.weights["0.W"], some.weights["0.W"])


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 1.0, 2], ["a", "b", "c"], [np.int64(3), 4, 10**30], [-1.0, 0.0, 7.0]])
def test_labels_of_objects_come_back_as_they_were(labels, tmp_path):
    kinds = np.array(labels, dtype=object)[np.arange(40) % 3]
    net = Sequential([Dense(3), Softmax()]).fit(ROWS, kinds, epochs=1)
    net.save(tmp_path / "net.npz")
    again = load_network(tmp_path / "net.npz")
    assert [(type(np.asarray(v).item()), v) for v in again.classes_] == [(type(np.asarray(v).item()), v) for v in net.classes_]
    np.testing.assert_array_equal(again.predict(ROWS), net.predict(ROWS))
    assert again.evaluate(ROWS, kinds) == net.evaluate(ROWS, kinds)
    fresh = Sequential([Dense(3), Softmax()]).load_weights(tmp_path / "net.npz")
    np.testing.assert_array_equal(fresh.predict(ROWS), net.predict(ROWS))


def test_bools_of_objects_stay_bools(tmp_path):
    flags = np.array([True, False], dtype=object)[np.arange(40) % 2]
    net = Sequential([Dense(2), Softmax()]).fit(ROWS, flags, epochs=1)
    net.save(tmp_path / "net.npz")
    assert [type(label) for label in load_network(tmp_path / "net.npz").classes_] == [bool, bool]


def test_labels_that_a_file_cannot_keep_are_refused(tmp_path):
    from fractions import Fraction

    net = Sequential([Dense(2), Softmax()]).fit(ROWS, np.array([Fraction(1), Fraction(2)], dtype=object)[np.arange(40) % 2])
    with pytest.raises(ValueError, match=r"classes_ has the label Fraction\(1, 1\), a Fraction"):
        net.save(tmp_path / "net.npz")
    assert not (tmp_path / "net.npz").exists()


def test_divergence_warns_and_keeps_the_better_weights():
    net = regression(dtype="float64", input_shape=(5,))
    first = net.weights
    with pytest.warns(ConvergenceWarning, match="Sequential: the loss was no longer finite in epoch"):
        net.fit(ROWS, Y, optimizer="sgd", learning_rate=1e30)
    np.testing.assert_array_equal(net.weights["0.W"], first["0.W"])
    assert "those that the training began with" in net.history_.message
    assert net.history_.best_epoch is None
    net.fit(ROWS, Y, optimizer="sgd", learning_rate=0.05, epochs=4)
    before, epochs = net.evaluate(ROWS, Y)["loss"], len(net.history_.loss)
    with pytest.warns(ConvergenceWarning):
        net.fit(ROWS, Y, optimizer="sgd", schedule=lambda t: 0.01 if t < 2 else 1e200, epochs=4)
    assert net.evaluate(ROWS, Y)["loss"] <= before
    assert net.history_.best_epoch in (epochs - 1, epochs)


def test_a_history_is_drawn():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    net = regression()
    with pytest.raises(ValueError, match="no epochs yet"):
        net.history_.plot()
    net.fit(ROWS, Y, epochs=6, validation_split=0.25)
    ax = net.history_.plot()
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(lines["rows learnt from"].get_ydata(), net.history_.loss)
    np.testing.assert_array_equal(lines["rows held out"].get_ydata(), net.history_.validation_loss)
    assert lines[f"best: epoch {net.history_.best_epoch}"].get_xdata()[0] == net.history_.best_epoch
    net.fit(ROWS, Y, epochs=2)
    ax = net.history_.plot(matplotlib.figure.Figure().subplots(), title="$5")
    assert [line.get_label() for line in ax.lines][:1] == ["rows learnt from"]
    assert "rows held out" not in [line.get_label() for line in ax.lines]
    assert ax.get_xlabel() == "epoch"
    matplotlib.pyplot.close("all")
