"""What a batch of paths hands back."""

from dataclasses import dataclass
from operator import index

import numpy as np

from riata.losses import SQUARED, Loss
from riata.profile import Profile
from riata.results import (
    CriteriaOfFits,
    PathResult,
    check_same_features,
    largest_gap,
    not_fitted,
    on_scale,
    positions,
    predictions,
    status_counts,
)
from riata.status import WORTH_A_WARNING
from riata.tables import dataframe
from riata.validation import check_design, check_number, check_offset


@dataclass(eq=False, repr=False)
class BatchResult(CriteriaOfFits):
    """B regularisation paths on one X: arrays with a leading axis for the problems.

    `len(result)` is B, `result[i]` is the `PathResult` of problem i, and iterating gives them all. Where Y was a table,
    `result["name"]` is the path of the target of that name.

    Attributes
    ----------
    alphas, intercept, gap, status, dev_ratio, df, n_epochs, n_cholesky, aic, bic, ebic : ndarray of shape (B, L)
        As in `PathResult`; ``status.value_counts()`` counts them.
    coef : ndarray of shape (B, L, p)
    l1_ratio, null_deviance, n_samples : ndarray of shape (B,)
    n_features, feature_names, n_passes, solver, profile_, tol, n_at_limit, loss
        As in `PathResult`; passes and seconds are those of the whole call.
    target_names : list of B str, or None
        Of the columns of Y where it was a table, or a Series with a name.
    """

    alphas: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    gap: np.ndarray
    status: np.ndarray
    dev_ratio: np.ndarray
    df: np.ndarray
    n_epochs: np.ndarray
    n_cholesky: np.ndarray
    l1_ratio: np.ndarray
    null_deviance: np.ndarray
    n_samples: np.ndarray
    n_features: int
    fit_intercept: bool
    tol: float
    feature_names: list | None
    n_passes: int
    solver: str
    profile_: Profile
    n_at_limit: int = 0
    target_names: list | None = None
    loss: Loss = SQUARED

    def __len__(self):
        return len(self.alphas)

    @property
    def failed(self):
        """Names of the targets (numbers, where they have none) of which some alpha that was to be fitted did not converge."""
        bad = np.flatnonzero((np.isin(self.status, WORTH_A_WARNING) | (self.status[:, :1] == "skipped")).any(axis=1))
        return [int(b) if self.target_names is None else self.target_names[b] for b in bad]

    @property
    def loc(self):
        """Paths by the labels of their problems, also where these are numbers: ``result.loc[2021]``."""
        return _ByName(self)

    def __getitem__(self, i):
        """The `PathResult` of one problem.

        Parameters
        ----------
        i : int or str
            An int is always the position of a problem, 0 to B - 1, also where labels are ints: `loc` goes by those. A text is
            the name of a target.

        Raises
        ------
        IndexError, KeyError, TypeError
        """
        B = len(self)
        if isinstance(i, str) and self.target_names is not None:
            i = self._number_of(i)
        try:
            i = range(B)[index(i)]                     # negative indices as in a list
        except TypeError:
            raise TypeError(f"[{i!r}]: number a problem by an int from 0 to {B - 1}; iterate to have all {B}") from None
        except IndexError:                             # this kind of error, as it ends a loop over the problems too
            raise IndexError(f"[{i}]: there is no such problem, the batch holds {B}: 0 to {B - 1}, or {-B} to -1") from None
        return PathResult(
            alphas=self.alphas[i], stored_coef=self.coef[i], intercept=self.intercept[i], gap=self.gap[i],
            status=self.status[i], dev_ratio=self.dev_ratio[i], df=self.df[i], n_epochs=self.n_epochs[i],
            n_cholesky=self.n_cholesky[i],
            l1_ratio=float(self.l1_ratio[i]), null_deviance=float(self.null_deviance[i]),
            n_samples=int(self.n_samples[i]), n_features=self.n_features, fit_intercept=self.fit_intercept,
            tol=self.tol, feature_names=self.feature_names, loss=self.loss, n_passes=self.n_passes, solver=self.solver,
            profile_=self.profile_)

    def _number_of(self, name):
        if self.target_names is None:
            raise KeyError(f"{name!r}: the problems have no labels; number them, or give labels= to riata.fit_batch")
        count = self.target_names.count(name)
        if count == 1:
            return self.target_names.index(name)
        if count:
            raise KeyError(f"{name!r} is the name of {count} targets: number the one that is meant")
        names = self.target_names
        some = ", ".join(map(repr, names[:5])) + " and others" * (len(names) > 5)
        raise KeyError(f"no target is called {name!r}; there are {some}")

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def predict(self, X, problem=None, alpha=None, offset=None, kind="response"):
        """Predictions for new rows.

        Parameters
        ----------
        X : array, sparse matrix or table of shape (n, p)
            A table must hold the columns that were fitted, in the same order.
        problem : int or str, optional
            The number of one problem, or the name of its target. Default: all of them.
        alpha : float, optional
            One of the `alphas` of every problem that is asked for. Default: all of them.
        offset : array_like of shape (n,), optional
            Fixed part of the linear predictor of the new rows.
        kind : {"response", "link", "class"}, default="response"
            As in `PathResult.predict`.

        Returns
        -------
        ndarray of shape (n, B, L)
            (n, B) for one alpha, and without the axis B for one problem, as `PathResult.predict`. NaN for an alpha that was
            not fitted.

        Raises
        ------
        ValueError
            If a problem was not fitted at `alpha`, as where each has a grid of its own: coefficients are never interpolated.
        IndexError, KeyError, TypeError
            If there is no such problem.
        """
        if problem is not None:
            return self[problem].predict(X, alpha=alpha, offset=offset, kind=kind)
        matrix, names = check_design(X)
        check_same_features(names, matrix.shape[1], self.feature_names, self.n_features)
        offset = check_offset(offset, matrix.shape[0])
        coef, intercept = self.coef, self.intercept
        if alpha is not None:
            each = np.arange(len(self)), self._at(check_number(alpha, "alpha", 0.0))
            coef, intercept = coef[each], intercept[each]
        predicted = predictions(matrix, coef.reshape(-1, self.n_features), intercept.ravel(), offset)
        return on_scale(predicted.reshape(-1, *intercept.shape), kind, self.loss, None)

    def _at(self, alpha):
        """(B,) positions of `alpha` along the grids."""
        at, found = positions(self.alphas, alpha)
        if not found.all():
            b = int(np.argmin(found))
            raise ValueError(f"problem {self._name(b)}: {not_fitted(alpha, self.alphas[b, at[b]])}")
        return at

    def _name(self, b):
        return str(b) if self.target_names is None else self.target_names[b]

    def to_frame(self, coef=False):
        """One row per problem and alpha: the problem, by the name of its target or its number, and the columns of
        `PathResult.to_frame`.

        `coef` adds a column per feature that enters in any problem. A pandas DataFrame if pandas is installed, a polars one
        otherwise.
        """
        problems = np.arange(len(self)) if self.target_names is None else np.array(self.target_names)
        return dataframe(self._columns(coef, problem=np.repeat(problems, self.alphas.shape[1])))

    def summary(self):
        """A few lines of text: the problems, the certificates, the cost, and about ten of the problems at their last alpha."""
        fitted = np.isfinite(self.intercept)
        last = np.where(fitted.any(axis=1), self.alphas.shape[1] - 1 - np.argmax(fitted[:, ::-1], axis=1), -1)
        lines = [repr(self), str(self.profile_),
                 f"{'problem':<20} {'alpha':>11} {'df':>7} {'dev_ratio':>9} {'largest gap':>11}  status"]
        for b in np.unique(np.linspace(0, len(self) - 1, min(len(self), 10)).round().astype(int)):
            lines.append(f"{self._name(b)[:20]:<20} {self.alphas[b, last[b]]:11.4g} {self.df[b, last[b]]:7.4g} "
                         f"{self.dev_ratio[b, last[b]]:9.4f} {largest_gap(self.gap[b]):>11}  {status_counts(self.status[b])}")
        return "\n".join(lines)

    def __repr__(self):
        return (f"BatchResult({len(self)} paths, n_features={self.n_features}, {self.alphas.shape[1]} alphas each, "
                f"{status_counts(self.status)}, largest gap {largest_gap(self.gap)}, solver={self.solver!r})")


class _ByName:
    """``result.loc`` of a `BatchResult`."""

    def __init__(self, result):
        self._result = result

    def __getitem__(self, name):
        return self._result[self._result._number_of(name)]
