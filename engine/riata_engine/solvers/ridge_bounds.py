"""Ridge within bounds of more features than rows, by Newton's method on its dual: n unknowns, and a handful of steps.

With A = V^(1/2) (Z - d), t = V^(1/2) y and c_j = alpha f2_j > 0, the optimal coefficients follow from the residual u,

    b_j(u) = clip((a_j'u + s b'_j) / (c_j + s), lower_j, upper_j),      F(u) = u + A b(u) - t = 0,      s = 0,

and F is the gradient of the dual objective phi(u) = ||u||^2 / 2 - t'u + sum_j h_j, strongly convex and piecewise quadratic,
h_j = a_j'u b_j - c_j b_j^2 / 2 - s (b_j - b'_j)^2 / 2. Its generalised Hessian is I + A_S (C + s)_S^-1 A_S', S the features
strictly inside their bounds: the semismooth Newton method with a line search on phi ends after finitely many steps. Where c is
small the ramps of b are so steep that hardly any feature is in S on the way; there s > 0 flattens them, about the last answer b'
(the proximal point method: the smaller s, the faster its rounds converge), until the duality gap of s = 0 is small enough.

References
----------
Qi & Sun (1993), A nonsmooth version of Newton's method, Mathematical Programming 58, 353-367.
Li, Sun & Toh (2018), A highly efficient semismooth Newton augmented Lagrangian method for solving Lasso problems, SIAM J. Optim.
28, 433-458, whose inner problem this is.
"""

import numpy as np

from riata_engine.cpu.control import Stopped
from riata_engine.solvers.certificate import gaps_of
from riata_engine.solvers.choice import BLOCK, dual_bytes
from riata_engine.solvers.exact import keep_paths, problems_at_once
from riata_engine.solvers.interruptible import interruptibly
from riata_engine.solvers.path_store import SKIPPED
from riata_engine.solvers.row_products import stacked_product

#: entries of the Hessians of a chunk of problems, and of weighted columns, where memory allows for more
HELD = 1 << 22
#: evaluations of phi in a round, and what phi has to fall by, as a share of what its slope promises
STEPS, ARMIJO = 200, 1e-4
#: rounds of the proximal point method; c from where none is needed; s of the first round (the variance of z is about one), and
#: what divides it from round to round
ROUNDS, SMOOTH, FIRST, SHRINK = 30, 1e-2, 1.0, 8.0
#: F is rounding below this share of t, or where a full step does not halve it on the same S and it is below the second share
DONE, STALLED = 1e-15, 1e-6


