"""The linear predictor of new rows, for one or many coefficient vectors."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from riata_engine.batch import single_threaded_blas, thread_count

BLOCK = 1 << 22          # numbers of X that are widened to float64 at a time
MOST_ZEROS = 4           # columns for each that counts up to which X is multiplied whole: to copy columns takes as long as that
ROWS = 8192              # rows that one thread multiplies at a time, however many threads there are


def linear_predictor(X, coef, intercept, offset=None, rows=None, n_threads=None):
    """intercept + X coef' (+ offset), in float64.

    Only the columns with a coefficient other than 0 are read, and a float32 `X` is widened block by block of rows, so
    that no second copy of it is ever held.

    Parameters
    ----------
    X : ndarray or scipy.sparse matrix of shape (n, p)
    coef : ndarray or scipy.sparse array of shape (L, p)
    intercept : ndarray of shape (L,)
    offset : ndarray of shape (n,), optional
    rows : integer array of shape (m,), optional
        Predict these rows of X only. Default: all, m = n.
    n_threads : int, optional
        Default: all that are allowed. The bits do not depend on it.

    Returns
    -------
    ndarray of shape (m, L)
    """
    if isinstance(coef, np.ndarray):
        active = np.flatnonzero((coef != 0).any(axis=0))
        slopes = coef[:, active].T
    else:
        active = np.unique(coef.indices)
        slopes = coef.tocsc()[:, active].toarray().T
    slopes = np.ascontiguousarray(slopes, dtype=np.float64)
    if isinstance(X, np.ndarray):
        predictor = _dense_product(X, rows, active, slopes, n_threads)
    else:                                              # rows of a CSC matrix are dearer to pick than to multiply
        predictor = np.asarray(X.tocsc()[:, active] @ slopes)
        predictor = predictor if rows is None else predictor[rows]
    predictor += intercept
    if offset is not None:
        predictor += (offset if rows is None else offset[rows])[:, None]
    return predictor


def _dense_product(X, rows, active, slopes, n_threads):
    m = X.shape[0] if rows is None else len(rows)
    if rows is None and X.dtype == np.float64 and len(active) * MOST_ZEROS >= X.shape[1]:
        whole = np.zeros((X.shape[1], slopes.shape[1]))
        whole[active] = slopes
        return _whole_product(X, whole, n_threads)
    product = np.empty((m, slopes.shape[1]))
    step = max(1, BLOCK // max(1, len(active)))
    for start in range(0, m, step):
        chosen = np.arange(start, min(start + step, m)) if rows is None else rows[start:start + step]
        block = X[np.ix_(chosen, active)]
        np.matmul(block.astype(np.float64, copy=False), slopes, out=product[start:start + step])
    return product


def _whole_product(X, slopes, n_threads):
    """X slopes, blocks of rows shared out among threads."""
    blocks = [slice(start, start + ROWS) for start in range(0, X.shape[0], ROWS)]
    if len(blocks) <= 1:
        return X @ slopes
    product = np.empty((X.shape[0], slopes.shape[1]))

    def multiply(part):
        np.matmul(X[part], slopes, out=product[part])

    threads = min(thread_count(n_threads), len(blocks))
    with single_threaded_blas(), ThreadPoolExecutor(threads) as pool:
        list(pool.map(multiply, blocks))
    return product
