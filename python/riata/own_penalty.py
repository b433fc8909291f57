"""Paths under a penalty of your own: squared loss beside `riata.penalties.custom`."""

from dataclasses import dataclass

import numpy as np

from riata.argument_names import native
from riata.concave import MEANING, warn_of_kkt
from riata.penalties import CustomPenalty, check_own_penalty
from riata.penalty_paths import ABSENT, check_penalty_arguments, path_under
from riata.results import PathResult, largest_gap, status_counts
from riata.status import warn_of_unconverged
from riata.tables import dataframe
from riata_engine.penalty import PenaltyBatch, solve_penalty


@dataclass(eq=False, repr=False)
class PenaltyPathResult(PathResult):
    """A path under a penalty of your own: a `PathResult` (`l1_ratio` is 1).

    Attributes
    ----------
    gap : ndarray of shape (L,)
        Convex: a duality gap, F(b) less a lower bound of the minimum, over the objective at b = 0. NaN otherwise.
    prox_residual : ndarray of shape (L,)
        Not convex: max_j ‖x_j‖ |b_j − prox(b_j + x_jᵀW r/h_j, t_j)| / ‖y‖, h_j = ‖x_j‖² and t_j = alpha f_j/h_j, columns and y
        centred, norms weighted: the largest move that minimises the objective along one column. 0 says that no single coefficient
        can be improved, over all of its values, which is more than stationary. NaN for a convex penalty.
    penalty : CustomPenalty
    """

    prox_residual: np.ndarray = None
    penalty: CustomPenalty = None

    @property
    def certificate(self):
        """(L,) `gap`, or `prox_residual` where the penalty is not convex."""
        return self.gap if self.penalty.convex else self.prox_residual

    def to_frame(self, coef=True):
        """One row per alpha: the statistics of the fit and, if `coef`, a column per feature that ever enters."""
        columns = self._columns(coef)
        if not self.penalty.convex:
            columns["gap"] = self.prox_residual
            columns = {"prox_residual" if name == "gap" else name: values for name, values in columns.items()}
        return dataframe(columns)

    def summary(self):
        """A few lines of text: the problem, the certificates and about ten alphas along the path."""
        shown = np.unique(np.linspace(0, len(self.alphas) - 1, 10).round().astype(int))
        what = "gap" if self.penalty.convex else "residual"
        lines = [repr(self), f"{'alpha':>11} {'df':>7} {'dev_ratio':>9} {'BIC':>11} {what:>8}  status"]
        bic = self.bic
        lines += [f"{self.alphas[i]:11.4g} {self.df[i]:7.4g} {self.dev_ratio[i]:9.4f} {bic[i]:11.4f} {self.certificate[i]:8.1e}"
                  f"  {self.status[i]}" for i in shown]
        return "\n".join(lines + self.notes)

    def __repr__(self):
        what = "gap" if self.penalty.convex else "prox residual"
        return (f"PenaltyPathResult({self.penalty.name}, n_samples={self.n_samples}, n_features={self.n_features}, "
                f"{len(self.alphas)} alphas from {self.alphas[0]:.4g} to {self.alphas[-1]:.4g}, {status_counts(self.status)}, "
                f"largest {what} {largest_gap(self.certificate)})")


