"""What the history of a run says about its step size: a verdict, the evidence for it, and a better step."""

from dataclasses import dataclass, field

import numpy as np

from riata.optim.result import NEAR, DescentResult, History, rise
from riata.results import check_same_features
from riata.validation import check_design, check_number, check_target
from riata_engine.descent import CUSTOMARY, largest_curvature, loss_curvature

__all__ = ["Diagnosis", "diagnose"]

VERDICTS = {
    "converged": "the gradient is zero as far as matters",
    "converging": "the run makes progress, and its step size lets it",
    "oscillating": "the steps go from side to side: the step size is beyond 1/L, and below 2/L, where they would grow",
    "diverging": "the objective grows: the step size is beyond what the curvature allows",
    "step too large": "the objective is above that of the start: the steps throw it about, and their size lets it gain nothing",
    "too short to tell": "one epoch is no evidence of how the run goes",
    "too slow": "every step goes the same way, and little is gained: the step size is far below what the curvature allows",
    "noise floor": "the noise of mini-batches undoes the progress: the objective stays above its least value at this step size",
}
#: gradient or gap, relative, below which a run counts as converged
ZERO = 1e-6


@dataclass(frozen=True)
class Diagnosis:
    """A verdict on a run.

    Attributes
    ----------
    verdict : str
        "converged", "converging", "oscillating", "diverging", "step too large", "too slow", "noise floor" or "too short
        to tell" (of one epoch).
    message : str
        A sentence with the numbers.
    evidence : dict
        What it rests on: "step_times_curvature" (NaN if the curvature is not known), "gradient_ratio" (last over first norm),
        "growth" (factor of the gradient from epoch to epoch at the end), "alignment" (cosine of successive gradients at the end),
        "signal" (norm of the mean gradient over the root mean square norm of a mini-batch's), "progress" (share of the objective
        gained in the last third), "rise" (objective of the last epoch less that of the start, over the latter; of a
        History alone the first epoch stands for the start), "gap".
    suggested_step : float or None
        None where the step size is as it should be.
    advice : str
    """

    verdict: str
    message: str
    evidence: dict = field(repr=False)
    suggested_step: float | None
    advice: str


def diagnose(run, X=None, y=None, *, curvature=None):
    """Say how a run of gradient descent goes, from its history and the curvature.

    On a quadratic of largest curvature L plain gradient descent on all rows multiplies the steepest component by 1 − step·L: it
    converges below 2/L, from side to side above 1/L.

    Parameters
    ----------
    run : DescentResult or History
        Of one problem, or the result of a batch.
    X, y : optional
        The rows that were learnt from: the curvature is then computed, by power iteration on XᵀX/n with a column of ones, times
        the largest second derivative of the loss.
    curvature : float, optional
        Largest eigenvalue of the Hessian of the loss, if known. Default: what an automatic step was made from.

    Returns
    -------
    Diagnosis, or a list of them for a batch

    Raises
    ------
    ValueError, TypeError
        If the history has no epoch; if X or y are not those of the run, or `curvature` is no number above 0.

    References
    ----------
    Nesterov (2004), Introductory Lectures on Convex Optimization, section 2.1. Pflug (1990), Non-asymptotic confidence bounds for
    stochastic approximation algorithms: successive gradients that point against each other tell of a noise floor.
    """
    result = run if isinstance(run, DescentResult) else None
    history = run if result is None else run.history
    if not isinstance(history, History):
        raise TypeError(f"run = {type(run).__name__} must be a DescentResult or a History")
    if curvature is None:
        curvature = _curvature(result, X, y)
    else:
        curvature = check_number(curvature, "curvature", 0.0, low_open=True, high_open=True)
    if history.objective.ndim == 2:
        problems = range(len(history.objective))
        return [_diagnose(history.of(b), curvature, *_settings(result, b)) for b in problems]
    return _diagnose(history, curvature, *_settings(result, None))


def _curvature(result, X, y):
    if X is not None:
        X = X.tocsr() if hasattr(X, "tocsr") else check_design(X)[0]
        if result is not None:
            check_same_features(None, X.shape[1], None, result.coef.shape[-1])
        name, parameter = ("squared", 0.0) if result is None else (getattr(result.loss, "name", result.loss),
                                                                   getattr(result.loss, "parameter", None) or 0.0)
        ones = np.ones(X.shape[0])
        bend = loss_curvature(name, parameter, ones if y is None else _targets(result, y, len(ones)), ones)
        return bend * largest_curvature(X, ones)
    return np.nan if result is None else result.smoothness


def _targets(result, y, n):
    """(n,) numbers of y, of classes 0 and 1; of many targets the first."""
    y = np.asarray(y)
    if y.ndim not in (1, 2) or len(y) != n:
        raise ValueError(f"y has shape {y.shape}, X has {n} rows: give what the run learnt from")
    y = y if y.ndim == 1 else y[:, 0]
    if result is not None and result.classes is not None:
        return (y == result.classes[1]).astype(float)
    return check_target(y, n)


def _settings(result, b):
    """(status, gap, objective at the start, optimizer, beta1, whether all rows are in a batch)"""
    if result is None:
        return "max_epochs", np.nan, np.nan, "sgd", 0.9, None
    of = (lambda values: values[b]) if b is not None else (lambda values: values)
    s = result.setting
    return (str(of(result.status)), float(of(result.gap)), float(of(result.start_objective)), s["optimizer"], s["beta1"],
            s["batch_size"] >= s["rows"])


