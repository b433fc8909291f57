"""Fitted linear models as JSON: readable by people, exact to the last bit, safe to load.

The document holds plain data and no code. Python writes a float64 with the shortest digits that give the same float64
back, so ``load_model(save_model(...))`` predicts bit for bit what the fit predicted.
"""
import errno
import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .model_document import FORMAT, FORMAT_VERSION, REWRITE, Damaged, check_format, entries, entry, number, parse


def refuse_unwritable(path):
    """The file that is to be written, behind a link if `path` is one. Refused: a folder, a device, a path in no folder.

    Nothing is written, so that a long computation can ask beforehand.

    Raises
    ------
    OSError
    """
    path = Path(os.path.realpath(path) if os.path.islink(path) else path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "cannot write, this is a folder: add the name of a file", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"cannot write, there is no folder {str(path.parent)!r}: make it first", str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "cannot write, this is a device, a pipe or a socket: add the name of a file", str(path))
    return path


@contextmanager
def atomic_path(path):
    """Give a temporary path beside ``path``; move it into place when the block ends well, delete it otherwise.

    A reader sees the old file or the whole new one, never a part, also after a crash or Ctrl-C. A link stays one: what it points
    to is written.
    """
    path = refuse_unwritable(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent or ".")
    except OSError as error:
        raise type(error)(error.errno, f"cannot write, {error.strerror}", str(path)) from None
    os.close(handle)
    try:
        yield Path(name)
        with open(name, "rb") as written:
            os.fsync(written.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)          # mkstemp makes 0600; a report is an ordinary file
        try:
            os.replace(name, path)
        except OSError as error:               # the caller asked for `path` and knows nothing of the temporary file
            raise type(error)(error.errno, f"cannot write, {error.strerror}", str(path)) from None
    finally:
        if os.path.exists(name):
            os.unlink(name)