def solve_ridge_bounds(form, alphas, options, store, control, clock):
    """Fill ``store`` with the paths of all problems: l1_ratio = 0, alpha > 0, every feature in the model penalised.

    An epoch here is an evaluation of phi, a pass over X: the first of each round, and every step that is tried.
    """
    (n, p), L = form.shape, alphas.shape[1]
    shared, each = dual_bytes(n, p, L)
    most = max(1, min(HELD // (n * max(n, min(p, BLOCK))), int((options.max_memory - shared) // each)))
    for group in np.unique(form.group):
        for chunk in problems_at_once(form, group, L, options):
            for problems in np.split(chunk, range(most, len(chunk), most)):
                if control.check():
                    return
                _solve_together(form, group, problems, alphas[problems], options, store, control, clock)


def _solve_together(form, group, problems, alphas, options, store, control, clock):
    p, (K, L) = form.shape[1], alphas.shape
    dual = _Dual(form, group, problems, control)
    b, R, gap = np.zeros((K, L, p)), np.repeat(dual.y[:, None], L, axis=1), np.full((K, L), np.nan)
    U, done = dual.t.copy(), 0
    try:
        for l in range(L):
            if l:                                # the rounds begin at the last answer
                b[:, l] = b[:, l - 1]
            who, smooth = np.arange(K), dual.first_smoothing(alphas[:, l])
            for _ in range(ROUNDS):
                with clock("descent"):
                    left = options.max_epochs - store.n_epochs[problems[who], l]
                    U[who], b[who, l], R[who, l], epochs, steps = dual.newton(U[who], alphas[who, l], smooth[who], b[who, l], who,
                                                                              left, store)
                    store.n_epochs[problems[who], l] += epochs
                    store.n_cholesky[problems[who], l] += steps
                with clock("certificate"):
                    T = form.design.transposed_matvec(R[who, l] * form.V[:, group], 1, control, options.n_threads)
                    store.n_passes += 1
                    here, rest, l2 = (np.ascontiguousarray(array[who, l:l + 1]) for array in (b, R, alphas))
                    gap[who, l] = gaps_of(form, problems[who], here, rest, T[:, None], np.zeros(l2.shape), l2, options)[0][:, 0]
                again = ~(gap[who, l] <= options.tol) & (smooth[who] > 0)
                who = who[again & (store.n_epochs[problems[who], l] < options.max_epochs)]
                if not len(who):
                    break
                smooth[who] /= SHRINK
            control.done += K
            done = l + 1
    except Stopped:                              # the alphas before it stand
        pass
    b[:, done:] = 0.0
    keep_paths(form, store, group, problems, b, R, gap, options, False)
    store.status[problems, done:] = SKIPPED


class _Dual:
    """phi of K problems of a weight group, its gradient and its Hessian: one pass over X each time."""

    def __init__(self, form, group, problems, control):
        self.form, self.group, self.control = form, group, control
        target = form.target[problems]
        self.root = np.sqrt(form.V[:, group])
        self.y = np.ascontiguousarray(form.Y.T[target] - form.ybar[group, target][:, None])
        self.t = self.y * self.root
        self.f2 = form.f2[group if len(form.f2) > 1 else 0]
        self.used = np.flatnonzero((form.lower < 0) | (form.upper > 0))
        self.sigma = form.sigma[target][:, None]

    def first_smoothing(self, alpha):
        """(K,) s of the first round."""
        return np.where(alpha * self.f2[self.used].min(initial=np.inf) < SMOOTH, FIRST, 0.0)

    def at(self, U, alpha, s, centre, who):
        """(phi, F, H, b, residuals, hash of S) of the problems ``who`` at U (k, n), with s (k, 1) about centres (k, p)."""
        form, (k, n) = self.form, U.shape
        b, fit, H = np.zeros((k, form.shape[1])), np.zeros((k, n)), np.zeros((k, n, n))
        phi, inside = 0.5 * (U * U).sum(axis=1) - (U * self.t[who]).sum(axis=1), np.zeros(k)
        H[:, np.arange(n), np.arange(n)] = 1.0
        weighted = U * self.root
        for first in range(0, len(self.used), BLOCK):
            if self.control.check():
                raise Stopped
            columns = self.used[first:first + BLOCK]
            Z = np.empty((n, len(columns)), order="F")
            form.design.gather(columns, Z)
            Z -= form.shift[self.group, columns]
            along = stacked_product(weighted[:, None], Z)[:, 0]
            c, middle = alpha[:, None] * self.f2[columns], centre[:, columns]
            free = (along + s * middle) / (c + s)
            lower, upper = form.lower[columns] / self.sigma[who], form.upper[columns] / self.sigma[who]
            here = np.clip(free, lower, upper)
            S = (free > lower) & (free < upper)
            phi += (along * here - 0.5 * c * here * here - 0.5 * s * (here - middle)**2).sum(axis=1)
            inside += (S * np.sqrt(columns + 2.0)).sum(axis=1)
            fit += stacked_product(here[:, None], np.ascontiguousarray(Z.T))[:, 0]
            b[:, columns] = here
            Z *= self.root[:, None]
            weight = np.where(S, 1.0 / (c + s), 0.0)[:, None]
            weighed = np.multiply(Z, weight, out=np.empty((k, n, len(columns))))         # the same layout for any k
            H += interruptibly(lambda Z=Z, weighed=weighed: np.matmul(weighed, Z.T), self.control, 2.0 * Z.size * k * n)
        return phi, U + self.root * fit - self.t[who], H, b, self.y[who] - fit, inside

    def newton(self, U, alpha, s, centre, problems, most, store):
        """(u, b, residuals, evaluations, steps taken) of k problems at their alphas (k,), from U (k, n), after ``most`` (k,)
        evaluations each or fewer. All look at X together."""
        K, s = len(U), s[:, None]
        everyone = np.arange(K)
        phi, F, H, b, R, S = self.at(U, alpha, s, centre, problems)
        store.n_passes += 1
        size = np.linalg.norm(self.t[problems], axis=1)
        error, length = np.linalg.norm(F, axis=1), np.ones(K)
        epochs, steps = np.ones(K, np.int32), np.zeros(K, np.int32)
        step, slope = np.zeros(U.shape), np.zeros(K)
        turn, live = everyone, (error > DONE * size) & (epochs < most)
        for _ in range(STEPS):
            turn = turn[live[turn]]                  # those that have moved
            if len(turn):
                step[turn] = interruptibly(lambda A=H[turn], f=-F[turn][:, :, None]: np.linalg.solve(A, f)[:, :, 0], self.control,
                                           len(turn) * len(F[0])**3)
                slope[turn], length[turn] = (step[turn] * F[turn]).sum(axis=1), 1.0
            who = np.flatnonzero(live)
            if not len(who):
                break
            there = U[who] + length[who, None] * step[who]
            found = self.at(there, alpha[who], s[who], centre[who], problems[who])
            store.n_passes += 1
            epochs[who] += 1
            new_error = np.linalg.norm(found[1], axis=1)
            falls = found[0] <= phi[who] + ARMIJO * length[who] * slope[who]
            good = falls | (new_error <= 0.5 * error[who])           # near the end phi is rounding
            still = ~good & (error[who] <= STALLED * size[who])
            live[who[still | (length[who] < 1e-10)]] = False
            turn = who[good]
            steps[turn] += 1
            at_end = (new_error <= DONE * size[who]) | ((found[5] == S[who]) & (new_error > 0.5 * error[who])
                                                        & (new_error <= STALLED * size[who]))
            for array, new in zip((phi, F, H, b, R, S, error, U), (*found, new_error, there), strict=True):
                array[turn] = new[good]
            live[who[(good & at_end) | (epochs[who] >= most[who])]] = False
            length[who[~good]] *= 0.5
        return U, b, R, epochs, steps
