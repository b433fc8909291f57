"""What a run is worth: one number per run, computed from the coefficients it left, by the referee and never by a solver.

path, fit, targets    the largest relative duality gap over all alphas (and targets)
cv                    the largest difference of a held-out mean squared error from the reference, as a share of the
                      variance of y. The reference comes from paths that the referee certified to a gap of 1e-9.
"""

from pathlib import Path

import numpy as np
from benchmarks import referee

REFERENCE_GAP = 1e-9


def judge(row, data, folder, prefix):
    """The number of a run whose results lie at ``prefix``; NaN or inf where a result is not finite or not complete."""
    from . import exchange

    if row.task == "cv":
        reference = held_out_errors(data, folder)
        mse = np.fromfile(f"{prefix}.mse")
        if mse.size != reference.size:
            raise ValueError(f"{mse.size} held-out errors came back for {reference.size}")
        return float(np.abs(mse.reshape(reference.shape) - reference).max() / data["y"].var())
    coef, intercept = exchange.read_coefficients(prefix, data["X"].shape[1])
    alphas = np.atleast_2d(data["alphas"])
    if coef.shape[0] != alphas.size:
        raise ValueError(f"{coef.shape[0]} coefficient vectors came back for {alphas.size} alphas")
    Y = data["y"].reshape(len(data["y"]), -1)
    worst = 0.0
    for k, grid in enumerate(alphas):
        part = slice(k * len(grid), (k + 1) * len(grid))
        found = referee.gaps(data["X"], Y[:, k], coef[part], intercept[part], grid, row.l1_ratio,
                             fit_intercept=data["intercept"])
        worst = max(worst, float(found.max())) if np.isfinite(found).all() else np.inf
    return worst


def held_out_errors(data, folder):
    """Reference (l1_ratio, alpha, fold), kept beside the data."""
    file = Path(folder) / "reference" / "mse.npy"
    if file.exists():
        return np.load(file)
    from sklearn.linear_model import enet_path

    X, y, folds = data["X"], data["y"], data["folds"]
    out = np.empty((*data["alphas"].shape, folds.max() + 1))
    for k in range(out.shape[2]):
        train = folds != k
        means, mean = X[train].mean(axis=0), y[train].mean()
        A, b = np.asfortranarray(X[train] - means), y[train] - mean
        for i, (l1_ratio, alphas) in enumerate(zip(data["l1_ratios"], data["alphas"], strict=True)):
            for tol in (1e-9, 1e-11, 1e-13):
                _, coef, _ = enet_path(A, b, l1_ratio=l1_ratio, alphas=alphas, tol=tol, max_iter=1_000_000)
                worst = referee.gaps(A, b, coef.T, np.zeros(len(alphas)), alphas, l1_ratio).max()
                if worst <= REFERENCE_GAP:
                    break
            else:
                raise ArithmeticError(f"no reference for fold {k}, l1_ratio {l1_ratio}: the gap stays at {worst:.1e}")
            prediction = (X[~train] - means) @ coef + mean
            out[i, :, k] = ((y[~train, None] - prediction) ** 2).mean(axis=0)
    file.parent.mkdir(exist_ok=True)
    np.save(file, out)
    return out
