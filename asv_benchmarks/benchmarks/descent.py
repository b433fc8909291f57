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


class ToTheObjective:
    """The whole call, certificate included, to an objective within a share of the optimum; SGDClassifier at its best settings."""

    params = ((1e-3, 1e-4), ("float64", "float32"))
    param_names = ("excess", "dtype")
    timeout = 1200

    def setup(self, excess, dtype):
        rng = np.random.default_rng(0)
        self.X = rng.normal(size=(ROWS, FEATURES)).astype(dtype)
        self.y = (self.X @ rng.normal(size=FEATURES) / FEATURES**0.5 > rng.logistic(size=ROWS)).astype(float)
        self.best = float(descend(self.X, self.y, loss="logistic", alpha=1e-4, epochs=30, n_threads=1).objective)

    def objective(self, coef, intercept):
        eta = self.X @ coef + intercept
        return np.mean(np.logaddexp(0, eta) - self.y * eta) + 5e-5 * coef @ coef

    def ours(self, epochs):
        return descend(self.X, self.y, loss="logistic", alpha=1e-4, epochs=epochs, n_threads=1)

    def enough(self, excess):
        """Epochs that reach the objective."""
        return next(e for e in range(1, 40) if self.ours(e).objective <= self.best * (1 + excess))

    def peers(self, excess):
        """The cheapest of some settings of SGDClassifier that reach it, fitted again: a call; None if none does."""
        found = []
        for settings in ({"learning_rate": "optimal"}, {"learning_rate": "optimal", "average": True},
                         {"learning_rate": "invscaling", "eta0": 0.1, "power_t": 0.5},
                         {"learning_rate": "invscaling", "eta0": 0.1, "power_t": 0.5, "average": True},
                         {"learning_rate": "constant", "eta0": 0.01, "average": True}):
            for epochs in (1, 2, 3, 5, 10, 20, 50):
                peer = SGDClassifier(loss="log_loss", alpha=1e-4, max_iter=epochs, tol=None, random_state=0, **settings)
                peer.fit(self.X, self.y)
                if self.objective(peer.coef_[0].astype(float), peer.intercept_[0]) <= self.best * (1 + excess):
                    found.append((epochs, settings, peer))
                    break
        return min(found, key=lambda entry: entry[0]) if found else None

    def track_epochs(self, excess, dtype):
        return self.enough(excess)

    def track_ratio(self, excess, dtype):
        """scikit-learn's time over ours; NaN where fifty of its epochs do not get there."""
        epochs, peer = self.enough(excess), self.peers(excess)
        return speed_ratio(lambda: peer[2].fit(self.X, self.y), lambda: self.ours(epochs)) if peer else float("nan")


class Batch:
    """Many logistic problems on one X."""

    def setup(self):
        rng = np.random.default_rng(0)
        n, B = size(1000, 2000), size(50, 1000)
        self.X = rng.normal(size=(n, 50))
        self.Y = (self.X @ rng.normal(size=(50, B)) / 50**0.5 > rng.logistic(size=(n, B))).astype(float)
        self.settings = {"loss": "logistic", "alpha": 1e-3, "epochs": 10, "optimizer": "sgd", "n_threads": 1}

    def time_fit(self):
        descend(self.X, self.Y, **self.settings)

    def track_ratio(self):
        """Twenty problems one at a time, scaled to all, over all at once; whole calls."""
        B = self.Y.shape[1]
        alone = [np.ascontiguousarray(self.Y[:, b]) for b in range(20)]
        return B / 20 * speed_ratio(lambda: [descend(self.X, y, **self.settings) for y in alone],
                                    lambda: descend(self.X, self.Y, **self.settings))
