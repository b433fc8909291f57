"""Labels of classes and weights of rows, as every classifier takes them."""

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from riata.class_labels import check_trained, distinct, missing_labels

from ._base import _DESIGN, canonical, checked_weights


def checked_classes(estimator, X, y, sample_weight):
    """Validate and convert the arguments of a classifier's ``fit``; sets ``classes_``.

    Returns
    -------
    X : ndarray or CSC of shape (n, p), float64 or float32 as given
    codes : ndarray of shape (n,)
        The place of each row's label in ``classes_``.
    weights : None or ndarray of shape (n,), float64
        ``sample_weight``.
    factor : None or ndarray of shape (K,)
        ``class_weight``.

    Raises
    ------
    ValueError
        Also where the rows of positive weight are of one class.
    """
    X, y = validate_data(estimator, X, y, **_DESIGN)
    y = column_or_1d(y, warn=True)
    check_labels(y)
    weights = checked_weights(sample_weight, X.shape[0])
    estimator.classes_, codes = np.unique(y, return_inverse=True)
    labels = estimator.classes_.tolist()
    factor = None
    if estimator.class_weight is not None:
        factor = compute_class_weight(estimator.class_weight, classes=estimator.classes_, y=y, sample_weight=weights)
        if not (np.isfinite(factor) & (factor >= 0)).all():
            k = int(np.argmin(np.isfinite(factor) & (factor >= 0)))
            raise ValueError(f"class_weight of class {labels[k]!r} is {factor[k]}: give finite numbers of 0 or more.")
    counted = np.bincount(codes, weights, len(estimator.classes_)) * (1.0 if factor is None else factor) > 0
    if counted.sum() < 2:
        only = f"only one class: {labels[counted.argmax()]!r}" if counted.any() else "none: every class has the weight 0"
        raise ValueError(f"{type(estimator).__name__} needs rows of at least 2 classes with a positive weight, but the data "
                         f"contains {only}")
    return canonical(X), codes, weights, factor


def check_labels(y):
    """Refuse a target that is continuous, has missing labels, or labels that cannot be compared."""
    if y.dtype.kind == "O":
        missing = missing_labels(y)
        if missing.any():
            raise ValueError(f"Input y contains NaN or None, the first in row {int(missing.argmax())}: drop these rows.")
        distinct(y, "y")
    check_classification_targets(y)


def weights_of_rows(codes, weights, factor):
    """Sample weights times class weights (n,), or None where all are one."""
    if factor is None:
        return weights
    return factor[codes] * (1.0 if weights is None else weights)


def check_every_class(codes, weights, classes):
    """Refuse data of which a class counts for nothing: the intercept of a multinomial model has no optimum there."""
    if weights is not None:
        check_trained(codes, weights, classes)


def against_the_rest(codes, weights, factor, n_classes):
    """(Y (n, B) of ±1, weights (n,), (n, B) or None): two classes are one problem, more are one each against the rest.

    Of more than two classes the rest has a factor of one, as in scikit-learn's LinearSVC.
    """
    if n_classes == 2:
        return np.where(codes == 1, 1.0, -1.0)[:, None], weights_of_rows(codes, weights, factor)
    Y = np.where(codes[:, None] == np.arange(n_classes), 1.0, -1.0)
    if factor is None:
        return Y, weights
    own = np.ones(len(codes)) if weights is None else weights
    return Y, own[:, None] * np.where(Y > 0, factor, 1.0)
