"""What a run of gradient descent gives back."""

from dataclasses import dataclass, field

import numpy as np

from riata.plots_descent import plot_history
from riata.results import check_same_features
from riata.validation import check_design

__all__ = ["DescentResult", "History"]

#: what a status means to a person
MEANING = {
    "max_epochs": "all epochs were run",
    "no_improvement": "there was no improvement by more than tol for so many epochs as patience allows",
    "diverged": "the objective grew without bound: the step size is too large. The best coefficients before that are kept",
    "interrupted": "the run was interrupted",
    "time_budget": "the time budget was used up",
}


#: share of the null deviance below which a gap is that of noise, and of the start's objective below which a rise is
NEAR = 0.1


def rise(objective, start):
    """What an objective has over that of the start, relative to the latter."""
    return (objective - start) / np.maximum(np.abs(start), np.finfo(float).tiny)


@dataclass(frozen=True)
class History:
    """One number for each epoch, or of a batch (B, epochs); NaN behind the last epoch.

    Attributes
    ----------
    objective : ndarray
        Loss plus penalty, as it was met on the way: each mini-batch at the coefficients before its step.
    loss : ndarray
        The mean loss alone.
    gradient_norm : ndarray
        Norm of the mean gradient of the epoch, with the subgradient of the penalty that makes it least.
    gradient_rms : ndarray
        Root mean square norm of the gradients of mini-batches.
    alignment : ndarray
        Mean cosine between a gradient and the one before it: 1 straight ahead, −1 from side to side, 0 noise. NaN where a run on
        sparse rows leaves it out.
    step : ndarray
        Step size at the end of the epoch.
    validation_loss : ndarray
        Mean loss on the rows of validation, or what the function said; NaN without.
    """

    objective: np.ndarray
    loss: np.ndarray
    gradient_norm: np.ndarray
    gradient_rms: np.ndarray
    alignment: np.ndarray
    step: np.ndarray
    validation_loss: np.ndarray

    def __len__(self):
        return self.objective.shape[-1]

    def plot(self, ax=None, **options):
        """Draw objective and validation loss over the epochs (see `riata.plots_descent.plot_history`)."""
        return plot_history(self, ax=ax, **options)

    def of(self, problem):
        """The history of one problem of a batch, up to its last epoch."""
        last = np.count_nonzero(~np.isnan(self.step[problem]))
        return History(**{name: value[problem, :last] for name, value in vars(self).items()})


@dataclass(frozen=True)
class DescentResult:
    """A run of gradient descent, or of a batch (a leading axis B then).

    Attributes
    ----------
    coef : ndarray of shape (p,)
    intercept : float
    history : History
    status : str
        "max_epochs", "no_improvement", "diverged", "interrupted" or "time_budget".
    n_epochs : int
    objective : float
        Loss plus penalty at `coef`, computed afresh.
    gap : float
        Duality gap: `objective` is at most so much above the least one, divided by the loss of the intercept alone above its
        least value. Losses with a kink ("hinge", "epsilon_insensitive", "perceptron"): an upper bound that does not go to zero.
        Without a penalty (alpha = 0) the least one is that of |coefficients| of at most 2 (|b_j| + 10 / s_j), s_j the
        standard deviation of column j: no bound is known of others.
    absolute_gap : float
        The same, not divided.
    step : float
        Step size, before the schedule.
    start_objective : float
        Loss plus penalty at the coefficients that the run began with.
    smoothness : float
        The smoothness that an automatic step was made from; NaN where a step was given.
    classes : ndarray or None
        The two labels, the second that of a positive linear predictor.
    """

    coef: np.ndarray
    intercept: np.ndarray
    history: History
    status: np.ndarray
    n_epochs: np.ndarray
    objective: np.ndarray
    gap: np.ndarray
    absolute_gap: np.ndarray
    step: np.ndarray
    start_objective: np.ndarray
    smoothness: float
    loss: object
    classes: np.ndarray | None = None
    setting: dict = field(default_factory=dict, repr=False)

    @property
    def message(self):
        """What the status means (of a batch: the counts)."""
        names = np.atleast_1d(self.status)
        kinds = sorted(set(names.tolist()))
        if names.size == 1:
            return MEANING[kinds[0]]
        return "; ".join(f"{np.count_nonzero(names == name)}: {MEANING[name]}" for name in kinds)

    def plot(self, ax=None, **options):
        """Draw the history, and the objective at the start (see `riata.plots_descent.plot_history`)."""
        start = float(self.start_objective) if np.ndim(self.start_objective) == 0 else None
        return plot_history(self.history, ax=ax, **{"start": start, **options})

    def decision_function(self, X):
        """Linear predictors (n,) of rows, (n, B) of a batch.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n, p)

        Raises
        ------
        ValueError
            If X does not have p columns, or NaN or infinite values.
        """
        X = X.tocsr() if hasattr(X, "tocsr") else check_design(X)[0]
        check_same_features(None, X.shape[1], None, self.coef.shape[-1])
        return X @ self.coef.T + self.intercept

    def predict(self, X):
        """Labels where there are classes, else means of the target, of rows.

        Parameters
        ----------
        X : array_like or sparse matrix of shape (n, p)
        """
        eta = self.decision_function(X)
        if self.classes is not None:
            return self.classes[(eta > 0).astype(np.intp)]
        return self.loss.response(eta) if hasattr(self.loss, "response") else eta
