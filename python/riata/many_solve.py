"""One chunk of unrelated problems: what cannot be fitted is set aside with a sentence, the rest is one call of the engine."""

import numpy as np

from riata.columns import begins, joined, picked, spread
from riata.many_losses import faults_of, faults_of_folds, filled
from riata.many_sources import first_bad_column
from riata.status import CONSTANT_TARGET, MEANING, worst
from riata_engine.batch import STATUS, Interrupted
from riata_engine.ragged import Ragged, solve_ragged

CONVERGED, TIME_BUDGET, NOT_FINITE, SKIPPED = map(STATUS.index, ("converged", "time_budget", "not_finite", "skipped"))
#: columns (B, L) that the engine gives and a path keeps
FITS = ("alphas", "intercept", "gap", "status", "dev_ratio", "df", "n_epochs", "n_cholesky")


def solve_chunk(chunk, first, rules, time_left=None, progress=None, max_memory=None):
    """The store of the paths of a chunk, in the order of its problems.

    Parameters
    ----------
    chunk : Chunk
    first : int
        Number of its first problem.
    rules : Rules
    time_left : float, optional
        Seconds.
    progress : callable, optional
        ``progress(done)`` in problems of this chunk.
    max_memory : float, optional
        Bytes that the engine may take beside the answer.

    Returns
    -------
    store : dict
        See `riata.columns`.
    interrupted : bool
        Whether Ctrl-C ended it.
    """
    n, p = chunk.sizes
    data = _Data(chunk, first, rules)
    lengths = rules.lengths(first, len(n))
    stores, numbers, interrupted = [], [], False
    for L in np.unique(lengths):
        members = np.flatnonzero((lengths == L) & ~data.bad)
        if not len(members):
            continue
        if interrupted:
            store = blank(n[members], p[members], data.used[members], int(L), SKIPPED, rules)
        else:
            store, interrupted = _solved(chunk, data, members, first, rules, int(L), time_left, progress,
                                         max_memory)
        stores.append(padded(store, rules.L))
        numbers.append(members)
    aside = np.flatnonzero(data.bad)
    if len(aside):
        store = blank(n[aside], p[aside], data.used[aside], rules.L, SKIPPED, rules)
        store["status"][:] = data.verdict[aside, None]
        stores.append(store)
        numbers.append(aside)
    store = joined(stores)
    order = np.concatenate(numbers)
    if (order[1:] < order[:-1]).any():
        store = picked(store, np.argsort(order))
    store["message"] = messages(store, data.sentences, rules, chunk)
    store["l1_ratio"] = rules.l1_ratios(first, len(n))
    return store, interrupted


