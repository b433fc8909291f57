"""What estimators with a margin loss share: checks, one call to the engine, and what to say where it fell short."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from riata.svm_paths import solve_checked

from ._parameters import InvalidParameterError, _is_count, _is_flag, _is_real, _is_seed

_SCALING = "a number > 0, or None for an intercept without a penalty"
# name -> (test, what is allowed)
_RULES = {
    "C": (lambda v: _is_real(v) and 0 < v < np.inf, "a finite number > 0"),
    "alpha": (lambda v: _is_real(v) and 0 <= v < np.inf, "a finite number >= 0"),
    "epsilon": (lambda v: _is_real(v) and 0 <= v < np.inf, "a finite number >= 0"),
    "quantile": (lambda v: _is_real(v) and 0 < v < 1, "a number in the open interval (0, 1)"),
    "tol": (lambda v: _is_real(v) and 0 < v < np.inf, "a finite number > 0"),
    "max_iter": (_is_count, "an int >= 1"),
    "fit_intercept": (_is_flag, "True or False"),
    "intercept_scaling": (lambda v: v is None or (_is_real(v) and 0 < v < np.inf), _SCALING),
    "dual": (lambda v: _is_flag(v) or (isinstance(v, str) and v == "auto"), "True, False or 'auto'"),
    "random_state": (_is_seed, "None, an int or a numpy RandomState"),
}


def check_margin_parameters(estimator, **choices):
    """Check the constructor's parameters; ``choices`` maps further names to the strings they may be."""
    rules = _RULES | {name: (lambda v, own=values: isinstance(v, str) and v in own, "one of " + ", ".join(map(repr, values)))
                      for name, values in choices.items()}
    for name, value in vars(estimator).items():
        if name in rules and not rules[name][0](value):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {rules[name][1]}. Got {value!r} instead."
            )


def fit_margins(owner, X, Y, **settings):
    """Solve problems at one alpha each and warn where one fell short."""
    solution = solve_checked(owner, X, Y, **settings)
    if (solution.status == 3).any():
        raise ValueError(
            f"{owner}: coefficients are not finite. Very large or very small values in X or y do this: scale them first."
        )
    short = int(np.count_nonzero(solution.status == 1))
    if short:
        warnings.warn(
            f"{owner}: {short} of {solution.status.size} fits stopped after max_iter={settings['max_iter']} Newton "
            "steps with a "
            f"relative duality gap above tol={settings['tol']:g} (the largest is {np.nanmax(solution.gap):.3g}). "
            "Scale the columns of X, or raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
    return solution
