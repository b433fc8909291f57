"""Names of the features of many problems, held once where they come from one table."""

from dataclasses import dataclass

import numpy as np


@dataclass
class FeatureNames:
    """``names[b]`` is the list of the names of problem b, or None where it has none.

    Attributes
    ----------
    shared : list of str, or None
        Of the one table of all problems.
    picks : list of B slices or integer arrays, or None
        Which of them each problem has; None where it has all.
    own : list of B (list of str or None), or None
        Where each problem has a table of its own.
    """

    shared: list | None = None
    picks: list | None = None
    own: list | None = None

    def __bool__(self):
        return self.shared is not None or (self.own is not None and any(names is not None for names in self.own))

    def __getitem__(self, b):
        if self.own is not None:
            return self.own[b]
        if self.shared is None or self.picks is None:
            return self.shared
        pick = self.picks[b]
        return self.shared[pick] if isinstance(pick, slice) else [self.shared[j] for j in pick]

    def of(self, which):
        """The names of some problems, numbered by an integer array."""
        def those(items):
            return None if items is None else [items[b] for b in which]

        return FeatureNames(self.shared, those(self.picks), those(self.own))

    def listed(self, count):
        """The names of `count` problems, one by one."""
        return [self[b] for b in range(count)]


def joined_names(parts, counts):
    """The names of several batches of these sizes as those of one."""
    first = parts[0]
    if all(part.own is None and part.shared == first.shared for part in parts):
        if all(part.picks is None for part in parts):
            return first
        whole = np.arange(len(first.shared)) if first.shared is not None else None
        picks = [pick for part, count in zip(parts, counts, strict=True)
                 for pick in (part.picks if part.picks is not None else [whole] * count)]
        return FeatureNames(first.shared, picks)
    return FeatureNames(own=[names for part, count in zip(parts, counts, strict=True) for names in part.listed(count)])
