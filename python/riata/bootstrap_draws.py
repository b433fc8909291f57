"""The bootstraps themselves: chunks of weighted paths, and what is kept of them."""

import numpy as np
from scipy import sparse

from riata.bootstrap_result import BootstrapResult
from riata.chunks import ALIGNED, chunk_size
from riata.intervals import acceleration
from riata.prediction import linear_predictor
from riata.status import status_names
from riata_engine.batch import STATUS, Batch, Interrupted

#: coefficients of a path from which a chunk keeps them sparse, and bytes of draws from which the result does
SPARSE_PATH, SPARSE_DRAWS = 2**18, 2**30
#: predictions that are held at a time
PREDICTED = 2**22
SKIPPED, TIME_BUDGET = STATUS.index("skipped"), STATUS.index("time_budget")
SOLVED = [STATUS.index(name) for name in ("converged", "max_iter", "degenerate")]


class BootstrapDraws:
    """Solves bootstraps chunk by chunk, and takes from each chunk what the result keeps.

    Parameters
    ----------
    given : riata.arguments.Arguments
    l1_ratio : float
    path : PathResult
        On all rows.
    kept : integer array of shape (K,)
        Positions along `path.alphas` whose coefficients are kept.
    counts : callable
        ``counts(first, stop)`` gives (n, stop − first) float64: how often each draw has each row.
    n_boot : int
    sequence : riata.chunks.Sequence
    max_memory : float or None
    """

    def __init__(self, given, l1_ratio, path, kept, counts, n_boot, sequence, max_memory=None):
        self.given, self.l1_ratio, self.path, self.kept, self.counts = given, l1_ratio, path, kept, counts
        self.n_boot, self.sequence, self.max_memory = n_boot, sequence, max_memory
        self.settings = {**given.settings, "time_budget": None}
        n, p = given.X.shape
        L, K = len(path.alphas), len(kept)
        self.order = np.argsort(-path.alphas, kind="stable")             # the engine wants them descending
        self.back = np.argsort(self.order, kind="stable")
        self.rows = given.X if isinstance(given.X, np.ndarray) else given.X.tocsr()
        self.base = np.ones(n) if given.weights is None else given.weights
        self.status = np.full((n_boot, L), SKIPPED, np.int8)
        self.gap = np.full((n_boot, L), np.nan)
        self.selected = np.zeros((L, p), np.int64)
        dense = 8.0 * n_boot * K * p <= SPARSE_DRAWS
        self.draws = np.full((n_boot, K, p), np.nan) if dense else []
        self.intercept = np.full((n_boot, K), np.nan)
        self.optimism_deviance, self.optimism_r2 = np.full((2, n_boot, K), np.nan)
        self.out_of_bag, self.out_times = np.zeros((n, K)), np.zeros((n, K), np.int64)
        self.jackknife_status, self.jackknife_gap = np.empty(0, "U11"), np.empty(0)

    def solve(self):
        """All bootstraps; on Ctrl-C those that were done are kept.

        Raises
        ------
        riata_engine.batch.Interrupted
        """
        n, p = self.given.X.shape
        L = len(self.path.alphas)
        store = "dense" if L * p <= SPARSE_PATH else "sparse"
        each = 8.0 * (2 * n + (2 * L * p if store == "dense" else 2 * L * min(n, p)) + 8 * L)
        size = chunk_size(self.n_boot, each, self.max_memory)
        for first in range(0, self.n_boot, size):
            if self.sequence.over:
                self.status[first:] = TIME_BUDGET
                return
            counts = self.counts(first, min(first + size, self.n_boot))
            batch = Batch(self.given.X, self.given.y[:, None], weights=counts * self.base[:, None], l1_ratio=self.l1_ratio,
                          alphas=self.path.alphas[self.order], store=store, **self.settings)
            try:
                solution = self.sequence.solve(batch)
            except Interrupted as stopped:
                self._take(stopped.solution, first, counts)
                raise
            self._take(solution, first, counts)

    def _take(self, solution, first, counts):
        m = len(solution.alphas)
        stop, at = first + m, self.order_of_kept
        self.status[first:stop] = solution.status[:, self.back]
        self.gap[first:stop] = solution.gap[:, self.back]
        solved = np.isin(solution.status, SOLVED)
        self.selected += _selected(solution.coef, solved, self.selected.shape)[self.back]
        coef = _at_alphas(solution.coef, at, solved)
        self.intercept[first:stop] = np.where(solved[:, at], solution.intercept[:, at], np.nan)
        if isinstance(self.draws, np.ndarray):
            self.draws[first:stop] = coef if isinstance(coef, np.ndarray) else coef.toarray().reshape(m, len(at), -1)
        else:
            self.draws.append(coef if sparse.issparse(coef) else sparse.csr_array(coef.reshape(m * len(at), -1)))
        self._judge(coef, solution, first, counts)

    @property
    def order_of_kept(self):
        """(K,) positions of the kept alphas in descending order of all."""
        return self.back[self.kept]

    def _judge(self, coef, solution, first, counts):
        """Errors of the kept fits of a chunk on all rows, and on those that they have not seen.

        In groups of `ALIGNED` bootstraps and in blocks of rows whose size depends on the number of alphas alone: sums over
        them are the same bits for any chunking.
        """
        n, K = self.out_of_bag.shape
        at, m = self.order_of_kept, len(solution.alphas)
        own_r2 = solution.dev_ratio[:, at]
        own = (1.0 - own_r2) * solution.null_deviance[:, None]
        offset = self.given.settings["offset"]
        step = max(1, PREDICTED // (ALIGNED * K))
        for some in range(0, m, ALIGNED):
            part = slice(some, min(some + ALIGNED, m))
            members = slice(first + part.start, first + part.stop)
            k = part.stop - part.start
            intercept = np.nan_to_num(self.intercept[members]).ravel()
            if isinstance(coef, np.ndarray):
                slopes = np.nan_to_num(coef[part]).reshape(k * K, -1)
            else:
                slopes = coef[part.start * K:part.stop * K]
            there = np.isfinite(self.intercept[members])
            total = np.zeros((k, K))
            for row in range(0, n, step):
                rows = slice(row, min(row + step, n))
                block = self.rows[rows]
                error = linear_predictor(block if isinstance(block, np.ndarray) else block.tocsc(), slopes, intercept,
                                         None if offset is None else offset[rows])
                error = self.given.loss.deviances(self.given.y[rows], error).reshape(-1, k, K)
                total += np.einsum("i,ikl->kl", self.base[rows], error)
                unseen = (counts[rows, part] == 0).astype(np.float64)
                error *= there
                self.out_of_bag[rows] += np.einsum("ik,ikl->il", unseen, error)
                self.out_times[rows] += np.einsum("ik,kl->il", unseen, there.astype(np.float64)).astype(np.int64)
            deviance = np.where(there, total / self.base.sum(), np.nan)
            null = self.path.null_deviance
            with np.errstate(divide="ignore", invalid="ignore"):
                self.optimism_deviance[members] = deviance - own[part]
                self.optimism_r2[members] = own_r2[part] - (1.0 - deviance / null)

    def acceleration(self, blocks):
        """(K, p) accelerations from fits without each of the `blocks`, lists of rows; None if the time budget cut them off."""
        n, p = self.given.X.shape
        at = np.argsort(-self.path.alphas[self.kept], kind="stable")
        K, values = len(at), np.full((len(blocks), len(at), p), np.nan)
        # held out blocks have Gram matrices of their own and of their rows; the last bits of each depend on which are held out
        # together, so that the caller's memory limit has no say here
        size = chunk_size(len(blocks), 8.0 * (2 * n + min(p, n) * min(p, n) * 2 + K * p * 2))
        # they differ by 1/n of the coefficients, whose error goes with the root of the gap
        settings = {**self.settings, "tol": max(min(self.settings["tol"] / n**2, 1e-8), 1e-14)}
        for first in range(0, len(blocks), size):
            if self.sequence.over:
                undone = (len(blocks) - first, K)
                self._judge_jackknife(np.full(undone, "time_budget"), np.full(undone, np.nan))
                return None
            held_out = blocks[first:first + size]
            batch = Batch(self.given.X, self.given.y[:, None], weights=self.given.weights, held_out=held_out,
                          target=np.zeros(len(held_out), np.intp), group=np.arange(len(held_out)),
                          l1_ratio=self.l1_ratio, alphas=self.path.alphas[self.kept][at], **settings)
            solution = self.sequence.solve(batch)
            values[first:first + size, at] = solution.coef
            names = status_names(solution.status)
            cut_off = (names == "time_budget").any()
            names[solution.gap <= self.given.settings["tol"]] = "converged"      # what the caller asked for
            self._judge_jackknife(names, solution.gap)
            if cut_off:
                return None
        return acceleration(values)

    def _judge_jackknife(self, names, gap):
        self.jackknife_status = np.append(self.jackknife_status, names)
        self.jackknife_gap = np.append(self.jackknife_gap, gap)

    def result(self, accelerated, n_blocks, cv, plan):
        """The `BootstrapResult` of what is done, `n_blocks` of the jackknife being asked for."""
        solved = np.isin(self.status, SOLVED)
        with np.errstate(divide="ignore", invalid="ignore"):
            frequency = self.selected / solved.sum(axis=0)[:, None]
            per_row = self.out_of_bag / self.out_times
        seen = (self.out_times > 0) & (self.base > 0)[:, None]
        weight = np.where(seen, self.base[:, None], 0.0)
        apparent = (1.0 - self.path.dev_ratio[self.kept]) * self.path.null_deviance
        draws = self.draws
        if not isinstance(draws, np.ndarray):
            missing = self.n_boot * len(self.kept) - sum(part.shape[0] for part in draws)
            draws = sparse.vstack([*draws, sparse.csr_array((missing, self.path.n_features))], format="csr")
        with np.errstate(invalid="ignore"):
            out_of_bag = (weight * np.where(seen, per_row, 0.0)).sum(axis=0) / weight.sum(axis=0)
        return BootstrapResult(
            path=self.path, kept=self.kept, draws=draws, intercept_draws=self.intercept, selection_frequency=frequency,
            status=status_names(self.status), gap=self.gap, acceleration=accelerated, deviance_apparent=apparent,
            optimism_deviance=_mean(self.optimism_deviance), optimism_r2=_mean(self.optimism_r2),
            deviance_out_of_bag=out_of_bag, cv=cv, plan=plan,
            jackknife="done" if accelerated is not None else "cut_off" if n_blocks else "left_out")


def _mean(values):
    """Mean over the first axis of what is not NaN; NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)


def _selected(coef, solved, shape):
    """(L, p) how many of the solved fits of a chunk have a coefficient other than 0."""
    if isinstance(coef, np.ndarray):
        if solved.all():
            return np.count_nonzero(coef, axis=0)
        return np.count_nonzero((coef != 0) & solved[:, :, None], axis=0)
    L, p = shape
    stacked = sparse.vstack(coef, format="csr")
    row = np.repeat(np.arange(stacked.shape[0]), np.diff(stacked.indptr))
    counted = (stacked.data != 0) & solved.ravel()[row]
    return np.bincount((row % L)[counted] * np.intp(p) + stacked.indices[counted], minlength=L * p).reshape(L, p)


def _at_alphas(coef, at, solved):
    """Coefficients at some alphas: (m, K, p), or a csr_array (m·K, p) where they are sparse; NaN or 0 where not solved."""
    if isinstance(coef, np.ndarray):
        return np.where(solved[:, at, None], coef[:, at], np.nan)
    return sparse.vstack([path[at] for path in coef], format="csr")
