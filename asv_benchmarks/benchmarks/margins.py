"""Support vector machines and quantiles beside scikit-learn: liblinear at an equal objective, and HiGHS."""

import numpy as np
import sklearn.linear_model
import sklearn.svm

import riata.linear_model
import riata.svm

from . import datasets
from .measure import size, speed_ratio


class LinearSVC:
    """Squared hinge, 20 000 x 500 in full; scikit-learn's tol=1e-3 leaves 1e-7 of the objective at zero coefficients."""

    params = (("l2", "l1"), (1.0, 0.01))
    param_names = ("penalty", "C")
    timeout = 600

    def setup(self, penalty, C):
        self.X, y = datasets.dense(size(4000, 20_000), size(100, 500))
        self.y = y > np.median(y)

    def fit(self, names, penalty, C, **settings):
        return names.LinearSVC(penalty=penalty, C=C, **settings).fit(self.X, self.y)

    def time_fit(self, penalty, C):
        self.fit(riata.svm, penalty, C)

    def track_gap(self, penalty, C):
        return float(self.fit(riata.svm, penalty, C).gap_.max())

    def track_times_as_fast_as_liblinear(self, penalty, C):
        return speed_ratio(lambda: self.fit(sklearn.svm, penalty, C, dual=False, tol=1e-3),
                           lambda: self.fit(riata.svm, penalty, C))

    track_times_as_fast_as_liblinear.unit = "of scikit-learn"


class Quantile:
    """The median with an l1 penalty, 5000 x 50 in full."""

    timeout = 600

    def setup(self):
        self.X, self.y = datasets.dense(size(1000, 5000), size(20, 50), n_informative=20)

    def fit(self, names):
        return names.QuantileRegressor(alpha=0.001).fit(self.X, self.y)

    def time_fit(self):
        self.fit(riata.linear_model)

    def track_gap(self):
        return self.fit(riata.linear_model).gap_

    def track_times_as_fast_as_highs(self):
        return speed_ratio(lambda: self.fit(sklearn.linear_model), lambda: self.fit(riata.linear_model), turns=1)

    track_times_as_fast_as_highs.unit = "of scikit-learn"
