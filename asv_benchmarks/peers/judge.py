"""What a run is worth, computed from the coefficients it left, by the referee and never by a solver.

path, fit, targets    gap: the largest relative duality gap over all alphas (and targets), from the coefficients alone.
                      excess: the largest distance of the objective to the best lower bound of the minimum that any run
                      of the row gave. The excess is the smaller of the two, much smaller for a
                      solver that stops by another dual point than the rescaled residual (celer).
cv                    the largest difference of a held-out mean squared error from the reference, as a share of the
                      variance of y. The reference comes from paths that the referee certified to a gap of 1e-9.
"""

from pathlib import Path

import numpy as np

from benchmarks import referee

from . import exchange

REFERENCE_GAP = 1e-9


def judge(row, data, folder, prefix):
    """Gap and bounds of the run whose results lie at ``prefix``.

    Returns
    -------
    gap : float
        inf where a coefficient is not finite.
    bounds : (2, rows) ndarray or None
        Objective and lower bound per (target and) alpha; None for cv.
    """
    if row.task == "cv":
        reference = held_out_errors(data, folder)
        mse = np.fromfile(f"{prefix}.mse")
        if mse.size != reference.size:
            raise ValueError(f"{mse.size} held-out errors came back for {reference.size}")
        gap = np.abs(mse.reshape(reference.shape) - reference).max() / data["y"].var()
        return (float(gap) if np.isfinite(gap) else np.inf), None
    coef, intercept = exchange.read_coefficients(prefix, data["X"].shape[1])
    alphas = np.atleast_2d(data["alphas"])
    if coef.shape[0] != alphas.size:
        raise ValueError(f"{coef.shape[0]} coefficient vectors came back for {alphas.size} alphas")
    Y = data["y"].reshape(len(data["y"]), -1)
    found = []
    for k, grid in enumerate(alphas):
        part = slice(k * len(grid), (k + 1) * len(grid))
        found.append(referee.bounds(data["X"], Y[:, k], coef[part], intercept[part], grid, row.l1_ratio,
                                    fit_intercept=data["intercept"]))
    found = np.concatenate(found, axis=1)
    gap = (found[0] - found[1]).max()
    return (float(gap) if np.isfinite(found).all() else np.inf), found


def excesses(bounds):
    """Largest excess of each run's objective over the best lower bound of all runs; None where there are no bounds."""
    known = [pair for pair in bounds if pair is not None]
    if not known:
        return [None] * len(bounds)
    best = np.nanmax([pair[1] for pair in known], axis=0)
    return [None if pair is None else float(np.max(pair[0] - best)) for pair in bounds]


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
