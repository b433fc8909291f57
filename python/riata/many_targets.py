"""Many targets on one design: the Gram matrix is shared, by the folds of a cross-validation and by targets that lack rows."""

import time
from dataclasses import replace
from functools import partial

import numpy as np

from riata.arguments import derived_alphas, with_ridge_grid
from riata.columns import begins, joined, picked
from riata.many_losses import faults_of, faults_of_folds, filled
from riata.many_solve import CONVERGED, FITS, SKIPPED, blank, messages, restored, solve_chunk
from riata.prediction import linear_predictor
from riata_engine.batch import STATUS, Batch, Interrupted, solve

NOT_FINITE = STATUS.index("not_finite")


def solve_targets(chunk, first, rules, time_left=None, progress=None, max_memory=None):
    """As `riata.many_solve.solve_chunk`, for problems that have one design, and weights (n,) or None, in common.

    Targets that lack the same rows are one group of the engine's batch, whose Gram matrix is the whole one less that of these
    rows. Under cross-validation, targets that lack rows go as unrelated problems.
    """
    deadline = None if time_left is None else time.monotonic() + time_left
    Y = np.column_stack(chunk.y)
    missing = np.isnan(Y)
    lacking = missing.any(axis=0)
    strange = np.isinf(Y).any(axis=0) | missing.all(axis=0)
    apart = strange if rules.folds is None else strange | lacking
    n, p = chunk.sizes
    apart |= p == 0
    used = {} if chunk.weights is None else dict.fromkeys(range(len(n)), chunk.weights[0] > 0)
    apart[list(faults_of(rules.loss, chunk.y, used))] = True
    runs = [(np.flatnonzero(~apart), partial(_shared, folds=None))] if rules.folds is None else _of_equal_folds(
        chunk, Y, apart, rules.folds, rules.loss)
    parts, numbers, interrupted = [], [], False
    for members, run in (*runs, (np.flatnonzero(apart), _unrelated)):
        if not len(members):
            continue
        if interrupted:
            store = blank(n[members], p[members], n[members], rules.L, SKIPPED, rules)
            store["message"] = np.full(len(members), "Ctrl-C came before it", object)
            store["l1_ratio"] = rules.l1_ratios(first, len(n))[members]
        else:
            store, interrupted = run(chunk, members, first, rules, deadline, progress, Y, max_memory)
        parts.append(store)
        numbers.append(members)
    order = np.concatenate(numbers)
    store = joined(parts)
    return (picked(store, np.argsort(order)) if (order[1:] < order[:-1]).any() else store), interrupted


def _of_equal_folds(chunk, Y, apart, folds, loss):
    """[(members, how they are solved)] of the targets with equal folds; those that have none, or their own, are set apart."""
    rest = np.flatnonzero(~apart)
    if not len(rest):
        return []
    used = None if chunk.weights is None else chunk.weights[0] > 0

    def of(b):
        return folds.of(0, len(Y), used, Y[:, b], chunk.X[0])

    if not folds.read_targets:
        made = of(rest[0])
        if isinstance(made, str):                      # too few rows for the folds: there is a sentence for each
            apart[:] = True
            return []
        return [(_trained(chunk, Y, apart, rest, made, used, loss), partial(_shared, folds=made))]
    alike = {}
    for b in rest:                                     # a splitter that reads y
        made = of(b)
        alike.setdefault(made if isinstance(made, str) else made[1].tobytes(), (made, []))[1].append(b)
    runs = []
    for made, members in alike.values():
        if isinstance(made, str) or len(members) == 1:
            apart[members] = True
        else:
            runs.append((_trained(chunk, Y, apart, np.array(members), made, used, loss), partial(_shared, folds=made)))
    return runs


def _trained(chunk, Y, apart, members, folds, used, loss):
    """The targets that every fold leaves something to train on; the others are set apart."""
    K, ids = folds
    counted = {} if used is None else dict.fromkeys(range(len(members)), used)
    faults = faults_of_folds(loss, [Y[:, b] for b in members], counted, [ids] * len(members), np.full(len(members), K))
    apart[members[list(faults)]] = True
    return members[~apart[members]]


