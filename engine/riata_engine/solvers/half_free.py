"""Dual points where a feature has a bound on one side, and no penalty.

The conjugate of such a feature is infinite on its open side: a dual point θ needs x_jᵀθ ≤ 0 where there is no upper bound, and
x_jᵀθ ≥ 0 where there is no lower one. The residual of these features' own optimum, all others as they are, has these signs:

    θ = y − Z b′,   b′ = argmin ½‖y − Z b′‖² over the coefficients of these features, within their bounds.

How far r is from θ, and not how small x_jᵀr is, tells how far a solution is from it: columns that are nearly alike have small
x_jᵀr a long way off. At alpha = 0 this holds for every feature without a bound on one side or on both.
"""

import numpy as np

from riata_engine.cpu.targets import residual_norms
from riata_engine.solvers.certificate import gradients
from riata_engine.solvers.gram_paths import room_for, solve_gram_paths

#: more features than FEW are not looked at before their violations are small; up to MOST are all projected on at once, of more
#: those on the wrong side
FEW, MOST = 32, 256
#: solves from exact gradients, and rounds of features coming in
SOLVES = 30
#: |x_jᵀθ| on the open side up to this many √n·eps of ‖x_j‖‖y‖ is rounding; up to LARGEST_EXCESS it is counted
#: (beyond, no dual point but zero was found)
ROUNDINGS, LARGEST_EXCESS = 16, 1e-12
#: accuracy asked of b′: as far as float64 goes, but where the features are collinear descent may take for ever. These epochs are
#: the certificate's: they do not count as those of an alpha
POINT_TOL, POINT_EPOCHS = 1e-16, 500


