"""What the status of a fit means to a person, and the one warning that a call may give."""

import warnings

import numpy as np

MEANING = {
    "converged": "the duality gap is at most tol",
    "max_iter": "max_epochs were used up before the gap reached tol",
    "time_budget": "the time budget was used up",
    "not_finite": "the numbers overflowed; rescale X or y",
    "degenerate": "the solution is not unique; this is the one of smallest norm",
    "skipped": "not fitted, because the path was stopped early as asked",
}
CONSTANT_TARGET = ("The target is constant on the rows that count, once the offset is taken off: there is nothing to explain, "
                   "and every coefficient is 0.")
UNDERFLOW = ("The squares of the target are below what float64 can hold, so that held-out errors are 0 and nothing can be "
             "compared: rescale y.")
END_OF_GRID = ("The smallest held-out error lies at the smallest alpha of the grid: a longer grid (a smaller alpha_min_ratio, "
               "--alpha-min-ratio on the command line, or smaller alphas) may do better.")
WORTH_A_WARNING = ("max_iter", "time_budget", "not_finite", "degenerate")


def status_names(codes):
    """Status codes of the engine as an array of str of the same shape."""
    from riata_engine.batch import STATUS

    return np.array(STATUS)[np.asarray(codes, dtype=np.intp)]


def warn_of_unconverged(status, gap, tol, stacklevel):
    """One `ConvergenceWarning` for a whole call, with a count for each status; none if all is well.

    Parameters
    ----------
    status : ndarray of str
        Of every (problem, alpha) of the call.
    gap : ndarray of float, same shape
        Relative duality gaps.
    tol : float
        What the gaps should have reached.
    stacklevel : int
        As in `warnings.warn`, seen from the caller of this function: 3 in a function that `riata.argument_names.native` wraps.
    """
    counts = {name: int(np.count_nonzero(status == name)) for name in WORTH_A_WARNING}
    counts = {name: count for name, count in counts.items() if count}
    if not counts:
        return
    from sklearn.exceptions import ConvergenceWarning

    said = "; ".join(f"{count} {name} ({MEANING[name]})" for name, count in counts.items())
    unsolved = gap[(status == "max_iter") & np.isfinite(gap)]
    largest = f" The largest gap is {unsolved.max():.1e}, tol is {tol:.1e}." if unsolved.size else ""
    advice = " Raise max_epochs or tol." if "max_iter" in counts else ""
    warnings.warn(f"{sum(counts.values())} of {status.size} fits are not plainly converged: {said}.{largest}{advice}",
                  ConvergenceWarning, stacklevel=stacklevel + 1)
