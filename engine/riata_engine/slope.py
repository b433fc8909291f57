"""The door of SLOPE: a ``SlopeBatch`` of paths under the sorted l1 norm in, a ``RoundSolution`` with duality gaps out.

    minimise over b0, b:  Σ_i w_i ½(y_i − b0 − x_iᵀb − o_i)² / Σ_i w_i + alpha · Σ_k λ_k |b|_(k),   |b|_(1) ≥ |b|_(2) ≥ …

with a sequence λ_1 ≥ λ_2 ≥ … ≥ 0. Standardised, the norm is that of b_j·s_j.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from riata_engine.backend import require_backend
from riata_engine.batch import Interrupted, ended
from riata_engine.concave import refuse_unknown_options
from riata_engine.cpu.control import Control
from riata_engine.cpu.slope_path import SlopeRounds
from riata_engine.interrupt import orderly_interrupt
from riata_engine.solvers.problems import Batch
from riata_engine.solvers.rounds import Penalty, RoundSolution, solve_batch

__all__ = ["SEQUENCES", "Interrupted", "RoundSolution", "SlopeBatch", "sequence", "solve_slope"]


def _bh(p, n, q):
    return ndtri(1.0 - np.arange(1, p + 1) * q / (2.0 * p))


def _gaussian(p, n, q):
    bh, out, square = _bh(p, n, q), np.empty(p), 0.0
    for k in range(p):                                   # of numbers, not of features: each needs those before it
        if k and (k >= n - 1 or (grown := bh[k] * np.sqrt(1.0 + square / (n - 1 - k))) > out[k - 1]):
            out[k:] = out[k - 1]
            break
        out[k] = bh[0] if k == 0 else grown
        square += out[k] ** 2
    return out


def _oscar(p, n, q):
    return 1.0 + q * np.arange(p - 1, -1, -1)


def _lasso(p, n, q):
    return np.ones(p)


#: name -> λ (p,) from p, n and q
SEQUENCES = {"bh": _bh, "gaussian": _gaussian, "oscar": _oscar, "lasso": _lasso}


def sequence(name, p, n, q):
    """The sequence λ (p,) of a name.

    "bh": λ_k = Φ⁻¹(1 − k q / 2p), the critical values of Benjamini and Hochberg; "gaussian": the same, widened for what the
    selected features explain, constant from where it would increase (Bogdan et al. 2015, section 3.2.2); "oscar": 1 + q (p − k)
    (Bondell and Reich 2008); "lasso": ones.
    """
    return np.ascontiguousarray(np.maximum(SEQUENCES[name](p, n, q), 0.0))


@dataclass
class SlopeBatch(Batch):
    """B paths of SLOPE: the fields of ``Batch`` without ``l1_ratio``, penalty factors, bounds and early stops, and

    Attributes
    ----------
    sequence : (p,) float64
        λ, finite, not increasing, 0 or more, and more than 0 at first.
    """

    sequence: np.ndarray | None = None

    def __post_init__(self):
        super().__post_init__()
        refuse_unknown_options(self)
        if self.penalty_factor is not None:
            raise ValueError("penalty_factor is not available for the sorted l1 norm: leave it out")
        self.l1_ratio[:] = 1.0
        p = self.X.shape[1]
        lam = self.sequence = np.ones(p) if self.sequence is None else np.ascontiguousarray(self.sequence, dtype=np.float64)
        if lam.shape != (p,):
            raise ValueError(f"sequence has shape {lam.shape}; expected ({p},): one number per column of X")
        if not np.isfinite(lam).all() or lam.min() < 0 or lam[0] <= 0:
            raise ValueError("sequence must be finite, 0 or more, and above 0 at first")
        up = np.flatnonzero(np.diff(lam) > 0)
        if len(up):
            k = up[0]
            raise ValueError(f"sequence increases from {lam[k]:g} at {k} to {lam[k + 1]:g} at {k + 1}: sort it in descending "
                             "order")


class _Slope(Penalty):
    rounds = SlopeRounds
    name = "slope"

    def __init__(self, batch):
        self.batch = batch

    def largest(self, form, gradient, variance, l1_ratio):
        """The dual norm of the null gradient."""
        out, weight = np.zeros(len(gradient)), np.cumsum(self.batch.sequence)
        row = form.factor_row[form.group]
        for b, g in enumerate(gradient):                 # one sort a problem
            f = form.f1[row[b]]
            size = np.sort(np.where(f > 0, np.abs(g) / np.where(f > 0, f, 1.0), 0.0))[::-1]
            out[b] = np.max(np.cumsum(size) / weight, initial=0.0) * form.sigma[form.target[b]]
        return out

    def unit(self, form):
        """The largest factor, a power of two: the kernels square the ratios of factors."""
        return 2.0 ** np.floor(np.log2(np.max(form.f1, initial=0.0) or 1.0))

    def own(self, form, problems, members):
        return (self.batch.sequence,)


def solve_slope(batch, progress=None):
    """Solve every problem of a ``SlopeBatch`` at each of its alphas.

    Raises
    ------
    Interrupted
        On Ctrl-C, with what is done.
    """
    require_backend(batch.backend)
    control = Control(batch.time_budget, progress)
    with orderly_interrupt(control):
        solution = solve_batch(batch, _Slope(batch), control)
    return ended(control, solution)
