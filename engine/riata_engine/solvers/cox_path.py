"""Paths of Cox models: solve on the few columns in play, check all columns for a block of alphas in one pass over X.

The rounds are those of ``working_set``: each problem asks for the columns that the strong rule (Tibshirani et al. 2012) does not
exclude, solves a block of alphas on them by Newton steps, and accepts the alphas whose gap over all columns is within the
tolerance.
The problems of a call share X, times and strata and differ in their weights (folds); one product serves all of them.
"""

import numpy as np

from riata_engine.cpu.cox_gap import certify
from riata_engine.cpu.cox_path import CoxPaths
from riata_engine.cpu.screen import screen
from riata_engine.solvers.column_lists import ColumnLists
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER, NOT_FINITE

#: alphas that one pass over X checks
BLOCK = 8
#: after a block of which g alphas were accepted, the next one tries g + AHEAD
AHEAD = 2
#: columns that a strong rule may bring in at once: so many, or this share of the support
WISH, WISH_SHARE = 60, 0.4
#: the gap on the columns in play is driven below this share of the tolerance
INNER = 0.3
#: rounds at one alpha without a violator before its certificate is left as it is
PATIENCE = 3


class CoxRun:
    """K problems on the rows of X in the order ``order``; arrays (K, …) say where each of them stands on its path.

    Parameters
    ----------
    design : Design
    sets, full : RiskSets
        Of the problems, and of all rows (None where no held-out deviance is asked for).
    order : (n,)
        Rows of X by strata and falling time.
    f1, f2 : (K, p) penalty factors in units of z; barred : (p,) bool
    offset : (n,) in the order of X, or None
    alphas : (K, L), l1_ratio : (K,)
    store : object with arrays gap, status, value, full_value, n_steps, n_epochs, n_hessians (K, L) and ``keep``
        Where the answers go.
    """

    def __init__(self, design, sets, full, order, f1, f2, barred, offset, alphas, l1_ratio, null, gradient, options, store,
                 control, clock):
        self.design, self.sets, self.full, self.order = design, sets, full, order
        self.f1, self.f2, self.barred = f1, f2, barred.astype(np.uint8)
        self.offset = None if offset is None else np.ascontiguousarray(offset[order])
        self.alphas, self.options, self.store, self.control, self.clock = alphas, options, store, control, clock
        self.l1, self.l2 = alphas * l1_ratio[:, None], alphas * (1 - l1_ratio)[:, None]
        self.null = null
        K, p = f1.shape
        self.factor_row = np.arange(K)
        self.paths = CoxPaths(sets)
        self.movable = (~barred).astype(np.uint8)
        self.lists = ColumnLists(K, p)
        self.pool, self.place, self.pooled = np.empty((len(order), 0), order="F"), np.full(p, -1, np.intp), 0
        self.next, self.reach = np.zeros(K, np.intp), np.full(K, BLOCK)
        self.finished = np.zeros(K, bool)
        self.tol, self.tries = np.full(K, INNER), np.zeros(K, np.intp)
        self.start, self.support = np.zeros((K, 1)), np.zeros(K, np.intp)
        self.gradient = gradient
        with np.errstate(divide="ignore", invalid="ignore"):
            entry = np.where((self.movable > 0) & (f1 > 0), np.abs(gradient) / f1, 0.0)
        self.current = np.maximum(np.nanmax(entry, axis=1, initial=0.0), self.l1[:, 0])
        self.wish, self.violators = np.zeros((K, p), np.uint8), np.zeros(K, np.intp)
        self._screen(np.arange(K))

    def _ends(self, who):
        return np.minimum(self.next[who] + self.reach[who], self.alphas.shape[1])

    def _screen(self, who):
        target = self.l1[who, self._ends(who) - 1]
        cap = np.maximum(WISH, (WISH_SHARE * self.support[who]).astype(np.intp))
        cap = np.where(target > 0, cap, self.f1.shape[1])
        screen(self.gradient, self.f1, self.factor_row[who], self.movable, self.movable, self.lists.inside,
               np.maximum(2 * target - self.current[who], 0.0), self.l1[who, self.next[who]], cap, who, self.wish, self.violators,
               self.options.n_threads)

    def round(self):
        """One round; False when every problem is done."""
        who = np.flatnonzero(~self.finished)
        if not len(who) or self.control.check():
            return False
        with self.clock("columns"):
            self.lists.append(who, self.wish)
            flat = self.lists.flat(who)
            self._gather(np.unique(flat.columns))
        k, n = len(who), self.sets.n
        alpha = np.minimum(self.next[who][:, None] + np.arange(BLOCK), self.alphas.shape[1] - 1)
        l1, l2 = (np.ascontiguousarray(part[who[:, None], alpha]) for part in (self.l1, self.l2))
        longest = max(1, int(self.lists.count[who].max()))
        if self.start.shape[1] < longest:
            self.start = np.hstack([self.start, np.zeros((len(self.start), longest - self.start.shape[1]))])
        start = np.ascontiguousarray(self.start[who, :longest])
        at = np.ascontiguousarray(self.place[flat.columns])
        f1, f2 = (np.ascontiguousarray(part[who[flat.member], flat.columns]) for part in (self.f1, self.f2))
        with self.clock("newton"):
            coef, eta, *counts, lengths = self.paths.solve(
                who, self.pool[:, :self.pooled], flat.pointer, at, f1, f2, self.offset, l1, l2,
                self._ends(who) - self.next[who], start, self.tol[who] * self.options.tol, self.null[who],
                self.options.max_iter, self.control, self.options.n_threads)
        if self.control.stopped:
            return False
        store = self.store
        i, l = np.nonzero(np.arange(BLOCK) < lengths[:, None])
        for total, count in zip((store.n_steps, store.n_epochs, store.n_hessians), counts, strict=True):
            total[who[i], alpha[i, l]] += count[i, l]
        with self.clock("certificate"):
            _, residual, _ = self.sets.evaluate(eta.reshape(k * BLOCK, n), np.repeat(who, BLOCK))
            R = np.empty((k * BLOCK, n))
            R[:, self.order] = residual
            T = self.design.transposed_matvec(R, BLOCK, self.control, self.options.n_threads).reshape(k, BLOCK, -1)
            store.n_passes += 1
            gap, value, other = certify(self.sets, self.full, who, eta, T, coef, flat.pointer, flat.columns, l1, l2, self.f1,
                                        self.f2, who, self.barred, lengths, self.null[who])
        self._accept(who, lengths, flat, coef, eta, T, gap, value, other)
        return True

    def _gather(self, columns):
        """Take the columns into the pool that it has not yet."""
        new = columns[self.place[columns] < 0]
        if not len(new):
            return
        n, room = self.pool.shape
        if self.pooled + len(new) > room:
            wider = np.empty((n, max(self.pooled + len(new), 3 * room // 2, 64)), order="F")
            wider[:, :self.pooled] = self.pool[:, :self.pooled]
            self.pool = wider
        for first in range(0, len(new), 256):
            part = new[first:first + 256]
            Z = np.empty((n, len(part)), order="F")
            self.design.gather(part, Z)
            self.pool[:, self.pooled:self.pooled + len(part)] = Z[self.order]
            self.place[part] = np.arange(self.pooled, self.pooled + len(part))
            self.pooled += len(part)

    def _accept(self, who, lengths, flat, coef, eta, T, gap, value, other):
        """Store the alphas up to the first whose gap is above the tolerance, and say where each problem goes on from."""
        store, options = self.store, self.options
        fine = (gap <= options.tol) & (np.arange(BLOCK) < lengths[:, None])
        good = np.where(fine.all(axis=1), BLOCK, fine.argmin(axis=1))
        failed = good == 0
        lost = np.flatnonzero(failed)
        self._stand(who[lost], lost, np.zeros(len(lost), np.intp), coef, T)
        self.reach[who[lost]] = AHEAD
        self.tol[who[lost]] *= 0.1
        self._screen(who[lost])
        self.tries[who[lost]] = np.where(self.violators[who[lost]] > 0, 0, self.tries[who[lost]] + 1)
        spent = store.n_steps[who, self.next[who]] >= options.max_iter
        surrender = failed & ((self.tries[who] > PATIENCE) | spent)
        good[surrender] = 1
        k, l = np.nonzero(np.arange(BLOCK) < good[:, None])
        problem, alpha = who[k], self.next[who[k]] + l
        store.gap[problem, alpha], store.value[problem, alpha] = gap[k, l], value[k, l]
        store.full_value[problem, alpha] = other[k, l]
        finite = np.isfinite(value[k, l]) & np.isfinite(coef[k, l]).all(axis=1)
        store.status[problem, alpha] = np.where(~finite, NOT_FINITE, np.where(surrender[k], MAX_ITER, CONVERGED))
        store.keep(problem, alpha, k, l, flat, coef, eta)
        self.control.done += len(k)
        some = np.flatnonzero(good)
        there, good, lengths = who[some], good[some], lengths[some]
        self.tol[there], self.tries[there] = INNER, 0
        self.reach[there] = np.minimum(BLOCK, good + AHEAD)
        self._stand(there, some, np.minimum(good, lengths - 1), coef, T)
        self.next[there] += good
        self.finished[there] |= self.next[there] >= self.alphas.shape[1]
        self._screen(there[~self.finished[there]])

    def _stand(self, who, k, at, coef, T):
        """The problems ``who``, rows k of a round, go on from alpha ``at`` of their block."""
        if not len(who):
            return
        self.gradient[who], self.current[who] = T[k, at], self.l1[who, self.next[who] + at]
        found = coef[k, at]
        self.start[who, :found.shape[1]] = np.where(np.isfinite(found), found, 0.0)
        self.support[who] = np.count_nonzero(found, axis=1)
