"""Learning curves, validation curves and bootstrap decompositions, each one batch, against scikit-learn on the same splits."""

import numpy as np
from sklearn.linear_model import Lasso
from sklearn.model_selection import learning_curve, validation_curve

from riata import diagnose

from .measure import THREADS, size, speed_ratio

ALPHA = 0.02


class Curves:
    """Lasso, 10 folds: 6 sizes at one alpha, and 50 alphas; n=5000, p=50 (quick: 300 x 10)."""

    timeout = 600

    def setup(self):
        n, p = size((300, 10), (5000, 50))
        rng = np.random.default_rng(0)
        self.X = rng.normal(size=(n, p))
        self.y = self.X[:, :5].sum(axis=1) + rng.normal(size=n)
        curve = self.learn()
        self.sizes, self.cv = curve.sizes, list(zip(curve.order, curve.folds, strict=True))
        self.alphas = self.vary().values

    def learn(self):
        return diagnose.learning_curve(self.X, self.y, alpha=ALPHA, n_threads=THREADS)

    def vary(self):
        return diagnose.validation_curve(self.X, self.y, alphas=50, n_threads=THREADS)

    def learn_in_scikit_learn(self):
        learning_curve(Lasso(alpha=ALPHA, tol=1e-6), self.X, self.y, cv=self.cv, train_sizes=self.sizes,
                       scoring="neg_mean_squared_error")

    def vary_in_scikit_learn(self):
        validation_curve(Lasso(tol=1e-6), self.X, self.y, param_name="alpha", param_range=self.alphas, cv=self.cv,
                         scoring="neg_mean_squared_error")

    def time_learning_curve(self):
        self.learn()

    def time_learning_curve_that_chooses(self):
        diagnose.learning_curve(self.X, self.y, n_threads=THREADS)

    def time_validation_curve(self):
        self.vary()

    def time_bias_variance(self):
        diagnose.bias_variance(self.X, self.y, alpha=ALPHA, n_boot=100, n_threads=THREADS)

    def track_learning_curve_ratio(self):
        return speed_ratio(self.learn_in_scikit_learn, self.learn)

    def track_validation_curve_ratio(self):
        return speed_ratio(self.vary_in_scikit_learn, self.vary)

    track_learning_curve_ratio.unit = track_validation_curve_ratio.unit = "x"
