"""Small problems through the scikit-learn names, beside scikit-learn itself: 200 x 50, overhead decides."""

import sklearn.linear_model
from sklearn.model_selection import PredefinedSplit

import riata.linear_model

from . import datasets
from .measure import speed_ratio


class SmallEstimators:
    """One fit, a path of 100 alphas, a 10-fold cross-validation of such a path."""

    params = (("fit", "path", "cv"),)
    param_names = ("task",)
    timeout = 600

    def setup(self, task):
        self.X, self.y = datasets.dense(200, 50, n_informative=10)
        self.folds = PredefinedSplit(datasets.fold_ids(len(self.y), 10))
        self.task = task

    def run(self, names):
        """The task by a module of these names, at the tolerance that gives both a gap of about 1e-6."""
        if self.task == "fit":
            return names.ElasticNet(alpha=0.1, l1_ratio=0.5, tol=1e-6, max_iter=100_000).fit(self.X, self.y)
        if self.task == "path":
            return names.enet_path(self.X, self.y, l1_ratio=0.5, alphas=100, tol=1e-6, max_iter=100_000)
        model = names.ElasticNetCV(l1_ratio=0.5, alphas=100, cv=self.folds, tol=1e-6, max_iter=100_000, n_jobs=1)
        return model.fit(self.X, self.y)

    def time_task(self, task):
        self.run(riata.linear_model)

    def track_times_as_fast_as_scikit_learn(self, task):
        return speed_ratio(lambda: self.run(sklearn.linear_model), lambda: self.run(riata.linear_model), turns=5)

    track_times_as_fast_as_scikit_learn.unit = "of scikit-learn"