def _diagnose(history, curvature, status, gap, start, optimizer, beta1, full):
    if not len(history):
        raise ValueError("the history has no epoch: run at least one")
    seen = np.isfinite(history.gradient_norm) & np.isfinite(history.objective)
    norm, objective = history.gradient_norm[seen], history.objective[seen]
    tail = slice(-max(len(norm) // 3, 2), None)
    step = float(history.step[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        evidence = {
            "step_times_curvature": step * curvature,
            "gradient_ratio": float(norm[-1] / norm[0]) if len(norm) else np.inf,
            "growth": float(np.exp(np.mean(np.diff(np.log(norm[tail]))))) if len(norm) > 1 and (norm[tail] > 0).all() else np.nan,
            "alignment": float(np.nanmean(history.alignment[tail])) if np.isfinite(history.alignment[tail]).any() else np.nan,
            "signal": float(np.median((history.gradient_norm / history.gradient_rms)[seen][tail])) if seen.any() else np.nan,
            "progress": _progress(objective, objective[tail], start),
            "gap": gap,
            "rise": float(rise(objective[-1], start if np.isfinite(start) else objective[0])) if len(objective) else np.nan,
        }
    if full is None:                                  # one batch an epoch: its mean gradient is the gradient
        full = evidence["signal"] > 1 - 1e-9
    limit = {"momentum": 2 * (1 + beta1), "nesterov": 2 * (1 + beta1) / (1 + 2 * beta1), "sgd": 2.0}.get(optimizer, np.nan)
    verdict = _verdict(evidence, status, full, limit, optimizer, bool(seen.all()), len(norm))
    suggestion, advice = _remedy(verdict, evidence, step, curvature, full, optimizer)
    numbers = f"step {step:.3g}"
    if curvature == curvature:
        numbers += f", times the curvature {evidence['step_times_curvature']:.3g}"
    message = (f"{verdict}: {VERDICTS[verdict]} ({numbers}; gradient norm now {evidence['gradient_ratio']:.2g} of the first; "
               f"successive gradients' cosine {evidence['alignment']:.2f})")
    return Diagnosis(verdict, message, evidence, suggestion, advice)


def _progress(objective, last, start):
    """What the last epochs won, as a share of all that was won: the means of their halves apart, 0 within three standard errors.

    Where epochs only go up and down about a level, one of them less another is noise; a steady fall is far outside of it.
    """
    if len(objective) < 2:
        return 0.0
    whole = np.ptp(objective if not np.isfinite(start) else np.append(objective, start))
    half = len(last) // 2
    first, second = last[:half], last[-half:]
    won = first.mean() - second.mean()
    error = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / half) if half > 1 else 0.0
    return float(won / whole) if whole and abs(won) > 3 * error else 0.0


def _verdict(evidence, status, full, limit, optimizer, finite, epochs):
    product, growth, ratio = evidence["step_times_curvature"], evidence["growth"], evidence["gradient_ratio"]
    if status == "diverged" or not finite or (full and (product > limit or (growth > 1 + 1e-9 and ratio > 1))):
        return "diverging"
    if ratio < ZERO or evidence["gap"] < ZERO:
        return "converged"
    if evidence["rise"] > NEAR and not evidence["gap"] < NEAR:
        return "step too large"
    if full and optimizer == "sgd" and product > 1 + 1e-9:
        return "oscillating"
    if epochs < 2:
        return "too short to tell"
    if full:
        if evidence["alignment"] < -0.5:
            return "oscillating"
        if evidence["alignment"] > 0.9 and (product < 0.1 or (product != product and ratio > 0.5)):
            return "too slow"
        return "converging"
    if ratio > 0.5 and evidence["signal"] > 0.5 and evidence["alignment"] > 0.5:
        return "too slow"
    if evidence["signal"] < 0.5 and evidence["progress"] < 0.02:
        return "noise floor"
    return "converging"


def _remedy(verdict, evidence, step, curvature, full, optimizer):
    safe = 1 / curvature if curvature > 0 else None
    if verdict in ("diverging", "oscillating") and full and safe is None and evidence["growth"] > 0:
        safe = step / (1 + evidence["growth"])        # the steepest component is multiplied by 1 − step·L = −growth
    if verdict in ("diverging", "step too large"):
        if optimizer in CUSTOMARY:                        # its steps have the units of the coefficients: no curvature bounds them
            safe = CUSTOMARY[optimizer]
        return (safe if safe is not None and safe < step else step / 10), "take the suggested step, or step='auto'"
    if verdict == "oscillating":
        return (step / 2 if safe is None else safe), "take the suggested step, or a momentum at this one"
    if verdict == "too slow":
        return (10 * step if safe is None else safe), "take the suggested step, or optimizer='nesterov'"
    if verdict == "noise floor":
        return step / 10, ("let the step fall (schedule='cosine'), average=True, larger batches, or optimizer='saga', "
                           "which has no floor")
    return None, {"converging": "go on", "too short to tell": "run more epochs"}.get(verdict, "nothing to do")
