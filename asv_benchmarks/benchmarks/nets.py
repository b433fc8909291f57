"""Small networks beside torch (where it is installed) and scikit-learn: an epoch on the digits."""

import warnings
from importlib.util import find_spec

import numpy as np
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

import riata.neural_network
from riata.nn import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential, Softmax

from .measure import speed_ratio


class ConvolutionalNetwork:
    """conv 16, pool, conv 32, pool, dense: 6090 parameters, Adam, float32."""

    params = ((32, 128),)
    param_names = ("batch_size",)
    timeout = 600

    def setup(self, batch_size):
        X, self.y = load_digits(return_X_y=True)
        self.X = (X / 16).reshape(-1, 8, 8, 1).astype(np.float32)
        self.net = Sequential([Conv2D(16, padding="same"), ReLU(), MaxPool2D(), Conv2D(32, padding="same"), ReLU(), MaxPool2D(),
                               Flatten(), Dense(10), Softmax()])
        self.epoch(batch_size)

    def epoch(self, batch_size):
        self.net.fit(self.X, self.y, epochs=1, batch_size=batch_size)

    def time_epoch(self, batch_size):
        self.epoch(batch_size)

    def time_predict(self, batch_size):
        self.net.predict(self.X)


class BesideTorch:
    """The same network; asv skips what its setup says it cannot do."""

    params = ConvolutionalNetwork.params
    param_names = ConvolutionalNetwork.param_names
    timeout = 600

    def setup(self, batch_size):
        if find_spec("torch") is None:
            raise NotImplementedError("torch is not installed")
        self.own = ConvolutionalNetwork()
        self.own.setup(batch_size)

    def track_times_as_fast_as_torch(self, batch_size):
        import torch
        from torch import nn

        torch.set_num_threads(1)
        X, y = torch.tensor(self.own.X).permute(0, 3, 1, 2).contiguous(), torch.tensor(self.own.y)
        net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1),
                            nn.ReLU(),
                            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10))
        optimizer, loss = torch.optim.Adam(net.parameters()), nn.CrossEntropyLoss()

        def epoch():
            order = torch.randperm(len(X))
            for start in range(0, len(X), batch_size):
                rows = order[start : start + batch_size]
                optimizer.zero_grad()
                loss(net(X[rows]), y[rows]).backward()
                optimizer.step()

        return speed_ratio(epoch, lambda: self.own.epoch(batch_size))

    track_times_as_fast_as_torch.unit = "of torch"


class Perceptron:
    """MLPClassifier(128), five epochs of Adam."""

    params = ((32, 200),)
    param_names = ("batch_size",)
    timeout = 600

    def setup(self, batch_size):
        X, self.y = load_digits(return_X_y=True)
        self.X = X / 16

    def fit(self, names, batch_size):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return names.MLPClassifier((128,), batch_size=batch_size, max_iter=5, random_state=0).fit(self.X, self.y)

    def time_fit(self, batch_size):
        self.fit(riata.neural_network, batch_size)

    def track_times_as_fast_as_scikit_learn(self, batch_size):
        return speed_ratio(lambda: self.fit(sklearn.neural_network, batch_size),
                           lambda: self.fit(riata.neural_network, batch_size))

    track_times_as_fast_as_scikit_learn.unit = "of scikit-learn"
