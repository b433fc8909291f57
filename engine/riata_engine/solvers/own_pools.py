"""Columns in play of problems on few rows: a Gram matrix for every problem, of the columns that it asked for and no others.

A product of a few rows costs less than to read and write the columns of all neighbours; and nothing of a problem then depends on
them. The columns themselves are gathered once, in one store.
"""

import numpy as np

from riata_engine.cpu.fits import subtract_fits
from riata_engine.cpu.own_grams import extend_own
from riata_engine.solvers.pool import TILE, up


class OwnPools:
    """Gram matrices of K problems, each in the order of its list of columns (``ColumnLists``).

    Parameters
    ----------
    form : StandardForm
    problems : (K,) intp array
        One, where the bounds differ from column to column (``together``).
    free : FreeFeatures or None
        Projected out of every Gram matrix.
    """

    def __init__(self, form, problems, free, control, n_threads, room=4 * TILE):
        self.form, self.problems, self.control, self.n_threads = form, problems, control, n_threads
        n, p = form.shape
        K = len(problems)
        self.group = form.group[problems]
        groups, self.group_at = np.unique(self.group, return_inverse=True)
        positive = form.V.T[groups] > 0
        at, rows = np.nonzero(positive)
        self.pointer = np.concatenate([[0], np.cumsum(positive.sum(axis=1))]).astype(np.intp)
        self.rows, self.root = np.ascontiguousarray(rows), np.sqrt(form.V.T[groups[at], rows])
        self.H = np.empty((len(groups), 0, p)) if free is None else free.Ht[groups]
        self.where = np.full(p, -1, dtype=np.intp)        # place of a column in the store
        self.held, self.size = 0, 1
        self.store = np.zeros((room, n))
        self.slot = np.arange(K)                          # of a problem's Gram matrix
        self.C = np.zeros((K, room, room))

    @staticmethod
    def together(form):
        """Whether every column in the model has the same bounds: the kernel has one row of them for all problems."""
        inside = (form.design.multiplier > 0) & ((form.upper > 0) | (form.lower < 0))
        return all(np.all(bound[inside] == bound[inside][:1]) for bound in (form.lower, form.upper))

    def extend(self, who, lists, old):
        """Take in what came to the lists of the problems ``who`` (all that go on) since they were ``old`` (k,) long."""
        most = max(1, int(lists.count[who].max()))
        if most > self.C.shape[1]:
            self._grow(who, old, max(most, min(self.form.shape[1], int(1.5 * self.C.shape[1]))))
        self.size = up(most)             # whole tiles: where a vectorised loop ends, its last steps may round otherwise
        self._gather(lists.flat(who, old).columns)
        columns = np.ascontiguousarray(lists.columns[who, :most])
        d = self.form.shift[self.group[who][:, None], columns]
        variance = np.full(columns.shape, np.inf)
        extend_own(self.store, np.maximum(self.where[columns], 0), columns, d, old, lists.count[who], self.group_at[who],
                   self.pointer, self.rows, self.root, self.H, self.slot[who], self.C, variance, self.control, self.n_threads)
        # constant in the rows of the group: what is left of such a column is rounding
        k, j = np.nonzero(variance <= self.form.unvarying * (1.0 + d * d))
        self.C[self.slot[who[k]], j], self.C[self.slot[who[k]], :, j] = 0.0, 0.0

    def subtract(self, flat, at, coef, lengths, R):
        """R[i, l] −= what the coefficients of problem i at its alpha l fit: see ``subtract_fits``."""
        row = np.zeros(len(lengths), np.intp)
        subtract_fits(self.store[None], row, flat.pointer, at, self.where[flat.columns], coef, lengths, R, self.n_threads)

    def positions(self, flat):
        """Where the columns of ``flat`` stand in a row of coefficients (size,)."""
        return flat.within

    def layout(self, who, lists):
        """Columns (R, size) of the coefficients of R problems or of all, and the row of each of the problems ``who``."""
        return np.ascontiguousarray(lists.columns[who, :self.size]), np.arange(len(who))

    def in_play(self, who, flat):
        """The arguments of ``gram_path`` that belong to columns: Gram matrices, which of them, c, f1, f2, bounds, lists."""
        form, slots = self.form, len(self.C)
        f1, f2 = np.zeros((2, slots, self.size))
        row, slot = form.factor_row[self.group[who]], self.slot[who]
        f1[slot[flat.member], flat.within] = form.f1[row[flat.member], flat.columns]
        f2[slot[flat.member], flat.within] = form.f2[row[flat.member], flat.columns]
        lower, upper = np.zeros((2, self.size))
        lower[flat.within], upper[flat.within] = form.lower[flat.columns], form.upper[flat.columns]
        none = np.empty(0, np.intp)
        return self.C, slot, f1, f2, lower, upper, none, none

    def _grow(self, who, old, room):
        """Room for more columns, for the problems that go on alone."""
        C = np.zeros((len(who), up(room), up(room)))
        m = int(old.max(initial=0))
        C[:, :m, :m] = self.C[:, :m, :m] if len(who) == len(self.C) else self.C[self.slot[who], :m, :m]
        self.C = C
        self.slot[who] = np.arange(len(who))

    def _gather(self, columns):
        columns = np.unique(columns[self.where[columns] < 0])
        if not len(columns):
            return
        first, self.held = self.held, self.held + len(columns)
        if self.held > len(self.store):
            store = np.zeros((up(max(self.held, min(len(self.where), int(1.5 * len(self.store))))), self.store.shape[1]))
            store[:first] = self.store[:first]
            self.store = store
        self.form.design.gather(columns, self.store.T, first)
        self.where[columns] = np.arange(first, self.held)
