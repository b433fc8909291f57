"""One call to the engine on behalf of an estimator, and what to tell the user if it fell short."""

import sys
import warnings

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning

from riata.status import AT_LIMIT, TINY_ALPHA, count_at_limit
from riata_engine.batch import STATUS, Interrupted, solve

DEFAULT_MAX_EPOCHS = 100_000   # for max_iter=None

_LEAST_TOL = 1e-13             # what rounding leaves a duality gap of losses

_CODE = {name: code for code, name in enumerate(STATUS)}


def solve_certified(owner, batch, verbose=0, door=None):
    """Solve ``batch`` for the estimator or function named ``owner``; warn once, with counts, if something fell short.

    ``door`` solves batches of another kind than ``Batch``.

    Raises ValueError where coefficients are not finite: an estimator has no use for a model that cannot predict.
    """
    try:
        solution = (door or solve)(batch, progress=_progress_line(owner) if verbose else None)
    except Interrupted as stopped:
        stopped.args = (f"{owner}: interrupted; the model is not fitted",)
        raise
    codes = solution.status
    if not codes.any():      # all converged: the usual case costs one reduction
        return solution
    counts = {name: int(np.count_nonzero(codes == code)) for name, code in _CODE.items()}
    if counts["not_finite"]:
        raise ValueError(
            f"{owner}: {counts['not_finite']} of {codes.size} fits gave coefficients that are not finite. "
            "Very large or very small values in X or y do this: scale them first."
        )
    if counts["max_iter"]:
        at_limit = count_at_limit(solution, batch)
        how = f"stopped at max_iter={batch.max_epochs}" if at_limit < counts["max_iter"] else "stopped"
        advice = f" For {at_limit} of them, {AT_LIMIT}: scale X or y, or raise tol or alpha; {TINY_ALPHA}." if at_limit else ""
        if at_limit < counts["max_iter"]:
            advice += f" Raise max_iter, tol or alpha{' for the others' * bool(at_limit)}."
        certificate, what = ((solution.gap, "relative duality gap") if getattr(solution, "kkt", None) is None else
                             (solution.kkt, "violation of the KKT conditions"))
        worst = float(np.nanmax(certificate[codes == _CODE["max_iter"]]))
        warnings.warn(
            f"{owner}: {counts['max_iter']} of {codes.size} fits {how} with a "
            f"{what} above tol={batch.tol:g} (the largest is {worst:.3g}).{advice}",
            ConvergenceWarning,
            stacklevel=3,
        )
    if counts["degenerate"]:
        warnings.warn(
            f"{owner}: {counts['degenerate']} of {codes.size} fits have no unique solution (alpha=0 or collinear "
            "unpenalised features); the solution of smallest norm was returned. A small alpha > 0 makes it unique.",
            LinAlgWarning,
            stacklevel=3,
        )
    return solution


def engine_settings(parameters, n_features):
    """scikit-learn's ``fit_intercept``, ``positive``, ``tol`` and ``max_iter`` as keywords of the engine's ``Batch``."""
    max_iter = parameters["max_iter"]
    return {
        "lower": np.zeros(n_features) if parameters["positive"] else None,
        "intercept": bool(parameters["fit_intercept"]),
        "tol": float(parameters["tol"]),
        "max_epochs": DEFAULT_MAX_EPOCHS if max_iter is None else int(max_iter),
    }


def tight_settings(tol, max_iter):
    """Engine settings for a ``tol`` that stands for the accuracy of the coefficients: the gap is of the order of its square."""
    return {"tol": max(float(tol) ** 2, _LEAST_TOL),
            "max_epochs": DEFAULT_MAX_EPOCHS if max_iter is None else 100 * int(max_iter)}


def dual_gap(solution):
    """Duality gaps (B, L) in the units of the objective with 1/(2n): the relative gaps times the null objective."""
    return solution.gap * (0.5 * solution.null_deviance)[:, None]


def _progress_line(owner):
    def show(done, total):
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{owner}: {done}/{total} fits{end}")
        sys.stderr.flush()

    return show
