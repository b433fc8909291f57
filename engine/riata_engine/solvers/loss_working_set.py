"""Paths of a loss on many columns: compiled paths on the columns in play, a block of alphas at a time, checked by passes over X.

The columns in play of a block are those of the support, and those whose gradient may reach the penalty of its last alpha (the
sequential strong rule; Tibshirani et al. 2012). One pass gives the gradient of every column at every alpha of the block, and
with it the certificate over all columns; what it finds missing comes into play, and the block is solved again from the first
alpha that failed.
"""

from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from riata_engine.cpu.control import Stopped
from riata_engine.cpu.newton_paths import gaps_of_losses
from riata_engine.solvers.path_store import CONVERGED, MAX_ITER, NOT_FINITE

#: most alphas of a block
BLOCK = 8
#: columns come into play whose gradient is beyond this share of the penalty at the block's last alpha, at the least
NEAR = 0.8
#: the compiled paths are solved to this share of tol: what it leaves is what the other columns may add
TIGHTER = 0.6
#: solves of one block without progress, after which its alpha is left as it is
TRIES = 30


class _State:
    """How far one problem is."""

    def __init__(self, own, b, gradient):
        p = own.form.shape[1]
        self.at, self.step, self.tries = 0, 1, 0
        self.coef, self.level, self.gradient = np.zeros(p), own.start[b], gradient
        self.before = None
        self.extra = np.empty(0, np.intp)


def solve_in_blocks(own, alphas, gradient, options, control, answers):
    """Fill ``answers`` with the paths of all problems of ``own`` at alphas (B, L)."""
    B, L = alphas.shape
    l1, l2 = options.penalties(own.form, alphas)
    states = [_State(own, b, gradient[b]) for b in range(B)]
    inside = (own.form.lower < 0) | (own.form.upper > 0)
    tight = replace(options, tol=TIGHTER * options.tol)
    going = list(range(B))
    with suppress(Stopped):
        while going and not control.stopped:
            _one_round(own, states, going, l1, l2, inside, tight, options, control, answers)
            going = [b for b in going if states[b].at < L]


def _one_round(own, states, going, l1, l2, inside, tight, options, control, answers):
    L = l1.shape[1]
    p = own.form.shape[1]
    lists, begin, start, start_at = [], [0], [], [0]
    k = max(states[b].step for b in going)
    block1, block2, lengths, before = np.zeros((len(going), k)), np.zeros((len(going), k)), np.zeros(len(going), np.intp), []
    for i, b in enumerate(going):
        state, f1 = states[b], own.form.f1[own.form.factor_row[own.group[b]]]
        n = min(state.step, L - state.at)
        lengths[i] = n
        block1[i, :n], block2[i, :n] = l1[b, state.at:state.at + n], l2[b, state.at:state.at + n]
        last, now = l1[b, state.at + n - 1], l1[b, state.at] if state.before is None else state.before
        near = np.abs(state.gradient) >= max(2 * last - now, NEAR * last) * f1
        play = (state.coef != 0) | (near & inside)
        play[state.extra] = True
        columns = np.flatnonzero(play).astype(np.intp)
        lists.append(columns)
        begin.append(begin[-1] + len(columns))
        start += [state.coef[columns], [state.level]]
        start_at.append(start_at[-1] + len(columns) + 1)
        before.append(now)
    begin = np.array(begin, np.intp)
    problems = np.array(going)
    done = control.done
    found = own.run(problems, np.concatenate([*lists, [0]]).astype(np.intp), begin[:-1], begin[1:], block1, block2, lengths,
                    np.array(before), np.concatenate(start), np.array(start_at[:-1], np.intp), tight, control, residual=True)
    control.done = done
    if control.stopped:
        raise Stopped
    failed = (found.status == NOT_FINITE).any(axis=1)
    solved = [(i, l) for i in range(len(going)) for l in range(lengths[i]) if found.status[i, l] <= MAX_ITER]
    rows = tuple(np.array(solved, np.intp).reshape(-1, 2).T)
    R, E = np.ascontiguousarray(found.residual[rows]), np.ascontiguousarray(found.predictor[rows])
    T = own.design.transposed_matvec(R, len(R), control, options.n_threads) if len(R) else np.zeros((0, p))
    answers.n_passes += 1
    full = np.zeros((len(R), p))
    for q, (i, l) in enumerate(solved):
        full[q, lists[i]] = found.coefficients(i)[l]
    gaps = np.empty(len(R))
    which = problems[rows[0]]
    gaps_of_losses(own.loss.code, own.parameter, own.Y, own.target[which], own.V, own.group[which], own.form.f1, own.form.f2,
                   own.form.lower, own.form.upper, block1[rows], block2[rows], own.scale[which], T, full, E, R,
                   found.value[rows], own.offset, gaps)
    for i, b in enumerate(going):
        mine, block = np.flatnonzero(rows[0] == i), states[b].at
        if len(mine):
            _take(own, states[b], i, b, lists[i], mine, gaps[mine], T[mine], full[mine], found, options, answers, l1, control)
        if failed[i] and states[b].at >= block + len(mine):            # behind what is solved the loss is not finite
            answers.status[b, block + len(mine):] = NOT_FINITE
            states[b].at = L


def _take(own, state, i, b, columns, mine, gaps, T, full, found, options, answers, l1, control):
    """Accept the leading alphas of a block that hold over all columns; the others are solved again with what was missing."""
    form = own.form
    f1 = form.f1[form.factor_row[own.group[b]]]
    state.tries += 1
    good = 0
    while good < len(mine) and gaps[good] <= options.tol:
        good += 1
    missing = np.empty(0, np.intp)
    for q in range(good, len(mine)):
        out = np.abs(T[q]) > l1[b, state.at + q] * f1
        out[columns] = False
        missing = np.union1d(missing, np.flatnonzero(out & ((form.lower < 0) | (form.upper > 0))))
    hopeless = good < len(mine) and not len(missing) and (found.status[i, good] != CONVERGED or state.tries > TRIES)
    keep = good + hopeless
    stopped_early = len(mine) < min(state.step, l1.shape[1] - state.at)
    if keep:
        at = slice(state.at, state.at + keep)
        fields = ("level", "value", "held_out", "epochs", "newtons")
        part = SimpleNamespace(**{name: getattr(found, name)[i:i + 1, :keep] for name in fields})
        part.gap = gaps[None, :keep]
        part.status = np.where(part.gap <= options.tol, CONVERGED, MAX_ITER).astype(np.int8)
        answers.put([b], at, part, full[None, :keep][:, :, columns], columns)
        control.done += keep
    if good == len(mine):
        state.step = min(BLOCK, state.step + 1)
    else:
        state.step = max(1, good)
    if keep:
        last = keep - 1
        state.coef, state.level, state.gradient = full[last].copy(), found.level[i, last], T[last]
        state.before = l1[b, state.at + last]
        state.at += keep
        state.tries, state.extra = 0, missing
        if stopped_early and good == len(mine):    # the path ends here: it explains what was asked for, or gains no more
            state.at = l1.shape[1]
    else:                                          # the same alpha again, from where it was left
        state.coef, state.level, state.extra = full[0].copy(), found.level[i, 0], np.union1d(state.extra, missing)
        state.gradient = T[0]
        state.before = l1[b, state.at]
