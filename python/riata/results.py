"""What a path hands back, and how the engine's answers become results."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from riata import information
from riata.losses import SQUARED, Loss
from riata.prediction import linear_predictor
from riata.profile import Profile, profile_of
from riata.status import CONSTANT_TARGET, count_at_limit, status_names
from riata.tables import dataframe
from riata.validation import check_design, check_number, check_offset
from riata_engine.batch import Interrupted, solve


class CriteriaOfFits:
    """What is computed alike for the fits (L,) of a path and (B, L) of a batch: information criteria, rows of a table."""

    @property
    def aic(self):
        return information.aic(self.dev_ratio, self._per_fit("null_deviance"), self.df, self._per_fit("n_samples"),
                               self.loss.name)

    @property
    def bic(self):
        return information.bic(self.dev_ratio, self._per_fit("null_deviance"), self.df, self._per_fit("n_samples"),
                               self.loss.name)

    @property
    def ebic(self):
        return information.ebic(self.dev_ratio, self._per_fit("null_deviance"), self.df, self._per_fit("n_samples"),
                                self.n_features, intercept=self.fit_intercept, loss=self.loss.name)

    def _per_fit(self, name):
        """An attribute that a problem has once, in a shape that broadcasts over its alphas."""
        return np.asarray(getattr(self, name))[..., None]

    def _columns(self, coef, **first):
        """Columns of a table with a row per fit, after those given; `coef` adds one per feature that ever enters."""
        columns = {**first, "alpha": self.alphas, "l1_ratio": np.broadcast_to(self._per_fit("l1_ratio"), self.alphas.shape),
                   **{name: getattr(self, name) for name in ("df", "dev_ratio", "aic", "bic", "ebic", "gap", "status",
                                                             "n_epochs", "n_cholesky", "intercept")}}
        columns = {name: values.ravel() for name, values in columns.items()}
        if coef:
            dense = self.coef.reshape(-1, self.n_features)
            for j in np.flatnonzero((np.nan_to_num(dense) != 0).any(axis=0)):
                name = f"x{j}" if self.feature_names is None else self.feature_names[j]
                columns[name if name not in columns else f"coef of {name}"] = dense[:, j]
        return columns


@dataclass(eq=False, repr=False)
class PathResult(CriteriaOfFits):
    """A regularisation path: one fit per alpha, each with a certificate.

    Entries keep the order of the alphas that were asked for (descending for a derived grid).

    Attributes
    ----------
    alphas : ndarray of shape (L,)
        Penalty strengths.
    coef : ndarray of shape (L, p)
        Coefficients on the scale of X; NaN for an alpha that was not fitted.
    intercept : ndarray of shape (L,)
    gap : ndarray of shape (L,)
        Duality gap divided by the objective at coef = 0: how far the objective can be from its minimum, at most.
    status : ndarray of str, shape (L,)
        converged, max_iter, time_budget, not_finite, degenerate or skipped.
    dev_ratio : ndarray of shape (L,)
        1 − deviance / null deviance on the training rows (R² for least squares).
    df : ndarray of shape (L,)
        Degrees of freedom: coefficients other than 0 (ridge, l1_ratio = 0: the trace of the hat matrix), and 1 for the
        intercept if there is one.
    n_epochs, n_cholesky : ndarray of int, shape (L,)
        Passes of coordinate descent, and Newton steps on the support.
    aic, bic, ebic : ndarray of shape (L,)
        Information criteria (see `riata.information`); NaN for a saturated fit.
    l1_ratio : float
    null_deviance : float
        Weighted mean deviance without features: for least squares the mean squared error.
    n_samples, n_features : int
        Rows with a positive weight, and columns of X.
    feature_names : list of str, or None
    n_passes : int
        Passes over X that the whole call took.
    solver : str
        Which solver ran.
    profile_ : riata.profile.Profile
        What the whole call cost: passes over X, epochs, Newton steps, bytes moved (an estimate), seconds per phase.
    tol : float
        The gap that was asked for.
    n_at_limit : int
        Fits of the whole call with the status max_iter for which float64 holds no better answer at this scale.
    loss : riata.losses.Loss
    classes : ndarray of shape (2,), or None
        The labels of y that 0 and 1 stand for (logistic loss).
    """

    alphas: np.ndarray
    stored_coef: object
    intercept: np.ndarray
    gap: np.ndarray
    status: np.ndarray
    dev_ratio: np.ndarray
    df: np.ndarray
    n_epochs: np.ndarray
    n_cholesky: np.ndarray
    l1_ratio: float
    null_deviance: float
    n_samples: int
    n_features: int
    fit_intercept: bool
    tol: float
    feature_names: list | None
    n_passes: int
    solver: str
    profile_: Profile
    n_at_limit: int = 0
    loss: Loss = SQUARED
    classes: np.ndarray | None = None

    @cached_property
    def coef(self):
        return self._coef_rows(slice(None))

    @property
    def notes(self):
        """Sentences about what is odd with the data of this path, if anything is."""
        unexplained = not (self.dev_ratio > 0).any()   # the null deviance of a target of scale 1e-170 underflows
        known = np.isfinite(self.dev_ratio).any()      # and of a path that was not solved nothing is known
        return [CONSTANT_TARGET] if self.null_deviance == 0 and unexplained and known else []

    def at(self, alpha):
        """Index of `alpha` among `alphas`.

        Raises
        ------
        ValueError
            If no fitted alpha equals it to 1e-9 relative. Coefficients are never interpolated.
        """
        alpha = check_number(alpha, "alpha", 0.0)
        at, found = positions(self.alphas, alpha)
        if not found:
            raise ValueError(not_fitted(alpha, self.alphas[at]))
        return int(at)

    def predict(self, X, alpha=None, offset=None, kind="response"):
        """Predictions for new rows.

        Parameters
        ----------
        X : array, sparse matrix or table of shape (n, p)
            A table must hold the columns that were fitted, in the same order.
        alpha : float, optional
            One of `alphas`. Default: all of them.
        offset : array_like of shape (n,), optional
            Fixed part of the linear predictor of the new rows.
        kind : {"response", "link", "class"}, default="response"
            The mean of y (for the logistic loss the probability of the second class), the linear predictor η, or the more
            probable of the two classes.

        Returns
        -------
        ndarray of shape (n,) for one alpha, (n, L) for None
            NaN for an alpha that was not fitted.

        Raises
        ------
        ValueError
            If X, `offset` or `alpha` does not fit, or the path was not solved at `alpha`.
        """
        matrix, names = check_design(X)
        check_same_features(names, matrix.shape[1], self.feature_names, self.n_features)
        offset = check_offset(offset, matrix.shape[0])
        if alpha is None:
            return on_scale(self._predict_rows(matrix, slice(None), offset), kind, self.loss, self.classes)
        i = self.at(alpha)
        if not np.isfinite(self.intercept[i]):
            raise ValueError(f"alpha = {alpha!r} has no coefficients to predict with: its status is {str(self.status[i])!r}. "
                             f"Solved were {_alpha_range(self.alphas[np.isfinite(self.intercept)])}")
        return on_scale(self._predict_rows(matrix, slice(i, i + 1), offset)[:, 0], kind, self.loss, self.classes)

    def _predict_rows(self, matrix, which, offset):
        """Predictions of checked rows at the alphas of a slice."""
        return predictions(matrix, self.stored_coef[which], self.intercept[which], offset)

    def _coef_rows(self, which):
        """Dense coefficients at the alphas of a slice, NaN where nothing was fitted."""
        coef = self.stored_coef[which]
        if isinstance(coef, np.ndarray):
            return coef
        coef = coef.toarray()
        coef[~np.isfinite(self.intercept[which])] = np.nan
        return coef

    def plot(self, ax=None, **options):
        """Draw the coefficients against log alpha (see `riata.plots.plot_path`)."""
        from riata.plots import plot_path

        return plot_path(self, ax=ax, **options)

    def to_frame(self, coef=True):
        """One row per alpha: the statistics of the fit and, if `coef`, a column per feature that ever enters.

        A pandas DataFrame if pandas is installed, a polars one otherwise.
        """
        return dataframe(self._columns(coef))

    def summary(self):
        """A few lines of text: the problem, the certificates and about ten alphas along the path."""
        shown = np.unique(np.linspace(0, len(self.alphas) - 1, 10).round().astype(int))
        lines = [repr(self), f"{'alpha':>11} {'df':>7} {'dev_ratio':>9} {'BIC':>11} {'gap':>8}  status"]
        bic = self.bic
        lines += [f"{self.alphas[i]:11.4g} {self.df[i]:7.4g} {self.dev_ratio[i]:9.4f} {bic[i]:11.4f} {self.gap[i]:8.1e}"
                  f"  {self.status[i]}" for i in shown]
        lines += self.notes
        return "\n".join(lines)

    def __repr__(self):
        return (f"PathResult(n_samples={self.n_samples}, n_features={self.n_features}, l1_ratio={self.l1_ratio:g}, "
                f"{_alpha_range(self.alphas)}, {status_counts(self.status)}, largest gap {largest_gap(self.gap)}, "
                f"solver={self.solver!r})")


def solved(batch, progress, result_of, door=None):
    """The result of a batch, solved at a door of the engine; on Ctrl-C the exception has that of what is done as `.result`."""
    try:
        solution = (door or solve)(batch, progress=progress)
        result = result_of(solution)
    except Interrupted as stopped:
        stopped.result = result_of(stopped.solution)
        stopped.args = ("interrupted; .result holds what is done",)
        raise
    result.n_at_limit = count_at_limit(solution, batch)
    return result


def path_of(solution, b, given, l1_ratio):
    """The `PathResult` of problem `b` of an engine's solution, in the order of alphas of the `Arguments` given."""
    def restored(values):
        return given.grid.restore(values, b)

    coef = solution.coef[b]
    return PathResult(
        **{name: restored(getattr(solution, name)[b])
           for name in ("alphas", "intercept", "gap", "dev_ratio", "df", "n_epochs", "n_cholesky")},
        stored_coef=restored(coef), status=restored(status_names(solution.status[b])), l1_ratio=float(l1_ratio),
        null_deviance=float(solution.null_deviance[b]), n_samples=int(given.rows_used), n_features=coef.shape[1],
        fit_intercept=given.settings["intercept"], tol=given.settings["tol"], feature_names=given.feature_names,
        loss=given.loss, classes=given.classes,
        n_passes=solution.n_passes, solver=solution.solver, profile_=profile_of(solution))


