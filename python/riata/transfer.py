"""Transfer learning: features of a network that others have trained, and a new head at its optimum.

The backbone is run once over the rows. On its features the head is a penalised path with cross-validation, so that it is at its
optimum, with a certificate. The last layers of a riata network can then be trained on from there.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from riata.cross_validation import cross_validate_path
from riata.cv_result import CVResult
from riata.multinomial import cross_validate_multinomial
from riata.multinomial_result import MultinomialCVResult
from riata.nn import Dense, Sequential, Sigmoid, Softmax
from riata.validation import check_count

__all__ = ["OnnxBackbone", "TransferModel", "extract_features", "fit_head"]


#: types of an ONNX input other than float32
_TYPES = {"tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32}


class OnnxBackbone:
    """A model of an ONNX file as a function of rows, run by onnxruntime on one thread.

    Parameters
    ----------
    path : str or path
    output : str, optional
        Name of the tensor to take; one inside the graph needs the package onnx. Default: the first output.

    Raises
    ------
    ImportError
        If onnxruntime (or, for an inner tensor, onnx) is not installed.
    ValueError
        If the file is no ONNX model, or has no such tensor.
    """

    def __init__(self, path, output=None):
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("an ONNX backbone needs onnxruntime: pip install 'riata[onnx]'") from error
        path = Path(path)
        model = path.read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            names = [tensor.name for tensor in session.get_outputs()]
            if output is not None and output not in names:
                session = onnxruntime.InferenceSession(_with_output(model, output), options, providers=["CPUExecutionProvider"])
        except (ImportError, LookupError) as error:
            raise (ImportError if isinstance(error, ImportError) else ValueError)(*error.args) from None
        except Exception as error:                            # onnxruntime has classes of its own for each fault
            raise ValueError(f"{path.name} is no ONNX model that onnxruntime can run: {error}") from None
        self._session, self.output = session, names[0] if output is None else output
        self._input = session.get_inputs()[0]

    def __call__(self, X):
        """The tensor for a batch of rows."""
        dtype = _TYPES.get(self._input.type, np.float32)
        return self._session.run([self.output], {self._input.name: np.ascontiguousarray(X, dtype)})[0]


def _with_output(model, name):
    """The bytes of a model with one more output: a tensor inside its graph."""
    try:
        import onnx
    except ImportError:
        raise ImportError(f"{name!r} is inside the graph, and to take it needs onnx: pip install 'riata[onnx]'") from None
    graph = onnx.load_from_string(model)
    if name not in {tensor for node in graph.graph.node for tensor in node.output}:
        raise LookupError(f"output = {name!r} is no tensor of the model")
    graph.graph.output.append(onnx.ValueInfoProto(name=name))
    return graph.SerializeToString()


def extract_features(backbone, X, *, layer=-3, batch_size=256):
    """The backbone's output for each row, as (n, p).

    Parameters
    ----------
    backbone : Sequential, callable, or path of an ONNX file
        A callable takes a batch of rows and returns an array with as many rows; further axes are flattened.
    X : array (n, ...)
    layer : int, default=-3
        Of a Sequential: the layer whose output is taken; -3 is what the last Dense and Softmax see.
    batch_size : int, default=256

    Returns
    -------
    ndarray (n, p), float32 or float64

    Raises
    ------
    ValueError
        If the backbone returns another number of rows, rows of varying length, or values that are not finite.
    """
    if isinstance(backbone, Sequential):
        return backbone.features(X, layer)
    run, batch_size = _function_of(backbone), check_count(batch_size, "batch_size", 2**31 - 1)
    X = np.asarray(X)
    if X.ndim == 0 or len(X) == 0:
        raise ValueError(f"X has shape {X.shape}; at least one row is needed")
    parts = []
    for start in range(0, len(X), batch_size):
        rows = X[start : start + batch_size]
        part = np.asarray(run(rows))
        if part.shape[:1] != (len(rows),):
            raise ValueError(f"the backbone gave an array of shape {part.shape} for {len(rows)} rows: it must give one row for "
                             "each")
        part = part.reshape(len(rows), -1)
        if parts and part.shape[1] != parts[0].shape[1]:
            raise ValueError(f"the backbone gave {part.shape[1]} features for rows from {start} on, and {parts[0].shape[1]} "
                             "before")
        parts.append(part if part.dtype == np.float32 else part.astype(np.float64))
    features = np.concatenate(parts)
    if not np.isfinite(features).all():
        row = int(np.argmin(np.isfinite(features).all(axis=1)))
        raise ValueError(f"the backbone gave NaN or infinite features, first for row {row}: look at that row of X")
    return features


def _function_of(backbone):
    if isinstance(backbone, (str, Path)):
        return OnnxBackbone(backbone)
    if not callable(backbone):
        raise TypeError(f"backbone = {backbone!r} must be a riata.nn.Sequential, a function of a batch of rows, or the path of "
                        "an ONNX file")
    return backbone


@dataclass
class TransferModel:
    """A backbone with a new head.

    Attributes
    ----------
    backbone : Sequential or callable
    head : CVResult or MultinomialCVResult
        The paths of the head, with their gaps, and the choice among them.
    layer : int
        Of a Sequential: the layer whose output are the features.
    """

    backbone: object
    head: CVResult | MultinomialCVResult
    layer: int = -3

    def predict(self, X, rule="min"):
        """Labels of a classifier, numbers of a regression; ``rule`` is "min" or "1se"."""
        features = extract_features(self.backbone, X, layer=self.layer)
        if isinstance(self.head, CVResult) and self.head.path.classes is not None:
            return self.head.predict(features, rule=rule, kind="class")
        return self.head.predict(features, rule=rule)

    def predict_proba(self, X, rule="min"):
        """Probabilities (n, K) of a classifier."""
        features = extract_features(self.backbone, X, layer=self.layer)
        if isinstance(self.head, MultinomialCVResult):
            return self.head.predict_proba(features, rule=rule)
        if self.head.path.classes is None:
            raise ValueError("the head is a regression: it has no probabilities")
        p = self.head.predict(features, rule=rule)
        return np.column_stack([1 - p, p])

    def to_network(self, rule="min", l2=0.0):
        """The backbone's layers and the head as one Sequential, the former frozen: to fine-tune the last of them at a low rate.

        Free some layers with ``net.freeze(k)``, then ``net.fit(X, y, learning_rate=...)``.

        Raises
        ------
        ValueError
            If the backbone is no Sequential.
        """
        if not isinstance(self.backbone, Sequential):
            raise ValueError("only a riata.nn.Sequential can be trained on: the backbone is a function with weights of its own")
        size, number = len(self.backbone.layers), self.backbone._number(self.layer)
        ratio, step = self.head.index(rule)
        path = self.head.paths[ratio]
        if isinstance(self.head, MultinomialCVResult):
            head, classes = [Dense(path.n_classes, l2=l2), Softmax()], path.classes
            W, b = path.coef[step].T, path.intercept[step]
        else:
            classes = path.classes
            head = [Dense(1, l2=l2)] + ([] if classes is None else [Sigmoid()])
            W, b = np.asarray(path.coef[step])[:, None], np.atleast_1d(path.intercept[step])
        net = self.backbone.with_head(head, drop=size - number - 1).freeze(number + 1)
        net.set_weights({**net.weights, f"{number + 1}.W": W, f"{number + 1}.b": b})
        if classes is not None:
            net.classes_ = np.asarray(classes)
        return net


def fit_head(backbone, X, y, *, task="auto", layer=-3, cv=5, l1_ratio=0.0, standardize=True, alphas=50, batch_size=256, seed=0,
             **settings):
    """Extract features once, and fit a head on them as a penalised path with cross-validation.

    Parameters
    ----------
    backbone, layer, batch_size
        As of `extract_features`.
    X : array (n, ...)
    y : array (n,)
        Labels or numbers.
    task : 'auto', 'classification' or 'regression', default='auto'
        'auto': regression where y has floats.
    cv, l1_ratio, standardize, alphas, seed, **settings
        As of `riata.cross_validate_path` (regression, two classes) and `riata.cross_validate_multinomial`.

    Returns
    -------
    TransferModel
    """
    if task not in ("auto", "classification", "regression"):
        raise ValueError(f"task = {task!r} must be 'auto', 'classification' or 'regression'")
    if isinstance(backbone, (str, Path)):
        backbone = OnnxBackbone(backbone)
    y = np.asarray(y)
    features = extract_features(backbone, X, layer=layer, batch_size=batch_size)
    settings = {"cv": cv, "l1_ratio": l1_ratio, "standardize": standardize, "alphas": alphas, "seed": seed, **settings}
    if task == "regression" or (task == "auto" and y.dtype.kind == "f"):
        head = cross_validate_path(features, y, **settings)
    elif len(np.unique(y)) == 2:
        head = cross_validate_path(features, y, loss="logistic", **settings)
    else:
        head = cross_validate_multinomial(features, y, **settings)
    return TransferModel(backbone, head, layer)
