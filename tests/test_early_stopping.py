"""Early stopping by a function of the model, and gradients clipped by their norm."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes, load_digits

from riata.linear_model import SGDClassifier, SGDRegressor
from riata.neural_network import MLPClassifier, MLPRegressor
from riata.nn import Dense, Sequential, Tanh
from riata.optim import descend
from riata_engine.nets import Stepper


@pytest.fixture(scope="module")
def data():
    X, y = load_diabetes(return_X_y=True)
    return X / X.std(axis=0), (y - y.mean()) / y.std()


def test_a_function_stops_a_network_as_the_same_rows_do(data):
    X, y = data
    settings = {"epochs": 300, "patience": 5, "learning_rate": 0.01}
    rows = Sequential([Dense(32, "relu"), Dense(1)]).fit(X[:60], y[:60], validation_data=(X[60:], y[60:]), **settings)
    half = lambda net: np.mean((net.predict(X[60:]) - y[60:]) ** 2) / 2  # noqa: E731
    own = Sequential([Dense(32, "relu"), Dense(1)]).fit(X[:60], y[:60], validation_data=half, **settings)
    assert own.history_.stopped == "patience"
    np.testing.assert_allclose(own.history_.validation_loss, rows.history_.validation_loss, rtol=1e-6)
    assert own.history_.best_epoch == rows.history_.best_epoch == int(np.argmin(own.history_.validation_loss))
    np.testing.assert_array_equal(own.weights["0.W"], rows.weights["0.W"])
    assert own.history_.validation_score == []


@pytest.mark.parametrize("given", [lambda net: np.nan, lambda net: "low", lambda net: None])
def test_what_a_function_must_return(data, given):
    X, y = data
    with pytest.raises(ValueError, match=r"validation_data gave .*finite number"):
        Sequential([Dense(1)]).fit(X, y, validation_data=given)
    with pytest.raises(ValueError, match=r"early_stopping gave .*finite number"):
        MLPRegressor(early_stopping=given).fit(X, y)
    with pytest.raises((ValueError, TypeError), match=r"finite number|could not convert|float\(\) argument"):
        descend(X, y, validation=lambda coef, intercept: given(None))


def test_a_pair_that_is_none_is_told(data):
    with pytest.raises(TypeError, match=r"give \(X, y\), or a function"):
        Sequential([Dense(1)]).fit(*data, validation_data=data[0])
    with pytest.raises(ValueError, match="early_stopping"):
        MLPRegressor(early_stopping="yes").fit(*data)
    with pytest.raises(ValueError, match="early_stopping"):
        SGDRegressor(early_stopping="yes").fit(*data)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("average", [False, True])
def test_a_function_stops_descent_as_the_same_rows_do(data, sparse, average):
    X, y = data
    X = np.where(np.abs(X) > 1.5, X, 0) if sparse else X
    rows = np.arange(0, len(y), 3)
    learnt = np.setdiff1d(np.arange(len(y)), rows)
    form = csr_array if sparse else np.asarray
    settings = {"batch_size": 1 if sparse else 16, "epochs": 200, "shuffle": False, "step": 0.01, "tol": 0.0, "average": average}
    held = descend(form(X), y, validation=rows, **settings)
    seen = []

    def loss(coef, intercept):
        seen.append((coef, intercept))
        return np.mean((X[rows] @ coef + intercept - y[rows]) ** 2) / 2

    own = descend(form(X[learnt]), y[learnt], validation=loss, **settings)
    assert own.status == held.status == ("max_epochs" if average and not sparse else "no_improvement")
    assert own.n_epochs == held.n_epochs == len(seen)
    np.testing.assert_allclose(own.history.validation_loss, held.history.validation_loss, rtol=1e-12)
    np.testing.assert_allclose(own.coef, held.coef, atol=1e-14)
    best = int(np.argmin(own.history.validation_loss))
    np.testing.assert_array_equal(own.coef, seen[best][0])
    assert own.intercept == seen[best][1]


def test_a_batch_is_measured_in_one_call(data):
    X, y = data
    Y = np.column_stack([y * (1 + k / 100) for k in range(70)])                 # more than one task of the engine
    shapes = set()

    def loss(coef, intercept):
        shapes.add((coef.shape, intercept.shape))
        return np.mean((X @ coef.T + intercept - Y) ** 2, axis=0)

    batch = descend(X, Y, validation=loss, epochs=4, optimizer="svrg")
    assert shapes == {((70, 10), (70,))}
    alone = descend(X, Y[:, 3], validation=lambda coef, intercept: np.mean((X @ coef + intercept - Y[:, 3]) ** 2), epochs=4,
                    step=batch.step[3], optimizer="svrg")
    np.testing.assert_allclose(batch.history.validation_loss[3], alone.history.validation_loss, rtol=1e-12)
    shared = descend(X, Y[:, :3], validation=lambda coef, intercept: -np.abs(coef).sum(), epochs=4)
    assert len(np.unique(shared.history.validation_loss, axis=0)) == 1
    with pytest.raises(ValueError, match="or 3 of them"):
        descend(X, Y[:, :3], validation=lambda coef, intercept: np.zeros(2))


def test_an_error_in_the_function_comes_through(data):
    def broken(coef, intercept):
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        descend(*data, validation=broken)
    with pytest.raises(LookupError, match="no such thing"):
        SGDRegressor(early_stopping=lambda model: broken(0, 0)).fit(*data)


def test_estimators_stop_by_a_function(data):
    X, y = data
    seen = []

    def loss(model):
        seen.append((model.coef_.copy(), np.mean((model.predict(X[200:]) - y[200:]) ** 2)))
        return seen[-1][1]

    model = SGDRegressor(early_stopping=loss, learning_rate="constant", eta0=0.001, random_state=0, tol=0.0).fit(X[:200], y[:200])
    assert model.n_iter_ == len(seen) < 1000
    np.testing.assert_array_equal(model.coef_, min(seen, key=lambda pair: pair[1])[0])
    np.testing.assert_allclose(model.history_.validation_loss, [value for _, value in seen])

    X, y = load_digits(return_X_y=True)
    X = X / 16
    wrong = lambda model: np.mean(model.predict(X[900:]) != y[900:])  # noqa: E731
    linear = SGDClassifier("log_loss", early_stopping=wrong, learning_rate="constant", eta0=0.01, random_state=0, max_iter=40,
                           n_iter_no_change=3).fit(X[:900], y[:900])
    assert linear.coef_.shape == (10, 64)
    assert np.mean(linear.predict(X[900:]) != y[900:]) == linear.history_.validation_loss.min() < 0.12
    net = MLPClassifier(16, early_stopping=wrong, random_state=0, max_iter=200, learning_rate_init=0.01, n_iter_no_change=3)
    net.fit(X[:900], y[:900])
    assert np.mean(net.predict(X[900:]) != y[900:]) == min(net.validation_curve_) < 0.12
    assert net.validation_scores_ is None
    assert len(net.validation_curve_) == net.n_iter_ < 200


def gradients_of(layers, X, y, **settings):
    """Steps of plain gradient descent with a step size of one, all rows at once: the gradients that were taken."""
    net = Sequential(layers, dtype="float64", input_shape=(X.shape[1],))
    before = net.weights
    net.fit(X, y, epochs=1, batch_size=len(X), optimizer="sgd", learning_rate=1.0, shuffle=False, **settings)
    return {key: before[key] - value for key, value in net.weights.items()}


@pytest.mark.parametrize("frozen", [False, True])
def test_a_clipped_gradient_has_its_norm_over_all_that_learns(data, frozen):
    X, y = data

    def layers():
        first = Dense(5, l2=0.1)
        first.trainable = not frozen
        return [first, Tanh(), Dense(1)]

    plain = gradients_of(layers(), X, y)
    norm = np.sqrt(sum((g ** 2).sum() for g in plain.values()))
    for clip in (norm / 3, norm * 1.01):
        clipped = gradients_of(layers(), X, y, clip=clip)
        for key, g in plain.items():
            np.testing.assert_allclose(clipped[key], g * min(1, clip / norm), atol=1e-12)
    for clip in (0.0, -1, np.nan):
        with pytest.raises(ValueError, match="clip = "):
            gradients_of(layers(), X, y, clip=clip)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipping_is_torchs(data, dtype):
    torch = pytest.importorskip("torch")
    net = Sequential([Dense(5), Tanh(), Dense(3)], dtype=dtype, input_shape=(10,))
    gradient = np.random.default_rng(0).normal(size=net._net.params.shape).astype(dtype)
    theirs = torch.nn.Parameter(torch.zeros(len(gradient), dtype=getattr(torch, dtype)))
    theirs.grad = torch.tensor(gradient)
    torch.nn.utils.clip_grad_norm_([theirs], 0.7)
    stepper = Stepper(net._net, "sgd", 1.0, clip=0.7)
    before = net._net.params.copy()
    net._net.grad[:] = gradient
    stepper.advance()
    # torch divides by the norm and 1e-6
    np.testing.assert_allclose(net._net.grad, theirs.grad.numpy(), rtol=1e-5)
    np.testing.assert_array_equal(net._net.params, before - net._net.grad)


def test_frozen_after_it_has_learnt_does_not_count(data):
    X, y = data
    layers = [Dense(5), Tanh(), Dense(1)]
    net = Sequential(layers, dtype="float64").fit(X, y, epochs=1, batch_size=len(X), optimizer="sgd", learning_rate=1e-3)
    net.freeze(1)
    before = net.weights
    net.fit(X, y, epochs=1, batch_size=len(X), optimizer="sgd", learning_rate=1.0, clip=1e-3)
    taken = {key: before[key] - value for key, value in net.weights.items()}
    assert not taken["0.W"].any()
    assert np.sqrt(sum((g ** 2).sum() for g in taken.values())) == pytest.approx(1e-3, rel=1e-9)