class HalfFree:
    """The features of a form that have no penalty and are not free on both sides.

    Parameters
    ----------
    form : StandardForm
    free : FreeFeatures or None
    store : PathStore
        Counts the passes over X.
    """

    def __init__(self, form, free, options, store, control):
        self.form, self.free, self.options, self.store, self.control = form, free, options, store, control
        self.no_upper, self.no_lower = np.isinf(form.upper), np.isinf(form.lower)
        self.open = (self.no_upper | self.no_lower) & (form.design.multiplier > 0)
        self.open[form.free] = False

    def dual_points(self, problem, b, R, T, l1, l2):
        """The dual points that belong to residuals R (n, L) with gradients T (L, p) = ZᵀVR off the free features.

        Returns
        -------
        T (L, p), norm (L,), ry (L,)
            Gradients, Σ v θ² and Σ v θ y of the dual points θ, the last less what rounding leaves of T on the open side may be
            worth. Where no dual point but zero was found all of them are zero.
        """
        form, group = self.form, self.form.group[problem]
        T, excess, R = T.copy(), np.zeros(len(T)), np.array(R, order="C")
        row = form.factor_row[group]
        penalised = (form.f1[row] > 0) | (form.f2[row] > 0)
        without = (l1 == 0) & (l2 == 0)
        norm, ry = self._norms(R, problem)
        fits = without & (norm <= 2 * self.options.tol * form.null()[problem])      # zero, a dual point, says enough
        excess[fits] = np.inf
        for rows, columns in ((np.flatnonzero(~without), self.open & ~penalised), (np.flatnonzero(without & ~fits), self.open)):
            columns = np.flatnonzero(columns)
            if len(rows) and len(columns):
                R[:, rows], T[rows], excess[rows] = self._finish(problem, b[rows], R[:, rows], T[rows], columns)
        norm, ry = self._norms(R, problem)
        if self.free is not None:
            square, product = self._take_off(R, None, problem)
            norm, ry = norm - square, ry - product
        nothing = np.isinf(excess)
        T[nothing], norm[nothing], ry[nothing], excess[nothing] = 0.0, 0.0, 0.0, 0.0
        return T, norm, ry - excess

    def _finish(self, problem, b, R, T, columns):
        """R (n, k), T (k, p) and excess (k,) of the dual points, T zero where it is on the wrong side by rounding."""
        form, group = self.form, self.form.group[problem]
        length = np.sqrt(form.variance(self.control, self.options.n_threads)[group, columns])
        null = max(form.null()[problem], np.finfo(float).tiny)
        rounding = ROUNDINGS * np.sqrt(len(R)) * np.finfo(float).eps * length * np.sqrt(2 * null)
        with np.errstate(divide="ignore"):
            reach = 2 * (np.abs(b[:, columns]) + np.where(length > 0, np.sqrt(2 * null) / length, 0.0))
        if len(columns) > FEW:                   # what violates by more than tol is not solved: no need to know by how much
            unsolved = (self._wrong(T[:, columns], columns) * reach).sum(axis=1) > 2 * self.options.tol * null
            if unsolved.any():
                excess = np.full(len(T), np.inf)
                rest = np.flatnonzero(~unsolved)
                R, T = R.copy(), T.copy()
                if len(rest):
                    R[:, rest], T[rest], excess[rest] = self._finish(problem, b[rest], R[:, rest], T[rest], columns)
                return R, T, excess
        first, used, moved = R, np.empty(0, np.intp), np.zeros((len(T), 0))
        best = self._wrong(T[:, columns], columns).max()
        for _ in range(SOLVES):
            wrong = self._wrong(T[:, columns], columns)
            coming = (wrong > rounding).any(axis=0)
            if first is R:                       # inside its bounds a feature has no gradient left at its optimum
                coming |= ((np.abs(T[:, columns]) > rounding) & self._inside(problem, b, T, columns)).any(axis=0)
            if not coming.any():
                break
            if len(columns) <= MOST:
                coming[:] = True
            more = np.setdiff1d(columns[coming], used)
            if len(more):
                used, moved = np.concatenate([used, more]), np.hstack([moved, b[:, more]])
                A, C = self._matrices(problem, used)
            elif wrong.max() >= best:
                break
            best = wrong.max()
            moved = self._solve(problem, C, T[:, used] + moved @ C, moved, used)
            R = first - A @ (moved - b[:, used]).T
            T = gradients(form, problem, R, self.control, self.options.n_threads)
            self.store.n_passes += 1
            if self.free is not None:
                self._take_off(R, T, problem)
        wrong = self._wrong(T[:, columns], columns)
        T = T.copy()
        T[:, columns] = np.where(wrong > 0, 0.0, T[:, columns])
        lost = (wrong > LARGEST_EXCESS * length * np.sqrt(2 * null)).any(axis=1)
        return R, T, np.where(lost, np.inf, (wrong * reach).sum(axis=1))

    def _wrong(self, t, columns):
        """How far gradients t (k, m) are on the open side."""
        return np.where(t > 0, t * self.no_upper[columns], -t * self.no_lower[columns])

    def _norms(self, R, problem):
        """Σ v r² and Σ v r y, (L,) each, of R (n, L)."""
        group, y = self._group_and_target(problem)
        out = np.empty((2, 1, R.shape[1]))
        residual_norms(np.ascontiguousarray(R.T)[None], np.ascontiguousarray(self.form.V.T), group, y, *out)
        return out[:, 0]

    def _take_off(self, R, T, problem):
        """``FreeFeatures.take_off`` of one problem: R (n, L), T (L, p) or None."""
        group, y = self._group_and_target(problem)
        W = np.ascontiguousarray((R * self.form.V[:, group]).T)[None]
        square, product = self.free.take_off(W, None if T is None else T[None], y, np.array([problem]), np.array([W.shape[1]]),
                                             self.options.n_threads)
        return square[0], product[0]

    def _group_and_target(self, problem):
        form, group = self.form, self.form.group[problem]
        return np.array([group]), form.Y.T[[form.target[problem]]] - form.ybar[group, form.target[problem]]

    def _inside(self, problem, b, T, columns):
        """Whether coefficients are off the bound that their gradients T push them to, if there is one."""
        scale = 1 / self.form.sigma[self.form.target[problem]]
        edge = np.where(T[:, columns] > 0, self.form.upper[columns], self.form.lower[columns]) * scale
        return np.isfinite(edge) & (b[:, columns] != edge)

    def _matrices(self, problem, used):
        """(n, m) columns about their means and off the free features, and their Gram matrix."""
        form, group = self.form, self.form.group[problem]
        A = np.empty((form.shape[0], len(used)), order="F")
        form.design.gather(np.ascontiguousarray(used), A)
        A -= form.shift[group, used]
        if self.free is not None:
            A = self.free.off(A, group)
        return A, np.ascontiguousarray(A.T @ (A * form.V[:, group, None]))

    def _solve(self, problem, C, c, start, used):
        """(k, m) least squares within the bounds in Gram space, from k starts."""
        form, (k, m) = self.form, start.shape
        g, t = form.group[problem], form.target[problem]
        none, zero = np.zeros((1, m)), np.zeros((k, 1))
        yy, null, scale = (np.full(k, value) for value in (form.yy[g, t], form.null()[problem], 1 / form.sigma[t]))
        return solve_gram_paths(C[None], np.zeros(k, np.intp), np.ascontiguousarray(c), yy, null, (none, none),
                                (form.lower[used], form.upper[used]), scale, zero, zero, self.options, self.control,
                                room_for(k, 1, m), tol=np.full(k, POINT_TOL), max_epochs=POINT_EPOCHS,
                                start=np.ascontiguousarray(start)).coef[:, 0]
