"""What a bootstrap draws and a jackknife leaves out: rows of positive weight, or groups of them."""

from numbers import Integral

import numpy as np

from riata_engine.random import keys, kfold_ids, permutation

#: Philox streams by purpose; bits 0..39 number the draw
BOOTSTRAP, PERMUTATION = (0x626F6F74 & 0x3FFFFF) << 40, (0x7065726D & 0x3FFFFF) << 40


class Units:
    """u units of rows that are drawn together."""

    def __init__(self, n, weights=None, groups=None, seed=0):
        if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, Integral) or not 0 <= seed < 2**64:
            raise ValueError(f"seed = {seed!r} must be an int from 0 to 2**64 - 1 (the draws are a function of the seed)")
        self.n, self.seed = n, int(seed)
        self.rows = np.arange(n) if weights is None else np.flatnonzero(weights)
        self.code = np.arange(len(self.rows))
        if groups is not None:
            from riata.folds import _group_numbers

            self.code = np.unique(_group_numbers(groups, n)[self.rows], return_inverse=True)[1]
        self.size = int(self.code.max()) + 1

    def __len__(self):
        return self.size

    def counts(self, first, stop):
        out = np.zeros((self.n, stop - first), order="F")
        for b in range(first, stop):
            drawn = ((keys(self.size, self.seed, BOOTSTRAP | b) >> np.uint64(11)).astype(np.float64) * 2.0**-53 * self.size)
            out[self.rows, b - first] = np.bincount(drawn.astype(np.intp), minlength=self.size)[self.code]
        return out

    def blocks(self, count):
        if count == self.size:
            ids = np.arange(self.size)
        else:
            ids = kfold_ids(self.size, count, self.seed)
        ids = ids[self.code]
        order = np.argsort(ids, kind="stable")
        ends = np.cumsum(np.bincount(ids, minlength=count))[:-1]
        return [np.sort(part) for part in np.split(self.rows[order], ends)]

    def permutations(self, first, stop):
        out = np.empty((self.size, stop - first), np.intp, order="F")
        for b in range(first, stop):
            out[:, b - first] = permutation(self.size, self.seed, PERMUTATION | b)
        return out
