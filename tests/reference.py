"""The referee: objective, duality gap and exact solution of one penalised least-squares problem, slow and obvious.

It shares no code with riata and never uses a Gram matrix to judge an answer: everything is computed from the raw X in
extended precision (``numpy.longdouble``, 80 bits on x86), column by column where that is the plainest way.

The problem, for weights w (W = sum w), offset o, penalty factors f, column scales t (the weighted standard deviation of
the column if ``standardize``, else 1)::

    P(b0, b) = sum_i w_i (y_i - o_i - b0 - x_i'b)^2 / (2 W) + sum_j g_j(b_j)
    g_j(v)   = alpha f_j ( l1_ratio |t_j v| + (1 - l1_ratio) / 2 (t_j v)^2 ),   lower_j <= v <= upper_j

Its dual, with z = y - o and u_j = sum_i w_i x_ij theta_i / W::

    D(theta) = sum_i w_i (theta_i z_i - theta_i^2 / 2) / W - sum_j g_j*(u_j),   sum_i w_i theta_i = 0 with an intercept

where g_j*(u) = sup_v (u v - g_j(v)). Every theta with finite g_j* gives a lower bound of the optimum; the referee takes
the residual, projected where a free coefficient demands u_j = 0 (or a sign of u_j), times a scale.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.optimize
import scipy.sparse

Real = np.longdouble
EPS = np.finfo(Real).eps
TINY = np.finfo(Real).tiny


@dataclass
class Problem:
    """One (target, weights, alpha) problem in plain dense extended precision; arguments as in ``riata.fit_path``."""

    X: np.ndarray
    y: np.ndarray
    alpha: float
    l1_ratio: float = 1.0
    weights: np.ndarray | None = None
    offset: np.ndarray | None = None
    penalty_factor: np.ndarray | None = None
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    intercept: bool = True
    standardize: bool = False
    w: np.ndarray = field(init=False, repr=False)          # weights / W of the rows that count
    z: np.ndarray = field(init=False, repr=False)          # y - offset
    l1: np.ndarray = field(init=False, repr=False)         # g_j(v) = l1_j |v| + l2_j v^2 / 2
    l2: np.ndarray = field(init=False, repr=False)
    left_out: np.ndarray = field(init=False, repr=False)

    def __post_init__(self):
        X = self.X.toarray() if scipy.sparse.issparse(self.X) else np.asarray(self.X)
        n, p = X.shape
        w = np.ones(n) if self.weights is None else np.asarray(self.weights)
        offset = 0.0 if self.offset is None else np.asarray(self.offset, dtype=Real)
        factor = np.ones(p) if self.penalty_factor is None else np.asarray(self.penalty_factor, dtype=float)
        self.lower = np.full(p, -np.inf) if self.lower is None else np.broadcast_to(np.asarray(self.lower, float), (p,))
        self.upper = np.full(p, np.inf) if self.upper is None else np.broadcast_to(np.asarray(self.upper, float), (p,))
        kept = w > 0                                       # a row of weight 0 is no row
        self.X = X[kept].astype(Real)
        self.w = w[kept].astype(Real) / w[kept].astype(Real).sum()
        self.z = (np.asarray(self.y, dtype=Real) - offset)[kept]
        self.left_out = np.isinf(factor)
        scale = self.column_sd() if self.standardize else np.ones(p, Real)
        strength = Real(self.alpha) * np.where(self.left_out, 0, factor).astype(Real)
        self.l1 = strength * Real(self.l1_ratio) * scale
        self.l2 = strength * (1 - Real(self.l1_ratio)) * scale * scale

    def column_sd(self):
        """Weighted standard deviation of each column, divisor sum(w); 0 exactly where all values are equal."""
        constant = (self.X[0] == self.X).all(axis=0)
        centred = self.X - np.where(constant, self.X[0], self.w @ self.X)
        return np.sqrt(self.w @ (centred * centred))

    def residual(self, coef, intercept):
        return self.z - Real(intercept) - self.X @ np.asarray(coef, dtype=Real)


def penalty(problem, coef):
    b = np.asarray(coef, dtype=Real)
    return (problem.l1 * np.abs(b) + problem.l2 * b * b / 2).sum()


def is_feasible(problem, coef):
    """Inside the bounds, and zero where the penalty factor is infinite."""
    b = np.asarray(coef, dtype=float)
    return bool((b >= problem.lower).all() and (b <= problem.upper).all() and not b[problem.left_out].any())


def objective(problem, coef, intercept):
    """P(b0, b); infinite outside the bounds."""
    if not is_feasible(problem, coef):
        return Real(np.inf)
    r = problem.residual(coef, intercept)
    return (problem.w * r * r).sum() / 2 + penalty(problem, coef)


def null_objective(problem):
    """P at b = 0, intercept at its optimum: half the weighted variance of y - offset (mean square if no intercept)."""
    centre = (problem.w * problem.z).sum() if problem.intercept else Real(0)
    d = problem.z - centre
    return (problem.w * d * d).sum() / 2


def conjugate(problem, u):
    """g_j*(u_j) for every j: the supremum over lower <= v <= upper of u v - l1|v| - l2 v^2 / 2, at the clipped prox."""
    slope = np.sign(u) * np.maximum(np.abs(u) - problem.l1, 0)
    value = np.zeros(len(u), dtype=Real)
    for j in np.flatnonzero((slope != 0) & ~problem.left_out):
        l2, bound = problem.l2[j], Real(problem.upper[j] if slope[j] > 0 else problem.lower[j])
        if l2 > 0:
            v = min(slope[j] / l2, bound) if slope[j] > 0 else max(slope[j] / l2, bound)
            value[j] = slope[j] * v - l2 * v * v / 2
        elif bound != 0:
            value[j] = slope[j] * bound                    # infinite where the side has no bound
    return value


def correlation(problem, theta):
    return (problem.w * theta) @ problem.X


def _orthonormal(columns, w):
    """An orthonormal basis (inner product sum w a b) of the span of ``columns``: Gram-Schmidt, twice over."""
    basis = []
    for column in columns:
        v = column.copy()
        size = np.sqrt((w * v * v).sum())
        for _ in range(2):
            for q in basis:
                v -= q * (w * q * v).sum()
        left = np.sqrt((w * v * v).sum())
        if size > 0 and left > 1e4 * EPS * size:
            basis.append(v / left)
    return basis


def _project(r, basis, w):
    theta = r.copy()
    for _ in range(2):
        for q in basis:
            theta -= q * (w * q * theta).sum()
    return theta


def dual_direction(problem, r, coef):
    """The residual at the optimum of the free and half-free coefficients, the others as they are in ``coef``.

    There u_j = 0 for free coefficients, and u_j has the sign that a one-sided bound asks for.

    Returns theta and the mask of features whose u_j is zero by that projection (up to rounding).
    """
    w, X = problem.w, problem.X
    free = (problem.l1 == 0) & (problem.l2 == 0) & ~problem.left_out
    no_lower, no_upper = np.isinf(problem.lower), np.isinf(problem.upper)
    zero = free & no_lower & no_upper
    one_sided = np.flatnonzero(free & (no_lower ^ no_upper))
    columns = [np.ones(len(w), Real)] if problem.intercept else []
    columns += [X[:, j] for j in np.flatnonzero(zero)]
    basis = _orthonormal(columns, w)
    theta = _project(r, basis, w)
    if len(one_sided):
        # non-negative least squares of distances from the bounds tells which of them are off their bounds: sign_j x_j'theta
        # is 0 for these and <= 0 for the others; those that float64 arithmetic leaves on the wrong side count as the first
        sign = np.where(no_upper[one_sided], 1, -1)
        A = np.array([_project(X[:, j], basis, w) for j in one_sided]).T * sign * np.sqrt(w)[:, None]
        norms = np.sqrt((A * A).sum(0))
        A = A / np.where(norms > 0, norms, 1)
        edge = np.where(no_upper[one_sided], problem.lower[one_sided], problem.upper[one_sided])
        target = np.sqrt(w) * theta + A @ (sign * (np.asarray(coef, Real)[one_sided] - edge) * norms)
        size = np.sqrt(target @ target)
        c, _ = scipy.optimize.nnls(A.astype(float), (target / (size if size > 0 else 1)).astype(float))
        wrong = c > 0
        for _ in range(len(one_sided) + 1):
            zero[one_sided[wrong]] = True
            theta = _project(r, _orthonormal(columns + [X[:, j] for j in one_sided[zero[one_sided]]], w), w)
            wrong = (sign * correlation(problem, theta)[one_sided] > 0) & ~zero[one_sided]
    return theta, zero


def dual_value(problem, theta, u):
    return (problem.w * theta * (problem.z - theta / 2)).sum() - conjugate(problem, u).sum()


def largest_scale(problem, u):
    """The largest s with all g_j*(s u_j) finite: a lasso coefficient without a bound needs |s u_j| <= l1_j.

    A few ulps less than that, so that rounding does not put s u_j on the other side.
    """
    unbounded = np.isinf(np.where(u > 0, problem.upper, problem.lower))
    binds = (problem.l2 == 0) & (u != 0) & unbounded & ~problem.left_out
    return (problem.l1[binds] / np.abs(u[binds])).min(initial=Real(np.inf)) * (1 - 4 * np.finfo(Real).eps)


def dual_bound(problem, coef, intercept, best_scale=False):
    """A lower bound of the optimum from the residual of an answer: D(s theta) at the largest feasible s <= 1.

    With ``best_scale`` the s that maximises the bound, a concave function of s, is searched for: no certificate that
    scales the same residual can be tighter.
    """
    theta, zero = dual_direction(problem, problem.residual(coef, intercept), coef)
    u = np.where(zero, Real(0), correlation(problem, theta))
    top = largest_scale(problem, u)
    tries = [min(Real(1), top)]
    square = (problem.w * theta * theta).sum()
    if best_scale and square > 0:
        # beyond <theta, z> / <theta, theta> the quadratic falls, and the conjugates only grow
        end = min(top, max((problem.w * theta * problem.z).sum() / square, Real(1)))
        over = (problem.l1 > 0) & (np.abs(u) > problem.l1)
        tries += [end, min([end, *(problem.l1[over] / np.abs(u[over]))])]
        tries.append(_largest(lambda s: dual_value(problem, s * theta, s * u), end))
    return max([dual_value(problem, s * theta, s * u) for s in tries] + [Real(0)])      # P >= 0 always


def _largest(value, end, rounds=60):
    """The maximiser of a concave function on [0, end] by ternary search."""
    low, high = Real(0), end
    for _ in range(rounds):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (left, high) if value(left) < value(right) else (low, right)
    return (low + high) / 2


def duality_gap(problem, coef, intercept, best_scale=False, relative=True):
    """(P - D) / null objective: an upper bound of how far (coef, intercept) is from the optimum. 0 / 0 counts as 0."""
    gap = objective(problem, coef, intercept) - dual_bound(problem, coef, intercept, best_scale)
    null = null_objective(problem)
    if not relative:
        return float(gap)
    if null > 0:
        return float(gap / null)
    return 0.0 if gap <= 0 else np.inf


def kkt_violation(problem, coef, intercept):
    """The largest distance of the gradient from the subdifferential, over coefficients and intercept (units of u_j)."""
    b = np.asarray(coef, dtype=Real)
    r = problem.residual(coef, intercept)
    u = correlation(problem, r) - problem.l2 * b
    worst = abs((problem.w * r).sum()) if problem.intercept else Real(0)
    for j in range(len(b)):
        if problem.left_out[j]:
            continue
        left = problem.l1[j] if b[j] > 0 else -problem.l1[j]         # the slopes of l1 |v| on either side of b_j
        right = problem.l1[j] if b[j] >= 0 else -problem.l1[j]
        too_small = max(u[j] - right, Real(0)) if b[j] < problem.upper[j] else Real(0)
        too_large = max(left - u[j], Real(0)) if b[j] > problem.lower[j] else Real(0)
        worst = max(worst, too_small, too_large)
    return float(worst)


def deviance_ratio(problem, coef, intercept):
    """1 - weighted residual sum of squares / that of the best constant (of zero, without an intercept)."""
    r = problem.residual(coef, intercept)
    return float(1 - (problem.w * r * r).sum() / 2 / null_objective(problem))


def weighted_mean_squared_error(X, y, coef, intercept, weights=None, offset=None):
    """sum w (y - o - b0 - Xb)^2 / sum w on the rows given."""
    problem = Problem(X, y, 0.0, weights=weights, offset=offset)
    r = problem.residual(coef, intercept)
    return float((problem.w * r * r).sum())


def alpha_max(X, y, **settings):
    """The smallest alpha at which every penalised coefficient is zero (l1_ratio > 0)."""
    unit = Problem(X, y, 1.0, **settings)
    free = (unit.l1 == 0) & (unit.l2 == 0) & ~unit.left_out
    start, intercept = np.zeros(len(free)), 0.0
    if free.any():
        start, intercept = solve(Problem(X, y, 1.0, **{**settings, "penalty_factor": np.where(free, 0.0, np.inf)}))
    elif unit.intercept:
        intercept = (unit.w * unit.z).sum()
    u = correlation(unit, unit.residual(start, intercept))
    useful = np.where(u > 0, unit.upper > 0, unit.lower < 0) & (unit.l1 > 0)
    return float((np.abs(u[useful]) / unit.l1[useful]).max()) if useful.any() else 0.0


def solve(problem, max_steps=100_000):
    """The optimum (coef, intercept): coordinate descent, then a primal active-set finish with the signs held fixed.

    For small problems only: every step costs O(p^3). Unit-norm columns; the Gram matrix is in extended precision.
    """
    w, p = problem.w, problem.X.shape[1]
    shift = w @ problem.X if problem.intercept else np.zeros(p, Real)
    centre = (w * problem.z).sum() if problem.intercept else Real(0)
    A = np.sqrt(w)[:, None] * (problem.X - shift)
    target = np.sqrt(w) * (problem.z - centre)
    norms = np.sqrt((A * A).sum(0))
    norms[norms == 0] = 1
    A = A / norms                                          # b below is b_j * norm_j
    l1, l2 = problem.l1 / norms, problem.l2 / norms**2
    lower = np.where(problem.left_out, 0, problem.lower * norms)
    upper = np.where(problem.left_out, 0, problem.upper * norms)
    G, c = A.T @ A, A.T @ target
    b = _descend(G, c, l1, l2, lower, upper, np.sqrt(target @ target))
    b = _finish(G, c, l1, l2, lower, upper, b, max_steps)
    coef = np.clip((b / norms).astype(float), problem.lower, problem.upper)
    intercept = (w * (problem.z - problem.X @ coef.astype(Real))).sum() if problem.intercept else 0.0
    return coef, float(intercept)


def _descend(G, c, l1, l2, lower, upper, size, epochs=500):
    b = np.zeros(len(c), Real)
    for _ in range(epochs):
        change = Real(0)
        for j in range(len(c)):
            if G[j, j] == 0:
                continue
            s = c[j] - G[j] @ b + G[j, j] * b[j]
            new = np.sign(s) * max(abs(s) - l1[j], 0) / (G[j, j] + l2[j])
            new = min(max(new, lower[j]), upper[j])
            change = max(change, abs(new - b[j]))
            b[j] = new
        if change <= 1e-13 * size:
            break
    return b


def _finish(G, c, l1, l2, lower, upper, b, max_steps):
    """Minimise over the moving coordinates, signs fixed; cut a step short where a sign or a bound would be crossed."""
    slack = Real(1e-15) * np.abs(c).max(initial=0) + TINY
    moving = (b != 0) & (b > lower) & (b < upper)
    sign = np.sign(b)
    for _ in range(max_steps):
        S = np.flatnonzero(moving)
        if len(S):
            rest = c[S] - G[S] @ np.where(moving, 0, b) - l1[S] * sign[S]
            move, endless = _newton_move(G[np.ix_(S, S)] + np.diag(l2[S]), rest, b[S], slack)
            floor = np.where((sign[S] > 0) & (l1[S] > 0), 0, lower[S])
            ceiling = np.where((sign[S] < 0) & (l1[S] > 0), 0, upper[S])
            room = np.where(move > 0, ceiling - b[S], b[S] - floor)
            step = np.where(move != 0, room / np.where(move != 0, np.abs(move), 1), np.inf)
            first = int(np.argmin(step))
            length = step[first] if endless else min(step[first], Real(1))
            b[S] += length * move
            if length == step[first]:
                b[S[first]] = ceiling[first] if move[first] > 0 else floor[first]
                moving[S[first]] = False
                continue
        u = c - G @ b - l2 * b
        up = np.where(b < upper, np.maximum(u - np.where(b >= 0, l1, -l1), 0), 0)
        down = np.where(b > lower, np.maximum(np.where(b > 0, l1, -l1) - u, 0), 0)
        violation = np.where(moving | (np.diag(G) == 0), 0, np.maximum(up, down))
        j = int(np.argmax(violation)) if len(violation) else 0
        if not len(violation) or violation[j] <= slack:
            return b
        moving[j] = True
        sign[j] = np.sign(b[j]) if b[j] != 0 else (1 if up[j] > down[j] else -1)
    raise RuntimeError("the referee's active set did not settle")


def _newton_move(H, rhs, x, slack):
    """The move to a solution of H x = rhs, or, where H is singular and has none, the direction of endless descent.

    The inverse is in float64, refined with residuals in extended precision.
    """
    values, vectors = np.linalg.eigh(H.astype(float))
    null = values <= 1e-14 * values[-1]
    short = (rhs - H @ x).astype(float)
    downhill = vectors[:, null] @ (vectors[:, null].T @ short)
    if np.abs(downhill).max(initial=0) > 100 * slack:
        return downhill.astype(Real), True
    inverse = (vectors[:, ~null] / values[~null]) @ vectors[:, ~null].T
    new = x.copy()
    for _ in range(8):
        new = new + inverse @ (rhs - H @ new)
    return new - x, False
