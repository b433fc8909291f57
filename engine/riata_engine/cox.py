"""The door of the engine for the Cox proportional hazards model: ``Cox`` in, ``CoxSolution`` with certificates out."""

from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from riata_engine.batch import UNHEARD, ended
from riata_engine.cpu.concordance import concordance_counts
from riata_engine.cpu.control import Control, Stopped
from riata_engine.cpu.cox_risk import RiskSets
from riata_engine.cpu.design import Design
from riata_engine.cpu.moments import moments, standard_columns
from riata_engine.interrupt import orderly_interrupt
from riata_engine.solvers.clock import Clock
from riata_engine.solvers.cox_path import CoxRun
from riata_engine.solvers.grid import SMALLEST_L1_RATIO, geometric
from riata_engine.solvers.path_store import SKIPPED, STATUS, TIME_BUDGET
from riata_engine.solvers.problems import canonical
from riata_engine.solvers.standard_form import LARGEST, rounding_of_mean
from riata_engine.threads import single_threaded_blas, thread_count

__all__ = ["STATUS", "Cox", "CoxSolution", "baseline_hazard", "concordance", "risk_order", "solve_cox"]


#: scores (k · n) that are counted sooner than further threads start
FEW_SCORES = 2**15


@dataclass
class Cox:
    """Paths of Cox models on one X; all checked and converted by the caller.

    Minimises −log partial likelihood / Σ w + alpha·Σ f_j (l1_ratio |b_j| + (1 − l1_ratio)/2 b_j²) for every problem, of which
    there is
    one for each fold in ``held_out`` (a fold's rows have weight 0), or one in all.

    X : (n, p) ndarray or CSC/CSR, float32 or float64
    time, event : (n,) float64, bool
    strata : (n,) intp or None
    weights, offset : (n,) or None
    held_out : list of index arrays, or None (one problem, nothing held out)
    ties : "breslow" or "efron"
    alphas : (L,) or (K, L) descending, or None
    linear_predictors : bool
        Keep those of all rows (K, L, n).
    """

    X: object
    time: np.ndarray
    event: np.ndarray
    strata: np.ndarray | None = None
    weights: np.ndarray | None = None
    offset: np.ndarray | None = None
    held_out: list | None = None
    ties: str = "efron"
    l1_ratio: object = 1.0
    alphas: np.ndarray | None = None
    n_alphas: int = 100
    alpha_min_ratio: float | None = None
    penalty_factor: np.ndarray | None = None
    standardize: bool = False
    tol: float = 1e-6
    max_iter: int = 1000
    n_threads: int | None = None
    time_budget: float | None = None
    linear_predictors: bool = False

    @property
    def n_problems(self):
        return 1 if self.held_out is None else len(self.held_out)


@dataclass
class CoxSolution:
    """Answers of a ``Cox``: K problems, L alphas. ``gap`` is in units of half the null deviance over Σ w."""

    alphas: np.ndarray              # (K, L)
    coef: np.ndarray                # (K, L, p), NaN where not solved
    gap: np.ndarray                 # (K, L)
    status: np.ndarray              # (K, L) int8 codes into STATUS
    log_likelihood: np.ndarray      # (K, L) log partial likelihood of the rows with weight
    deviance: np.ndarray            # (K, L) 2 (saturated − log likelihood)
    null_deviance: np.ndarray       # (K,)
    dev_ratio: np.ndarray           # (K, L)
    full_deviance: np.ndarray       # (K, L) of all rows at the same coefficients, NaN without ``held_out``
    n_steps: np.ndarray             # Newton steps
    n_epochs: np.ndarray
    n_hessians: np.ndarray
    n_passes: int = 0
    linear_predictor: np.ndarray | None = None      # (K, L, n)
    profile: dict = field(default_factory=dict)


@dataclass
class _Options:
    tol: float
    max_iter: int
    n_threads: int


class _Store:
    """Answers as they come in; coefficients in units of z until the end."""

    def __init__(self, K, L, n, p, order, linear_predictors):
        self.gap, self.value, self.full_value = np.full((3, K, L), np.nan)
        self.status = np.full((K, L), SKIPPED, np.int8)
        self.n_steps, self.n_epochs, self.n_hessians = np.zeros((3, K, L), np.int32)
        self.coef = np.full((K, L, p), np.nan)
        self.order, self.eta = order, np.full((K, L, n), np.nan) if linear_predictors else None
        self.n_passes = 0

    def keep(self, problem, alpha, k, l, flat, coef, eta):
        self.coef[problem, alpha] = 0.0
        row = np.full((coef.shape[0], coef.shape[1]), -1)
        row[k, l] = np.arange(len(k))
        entry, level = np.nonzero(row[flat.member] >= 0)
        at = row[flat.member[entry], level]
        self.coef[problem[at], alpha[at], flat.columns[entry]] = coef[flat.member[entry], level, flat.within[entry]]
        if self.eta is not None:
            self.eta[problem[:, None], alpha[:, None], self.order] = eta[k, l]


