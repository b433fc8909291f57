"""Transfer learning: features of a network that others have trained, and a new head at its optimum.

The backbone is run once over the rows. On its features the head is a penalised path with cross-validation, so that it is at its
optimum, with a certificate. The last layers of a riata network can then be trained on from there.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from pathlib import Path

import numpy as np

from riata.cross_validation import cross_validate_path
from riata.cv_result import CVResult
from riata.multinomial import cross_validate_multinomial
from riata.multinomial_result import MultinomialCVResult
from riata.nn import Dense, Sequential, Sigmoid, Softmax
from riata.validation import check_count

__all__ = ["OnnxBackbone", "TransferModel", "extract_features", "fit_head"]


#: types of an ONNX input -> numpy's
_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(int64)": np.int64,
          "tensor(int32)": np.int32, "tensor(uint8)": np.uint8}


class OnnxBackbone:
    """A model of an ONNX file as a function of rows, run by onnxruntime on one thread.

    Parameters
    ----------
    path : str or path
    output : str, optional
        Name of the tensor to take. One inside the graph needs the package onnx; what lies behind it is cut off, and
        costs nothing. Default: the first output.
    preprocess : callable, optional
        From a batch of rows to the array that the model takes, with as many rows.
    postprocess : callable, optional
        From the tensor for a batch to its features, such as ``lambda steps: steps.mean(axis=1)``.

    Attributes
    ----------
    path : Path
    input_name, input_shape, input_type
        Of what the model takes; axes of any length have a name, or None, for a length.
    output : str

    Raises
    ------
    ImportError
        If onnxruntime (or, for an inner tensor, onnx) is not installed.
    FileNotFoundError
        If there is no such file.
    TypeError
        If path is no path, or one of the functions cannot be called.
    ValueError
        If the file is no ONNX model, has no such tensor, has several inputs or one that is not of numbers; in a call, if the
        array does not fit the input.
    """

    def __init__(self, path, output=None, *, preprocess=None, postprocess=None):
        for name, function in (("preprocess", preprocess), ("postprocess", postprocess)):
            if function is not None and not callable(function):
                raise TypeError(f"{name} = {function!r} must be a function of a batch")
        if not isinstance(path, (str, PathLike)):
            raise TypeError(f"path = {path!r} must be the path of an ONNX file, a str or a path")
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("an ONNX backbone needs onnxruntime: pip install 'riata[onnx]'") from error
        self.path = Path(path)
        self._name, model = self.path.name, self.path.read_bytes()
        session = self._opened(onnxruntime, model)
        names = [tensor.name for tensor in session.get_outputs()]
        if output is not None and output not in names:
            session = self._opened(onnxruntime, _cut(model, output, names, self._name))
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in _TYPES:
            has = ", ".join(f"{tensor.name!r} of {tensor.type}" for tensor in inputs) or "none"
            raise ValueError(f"{self._name}: a backbone has one input, of numbers; this model has {has}. Give a function of rows "
                             "that calls it")
        self.input_name, self.input_shape, self.input_type = inputs[0].name, list(inputs[0].shape), inputs[0].type
        self.output, self.preprocess, self.postprocess = names[0] if output is None else output, preprocess, postprocess
        self._session = session

    def _opened(self, onnxruntime, model):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:                            # onnxruntime has classes of its own for each fault
            raise ValueError(f"{self._name} is no ONNX model that onnxruntime can run: {error}") from None

    @property
    def tensors(self):
        """Names that `output` can have, from the input to the end; needs the package onnx."""
        try:
            return _tensors(self.path.read_bytes())
        except ImportError:
            raise ImportError("the tensors inside a graph need onnx: pip install 'riata[onnx]'") from None

    def __call__(self, X):
        """The tensor for a batch of rows."""
        rows = len(X)
        X = np.asarray(X if self.preprocess is None else self.preprocess(X))
        wanted = self.input_shape or [None] * X.ndim                   # of a rank that the file does not say
        ones = wanted[:1] == [1]                                       # a model for one row at a time
        fits = len(wanted) == X.ndim > 0 and all(not isinstance(size, int) or size == here
                                                 for size, here in zip(wanted[1:], X.shape[1:], strict=True))
        if not fits or len(X) != rows or (not ones and wanted[0] != rows and isinstance(wanted[0], int)):
            raise ValueError(f"{self._name} takes arrays of shape {_shape(wanted)} as {self.input_name!r}, and an entry for each "
                             f"of {rows} rows; {'X' if self.preprocess is None else 'preprocess(X)'} has shape {X.shape}")
        X = np.ascontiguousarray(X, _TYPES[self.input_type])
        try:
            parts = [self._session.run([self.output], {self.input_name: part})[0]
                     for part in (np.split(X, rows) if ones else [X])]
        except Exception as error:
            raise ValueError(f"{self._name} cannot be run on an array of shape {X.shape}: {error}") from None
        out = np.concatenate(parts) if ones else parts[0]
        return out if self.postprocess is None else self.postprocess(out)

    def __repr__(self):
        return f"OnnxBackbone({self._name!r}, output={self.output!r}): takes {_shape(self.input_shape)}, {self.input_type}"


def _shape(sizes):
    return "(" + ", ".join(str(size) if isinstance(size, int) else "any" for size in sizes) + ")"


def _tensors(model):
    """Names of what the nodes of a model give, in order."""
    import onnx

    nodes = onnx.load_from_string(model).graph.node
    return [name for node in nodes if node.op_type != "Constant" for name in node.output if name]


def _cut(model, name, outputs, file):
    """The bytes of a model that ends with a tensor inside its graph."""
    try:
        import onnx
    except ImportError:
        raise ImportError(f"output = {name!r} is none of the outputs {outputs} of {file}; to take a tensor inside the graph "
                          "needs onnx: pip install 'riata[onnx]'") from None
    known = _tensors(model)
    if name not in known:
        near = get_close_matches(str(name), known, 3, 0) or outputs
        raise ValueError(f"output = {name!r} is no tensor of {file}; near it are {', '.join(map(repr, near))}, and its outputs "
                         f"are {', '.join(map(repr, outputs))}")
    graph = onnx.load_from_string(model)
    del graph.graph.output[:]
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
