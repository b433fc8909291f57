"""Small networks: gradients against finite differences and torch, steps against torch.optim, training, files, bad input."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning

from riata.functional import dropout
from riata.nn import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    CrossEntropy,
    Dense,
    Dropout,
    Flatten,
    Huber,
    KLDivergence,
    MaxPool2D,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    load_network,
)
from riata.nn._build import arrange
from riata.nn._data import flat, rows_of, target_of
from riata_engine.nets import Stepper

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(11, 7, 6, 3))
ROWS = RNG.normal(size=(13, 5))


def shares(n, k):
    q = RNG.uniform(0.1, 1, (n, k))
    return q / q.sum(axis=1, keepdims=True)


def with_running(layers):
    """Layers after one that has moments of its own."""
    return [Dense(6), *layers]


NETWORKS = {
    "dense relu": ([Dense(4), ReLU(), Dense(3), Softmax()], ROWS, np.arange(13) % 3),
    "dense tanh, sigmoid inside": ([Dense(4, "tanh"), Sigmoid(), Dense(2)], ROWS, RNG.normal(size=(13, 2))),
    "activation first": ([Tanh(), ReLU(), Dense(1)], ROWS, RNG.normal(size=13)),
    "two classes": ([Dense(4, "sigmoid"), Dense(1), Sigmoid()], ROWS, np.arange(13) % 2),
    "several labels": ([Dense(3), Sigmoid()], ROWS, RNG.integers(0, 2, (13, 3)).astype(float)),
    "sigmoid to squared": ([Dense(2), Sigmoid()], ROWS, RNG.uniform(size=(13, 2))),
    "huber": ([Dense(4), ReLU(), Dense(2)], ROWS, 3 * RNG.normal(size=(13, 2))),
    "kl": ([Dense(3), Softmax()], ROWS, shares(13, 3)),
    "smoothed": ([Dense(3), Softmax()], ROWS, np.arange(13) % 3),
    "conv valid": ([Conv2D(4, 3), ReLU(), Flatten(), Dense(2)], IMAGES, RNG.normal(size=(11, 2))),
    "conv same, uneven": ([Conv2D(4, (3, 2), padding="same", activation="tanh"), Conv2D(2, 2, strides=(2, 3), padding="same"),
                           Flatten(),
                           Dense(2)], IMAGES, RNG.normal(size=(11, 2))),
    "conv padded": ([Conv2D(3, 3, strides=2, padding=1), Conv2D(2, 2), Flatten()], IMAGES, RNG.normal(size=(11, 12))),
    "max pool": ([Conv2D(3, 2), MaxPool2D(2), Flatten(), Dense(2)], IMAGES, RNG.normal(size=(11, 2))),
    "max pool, overlapping": ([MaxPool2D(3, strides=2, padding=1), Conv2D(3, 2), MaxPool2D((2, 1), strides=1, padding="same"),
                               Flatten(),
                               Dense(2)], IMAGES, RNG.normal(size=(11, 2))),
    "average pool": ([Conv2D(3, 2), AvgPool2D(3, strides=2, padding="same"), Flatten(), Dense(2)], IMAGES,
                     RNG.normal(size=(11, 2))),
    "norm of rows": (with_running([BatchNorm(), ReLU(), Dense(1)]), ROWS, RNG.normal(size=13)),
    "norm of images": ([Conv2D(4, 3), BatchNorm(), Tanh(), Flatten(), Dense(1)], IMAGES, RNG.normal(size=11)),
}
LOSS = {"huber": Huber(0.7), "kl": KLDivergence(2.5), "smoothed": CrossEntropy(0.2), "sigmoid to squared": "squared"}


def made(name, dtype="float64", seed=1):
    layers, X, y = NETWORKS[name]
    layers = [type(layer)(**{k: v for k, v in layer.config().items() if k != "layer"}) for layer in layers]
    net = Sequential(layers, loss=LOSS.get(name, "auto"), dtype=dtype, seed=seed, input_shape=X.shape[1:])
    weights = np.random.default_rng(7).uniform(0.5, 2, len(X))
    targets, _ = target_of(y, len(X), net.loss, type(layers[-1]).__name__, int(np.prod(net.shapes_[-1])))
    rows, shift = rows_of(flat(X, dtype), targets, weights)
    return net, rows, shift


def gradient(engine, rows):
    """Mean loss in training, as a step sees it, and its gradient."""
    engine.reserve(len(rows.X))
    engine.take(rows)
    value = engine.network.gradient(0, len(rows.X)) / engine.network.weight
    return value, engine.grad.copy()


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_finite_differences(name):
    net, rows, _ = made(name)
    engine = net._net
    engine.params += 0.1 * np.random.default_rng(2).normal(size=engine.params.size)
    _, slope = gradient(engine, rows)
    h, worst = 1e-5, 0.0
    for j in range(engine.params.size):
        old, values = engine.params[j], []
        for step in (h, -h, 2 * h, -2 * h):
            engine.params[j] = old + step
            values.append(gradient(engine, rows)[0])
        engine.params[j] = old
        worst = max(worst, abs((8 * (values[0] - values[1]) - (values[2] - values[3])) / (12 * h) - slope[j]))
    assert worst < 1e-8 * max(1.0, np.abs(slope).max())


def test_a_frozen_norm_takes_its_running_moments():
    net, rows, _ = made("norm of images")
    engine = net._net
    gradient(engine, rows)
    kept = engine.running()[0].copy()
    net.layers[1].trainable = False
    arrange(net.layers, engine)
    value, slope = gradient(engine, rows)
    np.testing.assert_array_equal(engine.running()[0], kept)
    assert value == pytest.approx(engine.value(rows), rel=1e-12)
    engine.params[0] += 1e-6
    up = engine.value(rows)
    engine.params[0] -= 2e-6
    assert slope[0] == pytest.approx((up - engine.value(rows)) / 2e-6, rel=1e-5)


def torch_twin(net, dtype):
    """The same network in torch, with the same weights, and our flat gradient from its gradients."""
    torch = pytest.importorskip("torch")
    from torch import nn

    layers, twins = [], {}
    for number, layer in enumerate(net.layers):
        shape = net.shapes_[number]
        weights = {key.split(".")[1]: torch.tensor(value, dtype=dtype) for key, value in net.weights.items()
                   if key.startswith(f"{number}.")}
        twin = None
        if isinstance(layer, Dense):
            twin = nn.Linear(shape[0], layer.units, dtype=dtype)
            twin.weight.data, twin.bias.data = weights["W"].T.contiguous(), weights["b"]
        elif isinstance(layer, Conv2D):
            padding = layer.padding if isinstance(layer.padding, int) else {"valid": 0, "same": "same"}[layer.padding]
            twin = nn.Conv2d(shape[2], layer.filters, layer.kernel_size, layer.strides, padding, dtype=dtype)
            twin.weight.data, twin.bias.data = weights["W"].permute(3, 2, 0, 1).contiguous(), weights["b"]
        elif isinstance(layer, BatchNorm):
            twin = (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(shape[-1], dtype=dtype)
        elif isinstance(layer, MaxPool2D):
            twin = nn.MaxPool2d(layer.pool_size, layer.strides, 0 if layer.padding == "valid" else layer.padding)
        elif isinstance(layer, Flatten):
            twin = ChannelsLast(nn, torch)
        elif type(layer) in (ReLU, Tanh, Sigmoid):
            twin = {ReLU: nn.ReLU, Tanh: nn.Tanh, Sigmoid: nn.Sigmoid}[type(layer)]()
        layers += [] if twin is None else [twin]
        if getattr(layer, "activation", None) and layer.weight_names:
            layers.append({"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[layer.activation]())
        if layer.weight_names:
            twins[number] = twin
    return nn.Sequential(*layers), twins


def ChannelsLast(nn, torch):
    class Flat(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1).flatten(1)

    return Flat()


def parameters_of(twins):
    """torch's parameters in our order and shapes."""
    out = []
    for twin in twins.values():
        W = twin.weight
        out += [W.permute(2, 3, 1, 0) if W.ndim == 4 else W.T if W.ndim == 2 else W, twin.bias]
    return out