def risk_order(time, event, strata=None):
    """Rows by strata, then by falling time, deaths behind the others of their time."""
    keys = (np.asarray(event, bool), -np.asarray(time, float))
    return np.lexsort(keys if strata is None else (*keys, strata))


def _risk_sets(cox, order, weights):
    n = len(order)
    strata = np.zeros(n, np.intp) if cox.strata is None else np.ascontiguousarray(cox.strata[order], np.intp)
    return RiskSets(np.ascontiguousarray(cox.time[order], float), strata, np.ascontiguousarray(cox.event[order]).astype(np.uint8),
                    np.ascontiguousarray(weights[:, order]), cox.ties == "efron")


def solve_cox(cox, progress=None):
    """Solve every problem of a ``Cox``.

    Returns
    -------
    CoxSolution

    Raises
    ------
    Interrupted
        On Ctrl-C, with what is done.
    """
    control, clock = Control(cox.time_budget, progress), Clock()
    K, L = cox.n_problems, cox.n_alphas if cox.alphas is None else np.shape(cox.alphas)[-1]
    control.total = K * L
    n, p = cox.X.shape
    order = risk_order(cox.time, cox.event, cox.strata)
    store = _Store(K, L, n, p, order, cox.linear_predictors)
    out = CoxSolution(np.full((K, L), np.nan), store.coef, store.gap, store.status, store.value, np.full((K, L), np.nan),
                      np.full(K, np.nan), np.full((K, L), np.nan), np.full((K, L), np.nan), store.n_steps, store.n_epochs,
                      store.n_hessians, profile=clock.seconds)
    with orderly_interrupt(control), single_threaded_blas(), np.errstate(**UNHEARD), suppress(Stopped):
        _solve(cox, order, store, out, control, clock)
    if control.stopped == "time_budget":
        out.status[out.status == SKIPPED] = TIME_BUDGET
    out.n_passes, out.linear_predictor = store.n_passes, store.eta
    return ended(control, out)


def _solve(cox, order, store, out, control, clock):
    options = _Options(cox.tol, cox.max_iter, thread_count(cox.n_threads))
    n = cox.X.shape[0]
    weights = np.ones(n) if cox.weights is None else cox.weights / cox.weights.max()
    V = np.repeat(weights[None], cox.n_problems, axis=0)
    for g, rows in enumerate(cox.held_out or ()):
        V[g, rows] = 0.0
    sets = _risk_sets(cox, order, V)
    full = None if cox.held_out is None else _risk_sets(cox, order, weights[None])
    with clock("standard form"):
        X = canonical(cox.X)
        center, multiplier, constant, moderate, *_ = standard_columns(X, weights / weights.sum(), True, rounding_of_mean(n),
                                                                      control, options.n_threads)
        design = Design(X, center, multiplier, direct=moderate)
        f1, f2, barred = _penalty_factors(cox, design, constant, V, control, options.n_threads)
    offset = None if cox.offset is None else cox.offset - cox.offset.mean()
    at_null = np.zeros((1, n)) if offset is None else offset[order][None]
    value, residual, _ = sets.evaluate(np.repeat(at_null, len(V), axis=0), np.arange(len(V)))
    saturated = sets.saturated()
    null = value + saturated                              # half the null deviance over Σ w
    deaths, total = sets.deaths
    unit = np.where(null > 1e-14 * deaths / np.maximum(total, 1e-300), null, 1.0)
    R = np.empty_like(residual)
    R[:, order] = residual
    with clock("gradient"):
        gradient = design.transposed_matvec(R, 1, control, options.n_threads)
        store.n_passes += 1
    l1_ratio = np.array(np.broadcast_to(cox.l1_ratio, len(V)), float)
    out.alphas[:] = _grid(cox, gradient, f1, barred, l1_ratio) if cox.alphas is None else cox.alphas
    run = CoxRun(design, sets, full, order, f1, f2, barred, offset, out.alphas, l1_ratio, unit, gradient, options, store,
                 control, clock)
    with suppress(Stopped):
        while run.round():
            pass
    scale = (weights.max() if cox.weights is None else cox.weights.max()) * total[:, None]
    out.deviance[:] = 2 * scale * (store.value + saturated[:, None])
    out.null_deviance[:] = 2 * scale[:, 0] * null
    out.dev_ratio[:] = np.where(null[:, None] == unit[:, None], 1 - (store.value + saturated[:, None]) / unit[:, None], 0.0)
    out.dev_ratio[np.isnan(store.value)] = np.nan
    if full is not None:
        out.full_deviance[:] = 2 * scale[0] / total[0] * full.deaths[1][0] * (store.full_value + full.saturated()[0])
    # log Σ w exp(η) is that of the weights as given, not as scaled above
    log_unit = np.log(1.0 if cox.weights is None else cox.weights.max())
    out.log_likelihood[:] = -scale * store.value - (scale[:, 0] / total * deaths)[:, None] * log_unit
    out.coef *= multiplier
    out.coef[..., barred] = np.where(np.isnan(out.coef[..., barred]), np.nan, 0.0)


