"""Paths for many features: solve on the few columns in play, check all columns for a whole block of alphas in one pass over X.

A round: each problem asks for the columns that the strong rule (Tibshirani et al. 2012), aimed at the end of its next block of
alphas, does not exclude; the pool takes them in; the block is solved in Gram space; one product Zᵀ[R₁ … R_k] gives the exact
gradient of every column at every alpha of every problem, and with it the certificates. Alphas are accepted up to the first whose
gap over all columns is above the tolerance; what violates there comes in, and the next round goes on from it.
"""

import numpy as np

from riata_engine.cpu.design import Design
from riata_engine.cpu.fits import subtract_fits
from riata_engine.cpu.screen import accept, bound_gradients, screen
from riata_engine.cpu.targets import residual_norms
from riata_engine.solvers.certificate import TIGHTER, gaps_of
from riata_engine.solvers.column_lists import ColumnLists
from riata_engine.solvers.gram_paths import room_for, solve_gram_paths
from riata_engine.solvers.half_free import HalfFree
from riata_engine.solvers.own_pools import OwnPools
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER, SKIPPED
from riata_engine.solvers.pool import Pool

#: alphas that one pass over X checks
BLOCK = 10
#: after a block of which g alphas were accepted, the next one tries g + AHEAD: what is rejected was solved in vain
AHEAD = 2
#: columns that a strong rule may bring in at once: so many (more where a pass over X is dear), or this share of the support
WISH, WISH_ROWS, WISH_SHARE = (40, 100), 4, 0.3
#: the gap on the columns in play is driven below this share of the tolerance: the rest is for the columns outside
INNER = 0.3
#: rows up to which each problem has a Gram matrix of its own
SHORT = 512
#: problems that go through their rounds together, and bytes that their own Gram matrices of four columns a row may take
TOGETHER, OWN_BYTES = 64, 1 << 26
#: bytes of a float32 X from which its columns are checked in float32: a smaller one stays in a cache, where it gains nothing
NARROW_FROM = 1 << 24
#: rounds at one alpha without a violator before its certificate is left as it is
PATIENCE = 3


def solve_working_set(form, alphas, options, store, control, clock):
    """Fill ``store`` with the paths of all problems of ``form``; see ``riata_engine.batch`` for the arguments."""
    free = form.free_features(control, options.n_threads) if len(form.free) else None
    with clock("gradient"):
        gradient = form.gradient_at_null(control, options.n_threads)
        store.n_passes += 1
        if free is not None:
            gradient = free.gradient(gradient)
    l1, l2 = options.penalties(form, alphas)
    for problems, pool in _chunks(form, options):
        if control.stopped:
            return
        run = _Run(form, problems, pool, alphas, l1, l2, gradient, options, store, control, clock, free)
        while run.round():
            pass
    if free is not None:
        store.flag_degenerate(free.degenerate)


def _chunks(form, options):
    """Problems that go together, and the kind of their pool.

    Of few rows each problem has a Gram matrix of its own columns. Otherwise every group's Gram matrix holds the columns of all
    problems of its chunk: of all groups, unless a matrix for each would not fit.
    """
    n, p = form.shape
    most = min(TOGETHER, int(options.max_memory / (8 * (BLOCK + 4) * p)))            # gradients of a block, and where each stands
    if n <= SHORT:
        guess = min(p, max(256, 4 * n))
        fit = int(min(OWN_BYTES, options.max_memory / 4) / (8 * guess * guess)) if OwnPools.together(form) else 1
        yield from ((problems, OwnPools) for problems in _pieces(np.arange(form.n_problems), min(most, fit)))
        return
    guess = min(p, max(256, 2 * n))
    for groups in _pieces(np.unique(form.group), int(options.max_memory / (4 * 8 * guess * guess))):
        yield from ((problems, Pool) for problems in _pieces(np.flatnonzero(np.isin(form.group, groups)), most))


