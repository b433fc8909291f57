"""Paths of non-convex penalties: MCP and SCAD, certified by the KKT conditions."""

import warnings
from dataclasses import dataclass

import numpy as np

from riata.argument_names import native
from riata.penalty_paths import check_penalty_arguments, path_under
from riata.results import PathResult, status_counts
from riata.status import AT_LIMIT
from riata.tables import dataframe
from riata.validation import check_l1_ratio, check_number
from riata_engine.concave import LEAST_GAMMA, LEAST_TOL, ConcaveBatch, solve_concave

#: what `status` means where there is no duality gap
MEANING = {"max_iter": "the KKT violation did not reach tol", "time_budget": "the time budget was used up",
           "not_finite": "the numbers over- or underflowed; rescale X or y"}


@dataclass(eq=False, repr=False)
class ConcavePathResult(PathResult):
    """A path of MCP or SCAD: a `PathResult` whose certificate is `kkt`, as there is no duality gap (`gap` is NaN).

    `status` "converged" says that `kkt` is at most `tol`: a stationary point. Whether it is the only minimum on its support says
    `locally_convex`.

    Attributes
    ----------
    kkt : ndarray of shape (L,)
        Violation of the stationarity conditions: max_j dist(x_jᵀW r, ∂penalty_j) / (‖x_j‖ ‖y‖), columns and y centred, norms
        weighted. 1 is the most that a column could have. Computed afresh from the residual.
    curvature : ndarray of shape (L,)
        Smallest eigenvalue of the curvature of the objective on the support, columns in units of variance one, every penalised
        coefficient counted as on the concave piece of its penalty; inf for an empty support.
    penalty : str
        "mcp" or "scad".
    gamma : float
    """

    kkt: np.ndarray = None
    curvature: np.ndarray = None
    penalty: str = "mcp"
    gamma: float = 3.0

    @property
    def locally_convex(self):
        """(L,) whether the objective is convex in the coefficients of the support: `curvature` is above 0."""
        with np.errstate(invalid="ignore"):
            return self.curvature > 0

    @property
    def convex_min(self):
        """The smallest alpha down to which every fit is locally convex (ncvreg's ``convex.min``); NaN if the first is not."""
        order = np.argsort(-self.alphas)
        good = np.cumprod(self.locally_convex[order]).astype(bool)
        return float(self.alphas[order][good].min(initial=np.inf)) if good.any() else float("nan")

    @property
    def notes(self):
        """Sentences about what is odd with the data of this path, if anything is, and where it is not convex."""
        many = int((~self.locally_convex & np.isfinite(self.intercept)).sum())
        if not many:
            return super().notes
        said = [f"{many} of {len(self.alphas)} alphas, from below {self.convex_min:.4g}, are not locally convex: other minima "
                "may have the same support there. A larger gamma, or l1_ratio below 1, makes more of the path convex."]
        return [*super().notes, *said]

    def to_frame(self, coef=True):
        """One row per alpha: the statistics of the fit and, if `coef`, a column per feature that ever enters."""
        columns = self._columns(coef)
        columns["gap"] = self.kkt
        renamed = {"kkt" if name == "gap" else name: values for name, values in columns.items()}
        return dataframe({**renamed, "curvature": self.curvature})

    def summary(self):
        """A few lines of text: the problem, the certificates and about ten alphas along the path."""
        shown = np.unique(np.linspace(0, len(self.alphas) - 1, 10).round().astype(int))
        lines = [repr(self), f"{'alpha':>11} {'df':>7} {'dev_ratio':>9} {'BIC':>11} {'kkt':>8} {'curvature':>9}  status"]
        bic = self.bic
        lines += [f"{self.alphas[i]:11.4g} {self.df[i]:7.4g} {self.dev_ratio[i]:9.4f} {bic[i]:11.4f} {self.kkt[i]:8.1e} "
                  f"{self.curvature[i]:9.3g}  {self.status[i]}" for i in shown]
        return "\n".join(lines + self.notes)

    def __repr__(self):
        finite = self.kkt[np.isfinite(self.kkt)]
        largest = f"{finite.max():.1e}" if finite.size else "unknown"
        return (f"ConcavePathResult({self.penalty.upper()}, gamma={self.gamma:g}, n_samples={self.n_samples}, "
                f"n_features={self.n_features}, {len(self.alphas)} alphas from {self.alphas[0]:.4g} to {self.alphas[-1]:.4g}, "
                f"{status_counts(self.status)}, largest KKT violation {largest})")


