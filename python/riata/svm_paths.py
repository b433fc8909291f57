"""Paths of support vector machines over C: every value of C and every class in one call."""

import warnings
from dataclasses import dataclass

import numpy as np

from riata.status import MEANING, WORTH_A_WARNING, status_names
from riata_engine.batch import Interrupted
from riata_engine.margins import LOSSES, Margins, solve_margins


@dataclass
class SVMPathResult:
    """A path of linear support vector machines.

    Attributes
    ----------
    Cs : ndarray of shape (n_Cs,)
        Ascending.
    classes : ndarray of shape (n_classes,) or None
        Labels; None for a regression.
    coef : ndarray of shape (n_Cs, n_problems, n_features)
        One problem for two classes or a regression, one for each class against the rest otherwise.
    intercept : ndarray of shape (n_Cs, n_problems)
    gap : ndarray of shape (n_Cs, n_problems)
        Duality gap over the objective without features, computed afresh.
    status : ndarray of str of shape (n_Cs, n_problems)
    n_iter : ndarray of shape (n_Cs, n_problems)
        Newton steps.
    """

    Cs: np.ndarray
    classes: np.ndarray | None
    coef: np.ndarray
    intercept: np.ndarray
    gap: np.ndarray
    status: np.ndarray
    n_iter: np.ndarray

    def decision_function(self, X):
        """Distances (n_Cs, n_samples, n_problems), in units of 1/‖coef‖."""
        return np.stack([X @ coef.T + intercept for coef, intercept in zip(self.coef, self.intercept, strict=True)])

    def predict(self, X):
        """Labels, or numbers of a regression, of shape (n_Cs, n_samples)."""
        values = self.decision_function(X)
        if self.classes is None:
            return values[..., 0]
        if values.shape[2] == 1:
            return self.classes[(values[..., 0] > 0).astype(int)]
        return self.classes[values.argmax(axis=2)]


def fit_svm_path(X, y, Cs=10, *, loss="squared_hinge", penalty="l2", epsilon=0.0, weights=None, class_weight=None,
                 fit_intercept=True, intercept_scaling=1.0, tol=1e-6, max_iter=1000, n_threads=None, time_budget=None,
                 progress=None):
    """Linear support vector machines at each of several C, from small to large, each from the one before.

    Minimises, for each class against the rest where there are more than two, with y = ±1::

        P(b, b0 / intercept_scaling) + C · Σ_i w_i ℓ(y_i, b0 + x_iᵀb)

    where P is half the squared norm or the 1-norm; the classes are one batch.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Labels, or numbers for the losses of a regression.
    Cs : int or array-like, default=10
        Values > 0; a number of them means a grid from 1e-4 to 1e4, evenly spaced in its logarithm.
    loss : {'squared_hinge', 'hinge', 'epsilon_insensitive', 'squared_epsilon_insensitive'}, default='squared_hinge'
    penalty : {'l2', 'l1'}, default='l2'
        'l1' with a squared loss.
    epsilon : float, default=0.0
        Half the width of the tube of a regression.
    weights : array-like of shape (n_samples,), default=None
    class_weight : dict or 'balanced', default=None
        As :class:`riata.svm.LinearSVC` has it.
    fit_intercept : bool, default=True
    intercept_scaling : float or None, default=1.0
        None: the intercept has no penalty.
    tol : float, default=1e-6
        Duality gap over the objective without features.
    max_iter : int, default=1000
        Newton steps for one C.
    n_threads, time_budget, progress
        As in :func:`riata.fit_path`.

    Returns
    -------
    SVMPathResult

    Raises
    ------
    ValueError
        If an argument cannot be used; the message names it and the remedy.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        Once, with counts, if some fits did not converge.
    """
    from riata.svm import LinearSVC, LinearSVR

    labels = LOSSES[loss][0] if loss in LOSSES and loss != "quantile" else None
    if labels is None:
        names = [name for name in LOSSES if name != "quantile"]
        raise ValueError(f"loss={loss!r}: give one of {names}. For quantiles use riata.linear_model.QuantileRegressor.")
    if penalty not in ("l1", "l2") or (penalty == "l1" and not loss.startswith("squared")):
        raise ValueError(f"penalty={penalty!r} with loss={loss!r}: give 'l2', or 'l1' with a squared loss.")
    Cs = np.logspace(-4, 4, Cs) if isinstance(Cs, int | np.integer) else np.sort(np.ravel(np.asarray(Cs, dtype=float)))
    if not len(Cs) or not (np.isfinite(Cs) & (Cs > 0)).all():
        raise ValueError(f"Cs={Cs!r}: give one or more finite numbers > 0.")
    common = {"tol": tol, "max_iter": max_iter, "fit_intercept": fit_intercept, "intercept_scaling": intercept_scaling,
              "loss": loss}
    if labels:
        model = LinearSVC(class_weight=class_weight, **common)
    elif class_weight is not None:
        raise ValueError("class_weight is for losses of a classification: leave it out, or use weights.")
    else:
        model = LinearSVR(epsilon=epsilon, **common)
    X, Y, weights = model._prepared(X, y, weights)
    total = np.atleast_1d(X.shape[0] * 1.0 if weights is None else weights.sum(axis=0))
    alphas = 1 / (Cs[None, :] * np.broadcast_to(total, Y.shape[1])[:, None])
    found = solve_checked("fit_svm_path", X, Y, progress=progress, loss=loss, alphas=alphas, l1_ratio=float(penalty == "l1"),
                          weights=weights, epsilon=float(epsilon), intercept=fit_intercept, intercept_scaling=intercept_scaling,
                          tol=tol, max_iter=max_iter, n_threads=n_threads, time_budget=time_budget)
    status = status_names(found.status.T)
    warn_of_steps(status, found.gap.T, tol)
    return SVMPathResult(Cs, getattr(model, "classes_", None), np.ascontiguousarray(found.coef.swapaxes(0, 1)),
                         found.intercept.T.copy(), found.gap.T.copy(), np.asarray(status), found.n_iter.T.copy())


def warn_of_steps(status, gap, tol):
    """One `ConvergenceWarning` with counts for the fits of a path that Newton's method did not end; none if all is well."""
    counts = {name: int(np.count_nonzero(status == name)) for name in WORTH_A_WARNING}
    if not any(counts.values()):
        return
    from sklearn.exceptions import ConvergenceWarning

    said = "; ".join(f"{count} {name} ({MEANING[name]})" for name, count in counts.items() if count)
    short = gap[(status == "max_iter") & np.isfinite(gap)]
    largest = f" The largest gap is {short.max(initial=0):.1e}, tol is {tol:.1e}. Scale X, or raise max_iter or tol."
    warnings.warn(f"{sum(counts.values())} of {status.size} fits are not converged: {said}.{largest * bool(short.size)}",
                  ConvergenceWarning, stacklevel=3)


def solve_checked(owner, X, Y, progress=None, **settings):
    """``solve_margins`` of checked arguments; Ctrl-C says whose work it ended."""
    try:
        return solve_margins(Margins(X, Y, **settings), progress)
    except Interrupted as stopped:
        stopped.args = (f"{owner}: interrupted; .solution holds what is done",)
        raise
