"""Which columns each problem of a chunk may use, in the order in which it asked for them: the order of all its sums."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Flat:
    """The lists of some problems one after the other: problem k has the entries pointer[k] … pointer[k + 1]."""

    pointer: np.ndarray       # (k + 1,)
    member: np.ndarray        # (N,) k
    within: np.ndarray        # (N,) place in its list
    columns: np.ndarray       # (N,)


class ColumnLists:
    """Lists of columns of K problems, which only grow.

    Parameters
    ----------
    K, p : int
    """

    def __init__(self, K, p, room=256):
        self.columns = np.zeros((K, min(room, p)), np.intp)
        self.count = np.zeros(K, np.intp)
        self.inside = np.zeros((K, p), np.uint8)

    def append(self, who, wish):
        """Append the columns of ``wish`` (K, p) to the lists of the problems ``who``, in the order of their numbers."""
        member, column = np.nonzero(wish[who])
        gained = np.bincount(member, minlength=len(who))
        at = np.arange(len(member)) + (self.count[who] - np.cumsum(gained) + gained)[member]
        longest = int(at.max(initial=-1)) + 1
        if longest > self.columns.shape[1]:
            more = max(longest, 3 * self.columns.shape[1] // 2) - self.columns.shape[1]
            self.columns = np.hstack([self.columns, np.zeros((len(self.columns), more), np.intp)])
        self.columns[who[member], at] = column
        self.inside[who[member], column] = 1
        self.count[who] += gained

    def flat(self, who, first=0):
        """The lists of the problems ``who``, from place ``first`` (k,) on."""
        lengths = self.count[who] - first
        pointer = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
        member = np.repeat(np.arange(len(who)), lengths)
        within = np.arange(len(member)) + (first - pointer[:-1])[member]
        return Flat(pointer, member, within, self.columns[who[member], within])
