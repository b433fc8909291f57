"""The door of penalties that a user brings: a ``PenaltyBatch`` of paths in, a ``PenaltySolution`` out. Needs numba.

    minimise over b0, b:  Σ_i w_i ½(y_i − b0 − x_iᵀb − o_i)² / Σ_i w_i + alpha · Σ_j f_j g(b_j)

with g of scalar functions, g(b) and prox(v, t) = argmin_x ½(x − v)² + t g(x); standardised, the penalty acts on b_j·s_j.
"""

from dataclasses import dataclass, field, fields

import numpy as np

from riata_engine.backend import require_backend
from riata_engine.batch import Interrupted, ended
from riata_engine.concave import refuse_unknown_options
from riata_engine.cpu.control import Control, Stopped
from riata_engine.cpu.own_path import OwnPenaltyRounds
from riata_engine.cpu.own_penalty import functions_at, largest_penalties
from riata_engine.custom import Compiled, NotCompiled, shared
from riata_engine.interrupt import orderly_interrupt
from riata_engine.solvers.problems import Batch
from riata_engine.solvers.rounds import Penalty, RoundSolution, alpha_grid, solve_batch

__all__ = [
    "Interrupted",
    "NotCompiled",
    "OwnPenalty",
    "PenaltyBatch",
    "PenaltySolution",
    "compile_penalty",
    "penalty_grid",
    "penalty_values",
    "solve_penalty",
]

#: on the largest alpha, so that rounding moves no coefficient from zero there
ROUNDED_UP = 1 + 1e-14


class Functions(Compiled):
    """Compiled value and prox."""

    def __init__(self, functions, n_parameters):
        from riata_engine.jit.penalty_functions import OPTIONS, SIGNATURES, functions_of

        super().__init__(functions, {"value": 1, "prox": 2}, n_parameters, functions_of, SIGNATURES, OPTIONS)


@dataclass(frozen=True)
class OwnPenalty:
    """g, compiled: ``convex`` says which certificate its paths have."""

    name: str
    parameter: float
    convex: bool
    functions: Functions = field(repr=False, compare=False)

    @property
    def at(self):
        """(addresses of value and prox, their parameter)."""
        address = self.functions.address
        return address["value"], address["prox"], self.parameter


def compile_penalty(name, value, prox, *, parameter=None, convex=True):
    """The `OwnPenalty` of functions of numbers, value(b) and prox(v, t), with a parameter as their last argument if there is one.

    Raises
    ------
    ImportError
        Without numba.
    NotCompiled
        If numba cannot compile a function.
    """
    functions = shared(Functions, {"value": value, "prox": prox}, int(parameter is not None))
    return OwnPenalty(name, 0.0 if parameter is None else float(parameter), bool(convex), functions)


def penalty_values(penalty, v, t):
    """(g(v), prox(v, t)) in the shape of v and t, which broadcast."""
    v, t = np.broadcast_arrays(np.asarray(v, float), np.asarray(t, float))
    flat = (np.ascontiguousarray(part).ravel() for part in (v, t))
    return tuple(part.reshape(v.shape) for part in functions_at(*penalty.at, *flat))


@dataclass
class PenaltyBatch(Batch):
    """B paths under one penalty: the fields of ``Batch`` without ``l1_ratio``, bounds and early stops, alphas above 0, and

    Attributes
    ----------
    penalty : OwnPenalty
    """

    penalty: OwnPenalty | None = None

    def __post_init__(self):
        super().__post_init__()
        refuse_unknown_options(self)
        if self.penalty is None:
            raise ValueError("penalty = None: give what compile_penalty makes")
        if self.alphas is not None and not (np.asarray(self.alphas) > 0).all():
            raise ValueError(f"alphas must be above 0 for a penalty of your own, not {np.min(self.alphas):g}: leave it out, or "
                             "fit least squares")
        self.l1_ratio[:] = 1.0


