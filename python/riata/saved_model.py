"""A fitted linear model as plain data: coefficients, link and classes, and what it predicts."""

from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from .links import LINKS, classes_at, inverse_link
from .model_document import (
    FORMAT,
    FORMAT_VERSION,
    PLAIN_VERSION,
    REWRITE,
    Damaged,
    check_format,
    entries,
    entry,
    number,
    optional,
)

KINDS = ("response", "link", "class")


@dataclass
class LinearModel:
    """A fitted linear model: the linear predictor is ``intercept + X @ coef``.

    Parameters
    ----------
    coef : array (p,) or (T, p)
        Coefficients on the scale of X, one row per target, or class, where there are several.
    intercept : float or array (T,)
    feature_names : list of str (p,), optional
        Default ``x0, x1, ...``. Must be distinct.
    target_names : list of str, optional
        Default ``["y"]`` or ``["y0", "y1", ...]``; of several classes their labels.
    alpha, l1_ratio : float, optional
        The penalty that it was solved for.
    encoding : dict, optional
        How the columns of a table become the features (as `riata.cli.encode.Encoding.to_dict` writes it). None: the
        columns of a table are the features.
    notes : dict
        Anything else that JSON can hold: how the model was chosen, versions, scores.
    link : {"identity", "log", "logit", "softmax"}, default "identity"
        From the linear predictor to the mean of y, or to the probabilities of classes.
    classes : array (K,), optional
        Labels: the two of a ``coef`` (p,), of which it tells the second from the first, or one for each row of ``coef``. With the
        identity link (support vector machines) there are no probabilities.
    predicts : {"response", "link", "class"}, default "response"
        What `predict` gives where it is not told.
    loss : dict, optional
        Its ``name`` and ``parameter``, to be read by people: a prediction does not need them.

    Raises
    ------
    ValueError
        If shapes disagree, names or classes repeat, or a coefficient or intercept is not finite.
    """

    coef: np.ndarray
    intercept: object = 0.0
    feature_names: list = None
    target_names: list = None
    alpha: float = None
    l1_ratio: float = None
    encoding: dict = None
    notes: dict = field(default_factory=dict)
    link: str = "identity"
    classes: np.ndarray = None
    predicts: str = "response"
    loss: dict = None

    def __post_init__(self):
        self.coef = np.array(self.coef, dtype=np.float64)
        if self.coef.ndim not in (1, 2):
            raise ValueError(f"coef has shape {self.coef.shape}: give (p,) or (n_targets, p)")
        p, targets = self.coef.shape[-1], self.coef.shape[:-1]
        try:
            intercept = np.asarray(self.intercept, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"intercept = {self.intercept!r} is not a number: give one number per target") from None
        try:
            self.intercept = np.broadcast_to(intercept, targets).copy()[()]
        except ValueError:
            raise ValueError(f"intercept has shape {np.shape(self.intercept)}, coef has shape {self.coef.shape}: "
                             "give one intercept per target") from None
        if not (np.isfinite(self.coef).all() and np.isfinite(self.intercept).all()):
            raise ValueError("coef or intercept is not finite: this alpha was not solved, choose one that converged")
        self._check_meaning()
        self.feature_names = _checked_names(self.feature_names, p, "feature_names", "x")
        if self.target_names is None and not targets:
            self.target_names = ["y"]
        elif self.target_names is None and self.classes is not None:
            self.target_names = [str(label) for label in self.classes]
        self.target_names = _checked_names(self.target_names, int(np.prod(targets, dtype=int)), "target_names", "y")

    def _check_meaning(self):
        if self.link not in LINKS:
            raise ValueError(f"link = {self.link!r} must be one of {', '.join(map(repr, LINKS))}")
        if self.predicts not in KINDS:
            raise ValueError(f"predicts = {self.predicts!r} must be one of {', '.join(map(repr, KINDS))}")
        if self.classes is not None:
            self.classes = np.asarray(self.classes)
            labels = self.classes.tolist()
            if self.classes.ndim != 1 or len(set(labels)) != len(labels):
                raise ValueError(f"classes = {labels!r} must be a list of distinct labels")
            expected = 2 if self.coef.ndim == 1 else len(self.coef)
            if len(labels) != expected:
                raise ValueError(f"classes has {len(labels)} labels, coef has shape {self.coef.shape}: give {expected}")
        elif self.link == "softmax" or self.predicts == "class":
            raise ValueError(f"classes is missing: link = {self.link!r} and predicts = {self.predicts!r} need their labels")

    @property
    def is_plain(self):
        """Whether a prediction is the linear predictor and nothing else."""
        return self.link == "identity" and self.classes is None

    @property
    def needed_columns(self):
        """Names of the table columns that a prediction reads: those with a coefficient that is not zero."""
        from .cli.encode import Encoding
        used = np.flatnonzero(np.any(np.atleast_2d(self.coef) != 0, axis=0))
        if self.encoding is None:
            return [self.feature_names[j] for j in used]
        return Encoding.from_dict(self.encoding).columns_of({self.feature_names[j] for j in used})

    def predict(self, X, kind=None):
        """Predict from an array or a table.

        Parameters
        ----------
        X : array (n, p) or table
            An array or sparse matrix must have the p features in the order of ``feature_names``. Of a table (pandas,
            polars, Arrow, or a dict of columns), the columns are taken by name; only those in ``needed_columns`` are
            read, in any order.
        kind : {"response", "link", "class"}, optional
            The mean of y (of two classes the probability of the second, of several those of all), the linear predictor, or the
            most probable class. Default: ``predicts``, so that the prediction is that of the model that was saved.

        Returns
        -------
        array (n,) or (n, T)

        Raises
        ------
        ValueError
            If columns are absent, hold missing values, text that is not a number, or a category that the fit did not
            see; if `kind` is unknown, or the model has no probabilities or no classes.
        """
        kind = self.predicts if kind is None else kind
        if kind not in KINDS:
            raise ValueError(f"kind = {kind!r} must be one of {', '.join(map(repr, KINDS))}")
        if kind == "class" and self.classes is None:
            raise ValueError("kind = 'class' is for a model of classes, and this one has none: take 'response' or 'link'")
        if kind == "response" and self.link == "identity" and self.classes is not None:
            raise ValueError("kind = 'response' is for a model with probabilities, and this one (a support vector machine) has "
                             "none: take 'class' or 'link'")
        eta = self._linear_predictor(X)
        if kind == "link":
            return eta
        return classes_at(eta, self.classes) if kind == "class" else inverse_link(self.link, eta)

    def _linear_predictor(self, X):
        if hasattr(X, "columns") or isinstance(X, dict):
            return self._of_table(X)
        from scipy import sparse
        X = X if sparse.issparse(X) else np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != self.coef.shape[-1]:
            raise ValueError(f"X has shape {X.shape}, the model has {self.coef.shape[-1]} features: give (n, p)")
        return X @ self.coef.T + self.intercept

    def _of_table(self, table):
        from .cli.encode import Encoding, as_polars
        table = as_polars(table)
        needed = self.needed_columns
        encoding = Encoding.of_numbers(needed) if self.encoding is None else Encoding.from_dict(self.encoding)
        features, names = encoding.transform(table, only=set(needed))
        at = {name: j for j, name in enumerate(self.feature_names)}
        return features @ self.coef[..., [at[name] for name in names]].T + self.intercept

    def to_dict(self):
        """The document that `save_model` writes; one without a link or classes is as older versions wrote and read it."""
        from . import __version__
        coef, intercept = np.atleast_2d(self.coef), np.atleast_1d(self.intercept)
        targets = [{"name": name, "intercept": float(b0),
                    "coefficients": {self.feature_names[j]: float(row[j]) for j in np.flatnonzero(row)}}
                   for name, b0, row in zip(self.target_names, intercept, coef, strict=True)]
        document = {"format": FORMAT, "format_version": PLAIN_VERSION if self.is_plain else FORMAT_VERSION, "riata": __version__,
                    "penalty": {"alpha": _plain(self.alpha), "l1_ratio": _plain(self.l1_ratio)},
                    "several_targets": self.coef.ndim == 2, "targets": targets, "features": self.feature_names,
                    "encoding": self.encoding, "notes": self.notes}
        if self.is_plain:
            return document
        return document | {"link": self.link, "predicts": self.predicts, "loss": self.loss,
                           "classes": None if self.classes is None else _labels_to_dict(self.classes)}

    @classmethod
    def from_dict(cls, document):
        """The model of a document; a ValueError says what is wrong with one that is none."""
        check_format(document)
        try:
            return cls(**_fields(document))
        except ValueError as error:
            raise ValueError(f"damaged riata model: {error}; {REWRITE}") from None