def _slack(form):
    """(p,) what a pass in float32 may be off by, in units of √Σ v r²; None where X or the problem does not go in float32.

    By Cauchy's inequality Σ v |z_j| |r| ≤ √Σ v z_j² √Σ v r². The first is at most two by the choice of multipliers, but for the
    rounding of the center. Float32 has no room for columns of extreme scale.
    """
    multiplier, error = form.design.multiplier, form.design.narrow_error
    unbounded = (form.lower == form.upper) | (np.isinf(form.lower) & np.isinf(form.upper))
    if not np.isfinite(error) or form.design.X.nbytes < NARROW_FROM:
        return None
    if form.held_out is not None or form.V.shape[1] > 1 or not unbounded.all():
        return None
    moved = 2.0**-24 * form.design.center * multiplier
    fits = (multiplier == 0) | ((multiplier > 2.0**-40) & (multiplier < 2.0**40))
    return np.where(fits, error * np.hypot(2.0, moved), np.inf)


def _pieces(array, size):
    return np.split(array, range(max(1, size), len(array), max(1, size)))


class _Run:
    """One chunk of K problems. Arrays (K, …) say where each of them stands on its path; ``who`` are those that go on."""

    def __init__(self, form, problems, pool, alphas, l1, l2, gradient, options, store, control, clock, free):
        self.form, self.problems, self.options = form, problems, options
        self.store, self.control, self.clock, self.free = store, control, clock, free
        self.group, self.target = form.group[problems], form.target[problems]
        self.factor_row = form.factor_row[self.group]
        self.alphas, self.l1, self.l2, self.c = alphas[problems], l1[problems], l2[problems], gradient[problems]
        self.half_free = HalfFree(form, free, options, store, control) if options.by_kkt else None
        self.slack = _slack(form) if free is None and self.half_free is None else None
        self.least = int(np.clip(WISH[0] // 2 + len(form.V) // WISH_ROWS, *WISH))
        self.pool = pool(form, problems, free, control, options.n_threads)
        movable = form.design.multiplier > 0
        self.rises, self.falls = ((movable & side).astype(np.uint8) for side in (form.upper > 0, form.lower < 0))
        self.y = np.ascontiguousarray(form.Y.T[self.target] - form.ybar[self.group, self.target][:, None])
        self.null = form.null()[problems]
        yy = 2 * self.null
        self.yy = yy if free is None else np.maximum(yy - free.explained()[problems], 0.0)
        self.held = self._held_out_weights()
        K, p = len(problems), form.shape[1]
        self.lists = ColumnLists(K, p)
        self.next = np.zeros(K, np.intp)                 # first alpha that is not accepted
        self.finished = np.zeros(K, bool)
        self.reach = np.full(K, BLOCK)                   # alphas to try in the next block
        self.share = np.full(K, WISH_SHARE)              # of the support that a strong rule may bring in
        self.tol = np.full(K, INNER)
        self.tries = np.zeros(K, np.intp)
        self.dev = np.zeros(K)
        self.b = np.zeros((K, 1))                        # coefficients at the last accepted alpha, as the pool has its columns
        self.support = np.zeros(K, np.intp)
        self.gradient = self.c.copy()                    # (K, p) there
        with np.errstate(divide="ignore", invalid="ignore"):
            f1 = form.f1[self.factor_row]
            entry = np.where(((self.rises | self.falls) > 0) & (f1 > 0), np.abs(self.c) / f1, 0.0)
        self.current = np.maximum(np.nanmax(entry, axis=1, initial=0.0), self.l1[:, 0])      # the l1 penalty it was solved for
        self.wish, self.violators = np.zeros((K, p), np.uint8), np.zeros(K, np.intp)
        self._screen(np.arange(K))

    def _held_out_weights(self):
        """(K, n) weights of the held-out rows, of sum one where there are any; None where nothing is held out."""
        form = self.form
        if form.held_out is None:
            return None
        weights = np.where(form.V.T[self.group] == 0, form.held_out_weight, 0.0)
        total = weights.sum(axis=1, keepdims=True)
        self.holding = total[:, 0] > 0
        return weights / np.where(total > 0, total, 1.0)

    def _ends(self, who):
        return np.minimum(self.next[who] + self.reach[who], self.alphas.shape[1])

    def _screen(self, who):
        """What the problems bring in next: violators at the gradient they stand at, and what the strong rule lets through."""
        target = self.l1[who, self._ends(who) - 1]
        cap = np.maximum(self.least, (self.share[who] * self.support[who]).astype(np.intp))
        screen(self.gradient, self.form.f1, self.factor_row[who], self.rises, self.falls, self.lists.inside,
               np.maximum(2 * target - self.current[who], 0.0), self.l1[who, self.next[who]], cap, who, self.wish, self.violators,
               self.options.n_threads)

    def round(self):
        """One round; False when every problem is done."""
        who = np.flatnonzero(~self.finished)
        if not len(who) or self.control.check():
            return False
        with self.clock("gram"):
            old = self.lists.count[who]
            self.lists.append(who, self.wish)
            self.pool.extend(who, self.lists, old)
        if self.control.stopped:
            return False
        flat = self.lists.flat(who)
        at = np.ascontiguousarray(self.pool.positions(flat))
        lengths = self._ends(who) - self.next[who]
        with self.clock("descent"):
            coef, lengths = self._descend(who, flat, at, lengths)
        if self.control.stopped:
            return False
        with self.clock("certificate"):
            R, free_b = self._residuals(who, flat, at, lengths, coef)
            T = self._gradients(who, flat, at, lengths, coef, R)
            gap, square = self._gaps(who, lengths, coef, R, T)
        if self.control.stopped:
            return False
        with self.clock("accept"):
            good = self._accept(who, lengths, coef, T, gap, square)
            self._store(who, good, flat, at, coef, free_b, R)
            self._move_on(who, good, lengths, coef, T)
        return True

    def _descend(self, who, flat, at, lengths):
        """(k, BLOCK, M) coefficients of the blocks, and how many of their ``lengths`` alphas were solved."""
        k, M = len(who), self.pool.size
        alpha = np.minimum(self.next[who][:, None] + np.arange(BLOCK), self.alphas.shape[1] - 1)
        l1, l2 = self.l1[who[:, None], alpha], self.l2[who[:, None], alpha]
        counts, rows = (self.store.n_epochs, self.store.n_cholesky), self.problems[who][:, None]
        start, c = np.zeros((2, k, M))
        m = min(M, self.b.shape[1])                      # the problem with the longest list may be done
        start[:, :m] = self.b[who, :m]
        c[flat.member, at] = self.c[who[flat.member], flat.columns]
        C, gram_of, f1, f2, lower, upper, pointer, allowed = self.pool.in_play(who, flat)
        found = solve_gram_paths(C, gram_of, c, self.yy[who], self.null[who], (f1, f2), (lower, upper),
                                 1.0 / self.form.sigma[self.target[who]], l1, l2, self.options, self.control,
                                 room_for(k, BLOCK, M, *(count[rows, alpha] for count in counts)),
                                 tol=self.tol[who] * self.options.tol, lengths=lengths, allowed=(pointer, allowed), start=start,
                                 start_l1=self.current[who], ahead=True)
        i, l = np.nonzero(np.arange(BLOCK) < lengths[:, None])
        for count, here in zip(counts, (found.epochs, found.newtons), strict=True):
            count[rows[i, 0], alpha[i, l]] = here[i, l]
        return found.coef, np.count_nonzero(found.status != SKIPPED, axis=1)       # none behind one that has spent its epochs

    def _residuals(self, who, flat, at, lengths, coef):
        """(k, BLOCK, n) residuals of every alpha of every block, and (k, BLOCK, q) coefficients of free features (or None)."""
        k, group, n_threads = len(who), self.group[who], self.options.n_threads
        level = np.zeros((k, BLOCK, 1))
        subtract_fits(self.form.shift[:, :, None], group, flat.pointer, at, flat.columns, coef, lengths, level, n_threads)
        R = self.y[who][:, None] - level
        self.pool.subtract(flat, at, coef, lengths, R)
        if self.form.intercept:              # sums of rounding times a mean far from zero would stand in the gradients
            R -= (R * self.form.V.T[group][:, None]).sum(axis=2, keepdims=True)
        if self.free is None:
            return R, None
        products = np.zeros((k, BLOCK, len(self.form.free)))
        subtract_fits(self.free.cross, group, flat.pointer, at, flat.columns, coef, lengths, products, n_threads)
        free_b = self.free.solved(-products, self.problems[who])
        self.free.subtract_fitted(R, free_b, self.problems[who], lengths, n_threads)
        return R, free_b

    def _gradients(self, who, flat, at, lengths, coef, R):
        """(k, BLOCK, p): one pass over X. Each problem is a block of its own in the product, so that its bits are its own.

        Of float32 X the pass is one of float32: the gradient of a column is moved away from zero by as much as rounding may have
        changed it. Columns with a coefficient, and those that such a bound would not leave below the threshold, are multiplied
        again in float64, so that the certificate holds for what X is.
        """
        form, design, n_threads = self.form, self.form.design, self.options.n_threads
        k = len(who)
        weighted = (R * form.V.T[self.group[who]][:, None]).reshape(k * BLOCK, -1)
        T = design.transposed_matvec(weighted, BLOCK, self.control, n_threads, narrow=self.slack is not None)
        T = T.reshape(k, BLOCK, -1)
        self.store.n_passes += 1
        if self.slack is None:
            return T
        size = np.sqrt(np.einsum("kln,kln->kl", weighted.reshape(R.shape), R))
        alpha = np.minimum(self.next[who][:, None] + np.arange(BLOCK), self.alphas.shape[1] - 1)
        doubtful = np.zeros((k, T.shape[2]), np.uint8)
        used = (coef[flat.member, :, at] != 0).any(axis=1)
        doubtful[flat.member[used], flat.columns[used]] = 1
        bound_gradients(T, self.slack, size, self.l1[who[:, None], alpha], form.f1, self.factor_row[who], lengths, doubtful,
                        n_threads)
        columns = np.flatnonzero(doubtful.any(axis=0))
        some = Design(design.X.T[columns].T, design.center[columns], design.multiplier[columns])
        exact = some.transposed_matvec(weighted, BLOCK, self.control, n_threads).reshape(k, BLOCK, -1)
        i, j = np.nonzero(doubtful[:, columns])
        T[i, :, columns[j]] = exact[i, :, j]
        return T

    def _gaps(self, who, lengths, coef, R, T):
        alpha = np.minimum(self.next[who][:, None] + np.arange(BLOCK), self.alphas.shape[1] - 1)
        columns, row = self.pool.layout(who, self.lists)
        return gaps_of(self.form, self.problems[who], coef, R, T, self.l1[who[:, None], alpha], self.l2[who[:, None], alpha],
                       self.options, self.free, self.half_free, lengths, columns, row)

    def _accept(self, who, lengths, coef, T, gap, square):
        """(k,) how many of each block's alphas are accepted, with their certificates stored.

        Up to the first whose gap is above the tolerance. Where that is the first of all, more columns and a smaller gap on those
        in play are asked for; where no more columns come and the gap stays, or the alpha's epochs are spent, its answer is
        accepted as it is.
        """
        store, options = self.store, self.options
        failed = ~(gap[:, 0] <= options.tol)
        lost = np.flatnonzero(failed)
        self._stand(who[lost], lost, np.zeros(len(lost), np.intp), coef, T)
        self.reach[who[lost]] = AHEAD
        self.share[who[lost]] = np.minimum(WISH_SHARE, 1.2 * self.share[who[lost]])
        self.tol[who[lost]] *= 0.1 if self.half_free is None else TIGHTER
        self._screen(who[lost])
        self.tries[who[lost]] = np.where(self.violators[who[lost]] > 0, 0, self.tries[who[lost]] + 1)
        spent = store.n_epochs[self.problems[who], self.next[who]] >= options.max_epochs
        surrender = failed & ((self.tries[who] > PATIENCE) | spent)
        good, done, dev = np.empty(len(who), np.intp), np.empty(len(who), np.uint8), self.dev[who]
        accept(gap, square, lengths, self.next[who], 2 * self.null[who], options.tol, options.stop_dev_ratio,
               options.stop_dev_change, surrender.astype(np.uint8), dev, good, done)
        self.dev[who], self.finished[who] = dev, done > 0
        if np.isfinite(options.stop_df):
            df = np.count_nonzero(coef, axis=2) + len(self.form.free)
            full = (df >= options.stop_df) & (np.arange(BLOCK) < good[:, None])
            ended = np.flatnonzero(full.any(axis=1))
            good[ended] = full[ended].argmax(axis=1) + 1
            self.finished[who[ended]] = True
        k, l = np.nonzero(np.arange(BLOCK) < good[:, None])
        problem, alpha = self.problems[who[k]], self.next[who[k]] + l
        store.gap[problem, alpha], store.residual[problem, alpha] = gap[k, l], square[k, l]
        store.status[problem, alpha] = np.where(surrender[k], MAX_ITER, CONVERGED)
        self.control.done += len(k)
        return good

    def _store(self, who, good, flat, at, coef, free_b, R):
        """Coefficients and held-out deviances of what was accepted."""
        k, l = np.nonzero(np.arange(BLOCK) < good[:, None])
        if not len(k):
            return
        first = np.cumsum(good) - good
        values = coef[flat.member, :, at]
        entry, alpha = np.nonzero((values != 0) & (np.arange(BLOCK) < good[flat.member][:, None]))
        row, columns, values = first[flat.member[entry]] + alpha, flat.columns[entry], values[entry, alpha]
        if free_b is not None:
            free, q = self.form.free, len(self.form.free)
            row = np.concatenate([row, np.repeat(np.arange(len(k)), q)])
            columns = np.concatenate([columns, np.tile(free, len(k))])
            values = np.concatenate([values, free_b[k, l].ravel()])
        self.store.put_entries(self.problems[who[k]], self.next[who[k]] + l, row, columns, values)
        if self.held is not None:
            square, product = np.empty((2, len(who), BLOCK))
            residual_norms(R, self.held, who, self.y[who], square, product)
            square[~self.holding[who]] = np.nan
            self.store.held_out[self.problems[who[k]], self.next[who[k]] + l] = square[k, l]

    def _move_on(self, who, good, lengths, coef, T):
        """Stand at the first alpha that was not accepted, or the last of the block; ask for the next columns."""
        some = np.flatnonzero(good)
        there, good, lengths = who[some], good[some], lengths[some]
        self.tol[there], self.tries[there] = INNER, 0
        self.reach[there] = np.minimum(BLOCK, good + AHEAD)
        self.share[there] = np.where(good < lengths, np.minimum(WISH_SHARE, 1.2 * self.share[there]), 0.7 * self.share[there])
        self._stand(there, some, np.minimum(good, lengths - 1), coef, T)
        self.next[there] += good
        self.finished[there] |= self.next[there] >= self.alphas.shape[1]
        self._screen(there[~self.finished[there]])

    def _stand(self, who, k, at, coef, T):
        """The problems ``who``, rows k of a round, go on from alpha ``at`` of their block."""
        if self.b.shape[1] < coef.shape[2]:
            self.b = np.hstack([self.b, np.zeros((len(self.b), coef.shape[2] - self.b.shape[1]))])
        self.gradient[who], self.current[who] = T[k, at], self.l1[who, self.next[who] + at]
        self.b[who, :coef.shape[2]] = coef[k, at]
        self.support[who] = np.count_nonzero(coef[k, at], axis=1)
