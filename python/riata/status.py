"""What the status of a fit means to a person, and the one warning that a call may give."""

import warnings
from functools import lru_cache

import numpy as np

MEANING = {
    "converged": "the duality gap is at most tol",
    "max_iter": "the gap did not reach tol",
    "time_budget": "the time budget was used up",
    "not_finite": "the numbers over- or underflowed; rescale X or y",
    "degenerate": "the solution is not unique; this is the one of smallest norm",
    "skipped": "not fitted, because the path was stopped early as asked",
}
#: of a whole problem of a batch, where these mean something else
MEANING_OF_PROBLEM = {"skipped": "not fitted",
                      "not_finite": "X or y has NaN or infinite values, or a target of one kind has no minimum, or the numbers "
                                    "over- or underflowed"}
CONSTANT_TARGET = ("The target is constant on the rows that count, once the offset is taken off: there is nothing to explain, "
                   "and every coefficient is 0.")
UNDERFLOW = ("The squares of the target are below what float64 can hold, so that held-out errors and criteria tell "
             "nothing: rescale y.")
OVERFLOW = ("The squares of the target are above what float64 can hold, so that held-out errors and criteria tell "
            "nothing: rescale y.")
AT_LIMIT = "float64 holds no better answer at this scale"
TINY_ALPHA = "for an alpha below 1e-12 of the largest that matters, alpha_max, use alpha = 0 (least squares)"
EPSILON = float(np.finfo(np.float64).eps)
ONE_FOLD = ("One fold has no standard error: the one-standard-error rule chooses what the minimum does. More folds (cv=10, say) "
            "would give it one.")
END_OF_GRID = ("The best held-out score lies at the smallest alpha of the grid: a longer grid (a smaller alpha_min_ratio, "
               "--alpha-min-ratio on the command line, or smaller alphas) may do better.")
UNDEFINED_FOLDS = ("scoring = {scoring!r} has no value in fold{plural} {folds} (AUC needs rows of both classes there), so that "
                   "the means are over the other folds: stratify the folds, or use fewer.")
END_OF_L1_RATIOS = ("The best held-out score lies at the {which} l1_ratio that was tried, {ratio:g}: {more} ones, {to}, may "
                    "do better.")
WORTH_A_WARNING = ("max_iter", "time_budget", "not_finite", "degenerate")


#: the worst of several is the last in this order
WORSE = ("converged", "degenerate", "max_iter", "skipped", "time_budget", "not_finite")


class StatusArray(np.ndarray):
    """An array of status names that counts them."""

    def value_counts(self):
        """How often each status occurs, the most frequent first, as a dict."""
        names, counts = np.unique(np.asarray(self), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {str(names[k]): int(counts[k]) for k in order}


@lru_cache(maxsize=1)
def _names():
    from riata_engine.batch import STATUS

    return np.array(STATUS)


def status_names(codes):
    """Status codes of the engine as an array of str of the same shape."""
    return np.asarray(_names()[codes]).view(StatusArray)


@lru_cache(maxsize=1)
def _severity():
    rank = np.array([WORSE.index(str(name)) for name in _names()], np.int8)
    return rank, np.argsort(rank).astype(np.int8)


def worst(codes, axis=-1):
    """The worst status code along an axis."""
    rank, back = _severity()
    return back[rank[codes].max(axis=axis)]


def worse(codes, others):
    """The worse of two status codes, each."""
    rank, back = _severity()
    return back[np.maximum(rank[codes], rank[others])]


def count_at_limit(solution, batch):
    """How many fits of status max_iter no further epochs can mend: float64 holds no better answer.

    They ended before `max_epochs`, or their gap is a few roundings, or the whole penalty is below the rounding of the
    objective, so that no certificate can see it (alpha = 0.1 for an X of scale 1e20).
    """
    from riata_engine.batch import STATUS

    if not solution.status.any():            # all converged: the usual case costs one look
        return 0
    b, i = np.nonzero(solution.status == STATUS.index("max_iter"))
    if not b.size:
        return 0
    limit = (solution.n_epochs[b, i] < batch.max_epochs) | (solution.gap[b, i] <= 8 * EPSILON)
    if batch.penalty_factor is None and not batch.standardize and solution.coef is not None:
        coef = solution.coef[b, i] if isinstance(solution.coef, np.ndarray) else np.vstack(
            [solution.coef[k][[at]].toarray() for k, at in zip(b, i, strict=True)])
        ratio = batch.l1_ratio[b]
        with np.errstate(over="ignore"):
            penalty = solution.alphas[b, i] * (ratio * np.abs(coef).sum(axis=1) + (1 - ratio) / 2 * (coef * coef).sum(axis=1))
        limit |= (penalty > 0) & (penalty <= EPSILON / 2 * solution.null_deviance[b])
    return int(np.count_nonzero(limit))


def warn_of_unconverged(status, gap, tol, at_limit, stacklevel):
    """One `ConvergenceWarning` for a whole call, with a count for each status; none if all is well.

    Parameters
    ----------
    status : ndarray of str
        Of every (problem, alpha) of the call.
    gap : ndarray of float, same shape
        Relative duality gaps.
    tol : float
        What the gaps should have reached.
    at_limit : int
        Of `count_at_limit`.
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
    advice = ""
    if "max_iter" in counts:
        others = counts["max_iter"] - at_limit
        advice = f" For {at_limit} of them, {AT_LIMIT}: rescale X or y, or raise tol; {TINY_ALPHA}." if at_limit else ""
        advice += f" Raise max_epochs or tol{' for the others' * bool(at_limit)}." if others > 0 else ""
    warnings.warn(f"{sum(counts.values())} of {status.size} fits are not plainly converged: {said}.{largest}{advice}",
                  ConvergenceWarning, stacklevel=stacklevel + 1)


def warn_of_problems(codes, stacklevel):
    """One `ConvergenceWarning` with counts, from the worst status code of each problem (B,); none if all is well."""
    names, counts = np.unique(_names()[codes[codes != 0]], return_counts=True)
    if not len(names):
        return
    from sklearn.exceptions import ConvergenceWarning

    said = "; ".join(f"{count} {name} ({_meaning(str(name))})" for name, count in zip(names, counts, strict=True))
    warnings.warn(f"{counts.sum()} of {len(codes)} problems are not plainly converged: {said}. .failed names them, .message says "
                  "why.",
                  ConvergenceWarning, stacklevel=stacklevel + 1)


def _meaning(name):
    return MEANING_OF_PROBLEM.get(name, MEANING.get(name))
