"""Where solved paths go: coefficients (dense, sparse or dropped), intercepts, certificates, counters, in units of the data."""

import numpy as np
from scipy import sparse

from riata_engine.cpu.scale import to_data_units

#: what happened to a (problem, alpha); the order is the code in ``status`` arrays
STATUS = ("converged", "max_iter", "time_budget", "not_finite", "degenerate", "skipped")
CONVERGED, MAX_ITER, TIME_BUDGET, NOT_FINITE, DEGENERATE, SKIPPED = range(6)


class PathStore:
    """The answers of B problems × L alphas, filled problem by problem or many at once.

    Parameters
    ----------
    form : StandardForm
    L : int
    kind : {"dense", "sparse", "none"}
        How coefficients are kept.
    """

    def __init__(self, form, L, kind):
        B, p = form.n_problems, form.shape[1]
        self.form, self.kind = form, kind
        self.sigma = form.sigma[form.target]
        self.multiplier = form.design.multiplier
        # mean of z·(1/multiplier) in units of the coefficient of z: what the intercept takes off
        self.mean = form.shift + form.design.center * self.multiplier
        self.coef = np.zeros((B, L, p)) if kind == "dense" else None       # blank_unsolved puts in NaN at the end
        self.rows = [[None] * L for _ in range(B)] if kind == "sparse" else None
        # intercept; gap; Σ v r² in units of sigma², and the same over the held-out rows; degrees of freedom
        self.intercept, self.gap, self.residual, self.held_out, self.df = np.full((5, B, L), np.nan)
        self.finite = np.ones((B, L), np.uint8)            # coefficients that float64 can write
        self.status = np.full((B, L), SKIPPED, np.int8)
        self.n_epochs = np.zeros((B, L), np.int32)
        self.n_cholesky = np.zeros(B, np.int64)
        self.n_passes = 0

    def put(self, problem, first, b, columns, free=None):
        """Coefficients b (k, m) of z on ``columns`` for alphas first … of one problem; ``free`` (k, q) of the free features."""
        if free is not None:
            columns, b = np.concatenate([columns, self.form.free.astype(columns.dtype)]), np.hstack([b, free])
        last = first + len(b)
        values = np.array(b, dtype=np.float64, order="C")
        g = self.form.group[problem]
        self._convert(values[None], slice(problem, problem + 1), self.mean[g:g + 1, columns], np.zeros(1, np.intp),
                      self.multiplier[columns], slice(first, last))
        if self.kind == "dense":
            part = self.coef[problem, first:last]
            part[:] = 0.0
            part[:, columns] = values
        elif self.kind == "sparse":
            for k, row in enumerate(values):
                used = np.flatnonzero(row)
                order = np.argsort(columns[used], kind="stable")
                self.rows[problem][first + k] = (columns[used][order], row[used][order])

    def put_rows(self, problem, index, value, ends):
        """A whole path as sparse rows: alpha l holds (index, value)[ends[l − 1]:ends[l]], coefficients of z."""
        solved = self.status[problem] != SKIPPED
        for l in np.flatnonzero(solved):
            part = slice(ends[l - 1] if l else 0, ends[l])
            self.put(problem, l, value[None, part], index[part])

    def put_many(self, problems, b, free=None):
        """Coefficients b (k, L, p) of z of a slice of k whole problems (overwritten here to save memory)."""
        form = self.form
        if free is not None:
            b[:, :, form.free] = free
        self._convert(b, problems, self.mean, form.group[problems], self.multiplier, slice(None))
        if self.kind == "dense":
            if b.base is not self.coef:
                self.coef[problems] = b
        elif self.kind == "sparse":
            for k, problem in enumerate(range(problems.start, problems.stop)):
                path = sparse.csr_array(b[k])
                for row in range(path.shape[0]):
                    part = slice(path.indptr[row], path.indptr[row + 1])
                    self.rows[problem][row] = (path.indices[part], path.data[part])

    def _convert(self, b, problems, mean, group, multiplier, alphas):
        """b (k, L, m) to units of the data, in place, and what comes with it; ``problems`` and ``alphas`` are slices."""
        form = self.form
        level = form.base_mean[form.target[problems]] + form.ybar[form.group[problems], form.target[problems]]
        to_data_units(b, level, mean, group, multiplier, self.sigma[problems], form.intercept, self.intercept[problems, alphas],
                      self.df[problems, alphas], self.finite[problems, alphas])

    def flag_degenerate(self, groups):
        """Problems whose weight group has collinear features without a penalty: the minimum-norm answer, and said so."""
        rows = groups[self.form.group][:, None] & (self.status == CONVERGED)
        self.status[rows] = DEGENERATE

    def joined(self, later):
        """This store followed by the alphas of ``later``."""
        for name in ("intercept", "gap", "residual", "held_out", "df", "finite", "status", "n_epochs"):
            setattr(self, name, np.hstack([getattr(self, name), getattr(later, name)]))
        if self.kind == "dense":
            self.coef = np.concatenate([self.coef, later.coef], axis=1)
        elif self.kind == "sparse":
            self.rows = [a + b for a, b in zip(self.rows, later.rows, strict=True)]
        self.n_cholesky = self.n_cholesky + later.n_cholesky
        self.n_passes += later.n_passes
        return self

    def blank_unsolved(self, alphas):
        """No coefficients stand under an alpha that was not solved; those beyond float64's range are named so.

        To be called under ``np.errstate(invalid="ignore", over="ignore")``.
        """
        sums = self.intercept + alphas + self.gap + self.residual          # a sum may overflow: look at each then
        if not (np.isfinite(sums).all() and self.finite.all()):
            finite = np.isfinite(self.intercept) & np.isfinite(alphas) & np.isfinite(self.gap) & np.isfinite(self.residual)
            lost = ((self.status == CONVERGED) | (self.status == MAX_ITER)) & ~(finite & (self.finite == 1))
            self.status[lost] = NOT_FINITE
            self.gap[lost] = np.nan
        if not self.status.any():              # all converged
            return
        unsolved = (self.status == SKIPPED) | (self.status == TIME_BUDGET)
        for array in (self.intercept, self.gap, self.residual, self.held_out, self.df):
            array[unsolved] = np.nan
        if self.kind == "dense":
            self.coef[unsolved] = np.nan

    def coefficients(self):
        """(B, L, p) array, list of B CSR arrays (L, p) whose unsolved rows are empty, or None."""
        if self.kind != "sparse":
            return self.coef
        nothing = (np.empty(0, np.intp), np.empty(0))
        out = []
        for rows in self.rows:
            parts = [nothing if row is None else row for row in rows]
            indptr = np.cumsum([0] + [len(index) for index, _ in parts])
            shape = (len(rows), self.form.shape[1])
            out.append(sparse.csr_array((np.concatenate([v for _, v in parts]), np.concatenate([i for i, _ in parts]), indptr),
                                        shape=shape))
        return out
