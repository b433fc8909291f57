"""Squared loss with grouped features in standard form: rows weighted, columns centred, targets in units of one power of two.

Columns are z_j = (x_j − center_j)·multiplier_j. The norm of a group must not see its columns in different units, so that all of a
group share one multiplier, a power of two; with ``standardize`` each has one over its standard deviation.
"""

from dataclasses import dataclass

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.solvers.problems import Batch
from riata_engine.solvers.standard_form import standard_form

#: of the largest, a singular value of features without a penalty below which their direction counts as absent: times max(n, q)
RANK = 30 * np.finfo(float).eps


@dataclass
class GroupForm:
    """One weight group. n rows, p columns, T targets, G groups of features that stand one after the other in ``order``."""

    design: Design
    origin: np.ndarray         # (p,) taken off the columns of X before ``design`` saw them
    root: np.ndarray           # (n,) square roots of the row weights, which have sum one
    y: np.ndarray              # (T, n) root·(y − ȳ) / sigma
    mean: np.ndarray           # (T,) ȳ / sigma
    sigma: float
    order: np.ndarray          # (p,) columns group by group
    in_order: bool             # whether that is the order of X
    start: np.ndarray          # (G + 1,) where each group begins in ``order``
    unit: np.ndarray           # (G,) of the penalty on coefficients of z
    intercept: bool

    @property
    def shape(self):
        return self.design.X.shape

    @property
    def null(self):
        """The objective at b = 0 with the intercept at its optimum, in units of sigma²."""
        return 0.5 * float(np.vdot(self.y, self.y))

    def slopes(self, R, control, n_threads):
        """(K, T, p) Zᵀ r, group by group, of weighted residuals R (K, T, n): one pass over X."""
        K, T, n = R.shape
        out = self.design.transposed_matvec((R * self.root).reshape(K * T, n), K * T, control, n_threads)
        return (out if self.in_order else np.take(out, self.order, axis=1)).reshape(K, T, -1)

    def gather(self, groups, out, at):
        """Weighted columns of some groups as rows of out from ``at`` on; how many."""
        columns = self.columns(groups)
        self.design.gather(columns, out.T, at)
        out[at:at + len(columns)] *= self.root
        return len(columns)

    def columns(self, groups):
        """Columns of X of some groups, one group after the other."""
        parts = [self.order[self.start[g]:self.start[g + 1]] for g in groups]
        return np.concatenate([np.empty(0, np.intp), *parts])

    def to_data(self, B):
        """Coefficients on the scale of X, in its order, and intercepts (K, T), of B (K, T, p) group by group."""
        coef = np.zeros(B.shape)
        coef[:, :, self.order] = B
        coef *= self.design.multiplier
        moved = coef @ (self.design.center + self.origin) if self.intercept else 0.0
        return coef * self.sigma, (self.mean - moved) * self.sigma


def group_form(batch, weights, control, n_threads):
    """The ``GroupForm`` of a ``GroupBatch`` under row weights (n,) or None."""
    form = standard_form(Batch(batch.X, batch.Y, weights=weights, intercept=batch.intercept, standardize=batch.standardize),
                         control, n_threads)
    order = np.concatenate(batch.groups)
    sizes = np.array([len(group) for group in batch.groups])
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
    multiplier = form.design.multiplier.copy()
    if batch.standardize:
        spread = form.spread[0]
        multiplier /= np.where(spread > 0, spread, 1.0)
        unit = np.ones(len(sizes))
    else:
        common = np.minimum.reduceat(np.where(form.barred, np.inf, multiplier)[order], start[:-1])
        unit = np.where(np.isfinite(common), common, 1.0)
        multiplier[order] = np.repeat(unit, sizes)
    multiplier[form.barred] = 0.0
    root = np.sqrt(form.V[:, 0])
    sigma = float(form.sigma.max())
    share = form.sigma / sigma
    varies = form.yy[0] > 0
    y = root * ((form.Y - form.ybar[0]) * (share * varies)).T
    return GroupForm(Design(form.design.X, form.design.center, multiplier, direct=form.design.direct), form.origin, root,
                     np.ascontiguousarray(y), (form.base_mean + form.ybar[0]) * share, sigma, order,
                     bool((order == np.arange(len(order))).all()), start, unit, batch.intercept)


class FreeGroups:
    """Features without any penalty, profiled out: ``basis`` (k, n) spans their weighted columns ``Z`` (q, n)."""

    def __init__(self, form, groups):
        count = int(np.sum(form.start[groups + 1] - form.start[groups]))
        self.groups = groups
        self.Z = np.empty((count, form.shape[0]))
        form.gather(groups, self.Z, 0)
        left, size, basis = np.linalg.svd(self.Z, full_matrices=False)
        kept = size > RANK * max(self.Z.shape) * size.max(initial=0.0)
        self.basis, self.inverse = basis[kept], left[:, kept] / size[kept]
        self.at = np.concatenate([np.arange(form.start[g], form.start[g + 1]) for g in groups])
        self.rank, self.deficient = int(kept.sum()), not kept.all()

    def off(self, R):
        """R (…, n) without what the free features explain."""
        return R - (R @ self.basis.T) @ self.basis

    def coefficients(self, R):
        """(…, q) least-squares coefficients of the free features on R (…, n), those of least norm."""
        return (R @ self.basis.T) @ self.inverse.T