@native
def penalty_path(X, y, penalty, *, alphas=100, alpha_min_ratio=None, weights=None, offset=None, penalty_factor=None,
                 intercept=True, standardize=False, tol=1e-6, max_epochs=100_000, n_threads=None, time_budget=None,
                 progress=None) -> PenaltyPathResult:
    """Fit a path under a penalty of your own.

    For each alpha this minimises over the intercept b0 and the coefficients b

        Σ_i w_i ½(y_i − b0 − x_iᵀb − o_i)² / Σ_i w_i  +  alpha · Σ_j f_j g(b_j)

    for a convex g to a duality gap; for another it seeks the point where no coefficient alone can be improved, to which a path of
    warm starts from b = 0 leads, also where a single alpha is asked for.

    Parameters
    ----------
    X, y
        As in `riata.fit_path`.
    penalty : riata.penalties.CustomPenalty
        Of `riata.penalties.custom`.
    alphas : int or array_like of shape (L,), default=100
        As in `riata.fit_path`, above 0. A number of alphas begins where every coefficient is 0: a g under which none ever is,
        as a ridge, asks for the alphas.
    standardize : bool, default=False
        Let the penalty act on s_j b_j, s_j the standard deviation of column j. The coefficients come back on the scale of X.
    tol : float, default=1e-6
        An alpha has converged when its `gap` is at most this; its `prox_residual`, where the penalty is not convex.
    alpha_min_ratio, weights, offset, penalty_factor, intercept, max_epochs, n_threads, time_budget, progress
        As in `riata.fit_path`.

    Returns
    -------
    PenaltyPathResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy; for a function that gives NaN in the fit.
    riata_engine.batch.Interrupted
        On Ctrl-C; its `.result` is the path as far as it went.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts, if some alphas did not converge.

    References
    ----------
    Parikh and Boyd (2014), "Proximal algorithms", Foundations and Trends in Optimization 1.
    Bertrand, Klopfenstein, Bannier, Gidel and Massias (2022), "Beyond L1: faster and better sparse models with skglm", NeurIPS.

    Examples
    --------
    >>> import numpy as np, riata
    >>> lasso = riata.penalties.custom(lambda b: abs(b), lambda v, t: max(v - t, 0.0) + min(v + t, 0.0))
    >>> X = np.eye(4) * 2; y = np.array([8.0, 3.0, 1.5, 1.0])
    >>> riata.penalty_path(X, y, lasso, alphas=[0.5], intercept=False).coef.round(4).tolist()
    [[3.5, 1.0, 0.25, 0.0]]
    """
    arguments = dict(locals())
    own = check_own_penalty(arguments.pop("penalty"))
    given = check_penalty_arguments(arguments)
    check_strengths(given.grid.alphas)

    path = path_under(PenaltyPathResult, solve_penalty, given, PenaltyBatch, lambda solution: own_fields(solution, 0, given, own),
                      penalty=own.engine)
    warn_of_certificates(own, path.status, path.certificate, tol, path.n_at_limit, stacklevel=4)
    return path


def check_own_arguments(penalty, given, arguments):
    """The argument ``penalty`` of a function that has the elastic net's too, which must stand at their defaults.

    Raises
    ------
    TypeError, ValueError
    """
    own = check_own_penalty(penalty)
    for name, default in {"l1_ratio": 1.0, "loss": "squared", **ABSENT}.items():
        value = arguments[name]
        if not (value is default or (np.ndim(value) == 0 and getattr(value, "name", value) == default)):
            given_as = f"{name} = {value!r}" if np.ndim(value) == 0 else name
            raise ValueError(f"{given_as} does not go with penalty={own.name!r}, a penalty of your own: leave it at {default!r}")
    check_strengths(given.grid.alphas)
    return own


def own_fields(solution, b, given, penalty):
    """What the path of problem `b` has beside the fields of a `PathResult`."""
    return {"prox_residual": given.grid.restore(solution.prox_residual[b], b), "penalty": penalty}


def check_strengths(alphas):
    """Refuse alphas of 0, which are no penalty."""
    if alphas is not None and not (np.asarray(alphas) > 0).all():
        raise ValueError("alphas has 0, which leaves nothing of a penalty of your own: leave it out, or fit least squares with "
                         "riata.fit_path(alphas=[0])")


def warn_of_certificates(penalty, status, certificate, tol, at_limit, stacklevel):
    """One `ConvergenceWarning` for a whole call; none if all is well."""
    if penalty.convex:
        warn_of_unconverged(status, certificate, tol, at_limit, stacklevel)
    else:
        warn_of_kkt(status, certificate, tol, stacklevel, MEANING | {"max_iter": "the prox residual did not reach tol"})
