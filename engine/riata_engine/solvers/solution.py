"""What ``solve`` returns, and how solutions of parts of a batch become one."""

from dataclasses import dataclass, field, replace

import numpy as np

from riata_engine.solvers.path_store import DEGENERATE, MAX_ITER


@dataclass
class Solution:
    """What ``solve`` returns; every field is documented in ``docs/architecture.md``."""

    alphas: np.ndarray
    coef: object
    intercept: np.ndarray
    gap: np.ndarray
    status: np.ndarray
    dev_ratio: np.ndarray
    df: np.ndarray
    held_out_deviance: np.ndarray
    null_deviance: np.ndarray
    n_passes: int
    n_epochs: np.ndarray
    n_cholesky: np.ndarray
    bytes_moved: float
    solver: str
    profile: dict = field(default_factory=dict)


#: the arrays of a ``Solution`` that have an entry, or a row, for each problem
PER_PROBLEM = ("alphas", "intercept", "gap", "status", "dev_ratio", "df", "held_out_deviance", "null_deviance", "n_epochs",
               "n_cholesky")


def joined(parts, order):
    """One solution of the problems of several, in the given order."""
    first = parts[0]
    arrays = {name: np.concatenate([getattr(part, name) for part in parts])[order] for name in PER_PROBLEM}
    if isinstance(first.coef, list):
        rows = [row for part in parts for row in part.coef]
        coef = [rows[k] for k in order]
    else:
        coef = None if first.coef is None else np.concatenate([part.coef for part in parts])[order]
    return Solution(coef=coef, n_passes=sum(part.n_passes for part in parts),
                    bytes_moved=sum(part.bytes_moved for part in parts),
                    solver="+".join(sorted({part.solver for part in parts})), profile=parts[-1].profile, **arrays)


def better(solution, again, problems):
    """``solution`` with the paths of ``again``, of the given problems, whose largest gap is smaller."""
    worst = [np.where((one.status <= MAX_ITER) | (one.status == DEGENERATE), one.gap, np.inf).max(axis=1)
             for one in (solution, again)]
    here = np.flatnonzero(worst[1] < worst[0][problems])
    there = problems[here]
    for name in PER_PROBLEM:
        getattr(solution, name)[there] = getattr(again, name)[here]
    if isinstance(solution.coef, list):
        for i, k in zip(there, here, strict=True):
            solution.coef[i] = again.coef[k]
    elif solution.coef is not None:
        solution.coef[there] = again.coef[here]
    names = [*solution.solver.split("+"), again.solver] if len(here) else [solution.solver]
    return replace(solution, n_passes=solution.n_passes + again.n_passes, bytes_moved=solution.bytes_moved + again.bytes_moved,
                   solver="+".join(dict.fromkeys(names)))