def on_scale(eta, kind, loss, classes):
    """Linear predictors as what was asked for: see `PathResult.predict`."""
    if kind not in ("response", "link", "class"):
        raise ValueError(f"kind = {kind!r} must be 'response', 'link' or 'class'")
    if kind == "link":
        return eta
    if kind == "response":
        return loss.response(eta)
    if loss.name != "logistic":
        raise ValueError(f"kind = 'class' is for the logistic loss; this path has the {loss.name} loss")
    return (np.array([0, 1]) if classes is None else classes)[(eta > 0).astype(np.intp)]


def positions(alphas, alpha):
    """Where `alpha` stands along the last axis of `alphas`, and whether what stands there equals it to 1e-9 relative."""
    distance = np.abs(alphas - alpha)
    return np.argmin(distance, axis=-1), np.min(distance, axis=-1) <= 1e-9 * alpha


def not_fitted(alpha, nearest):
    return (f"alpha = {alpha!r} was not fitted; the nearest fitted one is {float(nearest)!r}. Take one of .alphas, or fit again "
            f"with alphas=[{alpha!r}]")


def predictions(matrix, coef, intercept, offset):
    """Predictions (n, L) of checked rows by coefficients (L, p); NaN for a fit that was not made."""
    fitted = np.isfinite(intercept)
    predicted = np.full((matrix.shape[0], len(fitted)), np.nan)
    predicted[:, fitted] = linear_predictor(matrix, coef[fitted], intercept[fitted], offset)
    return predicted


