"""What a run is worth, computed from the coefficients it left, by the referee and never by a solver.

path, fit, targets,
many, boots           gap: the largest relative duality gap over all alphas (and targets), from the coefficients alone.
                      excess: the largest distance of the objective to the best lower bound of the minimum that any run
                      of the row gave. The excess is the smaller of the two, much smaller for a
                      solver that stops by another dual point than the rescaled residual (celer).
cv, many_cv           the largest difference of a held-out mean squared error from the reference, as a share of the
                      variance of y, or of the reference where that is larger. The reference comes from paths that
                      the referee certified to a gap of 1e-9 (many_cv: 1e-12).
softmax, kl, dropout,
network               the error, or the loss, of kernels.py.
others                those of families.py.
"""

from pathlib import Path

import numpy as np

from benchmarks import referee

from . import exchange, families, kernels

REFERENCE_GAP = {"cv": 1e-9, "many_cv": 1e-12}


def judge(row, data, folder, prefix):
    """Gap and bounds of the run whose results lie at ``prefix``.

    Returns
    -------
    gap : float
        inf where a coefficient is not finite.
    bounds : (2, rows) ndarray or None
        Objective and lower bound per (target and) alpha; None for cv.
    """
    if row.task in ("cv", "many_cv"):
        reference = held_out_errors(row, data, folder)
        mse = np.fromfile(f"{prefix}.mse")
        if mse.size != reference.size:
            raise ValueError(f"{mse.size} held-out errors came back for {reference.size}")
        variance = np.array([np.var(y) for y in data["y"]])[:, None, None] if row.task == "many_cv" else data["y"].var()
        gap = (np.abs(mse.reshape(reference.shape) - reference) / np.maximum(variance, reference)).max()
        return (float(gap) if np.isfinite(gap) else np.inf), None
    if row.task in kernels.TASKS:
        return kernels.judge(row.task, data, exchange.read_array(prefix)), None
    if row.task in families.TASKS:
        return families.judge(row, data, folder, prefix, lambda p: exchange.read_coefficients(prefix, p))
    problems = list(problems_of(row, data))
    coef, intercept = exchange.read_coefficients(prefix, max(X.shape[1] for X, _, _ in problems))
    count = sum(len(alphas) for _, _, alphas in problems)
    if coef.shape[0] != count:
        raise ValueError(f"{coef.shape[0]} coefficient vectors came back for {count} alphas")
    found = []
    for k, (X, y, alphas) in enumerate(problems):
        part = slice(k * len(alphas), (k + 1) * len(alphas))
        found.append(referee.bounds(X, y, coef[part][:, :X.shape[1]], intercept[part], alphas, row.l1_ratio,
                                    fit_intercept=data["intercept"]))
    found = np.concatenate(found, axis=1)
    gap = (found[0] - found[1]).max()
    return (float(gap) if np.isfinite(found).all() else np.inf), found


def problems_of(row, data):
    """(X, y, alphas) of each path of a row."""
    if row.task == "many":
        yield from zip(data["X"], data["y"], data["alphas"], strict=True)
    elif row.task == "boots":
        for counts in data["counts"].T:
            rows = np.repeat(np.arange(len(counts)), counts)
            yield data["X"][rows], data["y"][rows], data["alphas"]
    else:
        for target, alphas in zip(data["y"].reshape(len(data["y"]), -1).T, np.atleast_2d(data["alphas"]), strict=True):
            yield data["X"], target, alphas


def excesses(bounds):
    """Largest excess of each run's objective over the best lower bound of all runs; None where there are no bounds."""
    known = [pair for pair in bounds if pair is not None]
    if not known:
        return [None] * len(bounds)
    best = np.nanmax([pair[1] for pair in known], axis=0)
    return [None if pair is None else float(np.max(pair[0] - best)) for pair in bounds]


def held_out_errors(row, data, folder):
    """Reference (l1_ratio, alpha, fold), or (problem, alpha, fold), kept beside the data."""
    file = Path(folder) / "reference" / "mse.npy"
    if file.exists():
        return np.load(file)
    if row.task == "cv":
        out = _exact_errors(data, REFERENCE_GAP[row.task])
    else:
        one = {"l1_ratios": np.array([row.l1_ratio])}
        each = zip(data["X"], data["y"], data["folds"], data["alphas"], strict=True)
        out = np.concatenate([_exact_errors(one | {"X": X, "y": y, "folds": folds, "alphas": alphas[None]},
                                            REFERENCE_GAP[row.task])
                              for X, y, folds, alphas in each])
    file.parent.mkdir(exist_ok=True)
    np.save(file, out)
    return out


def _exact_errors(data, gap):
    """Held-out errors (l1_ratio, alpha, fold) of paths certified to ``gap``."""
    from sklearn.linear_model import enet_path

    X, y, folds = data["X"], data["y"], data["folds"]
    out = np.empty((*data["alphas"].shape, folds.max() + 1))
    for k in range(out.shape[2]):
        train = folds != k
        means, mean = X[train].mean(axis=0), y[train].mean()
        A, b = np.asfortranarray(X[train] - means), y[train] - mean
        for i, (l1_ratio, alphas) in enumerate(zip(data["l1_ratios"], data["alphas"], strict=True)):
            for tol in (1e-9, 1e-11, 1e-13, 1e-15):
                _, coef, _ = enet_path(A, b, l1_ratio=l1_ratio, alphas=alphas, tol=tol, max_iter=1_000_000)
                worst = referee.gaps(A, b, coef.T, np.zeros(len(alphas)), alphas, l1_ratio).max()
                if worst <= gap:
                    break
            else:
                raise ArithmeticError(f"no reference for fold {k}, l1_ratio {l1_ratio}: the gap stays at {worst:.1e}")
            prediction = (X[~train] - means) @ coef + mean
            out[i, :, k] = ((y[~train, None] - prediction) ** 2).mean(axis=0)
    return out
