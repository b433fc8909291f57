"""Newton's method for problems with margin losses, in lock step over a batch.

A squared loss is piecewise quadratic: a semismooth Newton step takes the Gram matrix of the rows with curvature, the search
along it is exact, and the zone of those rows settles after a few steps (Mangasarian 2002; Keerthi and DeCoste 2005). A
piecewise linear loss is smoothed by the proximal method of multipliers (Rockafellar 1976; Li, Sun and Toh 2018): with
multipliers a⁰ and width tau

    min over b  Σ c M_tau(η + tau a⁰) + P(b) + ½ rho |b − b⁰|²

is such a problem, M_tau the Moreau envelope of the loss; the slopes at its minimum are the next multipliers, so that the true
loss is solved at a tau far above 0. Slopes always lie within the loss's bounds: they are a dual point, and the certificate is
that of the loss.
"""

from dataclasses import dataclass

import numpy as np

from riata_engine.cpu.margin_grams import ZoneGrams
from riata_engine.cpu.margin_steps import lasso_steps, newton_steps
from riata_engine.solvers.margin_gap import Certificates, relative_gap

#: Newton steps between two updates of the multipliers, at most
INNER = 30
#: what tau is multiplied with at each update, and where it stops, in units of the first
SHRINK, NARROWEST = 0.5, 1e-6
#: what tau is multiplied with at the next alpha
WIDEN = 25.0
#: rho in units of tau over the square of the first tau
PROXIMAL = 1e-4
#: guesses of a gap below this share of the tolerance are always looked at
LEAST = 1e-3
#: on the diagonal of a lasso step, as a share of its mean; share of its first violation that it may leave
DAMPING, EXACT = 1e-10, 1e-12
#: a smoothed problem counts as solved where its zone has settled, or its last step promised less than this share of
# the tolerance
INEXACT = 0.01


@dataclass
class State:
    """Where K problems stand."""

    b: np.ndarray                     # (K, m)
    kept: np.ndarray | None           # (K, n) multipliers; None for squared losses
    tau: np.ndarray                   # (K,)
    first_tau: np.ndarray             # (K,)
    grams: ZoneGrams
    gap: np.ndarray                   # (K,)
    steps: np.ndarray                 # (K,) Newton steps
    epochs: np.ndarray                # (K,) of descent in Gram space
    gradient: np.ndarray              # (K, m) Zᵀ(c a) at the last certificate
    room: tuple                       # fits, slopes a, c a, zones (K, n) and sums (K, 4)


def begin(form):
    """All problems at their null model."""
    K, m, n = form.K, form.m, form.design.X.shape[0]
    b = np.zeros((K, m))
    if form.intercept:
        b[:, -1] = form.start
    linear = form.problems.kappa == 0
    tau = np.maximum(2 * form.null, 1e-300) if linear else np.full(K, form.problems.kappa)
    eta = np.repeat((b[:, -1] if form.intercept else np.zeros(K))[:, None], n, axis=1)
    room = (eta, np.zeros((K, n)), np.zeros((K, n)), np.zeros((K, n), np.uint8), np.zeros((K, 4)))
    return State(b, np.zeros((K, n)) if linear else None, tau.copy(), tau.copy(), ZoneGrams(form.design, form.c, K),
                 np.full(K, np.inf), np.zeros(K, np.int64), np.zeros(K, np.int64), np.zeros((K, m)), room)


def minimise(form, state, alpha, tol, max_steps, control, n_threads):
    """Solve all problems at alpha (K,) from where they stand; returns the number of passes over X.

    ``state.gap`` has what was reached, computed afresh.

    Raises
    ------
    Stopped
        If ``control`` was told to stop.
    """
    run = _Run(form, state, alpha, tol, control, n_threads)
    members = np.flatnonzero(form.null > 0)
    state.gap[form.null <= 0] = 0.0
    for _ in range(max_steps):
        if not len(members):
            break
        members, gradient, guess = run.look(members)
        if not len(members):
            break
        if state.kept is not None:
            run.renew(members, gradient, guess)
        run.step(members, gradient)
        state.steps[members] += 1
    if len(members):
        run.certify(members)
    return run.certificates.n_passes


