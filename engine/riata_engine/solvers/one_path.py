"""One path on few features, in one compiled call (``cpu/one_path.pyx``), where nothing about it is out of the ordinary."""

import numpy as np

from riata_engine.cpu.one_path import one_path
from riata_engine.solvers.gram import DOUBTFUL
from riata_engine.solvers.grid import SMALLEST_L1_RATIO, ratios_of
from riata_engine.solvers.null_model import NOTHING
from riata_engine.solvers.path_store import Answers
from riata_engine.solvers.standard_form import rounding_of_mean

#: features, and flops of a Gram matrix, up to which a path is one call: beyond, its matrix is shared out among threads
FEATURES, FLOPS = 128, 4e6


def is_plain(batch):
    """Whether a batch is one path that goes in one call: dense X, no weights, offset, bounds, factors or standardisation."""
    X = batch.X
    return (type(X) is np.ndarray and X.shape[1] <= FEATURES and X.size * X.shape[1] < FLOPS and len(batch.target) == 1
            and batch.Y.shape[1] == 1 and batch.weights is None and batch.held_out is None and batch.offset is None
            and batch.penalty_factor is None and batch.lower is None and batch.upper is None and not batch.standardize
            and batch.store == "dense" and batch.solver in ("auto", "gram") and batch.l1_ratio[0] > 0
            and (batch.alphas is None or np.all(batch.alphas)))


class OnePath(Answers):
    """The answer of one path, in the arrays that ``PathStore`` has, with one row each."""

    kind = "dense"

    def __init__(self, batch, ratio):
        self.ratios = None
        if batch.alphas is None:
            self.ratios = ratios_of(batch.n_alphas, ratio)
            self.alphas = np.empty((1, batch.n_alphas))
        else:
            self.alphas = np.array(batch.alphas, float).reshape(1, -1)
        L = self.alphas.shape[1]
        super().__init__(1, L)
        self.coef = np.zeros((1, L, batch.X.shape[1]))
        self.n_passes = 1

    def coefficients(self):
        """(1, L, p)."""
        return self.coef

    def solve(self, batch, control):
        """Whether it could be solved this way; with it what ``cpu.one_path.one_path`` says of the target and the time."""
        stop_ratio = np.inf if batch.stop_dev_ratio is None else batch.stop_dev_ratio
        stop_change = -np.inf if batch.stop_dev_change is None else batch.stop_dev_change
        constants = rounding_of_mean(len(batch.X)), NOTHING, SMALLEST_L1_RATIO, DOUBTFUL
        return one_path(batch.X, batch.Y, batch.intercept, batch.l1_ratio[0], self.alphas, self.ratios, batch.tol,
                        batch.max_epochs, stop_ratio, stop_change, constants, control, self.coef, self.intercept, self.gap,
                        self.residual, self.df, self.finite, self.status, self.n_epochs, self.n_cholesky)