TORCH = ["dense relu", "conv valid", "conv padded", "max pool", "norm of rows", "norm of images"]
OPTIMIZERS = {"sgd": ("SGD", {}), "momentum": ("SGD", {"momentum": 0.9}),
              "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
              "adam": ("Adam", {}), "rmsprop": ("RMSprop", {"alpha": 0.999}), "adagrad": ("Adagrad", {"eps": 1e-8})}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TORCH)
def test_forward_and_backward_are_torchs(name, dtype):
    torch = pytest.importorskip("torch")
    net, rows, _ = made(name, dtype)
    kind = getattr(torch, dtype)
    twin, twins = torch_twin(net, kind)
    X = torch.tensor(NETWORKS[name][1], dtype=kind)
    out = twin(X.permute(0, 3, 1, 2) if X.ndim == 4 else X)
    w = torch.tensor(rows.weights, dtype=kind)
    if rows.labels is not None:
        losses = torch.nn.functional.cross_entropy(out, torch.tensor(rows.labels, dtype=torch.long), reduction="none")
    else:
        losses = ((out - torch.tensor(rows.targets, dtype=kind)) ** 2).sum(dim=1) / 2
    loss = (w * losses).sum() / w.sum()
    loss.backward()
    value, slope = gradient(net._net, rows)
    theirs = torch.cat([parameter.reshape(-1)
                        for parameter in parameters_of({key: twin_grad(torch, t) for key, t in twins.items()})])
    assert value == pytest.approx(loss.item(), rel=1e-12 if dtype == "float64" else 1e-6)
    bound = 1e-12 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(slope, theirs.numpy(), atol=bound * max(1.0, np.abs(slope).max()), rtol=0)


