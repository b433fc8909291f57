"""Certificates from the residual.

In Gram space a gap comes from C, c and yy, whose own rounding it cannot see. ``rounding`` (cpu/certificate.pyx) bounds what that
may be worth; where the bound is not far below the tolerance, the gap is computed from the residual y − Xb by a pass over X, and
the path is solved again from exact gradients until the residual agrees (iterative refinement: c is replaced by Xᵀr + C b).
"""

import numpy as np

from riata_engine.cpu.certificate import certify
from riata_engine.cpu.control import Stopped
from riata_engine.cpu.targets import residual_norms
from riata_engine.solvers.gram_paths import room_for, solve_gram_paths
from riata_engine.solvers.interruptible import interruptibly
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER, SKIPPED

#: how often a path is solved again from exact gradients
REFINEMENTS = 3
#: each time to so much less, where the solver's own measure (``boxed_gap``) may be far from the gap
TIGHTER = 1e-3


def residuals(form, problem, b, columns, free_b=None, control=None):
    """(n, L) y − ȳ − (Z − d)b of one problem, with the intercept at its optimum; Z gathered column by column."""
    g, t = form.group[problem], form.target[problem]
    used = np.flatnonzero((b != 0).any(axis=0))
    at = columns[used] if columns is not None else used
    values = b[:, used]
    if free_b is not None:
        at, values = np.concatenate([at, form.free]), np.hstack([values, free_b])
    R = np.repeat((form.Y[:, t] - form.ybar[g, t])[:, None], len(b), axis=1)
    for first in range(0, len(at), 256):
        part = np.ascontiguousarray(at[first:first + 256], dtype=np.intp)
        Z = np.empty((form.shape[0], len(part)), order="F")
        form.design.gather(part, Z)
        fitted = interruptibly(lambda Z=Z, part=part, first=first: (Z - form.shift[g, part]) @ values[:, first:first + 256].T,
                               control, 2.0 * R.size * len(part))
        R -= fitted
    return R


def gaps_of(form, problems, b, R, T, l1, l2, options, free=None, half_free=None, lengths=None, columns=None, column_row=None):
    """Relative gaps and Σ v r², (k, L) each, of k problems from their residuals R (k, L, n) and gradients T (k, L, p) = ZᵀVR.

    What a residual has left along the free features is no dual point: it is projected out, of T too, and counts half its square.
    The same goes for what it has on the open side of half-free ones.

    Parameters
    ----------
    b : (k, L, m)
        Coefficients on columns[column_row] (R, m); None: on all.
    l1, l2 : (k, L)
    lengths : (k,) or None
        The leading alphas of each problem that count; the others' results say nothing.
    """
    g, t = form.group[problems], form.target[problems]
    k, L = R.shape[:2]
    lengths = np.full(k, L) if lengths is None else lengths
    V, y = np.ascontiguousarray(form.V.T), np.ascontiguousarray(form.Y.T[t] - form.ybar[g, t][:, None])
    rr, ry, out = np.empty((k, L)), np.empty((k, L)), np.full((k, L), np.inf)
    residual_norms(R, V, g, y, rr, ry)
    dual_rr, left = rr, 0.0
    if free is not None:
        left, off = free.take_off(R * V[g][:, None], T, y, problems, lengths, options.n_threads)
        dual_rr, ry = rr - left, ry - off
    if half_free is not None:
        dual_rr, T = rr.copy(), T.copy()         # what a half-free feature violates is to bring it in: not to be lost
        for i, m in enumerate(lengths):
            full, (l, j) = np.zeros((m, T.shape[2])), np.nonzero(b[i, :m])
            full[l, j if columns is None else columns[column_row[i], j]] = b[i, l, j]
            points = half_free.dual_points(problems[i], full, R[i, :m].T, T[i, :m], l1[i, :m], l2[i, :m])
            T[i, :m], dual_rr[i, :m], ry[i, :m] = points
        left = rr - dual_rr
    null = form.null()[problems]
    if columns is None:
        columns, column_row = np.empty((0, 0), np.intp), np.zeros(k, np.intp)
    certify(T, b, columns, column_row, lengths, l1, l2, form.f1, form.f2, form.factor_row[g], form.lower,
            form.upper, 1.0 / form.sigma[t], dual_rr, ry, null, out, options.n_threads)
    return np.maximum(out + 0.5 * left / np.where(null > 0, null, 1.0)[:, None], 0.0), rr       # below zero: rounding of left


