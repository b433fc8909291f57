"""The groups in play: their weighted columns, turned to principal axes, and the Gram matrix of them all."""

import numpy as np

from riata_engine.cpu.group_axes import principal_axes, turned_back
from riata_engine.solvers.interruptible import interruptibly

#: columns for which there is room at first
ROOM = 256


class GroupPool:
    """Columns of Z in play, one a row of ``Z`` (room, n); groups only come in.

    Parameters
    ----------
    form : GroupForm
    free : FreeGroups or None
        Projected out of every column.
    rotate : bool
        Whether groups stand in principal axes (no l1 penalty).
    """

    def __init__(self, form, free, rotate, control):
        self.form, self.free, self.rotate, self.control = form, free, rotate, control
        self.groups = np.empty(0, np.intp)
        self.start, self.axes_at = np.zeros(1, np.intp), np.zeros(1, np.intp)
        self.m, self.in_gram = 0, 0
        self.inside = np.zeros(len(form.unit), bool)
        n, T = form.shape[0], len(form.y)
        self.Z, self.C = np.empty((ROOM, n)), np.empty((0, 0))
        self.h, self.axes, self.c = np.empty(0), np.empty(0), np.empty((T, 0))
        self.narrow, self.narrowed = np.empty((0, 0), np.float32), 0

    def add(self, groups):
        """Take groups in."""
        form = self.form
        sizes = form.start[groups + 1] - form.start[groups]
        old, m = self.m, self.m + int(sizes.sum())
        if m > len(self.Z):
            grown = np.empty((max(m, min(form.shape[1], int(1.5 * len(self.Z)))), self.Z.shape[1]))
            grown[:old] = self.Z[:old]
            self.Z = grown
        form.gather(groups, self.Z, old)
        new = self.Z[old:m]
        if self.free is not None:
            new[:] = self.free.off(new)
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        axes_at = np.concatenate([[0], np.cumsum(sizes * sizes)]).astype(np.intp)
        h, axes = np.empty(m - old), np.empty(axes_at[-1])
        principal_axes(new, start, h, axes, axes_at, self.rotate)
        self.c = np.hstack([self.c, form.y @ new.T])
        self.h, self.axes = np.concatenate([self.h, h]), np.concatenate([self.axes, axes])
        self.start = np.concatenate([self.start, old + start[1:]])
        self.axes_at = np.concatenate([self.axes_at, self.axes_at[-1] + axes_at[1:]])
        self.groups = np.concatenate([self.groups, groups])
        self.inside[groups] = True
        self.m = m

    def gram(self):
        """(room, room) Gram matrix of the columns in play, extended by those that came since it was last asked for."""
        old, m = self.in_gram, self.m
        if m > len(self.C):
            grown = np.empty((len(self.Z), len(self.Z)))
            grown[:old, :old] = self.C[:old, :old]
            self.C = grown
        if m > old:
            new, every = self.Z[old:m], self.Z[:m]
            rows = interruptibly(lambda: new @ every.T, self.control, 2.0 * new.size * m)
            self.C[old:m, :m], self.C[:old, old:m] = rows, rows[:, :old].T
            self.in_gram = m
        return self.C

    def rounded(self, A, square):
        """The rows in play of A, ``Z`` or the Gram matrix, in single precision."""
        if self.narrow.shape != A.shape:
            self.narrow, self.narrowed = np.empty(A.shape, np.float32), 0
        old, m = self.narrowed, self.m
        self.narrow[old:m] = A[old:m]
        if square:
            self.narrow[:old, old:m] = A[:old, old:m]
        self.narrowed = m
        return self.narrow

    def fitted(self, b):
        """(K, T, n) of coefficients b (K, T, m)."""
        K, T, m = b.shape
        product = interruptibly(lambda: b.reshape(K * T, m) @ self.Z[:m], self.control, 2.0 * b.size * self.Z.shape[1])
        return product.reshape(K, T, -1)

    def turned_back(self, b):
        """(K, T, p) coefficients of z, group by group, of b (K, T, m)."""
        form = self.form
        return turned_back(b, self.start, self.axes, self.axes_at, self.rotate, form.start[self.groups], form.shape[1])
