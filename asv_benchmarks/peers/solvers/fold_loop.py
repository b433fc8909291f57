"""Cross-validation for solvers without one over l1_ratio: a loop over l1_ratios and folds, as a user would write it."""

import numpy as np


def cross_validate(path, data, tol):
    """Held-out errors by ``path(data, tol)`` on the rows of each training set; no refit."""
    X, y, folds = data["X"], data["y"], data["folds"]
    numbers = np.unique(folds)
    mse = np.empty((*data["alphas"].shape, len(numbers)))
    for k in numbers:
        train, held_out = folds != k, folds == k
        part = {"X": np.asfortranarray(X[train]), "y": y[train], "intercept": True}
        X_held_out, y_held_out = X[held_out], y[held_out]
        for i, (l1_ratio, alphas) in enumerate(zip(data["l1_ratios"], data["alphas"], strict=True)):
            coef, intercept = path({**part, "l1_ratio": float(l1_ratio), "alphas": alphas}, tol)
            prediction = X_held_out @ coef.T + np.asarray(intercept)
            mse[i, :, k] = ((y_held_out[:, None] - prediction) ** 2).mean(axis=0)
    return mse, None
