"""Paths of the sorted l1 norm (SLOPE), certified by duality gaps."""

from dataclasses import dataclass

import numpy as np

from riata.argument_names import native
from riata.penalty_paths import check_penalty_arguments, penalty_path
from riata.results import PathResult
from riata.status import warn_of_unconverged
from riata.tables import vector
from riata.validation import check_number
from riata_engine.slope import SEQUENCES, SlopeBatch, sequence, solve_slope


@dataclass(eq=False, repr=False)
class SlopePathResult(PathResult):
    """A path of SLOPE: a `PathResult` (`l1_ratio` is 1) with the sequence of its norm.

    Attributes
    ----------
    sequence : ndarray of shape (p,)
        λ, in descending order.
    """

    sequence: np.ndarray = None

    def n_clusters(self, rtol=1e-8):
        """(L,) different sizes of coefficients other than 0; sizes that differ by less than `rtol` of themselves count as one.

        With `standardize` the norm makes standardised coefficients equal, not those on the scale of X.
        """
        size = np.sort(np.abs(np.nan_to_num(self.coef)), axis=1)
        return ((size[:, 1:] - size[:, :-1] > rtol * size[:, 1:]).sum(axis=1) + (size[:, 0] > 0)).astype(np.intp)


@native
def slope_path(X, y, *, sequence="bh", q=0.1, alphas=100, alpha_min_ratio=None, weights=None, offset=None, intercept=True,
               standardize=False, tol=1e-6, max_epochs=100_000, n_threads=None, time_budget=None,
               progress=None) -> SlopePathResult:
    """Fit a path under the sorted l1 norm.

    For each alpha this minimises over the intercept b0 and the coefficients b

        Σ_i w_i ½(y_i − b0 − x_iᵀb − o_i)² / Σ_i w_i  +  alpha · Σ_k λ_k |b|_(k),   |b|_(1) ≥ |b|_(2) ≥ …

    with λ_1 ≥ λ_2 ≥ … ≥ 0: the larger a coefficient, the larger its penalty. That controls the false discovery rate among
    orthogonal features (sequence "bh"), and gives correlated features coefficients of equal size.

    Parameters
    ----------
    X, y
        As in `riata.fit_path`.
    sequence : {"bh", "gaussian", "oscar", "lasso"} or array_like of shape (p,), default="bh"
        "bh": λ_k = Φ⁻¹(1 − k q / 2p). "gaussian": the same, widened for what the selected features explain. "oscar":
        1 + q (p − k). "lasso": ones. Or λ itself, in descending order.
    q : float, default=0.1
        "bh" and "gaussian": the false discovery rate aimed at, in (0, 1). "oscar": the slope of the sequence.
    alphas : int or array_like of shape (L,), default=100
        As in `riata.fit_path`. With "bh" and "gaussian", alpha = σ/√n is the theory's choice where columns are standardised and σ
        is the standard deviation of the noise.
    alpha_min_ratio, weights, offset, intercept, standardize, tol, max_epochs, n_threads, time_budget, progress
        As in `riata.fit_path`.

    Returns
    -------
    SlopePathResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    riata_engine.batch.Interrupted
        On Ctrl-C; its `.result` is the path as far as it went.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts, if some alphas did not converge.

    References
    ----------
    Bogdan, van den Berg, Sabatti, Su and Candès (2015), "SLOPE: adaptive variable selection via convex optimization", Annals of
    Applied Statistics 9.
    Larsson, Bogdan and Wallin (2020), "The strong screening rule for SLOPE", NeurIPS 33.

    Examples
    --------
    >>> import numpy as np, riata
    >>> X = np.eye(3) * 3 ** .5; y = 3 ** .5 * np.array([5.0, 4.0, 1.0])
    >>> riata.slope_path(X, y, sequence=[3.0, 1.0, 1.0], alphas=[1.0], intercept=False).coef.round(4).tolist()
    [[2.5, 2.5, 0.0]]
    """
    given = check_penalty_arguments(locals(), penalty_factor=None)
    lam = check_sequence(sequence, q, given.X.shape[1], int(given.rows_used))
    path = penalty_path(SlopePathResult, solve_slope, given, SlopeBatch, lambda solution: {"sequence": lam}, sequence=lam)
    warn_of_unconverged(path.status, path.gap, tol, path.n_at_limit, stacklevel=3)
    return path


def check_sequence(given, q, n_features, n_samples):
    """λ (p,) from the name of a sequence and its q, or from itself."""
    if isinstance(given, str):
        if given not in SEQUENCES:
            raise ValueError(f"sequence = {given!r} must be one of {', '.join(map(repr, SEQUENCES))}, or an array (p,)")
        rate = given in ("bh", "gaussian")
        q = check_number(q, "q", 0.0, 1.0 if rate else np.inf, low_open=rate, high_open=True)
        return sequence(given, n_features, n_samples, q)
    lam = vector(given, "sequence", f"the name of one, or (p,): one number per column of X, p = {n_features}")
    if lam.shape != (n_features,):
        raise ValueError(f"sequence has {len(lam)} entries and X has {n_features} columns; they must be equal")
    if not (np.isfinite(lam) & (lam >= 0)).all():
        k = int(np.argmin(np.isfinite(lam) & (lam >= 0)))
        raise ValueError(f"sequence[{k}] = {lam[k]:g} must be finite and 0 or more")
    if lam[0] == 0:
        raise ValueError("sequence is 0 throughout, which is no penalty: use riata.fit_path with alphas=[0] for least squares")
    up = np.flatnonzero(np.diff(lam) > 0)
    if len(up):
        raise ValueError(f"sequence increases from sequence[{up[0]}] = {lam[up[0]]:g} to {lam[up[0] + 1]:g}: sort it in "
                         "descending order (np.sort(sequence)[::-1])")
    return lam.copy()
