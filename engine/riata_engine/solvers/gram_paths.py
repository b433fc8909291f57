"""The one way from the solvers into ``gram_path``: what most calls have in common is filled in here."""

from typing import NamedTuple

import numpy as np

from riata_engine.cpu.gram_path import gram_path
from riata_engine.solvers.path_store import SKIPPED

NONE = np.empty(0, np.intp)


class GramAnswers(NamedTuple):
    """What ``gram_path`` fills in: coef (B, L, M), all else (B, L). Epochs and Newton steps count on from what they hold."""

    coef: np.ndarray
    gap: np.ndarray
    residual: np.ndarray
    length: np.ndarray
    status: np.ndarray
    epochs: np.ndarray
    newtons: np.ndarray


def room_for(B, L, M, epochs=None, newtons=None):
    """``GramAnswers`` of B paths of L alphas on M features, nothing solved; ``epochs`` and ``newtons`` (B, L): spent before."""
    gap, residual, length = np.full((3, B, L), np.nan)
    spent = [np.zeros((B, L), np.int32) if count is None else count for count in (epochs, newtons)]
    return GramAnswers(np.zeros((B, L, M)), gap, residual, length, np.full((B, L), SKIPPED, np.int8), *spent)


def solve_gram_paths(C, gram_of, c, yy, null, factors, bounds, bound_scale, l1, l2, options, control, answers, *, tol=None,
                     max_epochs=None, lengths=None, allowed=(NONE, NONE), start=None, start_l1=None, stop=(np.inf, -np.inf),
                     counting=False, few=False, ahead=False):
    """``gram_path`` on the M features of ``c`` (B, M), into ``answers``; the names are explained there.

    Parameters
    ----------
    factors : ((1 or G, M), (1 or G, M))
        Of the l1 and of the l2 part.
    bounds : ((M,), (M,))
    tol, max_epochs : (B,), int
        Default: those of ``options``.
    lengths : (B,)
        Default: all alphas.
    start, start_l1 : (B, M), (B,)
        Default: zeros, as they are under the first l1.
    stop : (float, float)
        ``stop_dev_ratio`` and ``stop_dev_change``; default: never.
    """
    B, M = c.shape
    if tol is None:
        tol = np.empty(B)
        tol.fill(options.tol)
    if lengths is None:
        lengths = np.empty(B, np.intp)
        lengths.fill(l1.shape[1])
    if start is None:
        start = np.zeros((B, M))
    gram_path(C, gram_of, c, yy, null, *factors, *bounds, bound_scale, l1, l2, lengths, *allowed, start,
              l1[:, 0].copy() if start_l1 is None else start_l1, M, tol, options.max_epochs if max_epochs is None else max_epochs,
              *stop, options.by_kkt, control, options.n_threads, *answers, counting=counting, few=few,
              ahead=ahead)
    return answers
