"""The columns in play: those that any problem of a batch works on, gathered once, with a Gram matrix for every weight group.

Columns only come in. Their order in the pool is the order in which they came; each problem keeps a list of its own of those
it may use, so that its answer does not depend on its neighbours.
"""

from itertools import pairwise

import numpy as np

from riata_engine.cpu.gram import extend, finish_folds
from riata_engine.solvers.statistics import CONSTANT_VARIANCE, GUARD

#: columns are stored, and products computed, in tiles of this width
TILE = 64


def up(room):
    """The next multiple of a tile."""
    return -(-room // TILE) * TILE


class Pool:
    """Columns of Z in play and their weighted, centred Gram matrices.

    Parameters
    ----------
    form : StandardForm
    problems : (K,) intp array
        Their weight groups get a Gram matrix each.
    free : FreeFeatures or None
        Projected out of every Gram matrix.
    """

    def __init__(self, form, problems, free, control, n_threads, room=256):
        self.form, self.problems, self.free = form, problems, free
        self.groups, self.group_at = groups, _ = np.unique(form.group[problems], return_inverse=True)
        self.control, self.n_threads = control, n_threads
        n, p = form.shape
        self.where = np.full(p, -1, dtype=np.intp)        # position of a column in the pool
        self.columns = np.empty(0, dtype=np.intp)
        held = [form.held_out[g] for g in groups] if form.held_out is not None else None
        self.folds = None
        if held is not None and any(len(h) for h in held):
            self._fold_rows(held, n)
        else:
            self.order = None
        base = form.held_out_weight
        self.uniform = bool(np.all(base == base[0]))
        self.base = None if self.uniform else np.ascontiguousarray(base if self.order is None else base[self.order])
        self._allocate(room)

    def _fold_rows(self, held, n):
        """Put rows of a fold side by side where folds do not overlap: a fold's Gram matrix is then one product of a row range."""
        seen = np.zeros(n, int)
        for rows in held:
            seen[rows] += 1
        if seen.max() > 1:
            self.order = None
            return
        rest = np.flatnonzero(seen == 0)
        self.order = np.concatenate([*held, rest]).astype(np.intp)
        ends = np.cumsum([0] + [len(rows) for rows in held])
        self.folds = list(pairwise(ends))
        self.covers = not len(rest)

    def _allocate(self, room):
        room = up(room)
        m = len(self.columns)
        Z = np.zeros((self.form.shape[0], room), order="F")
        if m:
            Z[:, :m] = self.Z[:, :m]
        self.Z = Z                           # one after the other: old and new of both would be twice the memory
        C = np.zeros((len(self.groups), room, room))
        if m:
            C[:, :m, :m] = self.C[:, :m, :m]
        self.C = C

    def __len__(self):
        return len(self.columns)

    def add(self, columns):
        """Take columns in (those that are in already are passed over) and extend the Gram matrices."""
        new = columns[self.where[columns] < 0]
        if not len(new):
            return
        old, m = len(self.columns), len(self.columns) + len(new)
        if m > self.Z.shape[1]:
            self._allocate(max(m, min(self.form.shape[1], int(1.5 * self.Z.shape[1]))))
        new = np.ascontiguousarray(new, dtype=np.intp)
        if self.order is None:
            self.form.design.gather(new, self.Z, old)
        else:
            part = np.empty((self.form.shape[0], len(new)), order="F")
            self.form.design.gather(new, part)
            self.Z[:, old:m] = part[self.order]
        self.where[new] = np.arange(old, m)
        self.columns = np.concatenate([self.columns, new])
        self._extend(old, m)

    def _product(self, r0, r1, v, old, m, out, factor):
        extend(self.Z, r0, r1, v, old, m, out, factor, self.control, self.n_threads)

    def _extend(self, old, m):
        form, n = self.form, self.form.shape[0]
        d = np.ascontiguousarray(form.shift[np.ix_(self.groups, self.columns)])
        if self.folds is not None:
            self._extend_folds(old, m, d)
        elif form.held_out is None or not any(len(rows) for rows in form.held_out):
            for C in self.C:
                self._product(0, n, self.base, old, m, C, 1.0 / n if self.uniform else 1.0)
        else:                                # held-out rows that overlap: every group from its own rows
            for k, g in enumerate(self.groups):
                self._direct(k, g, old, m, d[k])
        if self.free is not None:
            for k, g in enumerate(self.groups):
                E = self.C[k, old:m, :m] - self.free.H[g, self.columns[old:m]] @ self.free.H[g, self.columns[:m]].T
                self.C[k, old:m, :m], self.C[k, :m, old:m] = E, E.T

    def _extend_folds(self, old, m, d):
        """The whole minus each fold, a product of a row range each; what subtraction would spoil is computed directly."""
        for k, (r0, r1) in enumerate(self.folds):
            self._product(r0, r1, self.base, old, m, self.C[k], -1.0)
        if self.covers:
            whole = -self.C[:, old:m, :m].sum(axis=0)
        else:
            C = np.zeros(self.C.shape[1:])
            self._product(0, self.form.shape[0], self.base, old, m, C, 1.0)
            whole = np.ascontiguousarray(C[old:m, :m])
        everything = float(self.form.shape[0]) if self.base is None else 1.0
        weights = np.array([everything - self._held_weight(k) for k in range(len(self.groups))])
        finish_folds(self.C, whole, weights, d, old, m, self.n_threads)
        spread = np.diagonal(whole[:, old:m]) / everything
        for k, g in enumerate(self.groups):
            variance = np.diagonal(self.C[k])[old:m]
            if np.any(variance < GUARD * spread):
                self._direct(k, g, old, m, d[k])
                gone = old + np.flatnonzero(np.diagonal(self.C[k])[old:m] <= CONSTANT_VARIANCE * spread)
                self.C[k, gone], self.C[k, :, gone] = 0.0, 0.0

    def _held_weight(self, k):
        r0, r1 = self.folds[k]
        return float(r1 - r0) if self.base is None else float(self.base[r0:r1].sum())

    def _direct(self, k, g, old, m, d):
        """(Z − d)' diag(V_g) (Z − d) without subtraction of products."""
        v = self.form.V[:, g]
        Z = self.Z[:, :m] - d
        E = (Z[:, old:] * (v if self.order is None else v[self.order])[:, None]).T @ Z
        self.C[k, old:m, :m], self.C[k, :m, old:m] = E, E.T

    @property
    def store(self):
        """(room, n) the columns, one a row."""
        return self.Z.T

    @property
    def size(self):
        """Length of a row of coefficients. Whole tiles: where a vectorised loop ends, its last steps may round otherwise."""
        return max(TILE, up(len(self.columns)))

    def extend(self, who, lists, old):
        """Take in what came to the lists of the problems ``who`` since they were ``old`` (k,) long."""
        self.add(np.unique(lists.flat(who, old).columns))

    def positions(self, flat):
        """Where the columns of ``flat`` stand in a row of coefficients (size,)."""
        return self.where[flat.columns]

    def layout(self, who, lists):
        """Columns (R, size) of the coefficients of R problems or of all, and the row of each of the problems ``who``."""
        return self._padded(self.columns)[None], np.zeros(len(who), np.intp)

    def in_play(self, who, flat):
        """The arguments of ``gram_path`` that belong to columns: Gram matrices, which of them, f1, f2, bounds, lists."""
        form, columns = self.form, self.columns
        rows = np.unique(form.factor_row[self.groups])
        f1, f2, lower, upper = (self._padded(f[..., columns]) for f in (form.f1[rows], form.f2[rows], form.lower, form.upper))
        alone = len(self.problems) == 1                  # its list is the pool
        pointer = np.empty(0, np.intp) if alone else flat.pointer
        allowed = np.empty(0, np.intp) if alone else np.concatenate([self.where[flat.columns], np.zeros(1, np.intp)])
        return self.C, self.group_at[who], f1, f2, lower, upper, pointer, allowed

    def _padded(self, rows):
        """Rows (…, len(self)) with zeros up to ``size``."""
        out = np.zeros((*rows.shape[:-1], self.size), rows.dtype)
        out[..., :len(self)] = rows
        return out
