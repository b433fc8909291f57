"""Ridge regression from one Gram or kernel matrix: every alpha and every target at the price of about one fit."""

import numpy as np

from riata_engine.solvers.centred_design import CentredDesign
from riata_engine.solvers.ridge_gram import GramForm
from riata_engine.solvers.ridge_kernel import KernelForm
from riata_engine.solvers.ridge_spectrum import EPS

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

    def __init__(self, X, sample_weight=None, intercept=True, penalty_factor=None, scale=None):
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
        self.design = CentredDesign(X, sample_weight, intercept, self.kept)
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
        alphas : float or array (L,)
            Not negative, any order; inf gives the fit of the free columns alone.
        Y : array (n,) or (n, T)

        Returns
        -------
        coef : ndarray, shape (L, T, p)
        intercept : ndarray, shape (L, T)
        """
        alphas, (Yc, mean_y) = self._alphas(alphas), self._centred(Y)
        coef = self._form.coefficients(alphas, Yc)
        intercept = mean_y - coef @ self.design.mean
        if self.design.unit != 1:
            coef /= self.design.unit
        if self.kept is not None:
            scattered = np.zeros((*intercept.shape, self.p))
            scattered[..., self.kept] = coef
            coef = scattered
        return coef, intercept

    def effective_df(self, alphas):
        """
        Degrees of freedom: the trace of the hat matrix, the intercept not counted.

        Free rank + sum over the eigenvalues of eigenvalue / (eigenvalue + alpha).

        Returns
        -------
        ndarray, shape (L,)
        """
        return self._form.effective_df(self._alphas(alphas))

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
        alphas, (Yc, _) = self._alphas(alphas), self._centred(Y)
        out = np.empty((len(alphas), self.n, Yc.shape[1]))
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
        alphas, (Yc, _) = self._alphas(alphas), self._centred(Y)
        T = Yc.shape[1]
        error = np.zeros((len(alphas), T))
        step = max(1, TARGET_ELEMENTS // (max(len(alphas), 1) * min(self.n, 4096)))
        for start in range(0, T, step):
            targets = slice(start, start + step)
            for rows, residuals in self._form.loo_blocks(alphas, Yc[:, targets], weightless=False):
                error[:, targets] += np.einsum("lit,lit,i->lt", residuals, residuals, self.design.v[rows])
        return error

    def duality_gap(self, alphas, Y, coef, intercept):
        r"""
        Relative duality gap of given coefficients, from the residual computed afresh.

        With c = Z'V r and the residual r itself as dual point (its projection on the free columns and on the
        intercept removed) the gap is

        .. math:: \tfrac12 \|proj\|^2 + \tfrac12 \sum_j (c_j - \alpha d_j b_j)^2 / (\alpha d_j),

        a sum of squares, divided by the objective at b = 0 with the intercept at its optimum. At alpha = 0 it is half
        the squared projection of r on the columns of Z, or inf if r still correlates with a column (beyond 1e-8): so
        a column that was lost beside others of a far larger scale is not passed over in silence.

        Parameters
        ----------
        alphas : float or array (L,)
        Y : array (n,) or (n, T)
        coef : array (L, T, p)
        intercept : array (L, T)

        Returns
        -------
        ndarray, shape (L, T)
            0 for a constant target whose coefficients are zero.
        """
        alphas, (Yc, mean_y) = self._alphas(alphas), self._centred(Y)
        coef = np.asarray(coef, np.float64)
        if coef.shape != (len(alphas), Yc.shape[1], self.p):
            raise ValueError(f"coef has shape {coef.shape}; give (alphas, targets, features) = "
                             f"{(len(alphas), Yc.shape[1], self.p)}")
        if self.kept is not None:
            coef = coef[..., self.kept]
        coef = coef * self.design.unit
        size = np.max(np.abs(Yc), axis=0, initial=0.0)
        size[size == 0] = 1.0
        Yc, coef = Yc / size, coef / size[:, None]
        off = (mean_y - np.asarray(intercept)) / size - coef @ self.design.mean
        with np.errstate(invalid="ignore"):
            gap = self._form.gap(alphas, Yc, coef) + 0.5 * off**2
        null = 0.5 * (self.design.v @ Yc**2)
        return np.divide(gap, null, out=np.where(gap > 0, np.inf, 0.0), where=null > 0)

    def objective(self, alphas, Y, coef, intercept):
        """
        The objective of given coefficients divided by that at b = 0: the gap to the dual point of zero.

        Parameters as for `duality_gap`.

        Returns
        -------
        ndarray, shape (L, T)
        """
        Yc, mean_y = self._centred(Y)
        alphas = np.array(alphas, np.float64, ndmin=1)
        null = self.design.v @ Yc**2
        if self.kept is not None:
            coef = coef[..., self.kept]
        L, T, p = coef.shape
        fitted = self.design.dot((coef * self.design.unit).reshape(L * T, p).T).reshape(self.n, L, T)
        level = np.asarray(intercept) + (coef * self.design.unit) @ self.design.mean - mean_y
        square = np.einsum("i,ilt->lt", self.design.v, np.square(Yc[:, None] - fitted - level))
        value = square + alphas[:, None] * (np.square(coef) @ self._form.root**2)
        return np.divide(value, null, out=np.where(value > 0, np.inf, 0.0), where=null > 0)

    def _alphas(self, alphas):
        alphas = np.array(alphas, np.float64, ndmin=1)
        if alphas.ndim != 1 or not (alphas >= 0).all():
            raise ValueError(f"alphas={alphas!r}: give one number or a list of numbers, none negative or NaN")
        if self.design.unit != 1:
            with np.errstate(over="ignore"):  # in the unit of X; infinite where no coefficient can be told from 0
                alphas = alphas / self.design.unit / self.design.unit
        if alphas.min(initial=np.inf) < EPS**2 * self._form.bound:
            alphas[alphas < EPS**2 * self._form.spectrum.largest] = 0
        return alphas

    def _centred(self, Y):
        Y = np.asarray(Y, np.float64)
        Y = Y[:, None] if Y.ndim == 1 else Y
        if Y.ndim != 2 or Y.shape[0] != self.n:
            raise ValueError(f"Y has shape {Y.shape}; X has {self.n} rows, so give shape ({self.n},) or ({self.n}, T)")
        if not self.intercept:
            return Y, np.zeros(Y.shape[1])
        active = Y if self.design.rows is None else Y[self.design.rows]
        mean = self.design.v @ Y
        constant = active.max(axis=0) == active.min(axis=0)
        mean[constant] = active[0, constant]
        return Y - mean, mean


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
