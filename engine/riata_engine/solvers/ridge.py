"""Ridge regression from one Gram or kernel matrix: every alpha and every target at the price of about one fit."""

import numpy as np

from riata_engine.solvers.centred_design import CentredDesign
from riata_engine.solvers.ridge_folds import held_out_residuals
from riata_engine.solvers.ridge_gram import GramForm
from riata_engine.solvers.ridge_kernel import KernelForm
from riata_engine.solvers.ridge_spectrum import EPS
from riata_engine.solvers.row_products import weighted_square
from riata_engine.threads import single_threaded_blas

TARGET_ELEMENTS = 1 << 22  # rows x alphas x targets held at once by loo_error


class RidgeDecomposition:
    r"""
    Solutions of

    .. math:: \min_{b_0, b}\ \tfrac12 \sum_i v_i (y_i - b_0 - x_i^T b)^2 + \tfrac{\alpha}{2} \sum_j d_j b_j^2,
              \qquad v_i = w_i / \sum w, \quad d_j = f_j s_j^2

    for all alphas and targets, from the centred weighted Gram matrix (p <= n) or the kernel (p > n), p counting the
    columns in play and n the rows of positive weight: by its eigenvectors, or for few alphas by a Cholesky factor each.
    The eigenvectors are computed when they are first needed, and once. alpha is relative to the *mean* squared
    error; scikit-learn's Ridge, which takes the sum, has alpha * sum(w).

    Columns with f_j = 0 are free: they are projected out of y and of the others (Frisch-Waugh) and recovered with
    minimum norm. Columns with f_j = inf or s_j = 0 are left out (coefficient 0). Columns that are constant on the rows
    of positive weight have coefficient 0 if there is an intercept.

    At alpha = 0 eigenvalues up to eps * max(n, p) times the largest count as zero: the answer is the least-squares
    solution with the smallest sum of d_j b_j^2, the limit of ridge as alpha goes to 0. An alpha below eps^2 times the
    largest eigenvalue cannot be told from 0 in float64 and is taken as 0.

    Parameters
    ----------
    X : ndarray or scipy sparse, shape (n, p), float32 or float64
        Any order of axes, memory-mapped or read-only. Never written, never copied whole; sums run in float64.
    sample_weight : None or array (n,)
        Not negative; only ratios matter. None = ones.
    intercept : bool, default=True
    penalty_factor : None or array (p,)
        f; not negative, 0 and inf allowed. None = ones.
    scale : None or array (p,)
        s, for instance the standard deviations of the columns: the penalty acts on b_j s_j. None = ones.
    separate : bool, default=False
        The coefficients, degrees of freedom and gap of a target are the same bits whatever the other targets are, and always
        from the eigenvectors. False: one product for all targets, faster for few alphas.
    control : None or Control
        Where it is stopped, the next block of X raises `Stopped`.

    Attributes
    ----------
    form : str
        "gram" or "kernel".
    rank, free_rank : int
        Rank of the penalised columns off the free ones, and of the free ones.
    free_degenerate : bool
        The free columns are collinear: at *every* alpha their coefficients are not unique (minimum norm is given).
    degenerate : bool
        The least-squares problem (alpha = 0) has more than one solution.

    Notes
    -----
    Costs: n p min(n, p) once, then min(n, p)^3 / 3 per alpha for the first few, or some 9 min(n, p)^3 once, and n p per
    alpha and target. Memory beside X: one block of rows or columns and a few min(n, p) x min(n, p) matrices. Solutions
    are refined against X (iterative refinement) where the eigenvalues, alpha added, spread over more than 5 digits.
    Columns whose scales differ by more than about 1e7 are beyond it; `duality_gap` tells.

    References
    ----------
    Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2nd ed., 2009, sections 3.4.1, 7.10, 18.3.5.
    """

    def __init__(self, X, sample_weight=None, intercept=True, penalty_factor=None, scale=None, separate=False, control=None):
        self.n, self.p = X.shape
        if self.n == 0:
            raise ValueError("X has no rows; give at least one")
        if penalty_factor is None and scale is None:
            self.kept, root = None, np.ones(self.p)
        else:
            f = _per_column("penalty_factor", penalty_factor, self.p, np.inf)
            s = _per_column("scale", scale, self.p, np.finfo(np.float64).max)
            kept = (f < np.inf) & (s > 0)
            self.kept = None if kept.all() else np.flatnonzero(kept)
            root = np.sqrt(f[kept]) * s[kept]
        self.intercept = intercept
        self.design = CentredDesign(X, sample_weight, intercept, self.kept, separate, control)
        self.form = "gram" if self.design.tall else "kernel"
        self._form = (GramForm if self.design.tall else KernelForm)(self.design, root)
        self.free_rank = self._form.free_rank
        self.free_degenerate = self.free_rank < self._form.n_free

    @property
    def eigenvalues(self):
        """Of the penalised part with the free columns projected out, ascending; alpha is on their scale."""
        return self._form.spectrum.eigenvalues

    @property
    def rank(self):
        """Of the penalised columns off the free ones."""
        return self._form.spectrum.rank

    @property
    def degenerate(self):
        """The least-squares problem (alpha = 0) has more than one solution."""
        return self.rank + self.free_rank < self.design.p

    def coefficients(self, alphas, Y):
        """
        Coefficients and intercepts.

        Parameters
        ----------
        alphas : float or array (L,) or (T, L)
            Not negative, any order, the same for all targets or a row for each; inf gives the fit of the free columns alone.
        Y : array (n,) or (n, T)

        Returns
        -------
        coef : ndarray, shape (T, L, p)
        intercept : ndarray, shape (T, L)
        """
        Yc, mean_y = self._centred(Y)
        coef = self._form.coefficients(self._alphas(alphas, len(Yc)), Yc)
        intercept = mean_y[:, None] - self._level(coef)
        if self.design.unit != 1:
            coef /= self.design.unit
        if self.kept is not None:
            scattered = np.zeros((*intercept.shape, self.p))
            scattered[..., self.kept] = coef
            coef = scattered
        return coef, intercept

    def residuals(self, Y, coef):
        """
        Residuals of given coefficients with the intercept at its optimum, computed afresh.

        Parameters
        ----------
        Y : array (n,) or (n, T)
        coef : array (T, L, p)

        Returns
        -------
        ndarray, shape (T, L, n)
        """
        Yc, _ = self._centred(Y)
        left = self.design.dot(self._in_play(coef, len(Yc)))
        np.subtract(Yc[:, None], left, out=left)
        if self.intercept:
            left -= (left @ self.design.v)[..., None]
        return left

    def effective_df(self, alphas):
        """
        Degrees of freedom: the trace of the hat matrix, the intercept not counted.

        Free rank + sum over the eigenvalues of eigenvalue / (eigenvalue + alpha).

        Parameters
        ----------
        alphas : float or array (L,) or (T, L)

        Returns
        -------
        ndarray, shape (L,) or (T, L)
        """
        df = self._form.effective_df(self._alphas(alphas))
        return df if np.ndim(alphas) == 2 else df[0]

    def loo_residuals(self, alphas, Y):
        r"""
        Leave-one-out residuals y_i - (prediction of row i by the fit without row i), exact, from the hat diagonal.

        .. math:: (y_i - \hat y_i) / (1 - h_i), \qquad h_i = v_i (1 + z_i^T (Z^T V Z + \alpha D)^{-1} z_i)

        Leaving row i out removes its term from the sum; the divisor sum(w) stays, and so does the strength of the
        penalty (as in scikit-learn's RidgeCV). A refit with weight 0 on row i divides by sum(w) - w_i: it gives
        the same prediction at alpha * sum(w) / (sum(w) - w_i).

        Returns
        -------
        ndarray, shape (L, n, T)
            For a row of weight 0 the plain residual. NaN where the row alone determines a coefficient (h_i = 1),
            so that a fit without it says nothing about it.
        """
        (Yc, _), alphas = self._centred(Y), self._alphas(alphas, 1)[0]
        out = np.empty((len(alphas), self.n, len(Yc)))
        for rows, residuals in self._form.loo_blocks(alphas, Yc):
            out[:, rows] = residuals
        return out

    def loo_error(self, alphas, Y):
        """
        Weighted mean of the squared leave-one-out residuals, without holding them all.

        Returns
        -------
        ndarray, shape (L, T)
            NaN where a row of positive weight has no leave-one-out residual.
        """
        (Yc, _), alphas = self._centred(Y), self._alphas(alphas, 1)[0]
        T = len(Yc)
        error = np.zeros((len(alphas), T))
        step = max(1, TARGET_ELEMENTS // (max(len(alphas), 1) * min(self.n, 4096)))
        for start in range(0, T, step):
            targets = slice(start, start + step)
            for rows, residuals in self._form.loo_blocks(alphas, Yc[targets], weightless=False):
                error[:, targets] += np.einsum("lit,lit,i->lt", residuals, residuals, self.design.v[rows])
        return error

    def held_out_residuals(self, alphas, y, folds):
        r"""
        Residuals of fits without the rows of a fold, on these rows, exact and without a refit:

        .. math:: (I - H_{FF})^{-1} (y - \hat y)_F

        As in `loo_residuals`, the strength of the penalty is that of the sum over all rows.

        Parameters
        ----------
        alphas : array (K, L)
            Above 0; a row for each fold.
        y : array (n,)
        folds : list of K integer arrays
            Rows of positive weight; not all of them in one fold.

        Returns
        -------
        list of K arrays (L, f)
        """
        if self._form.n_free:
            raise ValueError(f"{self._form.n_free} columns have no penalty: held-out residuals without refits need one on each")
        alphas = self._alphas(alphas)
        if not alphas.all():
            raise ValueError("alphas holds 0, or what cannot be told from it: give larger ones")
        with single_threaded_blas():
            return held_out_residuals(self._form, alphas, self._centred(y)[0][0], folds)

    def duality_gap(self, alphas, Y, coef, intercept, residuals=None):
        r"""
        Relative duality gap of given coefficients, from the residual computed afresh.

        With c = Z'V r and the residual r itself as dual point (its projection on the free columns and on the
        intercept removed) the gap is

        .. math:: \tfrac12 \|proj\|^2 + \tfrac12 \sum_j (c_j - \alpha d_j b_j)^2 / (\alpha d_j),

        a sum of squares, divided by the objective at b = 0 with the intercept at its optimum. At alpha = 0 it is half
        the squared projection of r on the columns of Z, or inf if r still correlates with a column (beyond 1e-8): so
        a column that was lost beside others of a far larger scale is not passed over in silence. Nor is one that counts as
        constant and varies in its last digits.

        Parameters
        ----------
        alphas : float or array (L,) or (T, L)
        Y : array (n,) or (n, T)
        coef : array (T, L, p)
        intercept : array (T, L)
        residuals : None or array (T, L, n)
            What `residuals` gives for these coefficients, where it is known.

        Returns
        -------
        ndarray, shape (T, L)
            0 for a constant target whose coefficients are zero.
        """
        residuals = self.residuals(Y, coef) if residuals is None else residuals
        Yc, mean_y = self._centred(Y)
        alphas, coef = self._alphas(alphas, len(Yc)), self._in_play(coef, len(Yc))
        off = mean_y[:, None] - np.asarray(intercept) - self._level(coef)
        size = np.max(np.abs(Yc), axis=1, initial=0.0)
        size = np.where((size == 0) | ((size > 1e-100) & (size < 1e100)), 1.0, size)  # squares are in range
        if (size != 1).any():
            Yc, off = Yc / size[:, None], off / size[:, None]
            coef, residuals = coef / size[:, None, None], residuals / size[:, None, None]
        gap = self._form.gap(alphas, Yc, coef, residuals)
        gap += self._gap_of_last_digits(alphas, coef, residuals, gap) + 0.5 * off**2
        null = 0.5 * weighted_square(Yc[:, None], self.design.v)
        return np.divide(gap, null, out=np.where(gap > 0, np.inf, 0.0), where=null > 0)

    def _gap_of_last_digits(self, alphas, coef, residuals, gap):
        """What columns that count as constant, and vary in their last digits, add to a gap (T, L), from above.

        The dual point is the residual less a projection of norm at most sqrt(2 gap).
        """
        columns = self.design.nearly_constant
        if not columns.size:
            return 0.0
        c, deviation = self.design.last_digits(columns, residuals)
        penalty = alphas[..., None] * self._form.root[columns]**2
        c = np.abs(c - penalty * coef[..., columns]) + deviation * np.sqrt(2 * gap)[..., None]
        penalty = np.where(penalty > 0, penalty, deviation**2)           # free ones: half the square of the projection on them
        return 0.5 * np.divide(c**2, penalty, out=np.zeros(c.shape), where=penalty > 0).sum(axis=-1)

    def objective(self, alphas, Y, coef, intercept, residuals=None):
        """
        The objective of given coefficients divided by that at b = 0: the gap to the dual point of zero.

        Parameters as for `duality_gap`.

        Returns
        -------
        ndarray, shape (T, L)
        """
        residuals = self.residuals(Y, coef) if residuals is None else residuals
        Yc, mean_y = self._centred(Y)
        coef = self._in_play(coef, len(Yc))
        off = mean_y[:, None] - np.asarray(intercept) - self._level(coef)
        null = weighted_square(Yc[:, None], self.design.v)
        value = weighted_square(residuals, self.design.v) + off**2
        value += self._alphas(alphas, len(Yc)) * weighted_square(coef, self._form.root**2)
        return np.divide(value, null, out=np.where(value > 0, np.inf, 0.0), where=null > 0)

    def _alphas(self, alphas, targets=None):
        """Alphas (1 or T, L) in the unit of X."""
        alphas = np.array(alphas, np.float64, ndmin=1)
        if alphas.ndim > 2 or not (alphas >= 0).all():
            raise ValueError(f"alphas={alphas!r}: give one number or a list of numbers, or one list for each target, "
                             "none negative or NaN")
        alphas = alphas if alphas.ndim == 2 else alphas[None]
        if targets is not None and len(alphas) not in (1, targets):
            raise ValueError(f"alphas has shape {alphas.shape}; give one list of numbers, or one for each of {targets} targets")
        if self.design.unit != 1:
            with np.errstate(over="ignore"):  # in the unit of X; infinite where no coefficient can be told from 0
                alphas = alphas / self.design.unit / self.design.unit
        if alphas.min(initial=np.inf) < EPS**2 * self._form.bound:
            alphas[alphas < EPS**2 * self._form.spectrum.largest] = 0
        return alphas

    def _in_play(self, coef, targets):
        """Coefficients (T, L, p) of the columns in play, in the unit of X."""
        coef = np.asarray(coef, np.float64)
        if coef.ndim != 3 or coef.shape[::2] != (targets, self.p):
            raise ValueError(f"coef has shape {coef.shape}; give (targets, alphas, features) = ({targets}, L, {self.p})")
        if self.kept is not None:
            coef = np.take(coef, self.kept, axis=-1)
        return coef if self.design.unit == 1 else coef * self.design.unit

    def _level(self, coef):
        """(T, L) what coefficients (T, L, p) of the columns in play make of the means."""
        return self.design.times(coef, self.design.mean[:, None])[..., 0]

    def _centred(self, Y):
        """Targets (T, n) without their means, and the means (T,)."""
        Y = np.asarray(Y, np.float64)
        Y = Y[:, None] if Y.ndim == 1 else Y
        if Y.ndim != 2 or Y.shape[0] != self.n:
            raise ValueError(f"Y has shape {Y.shape}; X has {self.n} rows, so give shape ({self.n},) or ({self.n}, T)")
        Y = np.ascontiguousarray(Y.T)
        if not self.intercept:
            return Y, np.zeros(len(Y))
        active = Y if self.design.rows is None else Y[:, self.design.rows]
        mean = (Y[:, None] @ self.design.v)[:, 0]
        constant = active.max(axis=1) == active.min(axis=1)
        mean[constant] = active[constant, 0]
        return Y - mean[:, None], mean


def _per_column(name, values, p, most):
    if values is None:
        return np.ones(p)
    values = np.asarray(values, np.float64)
    if values.shape != (p,):
        raise ValueError(f"{name} has shape {values.shape}; X has {p} columns, so give shape ({p},)")
    wrong = np.flatnonzero(~((values >= 0) & (values <= most)))
    if wrong.size:
        raise ValueError(f"{name}[{wrong[0]}]={values[wrong[0]]}; it must not be negative"
                         + ("" if most == np.inf else " and must be finite"))
    return values
