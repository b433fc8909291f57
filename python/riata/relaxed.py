"""Relaxed paths: least squares on each support of a penalised path, and mixtures of the two."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from riata.argument_names import native
from riata.arguments import check_arguments
from riata.paths import fitted_path
from riata.results import PathResult
from riata.status import status_names, warn_of_unconverged
from riata.validation import check_l1_ratio, check_number
from riata_engine.batch import refit_supports


@dataclass(eq=False, repr=False)
class RelaxedPathResult:
    """A penalised path and the least-squares fits on its supports.

    Attributes
    ----------
    path : PathResult
        The penalised path (gamma = 1).
    refit : PathResult
        Least squares on the support of each alpha (gamma = 0). Its `gap` is that of least squares on the support, its `df` the
        rank of the support, and 1 for the intercept; alphas that were not fitted stay so.
    n_supports : int
        Different supports, each refitted once.
    """

    path: PathResult
    refit: PathResult
    n_supports: int

    @property
    def alphas(self):
        """(L,) as in `path`."""
        return self.path.alphas

    def mixed(self, gamma):
        """The path with coefficients (1 − gamma) · least squares + gamma · penalised.

        Parameters
        ----------
        gamma : float in [0, 1]
            As in glmnet: 1 is the penalised path, 0 least squares on its supports.

        Returns
        -------
        PathResult
            Its `dev_ratio` is exact: the residual of least squares is orthogonal to the difference of the two fits, so that the
            deviance is that of least squares plus gamma² times the difference of both deviances. `gap` and `status` are the
            worse of both fits, `df` counts the support.
        """
        gamma = check_number(gamma, "gamma", 0.0, 1.0)
        if gamma in (0.0, 1.0):
            return self.refit if gamma == 0.0 else self.path
        path, refit = self.path, self.refit
        penalised = path.stored_coef if sparse.issparse(path.stored_coef) else sparse.csr_array(np.nan_to_num(path.stored_coef))
        return replace(
            path, stored_coef=sparse.csr_array((1 - gamma) * refit.stored_coef + gamma * penalised),
            intercept=(1 - gamma) * refit.intercept + gamma * path.intercept,
            dev_ratio=refit.dev_ratio + gamma**2 * (path.dev_ratio - refit.dev_ratio), gap=np.fmax(path.gap, refit.gap),
            status=np.where(path.status == "converged", refit.status, path.status), df=refit.df)

    def coef(self, gamma=0.0):
        """(L, p) coefficients of `mixed(gamma)`."""
        return self.mixed(gamma).coef

    def predict(self, X, gamma=0.0, alpha=None, offset=None):
        """Predictions of `mixed(gamma)`: see `PathResult.predict`."""
        return self.mixed(gamma).predict(X, alpha=alpha, offset=offset)

    def to_frame(self, gamma=0.0, coef=True):
        """One row per alpha of `mixed(gamma)`: see `PathResult.to_frame`."""
        return self.mixed(gamma).to_frame(coef=coef)

    def plot(self, ax=None, *, gamma=0.0, **options):
        """Draw the coefficients of `mixed(gamma)` (see `riata.plots.plot_path`)."""
        from riata.plots import plot_path

        return plot_path(self.mixed(gamma), ax=ax, **{"title": f"Relaxed path, gamma = {gamma:g}", **options})

    def summary(self):
        """A few lines of text: about ten alphas, deviance explained by the penalised fit and by least squares."""
        shown = np.unique(np.linspace(0, len(self.alphas) - 1, 10).round().astype(int))
        lines = [repr(self), f"{'alpha':>11} {'df':>6} {'penalised':>9} {'refitted':>9} {'BIC':>11}  status"]
        bic = self.refit.bic
        lines += [f"{self.alphas[i]:11.4g} {self.refit.df[i]:6.4g} {self.path.dev_ratio[i]:9.4f} {self.refit.dev_ratio[i]:9.4f} "
                  f"{bic[i]:11.4f}  {self.refit.status[i]}" for i in shown]
        return "\n".join(lines)

    def __repr__(self):
        return f"RelaxedPathResult({self.n_supports} supports of {len(self.alphas)} alphas refitted, {self.path!r})"


@native
def relaxed_path(X, y, *, l1_ratio=1.0, alphas=100, alpha_min_ratio=None, weights=None, offset=None, penalty_factor=None,
                 intercept=True, standardize=False, solver="auto", tol=1e-6, max_epochs=100_000, stop_dev_ratio=None,
                 stop_dev_change=None, n_threads=None, time_budget=None, backend="cpu", progress=None) -> RelaxedPathResult:
    """Fit a path, and least squares without penalty on the support of each alpha.

    The penalty that selects features also shrinks those it keeps. The relaxed lasso takes its supports and undoes the shrinkage,
    in whole (gamma = 0) or in part: coefficients (1 − gamma) · least squares + gamma · lasso, the form of glmnet's ``relax``.
    Each different support is refitted once, all of them from one Gram matrix.

    Parameters
    ----------
    X, y, l1_ratio, alphas, alpha_min_ratio, weights, offset, penalty_factor, intercept, standardize, solver, tol, max_epochs, \
