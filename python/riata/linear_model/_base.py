"""What all linear models share: checked data in, prediction, and the shapes of the fitted attributes."""

from numbers import Number

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data

from riata.tables import design
from riata_engine.batch import first_non_finite_column

from ._certified import dual_gap
from ._parameters import check_parameters

_FLOATS = (np.float64, np.float32)   # kept as given; everything else becomes float64
_DESIGN = {"accept_sparse": "csc", "dtype": _FLOATS}


class LinearPredictor(BaseEstimator):
    """A model that predicts ``X @ coef_.T + intercept_``."""

    def _keep(self, arguments):
        """Set the arguments of a constructor, its ``locals()``, as attributes: scikit-learn's contract for ``__init__``."""
        vars(self).update(arguments)
        del self.self

    def _check_parameters(self, **rules):
        """Check the constructor's parameters by the table (see ``check_parameters``)."""
        check_parameters(type(self).__name__, vars(self), **rules)

    def predict(self, X):
        """Predict with the linear model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            ``X @ coef_.T + intercept_``.
        """
        check_is_fitted(self)
        if not (is_plain(X) and X.shape[1] == self.n_features_in_ and not hasattr(self, "feature_names_in_")):
            X = validate_data(self, X, accept_sparse=("csr", "csc", "coo"), reset=False)
        return X @ self.coef_.T + self.intercept_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _set_coefficients(self, coef, intercept, dtype, y_ndim):
        """Set ``coef_`` and ``intercept_`` from ``coef`` (n_targets, n_features) and ``intercept`` (n_targets,).

        Both get X's dtype, and scikit-learn's shapes: one target gives a 1-D ``coef_``; the intercept is a scalar if y
        was 1-D, and 0.0 where none is fitted.
        """
        coef = coef.astype(dtype, copy=False)
        self.coef_ = np.ascontiguousarray(coef[0] if len(coef) == 1 else coef)
        if not self.fit_intercept:
            self.intercept_ = 0.0
        else:
            self.intercept_ = dtype.type(intercept[0]) if y_ndim == 1 else np.array(intercept, dtype=dtype)

    def _set_solution(self, solution, problems, step, dtype, y_ndim):
        """Set the fitted attributes from one alpha, number ``step``, of the given problems of a batch.

        ``n_iter_`` (at least 1) and ``dual_gap_`` are numbers for one problem.
        """
        coef = solution.coef
        rows = coef[problems, step] if isinstance(coef, np.ndarray) else np.vstack([coef[b][[step]].toarray() for b in problems])
        self._set_coefficients(rows, solution.intercept[problems, step], dtype, y_ndim)
        epochs = [max(1, count) for count in solution.n_epochs[problems, step].tolist()]
        gaps = dual_gap(solution)[problems, step]
        self.n_iter_, self.dual_gap_ = (epochs[0], gaps[0]) if len(epochs) == 1 else (epochs, gaps)


def checked_data(estimator, X, y, sample_weight, *, single_target=False, check_input=True):
    """Validate and convert the arguments of ``fit``.

    ``check_input=False`` takes the caller's word for shapes and types; only y's layout is arranged.

    Returns
    -------
    X : ndarray or CSC of shape (n, p), float64 or float32 as given; the caller's own array where it fits
    Y : ndarray of shape (n, n_targets), float64
    weights : None or ndarray of shape (n,), float64
    y_ndim : 1 or 2, the axes of the y that was passed
    """
    if not check_input:
        Y = np.asarray(y, dtype=np.float64)
        estimator.n_features_in_ = X.shape[1]
        weights = None if sample_weight is None or np.ndim(sample_weight) == 0 else np.asarray(sample_weight, np.float64)
        return X, as_columns(Y), weights, Y.ndim
    plain = is_plain(X) and is_plain(y, (1,) if single_target else (1, 2)) and len(X) == len(y)
    if plain:
        estimator.n_features_in_ = X.shape[1]
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
    elif single_target:
        y_checks = {"ensure_2d": False, "dtype": None}
        X, y = _validated(estimator, X, y, validate_separately=(_DESIGN, y_checks))
        if y.ndim > 1 and y.shape[1] > 1:
            raise ValueError(
                f"{type(estimator).__name__} takes one target, but y has shape {y.shape}. Use riata.fit_batch for many "
                "targets at once, or sklearn.multioutput.MultiOutputRegressor."
            )
        y = column_or_1d(y, warn=True)
    else:
        X, y = _validated(estimator, X, y, multi_output=True, y_numeric=True, **_DESIGN)
        if sparse.issparse(y):
            raise TypeError("y is sparse, a dense array is required. Use y.toarray().")
    if y.shape[0] != X.shape[0]:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {X.shape[0]} rows, y has {y.shape[0]}."
        )
    Y = np.asarray(y, dtype=np.float64)
    if not plain:
        check_converted(Y)
    return canonical(X), as_columns(Y), checked_weights(sample_weight, X.shape[0]), y.ndim


def check_converted(Y):
    """Refuse NaN and infinities in numbers that were objects: scikit-learn looks before None is NaN."""
    bad = ~np.isfinite(Y.reshape(len(Y), -1)).all(axis=1)
    if bad.any():
        what = "NaN" if np.isnan(Y).any() else "infinity"
        raise ValueError(f"Input y contains {what}, the first in row {int(bad.argmax())}: drop these rows, or fill them in.")


def _validated(estimator, X, y, **checks):
    """scikit-learn's checks; where they refuse a table for columns that are not numbers, an error that names the columns."""
    try:
        return validate_data(estimator, X, y, **checks)
    except (TypeError, ValueError):
        if hasattr(X, "columns"):
            design(X)                                  # raises, naming them, if X is why
        raise


def as_columns(Y):
    """Targets (n,) or (n, n_targets) as (n, n_targets)."""
    return Y.reshape(-1, 1) if Y.ndim == 1 else Y


def is_plain(array, ndim=(2,)):
    """Whether this is a finite float64 or float32 ndarray with rows and columns: no conversion needed, no message due.

    Most calls bring such arrays. For them this look replaces scikit-learn's ``validate_data``, which takes longer than
    the fit of a small model; everything else goes through ``validate_data``.
    """
    if type(array) is not np.ndarray or array.ndim not in ndim or not array.size:
        return False
    dtype = array.dtype
    if dtype.char not in "fd" or not dtype.isnative:
        return False
    return bool(np.isfinite(array).all()) if array.ndim == 1 else first_non_finite_column(array) < 0


def canonical(X):
    """X with the rows of each sparse column sorted and unique, as the engine reads it; copied only if need be."""
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def checked_weights(sample_weight, n_samples):
    """``sample_weight`` as float64 of shape (n,), or None where all weights are equal (None or a number)."""
    if sample_weight is None or isinstance(sample_weight, Number):
        return None
    weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight", order="C"
    )
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array.")
    if weights.shape != (n_samples,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_samples,)}!")
    if weights.min() < 0:
        row = int(np.flatnonzero(weights < 0)[0])
        raise ValueError(f"sample_weight[{row}] == {weights[row]}: negative weights are refused; leave the row out.")
    if weights.max() == 0:
        raise ValueError("sample_weight is zero for every row: give at least one row a positive weight.")
    return weights
