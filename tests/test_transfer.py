"""Transfer: features once, heads with a certificate, and networks that go on from them."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from riata.nn import Dense, Flatten, ReLU, Sequential, Softmax, Tanh
from riata.transfer import OnnxBackbone, extract_features, fit_head


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="module")
def source(digits):
    X, y = digits
    layers = [Dense(24), ReLU(), Dense(16), Tanh(), Dense(5), Softmax()]
    return Sequential(layers, dtype="float64").fit(X[y < 5], y[y < 5], epochs=5)


def test_features_are_those_of_the_layers(digits, source):
    X, _ = digits
    w = source.weights
    hidden = np.maximum(X @ w["0.W"] + w["0.b"], 0)
    np.testing.assert_allclose(extract_features(source, X), np.tanh(hidden @ w["2.W"] + w["2.b"]), atol=1e-12)
    np.testing.assert_allclose(extract_features(source, X, layer=1), hidden, atol=1e-12)


@pytest.mark.parametrize("kind", ["several", "two", "numbers"])
def test_a_head_is_certified_and_its_network_says_the_same(digits, source, kind):
    X, y = digits
    keep = (y >= 5) if kind != "two" else (y >= 8)
    X, y = X[keep][:200], y[keep][:200]
    target = y + 0.5 if kind == "numbers" else np.array(list("abcdefghij"))[y]
    model = fit_head(source, X, target, alphas=10, cv=3)
    assert model.head.path.gap.max() <= 1e-6
    net = model.to_network()
    assert not any(layer.trainable for layer in net.layers[:4])
    if kind == "numbers":
        np.testing.assert_allclose(net.predict(X), model.predict(X), atol=1e-9)
    else:
        np.testing.assert_allclose(net.predict_proba(X), model.predict_proba(X), atol=1e-9)
        assert (net.predict(X) == model.predict(X)).all()
        assert np.mean(model.predict(X) == target) > 0.8
    before = net.weights
    net.freeze(2).fit(X, target, epochs=2, learning_rate=1e-3)
    np.testing.assert_array_equal(net.weights["0.W"], before["0.W"])
    assert not np.array_equal(net.weights["2.W"], before["2.W"])
    np.testing.assert_array_equal(source.weights["2.W"], before["2.W"])


def test_any_function_is_a_backbone(digits):
    X, y = digits
    X, y = X[:150], y[:150]
    seen = []

    def halves(rows):
        seen.append(len(rows))
        return np.stack([rows[:, :32], rows[:, 32:]], axis=1)

    model = fit_head(halves, X, y, batch_size=60, alphas=5, cv=3)
    assert seen == [60, 60, 30]
    np.testing.assert_allclose(extract_features(halves, X), X)
    assert np.mean(model.predict(X) == y) > 0.9
    with pytest.raises(ValueError, match="of its own"):
        model.to_network()


@pytest.mark.parametrize(("backbone", "says"), [
    (lambda rows: rows[:1], "one row for each"), (lambda rows: np.full((len(rows), 2), np.nan), "NaN or infinite features"),
    (lambda rows: rows[:, : 3 + len(rows) % 7], "features for rows from"), (3, "must be a riata.nn.Sequential")])
def test_backbones_that_cannot_be_used(digits, backbone, says):
    with pytest.raises((ValueError, TypeError), match=says):
        extract_features(backbone, digits[0][:40], batch_size=32)


def test_an_onnx_file_is_a_backbone(digits, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    X, _ = digits
    W = np.random.default_rng(0).normal(size=(64, 7)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "W"], ["z"]), helper.make_node("Relu", ["z"], ["h"]),
         helper.make_node("Neg", ["h"], ["out"])],
        "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 7])], [numpy_helper.from_array(W, "W")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "small.onnx")
    hidden = np.maximum(X.astype(np.float32) @ W, 0)
    np.testing.assert_allclose(extract_features(tmp_path / "small.onnx", X), -hidden, atol=1e-5)
    np.testing.assert_allclose(extract_features(OnnxBackbone(tmp_path / "small.onnx", "h"), X), hidden, atol=1e-5)
    backbone = OnnxBackbone(tmp_path / "small.onnx", "h", preprocess=lambda rows: rows[:, ::-1], postprocess=lambda h: 2 * h)
    np.testing.assert_allclose(extract_features(backbone, X[:, ::-1], batch_size=100), 2 * hidden, atol=1e-5)
    assert backbone.tensors == ["z", "h", "out"]
    assert repr(backbone) == "OnnxBackbone('small.onnx', output='h'): takes (any, 64), tensor(float)"
    with pytest.raises(ValueError, match=r"'nowhere' is no tensor of small\.onnx; near it are .*its outputs are 'out'"):
        OnnxBackbone(tmp_path / "small.onnx", "nowhere")
    with pytest.raises(ValueError, match=r"shape \(any, 64\) as 'x'.*5 rows; X has shape \(5, 63\)"):
        OnnxBackbone(tmp_path / "small.onnx")(X[:5, 1:])
    with pytest.raises(ValueError, match=r"preprocess\(X\) has shape \(4, 64\)"):
        OnnxBackbone(tmp_path / "small.onnx", preprocess=lambda rows: rows[1:])(X[:5])
    with pytest.raises(TypeError, match="preprocess = 3 must be a function"):
        OnnxBackbone(tmp_path / "small.onnx", preprocess=3)
    with pytest.raises(FileNotFoundError):
        OnnxBackbone(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ValueError, match=r"text\.onnx is no ONNX model"):
        OnnxBackbone(tmp_path / "text.onnx")


def onnx_file(path, inputs, nodes=(("Identity", "x", "out"),)):
    from onnx import TensorProto, helper, save

    graph = helper.make_graph([helper.make_node(kind, said.split(), [out]) for kind, said, out in nodes], "small",
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
                              [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_an_onnx_model_for_one_row_runs_row_by_row(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    X = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(extract_features(onnx_file(tmp_path / "one.onnx", [("x", [1, 3])]), X), X)
    with pytest.raises(ValueError, match=r"takes arrays of shape \(2, 3\).*3 rows"):
        OnnxBackbone(onnx_file(tmp_path / "two.onnx", [("x", [2, 3])]))(X[:3])
    with pytest.raises(ValueError, match=r"one input, of numbers; this model has 'x' .*'z'"):
        OnnxBackbone(onnx_file(tmp_path / "sum.onnx", [("x", [1, 3]), ("z", [1, 3])], [("Add", "x z", "out")]))


@pytest.mark.parametrize(("absent", "output"), [("onnxruntime", None), ("onnx", "h")])
def test_what_is_not_installed_is_named(monkeypatch, tmp_path, absent, output):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    path = onnx_file(tmp_path / "small.onnx", [("x", [None, 3])], [("Relu", "x", "h"), ("Neg", "h", "out")])
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(ImportError, match=rf"needs {absent}: pip install 'riata\[onnx\]'"):
        OnnxBackbone(path, output)


def test_flattened_images_and_bad_tasks(digits):
    X, y = digits
    net = Sequential([Flatten(), Dense(4), ReLU(), Dense(10), Softmax()], input_shape=(8, 8, 1))
    assert extract_features(net, X.reshape(-1, 8, 8, 1)).shape == (len(X), 4)
    with pytest.raises(ValueError, match="task = 'ranking'"):
        fit_head(net, X.reshape(-1, 8, 8, 1), y, task="ranking")


def test_a_path_is_asked_for():
    with pytest.raises(TypeError, match="path = 3 must be the path of an ONNX file"):
        OnnxBackbone(3)