stop_dev_ratio, stop_dev_change, n_threads, time_budget, backend, progress
        As in `riata.fit_path`. `time_budget` is for the path. There are no bounds: least squares on a support would not keep
        to them.

    Returns
    -------
    RelaxedPathResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    MemoryError
        If the answer, or the Gram matrix of all selected features, cannot be held.
    riata_engine.batch.Interrupted
        On Ctrl-C during the path; its `.result` is the PathResult as far as it went.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts over the path and the refits: also where a support is linearly dependent (`degenerate`).

    References
    ----------
    Meinshausen (2007), "Relaxed Lasso", Computational Statistics & Data Analysis 52. Its φ is another parameter: the fit on the
    support with penalty φ·alpha.
    Hastie, Tibshirani and Tibshirani (2020), "Best subset, forward stepwise or lasso?", Statistical Science 35: the mixture.

    Examples
    --------
    >>> import numpy as np, riata
    >>> X = np.eye(4); y = np.array([4.0, 3.0, 2.0, 1.0])
    >>> relaxed = riata.relaxed_path(X, y, alphas=[0.25], intercept=False)
    >>> relaxed.coef(gamma=0).round(6).tolist(), relaxed.coef(gamma=0.5).round(6).tolist()
    ([[4.0, 3.0, 2.0, 0.0]], [[3.5, 2.5, 1.5, 0.0]])
    """
    given = check_arguments({**locals(), "lower": None, "upper": None, "positive": False})
    path = fitted_path(given, check_l1_ratio(l1_ratio))
    supports, of = _supports(path)
    offset = given.settings["offset"]
    refits = refit_supports(given.X, given.y if offset is None else given.y - offset, supports, given.weights,
                            given.settings["intercept"], given.settings["tol"])
    fitted = of >= 0
    at = of[fitted]

    def along(values, missing=np.nan):
        spread = np.full(len(of), missing, dtype=float)
        spread[fitted] = values[at]
        return spread

    status = path.status.copy()
    status[fitted] = status_names(refits.status)[at]
    refit = replace(
        path, stored_coef=_spread(refits, of, path.n_features), intercept=along(refits.intercept), gap=along(refits.gap),
        status=status, dev_ratio=along(refits.dev_ratio), df=along(refits.rank) + path.fit_intercept,
        n_epochs=np.zeros_like(path.n_epochs), n_cholesky=np.zeros_like(path.n_cholesky))
    warn_of_unconverged(np.append(path.status, status_names(refits.status)), np.append(path.gap, refits.gap), tol,
                        path.n_at_limit, stacklevel=3)
    return RelaxedPathResult(path, refit, len(supports))


def _supports(path):
    """The different supports, in order of their first alpha, and (L,) which one each alpha has; −1 where it was not fitted."""
    coef = path.stored_coef
    of, number = np.full(len(path.alphas), -1, np.intp), {}
    supports = []
    for i in np.flatnonzero(np.isfinite(path.intercept)):
        row = np.flatnonzero(coef[i]) if isinstance(coef, np.ndarray) else np.sort(_selected(coef, i))
        of[i] = number.setdefault(row.tobytes(), len(supports))
        if of[i] == len(supports):
            supports.append(row)
    return supports, of


def _selected(coef, i):
    part = slice(coef.indptr[i], coef.indptr[i + 1])
    return coef.indices[part][coef.data[part] != 0].astype(np.intp)


def _spread(refits, of, p):
    """Refits (D, u) as a csr_array (L, p), a row for each alpha."""
    rows = np.where((of >= 0)[:, None], refits.coef[np.maximum(of, 0)], 0.0)
    at, j = np.nonzero(rows)
    return sparse.csr_array((rows[at, j], (at, refits.columns[j])), shape=(len(of), p))
