"""Cross-validation splits as weight groups of a batch, and the errors on their test rows."""

import numpy as np
from sklearn import get_config
from sklearn.utils.metadata_routing import process_routing


class Folds:
    """The (train, test) pairs of a splitter, as the engine takes them: group 0 is all rows, group k leaves fold k out.

    Rows outside ``train`` get weight 0. Where ``test`` is exactly those rows (K-fold), the engine also returns the
    error on them; any other pair (time series, random splits, repeated rows) is fitted the same way, and its error is
    the mean over its test rows of the squared differences to the predictions.
    """

    def __init__(self, owner, splits, n_samples):
        if not splits:
            raise ValueError(f"cv of {owner} gave no splits: at least one (train, test) pair is needed.")
        self.owner = owner
        self.n_samples = n_samples
        self.train = [self._rows(train, k, "train") for k, (train, _) in enumerate(splits)]
        self.test = [self._rows(test, k, "test") for k, (_, test) in enumerate(splits)]
        self.counts = [np.bincount(rows, minlength=n_samples) for rows in self.train]
        self.repeated = any(count.max() > 1 for count in self.counts)
        self.complementary = not self.repeated and all(
            np.array_equal(np.bincount(rows, minlength=n_samples) + count, np.ones(n_samples, dtype=np.intp))
            for rows, count in zip(self.test, self.counts, strict=True)
        )

    def __len__(self):
        return len(self.train)

    def _rows(self, rows, fold, kind):
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.intp)
        if rows.size == 0:
            raise ValueError(f"cv of {self.owner}: fold {fold} has no {kind} rows.")
        if rows.min() < -self.n_samples or rows.max() >= self.n_samples:
            raise ValueError(f"cv of {self.owner}: fold {fold} has {kind} rows outside the {self.n_samples} rows of X.")
        return np.where(rows < 0, rows + self.n_samples, rows)

    def groups(self, weights):
        """The arguments ``weights`` and ``held_out`` of the batch."""
        for fold, rows in enumerate(self.train):
            if weights is not None and not weights[rows].any():
                raise ValueError(f"cv of {self.owner}: sample_weight is zero on all train rows of fold {fold}.")
        for fold, rows in enumerate(self.test):
            if weights is not None and not weights[rows].any():
                raise ValueError(f"cv of {self.owner}: sample_weight is zero on all test rows of fold {fold}.")
        if not self.repeated:
            none = np.empty(0, dtype=np.intp)
            return {"weights": weights, "held_out": [none, *(np.flatnonzero(count == 0) for count in self.counts)]}
        columns = np.column_stack([np.ones(self.n_samples), *self.counts])
        return {"weights": columns if weights is None else columns * weights[:, None], "held_out": None}

    def mean_squared_errors(self, solution, X, y, weights):
        """(Weighted) mean squared errors (B, L) on the test rows of each problem's fold; NaN for group 0."""
        if self.complementary:
            return solution.held_out_deviance
        n_groups = len(self) + 1
        errors = np.full(solution.intercept.shape, np.nan)
        for fold, rows in enumerate(self.test):
            X_test, y_test = X[rows], y[rows, None]
            for problem in range(fold + 1, len(errors), n_groups):
                predicted = X_test @ solution.coef[problem].T.toarray() + solution.intercept[problem]
                errors[problem] = np.average(
                    (y_test - predicted) ** 2, axis=0, weights=None if weights is None else weights[rows]
                )
        return errors


def routed(estimator, sample_weight, params):
    """What ``fit`` passes on: {object: {method: params}}; with metadata routing off, params is an error."""
    if not get_config()["enable_metadata_routing"]:
        if params:
            raise ValueError(
                f"[{', '.join(sorted(params))}] cannot be passed to fit of {type(estimator).__name__}: metadata is "
                "passed on only after sklearn.set_config(enable_metadata_routing=True)."
            )
        return {}
    return process_routing(estimator, "fit", sample_weight=sample_weight, **params)