def twin_grad(torch, module):
    class Gradients:
        weight, bias = module.weight.grad, module.bias.grad

    return Gradients


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_are_torch_optims(optimizer):
    torch = pytest.importorskip("torch")
    net, rows, _ = made("max pool")
    twin, twins = torch_twin(net, torch.float64)
    X, y = torch.tensor(NETWORKS["max pool"][1]).permute(0, 3, 1, 2), torch.tensor(rows.targets)
    w = torch.tensor(rows.weights)
    name, settings = OPTIMIZERS[optimizer]
    theirs = getattr(torch.optim, name)(twin.parameters(), lr=0.01, **settings)
    ours = Stepper(net._net, optimizer, 0.01)
    for _ in range(10):
        theirs.zero_grad()
        ((w * ((twin(X) - y) ** 2).sum(dim=1) / 2).sum() / w.sum()).backward()
        theirs.step()
        gradient(net._net, rows)
        ours.advance()
    flat_theirs = torch.cat([parameter.reshape(-1) for parameter in parameters_of(twins)]).detach().numpy()
    np.testing.assert_allclose(net._net.params, flat_theirs, atol=1e-10)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).reshape(-1, 8, 8, 1), y


def cnn(**settings):
    return Sequential([Conv2D(8, padding="same"), ReLU(), MaxPool2D(), BatchNorm(), Flatten(), Dropout(0.1), Dense(10),
                       Softmax()], **settings)


def test_a_network_learns_digits_and_its_file_predicts_the_same_bits(digits, tmp_path):
    X, y = digits
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])[y]
    held = np.arange(len(y)) % 4 == 0
    net = cnn(seed=3).fit(X[~held], names[~held], epochs=15, validation_split=0.1)
    said = net.evaluate(X[held], names[held])
    assert said["score"] > 0.93
    assert said["score"] == np.mean(net.predict(X[held]) == names[held])
    P = net.predict_proba(X[held])
    codes = np.searchsorted(net.classes_, names[held])
    assert said["loss"] == pytest.approx(-np.log(P[np.arange(len(P)), codes]).mean(), rel=1e-9)
    net.save(tmp_path / "net.npz")
    again = load_network(tmp_path / "net.npz")
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(net)).predict_proba(X), net.predict_proba(X))
    assert again.predict(X[:2]).tolist() == names[:2].tolist()