@native
def mcp_path(X, y, *, gamma=3.0, l1_ratio=1.0, alphas=100, alpha_min_ratio=None, weights=None, offset=None, penalty_factor=None,
             intercept=True, standardize=True, tol=1e-6, max_epochs=100_000, n_threads=None, time_budget=None,
             progress=None) -> ConcavePathResult:
    """Fit a path under the minimax concave penalty.

    For each alpha this seeks a minimum over the intercept b0 and the coefficients b of

        Σ_i w_i ½(y_i − b0 − x_iᵀb − o_i)² / Σ_i w_i  +  Σ_j MCP(s_j b_j; f_j·alpha·l1_ratio, gamma)
        + alpha · (1 − l1_ratio)/2 · Σ_j f_j (s_j b_j)²

        MCP(u; l, gamma) = l|u| − u²/(2 gamma)  for |u| ≤ gamma·l,   gamma·l²/2 beyond,

    s_j the standard deviation of column j (1 with ``standardize=False``). Small coefficients are treated as by the lasso, those
    beyond gamma·alpha are not shrunk at all. The problem is not convex: the answer is the stationary point that a path of warm
    starts from b = 0 leads to, also where a single alpha is asked for.

    Parameters
    ----------
    X, y
        As in `riata.fit_path`.
    gamma : float, default=3.0
        Above 1; the larger, the nearer to the lasso. Without `standardize`: above 1 / the smallest variance of a column.
    l1_ratio : float in (0, 1], default=1.0
        Share of the concave penalty; the rest is ridge.
    alphas : int or array_like of shape (L,), default=100
        As in `riata.fit_path`.
    standardize : bool, default=True
        Let the penalty act on b_j · s_j. The coefficients come back on the scale of X.
    tol : float, default=1e-6
        An alpha has converged when its violation of the stationarity conditions (`ConcavePathResult.kkt`) is at most this.
    alpha_min_ratio, weights, offset, penalty_factor, intercept, max_epochs, n_threads, time_budget, progress
        As in `riata.fit_path`.

    Returns
    -------
    ConcavePathResult

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
    Zhang (2010), "Nearly unbiased variable selection under minimax concave penalty", Annals of Statistics 38.
    Breheny and Huang (2011), "Coordinate descent algorithms for nonconvex penalized regression", Annals of Applied Statistics 5.

    Examples
    --------
    >>> import numpy as np, riata
    >>> X = np.eye(4) * 2; y = np.array([8.0, 3.0, 1.5, 1.0])
    >>> riata.mcp_path(X, y, alphas=[0.5], gamma=3.0, intercept=False, standardize=False).coef.round(4).tolist()
    [[4.0, 1.5, 0.375, 0.0]]
    """
    return _concave_path("mcp", locals())


@native
def scad_path(X, y, *, gamma=3.7, l1_ratio=1.0, alphas=100, alpha_min_ratio=None, weights=None, offset=None, penalty_factor=None,
              intercept=True, standardize=True, tol=1e-6, max_epochs=100_000, n_threads=None, time_budget=None,
              progress=None) -> ConcavePathResult:
    """Fit a path under the smoothly clipped absolute deviation penalty: `riata.mcp_path` with SCAD in place of MCP.

        SCAD(u; l, gamma) = l|u| for |u| ≤ l,  (2 gamma·l|u| − u² − l²) / (2(gamma − 1)) for l < |u| ≤ gamma·l,
        l²(gamma + 1)/2 beyond.

    Parameters
    ----------
    X, y, l1_ratio, alphas, alpha_min_ratio, weights, offset, penalty_factor, intercept, standardize, tol, max_epochs, \
n_threads, time_budget, progress
        As in `riata.mcp_path`.
    gamma : float, default=3.7
        Above 2; the larger, the nearer to the lasso. Without `standardize`: above 1 + 1 / the smallest variance of a column.

    Returns
    -------
    ConcavePathResult

    References
    ----------
    Fan and Li (2001), "Variable selection via nonconcave penalized likelihood and its oracle properties", JASA 96.
    """
    return _concave_path("scad", locals())


def _concave_path(penalty, arguments):
    given, l1_ratio, gamma = checked_concave(penalty, arguments)

    def own(solution):
        certificates = {name: given.grid.restore(getattr(solution, name)[0], 0) for name in ("kkt", "curvature")}
        return {**certificates, "penalty": penalty, "gamma": gamma}

    path = path_under(ConcavePathResult, solve_concave, given, ConcaveBatch, own, l1_ratio=l1_ratio, penalty=penalty,
                        gamma=gamma)
    warn_of_kkt(path.status, path.kkt, path.tol, stacklevel=4)
    return path


def checked_concave(penalty, arguments):
    """(`Arguments`, l1_ratio, gamma) of a native function of MCP or SCAD, from its ``locals()``."""
    given = check_penalty_arguments(arguments)
    l1_ratio = check_l1_ratio(arguments["l1_ratio"])
    if l1_ratio == 0:
        raise ValueError(f"l1_ratio = 0 leaves nothing of {penalty.upper()}: give more than 0, or use riata.fit_path with "
                         "l1_ratio=0")
    return given, l1_ratio, check_number(arguments["gamma"], "gamma", LEAST_GAMMA[penalty], low_open=True, high_open=True)


def warn_of_kkt(status, kkt, tol, stacklevel, meaning=MEANING):
    """One `ConvergenceWarning` for a whole call without duality gaps; none if all is well."""
    counts = {name: int(np.count_nonzero(status == name)) for name in meaning}
    if not any(counts.values()):
        return
    from sklearn.exceptions import ConvergenceWarning

    said = "; ".join(f"{count} {name} ({meaning[name]})" for name, count in counts.items() if count)
    unsolved = kkt[(status == "max_iter") & np.isfinite(kkt)]
    largest = ""
    if unsolved.size:
        advice = "Raise max_epochs or tol" if unsolved.max() > 10 * LEAST_TOL else f"Of these, {AT_LIMIT}: raise tol"
        largest = f" The largest violation is {unsolved.max():.1e}, tol is {tol:.1e}. {advice}."
    warnings.warn(f"{sum(counts.values())} of {status.size} fits are not converged: {said}.{largest}", ConvergenceWarning,
                  stacklevel=stacklevel)
