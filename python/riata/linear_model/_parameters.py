"""Checks of constructor parameters: one table of what each may be, read by every estimator and path function."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from riata.validation import MOST_EPOCHS, MOST_THREADS

_BOOLEANS = (bool, np.bool_)


class InvalidParameterError(ValueError, TypeError):
    """A parameter has a value that its estimator cannot use (both a ValueError and a TypeError, as in scikit-learn)."""


def _is_flag(value):
    return isinstance(value, _BOOLEANS)


def _is_real(value):          # the built-in types first: to ask an abstract class takes much longer
    return isinstance(value, (float, int, Real)) and not isinstance(value, _BOOLEANS)


def _is_count(value):
    return isinstance(value, (int, Integral)) and not isinstance(value, _BOOLEANS) and value >= 1


def _is_array(value):
    return hasattr(value, "__array__") or isinstance(value, list | tuple)


def _is_gram(value):
    return _is_flag(value) or (isinstance(value, str) and value == "auto") or _is_array(value)


def _is_seed(value):
    if value is None:
        return True
    try:
        check_random_state(value)
    except ValueError:
        return False
    return True


# name -> (test, what is allowed). A parameter means the same in every class that has it.
_RULES = {
    "alpha": (lambda v: _is_real(v) and 0 <= v < np.inf, "a finite number >= 0"),
    "l1_ratio": (lambda v: _is_real(v) and 0 <= v <= 1, "a number in [0, 1]"),
    "l1_ratios": (lambda v: _is_array(v) or (_is_real(v) and 0 <= v <= 1), "a number in [0, 1] or a list of such"),
    "eps": (lambda v: _is_real(v) and 0 < v < 1, "a number in (0, 1): alpha_min / alpha_max"),
    "alphas": (lambda v: _is_count(v) or _is_array(v), "a number of alphas (int >= 1) or an array of alphas"),
    "fit_intercept": (_is_flag, "True or False"),
    "standardize": (_is_flag, "True or False"),
    "precompute": (_is_gram, "True, False, 'auto' or an array of shape (n_features, n_features)"),
    "max_iter": (lambda v: v is None or (_is_count(v) and v <= MOST_EPOCHS), f"an int from 1 to {MOST_EPOCHS} or None"),
    "copy_X": (_is_flag, "True or False"),
    "tol": (lambda v: _is_real(v) and v >= 0, "a number >= 0"),
    "warm_start": (_is_flag, "True or False"),
    "positive": (_is_flag, "True or False"),
    "random_state": (_is_seed, "None, an int or a numpy RandomState"),
    "selection": (lambda v: isinstance(v, str) and v in ("cyclic", "random"), "'cyclic' or 'random'"),
    "verbose": (lambda v: _is_flag(v) or (isinstance(v, Integral) and v >= 0), "True, False or an int >= 0"),
    "n_jobs": (lambda v: v is None or (isinstance(v, Integral) and v != 0 and abs(v) <= MOST_THREADS),
               f"None or an int other than 0, at most {MOST_THREADS} in size"),
    "solver": (
        lambda v: isinstance(v, str)
        and v in ("auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"),
        "one of 'auto', 'svd', 'cholesky', 'lsqr', 'sparse_cg', 'sag', 'saga', 'lbfgs'",
    ),
    "glm_solver": (
        lambda v: isinstance(v, str) and v in ("lbfgs", "newton-cholesky"), "'lbfgs' or 'newton-cholesky'"),
    "dual": (_is_flag, "True or False"),
    "intercept_scaling": (lambda v: _is_real(v) and 0 < v < np.inf, "a finite number > 0"),
    "epsilon": (lambda v: _is_real(v) and 1 < v < np.inf, "a finite number > 1"),
    "C": (lambda v: _is_real(v) and v > 0, "a number > 0 (np.inf for no penalty)"),
    "gcv_mode": (lambda v: v is None or v in ("auto", "svd", "eigen"), "None, 'auto', 'svd' or 'eigen'"),
    "store_cv_results": (_is_flag, "True or False"),
    "alpha_per_target": (_is_flag, "True or False"),
}


def check_parameter(owner, name, value, rule=None):
    """Raise InvalidParameterError unless ``value`` is allowed for the parameter ``name`` of ``owner`` (a name).

    ``rule`` names another row of the table, for a parameter that means more in one place (``l1_ratio`` of a CV).
    """
    allowed, what = _RULES[rule or name]
    if not allowed(value):
        raise InvalidParameterError(f"The {name!r} parameter of {owner} must be {what}. Got {value!r} instead.")


def check_parameters(owner, values, **rules):
    """Check those of ``values`` (name -> value) that the table knows.

    ``rules`` maps a name to another row of the table, or to None where ``owner`` checks that parameter itself.
    """
    for name, value in values.items():
        rule = rules.get(name, name)
        if rule in _RULES and not _RULES[rule][0](value):
            check_parameter(owner, name, value, rule)


def check_gram_shape(owner, precompute, n_features):
    """A Gram matrix that is handed in is not used (see docs/scikit-learn.md), but its shape must fit X."""
    if _is_flag(precompute) or isinstance(precompute, str):
        return
    shape = np.shape(precompute)
    if shape != (n_features, n_features):
        raise ValueError(
            f"precompute of {owner} has shape {shape}, but X has {n_features} features: "
            f"pass a Gram matrix of shape ({n_features}, {n_features}), or leave precompute out (riata needs none)."
        )


def descending_alphas(owner, alphas):
    """An array of alphas, checked (finite, >= 0, one axis, not empty) and sorted from large to small, float64."""
    try:
        grid = np.asarray(alphas, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(f"alphas of {owner} must be numbers. Got {alphas!r} instead.") from error
    if grid.ndim != 1 or grid.size == 0:
        raise InvalidParameterError(
            f"alphas of {owner} must be an int or a one-dimensional array with at least one value; "
            f"got an array of shape {grid.shape}."
        )
    bad = np.flatnonzero(~(np.isfinite(grid) & (grid >= 0)))
    if bad.size:
        raise InvalidParameterError(
            f"alphas[{bad[0]}] == {grid[bad[0]]} of {owner}, must be finite and >= 0."
        )
    return np.sort(grid)[::-1].copy()