class _Data:
    """The targets, weights and folds of a chunk as the engine takes them, and the problems that it need not see.

    Attributes
    ----------
    y, weights, folds : lists
    n_folds : (B,)
    used : (B,) int
        Rows with a target and a positive weight.
    present : (B,) int
        Rows with a target.
    bad : (B,) bool
    verdict : (B,) int8
        Status of the bad ones.
    sentences : dict
        Number in the chunk -> why.
    """

    def __init__(self, chunk, first, rules):
        B = len(chunk.X)
        n, p = chunk.sizes
        self.bad, self.verdict, self.sentences = np.zeros(B, bool), np.full(B, SKIPPED, np.int8), {}
        self.y, self.weights = chunk.y, chunk.weights
        self.used, self.present = n.copy(), n.copy()
        rows = {}                                      # of the problems in which not all rows count
        self._look_at_targets(n, rows, rules.loss)
        if self.weights is not None:
            for b, weights in enumerate(self.weights):
                if weights is not None and (weights == 0).any():
                    rows[b] = weights > 0 if b not in rows else rows[b] & (weights > 0)
                    self.used[b] = np.count_nonzero(rows[b])
        for b in np.flatnonzero((p == 0) | (self.used == 0)):
            self._set_aside(int(b), "there are no columns to fit with" if p[b] == 0 else
                            "the design has no rows" if n[b] == 0 else "every target is missing" if self.present[b] == 0 else
                            "no row with a target has a positive weight")
        self._set_aside_all(faults_of(rules.loss, chunk.y, rows))
        self.folds, self.n_folds = None, np.zeros(B, np.intp)
        if rules.folds is not None:
            self._make_folds(chunk, first, rules.folds, n.tolist(), rows)
            self._set_aside_all(faults_of_folds(rules.loss, chunk.y, rows, self.folds, self.n_folds))

    def _make_folds(self, chunk, first, folds, n, rows):
        self.folds, counts = [None] * len(n), [0] * len(n)
        good = range(len(n)) if not self.bad.any() else np.flatnonzero(~self.bad).tolist()
        for b in good:
            found = folds.of(first + b, n[b], rows.get(b), chunk.y[b], chunk.X[b])
            if type(found) is str:
                self._set_aside(b, found)
            else:
                counts[b], self.folds[b] = found
        self.n_folds[:] = counts

    def _set_aside_all(self, faults):
        for b, (status, why) in faults.items():
            if not self.bad[b]:
                self._set_aside(b, why, status)

    def _set_aside(self, b, why, status=SKIPPED):
        self.bad[b], self.verdict[b], self.sentences[b] = True, status, why

    def _look_at_targets(self, n, rows, loss):
        """NaN: the row gets weight 0. An infinity: the problem is not finite."""
        if not n.sum():
            return
        flat = np.concatenate(self.y)
        if np.isfinite(flat.sum()):                    # one look at all of them is enough, but for sums that overflow
            return
        strange = ~np.isfinite(flat)
        if not strange.any():
            return
        at = begins(n)
        self.y = list(self.y)
        self.weights = [None] * len(n) if self.weights is None else list(self.weights)
        for b in np.unique(np.searchsorted(at, np.flatnonzero(strange), side="right") - 1):
            y = self.y[b]
            if np.isinf(y).any():
                self._set_aside(int(b), "the target has infinite values", NOT_FINITE)
                continue
            rows[int(b)] = present = ~np.isnan(y)
            self.used[b] = self.present[b] = np.count_nonzero(present)
            self.y[b] = np.where(present, y, 0.0) if loss.name == "squared" else filled(y, present)
            self.weights[b] = present.astype(np.float64) if self.weights[b] is None else np.where(present, self.weights[b], 0.0)


