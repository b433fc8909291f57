"""The columns in play: those that any problem of a batch works on, with the triangle of a Gram matrix for every weight group.

Columns only come in. Their order in the pool is the order in which they came; each problem keeps a list of its own of those
it may use, so that its answer does not depend on its neighbours. Contiguous columns are read where they are; of other matrices
they are gathered once.
"""

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.cpu.fits import subtract_columns
from riata_engine.cpu.pool_gram import finish_folds, gram_rows, keep_rows, triangle_size
from riata_engine.solvers.statistics import GUARD, lightened

#: rows of coefficients are whole tiles of this width
TILE = 64
#: columns for which there is room at first, and bytes of address space that room for 2 n columns may take instead: pages that
#: nothing was written to take no memory, and Gram matrices that need not move are never held twice
ROOM, SPACE = 256, 1 << 28


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

    def __init__(self, form, problems, free, control, n_threads):
        self.form, self.problems, self.free = form, problems, free
        self.groups, self.group_at = groups, _ = np.unique(form.group[problems], return_inverse=True)
        self.control, self.n_threads = control, n_threads
        self.where = np.full(form.shape[1], -1, dtype=np.intp)       # position of a column in the pool
        self.columns = np.empty(0, dtype=np.intp)
        held = [] if form.held_out is None else [form.held_out[g] for g in groups]
        times = np.bincount(np.concatenate(held), minlength=len(form.V)) if held else np.zeros(1)
        self.overlap = times.max() > 1                   # then every group is computed from its own rows
        self.folds = held if times.max() == 1 else None
        self.covers = bool(times.all())
        self.light = lightened(form)[groups] if held else None
        self.weights = None if form.even else np.ascontiguousarray(form.held_out_weight)
        X = form.design.X
        self.stored = not (isinstance(X, np.ndarray) and X.strides[0] == X.itemsize)
        self.design = form.design
        most = up(min(form.shape[1], 2 * len(form.V)))
        self._allocate(most if 8 * len(groups) * triangle_size(most) <= SPACE else ROOM)

    def _allocate(self, room):
        room, m = up(room), len(self.columns)
        if self.stored:
            Z = np.zeros((len(self.form.V), room), order="F")
            if m:
                Z[:, :m] = self.design.X[:, :m]
            self.design = Design(Z, np.zeros(room), np.ones(room))
        C = np.zeros((len(self.groups), triangle_size(room)))
        if m:
            C[:, :triangle_size(m)] = self.C[:, :triangle_size(m)]
        self.C, self.room = C, room

    def __len__(self):
        return len(self.columns)

    def add(self, columns):
        """Take columns in (those that are in already are passed over) and extend the Gram matrices."""
        new = np.ascontiguousarray(columns[self.where[columns] < 0], dtype=np.intp)
        if not len(new):
            return
        old, m = len(self.columns), len(self.columns) + len(new)
        if m > self.room:
            self._allocate(max(m, min(self.form.shape[1], int(1.5 * self.room))))
        if self.stored:
            self.form.design.gather(new, self.design.X, old)
        self.where[new] = np.arange(old, m)
        self.columns = np.concatenate([self.columns, new])
        self._extend(old, m)

    def _at(self, columns):
        """Where columns of the pool stand in ``design``."""
        return self.where[columns] if self.stored else columns

    def _product(self, rows, weights, old, out, factor, design=None):
        gram_rows(design or self.design, self._at(self.columns), rows, weights, old, out, factor, self.control, self.n_threads)

    def _extend(self, old, m):
        """Append the rows of the columns behind the first ``old`` to every triangle."""
        form = self.form
        d = np.ascontiguousarray(form.shift[np.ix_(self.groups, self.columns)])
        parts = np.zeros((len(self.groups), m - old, m))
        if self.overlap:
            for k, part in enumerate(parts):
                self._direct(k, old, part, d[k])
        elif self.folds is not None:
            self._fold_rows(old, parts, d)
        else:
            for part in parts:
                self._product(None, self.weights, old, part, 1.0 / len(form.V) if form.even else 1.0)
        if self.free is not None:
            for part, g in zip(parts, self.groups, strict=True):     # an entry does not depend on when it came in
                fitted = np.zeros(part.shape)
                gram_rows(self.free.design(g), self.columns, None, None, old, fitted, 1.0, self.control, self.n_threads)
                part -= fitted
        for part, C in zip(parts, self.C, strict=True):
            keep_rows(part, C, old)

    def _fold_rows(self, old, parts, d):
        """The whole minus the rows of each fold; what subtraction would spoil is computed directly."""
        for part, rows in zip(parts, self.folds, strict=True):
            self._product(rows, self.weights, old, part, -1.0)
        if self.covers:
            whole = -parts.sum(axis=0)
        else:
            whole = np.zeros(parts.shape[1:])
            self._product(None, self.weights, old, whole, 1.0)
        form = self.form
        everything = float(len(form.V)) if self.weights is None else 1.0
        weights = np.array([everything - self._held_weight(rows) for rows in self.folds])
        finish_folds(parts, whole, weights, d, old, self.n_threads)
        spread = np.diagonal(whole[:, old:]) / everything
        for k, part in enumerate(parts):
            variance = np.diagonal(part[:, old:])
            if self.light[k] or np.any(variance < GUARD * spread):
                part[:] = 0.0
                self._direct(k, old, part, d[k])
                gone = np.flatnonzero(np.diagonal(part[:, old:]) <= form.unvarying * spread)
                part[gone], part[:, old + gone] = 0.0, 0.0

    def _held_weight(self, rows):
        return float(len(rows)) if self.weights is None else float(self.weights[rows].sum())

    def _direct(self, k, old, part, d):
        """The rows of (Z − d)' diag(V_g) (Z − d) of group number k, without subtraction of products."""
        at, X, center, multiplier = self._at(self.columns), self.design.X, self.design.center.copy(), self.design.multiplier
        center[at] += d / multiplier[at]
        about = Design(X, center, multiplier)
        self._product(None, np.ascontiguousarray(self.form.V[:, self.groups[k]]), old, part, 1.0, about)

    def subtract(self, flat, at, coef, lengths, R):
        """R[i, l] −= what the coefficients of problem i at its alpha l fit: see ``subtract_columns``."""
        subtract_columns(self.design, flat.pointer, at, self._at(flat.columns), coef, lengths, R, self.n_threads)

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