@dataclass
class PenaltySolution(RoundSolution):
    """A ``Solution``, with duality gaps if the penalty is convex.

    Attributes
    ----------
    gap : (B, L)
        g convex: F(b) − D(r), the dual objective at the residual, over the objective at b = 0. The conjugates in D are bounded
        from above, by the tangent of g at one proximal step, over the coefficients with which the penalty alone would not exceed
        F(b): a solution has no others. With an exact prox it is no less than F(b) − min F. For f_j = 0, |z_jᵀVr|·2(|b_j| + 10) is
        counted, in units of z and sigma. Not convex: NaN.
    prox_residual : (B, L)
        g not convex: max_j ‖z_j‖ |b_j − prox(b_j + z_jᵀVr/h_j, t_j)| / ‖y‖, centred and weighted norms, h_j = ‖z_j‖²; 0 where
        both are minima along column j to rounding. At 0 no column alone improves the objective, which is then stationary. NaN
        for a convex g.
    """

    prox_residual: np.ndarray | None = None


class _Own(Penalty):
    rounds = OwnPenaltyRounds

    def __init__(self, batch):
        self.batch, self.name = batch, batch.penalty.name

    def _unit(self, form):
        """(1 or G, p) what a coefficient of z, in units of y, is multiplied by before the penalty sees it."""
        unit = form.design.multiplier[None] if form.spread is None else form.spread
        return np.ascontiguousarray(np.where(unit > 0, unit, 1.0))

    def largest(self, form, gradient, variance, l1_ratio):
        sigma = form.sigma[form.target]
        top = sigma * ROUNDED_UP * largest_penalties(*self.batch.penalty.at, np.ascontiguousarray(gradient), variance, form.f1,
                                        self._unit(form), sigma, form.group)
        if self.batch.alphas is None and np.isinf(top).any():
            raise ValueError(f"{self.name}: no alpha makes every coefficient 0, as prox(v, t) is not 0 for any t, so that a grid "
                             "has no beginning: give the alphas, np.geomspace(1e2, 1e-3, 50), say")
        return top

    def own(self, form, problems, members):
        return (*self.batch.penalty.at, self.batch.penalty.convex, np.ascontiguousarray(form.sigma[form.target[problems]]),
                self._unit(form))

    def finished(self, run, members):
        failure = run.failure()
        if failure is not None:
            b, function, given, got = failure
            names = "b" if function == "value" else "vt"
            named = ", ".join(f"{name}={number:.6g}" for name, number in zip(names, given, strict=True))
            expected = "a number of 0 or more was" if function == "value" else "a finite number was"
            raise ValueError(f"{self.name}: {function}({named}) is {got:g} in problem {members[b]}, and {expected} expected: "
                             "write it so that it neither overflows nor divides by 0; riata.penalties.check_penalty takes v "
                             "and t to look at")


def penalty_grid(batch):
    """The (B, L) alphas that ``solve_penalty`` would use for a ``PenaltyBatch`` whose ``alphas`` is None."""
    control = Control()
    try:
        return alpha_grid(batch, _Own(batch), control)
    except Stopped:              # what the signal's handler raised
        raise control.error from None


def solve_penalty(batch, progress=None):
    """Solve every problem of a ``PenaltyBatch`` at each of its alphas.

    Raises
    ------
    Interrupted
        On Ctrl-C, with what is done.
    ValueError
        If a function gives no number; if a grid is asked for and no alpha makes every coefficient zero.
    """
    require_backend(batch.backend)
    control = Control(batch.time_budget, progress)
    with orderly_interrupt(control):
        found = solve_batch(batch, _Own(batch), control)
    values = {field.name: getattr(found, field.name) for field in fields(RoundSolution)}
    nothing = np.full(found.gap.shape, np.nan)
    gap, residual = (found.gap, nothing) if batch.penalty.convex else (nothing, found.gap)
    return ended(control, PenaltySolution(**{**values, "gap": gap}, prox_residual=residual))
