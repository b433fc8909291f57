"""The door of gradient descent: problems of a linear model on one X, run for whole epochs."""

import numpy as np

from riata_engine.batch import UNHEARD, ended
from riata_engine.cpu.control import Control
from riata_engine.cpu.descent import ENDED, HISTORY, REDUCTIONS, SCHEDULES
from riata_engine.cpu.descent_rows import LOSSES
from riata_engine.cpu.steps import OPTIMISERS
from riata_engine.interrupt import orderly_interrupt
from riata_engine.solvers.descent import Answers, Descent, run, squares
from riata_engine.solvers.descent_step import KINKED, largest_curvature, loss_curvature
from riata_engine.threads import single_threaded_blas, thread_count

__all__ = ["ENDED", "HISTORY", "KINKED", "LOSSES", "OPTIMISERS", "REDUCTIONS", "SCHEDULES", "Answers", "Descent", "descend",
           "largest_curvature", "loss_curvature", "squares"]


def descend(problem):
    """Run a ``Descent``.

    Parameters
    ----------
    problem : Descent

    Returns
    -------
    Answers

    Raises
    ------
    Interrupted
        On Ctrl-C, with the coefficients reached.
    """
    control = Control(problem.time_budget, None)
    with orderly_interrupt(control), np.errstate(**UNHEARD), single_threaded_blas():
        answers = run(problem, control, thread_count(problem.n_threads))
    return ended(control, answers)