class _Run:
    """``minimise`` at one alpha: what its steps share."""

    def __init__(self, form, state, alpha, tol, control, n_threads):
        self.form, self.state, self.tol, self.control, self.n_threads = form, state, tol, control, n_threads
        self.certificates = Certificates(form, control, n_threads)
        self.l1, self.l2 = form.strengths(alpha)
        self.lasso = bool(self.l1.any())
        K = form.K
        self.anchor = state.b.copy()
        self.rho = np.zeros((K, form.m))
        if state.kept is not None:
            wide = np.maximum(state.tau * WIDEN, NARROWEST * state.first_tau)
            state.tau[:] = np.minimum(state.first_tau, wide)
            self._set_rho(np.arange(K))
        self.trusted = np.full(K, tol)            # guesses below this are looked at
        self.inner = np.zeros(K, np.int64)        # steps since the multipliers were renewed
        self.whole = np.zeros(K, bool)            # whether the last step was a whole one
        self.promise = np.full(K, np.inf)         # slope along the last step: twice the decrease it promised

    def _set_rho(self, members):
        state = self.state
        rho = PROXIMAL * state.tau[members] / state.first_tau[members]**2
        self.rho[members] = np.where(self.l2[members] == 0, rho[:, None], 0.0)

    def _slopes(self, members):
        """Slopes at the fits, and (k, m) the gradient of the (smoothed) loss."""
        state = self.state
        eta, a, u, zone, sums = state.room
        self.form.problems.slopes(members, eta, state.kept, state.tau, a, u, zone, sums, self.n_threads)
        return self.certificates.gradient(members, u, sums[:, 3])

    def certify(self, members):
        """Gaps (k,) of the given members, computed afresh."""
        state = self.state
        found, gradient = self.certificates.afresh(members, state.b, state.kept, state.tau, self.l1, self.l2, state.room)
        state.gap[members], state.gradient[members] = found, gradient
        return found

    def look(self, members):
        """(members that are not solved, the gradients of their losses, guesses of their gaps)."""
        state = self.state
        gradient = self._slopes(members)
        guess = self._guess(members, gradient)
        near = np.abs(guess) <= self.trusted[members]          # below 0: no dual point, as an intercept is not yet balanced
        if near.any():
            looked = members[near]
            found = self.certify(looked)
            self.trusted[looked] = np.maximum(0.3 * self.trusted[looked], LEAST * self.tol)
            if state.kept is not None:
                state.kept[looked] = state.room[1][looked]
                self.anchor[looked] = state.b[looked]
            members = np.setdiff1d(members, looked[found <= self.tol], assume_unique=True)
            if len(members):
                gradient = self._slopes(members)
                guess = self._guess(members, gradient)
        return members, gradient, guess

    def _guess(self, members, gradient):
        form, sums = self.form, self.state.room[4]
        return relative_gap(form, self.l1[members], self.l2[members], self.state.b[members], sums[members], gradient,
                form.null[members])

    def renew(self, members, gradient, guess):
        """New multipliers, and a narrower smoothing, where the smoothed problem is solved well enough."""
        state, form = self.state, self.form
        settled = self.whole[members] & (state.grams.changed(members, state.room[3]) == 0)
        slight = self.promise[members] <= INEXACT * self.tol * form.null[members]
        ready = settled | slight | (self.inner[members] >= INNER)
        if not ready.any():
            return
        at = members[ready]
        state.kept[at] = state.room[1][at]
        self.anchor[at] = state.b[at]
        state.tau[at] = np.maximum(state.tau[at] * SHRINK, NARROWEST * state.first_tau[at])
        self._set_rho(at)
        self.inner[at], self.whole[at], self.promise[at] = 0, False, np.inf
        gradient[ready] = self._slopes(at)

    def step(self, members, gradient):
        """A Newton step of the given members, with an exact search along it."""
        state, form = self.state, self.form
        eta, b = state.room[0], state.b
        state.grams.update(members, state.room[3], self.control, self.n_threads)
        penalty, full, d = np.zeros((3, *b.shape))
        penalty[members] = self.l2[members] * b[members] + self.rho[members] * (b[members] - self.anchor[members])
        full[members] = gradient + penalty[members]
        curvature, steep = self.l2 + self.rho, 1 / state.tau
        if self.lasso:
            damped = curvature + DAMPING * steep[:, None] * state.grams.mean_square()[:, None]
            lasso_steps(members, state.grams, steep, damped, self.l1, full, b, np.full(len(b), EXACT), d, state.epochs,
            self.control,
                        self.n_threads)
        else:
            newton_steps(members, state.grams, steep, curvature, full, d, self.control, self.n_threads)
        move = np.zeros_like(eta)
        move[members] = self.certificates.fitted(d[members])
        along = np.stack([(penalty * d).sum(axis=1), (curvature * d * d).sum(axis=1)], axis=1)
        out = np.zeros((len(b), 2))
        form.problems.steps(members, eta, move, state.kept, state.tau, b, d, self.l1, along, out, self.n_threads)
        t = out[members, 0]
        b[members] += t[:, None] * d[members]
        eta[members] += t[:, None] * move[members]
        self.promise[members], self.whole[members] = -out[members, 1], np.abs(t - 1) < 1e-6
        self.inner[members] += 1
