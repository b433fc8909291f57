"""The door for losses of a margin: support vector machines, their regressions, and quantiles; paths of a batch on one X."""

from dataclasses import dataclass, field

import numpy as np

from riata_engine.batch import UNHEARD, ended
from riata_engine.cpu.control import Control
from riata_engine.interrupt import orderly_interrupt
from riata_engine.solvers.margin_form import LOSSES
from riata_engine.solvers.margin_paths import MarginStore, solve_paths
from riata_engine.threads import single_threaded_blas, thread_count

__all__ = ["LOSSES", "MarginSolution", "Margins", "solve_margins"]


@dataclass
class Margins:
    """T paths of problems with a margin loss on one X; all checked and converted by the caller.

        minimise over b0, b:  Σ w_i ℓ(y_i, b0 + x_iᵀb) / Σ w_i + alpha · (l1_ratio·‖b‖₁ + (1 − l1_ratio)/2·‖b‖₂²)

    X : (n, p), dense (any strides) or CSC/CSR, float32 or float64
    Y : (n, T) float64
        Labels ±1 for "hinge" and "squared_hinge", numbers for the others.
    loss : a key of ``LOSSES``
        Those called squared are the squares, without a half.
    alphas : (L,) or (T, L), descending, > 0
    l1_ratio : float in [0, 1]
    weights : None, (n,) or (n, T)
    epsilon, quantile : float
        Of the epsilon-insensitive losses and of "quantile".
    intercept : bool
    intercept_scaling : float or None
        The penalty takes b0 / intercept_scaling for one more coefficient; None leaves the intercept free.
    max_iter : int
        Newton steps for one alpha.
    max_memory : None or bytes
        For the matrices of a solver; beyond it, problems go one after the other.
    """

    X: object
    Y: np.ndarray
    loss: str
    alphas: np.ndarray
    l1_ratio: float = 0.0
    weights: np.ndarray | None = None
    epsilon: float = 0.0
    quantile: float = 0.5
    intercept: bool = True
    intercept_scaling: float | None = None
    tol: float = 1e-6
    max_iter: int = 1000
    n_threads: int | None = None
    time_budget: float | None = None
    max_memory: float | None = None

    @property
    def shape(self):
        """(T, L)."""
        return self.Y.shape[1], np.shape(self.alphas)[-1]


@dataclass
class MarginSolution:
    """Answers of ``Margins``: (T, L), and coef (T, L, p). ``gap`` is the duality gap over ``null_objective`` (T,), the
    objective without features; ``status`` has codes of ``STATUS``; ``dev_ratio`` is 1 − loss / loss without features."""

    alphas: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    gap: np.ndarray
    status: np.ndarray
    dev_ratio: np.ndarray
    n_iter: np.ndarray
    n_epochs: np.ndarray
    null_objective: np.ndarray
    n_passes: int
    solver: str
    profile: dict = field(default_factory=dict)


def solve_margins(batch, progress=None):
    """Solve every problem at each of its alphas, from large to small.

    Parameters
    ----------
    batch : Margins
    progress : callable, optional
        ``progress(done, total)`` in (problem, alpha) pairs.

    Returns
    -------
    MarginSolution

    Raises
    ------
    Interrupted
        On Ctrl-C, with what is done.
    """
    T, L = batch.shape
    store = MarginStore(T, L, batch.X.shape[1])
    control = Control(batch.time_budget, progress)
    control.total = T * L
    with orderly_interrupt(control), np.errstate(**UNHEARD), single_threaded_blas():
        solve_paths(batch, store, control, thread_count(batch.n_threads))
    alphas = np.broadcast_to(np.asarray(batch.alphas, dtype=float), (T, L)).copy()
    solution = MarginSolution(alphas, store.coef, store.intercept, store.gap, store.status, store.dev_ratio, store.n_iter,
                              store.n_epochs, store.null, store.n_passes, store.solver)
    return ended(control, solution)
