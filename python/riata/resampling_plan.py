"""Resampling plans: which rows each member of a cross-validation, bootstrap or subsampling is fitted on, as data."""

import json

import numpy as np

from riata.validation import check_count, check_seed
from riata_engine.random import BOOTSTRAP, PAIRS, PERMUTATIONS, SUBSAMPLES, permutations, uniform

FORMAT = "riata.resampling/1"
MOST_ROWS, MOST_MEMBERS = 2**40, 2**32
#: bytes of random words that are drawn at once
BLOCK_BYTES = 1 << 25


class ResamplingPlan:
    """M ways to choose among n rows. Made by the functions of `riata.resampling`.

    ``len(plan)`` is M, ``plan[i]`` the rows that member i is fitted on (a row that counts twice stands there twice),
    ``plan.held_out(i)`` those that it is not, ``plan.weights(first, last)`` how often each row counts, as a matrix. Member i is
    the same whatever else is drawn, in any order. Two plans are equal if they were made alike and choose the same.

    Attributes
    ----------
    kind : str
        Name of the function that made it.
    n_samples : int
        n, the number of rows chosen among.
    seed : int or None
        Key of the random numbers (Philox); None where nothing is drawn.
    options : dict
        What else the plan was made from.
    """

    def __init__(self, kind, n_samples, n_members, seed, options):
        self.kind, self.n_samples, self._n_members = kind, n_samples, n_members
        self.seed, self.options = seed, dict(options)

    def __len__(self):
        return self._n_members

    def __getitem__(self, i):
        return self._rows(self._member(i))

    @property
    def complementary(self):
        """Whether each member is fitted, once, on every row that it does not hold out: a bool."""
        raise NotImplementedError

    def held_out(self, i):
        """Rows that member `i` is not fitted on (test rows, out-of-bag rows, the other half), increasing.

        Parameters
        ----------
        i : int
            Number of the member; negative numbers count from the end.

        Returns
        -------
        ndarray of intp

        Raises
        ------
        IndexError
            If there is no member `i`.
        """
        out = np.ones(self.n_samples, bool)
        out[self[i]] = False
        return np.flatnonzero(out)

    def weights(self, first=0, last=None):
        """How often the members `first` to ``last - 1`` count each row.

        Parameters
        ----------
        first : int, default=0
        last : int, optional
            Default: the number of members.

        Returns
        -------
        ndarray of shape (n_samples, last - first)
            Of the smallest unsigned integer type that holds the counts: one byte each, as a rule.

        Raises
        ------
        ValueError
            If `first` and `last` are no range of members.
        """
        first, last = self._range(first, last)
        return _counts(*self._pairs(first, last), (self.n_samples, last - first))

    def to_dict(self):
        """The plan as a dict of built-in types; see `from_dict`.

        Returns
        -------
        dict
        """
        return {"format": FORMAT, "kind": self.kind, "n_samples": self.n_samples, "n_members": len(self), "seed": self.seed,
                "options": dict(self.options)}

    def to_json(self):
        """The plan as JSON text; see `from_json`.

        Returns
        -------
        str
        """
        return json.dumps(self.to_dict())

    @staticmethod
    def from_dict(document):
        """A plan from what `to_dict` gave.

        Parameters
        ----------
        document : dict

        Returns
        -------
        ResamplingPlan

        Raises
        ------
        ValueError
            If the document is no plan, or its rows lie outside 0..n_samples - 1.
        """
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            found = document.get("format") if isinstance(document, dict) else type(document).__name__
            raise ValueError(f"this is no resampling plan: its format is {found!r}, expected {FORMAT!r}. Give what to_dict made")
        missing = [key for key in ("kind", "n_samples", "n_members", "seed", "options") if key not in document]
        if missing:
            raise ValueError(f"the resampling plan lacks {', '.join(missing)}: give what to_dict made, whole")
        common = document["kind"], document["n_samples"], document["n_members"], document["seed"], document["options"]
        if "test" in document:
            return RowPlan.from_lists(*common, document["test"], document.get("train"))
        if document["kind"] not in STREAMS:
            raise ValueError(f"the resampling plan is of kind {document['kind']!r} and gives no rows: one of "
                             f"{', '.join(STREAMS)} is drawn from its seed, any other must carry its rows as test and train")
        n_samples = check_count(document["n_samples"], "n_samples", MOST_ROWS)
        check_count(document["n_members"], "n_members", MOST_MEMBERS)
        check_seed(document["seed"], "the plan is")
        if document["kind"] in ("half_samples", "complementary_pairs"):
            most = n_samples - 1 if document["kind"] == "half_samples" else n_samples // 2
            check_count(document["options"].get("size"), "size", most)
        return DrawnPlan(*common)

    @staticmethod
    def from_json(text):
        """A plan from what `to_json` gave.

        Parameters
        ----------
        text : str

        Returns
        -------
        ResamplingPlan

        Raises
        ------
        ValueError
            As `from_dict`, and if the text is no JSON.
        """
        try:
            document = json.loads(text)
        except (TypeError, ValueError) as error:
            given = repr(text[:60]) if isinstance(text, (str, bytes)) else f"of type {type(text).__name__}"
            raise ValueError(f"text {given} is no JSON ({error}): give what to_json made") from None
        return ResamplingPlan.from_dict(document)

    def __eq__(self, other):
        return self.to_dict() == other.to_dict() if isinstance(other, ResamplingPlan) else NotImplemented

    def __hash__(self):
        return hash((self.kind, self.n_samples, len(self), self.seed))

    def __repr__(self):
        parts = [f"{self.kind}: {len(self)} member{'s' * (len(self) != 1)} on {self.n_samples} rows"]
        parts += [f"{name}={value!r}" for name, value in self.options.items()]
        if self.seed is not None:
            parts.append(f"seed={self.seed}")
        return f"ResamplingPlan({', '.join(parts)})"

    def _member(self, i):
        try:
            at = range(len(self))[i]
        except TypeError:
            raise TypeError(f"plan[{i!r}]: members are numbered by ints, 0 to {len(self) - 1}") from None
        except IndexError:
            raise IndexError(f"plan[{i}]: the plan has {len(self)} members, 0 to {len(self) - 1}") from None
        if isinstance(at, range):
            raise TypeError("a slice of a plan: take members one by one, or plan.weights(first, last)")
        return at

    def _range(self, first, last):
        last = len(self) if last is None else last
        if not 0 <= first <= last <= len(self):
            raise ValueError(f"first = {first}, last = {last} is no range of the {len(self)} members: give "
                             f"0 <= first <= last <= {len(self)}")
        return int(first), int(last)


