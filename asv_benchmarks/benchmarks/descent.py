"""Epochs of gradient descent on mini-batches, beside SGDClassifier's; a batch of problems beside one at a time."""

import numpy as np
from scipy import sparse
from sklearn.linear_model import SGDClassifier

from riata.optim import descend

from .measure import size, speed_ratio

#: rows, features and epochs
ROWS, FEATURES, EPOCHS = size(5000, 100_000), size(20, 100), 5


class Epochs:
    """Logistic loss with an elastic net, mini-batches of 256 rows."""

    params = (("dense", "sparse"), ("sgd", "adam", "saga"))
    param_names = ("storage", "optimizer")
    timeout = 600

    def setup(self, storage, optimizer):
        rng = np.random.default_rng(0)
        if storage == "dense":
            self.X = rng.normal(size=(ROWS, FEATURES))
        else:
            self.X = sparse.csr_matrix(sparse.random_array((ROWS, 100 * FEATURES), density=0.01, rng=rng, format="csr"))
        eta = self.X @ rng.normal(size=self.X.shape[1])
        self.y = (eta > rng.normal(size=ROWS) * eta.std()).astype(float)
        self.settings = {"loss": "logistic", "alpha": 1e-4, "l1_ratio": 0.15, "optimizer": optimizer, "step": 0.1,
                         "epochs": EPOCHS, "n_threads": 1}

    def time_fit(self, storage, optimizer):
        descend(self.X, self.y, **self.settings)

    def track_gap(self, storage, optimizer):
        return float(descend(self.X, self.y, **self.settings).gap)

    def track_ratio(self, storage, optimizer):
        """scikit-learn's time for as many epochs, over ours."""
        peer = SGDClassifier(loss="log_loss", penalty="elasticnet", alpha=1e-4, max_iter=EPOCHS, tol=None, random_state=0)
        return speed_ratio(lambda: peer.fit(self.X, self.y), lambda: descend(self.X, self.y, **self.settings))


class Batch:
    """Many logistic problems on one X."""

    def setup(self):
        rng = np.random.default_rng(0)
        n, B = size(1000, 5000), size(50, 1000)
        self.X = rng.normal(size=(n, 50))
        self.Y = (self.X @ rng.normal(size=(50, B)) > rng.normal(size=(n, B))).astype(float)
        self.settings = {"loss": "logistic", "alpha": 1e-3, "step": 0.5, "epochs": 5, "n_threads": 1}

    def time_fit(self):
        descend(self.X, self.Y, **self.settings)