def _solved(chunk, data, members, first, rules, L, time_left, progress, max_memory):
    """The paths of some problems of a chunk, which have L alphas each."""
    whole = len(members) == len(chunk.X)

    def those(items):
        return items if items is None or whole else [items[b] for b in members]

    n, p = chunk.sizes
    n, p = n[members], p[members]
    l1_ratio = rules.l1_ratios(first, len(chunk.X))[members]
    alphas, back = rules.grid(first, members, L)
    ragged = Ragged(
        those(chunk.X), those(data.y), folds=those(data.folds), n_folds=data.n_folds[members], weights=those(data.weights),
        offset=those(chunk.offset), **rules.of_features(first, members, p), l1_ratio=l1_ratio, alphas=alphas, n_alphas=L,
        alpha_min_ratio=None if alphas is not None else rules.min_ratios(data.used[members], p, l1_ratio),
        predictions=rules.keep_predictions and rules.folds is not None, time_budget=time_left,
        max_memory=max_memory, **rules.settings)
    report = None if progress is None else lambda done, total: progress(min(done // L, len(members)))
    interrupted = False
    try:
        found = solve_ragged(ragged, progress=report)
    except Interrupted as stopped:
        found, interrupted = stopped.solution, True
    store = {name: getattr(found, name) for name in FITS}
    store |= {"coef": found.coef, "coef_at": found.coef_at, "null_deviance": found.null_deviance, "seconds": found.seconds,
              "n_passes": found.n_passes, "n_samples": data.used[members], "n_rows": n, "n_features": p,
              "solver": np.array(found.solver)}
    if rules.folds is not None:
        unreached = (found.fold_status == SKIPPED) & (found.status != SKIPPED)
        found.fold_status[unreached & (time_left is not None) & (not interrupted)] = TIME_BUDGET
        store |= {"held_out": found.held_out, "held_out_at": found.held_out_at, "n_folds": data.n_folds[members],
                  "fold_status": found.fold_status, "fold_gap": found.fold_gap}
        if rules.keep_predictions:
            store |= {"prediction": found.prediction, "prediction_at": found.prediction_at}
    return restored(store, back), interrupted


def blank(n, p, used, L, status, rules):
    """The store of problems that were not fitted."""
    B = len(n)
    store = {name: np.full((B, L), np.nan) for name in FITS}
    store["status"] = np.full((B, L), status, np.int8)
    store["n_epochs"], store["n_cholesky"] = np.zeros((2, B, L), np.int32)
    store |= {"coef": np.full(int(L * p.sum()), np.nan), "coef_at": begins(L * p), "null_deviance": np.full(B, np.nan),
              "seconds": np.zeros(B), "n_passes": np.zeros(B, np.intp), "n_samples": used, "n_rows": n, "n_features": p,
              "solver": np.full(B, "none")}
    if rules.folds is not None:
        store |= {"held_out": np.empty(0), "held_out_at": np.zeros(B + 1, np.int64), "n_folds": np.zeros(B, np.intp),
                  "fold_status": np.full((B, L), status, np.int8), "fold_gap": np.full((B, L), np.nan)}
        if rules.keep_predictions:
            store |= {"prediction": np.full(int(L * n.sum()), np.nan), "prediction_at": begins(L * n)}
    return store


def restored(store, back):
    """A store in the caller's order of alphas: `back` is None, (L,) or (B, L)."""
    if back is None:
        return store
    B, L = store["alphas"].shape
    back = np.broadcast_to(back, (B, L))
    out = dict(store)
    for name in (*FITS, *(name for name in ("fold_status", "fold_gap") if name in store)):
        out[name] = np.take_along_axis(store[name], back, axis=1)
    p = np.repeat(store["n_features"], L)
    out["coef"] = store["coef"][spread((store["coef_at"][:-1, None] + back * store["n_features"][:, None]).ravel(), p)]
    for name in ("held_out", "prediction"):
        if name in store:
            counts = np.diff(store[f"{name}_at"]) // L
            start = np.repeat(store[f"{name}_at"][:-1], counts) + L * spread(np.zeros_like(counts), counts)
            out[name] = store[name][(start[:, None] + np.repeat(back, counts, axis=0)).ravel()]
    return out


def padded(store, L):
    """A store whose problems have fewer alphas than others, with entries that are NaN and `skipped` behind them."""
    B, have = store["alphas"].shape
    if have == L:
        return store
    out = dict(store)
    for name in (*FITS, *(name for name in ("fold_status", "fold_gap") if name in store)):
        values = np.full((B, L), np.nan if store[name].dtype.kind == "f" else 0, store[name].dtype)
        values[:, :have] = store[name]
        if name in ("status", "fold_status"):
            values[:, have:] = SKIPPED
        out[name] = values
    for name in ("coef", "held_out", "prediction"):
        if name not in store:
            continue
        at = store[f"{name}_at"]
        if name == "coef":                             # whole fits behind one another
            width = store["n_features"]
            values, to = np.full(int(L * width.sum()), np.nan), begins(L * width)
            values[spread(to[:-1], have * width)] = store[name]
        else:
            width = np.diff(at) // have
            values, to = np.full((int(width.sum()), L), np.nan), begins(L * width)
            values[:, :have] = store[name].reshape(-1, have)
            values = values.ravel()
        out[name], out[f"{name}_at"] = values, to
    return out


def messages(store, sentences, rules, chunk=None):
    """A sentence for each problem of which there is something to say, (B,) of objects, "" for the others."""
    status = path_status(store, rules)
    said = np.full(len(status), "", object)
    unexplained = ~(store["dev_ratio"] > 0).any(axis=1)        # the squares of a tiny target, 1e-170 say, are 0 too
    for b in np.flatnonzero((store["null_deviance"] == 0) & unexplained & (status == CONVERGED)):
        said[b] = CONSTANT_TARGET
    for b in np.flatnonzero(status != CONVERGED):
        said[b] = MEANING[STATUS[status[b]]]
    for b in np.flatnonzero(status == NOT_FINITE) if chunk is not None else ():
        column = first_bad_column(chunk.X[b], chunk.names[b]) if chunk.X[b].size else None
        if column is not None:
            said[b] = f"X has NaN or infinite values in {column}"
    for b, sentence in sentences.items():
        said[b] = sentence
    return said


def path_status(store, rules):
    """(B,) worst status of the alphas of each path; those behind a stop that was asked for do not count."""
    status = store["status"]
    if rules.stops or rules.ragged_lengths:
        status = np.where((status == SKIPPED) & (status[:, :1] != SKIPPED), CONVERGED, status)
    return worst(status)
