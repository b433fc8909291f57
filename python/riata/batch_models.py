"""One model for each of many problems, held as columns."""

from dataclasses import dataclass

import numpy as np

from riata.columns import joined, picked
from riata.feature_names import FeatureNames, joined_names
from riata.labels import ByLabel, Labels, check_labels
from riata.losses import SQUARED, Loss
from riata.prediction import linear_predictor
from riata.results import check_same_features, largest_gap, on_scale, status_counts
from riata.status import status_names
from riata.tables import dataframe
from riata.validation import check_design, check_offset

#: columns (B,) in the order of a table
STATISTICS = ("alpha", "alpha_min", "alpha_1se", "l1_ratio", "intercept", "n_selected", "df", "dev_ratio", "cv_score", "cv_se",
              "cv_r2", "gap", "null_deviance", "n_samples", "n_features", "n_passes", "n_epochs", "seconds")
#: attributes of a single model, asked of all, and where they are
REMEDIES = {"predict": ": each problem has rows and columns of its own; result[i].predict(X) predicts by one model",
            "coef": ": the problems differ in their columns; result[i].coef is that of one, coef_matrix() of all that share them",
            "oof_prediction": ": result[i].oof_prediction is that of one problem, with keep_predictions=True"}
NO_PREDICTIONS = "no out-of-fold predictions were kept: give keep_predictions=True to riata.fit_batch"


