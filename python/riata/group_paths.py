"""Paths with penalties on groups of features: group lasso, sparse group lasso."""

from dataclasses import dataclass

import numpy as np

from riata.argument_names import native
from riata.arguments import check_arguments
from riata.feature_groups import check_feature_groups, check_group_factors, check_sparsity
from riata.no_memory import answer_fits
from riata.profile import profile_of
from riata.results import PathResult
from riata.status import count_at_limit, status_names, warn_of_unconverged
from riata.validation import check_l1_ratio
from riata_engine.groups import GroupBatch, Interrupted, solve_groups

#: settings of `check_arguments` that paths of groups have not
_ABSENT = {"penalty_factor": None, "lower": None, "upper": None, "positive": False, "solver": "auto", "backend": "cpu"}


@dataclass(eq=False, repr=False)
class GroupPathResult(PathResult):
    """A `PathResult` of a group penalty.

    `df` counts coefficients other than 0, and 1 for the intercept: of a group lasso, whose groups are shrunken, more than its
    degrees of freedom, so that `aic` and `bic` are on the side of small models.

    Attributes
    ----------
    groups : list of ndarray of int
        The features of each group.
    group_names : list
        Their labels; 0, 1, ... where index lists were given.
    n_groups : ndarray of int, shape (L,)
        Groups with a coefficient other than 0.
    sparsity : float
    """

    groups: list | None = None
    group_names: list | None = None
    n_groups: np.ndarray | None = None
    sparsity: float = 0.0

    def selected_groups(self, alpha):
        """Names of the groups with a coefficient other than 0 at `alpha`, one of `alphas`."""
        coef = self._coef_rows(slice(self.at(alpha), self.at(alpha) + 1))[0]
        return [name for name, group in zip(self.group_names, self.groups, strict=True) if np.any(coef[group] != 0)]

    def __repr__(self):
        return f"Group{super().__repr__()[:-1]}, {len(self.groups)} groups)"


@native
def fit_group_path(X, y, groups, *, sparsity=0.0, l1_ratio=1.0, alphas=100, alpha_min_ratio=None, weights=None, offset=None,
                   penalty_factor=None, intercept=True, standardize=False, tol=1e-6, max_epochs=100_000, stop_dev_ratio=None,
                   stop_dev_change=None, n_threads=None, time_budget=None, progress=None) -> GroupPathResult:
    """Fit a group lasso, or a sparse group lasso, at a sequence of penalty strengths.

    For each alpha this minimises over the intercept b0 and the coefficients b

        Σ_i w_i ½(y_i − b0 − x_iᵀb − o_i)² / Σ_i w_i
        + alpha · [ l1_ratio · ( sparsity·Σ_j |b_j| + (1 − sparsity)·Σ_g f_g ‖b_g‖₂ ) + (1 − l1_ratio)/2 · Σ_j b_j² ]

    Parameters
    ----------
    X, y, weights, offset, alpha_min_ratio, intercept, tol, max_epochs, stop_dev_ratio, stop_dev_change : optional
        As in `riata.fit_path`; so are `n_threads`, `time_budget` and `progress`.
    groups : sequence of p labels, or list of index lists
        Which features form a group; every feature is in exactly one.
    sparsity : float in [0, 1], default=0.0
        0 is the group lasso, which takes groups in whole. Between 0 and 1 is the sparse group lasso, whose groups have zeros
        inside; 1 is the lasso.
    l1_ratio : float in [0, 1], default=1.0
        The rest is ridge: the elastic net of groups.
    alphas : int or array_like of shape (L,), default=100
        How many, from the smallest alpha whose coefficients are all 0; or which. An alpha of 0 is least squares.
    penalty_factor : array_like of shape (G,), optional
        Factor f_g of each group norm: 0 takes it away, inf leaves the group out. Default: the square root of the group's size.
    standardize : bool, default=False
        Let the penalty act on b_j · s_j, with s_j the weighted standard deviation of column j (1 where it is 0).

    Returns
    -------
    GroupPathResult

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.
    riata_engine.batch.Interrupted
        On Ctrl-C; its `.result` is the path as far as it went, the rest `skipped`.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts, if some alphas did not converge.

    References
    ----------
    Yuan and Lin (2006), "Model selection and estimation in regression with grouped variables", JRSS B 68.
    Simon, Friedman, Hastie and Tibshirani (2013), "A sparse-group lasso", JCGS 22.

    Examples
    --------
    >>> import numpy as np, riata
    >>> X = np.eye(4); y = np.array([3.0, 4.0, 0.3, 0.4])
    >>> path = riata.fit_group_path(X, y, groups=["a", "a", "b", "b"], alphas=[0.25], intercept=False, penalty_factor=[1, 1])
    >>> path.coef.round(6).tolist()
    [[2.4, 3.2, 0.0, 0.0]]
    """
    given = check_arguments({**locals(), **_ABSENT})
    members, names = check_feature_groups(groups, given.X.shape[1])
    sparsity, l1_ratio = check_sparsity(sparsity), check_l1_ratio(l1_ratio)
    settings = {name: value for name, value in given.settings.items() if name not in _ABSENT}
    offset = settings.pop("offset")
    target = given.y if offset is None else given.y - offset
    batch = GroupBatch(given.X, target[:, None], members, check_group_factors(penalty_factor, members), l1_ratio=l1_ratio,
                       sparsity=sparsity, weights=given.weights, **given.grid.keywords, **settings)

    def result_of(solution):
        def restored(values):
            return given.grid.restore(values)

        found = {name: restored(getattr(solution, name)[0])
                 for name in ("alphas", "gap", "dev_ratio", "df", "n_epochs", "n_cholesky", "n_groups")}
        return GroupPathResult(
            **found, intercept=restored(solution.intercept[0, :, 0]), stored_coef=restored(solution.coef[0]),
            status=restored(status_names(solution.status[0])), l1_ratio=l1_ratio, null_deviance=float(solution.null_deviance[0]),
            n_samples=int(given.rows_used), n_features=given.X.shape[1], fit_intercept=settings["intercept"], tol=settings["tol"],
            feature_names=given.feature_names, n_passes=solution.n_passes, solver=solution.solver, profile_=profile_of(solution),
            groups=members, group_names=names, sparsity=sparsity)

    with answer_fits(1, given.grid.size, given.X.shape[1], "alphas"):
        try:
            solution = solve_groups(batch, progress=given.progress)
            result = result_of(solution)
        except Interrupted as stopped:
            stopped.result = result_of(stopped.solution)
            stopped.args = ("interrupted; .result holds what is done",)
            raise
    result.n_at_limit = count_at_limit(solution, batch)
    warn_of_unconverged(result.status, result.gap, tol, result.n_at_limit, stacklevel=3)
    return result