def _penalty_factors(cox, design, constant, V, control, n_threads):
    """(K, p) factors of the l1 and the l2 part in units of z, and (p,) columns that are left out."""
    multiplier = design.multiplier
    given = np.ones(len(multiplier)) if cox.penalty_factor is None else np.asarray(cox.penalty_factor, float)
    barred = constant | np.isinf(given)
    f = np.where(barred, 0.0, given)
    if not cox.standardize:
        m = np.repeat(multiplier[None], len(V), axis=0)
    else:
        shares = V / V.sum(axis=1, keepdims=True)
        m = np.sqrt(moments(design.X, np.ascontiguousarray(shares), multiplier[None], control, n_threads)[1])
    return np.ascontiguousarray(f * m), np.minimum(f * m**2, LARGEST), barred


def _grid(cox, gradient, f1, barred, l1_ratio):
    """(K, L): geometric, from where the first problem has no coefficient other than 0, for each l1_ratio."""
    with np.errstate(divide="ignore", invalid="ignore"):
        entry = np.where(~barred & (f1[0] > 0), np.abs(gradient[0]) / f1[0], 0.0)
    n, p = cox.X.shape
    ratio = cox.alpha_min_ratio if cox.alpha_min_ratio is not None else (1e-3 if n > p else 1e-2)
    return geometric(entry.max(initial=0.0) / np.maximum(l1_ratio, SMALLEST_L1_RATIO), cox.n_alphas, ratio)


def _ranks(scores):
    """(k, n) dense ranks of each row: equal for equal scores."""
    order = np.argsort(scores, axis=1, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=1)
    rank = np.zeros(scores.shape, np.intp)
    rank[:, 1:] = np.cumsum(ordered[:, 1:] != ordered[:, :-1], axis=1)
    out = np.empty_like(rank)
    np.put_along_axis(out, order, rank, axis=1)
    return out


def concordance(time, event, scores, weights=None, strata=None, n_threads=None):
    """Harrell's concordance of k scores (k, n), higher for a shorter life: weights (k, 3) of pairs that agree, disagree, tie.

    Of two rows of a stratum the pair is comparable where the one with the shorter time is a death; of equal times, where one is a
    death and the other is not. ``weights`` (n,) or (k, n): a pair counts w_i w_j.
    """
    order = risk_order(time, event, strata)
    scores = np.ascontiguousarray(np.asarray(scores, float)[:, order])
    w = np.ones(scores.shape) if weights is None else np.array(np.broadcast_to(weights, scores.shape), float)[:, order]
    stratum = np.zeros(len(order), np.intp) if strata is None else np.asarray(strata, np.intp)[order]
    threads = 1 if scores.size < FEW_SCORES else thread_count(n_threads)
    return concordance_counts(np.asarray(time, float)[order], np.asarray(event, bool)[order].astype(np.uint8), stratum,
                              np.ascontiguousarray(w), _ranks(scores), threads)


def baseline_hazard(cox, linear_predictor):
    """Increments of the cumulative baseline hazard of the rows of ``cox`` at linear predictors (n,), offset included.

    Returns
    -------
    time, stratum, increment : arrays with an entry for each time of death of a stratum, in the order of strata and rising times
        Breslow's estimate Σ deaths / Σ exp(η) over the risk set; with Efron's ties the sum of their like over the terms of a
        time.
    """
    order = risk_order(cox.time, cox.event, cox.strata)
    n = len(order)
    weights = np.ones(n) if cox.weights is None else cox.weights / cox.weights.max()
    stop, increment = _risk_sets(cox, order, weights[None]).baseline(np.ascontiguousarray(linear_predictor[order], float), 0)
    last = order[stop - 1]                                # any row of the time will do
    stratum = np.zeros(len(last), np.intp) if cox.strata is None else np.asarray(cox.strata)[last]
    by = np.lexsort((np.asarray(cox.time)[last], stratum))
    return np.asarray(cox.time, float)[last][by], stratum[by], increment[by]
