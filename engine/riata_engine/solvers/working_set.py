"""Paths for many features: solve on the few columns in play, check all columns for a whole block of alphas in one pass over X.

A round: each problem asks for the columns that the strong rule (Tibshirani et al. 2012), aimed at the end of its next block of
alphas, does not exclude; the pool takes them in; the block is solved in Gram space; one product Zᵀ[R₁ … R_k] gives the exact
gradient of every column at every alpha of every problem, and with it the certificates. Alphas are accepted up to the first whose
gap over all columns is above the tolerance; what violates there comes in, and the next round goes on from it.
"""

import numpy as np

from riata_engine.cpu.gram_path import gram_path
from riata_engine.solvers.certificate import TIGHTER, gaps_of
from riata_engine.solvers.half_free import HalfFree
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER, SKIPPED
from riata_engine.solvers.pool import Pool

#: alphas that one pass over X checks
BLOCK = 10
#: after a block of which g alphas were accepted, the next one tries g + AHEAD: what is rejected was solved in vain
AHEAD = 2
#: columns that a strong rule may bring in at once: this many, or this share of the support
WISH, WISH_SHARE = 100, 0.3
#: the gap on the columns in play is driven below this share of the tolerance: the rest is for the columns outside
INNER = 0.3
#: rows up to which each weight group has a pool of its own
SHORT = 512
#: rounds at one alpha without a violator before its certificate is left as it is
PATIENCE = 3


class _Member:
    """Where one problem stands on its path."""

    def __init__(self, problem, gradient, l1):
        self.problem = problem
        self.next = 0                        # first alpha that is not accepted
        self.allowed = np.empty(0, np.intp)  # pool positions it may use, in its own order
        self.support = np.empty(0, np.intp)  # pool positions and coefficients at the last accepted alpha
        self.b = np.empty(0)
        self.gradient = gradient             # (p,) at that alpha
        self.l1 = l1                         # the l1 penalty it was solved for
        self.tries = 0
        self.spent = np.zeros(2, np.int64)   # epochs and Newton steps on alphas that were not accepted, since the last that was
        self.tol = INNER
        self.dev = 0.0
        self.share = WISH_SHARE              # of the support that a strong rule may bring in
        self.reach = BLOCK                   # alphas to try in the next block
        self.finished = False


def solve_working_set(form, alphas, options, store, control, clock):
    """Fill ``store`` with the paths of all problems of ``form``; see ``riata_engine.batch`` for the arguments."""
    free = form.free_features(control, options.n_threads) if len(form.free) else None
    with clock("gradient"):
        gradient = form.gradient_at_null(control, options.n_threads)
        store.n_passes += 1
        if free is not None:
            gradient = free.gradient(gradient)
    l1, l2 = options.penalties(form, alphas)
    for problems in _chunks(form, options):
        if control.stopped:
            return
        run = _Run(form, problems, alphas, l1, l2, gradient, options, store, control, clock, free)
        while run.round():
            pass
    if free is not None:
        store.flag_degenerate(free.degenerate)


def _chunks(form, options):
    """Problems that share a pool: all of them, unless a Gram matrix for each weight group would not fit, or X is short.

    Every group's Gram matrix holds the columns of all: what it costs to write that is more than the products of a few rows.
    """
    groups = np.unique(form.group)
    guess = min(form.shape[1], max(256, 2 * form.shape[0]))
    size = 1 if form.shape[0] <= SHORT else max(1, int(options.max_memory / (4 * 8 * guess * guess)))
    for at in range(0, len(groups), size):
        members = np.flatnonzero(np.isin(form.group, groups[at:at + size]))
        for first in range(0, len(members), 64):
            yield members[first:first + 64]


