"""Many problems for solvers that take one at a time: a loop, as a user would write it."""

import numpy as np


def problems(data):
    """The data of each problem of a row, as a row of one problem has them."""
    for b, (X, y, alphas) in enumerate(zip(data["X"], data["y"], data["alphas"], strict=True)):
        one = {"X": X, "y": y, "alphas": alphas, "l1_ratio": data["l1_ratio"], "intercept": data["intercept"]}
        if "folds" in data:
            one |= {"folds": data["folds"][b], "l1_ratios": np.array([data["l1_ratio"]]), "alphas": alphas[None]}
        yield one


def one_by_one(function, jobs):
    """The results of ``function(*job)`` for each job."""
    return [function(*job) for job in jobs]


def many(path, each=one_by_one):
    """Paths of B problems: (B·L, largest p) coefficients, a narrower problem's with zeros behind them, and intercepts."""
    def run(data, tol):
        found = each(path, ((one, tol) for one in problems(data)))
        coef = np.zeros((data["alphas"].size, max(X.shape[1] for X in data["X"])))
        at = 0
        for part, _ in found:
            coef[at:at + len(part), :part.shape[1]] = part
            at += len(part)
        return coef, np.concatenate([np.broadcast_to(intercept, len(part)) for part, intercept in found])
    return run


def many_cv(cv, each=one_by_one):
    """Held-out errors of B problems: (B, L, K)."""
    return lambda data, tol: (np.concatenate([mse for mse, _ in each(cv, ((one, tol) for one in problems(data)))]), None)


def boots(path, each=one_by_one):
    """Paths of B bootstraps, their rows repeated: (B·L, p) coefficients and intercepts."""
    def run(data, tol):
        shared = {name: array for name, array in data.items() if name != "counts"}
        found = each(drawn, ((path, shared, counts, tol) for counts in data["counts"].T))
        return np.concatenate([coef for coef, _ in found]), 0.0
    return run


def drawn(path, data, counts, tol):
    """The path of one bootstrap, each row as often as it was drawn."""
    rows = np.repeat(np.arange(len(counts)), counts)
    return path(data | {"X": np.asfortranarray(data["X"][rows]), "y": data["y"][rows]}, tol)


def targets(path):
    """Paths of B targets on one X, each on a grid of its own: (B·L, p) coefficients and intercepts."""
    def run(data, tol):
        found = [path(data | {"y": y, "alphas": alphas}, tol) for y, alphas in zip(data["y"].T, data["alphas"], strict=True)]
        return np.concatenate([coef for coef, _ in found]), 0.0
    return run
