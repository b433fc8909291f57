"""Problems with margin losses in standard form: what ``margin_newton`` works on.

Columns are seen as z_j = (x_j − center_j)·multiplier_j, multipliers powers of two near one over the standard deviation. They
are centred where X is dense and the intercept is not penalised, so that centring changes nothing but the intercept. Real
targets are divided by a power of two near their spread. The intercept is the last coordinate where there is one, with a
penalty of its own.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from riata_engine.cpu.design import Design
from riata_engine.cpu.margin_rows import Problems
from riata_engine.cpu.moments import standard_columns
from riata_engine.solvers.problems import canonical
from riata_engine.solvers.standard_form import rounding_of_mean

#: loss -> (targets are labels, kappa); slopes and tubes are in ``_slopes``
LOSSES = {"hinge": (True, 0.0), "squared_hinge": (True, 0.5), "epsilon_insensitive": (False, 0.0),
          "squared_epsilon_insensitive": (False, 0.5), "quantile": (False, 0.0)}


@dataclass
class MarginForm:
    """K problems on n rows and q columns; m = q, or q + 1 with an intercept."""

    design: Design
    problems: Problems
    c: np.ndarray                     # (1 or K, n) weights of sum one
    l1: np.ndarray                    # (m,) factors of the l1 part: the penalty is alpha·l1_ratio·l1·|b|
    l2: np.ndarray                    # (m,) … alpha·(1 − l1_ratio)·l2·b²/2
    intercept: bool
    l1_ratio: float
    start: np.ndarray                 # (K,) the intercept without features
    null: np.ndarray                  # (K,) the loss there: the unit of the gap
    loss_unit: float                  # what a loss of 1 stands for
    sigma: float                      # of the targets: a power of two
    location: np.ndarray              # (K,) what was taken off them

    @property
    def free_intercept(self):
        return self.intercept and self.l1[-1] == 0 and self.l2[-1] == 0

    @property
    def K(self):
        return len(self.null)

    @property
    def m(self):
        return len(self.l1)

    def strengths(self, alpha):
        """(K, m) each: the l1 part and the l2 part of the penalty at alpha (K,) on the scale of the data."""
        linear = self.loss_unit == self.sigma                  # loss of degree one in the targets
        a1 = alpha * self.l1_ratio * (1.0 if linear else 1 / self.sigma)
        a2 = alpha * (1 - self.l1_ratio) * (self.sigma if linear else 1.0)
        return np.ascontiguousarray(a1[:, None] * self.l1), np.ascontiguousarray(a2[:, None] * self.l2)

    def at(self, design, columns):
        """The same problems on some of the columns, seen by ``design``."""
        keep = np.append(columns, len(self.l1) - 1) if self.intercept else columns
        return replace(self, design=design, l1=self.l1[keep], l2=self.l2[keep])

    def data_units(self, b):
        """(coef (K, p), intercept (K,)) on the scale of X and y."""
        q = self.design.X.shape[1]
        coef = b[:, :q] * self.design.multiplier * self.sigma
        intercept = self.location - coef @ self.design.center
        if self.intercept:
            intercept = intercept + self.sigma * b[:, q]
        return coef, intercept


def margin_form(batch, control, n_threads):
    """Bring ``Margins`` into standard form."""
    labels, kappa = LOSSES[batch.loss]
    X = canonical(batch.X)
    n, p = X.shape
    Y = np.ascontiguousarray(np.asarray(batch.Y, dtype=float).T)
    K = len(Y)
    c = np.full((1, n), 1.0 / n) if batch.weights is None else np.atleast_2d(np.asarray(batch.weights, float).T)
    c = np.ascontiguousarray(c / c.max(axis=1, keepdims=True))
    c /= c.sum(axis=1, keepdims=True)
    free = batch.intercept and batch.intercept_scaling is None
    centred = free and not sparse.issparse(X)
    base = np.ascontiguousarray(c.mean(axis=0))
    center, multiplier, constant, moderate, *_ = standard_columns(X, base / base.sum(), centred, rounding_of_mean(n),
            control, n_threads)
    if not centred:
        center = np.zeros(p)
    multiplier = np.where((multiplier > 0) & np.isfinite(multiplier), multiplier, 1.0)
    sigma, location = 1.0, np.zeros(K)
    if not labels:
        if free:
            location = (Y * c).sum(axis=1)
            Y = Y - location[:, None]
        size = float((np.abs(Y) * c).sum(axis=1).max())
        sigma = 2.0 ** np.clip(np.round(np.log2(size)), -1000, 1000) if 0 < size < np.inf else 1.0
        Y = np.ascontiguousarray(Y / sigma)
    design = Design(X, np.ascontiguousarray(center), np.ascontiguousarray(multiplier), direct=bool(moderate))
    lo, hi, eps = _slopes(batch, sigma)
    problems = Problems(Y, c, eps, lo, hi, kappa, labels)
    f1, f2 = multiplier, np.minimum(multiplier**2, 1e300)
    f1 = np.where(constant & centred, 0.0, f1)                  # all zeros: any factor will do, the gradient is 0
    if batch.intercept:
        own = 0.0 if free else 1.0 / batch.intercept_scaling
        f1, f2 = np.append(f1, own), np.append(f2, own**2)
    f1, f2 = np.where(f1 == 0, np.append(np.ones(p), 0.0)[:len(f1)], f1), f2
    if free:
        start, null = problems.null_intercepts().T.copy()
    else:
        zero = np.zeros((K, n))
        sums = np.empty((K, 4))
        problems.slopes(np.arange(K), zero, None, np.full(K, kappa or 1.0), np.empty((K, n)), np.empty((K, n)),
                        np.empty((K, n), np.uint8), sums, n_threads)
        start, null = np.zeros(K), sums[:, 0].copy()
    return MarginForm(design, problems, c, f1, f2, batch.intercept, float(batch.l1_ratio), start, null,
            sigma**(1 + (kappa > 0)),
                      sigma, location)


def _slopes(batch, sigma):
    """(lo, hi, eps) of formulas/margins.py, those of the label 1 where targets are labels."""
    if batch.loss == "quantile":
        return -batch.quantile, 1 - batch.quantile, 0.0
    if batch.loss == "epsilon_insensitive":
        return -1.0, 1.0, batch.epsilon / sigma
    if batch.loss == "squared_epsilon_insensitive":
        return -np.inf, np.inf, batch.epsilon / sigma
    return (-1.0, 0.0, 0.0) if batch.loss == "hinge" else (-np.inf, 0.0, 0.0)