@dataclass(eq=False, repr=False)
class BatchModels:
    """The model that a rule chose for each of B problems: a column store with a row for each.

    `len(result)` is B. `result[17]`, or ``result["gene7"]``, is the `BatchModel` of a problem, ``result.loc[2021]`` that of a
    label which is a number; a slice, a mask or an array of numbers gives the `BatchModels` of some; iterating gives every model.

    Attributes
    ----------
    rule : str
        "min", "1se", "aic", "bic" or "ebic".
    status : ndarray of str, shape (B,)
        The worst of what counts: of the fit that was chosen, and of every alpha of every fold, as all had a part in the choice.
        ``status.value_counts()`` counts them.
    message : ndarray of object, shape (B,)
        A sentence for each problem of which there is something to say, "" for the others.
    failed : list
        Labels (numbers, where there are none) of the problems that did not converge.
    alpha, l1_ratio, intercept, gap, df, dev_ratio : ndarray of shape (B,)
        Of the fit that was chosen; NaN where none was.
    alpha_min, alpha_1se : ndarray of shape (B,)
        What the two rules of cross-validation choose; NaN without one.
    cv_score, cv_se, cv_r2 : ndarray of shape (B,)
        Mean over the folds of the held-out mean deviance at `alpha` (of squared loss the mean squared error), its standard error,
        and 1 − cv_score / null_deviance.
        The alpha was chosen with these rows: for an honest score see `riata.nested_cross_validate`.
    null_deviance, n_samples, n_features, n_passes, n_epochs, seconds : ndarray of shape (B,)
        `n_samples` counts the rows with a target and a positive weight; `n_epochs` is summed over the path on all rows. Problems
        that share a design share their passes and seconds: `n_passes` is that of their call, `seconds` an even part.
    n_selected : ndarray of shape (B,)
        Coefficients other than 0.
    indptr, indices, data : ndarray
        Coefficients other than 0: those of problem b are ``data[indptr[b]:indptr[b + 1]]``, of the features ``indices[...]``.
    labels : list, or None
    feature_names : FeatureNames
        ``feature_names[i]`` are those of a problem.
    loss : riata.losses.Loss
    classes : ndarray of shape (2,), or None
        The labels that 0 and 1 stand for, the same for all problems (logistic loss).
    """

    store: dict
    rule: str
    feature_names: FeatureNames
    labels: list | None = None
    loss: Loss = SQUARED
    classes: np.ndarray | None = None

    def __post_init__(self):
        self._labels = Labels(self.labels, len(self))

    def __len__(self):
        return len(self.store["status"])

    def __getattr__(self, name):
        store = self.__dict__.get("store", {})
        if name in store and name not in ("prediction", "prediction_at"):
            return store[name]
        raise AttributeError(f"BatchModels has no attribute {name!r}{REMEDIES.get(name, '')}")

    def __dir__(self):
        return sorted({*super().__dir__(), *self.store} - {"prediction", "prediction_at"})

    @property
    def status(self):
        return status_names(self.store["status"])

    @property
    def _classes(self):
        return None if self.classes is None else tuple(self.classes.tolist())

    @property
    def n_selected(self):
        return np.diff(self.store["indptr"])

    @property
    def failed(self):
        return self._labels.of(np.flatnonzero(self.store["status"] != 0))

    @property
    def has_predictions(self):
        """Whether out-of-fold predictions were kept."""
        return "prediction" in self.store

    @property
    def loc(self):
        """Problems by their labels, also where these are numbers: ``result.loc[2021]``, ``result.loc[[2021, 2020]]``."""
        return ByLabel(self, self._labels)

    def __getitem__(self, which):
        """The `BatchModel` of a problem, or the `BatchModels` of some.

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
        if b is not None:
            return BatchModel(self, b)
        which = self._labels.numbers(which)
        names = self.feature_names.of(which) if self.feature_names else self.feature_names
        labels = None if self.labels is None else [self.labels[b] for b in which]
        return BatchModels(picked(self.store, which), self.rule, names, labels, self.loss, self.classes)

    def number_of(self, label):
        """The number of the problem of a label; of any kind (`loc` gives the problem itself)."""
        return self._labels.position(label)

    def __iter__(self):
        return (BatchModel(self, b) for b in range(len(self)))

    @classmethod
    def concat(cls, parts):
        """Several results as one, in their order.

        Raises
        ------
        ValueError
            If they have different losses or classes, were chosen by different rules, a label occurs twice, or only some have
            labels or predictions.
        TypeError
            If one is no `BatchModels`.
        """
        if not np.iterable(parts) or isinstance(parts, (str, BatchModels)):
            raise TypeError(f"parts is of type {type(parts).__name__}: give a list of BatchModels, [first, second]")
        parts = list(parts)
        if not parts:
            raise ValueError("concat needs at least one result")
        for i, part in enumerate(parts):
            if not isinstance(part, BatchModels):
                more = "; whole paths cannot be joined: solve them in one call, or give cv or select" * hasattr(part, "alphas")
                raise TypeError(f"parts[{i}] is of type {type(part).__name__}, and concat joins BatchModels, which "
                                f"riata.fit_batch gives with cv or select{more}")
        for name, what in (("rule", "rules"), ("has_predictions", "has_predictions"), ("loss", "losses"),
                           ("_classes", "classes")):
            values = {getattr(part, name) for part in parts}
            if len(values) > 1:
                raise ValueError(f"the results differ in {what}: {', '.join(sorted(map(str, values)))}")
        unlabelled = [part.labels is None for part in parts]
        if any(unlabelled) and not all(unlabelled):
            raise ValueError(f"result {unlabelled.index(True)} has no labels, and others have: label all, or none")
        labels = None if unlabelled[0] else [label for part in parts for label in part.labels]
        if labels is not None and len(set(labels)) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            raise ValueError(f"the label {twice!r} occurs in more than one result, or twice in one: take a slice without it")
        labels = check_labels(labels, None, "labels of the results")
        return cls(joined([dict(part.store) for part in parts]), parts[0].rule,
                   joined_names([part.feature_names for part in parts], [len(part) for part in parts]), labels, parts[0].loss,
                   parts[0].classes)

    def coef_matrix(self):
        """All coefficients as a scipy CSR array of shape (B, p), where all problems have the same features.

        Raises
        ------
        ValueError
            If they have not.
        """
        from scipy import sparse

        p = np.unique(self.n_features)
        if len(p) != 1 or self.feature_names.own is not None or self.feature_names.picks is not None:
            raise ValueError("the problems have features of their own: take the coefficients of each, result[i].coef")
        return sparse.csr_array((self.data, self.indices, self.indptr), shape=(len(self), int(p[0])))

    def to_frame(self, coef=False):
        """One row per problem: its label, status and statistics.

        With `coef` one row per coefficient other than 0 instead: the label, the feature and its coefficient. A pandas DataFrame
        if pandas is installed, a polars one otherwise.
        """
        labels = self._labels.array
        if not coef:
            return dataframe({"problem": labels, "status": np.asarray(self.status), "message": self.message.astype(str),
                              **{name: getattr(self, name) for name in STATISTICS}})
        columns = {"problem": np.repeat(labels, self.n_selected), "feature": self.indices}
        if self.feature_names:
            columns["name"] = np.array(self.selected_names(), dtype=object)
        return dataframe({**columns, "coef": self.data})

    def selected_names(self):
        """Names of the features in `indices`, one by one; their number where a problem has no names."""
        out = []
        for b in range(len(self)):
            names, chosen = self.feature_names[b], self.indices[self.indptr[b]:self.indptr[b + 1]].tolist()
            out += [str(j) for j in chosen] if names is None else [names[j] for j in chosen]
        return out

    def to_parquet(self, path):
        """Write a Parquet file with a row for each problem, coefficients as lists (see `riata.models_file`)."""
        from riata.models_file import write_models

        write_models(self, path)

    @classmethod
    def from_parquet(cls, path):
        """Read what `to_parquet` wrote."""
        from riata.models_file import read_models

        return read_models(path)

    def summary(self):
        """A few lines of text: the problems, the quartiles of what was found, and those of which there is something to say."""
        lines = [repr(self), f"{'':14}{'lowest':>12}{'quarter':>12}{'median':>12}{'3 quarters':>12}{'highest':>12}"]
        for name in ("alpha", "n_selected", "dev_ratio", "cv_r2", "gap", "seconds"):
            values = np.asarray(getattr(self, name), float)
            values = values[np.isfinite(values)]
            if len(values):
                lines.append(f"{name:14}" + "".join(f"{value:12.4g}" for value in np.quantile(values, [0, .25, .5, .75, 1])))
        said = np.flatnonzero(self.message != "")
        lines += [f"{self._labels.name(b)}: {self.message[b]}" for b in said[:10]]
        if len(said) > 10:
            lines.append(f"and {len(said) - 10} more with a message")
        return "\n".join(lines)

    def __repr__(self):
        told = f", {status_counts(np.asarray(self.status))}, largest gap {largest_gap(self.gap)}" if len(self) else ""
        return f"BatchModels({len(self)} problems, rule={self.rule!r}{told})"


class BatchModel:
    """The model of one problem of a `BatchModels`, by whose attributes' names its values are called.

    Attributes
    ----------
    label : the label of the problem, or its number
    coef : ndarray of shape (p,)
        On the scale of X; NaN where nothing was fitted.
    feature_names : list of str, or None
    oof_prediction : ndarray of shape (n,)
        Predictions of the rows that the folds held out at `alpha`, NaN for others; with ``keep_predictions=True``. Of losses with
        a link they are means of y (probabilities of the second class).
    """

    def __init__(self, batch, number):
        self._batch, self._number = batch, number

    def __getattr__(self, name):
        if name in STATISTICS or name in ("status", "message"):
            value = getattr(self._batch, name)[self._number]
            return value if isinstance(value, str) else value.item()
        if name == "oof_prediction":                   # Python asks here too, when the property has none
            raise AttributeError(NO_PREDICTIONS)
        raise AttributeError(f"BatchModel has no attribute {name!r}")

    def __dir__(self):
        return sorted({*super().__dir__(), *STATISTICS, "status", "message"})

    @property
    def label(self):
        return self._number if self._batch.labels is None else self._batch.labels[self._number]

    @property
    def rule(self):
        return self._batch.rule

    @property
    def feature_names(self):
        return self._batch.feature_names[self._number]

    @property
    def _part(self):
        indptr = self._batch.indptr
        return slice(indptr[self._number], indptr[self._number + 1])

    @property
    def coef(self):
        coef = np.zeros(self.n_features)
        if np.isnan(self.intercept):
            coef[:] = np.nan
        coef[self._batch.indices[self._part]] = self._batch.data[self._part]
        return coef

    @property
    def oof_prediction(self):
        store = self._batch.store
        if "prediction" not in store:
            raise AttributeError(NO_PREDICTIONS)
        return store["prediction"][store["prediction_at"][self._number]:store["prediction_at"][self._number + 1]]

    @property
    def loss(self):
        return self._batch.loss

    @property
    def classes(self):
        return self._batch.classes

    def predict(self, X, offset=None, kind="response"):
        """Predictions (n,) for new rows; `kind` is as in `riata.results.PathResult.predict`.

        Raises
        ------
        ValueError
            If X has not the columns that were fitted, or nothing was fitted.
        """
        if np.isnan(self.intercept):
            raise ValueError(f"problem {self.label!r} has no model to predict with: {self.message or self.status}")
        matrix, names = check_design(X)
        check_same_features(names, matrix.shape[1], self.feature_names, self.n_features)
        eta = linear_predictor(matrix, self.coef[None], np.array([self.intercept]), check_offset(offset, matrix.shape[0]))[:, 0]
        return on_scale(eta, kind, self.loss, self.classes)

    def __repr__(self):
        return (f"BatchModel({self.label!r}, {self.status}, alpha={self.alpha:.4g}, {self.n_selected} of {self.n_features} "
                f"features, R² {self.dev_ratio:.4f}, held-out R² {self.cv_r2:.4f}, gap {self.gap:.1e})")
