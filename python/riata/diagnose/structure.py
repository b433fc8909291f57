"""What a model leaves unexplained that its columns, their squares, cubes and products could explain."""

import numpy as np

from riata.arguments import Arguments
from riata.diagnose.fits import fit_sets, scores
from riata.folds import Folds
from riata.losses import SQUARED
from riata.measures import MEASURES
from riata.validation import Grid
from riata_engine.random import permutation

#: columns that are squared and multiplied (up to 117 terms: few enough for paths in one compiled loop), and rows: at most
COLUMNS, ROWS = 13, 10_000
#: standard deviations beyond which columns, before they are cubed, and residuals are cut off: a single row is no structure
FAR = 4.0
#: relative gap to which the lassos are solved: their errors are compared at 1e-2
TOL = 1e-4
#: stream of the rows that are drawn where there are more
DRAWN = (1 << 62) + (1 << 61)


def residuals(y, prediction, link="identity"):
    """y less its prediction; of a log link over the root of the prediction, so that large means do not drown the others."""
    residual = y - prediction
    return residual / np.sqrt(np.maximum(prediction, np.finfo(float).tiny)) if link == "log" else residual


def unexplained(X, y, residual, folds, seed=0, n_threads=None):
    """Share of the variance of held-out residuals that lassos predict: on some columns, and on terms of higher order beside them.

    The columns are the at most 13 that correlate most with y, the terms their squares, cubes and products. The lassos are fitted
    on the rows of other folds, their alphas chosen by inner folds of these, so that the shares are about 0, or below, where there
    is nothing to find.

    Parameters
    ----------
    X : ndarray or CSC matrix of shape (n, p)
    y, residual : ndarray of shape (n,)
        The residual NaN where no fold held a row out.
    folds : list of K integer arrays
        Rows of each fold.
    seed : int
    n_threads : int, optional

    Returns
    -------
    columns, terms : ndarray of shape (K,)
        Shares of the columns alone, and of all, one for each fold.
    """
    use = np.flatnonzero(np.isfinite(residual))
    if len(use) > ROWS:
        use = np.sort(use[permutation(len(use), seed, DRAWN)[:ROWS]])
    ids = np.full(len(residual), -1)
    for k, test in enumerate(folds):                   # a row of several folds (repeats) counts in the last of them
        ids[test] = k
    tests = [test for test in (np.flatnonzero(ids[use] == k) for k in np.unique(ids[use])) if len(test) > 1]
    spread = residual[use].std() if len(use) else 0.0
    columns, terms = _terms(X, y, use) if spread > 0 else (np.empty((0, 0)),) * 2
    if columns.shape[1] == 0 or len(tests) < 2:
        return np.zeros((2, max(len(tests), 1)))
    target = np.clip((residual[use] - residual[use].mean()) / spread, -FAR, FAR)
    sets = Folds(tests, [np.setdiff1d(np.arange(len(use)), test) for test in tests])
    plain = np.array([np.mean((target[test] - target[train].mean()) ** 2)
                      for train, test in zip(sets.train, sets.test, strict=True)])
    settings = {"offset": None, "n_threads": n_threads, "intercept": True, "tol": TOL, "alpha_min_ratio": 0.01}
    shares = []
    for design in (columns, np.concatenate([columns, terms], axis=1)):
        given = Arguments(np.asfortranarray(design), None, target, None, 1, None, Grid(30), settings, None, SQUARED)
        error = scores(fit_sets(given, sets, np.array([1.0]), "min", seed=seed), sets, MEASURES["mse"])[1][:, 0]
        shares.append(1.0 - error / np.where(plain > 0, plain, 1.0))
    return np.array(shares)


def _terms(X, y, rows):
    """Some columns (m, q), and their squares, cubes and products (m, t), all standardised."""
    block = X[rows] if isinstance(X, np.ndarray) else X.tocsr()[rows].tocsc()
    target = y[rows] - y[rows].mean()
    if isinstance(block, np.ndarray):
        block = block.astype(np.float64, copy=False)
        spread = block.std(axis=0)
        inner = target @ block
    else:
        mean = np.asarray(block.mean(axis=0)).ravel()
        spread = np.sqrt(np.maximum(np.asarray(block.multiply(block).mean(axis=0)).ravel() - mean**2, 0.0))
        inner = np.asarray(block.T @ target).ravel()
    varies = np.flatnonzero(spread > 1e-12 * np.maximum(np.abs(spread).max(initial=0.0), 1e-300))
    strength = np.abs(inner[varies]) / spread[varies]
    chosen = np.sort(varies[np.argsort(-strength, kind="stable")[:COLUMNS]])
    part = block[:, chosen] if isinstance(block, np.ndarray) else block[:, chosen].toarray()
    z = np.clip((part - part.mean(axis=0)) / part.std(axis=0), -FAR, FAR)
    q = z.shape[1]
    first, second = np.triu_indices(q, 1)
    many = np.array([len(np.unique(column)) > 2 for column in z.T], bool)         # a square of two values is the column again
    terms = np.concatenate([z[:, many] ** 2, z[:, many] ** 3, z[:, first] * z[:, second]], axis=1)
    terms = terms - terms.mean(axis=0)
    size = terms.std(axis=0)
    fine = size > 1e-9
    return z, terms[:, fine] / size[fine]
