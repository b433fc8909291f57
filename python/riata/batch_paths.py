"""Whole paths of problems that have nothing in common."""

from dataclasses import dataclass

import numpy as np

from riata.batch_models import BatchModels
from riata.columns import picked
from riata.feature_names import FeatureNames
from riata.information import LIKELIHOODS
from riata.labels import ByLabel, Labels
from riata.many_choice import criterion, models_of
from riata.many_rules import BY_CRITERION
from riata.many_solve import CONVERGED, path_status
from riata.profile import Profile
from riata.results import PathResult, largest_gap, status_counts
from riata.status import status_names
from riata.tables import dataframe
from riata_engine.batch import STATUS


@dataclass(eq=False, repr=False)
class BatchPaths:
    """B regularisation paths, each on its own rows and columns.

    `len(result)` is B, `result[i]` (or ``result["label"]``, ``result.loc[2021]``) is the `PathResult` of a problem, a slice, a
    mask or an array of numbers gives the `BatchPaths` of some, and iterating gives all paths.

    Attributes
    ----------
    alphas, intercept, gap, dev_ratio, df, n_epochs, n_cholesky, aic, bic, ebic : ndarray of shape (B, L)
        As in `PathResult`; NaN behind the alphas of a problem that has fewer than others.
    status : ndarray of str, shape (B, L)
        ``status.value_counts()`` counts them.
    message : ndarray of object, shape (B,)
        A sentence for each problem of which there is something to say, "" for the others.
    failed : list
        Labels (numbers, where there are none) of the problems of which some alpha did not converge.
    l1_ratio, null_deviance, n_samples, n_features, seconds : ndarray of shape (B,)
        `n_samples` counts the rows with a target and a positive weight.
    n_passes : ndarray of shape (B,)
        Passes over the design of each.
    n_alphas : ndarray of shape (B,)
        How many alphas each has.
    labels : list, or None
    feature_names : FeatureNames
        ``feature_names[i]`` are those of a problem.
    """

    store: dict
    rules: object
    feature_names: FeatureNames
    labels: list | None = None

    def __post_init__(self):
        self._labels = Labels(self.labels, len(self))

    def __len__(self):
        return len(self.store["status"])

    def __getattr__(self, name):
        store = self.__dict__.get("store", {})
        if name in _COLUMNS:
            return store[name]
        if name in BY_CRITERION:
            return criterion(store, name, self.rules.settings["intercept"], self.rules.loss)
        raise AttributeError(f"BatchPaths has no attribute {name!r}{REMEDIES.get(name, '')}")

    def __dir__(self):
        return sorted({*super().__dir__(), *_COLUMNS, *BY_CRITERION})

    @property
    def status(self):
        return status_names(self.store["status"])

    @property
    def message(self):
        return self.store["message"]

    @property
    def failed(self):
        return self._labels.of(np.flatnonzero(path_status(self.store, self.rules) != CONVERGED))

    @property
    def n_alphas(self):
        return np.isfinite(self.store["alphas"]).sum(axis=1) if self.rules.ragged_lengths else np.full(len(self), self.rules.L)

    @property
    def loc(self):
        """Problems by their labels, also where these are numbers: ``result.loc[2021]``, ``result.loc[[2021, 2020]]``."""
        return ByLabel(self, self._labels)

    def __getitem__(self, which):
        """The `PathResult` of a problem, or the `BatchPaths` of some.

        Parameters
        ----------
        which : int, str, slice, mask or array
            An int is always the position of a problem in the batch, 0 to B - 1, also where labels are ints: `loc` goes by
            those. A text is a label. A slice, a mask (B,) or an array of positions (or of text labels) gives several.

        Raises
        ------
        IndexError, KeyError, TypeError
        """
        b = self._labels.number(which)
        if b is None:
            which = self._labels.numbers(which)
            rules = self.rules.of(which)
            names = self.feature_names.of(which) if self.feature_names else self.feature_names
            labels = None if self.labels is None else [self.labels[b] for b in which]
            return BatchPaths(picked(self.store, which), rules, names, labels)
        store, L = self.store, int(self.n_alphas[b]) if self.rules.ragged_lengths else self.rules.L
        p = int(store["n_features"][b])
        start = store["coef_at"][b]
        rows = {name: store[name][b, :L] for name in _ROWS}
        profile = Profile(int(store["n_passes"][b]), int(rows["n_epochs"].sum()), int(rows["n_cholesky"].sum()),
                          8.0 * float(store["n_passes"][b]) * float(store["n_rows"][b]) * p,
                          {"solve": float(store["seconds"][b])})
        return PathResult(
            **rows, stored_coef=store["coef"][start:start + L * p].reshape(L, p), status=status_names(store["status"][b, :L]),
            l1_ratio=float(store["l1_ratio"][b]), null_deviance=float(store["null_deviance"][b]),
            n_samples=int(store["n_samples"][b]), n_features=p, fit_intercept=self.rules.settings["intercept"],
            tol=self.rules.settings["tol"], feature_names=self.feature_names[b], n_passes=int(store["n_passes"][b]),
            solver=str(store["solver"][b]), profile_=profile, loss=self.rules.loss, classes=self.rules.classes)

    def number_of(self, label):
        """The number of the problem of a label; of any kind (`loc` gives the problem itself)."""
        return self._labels.position(label)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def select(self, rule):
        """The `riata.batch_models.BatchModels` at the alphas that an information criterion, "aic", "bic" or "ebic", chooses."""
        if rule not in BY_CRITERION:
            raise ValueError(f"rule = {rule!r} must be one of {', '.join(map(repr, BY_CRITERION))}; for 'min' and '1se' give cv "
                             "to riata.fit_batch")
        store = {name: values for name, values in self.store.items() if name not in ("held_out", "held_out_at")}
        loss, classes = self.rules.loss, self.rules.classes
        if loss.name not in ("squared", *LIKELIHOODS):
            raise ValueError(f"rule = {rule!r} goes by a likelihood, and the {loss.name} loss has none without a dispersion: "
                             "give cv to riata.fit_batch")
        models = models_of(store, rule, self.rules.settings["intercept"], loss=loss)
        return BatchModels(models, rule, self.feature_names, self.labels, loss, classes)

    def to_frame(self):
        """One row per problem and alpha: its label, and the statistics of the fit.

        A pandas DataFrame if pandas is installed, a polars one otherwise.
        """
        L = self.rules.L
        columns = {"problem": np.repeat(self._labels.array, L), "alpha": self.alphas.ravel(),
                   "l1_ratio": np.repeat(self.l1_ratio, L)}
        for name in ("df", "dev_ratio", *BY_CRITERION, "gap", "n_epochs", "intercept"):
            columns[name] = getattr(self, name).ravel()
        columns["status"] = np.asarray(self.status).ravel()
        if self.rules.ragged_lengths:
            have = np.isfinite(columns["alpha"])
            columns = {name: values[have] for name, values in columns.items()}
        return dataframe(columns)

    def summary(self):
        """A few lines of text: the problems, and about ten of those of which there is something to say."""
        lines = [repr(self)]
        said = np.flatnonzero(self.message != "")
        lines += [f"{self._labels.name(b)}: {self.message[b]}" for b in said[:10]]
        if len(said) > 10:
            lines.append(f"and {len(said) - 10} more with a message")
        return "\n".join(lines)

    def __repr__(self):
        if not len(self):
            return "BatchPaths(0 paths)"
        n, p = self.n_samples, self.n_features
        return (f"BatchPaths({len(self)} paths, {span(n)} rows, {span(p)} features, up to {self.rules.L} alphas each, "
                f"{status_counts(np.array(STATUS)[path_status(self.store, self.rules)])}, largest gap {largest_gap(self.gap)})")


def span(values):
    """'100' or '100 to 400'."""
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    return str(low) if low == high else f"{low} to {high}"


_FILE = ": whole paths go to no Parquet file; result.select('bic') gives one model each, result.to_frame() a table"
#: attributes that others have, and what to do instead
REMEDIES = {"predict": ": each problem has rows and columns of its own; result[i].predict(X) predicts by one path",
            "coef": ": the problems differ in their columns; result[i].coef is that of one path", "to_parquet": _FILE,
            "oof_prediction": ": whole paths choose nothing; give cv and keep_predictions=True to riata.fit_batch"}
_ROWS = ("alphas", "intercept", "gap", "dev_ratio", "df", "n_epochs", "n_cholesky")
_COLUMNS = frozenset((*_ROWS, "l1_ratio", "null_deviance", "n_samples", "n_features", "seconds", "n_passes"))
