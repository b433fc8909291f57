"""Rows of other losses and penalties: their data, and what a run of theirs is worth.

Tasks
-----
logistic       an l1 path of two classes (0 and 1), no intercept
many_logistic  such paths of B targets on one X, each on a grid of its own
poisson, gamma one alpha, log link, with an intercept
multinomial    an l1 path of K classes, with intercepts; coefficients come back as L·K rows
group          a group lasso path (penalty √size), with an intercept
svc            one C of the squared hinge, y = -1 and 1; the intercept counts as the coefficient of a column of ones, so it has a
               penalty, as liblinear has it: alpha = 1 / (C n), half of it for the square
cox            an l1 path, all times different
quantile       one alpha of the pinball loss, with an intercept; its bound is the optimum found by HiGHS
mcp, scad      a path from zero, no intercept, columns and y of length √n: judged by the KKT conditions, because no gap exists
slope          a path of the sorted l1 norm, with an intercept
sgd            one alpha of the logistic loss by gradient descent, with an intercept; dense X is by rows. Descent does not come
               near enough to the optimum for a dual point of its own: the bound is that of a path certified beforehand
many_sgd       the same of B targets on one X, at one alpha
"""

from pathlib import Path

import numpy as np

from benchmarks import datasets, family_referee

WITH_INTERCEPT = ("poisson", "gamma", "multinomial", "group", "quantile", "slope", "sgd", "many_sgd")
WITHOUT_INTERCEPT = ("logistic", "many_logistic", "svc", "cox", "mcp", "scad")
TASKS = WITH_INTERCEPT + WITHOUT_INTERCEPT
#: what a run of these tasks is judged by is no gap, so that there are no bounds to compare
BY_KKT = ("mcp", "scad")
#: tasks of gradient descent, which stand in a table of their own
DESCENT = ("sgd", "many_sgd")


def two_classes(n, p, density=None):
    """X and labels 0 and 1 by the sign of a noisy linear model."""
    X, y = datasets.dense(n, p) if density is None else datasets.sparse_columns(n, p, density=density)
    return {"X": X, "y": (y > 0).astype(float)}


def many_classes(n, p, n_classes):
    """X and labels of a softmax model with twenty features a class."""
    X, _ = datasets.dense(n, p)
    return {"X": X, "y": datasets.softmax_labels(X, n_classes)}


def many_targets(n, p, n_targets):
    X, Y = datasets.targets(n, p, n_targets)
    return {"X": X, "y": np.asfortranarray(Y > 0, dtype=float)}


def by_rows(n, p, n_targets=None):
    """Classes of noisy linear models, X in C order."""
    found = two_classes(n, p) if n_targets is None else many_targets(n, p, n_targets)
    return found | {"X": np.ascontiguousarray(found["X"])}


