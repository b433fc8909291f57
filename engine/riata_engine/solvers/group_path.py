"""A path of group penalties: working sets of groups, block descent on them, one pass over X to check several alphas.

Groups come into play by a strong rule (Tibshirani et al. 2012, "Strong rules for discarding predictors in lasso-type problems")
for a block of alphas ahead; the block is solved on the groups in play and its residuals meet X in one product, which shows the
groups left out wrongly and gives each alpha its certificate. Alphas are accepted up to the first whose gap is above tol.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from riata_engine.cpu.control import Stopped
from riata_engine.cpu.group_certificate import conjugates, dual_norms, penalties
from riata_engine.cpu.group_descent import descend
from riata_engine.formulas.early_stop import path_is_done
from riata_engine.solvers.group_form import FreeGroups
from riata_engine.solvers.group_pool import GroupPool
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER, SKIPPED, TIME_BUDGET

#: alphas of a block; residuals at once in one product
BLOCK, RESIDUALS = 10, 100
#: part of the tolerance at which descent leaves an alpha, and the factor by which it goes on where the certificate says no
INNER, TIGHTER = 0.5, 0.1
#: solutions before, from which descent begins
POINTS = 3
#: how often, without a group that comes into play, before the answer is given as it is
PATIENCE = 4
#: columns in play, in units of the rows, up to which descent on their Gram matrix costs less than on the residual
IN_GRAM = 1.25
#: the smallest tolerance that descent in single precision tries to reach
NARROW = 1e-7


@dataclass
class Penalties:
    """Of the groups of a ``GroupForm`` at alpha = 1, coefficients of z in units of sigma: each (G,)."""

    lam: np.ndarray            # of the norm; inf leaves a group out
    l1: np.ndarray
    ridge: np.ndarray

    @property
    def free(self):
        """Groups without any penalty."""
        return np.flatnonzero((self.lam == 0) & (self.l1 == 0) & (self.ridge == 0))

    def part(self, groups):
        return self.lam[groups], self.l1[groups], self.ridge[groups]


class GroupPath:
    """One problem: ``run`` solves it at each alpha.

    Parameters
    ----------
    form : GroupForm
    pen : Penalties
    options : GroupBatch
        Its ``tol``, ``max_epochs``, stops and ``max_memory``.
    control : Control
    n_threads : int
    """

    def __init__(self, form, pen, options, control, n_threads):
        self.form, self.pen, self.options, self.control, self.n_threads = form, pen, options, control, n_threads
        self.n_passes = 0
        free = pen.free
        self.free = FreeGroups(form, free) if len(free) else None
        self.y = form.y if self.free is None else self.free.off(form.y)
        # what rounding leaves of a target that the free features fit is nothing to explain
        self.explained = 0.5 * float(np.vdot(self.y, self.y)) <= 1e-28 * form.null
        if self.explained:
            self.y = np.zeros_like(self.y)
        self.slopes_at_null = None

    def largest_alpha(self):
        """The least alpha at which every penalised coefficient is zero; NaN where none is."""
        norms = self.norms(self.null_slopes())[0]
        norms = norms[np.isfinite(norms)]
        return float(norms.max(initial=0.0))

    def null_slopes(self):
        if self.slopes_at_null is None:
            self.slopes_at_null = self.form.slopes(self.y[None], self.control, self.n_threads)
            self.n_passes += 1
        return self.slopes_at_null

    def norms(self, slopes):
        """(K, G) dual norms; 0 for groups without a penalty, whose slopes are none, and inf for those with a ridge alone."""
        out = dual_norms(slopes, self.form.start, self.pen.lam, self.pen.l1)
        out[:, self.pen.free] = 0.0
        return out

    def certify(self, B, R, alphas):
        """(slopes, dual norms, gaps, Σ v r²) of coefficients B (K, T, p) with residuals R (K, T, n), in one pass over X.

        The dual point is s·θ, θ the residual without what it has left along the free features, for the best of three s: the best
        without constraints, one, and what makes it feasible for the elastic net as a lasso on augmented rows.
        """
        form, pen, start = self.form, self.pen, self.form.start
        theta = R if self.free is None else self.free.off(R)
        slopes = form.slopes(theta, self.control, self.n_threads)
        self.n_passes += 1
        norms = self.norms(slopes)
        square = np.einsum("ktn,ktn->k", R, R)
        rr, ry = np.einsum("ktn,ktn->k", theta, theta), np.einsum("ktn,tn->k", theta, form.y)
        penalty, used = penalties(B, alphas, start, pen.lam, pen.l1, pen.ridge)
        smooth = pen.ridge > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            limit = alphas / norms[:, ~smooth].max(axis=1, initial=0.0)
            scales = [np.where(rr > 0, ry / rr, 1.0), np.ones(len(rr))]
            if smooth.any():
                augmented = slopes - np.repeat(alphas[:, None] * pen.ridge, np.diff(start), axis=1)[:, None] * B
                scales.append(alphas / np.maximum(self.norms(augmented).max(axis=1), alphas))
        best = np.full(len(rr), -np.inf)
        for scale in scales:
            s = np.maximum(np.minimum(scale, limit), 0.0)
            dual = s * ry - 0.5 * s * s * rr
            if smooth.any():
                dual -= conjugates(slopes, s, alphas, start, pen.lam, pen.l1, pen.ridge)
            best = np.fmax(best, dual)
        primal, null = 0.5 * square + penalty, form.null
        gap = primal - best
        fine = gap >= -1e-10 * primal - 1e-14 * null            # far below zero, or NaN, is no certificate
        gap = np.where(fine, np.maximum(gap, 0.0) / (null if null > 0 else 1.0), np.inf)
        return norms, gap, square, used

    def run(self, alphas, answer):
        """Fill the rows of ``answer`` (an object with ``put``) for descending alphas; stops as ``control`` says."""
        with suppress(Stopped):
            self._run(alphas, answer)

    def _run(self, alphas, answer):
        form, pen, options = self.form, self.pen, self.options
        L, T = len(alphas), len(form.y)
        pool = GroupPool(form, self.free, not pen.l1.any(), self.control)
        omega = self.norms(self.null_slopes())[0]
        eager = np.isinf(omega)                           # a ridge alone holds no group at zero
        before = max(alphas[0], omega[~eager].max(initial=0.0))
        if eager.any():
            pool.add(np.flatnonzero(eager))
        past, past_alphas = np.zeros((1, T, pool.m)), np.array([before])
        at, reach, width, inner, tries, dev = 0, min(BLOCK, max(1, RESIDUALS // T)), 1.0, INNER, 0, 0.0
        most = reach
        violators = np.zeros(len(omega), bool)
        while at < L and not self.control.check():
            block = alphas[at:at + reach]
            K = len(block)
            wish = violators | (omega > before - width * (before - block[-1]))
            new = np.flatnonzero(wish & ~pool.inside & (omega > 0))
            if len(new):
                pool.add(new)
            grown = np.zeros((len(past), T, pool.m))
            grown[:, :, :past.shape[2]] = past
            past = grown
            target = inner * options.tol * max(form.null, 1e-300)
            coef, epochs = self._descend(pool, past, past_alphas, block, target, answer.n_epochs[at:at + K])
            if self.control.stopped:
                break
            B = pool.turned_back(coef)
            R = self.y - pool.fitted(coef) if pool.m else np.repeat(self.y[None], K, axis=0)
            free_b = None
            if self.free is not None:
                R, free_b = self._with_free(B)
            norms, gap, square, used = self.certify(B, R, block)
            good = int(np.argmax(gap > options.tol)) if (gap > options.tol).any() else K
            failing = norms[good:] > block[good:, None]
            violators = failing.any(axis=0)
            fresh = bool((violators & ~pool.inside).any())
            surrender = False
            if good == 0:
                spent = epochs[0] >= options.max_epochs
                tries = 0 if fresh else tries + 1
                if (surrender := not fresh and (tries > PATIENCE or spent)):
                    good = 1
                elif not fresh:
                    inner *= TIGHTER
            if good:
                inner, tries = INNER, 0
            done = False
            for k in range(good):
                answer.put(at + k, B[k], None if free_b is None else free_b[k], gap[k], square[k], used[k],
                           MAX_ITER if gap[k] > options.tol else CONVERGED)
                share = 1 - square[k] / (2 * form.null) if form.null > 0 else 0.0
                self.control.done += 1
                if path_is_done(share, dev, at + k, options.stop_dev_ratio or np.inf,
                                -1.0 if options.stop_dev_change is None else options.stop_dev_change):
                    done = True
                    break
                dev = share
            if done:
                break
            width = min(2.0, 1.25 * width) if good < K and fresh else max(0.2, 0.7 * width)
            last = good if good < K else K - 1            # where the next block begins, if its alpha failed: there
            if surrender:
                last = 0
            omega, before = norms[last], block[last]
            past = np.concatenate([past, coef[:last + 1]])
            past_alphas = np.concatenate([past_alphas, block[:last + 1]])
            distinct = np.concatenate([past_alphas[1:] < past_alphas[:-1], [True]])     # of one alpha the last
            past, past_alphas = past[distinct][-POINTS:], past_alphas[distinct][-POINTS:]
            at += good
            reach = most

    def _with_free(self, B):
        """Residuals and coefficients (K, T, q) of the free features beside B, from the columns of X themselves."""
        form = self.form
        used = np.flatnonzero((B != 0).any(axis=(0, 1)))
        Z = np.empty((len(used), form.shape[0]))
        form.design.gather(np.ascontiguousarray(form.order[used]), Z.T, 0)
        Z *= form.root
        R = form.y - B[:, :, used] @ Z
        free_b = self.free.coefficients(R)
        return R - free_b @ self.free.Z, free_b

    def _descend(self, pool, past, past_alphas, block, tol, epochs):
        """((K, T, m), epochs (K,)) solutions on the groups in play."""
        K, (_, T, m) = len(block), past.shape
        out = np.zeros((K, T, m))
        counts = np.zeros(K, np.intc)
        if m:
            n = self.form.shape[0]
            room = self.options.max_memory
            in_gram = m <= IN_GRAM * n and (room is None or 8 * len(pool.Z)**2 <= room)
            A, base = (pool.gram(), pool.c) if in_gram else (pool.Z, self.y)
            lam, l1, ridge = self.pen.part(pool.groups)
            left = max(1, int(self.options.max_epochs - epochs[0]))
            narrow = pool.rounded(A, in_gram) if tol >= NARROW * INNER * self.form.null else None
            descend(A, narrow, m, in_gram, pool.start, pool.h, None if pool.rotate else pool.axes, pool.axes_at, lam, l1, ridge,
                    np.ascontiguousarray(base), np.ascontiguousarray(pool.c), float(np.vdot(self.y, self.y)), block, out, past,
                    past_alphas, tol, left, counts, np.empty(K), self.control)
        epochs += counts
        return out, epochs


def unsolved_status(control):
    """The status of alphas that were not reached."""
    return TIME_BUDGET if control.stopped == "time_budget" else SKIPPED