def test_the_same_call_gives_the_same_bits_and_another_seed_others(digits):
    X, y = digits[0][:300], digits[1][:300]
    first, second, other = (cnn(seed=seed).fit(X, y, epochs=2).predict_proba(X) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_two_calls_of_fit_without_momentum_are_one(digits):
    X, y = digits[0][:300], digits[1][:300]
    whole = cnn().fit(X, y, epochs=4, optimizer="sgd")
    parts = cnn().fit(X, y, epochs=1, optimizer="sgd").fit(X, y, epochs=3, optimizer="sgd")
    np.testing.assert_array_equal(whole.predict_proba(X), parts.predict_proba(X))
    assert whole.history_.loss == parts.history_.loss


def test_weights_are_repeated_rows():
    X, y = load_diabetes(return_X_y=True)
    X, y = (X / X.std(axis=0))[:40], ((y - y.mean()) / y.std())[:40]
    w = np.random.default_rng(0).integers(0, 3, 40)
    settings = {"epochs": 20, "optimizer": "sgd", "shuffle": False}
    weighted = Sequential([Dense(4, "tanh"), Dense(1)], dtype="float64").fit(X, y, sample_weight=w, batch_size=40, **settings)
    repeated = Sequential([Dense(4, "tanh"), Dense(1)], dtype="float64").fit(np.repeat(X, w, axis=0), np.repeat(y, w),
                                                                             batch_size=int(w.sum()), **settings)
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-12)


def test_dropout_scales_what_is_left_and_predicts_with_all():
    net = Sequential([Dropout(0.25), Dense(1)], input_shape=(400,), dtype="float64")
    engine = net._net
    engine.params[:] = 0
    engine.params[:400] = 1
    X = np.ones((50, 400))
    np.testing.assert_allclose(net.predict(X), 400)
    rows, _ = rows_of(X, target_of(np.zeros(50), 50, net.loss, "Dense", 1)[0], None)
    engine.reserve(50)
    engine.take(rows)
    engine.network.gradient(0, 50)
    dropped = engine.outputs[1][:50].copy()
    assert set(np.unique(dropped)) == {0.0, 1 / 0.75}
    np.testing.assert_array_equal(dropped, dropout(X, 0.25, seed=net.seed, stream=1 << 40))    # layer 0, step 0
    assert abs((dropped == 0).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / dropped.size)
    engine.network.gradient(0, 50)
    assert not np.array_equal(dropped, engine.outputs[1][:50])          # another step, another mask


def test_frozen_layers_stay_and_a_new_head_learns(digits):
    X, y = digits
    low, high = y < 5, y >= 5
    source = Sequential([Conv2D(8, padding="same"), ReLU(), MaxPool2D(), Flatten(), Dense(5), Softmax()])
    source.fit(X[low], y[low], epochs=3)
    before = source.weights
    net = source.with_head([Dense(5), Softmax()]).freeze(4)
    net.fit(X[high], y[high], epochs=8)
    np.testing.assert_array_equal(net.weights["0.W"], before["0.W"])
    assert not np.array_equal(net.weights["4.W"], before["4.W"])
    np.testing.assert_array_equal(source.weights["4.W"], before["4.W"])
    assert net.evaluate(X[high], y[high])["score"] > 0.9
    np.testing.assert_array_equal(net.features(X[:9], 3), source.features(X[:9], 3))


def test_early_stopping_restores_the_best_weights():
    X, y = load_diabetes(return_X_y=True)
    X, y = X / X.std(axis=0), (y - y.mean()) / y.std()
    net = Sequential([Dense(64, "relu"), Dense(1)]).fit(X[:60], y[:60], epochs=500, validation_data=(X[60:], y[60:]), patience=5,
                                                        learning_rate=0.01)
    history = net.history_
    assert history.stopped == "patience"
    assert len(history.loss) < 500
    assert history.best_epoch == int(np.argmin(history.validation_loss)) == len(history.loss) - 6
    assert net.evaluate(X[60:], y[60:])["loss"] == pytest.approx(min(history.validation_loss), rel=1e-12)


def test_divergence_says_so_and_keeps_finite_weights():
    X, y = load_diabetes(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="Sequential: the loss was no longer finite"):
        net = Sequential([Dense(4, "relu"), Dense(1)]).fit(1e4 * X, y, optimizer="sgd", learning_rate=10.0, epochs=30)
    assert net.history_.stopped == "diverged"
    assert "learning_rate below 10" in net.history_.message
    assert np.isfinite(net.predict(X)).all()


