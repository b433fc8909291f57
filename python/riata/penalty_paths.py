"""Paths of squared loss under a penalty that has a door of its own (MCP, SCAD, SLOPE): from checked arguments to a result."""

from dataclasses import fields

from riata.arguments import check_arguments
from riata.no_memory import answer_fits
from riata.results import PathResult, path_of, solved

#: arguments of `riata.fit_path` that these doors do not take
ABSENT = {"lower": None, "upper": None, "positive": False, "solver": "auto", "backend": "cpu"}


def check_penalty_arguments(arguments, **absent):
    """`Arguments` of a native function, from its ``locals()``; what it does not take stands at its default."""
    return check_arguments({**arguments, **ABSENT, **absent})


def penalty_path(Result, door, given, kind, own, **fields_of_batch):
    """The path of a penalty.

    Parameters
    ----------
    Result : a subclass of `PathResult`
    door : callable
        Of the engine: ``door(batch, progress)``.
    given : Arguments
    kind : a subclass of the engine's ``Batch``
    own : callable
        The fields of ``Result`` that `PathResult` does not have, from a solution.
    **fields_of_batch
        Those of ``kind``; ``l1_ratio`` is 1 where it is not among them.

    Raises
    ------
    Interrupted
        On Ctrl-C, with ``.result``.
    """
    def result_of(solution):
        base = path_of(solution, 0, given, fields_of_batch.get("l1_ratio", 1.0))
        return Result(**{field.name: getattr(base, field.name) for field in fields(PathResult)}, **own(solution))

    batch = kind(given.X, given.y[:, None], weights=given.weights, **fields_of_batch, **given.grid.keywords, **given.settings)
    with answer_fits(1, given.grid.size, given.X.shape[1], "alphas"):
        return solved(batch, given.progress, result_of, door)
