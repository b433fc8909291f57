"""Where the solved paths of a loss go: coefficients, intercepts and deviances in units of the data."""

import numpy as np
from scipy import sparse

from riata_engine.cpu.scale import levels_to_data
from riata_engine.solvers.path_store import Answers


class LossAnswers(Answers):
    """The answers of B problems × L alphas on p columns; ``residual`` holds mean deviances.

    Parameters
    ----------
    own : LossForm
    kind : {"dense", "sparse", "none"}
        How coefficients are kept.
    """

    def __init__(self, own, kind, alphas, options):
        B, L = alphas.shape
        super().__init__(B, L)
        self.own, self.kind = own, kind
        form, p = own.form, own.form.shape[1]
        self.multiplier = form.design.multiplier
        # what the intercept takes off: kernels see dense columns about their centers, sparse ones as stored
        center = form.origin + (form.design.center if isinstance(own.design.X, np.ndarray) else 0.0)
        self.mean = center * self.multiplier if own.intercept else np.zeros(p)
        self.sigma, self.null = np.ones(B), 2 * own.scale
        self.coef = np.zeros((B, L, p)) if kind == "dense" else None
        self.rows = [[None] * L for _ in range(B)] if kind == "sparse" else None
        self.entries = []

    def about_centers(self):
        """Coefficients come from kernels that saw all columns about their centers, sparse ones too."""
        if self.own.intercept:
            self.mean = (self.own.form.origin + self.own.form.design.center) * self.multiplier

    def put(self, problems, at, found, coef, columns=None):
        """Answers of some problems at the alphas of a slice; coef (k, L, m) of z on ``columns`` (None: all)."""
        self.status[problems, at], self.gap[problems, at] = found.status, found.gap
        self.residual[problems, at] = 2 * (found.value - self.own.saturated[problems, None])
        self.held_out[problems, at] = found.held_out
        self.n_epochs[problems, at] += found.epochs
        self.n_cholesky[problems, at] += found.newtons
        mean, unit = (self.mean, self.multiplier) if columns is None else (self.mean[columns], self.multiplier[columns])
        raw = np.array(coef, order="C")
        level, df = np.empty((2, *found.level.shape))
        finite = np.empty(found.level.shape, np.uint8)
        levels_to_data(raw, found.level, mean, unit, self.own.intercept, level, df, finite)
        self.intercept[problems, at], self.df[problems, at], self.finite[problems, at] = level, df, finite
        if self.kind == "dense":
            if columns is None:
                self.coef[problems, at] = raw
            else:
                for i, b in enumerate(problems):
                    self.coef[b, at, columns] = raw[i].T
        elif self.kind == "sparse":
            first = at.start
            for i, b in enumerate(problems):
                for l in range(raw.shape[1]):
                    j = np.flatnonzero(raw[i, l])
                    self.rows[b][first + l] = (j if columns is None else columns[j], raw[i, l, j])

    def coefficients(self):
        """(B, L, p) array, list of B CSR arrays (L, p) whose unsolved rows are empty, or None."""
        if self.kind != "sparse":
            return self.coef
        p, out = self.own.form.shape[1], []
        for b, rows in enumerate(self.rows):
            rows = [row if row is not None and np.isfinite(self.gap[b, l]) else (np.empty(0, np.intp), np.empty(0))
                    for l, row in enumerate(rows)]
            ends = np.cumsum([0] + [len(row[0]) for row in rows])
            index, value = (np.concatenate([row[k] for row in rows]) for k in range(2))
            one = sparse.csr_array((value, index, ends), shape=(len(rows), p))
            one.sort_indices()
            out.append(one)
        return out