def test_l1_makes_zeros_and_l2_shrinks():
    X, y = load_diabetes(return_X_y=True)
    X, y = X / X.std(axis=0), (y - y.mean()) / y.std()
    settings = {"epochs": 400, "batch_size": 442, "optimizer": "sgd", "learning_rate": 0.05}
    plain, lasso, ridge = (Sequential([Dense(1, **penalty)], dtype="float64").fit(X, y, **settings)
                           for penalty in ({}, {"l1": 0.1}, {"l2": 1.0}))
    assert (plain.weights["0.W"] != 0).all()
    assert (lasso.weights["0.W"] == 0).sum() >= 3
    from riata import fit_path
    path = fit_path(X, y, alphas=[0.1])
    np.testing.assert_allclose(lasso.weights["0.W"][:, 0], np.ravel(path.coef), atol=2e-3)
    A = X - X.mean(axis=0)
    np.testing.assert_allclose(ridge.weights["0.W"][:, 0], np.linalg.solve(A.T @ A / 442 + np.eye(10), A.T @ y / 442), atol=1e-6)


def test_distillation_reaches_the_teacher():
    teacher = Sequential([Dense(3), Softmax()], input_shape=(5,), seed=5, dtype="float64")
    Q = teacher.predict_proba(ROWS)
    student = Sequential([Dense(3), Softmax()], loss=KLDivergence(), dtype="float64").fit(ROWS, Q, epochs=3000, batch_size=13,
                                                                                         learning_rate=0.05)
    assert student.evaluate(ROWS, Q)["loss"] < 1e-6
    assert student.evaluate(ROWS, Q)["loss"] > -1e-12


@pytest.mark.parametrize(("wrong", "says"), [
    (lambda: Sequential([Conv2D(4, padding="same"), Dense(3)], input_shape=(8, 8, 1)),
     r"layer 1 Dense\(units=3\) takes rows.*layer 0 Conv2D\(.*gives shape \(8, 8, 4\)"),
    (lambda: Sequential([MaxPool2D(2), Conv2D(4, 5)], input_shape=(8, 8, 1)), r"at least 5 × 5.*layer 0 MaxPool2D.*\(4, 4, 1\)"),
    (lambda: Sequential([Dense(3), Conv2D(4)], input_shape=(8,)), r"layer 1 Conv2D.*takes images.*layer 0 Dense.*\(3,\)"),
    (lambda: Sequential([Softmax(), Dense(3)], input_shape=(8,)), "ends a network"),
    (lambda: Sequential([Dense(3), ReLU], input_shape=(8,)), r"give ReLU\(\)"),
    (lambda: Sequential([Dense(3)], loss="cross_entropy"), "end with Softmax"),
    (lambda: Sequential([Dense(3), Softmax()], loss="squared"), "last layer is Softmax"),
    (lambda: Dropout(1.0), r"rate = 1.0 is outside \[0, 1\)"),
    (lambda: Dropout(-0.1), r"outside \[0, 1\)"),
    (lambda: Dense(0), "units = 0"),
    (lambda: Dense(3, "gelu"), "activation = 'gelu'"),
    (lambda: Conv2D(3, padding="full"), "padding = 'full'"),
    (lambda: Sequential([Dense(1)]).fit(ROWS, ROWS[:, 0], batch_size=13, optimizer="lion"), "optimizer = 'lion'"),
    (lambda: Sequential([Dense(1)]).fit(ROWS, ROWS[:, 0], batch_size=13, optimizer="saga"), "'saga' is for linear models"),
    (lambda: Sequential([Dense(1)]).fit(ROWS, ROWS[:, 0], batch_size=13, schedule="armijo"), "'armijo' is for linear models"),
    (lambda: Sequential([Dense(1)]).fit(ROWS, ROWS[:, 0], batch_size=13, learning_rate=0.0), "learning_rate = 0.0"),
    (lambda: Sequential([Dense(1)]).fit(ROWS, ROWS[:, 0], batch_size=14), "batch_size = 14 is larger than the 13"),
    (lambda: Sequential([Dense(1)]).fit(ROWS, ROWS[:, 0], batch_size=13, learning_rate=-1), "learning_rate = -1"),
    (lambda: Sequential([Dense(2)]).fit(ROWS, ROWS[:, 0], batch_size=4), r"Dense\(1\)"),
    (lambda: Sequential([Dense(2), Softmax()]).fit(ROWS, np.arange(13) % 3, batch_size=4), r"3 classes.*Dense\(3\), Softmax\(\)"),
    (lambda: Sequential([Dense(2), Softmax()]).fit(ROWS, np.full((13, 2), 0.6), batch_size=4), "row 0 of y.*sums to 1.2"),
    (lambda: Sequential([Dense(1)]).fit(np.where(ROWS > 2, np.nan, ROWS), ROWS[:, 0], batch_size=4), "NaN or infinite.*row"),
    (lambda: Sequential([Dense(1)]).fit(ROWS, ROWS[:, 0], batch_size=4, validation_split=1.0), "validation_split"),
    (lambda: Sequential([Dense(1)]).predict(ROWS), "no weights yet"),
])
def test_bad_input_is_told(wrong, says):
    with pytest.raises((ValueError, TypeError), match=says):
        wrong()