def _left(deadline):
    """Seconds until a deadline, more than 0; None where there is none."""
    return None if deadline is None else max(deadline - time.monotonic(), 1e-9)


def _unrelated(chunk, members, first, rules, deadline, progress, Y, max_memory):
    """The problems that go one by one."""
    def those(items):
        return None if items is None else [items[b] for b in members]

    part = replace(chunk, X=those(chunk.X), y=those(chunk.y), weights=those(chunk.weights), offset=those(chunk.offset),
                   sizes=tuple(size[members] for size in chunk.sizes))
    return solve_chunk(part, 0, rules.of(first + members), _left(deadline), progress, max_memory)


def _shared(chunk, members, first, rules, deadline, progress, Y, max_memory, folds):
    X, Y = chunk.X[0], np.asfortranarray(Y[:, members])
    n, p = X.shape
    T, L = len(members), rules.L
    missing = np.isnan(Y)
    weights = None if chunk.weights is None else chunk.weights[0]
    l1_ratio = rules.l1_ratios(first, len(chunk.y))[members]
    alphas, back = rules.grid(first, members, L)
    own = {name: None if values is None else values[0] for name, values in rules.of_features(first, members[:1], [p]).items()}
    settings = {**rules.settings, **own, "offset": None if chunk.offset is None else chunk.offset[0],
                "max_memory": max_memory}
    if rules.loss.name == "squared":
        Y[missing] = 0.0
    elif missing.any():
        Y = np.asfortranarray(filled(Y, ~missing))
    used = n - missing.sum(axis=0) if weights is None else np.count_nonzero((weights > 0)[:, None] & ~missing, axis=0)
    common = {"weights": weights, "l1_ratio": l1_ratio, "n_alphas": L, "target": np.arange(T), **settings}
    if alphas is not None:
        common["alphas"] = alphas
    if rules.folds is None:
        return _paths(X, Y, missing, used, common, rules, back, progress, l1_ratio, deadline)
    return _folds(X, Y, used, common, rules, back, progress, l1_ratio, folds, deadline)


def _paths(X, Y, missing, used, common, rules, back, progress, l1_ratio, deadline):
    """Paths; a group for each set of rows that targets lack."""
    n, p = X.shape
    T = Y.shape[1]
    held_out, group = None, np.zeros(T, np.intp)
    if missing.any():
        patterns, group = np.unique(np.packbits(missing, axis=0), axis=1, return_inverse=True)
        group = group.reshape(-1)
        firsts = [int(np.argmax(group == g)) for g in range(patterns.shape[1])]
        held_out = [np.flatnonzero(missing[:, b]) for b in firsts]
    ratios = rules.min_ratios(used, p, np.ones(T)) if rules.alphas is None else np.zeros(T)
    stores, numbers, interrupted = [], [], False
    for ratio in np.unique(ratios):                    # targets that lack so many rows that p >= n have a shorter grid
        members = np.flatnonzero(ratios == ratio)
        batch = Batch(X, Y, held_out=held_out, **{**common, "target": members, "group": group[members],
                      "l1_ratio": l1_ratio[members]}, alpha_min_ratio=rules.alpha_min_ratio)
        if rules.alphas is None:
            batch = _with_grid(batch, ratio, rules)
        else:
            batch.alphas = batch.alphas[members]
        found, interrupted = _solve(batch, progress, rules.L, deadline)
        store = _columns(found, slice(None), p, n, used[members], len(members))
        stores.append(restored(store, back if back is None or back.ndim == 1 else back[members]))
        numbers.append(members)
        if interrupted:
            break
    if interrupted and sum(map(len, numbers)) < T:
        rest = np.setdiff1d(np.arange(T), np.concatenate(numbers))
        stores.append(blank(np.full(len(rest), n), np.full(len(rest), p), used[rest], rules.L, SKIPPED, rules))
        numbers.append(rest)
    store, order = joined(stores), np.concatenate(numbers)
    if (order[1:] < order[:-1]).any():
        store = picked(store, np.argsort(order))
    store["message"], store["l1_ratio"] = messages(store, {}, rules), l1_ratio
    return store, interrupted