def claims(n, p, family):
    """Ten numbers and two one-hot blocks."""
    X, y = datasets.claims(n, n_numbers=p - 2 * (2 * p // 5), levels=(2 * p // 5, 2 * p // 5))
    if family == "gamma":
        rng = np.random.default_rng(7)
        y = rng.gamma(2.0, np.exp(0.3 * X[:, 0] - 0.2 * X[:, 1] + 0.2 * X[:, -1]) / 2) + 1e-9
    return {"X": X, "y": y, "levels": np.full(2, 2 * p // 5)}


def grouped(n, p, size):
    X, y = datasets.dense(n, p)
    return {"X": X, "y": y, "groups": np.arange(p) // size}


def signs(n, p):
    X, y = datasets.dense(n, p)
    return {"X": np.ascontiguousarray(X), "y": np.where(y > 0, 1.0, -1.0)}


def survival(n, p):
    X, y = datasets.dense(n, p)
    return {"X": X, **datasets.survival_times(y)}


def plain(n, p):
    X, y = datasets.dense(n, p)
    return {"X": X, "y": y}


def unit(n, p):
    X, y = datasets.dense(n, p)
    return {"X": X, "y": y / y.std()}


GENERATORS = {f.__name__: f for f in (two_classes, many_classes, many_targets, by_rows, claims, grouped, signs, survival, plain,
                                      unit)}


def arrays(row, arguments):
    """All arrays of a row but the l1_ratio and the intercept."""
    found = GENERATORS[row.generator](**arguments)
    X, y = found["X"], found.get("y")
    if row.task == "slope":
        from scipy.stats import norm

        found["sequence"] = norm.ppf(1 - 0.1 * np.arange(1, X.shape[1] + 1) / (2 * X.shape[1]))        # "bh", q = .1
    if row.alpha is not None:
        largest, share = np.full(y.shape[1:], row.alpha), np.ones(1)
    else:
        largest, share = _largest(row.task, found, X, y), np.geomspace(1, row.alpha_min_ratio, row.n_alphas)
    return found | {"alphas": np.multiply.outer(largest, share)}


def _largest(task, data, X, y):
    """The smallest alpha with an all-zero solution."""
    n = X.shape[0]
    if task == "multinomial":
        return np.abs(X.T @ (np.eye(y.max() + 1)[y] - np.bincount(y) / n)).max() / n
    if task == "group":
        slopes = X.T @ (y - y.mean()) / n
        return max(np.linalg.norm(slopes[data["groups"] == g]) / np.sqrt(k) for g, k in enumerate(np.bincount(data["groups"])))
    if task == "cox":
        order = np.argsort(-data["time"], kind="stable")
        event = data["event"][order]
        share = np.cumsum((event / np.arange(1, n + 1))[::-1])[::-1]
        return np.abs(X[order].T @ (share - event)).max() / n
    if task == "slope":
        slopes = np.sort(np.abs(X.T @ (y - y.mean())) / n)[::-1]
        return (np.cumsum(slopes) / np.cumsum(data["sequence"])).max()
    level = 0.5 if task in ("logistic", "many_logistic") else y.mean()
    return np.abs(X.T @ (y - level)).max(axis=0) / n


def judge(row, data, folder, prefix, read):
    """Gap and bounds of a run, as ``judge.judge`` gives them; ``read(p)`` the coefficients that it left."""
    X, y, alphas, task = data["X"], data.get("y"), data["alphas"], row.task
    coef, intercept = read(X.shape[1])
    rows = alphas.size * (y.max() + 1 if task == "multinomial" else 1)
    if coef.shape[0] != rows:
        raise ValueError(f"{coef.shape[0]} coefficient vectors came back for {rows}")
    if not (np.isfinite(coef.data).all() and np.isfinite(intercept).all()):
        return np.inf, None
    if task in BY_KKT:
        return float(family_referee.concave_violations(X, y, task, row.gamma, coef.toarray(), alphas).max()), None
    if task == "quantile":
        value, null = family_referee.quantile_objective(X, y, row.quantile, coef.toarray()[0], intercept[0], alphas[0])
        found = np.array([[value], [_quantile_optimum(row, data, folder)]]) / null
    elif task == "multinomial":
        K = y.max() + 1
        found = family_referee.multinomial_bounds(X, y, coef.toarray().reshape(-1, K, X.shape[1]), intercept.reshape(-1, K),
                                                  alphas, row.l1_ratio)
    elif task == "group":
        found = family_referee.group_bounds(X, y, data["groups"], coef, alphas)
    elif task == "cox":
        found = family_referee.cox_bounds(X, data["time"], data["event"], coef, alphas)
    elif task == "slope":
        found = family_referee.slope_bounds(X, y, data["sequence"], coef.toarray(), intercept, alphas)
    elif task == "svc":
        ones = np.hstack([X, np.ones((len(y), 1))])
        both = np.append(coef.toarray(), intercept[:, None], axis=1)
        found = family_referee.smooth_bounds("squared_hinge", ones, y, both, alphas, row.l1_ratio, fit_intercept=False)
    elif task in ("many_logistic", "many_sgd"):
        L = alphas.shape[1]
        found = np.hstack([family_referee.smooth_bounds("logistic", X, one, coef[b * L:(b + 1) * L], alphas[b], row.l1_ratio,
                                                        fit_intercept=row.fit_intercept) for b, one in enumerate(y.T)])
    else:
        loss = "logistic" if task == "sgd" else task
        found = family_referee.smooth_bounds(loss, X, y, coef, alphas, row.l1_ratio, fit_intercept=row.fit_intercept)
    if task in DESCENT:
        found[1] = np.maximum(found[1], _lower_bound(row, data, folder))
    return float((found[0] - found[1]).max()), found


def _lower_bound(row, data, folder):
    """Per target, the dual bound of nearly optimal coefficients; kept beside the data. It holds wherever they come from."""
    import riata

    file = Path(folder) / "bound.npy"
    if not file.exists():
        X, y, alphas = data["X"], data["y"].reshape(len(data["y"]), -1), np.atleast_2d(data["alphas"])
        best = [riata.fit_path(X, one, loss="logistic", l1_ratio=row.l1_ratio, alphas=grid, tol=1e-9)
                for one, grid in zip(y.T, alphas, strict=True)]
        np.save(file, [family_referee.smooth_bounds("logistic", X, one, path.coef, grid, row.l1_ratio, fit_intercept=True)[1, 0]
                       for one, path, grid in zip(y.T, best, alphas, strict=True)])
    return np.load(file)


def _quantile_optimum(row, data, folder):
    """The least objective, as a linear program by HiGHS; kept beside the data."""
    from scipy.optimize import linprog

    file = Path(folder) / "optimum.npy"
    if not file.exists():
        X, y, alpha = data["X"], data["y"], data["alphas"][0]
        n, p = X.shape
        costs = np.concatenate([np.full(2 * p, alpha), [0.0], np.repeat([row.quantile / n, (1 - row.quantile) / n], n)])
        rows = np.hstack([X, -X, np.ones((n, 1)), np.eye(n), -np.eye(n)])
        bounds = [(0, None)] * (2 * p) + [(None, None)] + [(0, None)] * (2 * n)
        done = linprog(costs, A_eq=rows, b_eq=y, bounds=bounds, method="highs")
        if done.status:
            raise ArithmeticError(f"HiGHS: {done.message}")
        np.save(file, done.eqlin.marginals @ y)                 # the dual objective: the minimum is not below it
    return float(np.load(file))
