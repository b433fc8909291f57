"""Where solved paths go: coefficients (dense, sparse or dropped), intercepts, certificates, counters, in units of the data."""

import numpy as np
from scipy import sparse

from riata_engine.cpu.scale import settle, to_data_units

#: what happened to a (problem, alpha); the order is the code in ``status`` arrays
STATUS = ("converged", "max_iter", "time_budget", "not_finite", "degenerate", "skipped")
CONVERGED, MAX_ITER, TIME_BUDGET, NOT_FINITE, DEGENERATE, SKIPPED = range(6)

#: entries may take this part of the bytes of the dense array before they are written into it
DENSER = 4


class Answers:
    """What is known of B problems × L alphas beside their coefficients ``coef``, whose ``kind`` says how they are kept."""

    def __init__(self, B, L):
        # intercept; gap; Σ v r² in units of sigma², and the same over the held-out rows; degrees of freedom
        rows = np.empty((5, B, L))
        rows.fill(np.nan)
        self.intercept, self.gap, self.residual, self.held_out, self.df = rows
        self.finite = np.empty((B, L), np.uint8)           # coefficients that float64 can write
        self.finite.fill(1)
        self.status = np.empty((B, L), np.int8)
        self.status.fill(SKIPPED)
        self.n_epochs, self.n_cholesky = np.zeros((2, B, L), np.int32)
        self.n_passes, self.bytes_moved = 0, 0.0

    def blank_unsolved(self, alphas, null):
        """No coefficients stand under an alpha that was not solved, nor any beyond float64: see ``settle``. Returns dev_ratio.

        ``null`` (B,): null deviances in the unit of ``residual``.
        """
        dev_ratio = np.empty(self.gap.shape)
        some = settle(alphas, null, self.intercept, self.gap, self.residual, self.held_out, self.df, self.finite,
                      self.status, CONVERGED, MAX_ITER, NOT_FINITE, DEGENERATE, dev_ratio)
        if some and self.kind == "dense":
            self.coef[(self.status != CONVERGED) & (self.status != MAX_ITER) & (self.status != DEGENERATE)] = np.nan
        elif some and self.kind == "sparse":
            kept = np.isin(self.status.ravel(), (CONVERGED, MAX_ITER, DEGENERATE))
            self.entries = [tuple(part[kept[entry[0]]] for part in entry) for entry in self.entries]
        return dev_ratio


