"""More than two classes: what ``LogisticRegression`` calls for the multinomial loss."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from riata.status import status_names
from riata_engine.multinomial import Multinomial, MultinomialInterrupted, solve_multinomial


@dataclass
class MultinomialFits:
    """Fits at L alphas.

    Attributes
    ----------
    coef : ndarray of shape (L, K, p)
    intercept : ndarray of shape (L, K)
    gap : ndarray of shape (L,)
        Relative duality gaps; see `riata.MultinomialPathResult`.
    status : ndarray of str, shape (L,)
    n_epochs : ndarray of int, shape (L,)
    null_loss : float
        Mean log-loss of the intercepts alone: the unit of the gap.
    """

    coef: np.ndarray
    intercept: np.ndarray
    gap: np.ndarray
    status: np.ndarray
    n_epochs: np.ndarray
    null_loss: float


def fit_multinomial(X, codes, n_classes, alpha, l1_ratio, weights=None, *, intercept=True, penalty_factor=None, reference=None,
                    standardize=False, tol=1e-6, max_epochs=100_000, n_threads=None, time_budget=None,
                    owner="LogisticRegression"):
    """Minimise Σ w ℓ / Σ w + alpha · penalty of the symmetric multinomial model.

    scikit-learn's C · Σ w ℓ + penalty has the same minimiser at alpha = 1 / (C · Σ w) (``alpha_of``).

    Parameters
    ----------
    X : ndarray or CSC matrix of shape (n, p), finite, float32 or float64
    codes : ndarray of shape (n,)
        0 … n_classes − 1, each with a row of positive weight.
    alpha : float or array_like of shape (L,), descending
        0: no penalty.
    l1_ratio : float
    weights : ndarray of shape (n,), optional
        Sample weights times class weights.
    owner : str
        Who is named in messages.

    Returns
    -------
    MultinomialFits

    Raises
    ------
    ValueError
        Where coefficients are not finite.
    riata_engine.multinomial.MultinomialInterrupted
        On Ctrl-C.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Where an alpha did not converge, or classes without a penalty are told apart without error.
    """
    batch = Multinomial(X, np.asarray(codes), int(n_classes), weights=weights, l1_ratio=np.array([float(l1_ratio)]),
                        alphas=np.atleast_1d(np.asarray(alpha, float)), penalty_factor=penalty_factor, reference=reference,
                        intercept=bool(intercept), standardize=bool(standardize), tol=float(tol), max_epochs=int(max_epochs),
                        n_threads=n_threads, time_budget=time_budget)
    solution = solve_classes(owner, batch)
    return MultinomialFits(solution.coef[0], solution.intercept[0], solution.gap[0], status_names(solution.status[0]),
                           solution.n_epochs[0], float(solution.null_loss[0]))


def solve_classes(owner, batch, progress=None):
    """The solution of a batch on behalf of the estimator named ``owner``; raises and warns as `fit_multinomial`."""
    try:
        solution = solve_multinomial(batch, progress)
    except MultinomialInterrupted as stopped:
        stopped.args = (f"{owner}: interrupted; the model is not fitted",)
        raise
    status = status_names(solution.status)
    if (status == "not_finite").any():
        raise ValueError(f"{owner}: coefficients are not finite. Very large or very small values in X do this: scale them first.")
    if (status == "max_iter").any():
        worst = np.max(solution.gap[status == "max_iter"])
        count = np.count_nonzero(status == "max_iter")
        warnings.warn(f"{owner}: {count} of {status.size} fits stopped with a relative duality gap above tol={batch.tol:g} (the "
                      f"largest is {worst:.3g}). Raise max_iter or tol, or scale X.", ConvergenceWarning, stacklevel=4)
    if (status == "degenerate").any():
        warnings.warn(f"{owner}: the classes are told apart without error, and without a penalty no finite coefficients are "
                      "the best. A finite C makes them unique.", ConvergenceWarning, stacklevel=4)
    return solution


def alpha_of(C, weights, n_samples):
    """alpha of scikit-learn's C; 0 for an infinite one."""
    total = n_samples if weights is None else float(np.sum(weights))
    return 0.0 if np.isinf(C) else 1.0 / (C * total)