def check_same_features(names, count, fitted_names, fitted_count):
    """Refuse new data whose columns are not those of the fit."""
    if count != fitted_count:
        known = names is not None and fitted_names is not None
        absent = [name for name in fitted_names if name not in set(names)] if known else []
        surplus = [name for name in names if name not in set(fitted_names)] if known else []
        remedy = f": pass an X of {fitted_count} columns, in the order of the fit"
        for those, what in ((surplus, "drop"), (absent, "missing")):
            if those:
                remedy = f": {what} {', '.join(map(repr, those[:5]))}{' and others' if len(those) > 5 else ''}"
        raise ValueError(f"X has {count} columns; the model was fitted on {fitted_count}{remedy}")
    if names is None or fitted_names is None or names == fitted_names:
        return
    missing = [name for name in fitted_names if name not in set(names)]
    if missing:
        raise ValueError(f"X lacks columns that the model was fitted on: {', '.join(map(repr, missing[:5]))}"
                         f"{' and others' if len(missing) > 5 else ''}")
    raise ValueError("X has its columns in another order than the model was fitted on; pass X[path.feature_names]")


def status_counts(status):
    """'98 converged, 2 max_iter' for an array of status names."""
    names, counts = np.unique(status, return_counts=True)
    return ", ".join(f"{count} {name}" for name, count in sorted(zip(names, counts, strict=True), key=lambda c: -c[1]))


def largest_gap(gap):
    finite = gap[np.isfinite(gap)]
    return f"{finite.max():.1e}" if finite.size else "unknown"


def _alpha_range(alphas):
    return f"{len(alphas)} alphas from {alphas[0]:.4g} to {alphas[-1]:.4g}"