def write_text(path, text):
    """Write a UTF-8 text file as a whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@dataclass
class LinearModel:
    """A fitted linear model: prediction is ``intercept + X @ coef``.

    Parameters
    ----------
    coef : array (p,) or (T, p)
        Coefficients on the scale of X, one row per target where there are several.
    intercept : float or array (T,)
    feature_names : list of str (p,), optional
        Default ``x0, x1, ...``. Must be distinct.
    target_names : list of str, optional
        Default ``["y"]`` or ``["y0", "y1", ...]``.
    alpha, l1_ratio : float, optional
        The penalty that it was solved for.
    encoding : dict, optional
        How the columns of a table become the features (as `riata.cli.encode.Encoding.to_dict` writes it). None: the
        columns of a table are the features.
    notes : dict
        Anything else that JSON can hold: how the model was chosen, versions, scores.

    Raises
    ------
    ValueError
        If shapes disagree, names repeat, or a coefficient or intercept is not finite.
    """

    coef: np.ndarray
    intercept: object = 0.0
    feature_names: list = None
    target_names: list = None
    alpha: float = None
    l1_ratio: float = None
    encoding: dict = None
    notes: dict = field(default_factory=dict)

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
        self.feature_names = _checked_names(self.feature_names, p, "feature_names", "x")
        if self.target_names is None and not targets:
            self.target_names = ["y"]
        self.target_names = _checked_names(self.target_names, int(np.prod(targets, dtype=int)), "target_names", "y")

    @property
    def needed_columns(self):
        """Names of the table columns that a prediction reads: those with a coefficient that is not zero."""
        from .cli.encode import Encoding
        used = np.flatnonzero(np.any(np.atleast_2d(self.coef) != 0, axis=0))
        if self.encoding is None:
            return [self.feature_names[j] for j in used]
        return Encoding.from_dict(self.encoding).columns_of({self.feature_names[j] for j in used})

    def predict(self, X):
        """Predict from an array or a table.

        Parameters
        ----------
        X : array (n, p) or table
            An array or sparse matrix must have the p features in the order of ``feature_names``. Of a table (pandas,
            polars, Arrow, or a dict of columns), the columns are taken by name; only those in ``needed_columns`` are
            read, in any order.

        Returns
        -------
        array (n,) or (n, T)

        Raises
        ------
        ValueError
            If columns are absent, hold missing values, text that is not a number, or a category that the fit did not
            see.
        """
        if hasattr(X, "columns") or isinstance(X, dict):
            return self._predict_table(X)
        from scipy import sparse
        X = X if sparse.issparse(X) else np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != self.coef.shape[-1]:
            raise ValueError(f"X has shape {X.shape}, the model has {self.coef.shape[-1]} features: give (n, p)")
        return X @ self.coef.T + self.intercept

    def _predict_table(self, table):
        from .cli.encode import Encoding, as_polars
        table = as_polars(table)
        needed = self.needed_columns
        encoding = Encoding.of_numbers(needed) if self.encoding is None else Encoding.from_dict(self.encoding)
        features, names = encoding.transform(table, only=set(needed))
        at = {name: j for j, name in enumerate(self.feature_names)}
        return features @ self.coef[..., [at[name] for name in names]].T + self.intercept

    def to_dict(self):
        """The document that `save_model` writes."""
        from . import __version__
        coef, intercept = np.atleast_2d(self.coef), np.atleast_1d(self.intercept)
        targets = [{"name": name, "intercept": float(b0),
                    "coefficients": {self.feature_names[j]: float(row[j]) for j in np.flatnonzero(row)}}
                   for name, b0, row in zip(self.target_names, intercept, coef, strict=True)]
        return {"format": FORMAT, "format_version": FORMAT_VERSION, "riata": __version__,
                "penalty": {"alpha": _plain(self.alpha), "l1_ratio": _plain(self.l1_ratio)},
                "several_targets": self.coef.ndim == 2, "targets": targets, "features": self.feature_names,
                "encoding": self.encoding, "notes": self.notes}

    @classmethod
    def from_dict(cls, document):
        """The model of a document; a ValueError says what is wrong with one that is none."""
        check_format(document)
        try:
            return cls(**_fields(document))
        except ValueError as error:
            raise ValueError(f"damaged riata model: {error}; {REWRITE}") from None


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
    if "encoding" not in document:
        raise Damaged("'encoding' is missing")
    encoding = document["encoding"]
    if encoding is not None:
        from .cli.encode import Encoding
        if Encoding.from_dict(encoding).feature_names != features:
            raise Damaged("'encoding' makes other features than 'features' names")
    penalty = entry(document, "penalty", dict)
    penalty = {name: None if penalty.get(name) is None else number(penalty[name], name) for name in ("alpha", "l1_ratio")}
    return {"coef": coef if several else coef[0], "intercept": intercept if several else intercept[0],
            "feature_names": features, "target_names": names, "encoding": encoding, "notes": entry(document, "notes", dict),
            **penalty}


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


def save_model(model, path, *, rule="min", alpha=None, target_names=None, encoding=None, notes=None):
    """Write a fitted linear model as JSON.

    A saved model finds its columns by name, so their names must be distinct.

    Parameters
    ----------
    model : LinearModel, CVResult, PathResult or a fitted estimator with ``coef_`` and ``intercept_``
    path : str or path
        Written as a whole or not at all.
    rule : {"min", "1se"}, default "min"
        Which choice of a CVResult to save.
    alpha : float
        Which alpha of a PathResult to save; must be one of its ``alphas``. Not needed where the path has only one.
    target_names : list of str, optional
    encoding, notes : dict, optional
        See `LinearModel`.

    Returns
    -------
    LinearModel
        What was written.

    Raises
    ------
    ValueError
        If ``rule`` is unknown, the path has several alphas and none is named, ``alpha`` is given with what is no path, two
        columns have one name, or the estimator is not fitted.
    OSError
        If the file cannot be written, or ``path`` is a folder.
    TypeError
        If ``model`` is none of the kinds above; of a BatchResult, a Pipeline or a search the error names the part to save.
    """
    document = as_linear_model(model, rule=rule, alpha=alpha, target_names=target_names, encoding=encoding, notes=notes)
    write_text(path, json.dumps(document.to_dict(), indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    return document


def as_linear_model(model, *, rule="min", alpha=None, target_names=None, encoding=None, notes=None):
    """The `LinearModel` of a fitted result; arguments as in `save_model`."""
    _refuse_wholes(model)
    _refuse_losses(model)
    if alpha is not None and not _is_path(model):
        if hasattr(model, "coef_min"):
            raise ValueError(f"alpha = {alpha!r} is for a path, and the alpha of a CVResult is chosen by rule: leave it out, or "
                             f"save the path on all rows at one of its alphas, save_model(cv.path, path, alpha={alpha!r})")
        raise ValueError(f"alpha = {alpha!r} is for a path, and a {type(model).__name__} has one alpha: leave it out, or fit "
                         "again with that alpha")
    if isinstance(model, LinearModel):
        return model
    extra = {"target_names": target_names, "encoding": encoding, "notes": {} if notes is None else notes}
    if hasattr(model, "coef_min"):                                          # CVResult
        if rule not in ("min", "1se"):
            raise ValueError(f"rule is {rule!r}: give 'min' or '1se'")
        coef, intercept, alpha, l1_ratio = (getattr(model, f"{name}_{rule}")
                                            for name in ("coef", "intercept", "alpha", "l1_ratio"))
        return LinearModel(coef, intercept, model.path.feature_names, alpha=alpha, l1_ratio=l1_ratio, **extra)
    if _is_path(model):
        if alpha is None and len(model.alphas) != 1:
            raise ValueError(f"the path has {len(model.alphas)} alphas: say which one to save with alpha=")
        i = 0 if alpha is None else model.at(alpha)
        return LinearModel(model.coef[i], model.intercept[i], model.feature_names, alpha=model.alphas[i],
                           l1_ratio=model.l1_ratio, **extra)
    if hasattr(model, "coef_"):                                             # fitted estimator
        coef = model.coef_.toarray() if hasattr(model.coef_, "toarray") else np.asarray(model.coef_)
        penalty = [getattr(model, f"{name}_", getattr(model, name, None)) for name in ("alpha", "l1_ratio")]
        penalty = [value if np.ndim(value) == 0 and not isinstance(value, str) else None for value in penalty]
        return LinearModel(coef, model.intercept_, getattr(model, "feature_names_in_", None), alpha=penalty[0],
                           l1_ratio=penalty[1], **extra)
    if hasattr(model, "fit"):
        raise ValueError(f"this {type(model).__name__} is not fitted, or has no coef_: call fit before saving it")
    raise TypeError(f"cannot save a {type(model).__name__}: give a LinearModel, a CVResult, a PathResult "
                    "or a fitted linear estimator")


def _refuse_losses(model):
    """A `LinearModel` predicts by coefficients alone: that would be the linear predictor of a model with a link."""
    loss = getattr(getattr(model, "path", model), "loss", None)
    name = getattr(loss, "name", None)
    if name is None and hasattr(model, "classes_"):
        name = type(model).__name__
    if name is None and hasattr(model, "_loss"):
        name = model._loss().name
    if name not in (None, "squared", "huber") and getattr(loss, "link", None) != "identity":
        raise ValueError(f"save_model keeps linear models, and this one ({name}) predicts through a link: pickle it, or use "
                         "joblib")


def _is_path(model):
    return hasattr(model, "alphas") and hasattr(model, "coef")


def _refuse_wholes(model):
    """Refuse what holds linear models and is none; the error names the part to save."""
    if _is_path(model) and hasattr(model, "__getitem__"):                   # BatchResult
        raise TypeError(f"a batch of {len(model)} paths is not one model: save one of its members, save_model(batch[0], path)")
    if hasattr(model, "named_steps"):                                       # Pipeline
        last = len(model) - 1
        raise TypeError(f"a {type(model).__name__} is not one linear model: save the step that is, save_model(pipeline[{last}], "
                        f"path) for the last, {type(model[last]).__name__}, and give its predict what the steps before make of X")
    if hasattr(model, "best_estimator_"):                                   # GridSearchCV and its like
        raise TypeError(f"a {type(model).__name__} is not one linear model: save the one it chose, "
                        "save_model(search.best_estimator_, path)")


def load_model(path):
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    LinearModel

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `path` is not the name of a file.
    ValueError
        If the file is not JSON, not a riata model, damaged, or of a newer format.
    """
    if not isinstance(path, (str, os.PathLike)) or (str(path).lstrip()[:1] == "{" and not os.path.isfile(path)):
        given = f"a {type(path).__name__}" if not isinstance(path, (str, os.PathLike)) else "the text of a model"
        raise TypeError(f"path is {given}, and must be the name of a file: give that of the model.json that was saved")
    data = Path(path).read_bytes()
    try:
        document = parse(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a riata model: it is not text; give the model.json of a fit") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not a riata model or is damaged: no JSON at line {error.lineno}, column "
                         f"{error.colno}; give the model.json of a fit, or {REWRITE}") from None
    except Damaged as error:
        raise ValueError(f"{path}: damaged riata model: {error}; {REWRITE}") from None
    try:
        return LinearModel.from_dict(document)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