def _gaps_of_one(form, problem, b, R, T, alphas, options, free, half_free):
    """``gaps_of`` of one problem's path: b and T (L, p), R (n, L)."""
    problems = np.array([problem])
    l1, l2 = options.penalties(form, alphas[None], problems)
    R = np.ascontiguousarray(R.T)[None]
    gap, square = gaps_of(form, problems, b[None], R, T[None].copy(), l1, l2, options, free, half_free)
    return gap[0], square[0]


def gradients(form, problem, R, control, n_threads):
    """(L, p) ZᵀV R of one problem: one pass over X."""
    weighted = np.ascontiguousarray((form.V[:, form.group[problem], None] * R).T)
    return form.design.transposed_matvec(weighted, len(weighted), control, n_threads)


def certify_by_residual(form, problem, b, C, alphas, options, store, control, free=None, half_free=None):
    """Replace the gaps of one problem by those of its residuals, and refine its path b (L, p) until they hold or stop falling.

    b is changed in place; ``C`` is the Gram matrix of its group (free features projected out).

    Returns
    -------
    bool
        False where the call was stopped before the first gap was known: nothing is changed then.
    """
    p, kept = b.shape[1], b.copy()
    tighter = 0.1 if half_free is None else TIGHTER
    solved = np.flatnonzero(store.status[problem] <= MAX_ITER)
    for attempt in range(REFINEMENTS + 1):
        free_b = None if free is None else free.coefficients(b, slice(None), problem)
        try:
            R = residuals(form, problem, b, None, free_b, control)
            T = gradients(form, problem, R, control, options.n_threads)
            gap, square = _gaps_of_one(form, problem, b, R, T, alphas[problem], options, free, half_free)
        except Stopped:                          # the best so far stands, with its gap
            b[:] = kept
            return attempt > 0
        store.n_passes += 1
        better = solved if attempt == 0 else solved[gap[solved] < store.gap[problem, solved]]
        kept[better] = b[better]
        store.gap[problem, better] = gap[better]
        store.residual[problem, better] = square[better]
        store.status[problem, solved] = np.where(store.gap[problem, solved] <= options.tol, CONVERGED, MAX_ITER)
        again = solved[(store.gap[problem, solved] > options.tol) & (store.n_epochs[problem, solved] < options.max_epochs)]
        if not len(again) or attempt == REFINEMENTS or not len(better):
            break
        exact_c = T[again] + b[again] @ C
        exact_yy = store.residual[problem, again] + np.einsum("kp,kp->k", b[again], exact_c + T[again])
        l1, l2 = (x[0][again, None] for x in options.penalties(form, alphas[problem][None], np.array([problem])))
        k = len(again)
        tol = np.full(k, options.tol * tighter ** (attempt + 1))
        row = form.factor_row[form.group[problem]]
        found = solve_gram_paths(
            C[None], np.zeros(k, np.intp), exact_c, exact_yy, np.full(k, form.null()[problem]),
            (form.f1[row:row + 1], form.f2[row:row + 1]), (form.lower, form.upper),
            np.full(k, 1 / form.sigma[form.target[problem]]), l1, l2, options, control,
            room_for(k, 1, p, *(count[problem, again, None] for count in (store.n_epochs, store.n_cholesky))),
            tol=tol, start=b[again])
        store.n_epochs[problem, again], store.n_cholesky[problem, again] = found.epochs[:, 0], found.newtons[:, 0]
        b[again] = found.coef[:, 0]
    b[:] = kept
    return True


def path_rows(path, p):
    """(L, p) coefficients of one path (index, value, ends)."""
    index, value, ends = path
    b = np.zeros((len(ends), p))
    row = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    b[row, index[:len(row)]] = value[:len(row)]
    return b


def certify_path(form, problem, path, alphas, options, store, control, free, half_free=None):
    """The gaps of one problem's path from its residuals, where the solver's own leave something out.

    ``path`` (index, value, ends) holds the coefficients of z as ``PathStore.put_paths`` takes them.
    """
    solved = np.flatnonzero(store.status[problem] <= MAX_ITER)
    b = path_rows(path, form.shape[1])
    try:
        R = residuals(form, problem, b, None, None, control)
        b[:, form.free] = 0.0
        gap, _ = _gaps_of_one(form, problem, b, R, gradients(form, problem, R, control, options.n_threads), alphas[problem],
                              options, free, half_free)
        store.n_passes += 1
        store.gap[problem, solved] = gap[solved]
    except Stopped:                              # no time to look: no answer
        store.status[problem, solved] = SKIPPED
        return
    store.status[problem, solved] = np.where(store.gap[problem, solved] <= options.tol, CONVERGED, MAX_ITER)
