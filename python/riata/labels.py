"""Labels of the problems of a batch, and how one or some of them are asked for."""

from collections.abc import Hashable
from operator import index

import numpy as np


class Labels:
    """Of B problems; None where they have numbers only."""

    def __init__(self, labels, count):
        self.labels, self.count, self._at = labels, count, None

    @property
    def array(self):
        """(B,) labels, or numbers."""
        return np.arange(self.count) if self.labels is None else np.array(self.labels)

    def of(self, numbers):
        """Labels of some problems, or their numbers, as a list."""
        return [int(b) for b in numbers] if self.labels is None else [self.labels[b] for b in numbers]

    def name(self, b):
        """How text names a problem."""
        return f"problem {b}" if self.labels is None else str(self.labels[b])

    def number(self, which):
        """The number of one problem that an int or a text label names; None for a slice, a mask or an array.

        Raises
        ------
        KeyError, IndexError, TypeError
        """
        if isinstance(which, str):
            return self.position(which)
        if isinstance(which, slice) or np.ndim(which):
            return None
        try:
            return range(self.count)[index(which)]
        except TypeError:
            raise TypeError(f"[{which!r}]: number a problem by an int, or some by a slice, a mask or an array of ints") from None
        except IndexError:
            raise IndexError(f"[{which}]: there is no such problem, the batch holds {self.count}: 0 to {self.count - 1}, or "
                             f"{-self.count} to -1{self._or_loc(which)}") from None

    def _or_loc(self, which):
        """What to say of a number that is a label."""
        return f"; .loc[{which}] is the problem called {which}" if self.labels is not None and which in self.labels else ""

    def position(self, label):
        """The number of the problem of a label, text or not."""
        if self.labels is None:
            raise KeyError(f"{label!r}: the problems have no labels; number them, or give labels= to riata.fit_batch")
        if self._at is None:
            self._at = {label: b for b, label in enumerate(self.labels)}
        label = label.item() if isinstance(label, np.generic) and label.dtype.kind not in "mM" else label
        if not isinstance(label, Hashable) or label not in self._at:
            some = ", ".join(map(repr, self.labels[:5])) + " and others" * (len(self.labels) > 5)
            raise KeyError(f"no problem is called {label!r}; there are {some}")
        return self._at[label]

    def numbers(self, which):
        """An integer array of the problems that a slice, a mask or an array of numbers (or labels) names."""
        if isinstance(which, slice):
            return np.arange(self.count)[which]
        which = np.asarray(which)
        if which.ndim == 1 and which.dtype.kind in "UO" and all(isinstance(label, str) for label in which):
            return np.array([self.position(str(label)) for label in which], np.intp)
        if which.ndim != 1 or (which.dtype.kind not in "iub" and which.size):
            raise TypeError(f"an array of dtype {which.dtype} and shape {which.shape} numbers no problems: give a mask of shape "
                            f"({self.count},), or ints")
        if which.dtype == bool:
            if len(which) != self.count:
                raise IndexError(f"the mask has {len(which)} entries, the batch holds {self.count} problems")
            return np.flatnonzero(which)
        which = which.astype(np.intp)
        bad = which[(which < -self.count) | (which >= self.count)]
        if len(bad):
            raise IndexError(f"[{bad[0]}]: there is no such problem, the batch holds {self.count}: 0 to {self.count - 1}"
                             f"{self._or_loc(bad[0])}")
        return np.where(which < 0, which + self.count, which)


class ByLabel:
    """``result.loc``: problems by their labels, of any kind; see `riata.fit_batch`.

    ``loc[label]`` is what ``result[i]`` is for the problem of that label; a list or an array of labels gives those problems, in
    its order.
    """

    def __init__(self, result, labels):
        self._result, self._labels = result, labels

    def __getitem__(self, which):
        if isinstance(which, slice):
            raise TypeError("a slice of labels: give a list of labels, or a slice of numbers without loc")
        if isinstance(which, str) or not np.ndim(which):
            return self._result[self._labels.position(which)]
        return self._result[np.array([self._labels.position(label) for label in as_list(np.asarray(which))], np.intp)]


def as_list(labels):
    """An array of labels as a list; dates as their text, no longer than they need."""
    if labels.dtype.kind == "M":
        return [str(np.datetime_as_string(label, unit="auto")) for label in labels]
    return (labels.astype(str) if labels.dtype.kind == "m" else labels).tolist()


def check_labels(labels, count, name="labels"):
    """Labels as a list, one for each of `count` problems, none of them twice.

    Raises
    ------
    ValueError
    """
    if labels is None:
        return None
    if isinstance(labels, str) or not np.iterable(labels):
        raise ValueError(f"{name} = {labels!r} must be a list with a label for each problem")
    labels = as_list(np.asarray(labels)) if hasattr(labels, "dtype") else list(labels)
    if count is not None and len(labels) != count:
        raise ValueError(f"{name} has {len(labels)} entries for {count} problems: give one for each")
    seen, text = {}, None
    for b, label in enumerate(labels):
        if label is None or np.ndim(label) or not isinstance(label, Hashable) or isinstance(label, (tuple, frozenset)):
            raise ValueError(f"{name}[{b}] = {label!r} must be a text or a number")
        if type(label).__name__ == "NAType" or label != label:                       # pandas.NA, NaN, NaT
            raise ValueError(f"{name}[{b}] = {label!r} is missing: give every problem a label of its own")
        if text is None:
            text = isinstance(label, str)
        elif text != isinstance(label, str):
            raise ValueError(f"{name} mixes text and others: {name}[0] = {labels[0]!r}, {name}[{b}] = {label!r}; give all "
                             "as text")
        if label in seen:
            raise ValueError(f"{name}[{b}] = {label!r} is the label of problem {seen[label]} too: each needs its own")
        seen[label] = b
    return labels