def meaning_of(loss, link, classes=None, predicts="response"):
    """Keywords of `LinearModel` of a model of a `riata.losses.Loss`, or of a loss by its name."""
    parameter = getattr(loss, "parameter", None)
    return {"link": link, "classes": classes, "predicts": predicts,
            "loss": {"name": getattr(loss, "name", loss), "parameter": float(parameter) if isinstance(parameter, Real) else None}}


def _fields(document):
    """The arguments of `LinearModel` that a document holds, each checked."""
    features, targets = entries(document, "features", str), entries(document, "targets", dict)
    if not targets:
        raise Damaged("'targets' is empty")
    several = entry(document, "several_targets", bool)
    if not several and len(targets) > 1:
        raise Damaged(f"'several_targets' is false and 'targets' holds {len(targets)}")
    at = {name: j for j, name in enumerate(features)}
    coef, intercept, names = np.zeros((len(targets), len(features))), [], []
    for row, target in zip(coef, targets, strict=True):
        names.append(entry(target, "name", str, " in a target"))
        where = f" of target {names[-1]!r}"
        if "intercept" not in target:
            raise Damaged(f"'intercept'{where} is missing")
        intercept.append(number(target["intercept"], "intercept"))
        for name, value in entry(target, "coefficients", dict, where).items():
            if name not in at:
                raise Damaged(f"the coefficient of {name!r} belongs to no feature")
            row[at[name]] = number(value, f"the coefficient of {name!r}")
    encoding = optional(document, "encoding", dict)
    if encoding is not None:
        from .cli.encode import Encoding
        if Encoding.from_dict(encoding).feature_names != features:
            raise Damaged("'encoding' makes other features than 'features' names")
    penalty = entry(document, "penalty", dict)
    penalty = {name: None if penalty.get(name) is None else number(penalty[name], name) for name in ("alpha", "l1_ratio")}
    return {"coef": coef if several else coef[0], "intercept": intercept if several else intercept[0],
            "feature_names": features, "target_names": names, "encoding": encoding, "notes": entry(document, "notes", dict),
            **penalty, **_meaning(document)}