def _with_grid(batch, ratio, rules):
    """The batch whose grid ends at `ratio` (ridge: at its own), unless the caller says where."""
    if rules.alpha_min_ratio is not None:
        return batch
    if (batch.l1_ratio == 0).any():
        return with_ridge_grid(batch)
    return replace(batch, alpha_min_ratio=float(ratio))


def _folds(X, Y, used, common, rules, back, progress, l1_ratio, folds, deadline):
    """Paths on all rows and without those of each fold, (K + 1) problems a target, on one Gram matrix."""
    n, p = X.shape
    T, L = Y.shape[1], rules.L
    K, ids = folds
    tests = [np.flatnonzero(ids == k) for k in range(K)]
    whole = Batch(X, Y, **common, alpha_min_ratio=rules.alpha_min_ratio)
    columns = None
    if rules.alphas is None:
        alphas, columns = derived_alphas(whole)
    else:
        alphas = np.broadcast_to(common["alphas"], (T, L))
    groups = K + 1
    batch = Batch(X, Y, held_out=[np.empty(0, np.intp), *tests],
                  **{**common, "alphas": np.repeat(alphas, groups, axis=0), "target": np.repeat(np.arange(T), groups),
                     "group": np.tile(np.arange(groups), T), "l1_ratio": np.repeat(l1_ratio, groups)})
    batch.columns = columns
    found, interrupted = _solve(batch, progress, L * groups, deadline)
    full = np.arange(T) * groups
    store = _columns(found, full, p, n, used, T)
    of_folds = full[:, None] + 1 + np.arange(K)
    status = found.status[of_folds]
    store |= {"held_out": found.held_out_deviance[of_folds].ravel(), "held_out_at": begins(np.full(T, K * L)),
              "n_folds": np.full(T, K), "fold_status": status.max(axis=1), "fold_gap": found.gap[of_folds].max(axis=1)}
    if rules.keep_predictions:
        prediction = np.full((T, n, L), np.nan)
        for k, test in enumerate(tests):
            coef = found.coef[of_folds[:, k]]
            fitted = linear_predictor(X, np.nan_to_num(coef.reshape(-1, p)), found.intercept[of_folds[:, k]].ravel(),
                                      common["offset"], test)
            prediction[:, test] = fitted.reshape(len(test), T, L).transpose(1, 0, 2)
        store |= {"prediction": prediction.ravel(), "prediction_at": begins(np.full(T, n * L))}
    store = restored(store, back)
    store["message"], store["l1_ratio"] = messages(store, {}, rules), l1_ratio
    return store, interrupted


def _solve(batch, progress, fits, deadline):
    """The engine's solution of a batch with so many fits a problem, and whether Ctrl-C ended it."""
    report = None if progress is None else lambda done, total: progress(done // fits)
    batch.time_budget = _left(deadline)                # what the grid took is gone
    try:
        return solve(batch, progress=report), False
    except Interrupted as stopped:
        return stopped.solution, True


def _columns(found, rows, p, n, used, T):
    """The store of some problems of a solution of many targets."""
    store = {name: getattr(found, name)[rows] for name in FITS}
    L = store["alphas"].shape[1]
    coef = found.coef[rows]
    coef[(store["status"] != CONVERGED) & np.isnan(store["intercept"])] = np.nan
    return store | {
        "coef": coef.reshape(-1), "coef_at": begins(np.full(T, L * p)), "null_deviance": np.asarray(found.null_deviance)[rows],
        "seconds": np.full(T, sum(found.profile.values()) / T), "n_passes": np.full(T, found.n_passes), "n_samples": used,
        "n_rows": np.full(T, n), "n_features": np.full(T, p), "solver": np.full(T, found.solver)}