class _Run:
    """One chunk of problems on one pool."""

    def __init__(self, form, problems, alphas, l1, l2, gradient, options, store, control, clock, free):
        self.form, self.alphas, self.l1, self.l2, self.options = form, alphas, l1, l2, options
        self.store, self.control, self.clock, self.free, self.c = store, control, clock, free, gradient
        self.half_free = HalfFree(form, free, options, store, control) if options.by_kkt else None
        self.groups = np.unique(form.group[problems])
        self.group_at = {g: k for k, g in enumerate(self.groups)}
        self.pool = Pool(form, self.groups, free, control, options.n_threads)
        self.eligible = (form.upper > 0) | (form.lower < 0)
        self.members = []
        for b in problems:
            row = self._row(b)
            with np.errstate(divide="ignore", invalid="ignore"):
                entry = np.where(self.eligible & (form.f1[row] > 0), np.abs(gradient[b]) / form.f1[row], 0.0)
            top = np.nanmax(entry, initial=0.0)
            self.members.append(_Member(b, gradient[b], max(top, l1[b, 0])))
        yy = form.yy[form.group, form.target]
        self.yy = yy if free is None else np.maximum(yy - free.explained(), 0.0)

    def _row(self, problem):
        return self.form.group[problem] if len(self.form.f1) > 1 else 0

    def round(self):
        """One round; False when every problem is done."""
        active = [m for m in self.members if not m.finished]
        if not active or self.control.check():
            return False
        with self.clock("gram"):
            self._grow(active)
        if self.control.stopped:
            return False
        with self.clock("descent"):
            coef, status, epochs, newtons = self._descend(active)
        if self.control.stopped:
            return False
        with self.clock("certificate"):
            T, R = self._pass(active, coef)
        if self.control.stopped:
            return False
        for k, member in enumerate(active):
            self._accept(member, k, coef[k], status[k], epochs[k], newtons[k], T, R)
        return True

    def _block(self, member):
        return slice(member.next, min(member.next + member.reach, self.alphas.shape[1]))

    def _grow(self, active):
        wishes = [self._wish(member) for member in active]
        self.pool.add(np.unique(np.concatenate(wishes)) if len(active) > 1 else wishes[0])
        for member, wish in zip(active, wishes, strict=True):
            member.allowed = np.concatenate([member.allowed, self.pool.where[wish]])

    def _wish(self, member):
        """Columns to bring in: the violators at the last accepted alpha's gradient, and what the strong rule lets through."""
        b, form = member.problem, self.form
        f1 = form.f1[self._row(b)]
        target = self.l1[b, self._block(member)][-1]
        outside = self.eligible & (form.design.multiplier > 0)
        outside[self.pool.columns[member.allowed]] = False
        may = np.where(member.gradient > 0, form.upper > 0, form.lower < 0)
        size = np.abs(member.gradient) * may
        strong = np.flatnonzero(outside & (size >= f1 * max(2 * target - member.l1, 0.0)) & (size > 0))
        cap = max(WISH, int(member.share * len(member.support)))
        if len(strong) > cap:
            score = size[strong] / np.maximum(f1[strong], 1e-300)
            violating = size[strong] > f1[strong] * self.l1[b, member.next]
            best = np.zeros(len(strong), bool)
            best[np.argpartition(-score, cap)[:cap]] = True
            strong = strong[best | violating]
        return strong

    def _descend(self, active):
        form, M, k = self.form, len(self.pool), len(active)
        length = max(self._block(m).stop - m.next for m in active)
        l1, l2 = np.zeros((k, length)), np.zeros((k, length))
        start = np.zeros((k, max(M, 1)))
        lengths = np.empty(k, np.intp)
        for i, member in enumerate(active):
            block = self._block(member)
            lengths[i] = block.stop - block.start
            l1[i, :lengths[i]], l2[i, :lengths[i]] = self.l1[member.problem, block], self.l2[member.problem, block]
            start[i, member.support] = member.b
        columns = self.pool.columns
        problems = np.array([m.problem for m in active])
        coef, gap = np.zeros((k, length, max(M, 1))), np.full((k, length), np.nan)
        status, epochs = np.full((k, length), SKIPPED, np.int8), np.zeros((k, length), np.int32)
        newtons = np.zeros((k, length), np.int32)
        factor_rows = self.groups if len(form.f1) > 1 else [0]
        pointer = np.cumsum([0] + [len(m.allowed) for m in active]).astype(np.intp)
        one = len(self.members) == 1
        gram_of = np.array([self.group_at[form.group[b]] for b in problems], np.intp)
        gram_path(self.pool.C, gram_of, self._pooled(self.c[problems]), self.yy[problems], form.null()[problems],
                  self._pooled(form.f1[factor_rows]), self._pooled(form.f2[factor_rows]), self._pooled(form.lower[None])[0],
                  self._pooled(form.upper[None])[0], 1.0 / form.sigma[form.target[problems]], l1, l2, lengths,
                  np.empty(0, np.intp) if one else pointer,
                  np.empty(0, np.intp) if one else np.concatenate([m.allowed for m in active] + [np.zeros(1, np.intp)]),
                  start, np.array([m.l1 for m in active]), M, np.array([m.tol * self.options.tol for m in active]),
                  self.options.max_epochs, np.inf, -np.inf, self.options.by_kkt, self.control, self.options.n_threads, coef, gap,
                  gap.copy(), gap.copy(), status, epochs, newtons, counting=False)
        return coef[:, :, :len(columns)], status, epochs, newtons

    def _pooled(self, array):
        """Rows of a (…, p) array on the pool's columns; at least one column, for the kernel's pointers."""
        part = np.ascontiguousarray(array[:, self.pool.columns])
        return part if part.shape[1] else np.zeros((len(part), 1))

    def _pass(self, active, coef):
        """Gradients (k·BLOCK, p) and residuals (k, BLOCK, n) of every alpha of every block: one pass over X."""
        form = self.form
        R = np.zeros((len(active), BLOCK, form.shape[0]))            # each member in a block of its own: its bits are its own
        for i, member in enumerate(active):
            length = self._block(member).stop - member.next
            R[i, :length] = self._residual(member, coef[i, :length])
        weighted = R * np.ascontiguousarray(form.V.T)[form.group[[m.problem for m in active]]][:, None]
        T = form.design.transposed_matvec(weighted.reshape(-1, form.shape[0]), BLOCK, self.control, self.options.n_threads)
        self.store.n_passes += 1
        return T, R

    def _residual(self, member, b):
        form = self.form
        g, t = form.group[member.problem], form.target[member.problem]
        used = member.allowed[(b[:, member.allowed] != 0).any(axis=0)]       # in the member's own order
        R = self.pool.residuals(form.Y[:, t] - form.ybar[g, t], b[:, used], used, self._shift(g, used))
        if self.free is not None:
            R -= self.free.fitted(b[:, used], self.pool.columns[used], member.problem).T
        return R

    def _shift(self, g, used):
        return self.form.shift[g, self.pool.columns[used]]

    def _accept(self, member, k, coef, status, epochs, newtons, T, R):
        problem, block = member.problem, self._block(member)
        length = block.stop - block.start
        g, store = self.form.group[problem], self.store
        gradient = T[k * BLOCK:k * BLOCK + length]
        residual = np.ascontiguousarray(R[k, :length].T)
        b = np.zeros((length, self.form.shape[1]))
        b[:, self.pool.columns] = coef[:length]
        gap, square = gaps_of(self.form, problem, b, residual, gradient, self.alphas[problem, block], self.options, self.control,
                              self.free, self.half_free)
        good = 0
        while good < length and gap[good] <= self.options.tol:
            good += 1
        final = np.full(good, CONVERGED, np.int8)
        if good == 0:
            member.tries += 1
            outside = self.eligible.copy()
            outside[self.pool.columns[member.allowed]] = False
            # a bound may hold a feature at zero whatever its gradient: such a one is not coming in
            outside &= (self.form.design.multiplier > 0) & np.where(gradient[0] > 0, self.form.upper > 0, self.form.lower < 0)
            row = self._row(problem)
            violators = outside & (np.abs(gradient[0]) > self.form.f1[row] * self.l1[problem, block.start])
            if violators.any():
                member.tries = 0
            member.tol *= 0.1 if self.half_free is None else TIGHTER
            if member.tries > PATIENCE:          # nothing left to bring in: the answer and its certificate as they are
                good, final = 1, np.array([MAX_ITER], np.int8)
        member.reach = min(BLOCK, good + AHEAD)
        member.share = min(WISH_SHARE, 1.2 * member.share) if good < length else 0.7 * member.share
        if good:
            member.tol, member.tries = INNER, 0
            take = slice(block.start, block.start + good)
            used = np.flatnonzero((coef[:good] != 0).any(axis=0))
            columns = self.pool.columns[used]
            free_b = None if self.free is None else self.free.coefficients(coef[:good, used], columns, problem)
            store.put(problem, block.start, coef[:good, used], columns, free_b)
            store.gap[problem, take], store.status[problem, take] = gap[:good], final
            store.n_epochs[problem, take] += epochs[:good]
            store.n_cholesky[problem, take] += newtons[:good]
            store.n_epochs[problem, block.start] += member.spent[0]
            store.n_cholesky[problem, block.start] += member.spent[1]
            member.spent[:] = 0
            store.residual[problem, take] = square[:good]
            self._held_out(problem, g, take, residual[:, :good])
            member.next += good
            self.control.done += good
            self._stop_early(member, take)
        member.spent += epochs[good:].sum(), newtons[good:].sum()
        at = min(good, length - 1)
        member.gradient, member.l1 = gradient[at], self.l1[problem, block.start + at]
        member.support = np.flatnonzero(coef[at])
        member.b = coef[at, member.support]
        if member.next >= self.alphas.shape[1]:
            member.finished = True

    def _held_out(self, problem, g, take, residual):
        if self.form.held_out is not None and len(self.form.held_out[g]):
            rows = self.form.held_out[g]
            w = self.form.held_out_weight[rows]
            self.store.held_out[problem, take] = (w @ residual[rows] ** 2) / w.sum()

    def _stop_early(self, member, take):
        """The deviance rules of a path (glmnet's devmax and fdev): what lies behind the stop is skipped."""
        null = 2 * self.form.null()[member.problem]
        for l in range(take.start, take.stop):
            dev = 1 - self.store.residual[member.problem, l] / null if null > 0 else 0.0
            gain, smallest = dev - member.dev, self.options.stop_dev_change
            member.dev = dev
            if dev >= self.options.stop_dev_ratio or (smallest >= 0 and l >= 4 and gain < smallest * dev):
                self.store.status[member.problem, l + 1:] = SKIPPED
                member.finished = True
                return
