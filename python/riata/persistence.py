"""Fitted linear models as JSON: readable by people, exact to the last bit, safe to load.

The document holds plain data and no code. Python writes a float64 with the shortest digits that give the same float64
back, so ``load_model(save_model(...))`` predicts bit for bit what the fit predicted: a number, a mean behind a link, or a class.
"""
import errno
import json
import os
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .model_document import REWRITE, Damaged, parse
from .saved_model import LinearModel, meaning_of


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


def save_model(model, path, *, rule="min", alpha=None, target_names=None, encoding=None, notes=None):
    """Write a fitted linear model as JSON.

    A saved model finds its columns by name, so their names must be distinct.

    Parameters
    ----------
    model : LinearModel, CVResult, PathResult, a BatchModel, their multinomial kin, or a fitted estimator with ``coef_``
        Of any loss. riata's classifiers and models with a link are saved with both; of other libraries only linear models without
        a link.
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
        columns have one name, the estimator is not fitted, or it is another library's with a link or classes.
    OSError
        If the file cannot be written, or ``path`` is a folder.
    TypeError
        If ``model`` is a path of support vector machines, or none of the kinds above; of a
        BatchResult, a Pipeline or a search the error names the part to save.
    """
    document = as_linear_model(model, rule=rule, alpha=alpha, target_names=target_names, encoding=encoding, notes=notes)
    write_text(path, json.dumps(document.to_dict(), indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    return document


def as_linear_model(model, *, rule="min", alpha=None, target_names=None, encoding=None, notes=None):
    """The `LinearModel` of a fitted result; arguments as in `save_model`."""
    _refuse_wholes(model)
    chosen = hasattr(model, "index_min") and hasattr(model, "paths")        # a cross-validation
    if alpha is not None and (chosen or not _is_path(model)):
        if chosen:
            raise ValueError(f"alpha = {alpha!r} is for a path, and the alpha of a {type(model).__name__} is chosen by rule: "
                             f"leave it out, or save the path on all rows at one of its alphas, save_model(cv.path, path, "
                             f"alpha={alpha!r})")
        raise ValueError(f"alpha = {alpha!r} is for a path, and a {type(model).__name__} has one alpha: leave it out, or fit "
                         "again with that alpha")
    if isinstance(model, LinearModel):
        return model
    extra = {"target_names": target_names, "encoding": encoding, "notes": {} if notes is None else notes}
    if chosen:
        if getattr(model, "calibration", None) is not None:
            warnings.warn("the calibration is not saved: a saved model predicts the probabilities of the fit. Pickle the "
                          "CVResult to keep kind='calibrated'.", UserWarning, stacklevel=3)
        if rule not in ("min", "1se"):
            raise ValueError(f"rule is {rule!r}: give 'min' or '1se'")
        r, i = model.index(rule)
        return _of_path(model.paths[r], i, extra)
    if _is_path(model):
        if alpha is None and len(model.alphas) != 1:
            raise ValueError(f"the path has {len(model.alphas)} alphas: say which one to save with alpha=")
        return _of_path(model, 0 if alpha is None else model.at(alpha), extra)
    if hasattr(model, "label") and hasattr(model, "cv_r2"):        # BatchModel
        return LinearModel(model.coef, model.intercept, model.feature_names, alpha=model.alpha, l1_ratio=model.l1_ratio,
                           **_meaning_of_loss(model.loss, model.classes), **extra)
    if hasattr(model, "coef_"):
        return _of_estimator(model, extra)
    if hasattr(model, "fit"):
        raise ValueError(f"this {type(model).__name__} is not fitted, or has no coef_: call fit before saving it")
    raise TypeError(f"cannot save a {type(model).__name__}: give a LinearModel, a CVResult, a PathResult "
                    "or a fitted linear estimator")


def _of_path(path, i, extra):
    """The model of a path at its alpha number `i`."""
    loss, classes = getattr(path, "loss", None), getattr(path, "classes", None)
    if loss is None and classes is not None:
        meaning = meaning_of("multinomial", "softmax", classes, "class")
    else:
        meaning = _meaning_of_loss(loss, classes)
    return LinearModel(path.coef[i], path.intercept[i], path.feature_names, alpha=path.alphas[i], l1_ratio=path.l1_ratio,
                       **meaning, **extra)


def _meaning_of_loss(loss, classes):
    if loss is None or loss.link == "identity":
        return {}
    return meaning_of(loss, loss.link, np.array([0, 1]) if classes is None and loss.link == "logit" else classes)


def _of_estimator(model, extra):
    """The model of a fitted estimator; riata's own say by ``_saved_meaning`` what they predict."""
    own = getattr(model, "_saved_meaning", None)
    if own is None and (hasattr(model, "classes_") or hasattr(model, "_base_loss")):
        raise ValueError(f"this {type(model).__module__}.{type(model).__name__} predicts through a link that save_model does not "
                         "know: fit riata's class of that name, or pickle this one")
    meaning = {} if own is None else own()
    coef = model.coef_.toarray() if hasattr(model.coef_, "toarray") else np.asarray(model.coef_)
    intercept = getattr(model, "intercept_", 0.0)
    if meaning.get("classes") is not None and coef.ndim == 2 and len(coef) == 1:            # two classes, one row
        coef, intercept = coef[0], np.ravel(intercept)[0]
    penalty = [getattr(model, f"{name}_", getattr(model, name, None)) for name in ("alpha", "l1_ratio")]
    penalty = [value if np.ndim(value) == 0 and not isinstance(value, str) else None for value in penalty]
    return LinearModel(coef, intercept, getattr(model, "feature_names_in_", None), alpha=penalty[0], l1_ratio=penalty[1],
                       **meaning, **extra)


def _is_path(model):
    return hasattr(model, "alphas") and hasattr(model, "coef")


def _refuse_wholes(model):
    """Refuse what holds linear models and is none; the error names the part to save."""
    if _is_path(model) and hasattr(model, "__getitem__"):                   # BatchResult
        raise TypeError(f"a batch of {len(model)} paths is not one model: save one of its members, save_model(batch[0], path)")
    if hasattr(model, "Cs") and hasattr(model, "coef"):                     # SVMPathResult
        raise TypeError(f"a {type(model).__name__} is a machine for each of {len(model.Cs)} values of C: fit the one to keep, "
                        "riata.svm.LinearSVC(C=...) or LinearSVR(C=...), and save that")
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
