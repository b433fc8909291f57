"""Step sizes over time, by name or with their numbers: ``schedule="cosine"`` or ``schedule=Cosine(floor=0.01)``."""

from dataclasses import astuple, dataclass

from riata.validation import check_number

__all__ = ["Armijo", "Cosine", "Exponential", "Fixed", "InverseScaling", "OneCycle", "StepDecay", "check_schedule"]


class Schedule:
    """A schedule; ``settings`` are keywords of the engine's ``Descent``."""

    name = ""
    limits = ()                                           # (low, high, low_open, high_open) of each number

    @property
    def settings(self):
        """Name and numbers."""
        return {"schedule": self.name, **{f"s{k}": float(value) for k, value in enumerate(astuple(self))}}

    def __post_init__(self):
        for (what, value), (low, high, low_open, high_open) in zip(vars(self).items(), self.limits, strict=True):
            check_number(value, what, low, high, low_open=low_open, high_open=high_open)


@dataclass(frozen=True)
class Fixed(Schedule):
    """The same step size throughout."""

    name = "fixed"


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """step / t^power at step t = 1, 2, … (Robbins & Monro 1951)."""

    power: float = 0.5
    name = "inverse_scaling"
    limits = ((0.0, float("inf"), False, True),)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the step size to ``floor`` of it at the last epoch (Loshchilov & Hutter 2017)."""

    floor: float = 0.0
    name = "cosine"
    limits = ((0.0, 1.0, False, False),)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """From ``start`` of the step size up to it over the first ``rise`` of the time, then down to ``end`` of it.

    Smith and Topin (2019), Super-convergence.
    """

    rise: float = 0.3
    start: float = 0.04
    end: float = 4e-6
    name = "one_cycle"
    limits = ((0.0, 1.0, True, True), (0.0, 1.0, True, False), (0.0, 1.0, False, False))


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Times ``factor`` after every ``every`` epochs."""

    every: float = 30
    factor: float = 0.1
    name = "step"
    limits = ((1.0, float("inf"), False, True), (0.0, 1.0, True, False))


@dataclass(frozen=True)
class Exponential(Schedule):
    """Times ``factor`` after every epoch."""

    factor: float = 0.95
    name = "exponential"
    limits = ((0.0, 1.0, True, False),)


@dataclass(frozen=True)
class Armijo(Schedule):
    """For batches of all rows: the longest of step·2^k that keeps below a quadratic upper bound (Beck & Teboulle 2009)."""

    name = "armijo"


SCHEDULES = {kind.name: kind for kind in (Fixed, InverseScaling, Cosine, OneCycle, StepDecay, Exponential, Armijo)}


def check_schedule(schedule):
    """A ``Schedule`` from the argument of that name."""
    if isinstance(schedule, Schedule):
        return schedule
    if isinstance(schedule, str) and schedule in SCHEDULES:
        return SCHEDULES[schedule]()
    raise ValueError(f"schedule = {schedule!r} must be one of {', '.join(map(repr, SCHEDULES))}, or one with its numbers such as "
                     "riata.optim.Cosine(floor=0.01)")