def test_weights_of_another_architecture_are_refused(digits, tmp_path):
    net = cnn(input_shape=(8, 8, 1))
    net.save(tmp_path / "net.npz")
    other = Sequential([Conv2D(8, padding="same"), ReLU(), MaxPool2D(3), BatchNorm(), Flatten(), Dropout(0.1), Dense(10),
                        Softmax()],
                       input_shape=(8, 8, 1))
    with pytest.raises(ValueError, match=r"another architecture: its layer 2 is MaxPool2D\(pool_size=\[2, 2\]"):
        other.load_weights(tmp_path / "net.npz")
    with pytest.raises(ValueError, match=r"'6.W' has shape \(128, 10\), and layer 6 Dense.*\(32, 10\)"):
        other.set_weights(net.weights)
    same = cnn(seed=9, input_shape=(8, 8, 1)).load_weights(tmp_path / "net.npz")
    np.testing.assert_array_equal(same.weights["0.W"], net.weights["0.W"])
    (tmp_path / "text.npz").write_text("no network")
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    for name in ("text.npz", "arrays.npz"):
        with pytest.raises(ValueError, match="no network of riata"):
            load_network(tmp_path / name)


def test_labels_unknown_to_the_first_fit_are_refused(digits):
    X, y = digits
    net = Sequential([Flatten(), Dense(5), Softmax()]).fit(X[y < 5], y[y < 5], epochs=1)
    with pytest.raises(ValueError, match=r"label 5 in row 0 .*with_head"):
        net.fit(X[y >= 5], y[y >= 5])


def test_schedules_and_callbacks():
    seen = []
    net = Sequential([Dense(1)], input_shape=(5,))
    net.fit(ROWS, ROWS[:, 0], batch_size=13, epochs=8, learning_rate=0.1, schedule="cosine",
            callback=lambda epoch, history: seen.append(epoch) or epoch == 5)
    assert seen == [0, 1, 2, 3, 4, 5]
    assert net.history_.stopped == "callback"
    np.testing.assert_allclose(net.history_.learning_rate, 0.05 * (1 + np.cos(np.pi * np.arange(6) / 8)))


def test_arrays_of_the_caller_stay_as_they_are(digits):
    X, y = digits[0][:100].astype(np.float32), digits[1][:100].copy()
    before = X.copy(), y.copy()
    cnn().fit(X, y, epochs=1)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


def test_shares_after_labels_are_judged_as_if_alone():
    """The loss of a row of shares does not depend on the labels that the mini-batch before it had."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(40, 6)), np.repeat(np.arange(4), 10)
    q = rng.dirichlet(np.ones(4), 40)
    net = Sequential([Dense(4), Softmax()], dtype="float64").fit(X, y, epochs=2, validation_data=(X, q))
    expected = -(q * np.log(net.predict_proba(X))).sum(axis=1).mean()
    assert net.evaluate(X, q)["loss"] == pytest.approx(expected, rel=1e-12)
    assert net.history_.validation_loss[-1] == pytest.approx(expected, rel=1e-12)


def test_a_fit_without_validation_is_not_stopped_by_an_earlier_ones():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    y = X @ np.arange(5.0)
    net = Sequential([Dense(1)]).fit(X, y, epochs=3, validation_split=0.2)
    net.fit(X, y, epochs=20, patience=3, optimizer="sgd", learning_rate=0.01)
    assert net.history_.stopped == "epochs"
    assert len(net.history_.loss) == 23
    assert net.history_.best_epoch == int(np.argmin(net.history_.loss[3:])) + 3