def _meaning(document):
    if document["format_version"] == PLAIN_VERSION:
        return {}
    classes = optional(document, "classes", dict)
    return {"link": entry(document, "link", str), "predicts": entry(document, "predicts", str),
            "loss": optional(document, "loss", dict), "classes": None if classes is None else _labels_of_dict(classes)}


#: kind of numpy dtype -> the Python types of its labels
_LABELS = {"b": bool, "i": int, "u": int, "f": (int, float), "U": str, "O": (str, bool, int, float)}


def _labels_to_dict(classes):
    labels = classes.tolist()
    if classes.dtype.kind == "T":                       # numpy's strings of any length
        return {"dtype": "str", "labels": labels}
    kind = classes.dtype.kind
    if kind not in _LABELS or not all(isinstance(label, _LABELS[kind]) for label in labels):
        raise ValueError(f"classes of dtype {classes.dtype} cannot be kept as JSON: labels are text, numbers or booleans")
    return {"dtype": {"U": "str", "O": "object"}.get(kind, classes.dtype.name), "labels": labels}


def _labels_of_dict(classes):
    name, labels = entry(classes, "dtype", str, " of the classes"), entry(classes, "labels", list, " of the classes")
    try:
        dtype = np.dtype(name)
    except TypeError:
        raise Damaged(f"the classes have the dtype {name!r}, which is none") from None
    wrong = dtype.kind not in _LABELS or not all(
        isinstance(label, _LABELS[dtype.kind]) and (dtype.kind in "bO" or not isinstance(label, bool)) for label in labels)
    if wrong:
        raise Damaged(f"the classes are not labels of the dtype {name!r}")
    try:
        return np.array(labels, dtype=dtype)
    except OverflowError:
        raise Damaged(f"a label of the classes is beyond {name}") from None


def _checked_names(names, count, argument, letter):
    if names is None:
        return [f"{letter}{j}" for j in range(count)]
    names = [str(name) for name in names]
    if len(names) != count:
        raise ValueError(f"{argument} has {len(names)} names for {count} columns: give one per column")
    if len(set(names)) != count:
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{argument} holds {twice!r} more than once: rename one of the columns")
    return names


def _plain(value):
    return None if value is None else float(value)
