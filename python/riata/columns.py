"""Columns of many problems: arrays with a row for each, and flat ones of which each has a part; joined and picked alike.

A store is a dict of arrays. Column names here are the only ones that are flat; every other has a row per problem.
"""

import numpy as np

#: flat columns -> the column (B + 1,) that says where the part of each problem begins
PARTS = {"coef": "coef_at", "indices": "indptr", "data": "indptr", "held_out": "held_out_at", "prediction": "prediction_at"}
POINTERS = frozenset(PARTS.values())


def begins(sizes):
    """(B + 1,) where parts of these sizes begin."""
    at = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=at[1:])
    return at


def spread(starts, sizes):
    """Positions of the parts that begin at `starts` and have these sizes, one after the other."""
    at = begins(sizes)
    return np.repeat(np.asarray(starts, np.int64) - at[:-1], sizes) + np.arange(at[-1])


def joined(stores):
    """One store of several, in their order. The stores are emptied on the way, so that little is held twice."""
    if len(stores) == 1:
        return stores[0]
    out = {}
    for name in list(stores[0]):
        pieces = [store.pop(name) for store in stores]
        if name in POINTERS:
            out[name] = begins(np.concatenate([np.diff(piece) for piece in pieces]))
        else:
            out[name] = _concatenated(pieces)
    return out


def _concatenated(pieces):
    """Arrays one after the other; each is let go as soon as it is copied."""
    whole = np.empty((sum(map(len, pieces)), *pieces[0].shape[1:]), np.result_type(*pieces))
    at = 0
    for k in range(len(pieces)):
        whole[at:at + len(pieces[k])] = pieces[k]
        at += len(pieces[k])
        pieces[k] = None
    return whole


def room_for(store, count, **sizes):
    """Arrays for `count` problems with the columns of a store; `sizes` are the lengths of the flat ones."""
    out = {}
    for name, values in store.items():
        if name in POINTERS:
            out[name] = np.zeros(count + 1, np.int64)
        elif name in PARTS:
            out[name] = np.empty(sizes[name], values.dtype)
        else:
            dtype = "U64" if values.dtype.kind == "U" else values.dtype
            out[name] = np.empty((count, *values.shape[1:]), dtype)
    return out


def put(whole, start, store):
    """Write the store of some problems into the room for all, where those before them are there already."""
    stop = start + len(store["status"])
    for name, values in store.items():
        if name in POINTERS:
            whole[name][start + 1:stop + 1] = whole[name][start] + values[1:]
        elif name not in PARTS:
            whole[name][start:stop] = values
    for name, at in PARTS.items():
        if name in store:
            whole[name][whole[at][start]:whole[at][stop]] = store[name]


def picked(store, which):
    """The store of some problems: an integer array, or a slice."""
    if isinstance(which, slice):
        count = len(next(values for name, values in store.items() if name not in PARTS and name not in POINTERS))
        start, stop, step = which.indices(count)
        if step != 1:
            return picked(store, np.arange(start, stop, step))
        stop = max(start, stop)
        out = {}
        for name, values in store.items():
            if name in POINTERS:
                out[name] = values[start:stop + 1] - values[start]
            elif name in PARTS:
                at = store[PARTS[name]]
                out[name] = values[at[start]:at[stop]]
            else:
                out[name] = values[start:stop]
        return out
    where = {name: spread(store[name][which], np.diff(store[name])[which]) for name in POINTERS if name in store}
    out = {}
    for name, values in store.items():
        if name in POINTERS:
            out[name] = begins(np.diff(values)[which])
        else:
            out[name] = values[where[PARTS[name]] if name in PARTS else which]
    return out