class PathStore(Answers):
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
        super().__init__(B, L)
        self.form, self.kind = form, kind
        self.sigma = form.sigma[form.target]
        self.multiplier = form.design.multiplier
        # mean of z·(1/multiplier) in units of the coefficient of z: what the intercept takes off
        self.mean = form.shift + (form.design.center + form.origin) * self.multiplier
        self._coef = np.zeros((B, L, p)) if kind == "dense" else None      # address space until something is written to it
        self.L = L
        self.entries, self.room = [], 8 * B * L * p // DENSER      # (problem·L + alpha, column, coefficient), in any order

    @property
    def coef(self):
        """(B, L, p) if ``kind`` is "dense", else None; ``blank_unsolved`` puts NaN into it.

        Entries are written into it when it is asked for, so that it takes no memory beside a solver's own.
        """
        if self.kind == "dense":
            self._write_entries()
        return self._coef

    def _write_entries(self):
        for row, column, value in self.entries:
            self._coef.reshape(-1, self.form.shape[1])[row, column] = value
        self.entries, self.room = [], 0

    def put_paths(self, paths):
        """Whole paths of all problems, coefficients of z: alpha l of a path holds (index, value)[ends[l − 1]:ends[l]]."""
        B, L = self.gap.shape
        index, value = (np.concatenate([path[k] for path in paths]) for k in range(2))
        ends = np.stack([path[2] for path in paths])
        row = np.repeat(np.arange(B * L), np.diff(ends, axis=1, prepend=0).ravel())
        self.put_entries(np.repeat(np.arange(B), L), np.tile(np.arange(L), B), row, index, value)

    def put_entries(self, problem, alpha, row, column, value):
        """Coefficients of z for pairs (problem, alpha) (k,): entry e is ``value[e]`` at ``column[e]`` of pair ``row[e]``.

        Sums run over the entries of a pair in the order in which they are given.
        """
        form, k = self.form, len(problem)
        g, t = form.group[problem], form.target[problem]
        self.df[problem, alpha] = np.bincount(row, value != 0, k) + form.intercept
        self.intercept[problem, alpha] = 0.0
        if form.intercept:
            moved = np.bincount(row, value * self.mean[g[row], column], k)
            self.intercept[problem, alpha] = self.sigma[problem] * (form.base_mean[t] + form.ybar[g, t] - moved)
        with np.errstate(over="ignore", invalid="ignore"):
            value = value * self.multiplier[column] * self.sigma[problem[row]]
        lost = row[~np.isfinite(value)]
        self.finite[problem[lost], alpha[lost]] = 0
        if self.kind != "none":
            used = value != 0
            self._keep_entries(problem[row[used]] * self.L + alpha[row[used]], column[used], value[used])

    def _keep_entries(self, row, column, value):
        narrow = np.int32 if len(self.gap) * self.L < 1 << 31 else np.intp
        self.entries.append((row.astype(narrow), column.astype(np.int32), value))
        if self.kind == "dense":
            self.room -= sum(array.nbytes for array in self.entries[-1])
            if self.room < 0:
                self._write_entries()

    def put_many(self, problems, b):
        """Coefficients b (k, L, p) of z of k whole problems, a slice or an index array (overwritten here to save memory)."""
        form, found = self.form, (self.intercept, self.df, self.finite)
        group, target = form.group[problems], form.target[problems]
        parts = [array[problems] for array in found]                               # copies of an index array
        level = form.base_mean[target] + form.ybar[group, target]
        to_data_units(b, level, self.mean, group, self.multiplier, self.sigma[problems], form.intercept, *parts)
        if not isinstance(problems, slice):
            for array, part in zip(found, parts, strict=True):
                array[problems] = part
        if self.kind == "dense":
            if b.base is not self.coef:
                self.coef[problems] = b
        elif self.kind == "sparse":
            k, l, column = np.nonzero(b)
            self._keep_entries(np.arange(form.n_problems)[problems][k] * self.L + l, column, b[k, l, column])

    def flag_degenerate(self, groups):
        """Problems whose weight group has collinear features without a penalty: the minimum-norm answer, and said so."""
        rows = groups[self.form.group][:, None] & (self.status == CONVERGED)
        self.status[rows] = DEGENERATE

    def joined(self, later):
        """This store followed by the alphas of ``later``."""
        for name in ("intercept", "gap", "residual", "held_out", "df", "finite", "status", "n_epochs", "n_cholesky"):
            setattr(self, name, np.hstack([getattr(self, name), getattr(later, name)]))
        if self.kind == "dense":
            self._coef = np.concatenate([self.coef, later.coef], axis=1)
        elif self.kind == "sparse":
            L = self.L + later.L
            self.entries = [(row.astype(np.intp) // self.L * L + row % self.L, *rest) for row, *rest in self.entries]
            self.entries += [(row.astype(np.intp) // later.L * L + self.L + row % later.L, *rest) for row, *rest in later.entries]
        self.L += later.L
        self.n_passes += later.n_passes
        self.bytes_moved += later.bytes_moved
        return self

    def coefficients(self):
        """(B, L, p) array, list of B CSR arrays (L, p) whose unsolved rows are empty, or None."""
        if self.kind != "sparse":
            return self.coef
        B, p = self.form.n_problems, self.form.shape[1]
        row, column, value = (np.concatenate([np.empty(0, kind), *(entry[k] for entry in self.entries)])
                              for k, kind in enumerate((np.intp, np.int32, float)))
        self.entries = []
        order = np.lexsort((column, row))
        column, value = column[order], value[order]
        ends = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=B * self.L))])
        out = []
        for first in range(0, B * self.L, self.L):
            ends_here = ends[first:first + self.L + 1]
            part = slice(ends_here[0], ends_here[-1])
            out.append(sparse.csr_array((value[part], column[part], ends_here - ends_here[0]), shape=(self.L, p)))
        return out
