"""What tells one call from another in a checkpoint: its arguments as plain values, arrays by their digests."""

import json
import pickle
import re
from copy import deepcopy

import numpy as np

from riata.checkpoint import digest_of
from riata.folds import make_folds
from riata.many_folds import rows_to_split
from riata.resampling_plan import ResamplingPlan

#: begins a digest, of which a message says no more than that it differs
OPAQUE = "#"


def identity_of(call):
    """What identifies a `riata.many_calls.Call`, as plain values: its data by their digests, which the chunks hold."""
    from riata import __version__

    rules, source, cv = call.rules, call.source, call.given["cv"]
    sizes = None if source.B is None else source.sizes(0, source.B)
    settings = {name: plain(value) for name, value in rules.settings.items() if name != "n_threads"}
    return {"riata": __version__, "X": type(source).__name__, "problems": source.B,
            "shapes": None if sizes is None else plain(np.concatenate(sizes)), **settings,
            "select": rules.select, "keep_predictions": rules.keep_predictions, "n_alphas": rules.L,
            "alphas": plain(rules.alphas), "alpha_min_ratio": rules.alpha_min_ratio, "l1_ratio": plain(rules.l1_ratio),
            "positive": rules.positive, **{name: plain(call.given[name]) for name in ("cv", "penalty_factor", "lower", "upper")},
            "folds": _folds_of_first(cv, source) if hasattr(cv, "split") else None,
            "seed": None if rules.folds is None else rules.folds.seed,
            "stratify": None if rules.folds is None else rules.folds.stratify}


def plain(value):
    """A number or a text as it is; of anything else a text that two things share only if they hold the same.

    An object, a splitter say, is its class and what its attributes hold, so that it is known again in another process.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.generic):
        return value.item() if isinstance(value, (np.number, np.bool_)) else str(value)
    if isinstance(value, ResamplingPlan):
        return _hashed([value.kind, value.n_samples, [plain(value.held_out(i)) for i in range(len(value))]])
    if isinstance(value, np.ndarray) and value.dtype != object:
        return OPAQUE + digest_of(value).hex()
    if hasattr(value, "to_numpy"):                     # a Series, whose own text leaves out the middle
        return plain(value.to_numpy())
    if isinstance(value, (list, tuple, np.ndarray)):
        return _hashed([plain(item) for item in value])
    if isinstance(value, (set, frozenset)):
        return _hashed(sorted(json.dumps(plain(item)) for item in value))
    if isinstance(value, dict):
        return _hashed([[str(name), plain(item)] for name, item in sorted(value.items(), key=lambda entry: str(entry[0]))])
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return _hashed([kind, _content(value)])


def _content(value):
    """What an object holds: its attributes, the bytes that restore it, or its text without the address."""
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    if getattr(value, "__dict__", None):
        return plain(vars(value))
    try:
        return plain(np.frombuffer(pickle.dumps(value, protocol=4), np.uint8))
    except (pickle.PicklingError, TypeError, AttributeError):
        return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _hashed(values):
    # JSON puts marks between the entries and quotes around text: [1, 11] is not [11, 1], nor "1" the number 1
    return OPAQUE + digest_of(np.frombuffer(json.dumps(values).encode(), np.uint8)).hex()


def _folds_of_first(cv, source):
    """The folds that a splitter gives the first problem, where that is at hand; a copy of the splitter makes them."""
    if source.B is None:
        return None
    first = source.chunk(0, 1)
    try:
        folds = make_folds(deepcopy(cv), len(first.y[0]), y=first.y[0], X=first.X[0], rows=rows_to_split(cv, first.y[0]))
    except ValueError as error:                        # the problem itself says so, where it is solved
        return str(error)
    return plain([folds.test, folds.train])