class DrawnPlan(ResamplingPlan):
    """Members drawn from (seed, member) when they are asked for; nothing is held."""

    @property
    def complementary(self):
        return self.kind != "bootstrap"

    complementary.__doc__ = ResamplingPlan.complementary.__doc__

    def permuted(self, y, first=0, last=None):
        """A target in the orders of the members `first` to ``last - 1`` (permutations only).

        Parameters
        ----------
        y : ndarray of shape (n_samples,)
        first, last
            As in `weights`.

        Returns
        -------
        ndarray of shape (n_samples, last - first)
            Column i is ``y[plan[first + i]]``.

        Raises
        ------
        ValueError
            For another kind of plan, or a target of another length.
        """
        if self.kind != "permutations":
            raise ValueError(f"a plan of {self.kind} permutes nothing: make one by riata.resampling.permutations")
        y = np.asarray(y)
        if y.shape != (self.n_samples,):
            raise ValueError(f"y has shape {y.shape}; expected ({self.n_samples},), one value for each row of the plan")
        first, last = self._range(first, last)
        out = np.empty((self.n_samples, last - first), y.dtype, order="F")
        for a, b in self._blocks(first, last):
            out[:, a - first:b - first] = y[self._draw(a, b)].T
        return out

    def held_out(self, i):
        self._refuse_permutations("holds no rows out")
        return super().held_out(i)

    held_out.__doc__ = ResamplingPlan.held_out.__doc__

    def weights(self, first=0, last=None):
        self._refuse_permutations("has no weights")
        first, last = self._range(first, last)
        blocks = [_counts(*self._pairs(a, b), (self.n_samples, b - a)) for a, b in self._blocks(first, last)]
        return np.concatenate(blocks, axis=1) if blocks else np.zeros((self.n_samples, 0), np.uint8)

    weights.__doc__ = ResamplingPlan.weights.__doc__

    def _refuse_permutations(self, what):
        if self.kind == "permutations":
            raise ValueError(f"a plan of permutations {what}: plan[i] is the order of the rows, plan.permuted(y) the targets")

    def _rows(self, i):
        return self._draw(i, i + 1)[0]

    def _pairs(self, first, last):
        rows = self._draw(first, last)
        return rows.ravel(), np.repeat(np.arange(last - first), rows.shape[1])

    def _blocks(self, first, last):
        """Ranges of members that are drawn at once, within BLOCK_BYTES."""
        step = max(1, BLOCK_BYTES // (8 * self.n_samples))
        return [(a, min(a + step, last)) for a in range(first, last, step)]

    def _draw(self, first, last):
        """(last - first, m) rows of the members."""
        n, seed, stream = self.n_samples, self.seed, STREAMS[self.kind]
        if self.kind == "bootstrap":
            return (uniform(n, seed, stream, first, last) * n).astype(np.intp)
        if self.kind == "permutations":
            return permutations(n, seed, stream, first, last)
        size = self.options["size"]
        if self.kind == "half_samples":
            return np.sort(permutations(n, seed, stream, first, last)[:, :size], axis=1)
        pairs = permutations(n, seed, stream, first // 2, (last + 1) // 2)[:, :2 * size].reshape(-1, size)
        return np.sort(pairs[first % 2:][:last - first], axis=1)


STREAMS = {"bootstrap": BOOTSTRAP, "half_samples": SUBSAMPLES, "complementary_pairs": PAIRS, "permutations": PERMUTATIONS}


class RowPlan(ResamplingPlan):
    """Members whose rows are held.

    Attributes
    ----------
    test : list of M integer arrays
        Held-out rows.
    train : list of M integer arrays, or None
        None where a member is fitted on each row that it does not hold out, once.
    """

    def __init__(self, kind, n_samples, seed, options, test, train=None):
        super().__init__(kind, n_samples, len(test), seed, options)
        self.test, self.train = test, train

    @property
    def complementary(self):
        return self.train is None

    complementary.__doc__ = ResamplingPlan.complementary.__doc__

    @classmethod
    def from_lists(cls, kind, n_samples, n_members, seed, options, test, train):
        """From lists of lists, checked: rows within 0..n_samples - 1, as many lists as members."""
        given = {"test": test} if train is None else {"test": test, "train": train}
        arrays = {name: [np.asarray(rows, np.intp) for rows in lists] for name, lists in given.items()}
        for name, lists in arrays.items():
            if len(lists) != n_members:
                raise ValueError(f"the resampling plan has {len(lists)} lists of {name} rows for {n_members} members: "
                                 "give one each")
            for i, rows in enumerate(lists):
                if rows.ndim != 1 or (len(rows) and not (rows.min() >= 0 and rows.max() < n_samples)):
                    raise ValueError(f"{name} rows of member {i} of the resampling plan reach outside 0..{n_samples - 1}: "
                                     "give row numbers of the data that it was made for")
        return cls(kind, n_samples, seed, options, arrays["test"], arrays.get("train"))

    def held_out(self, i):
        return self.test[self._member(i)]

    held_out.__doc__ = ResamplingPlan.held_out.__doc__

    def weights(self, first=0, last=None):
        first, last = self._range(first, last)
        if self.train is not None:
            return super().weights(first, last)
        out = np.ones((self.n_samples, last - first), np.uint8)
        out[self._flat(self.test, first, last)] = 0
        return out

    weights.__doc__ = ResamplingPlan.weights.__doc__

    def to_dict(self):
        document = {**super().to_dict(), "test": [rows.tolist() for rows in self.test]}
        return document if self.train is None else {**document, "train": [rows.tolist() for rows in self.train]}

    to_dict.__doc__ = ResamplingPlan.to_dict.__doc__

    def _rows(self, i):
        return np.setdiff1d(np.arange(self.n_samples), self.test[i]) if self.train is None else self.train[i]

    def _pairs(self, first, last):
        return self._flat(self.train, first, last)

    @staticmethod
    def _flat(lists, first, last):
        """(rows, columns) of the members `first` to ``last - 1`` in a matrix of their own."""
        lists = lists[first:last]
        lengths = np.fromiter(map(len, lists), np.intp, len(lists))
        rows = np.concatenate(lists) if lists else np.empty(0, np.intp)
        return rows, np.repeat(np.arange(last - first), lengths)


def _counts(rows, columns, shape):
    """How often each (row, column) occurs, in the smallest unsigned type that holds all of it."""
    for dtype in (np.uint8, np.uint16, np.uint32):
        out = np.zeros(shape, dtype)
        np.add.at(out, (rows, columns), dtype(1))
        if out.sum(dtype=np.int64) == len(rows):       # a count that overflowed is short by a multiple of its range
            return out
    raise OverflowError(f"a row occurs more than {np.iinfo(np.uint32).max} times in a member of the plan")
