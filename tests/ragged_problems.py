"""Problems that have nothing in common, for the tests of batches."""

import numpy as np


def ragged(count=20, seed=0, least=15, most=60, features=(1, 20)):
    """Lists of designs and targets of several sizes, layouts and dtypes."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for b in range(count):
        n, p = int(rng.integers(least, most)), int(rng.integers(*features))
        design = rng.normal(size=(n, p)) + rng.normal(size=p)
        if b % 3 == 1:
            design = np.asfortranarray(design)
        X.append(design.astype(np.float32) if b % 5 == 4 else design)
        y.append(2 * design[:, 0] + rng.normal(size=n))
    return X, y


def shared_design(missing=0.1, seed=0, n=80, p=12, T=10):
    """(X, Y) of T targets, some of whose entries are missing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    Y = X[:, :5] @ rng.normal(size=(5, T)) + rng.normal(size=(n, T))
    return X, np.where(rng.random(Y.shape) < missing, np.nan, Y)
