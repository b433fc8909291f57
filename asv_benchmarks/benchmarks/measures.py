"""Measures of a cross-validation beside scikit-learn's metrics, and LogisticRegressionCV beside its namesake."""

import warnings

import numpy as np
import sklearn.linear_model
from sklearn.metrics import roc_auc_score

import riata.linear_model
from riata.losses import Loss
from riata.measures import MEASURES, HeldOut

from . import datasets
from .measure import size, speed_ratio


class HeldOutAUC:
    """The AUC of 100 alphas on the rows of a fold."""

    timeout = 600

    def setup(self):
        rng = np.random.default_rng(0)
        n = size(500, 2000)
        y = (rng.uniform(size=n) < 0.3).astype(float)
        self.held = HeldOut(y, rng.normal(size=(n, 100)) + y[:, None], None, Loss("logistic"), np.array([0, 1]), 1)

    def time_auc(self):
        MEASURES["auc"](self.held)

    def one_by_one(self):
        return [roc_auc_score(self.held.y, eta) for eta in self.held.eta.T]

    def track_times_as_fast_as_one_by_one(self):
        return speed_ratio(self.one_by_one, self.time_auc, turns=3)

    track_times_as_fast_as_one_by_one.unit = "of scikit-learn"


class LogisticCV:
    """Ten values of C, five folds, L2 penalty."""

    params = ((2, 5),)
    param_names = ("classes",)
    timeout = 600

    def setup(self, classes):
        self.X, y = datasets.dense(size(300, 5000), size(20, 50))
        self.y = np.searchsorted(np.quantile(y, np.arange(1, classes) / classes), y)

    def run(self, names, **options):
        model = names.LogisticRegressionCV(l1_ratios=(0.0,), scoring="neg_log_loss", use_legacy_attributes=False, n_jobs=1)
        return model.set_params(**options).fit(self.X, self.y)

    def time_fit(self, classes):
        self.run(riata.linear_model)

    def peakmem_fit(self, classes):
        self.run(riata.linear_model)

    def track_gap(self, classes):
        return self.run(riata.linear_model).dual_gap_

    def peer(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.run(sklearn.linear_model, solver="newton-cholesky", max_iter=1000)

    def track_times_as_fast_as_scikit_learn(self, classes):
        return speed_ratio(self.peer, lambda: self.run(riata.linear_model), turns=3)

    track_times_as_fast_as_scikit_learn.unit = "of scikit-learn"
