"""The door of MCP and SCAD: a ``ConcaveBatch`` of paths in, a ``ConcaveSolution`` with KKT violations and curvatures out.

    minimise over b0, b:  Σ_i w_i ½(y_i − b0 − x_iᵀb − o_i)² / Σ_i w_i
                          + Σ_j g(b_j; alpha·f_j·l1_ratio, gamma) + alpha · (1 − l1_ratio)/2 · Σ_j f_j b_j²

with g of ``formulas/concave.py``; standardised, the penalty acts on b_j·s_j. Such a problem may have several local minima. The
answer is the one at the end of a path of warm starts that begins where every coefficient is zero.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from riata_engine.backend import require_backend
from riata_engine.batch import Interrupted, ended
from riata_engine.cpu.concave_path import ConcaveRounds
from riata_engine.cpu.control import Control
from riata_engine.interrupt import orderly_interrupt
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER
from riata_engine.solvers.problems import Batch
from riata_engine.solvers.rounds import Penalty, RoundSolution, solve_batch

__all__ = ["LEAST_GAMMA", "PENALTIES", "ConcaveBatch", "ConcaveSolution", "Interrupted", "refuse_unknown_options",
           "solve_concave"]

#: names of the penalties, and the gamma that each must be above on columns of variance one
LEAST_GAMMA = {"mcp": 1.0, "scad": 2.0}
PENALTIES = tuple(LEAST_GAMMA)
#: a column's variance may be so much below what gamma asks for: that of a standardised column is one but for rounding
ROUNDING = 1e-9
#: what rounding leaves of a violation: descent that aims for less never ends, and uses up the epochs of all alphas
LEAST_TOL = 1e-15


@dataclass
class ConcaveBatch(Batch):
    """B paths of MCP or SCAD: the fields of ``Batch``, without bounds and early stops, and

    Attributes
    ----------
    penalty : {"mcp", "scad"}
    gamma : float or (B,)
        Above 1 (MCP) or 2 (SCAD) over the variance of every column, of one if ``standardize``.
    diagnose : bool
        Find the curvature on the support of each alpha.
    """

    penalty: str = "mcp"
    gamma: object = 3.0
    diagnose: bool = True

    def __post_init__(self):
        super().__post_init__()
        refuse_unknown_options(self)
        if self.penalty not in PENALTIES:
            raise ValueError(f"penalty = {self.penalty!r} must be one of {', '.join(map(repr, PENALTIES))}")
        if not (self.l1_ratio > 0).all():
            raise ValueError("l1_ratio = 0 leaves nothing of the concave penalty: give more than 0, or fit a ridge")
        gamma = np.empty(len(self.target))
        gamma[:] = self.gamma
        least = LEAST_GAMMA[self.penalty]
        if not (gamma > least).all():
            raise ValueError(f"gamma = {gamma[~(gamma > least)][0]:g} must be above {least:g} for {self.penalty.upper()}")
        self.gamma = gamma


@dataclass
class ConcaveSolution(RoundSolution):
    """A ``Solution`` without duality gaps (``gap`` is NaN): a problem that is not convex has none.

    Attributes
    ----------
    kkt : (B, L)
        The largest violation of the stationarity conditions, in units of the largest that a column of its length could have:
        max_j dist(x̃_jᵀ V r, ∂penalty) / (‖x̃_j‖ ‖ỹ‖), centred and weighted norms. Computed afresh from the residual. ``converged``
        means at most ``tol``.
    curvature : (B, L)
        The smallest eigenvalue of the objective's curvature on the support, columns in units of variance one, every penalised
        coefficient counted as on the concave piece; infinite for an empty support. Above zero, the objective is convex in the
        coefficients of the support: no other minimum has the same support. NaN without ``diagnose``.
    """

    kkt: np.ndarray | None = None


class _Concave(Penalty):
    rounds = ConcaveRounds
    remarks = True

    def __init__(self, batch):
        self.batch, self.name = batch, batch.penalty

    def scale(self, form):
        """(1 or G, p) squares of what a coefficient of z is multiplied by before the penalty sees it."""
        unit = form.design.multiplier[None] if form.spread is None else form.spread
        return np.ascontiguousarray(unit**2)

    def check(self, form, variance, members):
        e = np.broadcast_to(self.scale(form), variance.shape)
        least = LEAST_GAMMA[self.batch.penalty] - 1.0               # MCP: gamma h > e; SCAD: (gamma − 1) h > e
        for g in np.unique(form.group):
            gamma = self.batch.gamma[members[form.group == g]].min() - least
            penalised = (variance[g] > 0) & (np.broadcast_to(form.f1, variance.shape)[g] > 0)
            bad = np.flatnonzero(penalised & (gamma * variance[g] * (1 + ROUNDING) <= e[g]))
            if len(bad):
                with np.errstate(divide="ignore", over="ignore"):
                    spread = variance[g, bad] / e[g, bad]
                j = bad[np.argmin(spread)]
                raise ValueError(
                    f"gamma = {gamma + least:g} is too small for column {j} of X, whose variance is {spread.min():.3g}: the "
                    f"objective is not convex along it. Standardize, or give gamma above {least + 1.0 / spread.min():.4g}")

    def fields(self, members):
        return {"gamma": self.batch.gamma[members]}

    def own(self, form, problems, members):
        return (self.batch.penalty == "scad", self.batch.gamma[members], self.scale(form), form.f2, bool(self.batch.diagnose))


def refuse_unknown_options(batch):
    """Raise ValueError for fields of a ``Batch`` that paths in rounds know nothing of."""
    for name in ("lower", "upper", "stop_dev_ratio", "stop_dev_change", "stop_df"):
        if getattr(batch, name) is not None:
            raise ValueError(f"{name} is not available for this penalty: leave it out")
    if batch.loss != "squared":
        raise ValueError(f"loss = {batch.loss!r} is not available for this penalty: it goes with the squared loss")
    if batch.solver != "auto":
        raise ValueError(f"solver = {batch.solver!r} is not available for this penalty: leave it at 'auto'")


def solve_concave(batch, progress=None):
    """Solve every problem of a ``ConcaveBatch`` at each of its alphas.

    Raises
    ------
    Interrupted
        On Ctrl-C, with what is done.
    ValueError
        If gamma is too small for the variance of a column.
    """
    require_backend(batch.backend)
    control = Control(batch.time_budget, progress)
    with orderly_interrupt(control):
        found = solve_batch(replace(batch, tol=max(batch.tol, LEAST_TOL)), _Concave(batch), control)
    kkt = found.gap
    found.status[(found.status == CONVERGED) & (kkt > batch.tol)] = MAX_ITER
    values = {field.name: getattr(found, field.name) for field in fields(RoundSolution)}
    return ended(control, ConcaveSolution(**{**values, "gap": np.full(kkt.shape, np.nan)}, kkt=kkt))
