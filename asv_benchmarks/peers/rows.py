"""The rows of the table: which data, which task, which grid. Sizes come in two kinds, full and quick (for tests).

Tasks
-----
path     one coefficient path, no intercept (columns are centred; the sparse design is taken as it is)
fit      one alpha, with an intercept, as an estimator's ``fit``
cv       K folds x R l1_ratios x L alphas with an intercept, then the refit
targets  B paths on one X, each target on a grid of its own, no intercept
many     B paths, each on an X, a target and a grid of its own, no intercept
many_cv  the same with K folds each and an intercept
boots    paths of one problem under B row weights (counts of a bootstrap) on one grid, no intercept

Those of other losses and penalties, and of gradient descent, are in families.py, those of row kernels and networks in
kernels.py.
"""

import hashlib
import inspect
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import datasets

from . import families, kernels

CV_RATIOS = (0.1, 0.5, 0.7, 0.9, 1.0)
DESCENT_LEVELS = (1e-2, 1e-3, 1e-4)


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    task: str
    data: dict                              # arguments of the generator in datasets.py
    quick: dict                             # the same, small
    generator: str = "dense"
    l1_ratio: float = 1.0
    n_alphas: int = 100
    alpha_min_ratio: float = 1e-2
    n_folds: int = 5
    l1_ratios: tuple = CV_RATIOS
    time_limit: float = 60.0                # seconds of one run; a slower one is reported as "> N s"
    levels: tuple = (1e-4, 1e-6)            # certified gaps at which solvers are compared
    alpha: float | None = None              # one alpha, in place of a grid
    quantile: float = 0.5
    gamma: float = 3.0                      # of a concave penalty

    @property
    def fit_intercept(self):
        return self.task in ("fit", "cv", "many_cv", *families.WITH_INTERCEPT)


ROWS = (
    Row("lasso-p10000", "lasso, n=1000, p=10 000", "path", {"n": 1000, "p": 10_000}, {"n": 60, "p": 200}),
    Row("enet-p10000", "elastic net .5, n=1000, p=10 000", "path", {"n": 1000, "p": 10_000}, {"n": 60, "p": 200},
        l1_ratio=0.5),
    Row("lasso-p10000-rho95", "lasso, n=1000, p=10 000, correlation .95", "path",
        {"n": 1000, "p": 10_000, "rho": 0.95}, {"n": 60, "p": 200, "rho": 0.95}),
    Row("enet-p10000-rho95", "elastic net .5, n=1000, p=10 000, correlation .95", "path",
        {"n": 1000, "p": 10_000, "rho": 0.95}, {"n": 60, "p": 200, "rho": 0.95}, l1_ratio=0.5),
    Row("lasso-p50000", "lasso, n=500, p=50 000", "path", {"n": 500, "p": 50_000}, {"n": 40, "p": 300}),
    Row("lasso-n10000", "lasso, n=10 000, p=1000", "path", {"n": 10_000, "p": 1000}, {"n": 300, "p": 40}),
    Row("enet-n10000", "elastic net .5, n=10 000, p=1000", "path", {"n": 10_000, "p": 1000}, {"n": 300, "p": 40},
        l1_ratio=0.5),
    Row("lasso-sparse", "lasso, sparse 20 000 x 100 000, density 5e-4", "path",
        {"n": 20_000, "p": 100_000, "density": 5e-4}, {"n": 200, "p": 400, "density": 2e-2},
        generator="sparse_columns"),
    Row("cv-n100000", "ElasticNetCV, n=100 000, p=200, 5 folds x 5 l1_ratios x 100 alphas", "cv",
        {"n": 100_000, "p": 200}, {"n": 300, "p": 20}, alpha_min_ratio=1e-3),
    Row("cv-n10000", "ElasticNetCV, n=10 000, p=1000, 5 folds x 5 l1_ratios x 100 alphas", "cv",
        {"n": 10_000, "p": 1000}, {"n": 200, "p": 30}, alpha_min_ratio=1e-3),
    Row("small-fit", "one fit, n=200, p=50", "fit", {"n": 200, "p": 50, "n_informative": 10},
        {"n": 50, "p": 10, "n_informative": 3}, l1_ratio=0.5, n_alphas=1),
    Row("small-path", "100-alpha path, n=200, p=50", "path", {"n": 200, "p": 50, "n_informative": 10},
        {"n": 50, "p": 10, "n_informative": 3}, l1_ratio=0.5, alpha_min_ratio=1e-3),
    Row("small-cv", "10-fold CV of a 100-alpha path, n=200, p=50", "cv", {"n": 200, "p": 50, "n_informative": 10},
        {"n": 50, "p": 10, "n_informative": 3}, n_folds=10, l1_ratios=(0.5,), alpha_min_ratio=1e-3),
    Row("targets-1000", "1000 targets, n=300, p=100, 50 alphas each", "targets",
        {"n": 300, "p": 100, "n_targets": 1000}, {"n": 40, "p": 12, "n_targets": 5},
        generator="targets", l1_ratio=0.5, n_alphas=50),
    Row("many-paths", "500 problems, n=100–400, p=20–100, a 100-alpha path each", "many",
        {"n_problems": 500, "n": (100, 400), "p": (20, 100)}, {"n_problems": 4, "n": (20, 40), "p": (3, 12)},
        generator="many", l1_ratio=0.5, alpha_min_ratio=1e-3),
    Row("many-lassos", "the same, lasso", "many",
        {"n_problems": 500, "n": (100, 400), "p": (20, 100)}, {"n_problems": 4, "n": (20, 40), "p": (3, 12)},
        generator="many", alpha_min_ratio=1e-3),
    Row("many-cv", "40 problems, n=100–400, p=20–100, 10-fold CV each", "many_cv",
        {"n_problems": 40, "n": (100, 400), "p": (20, 100)}, {"n_problems": 3, "n": (20, 40), "p": (3, 12)},
        generator="many", l1_ratio=0.5, alpha_min_ratio=1e-3, n_folds=10),
    Row("bootstraps", "300 bootstraps of a 100-alpha lasso path, n=500, p=100", "boots",
        {"n": 500, "p": 100, "n_boot": 300}, {"n": 40, "p": 8, "n_boot": 3}, generator="bootstraps", alpha_min_ratio=1e-3),
    Row("logistic-p5000", "l1 logistic, n=2000, p=5000, 50 alphas to 1/50", "logistic", {"n": 2000, "p": 5000},
        {"n": 60, "p": 100}, generator="two_classes", n_alphas=50, alpha_min_ratio=0.02),
    Row("logistic-sparse", "l1 logistic, sparse 20 000 x 100 000, density 5e-4, 50 alphas to 1/10", "logistic",
        {"n": 20_000, "p": 100_000, "density": 5e-4}, {"n": 200, "p": 400, "density": 2e-2}, generator="two_classes",
        n_alphas=50, alpha_min_ratio=0.1),
    Row("logistic-many", "100 l1 logistic problems, n=200, p=30, 50 alphas each", "many_logistic",
        {"n": 200, "p": 30, "n_targets": 100}, {"n": 40, "p": 6, "n_targets": 3}, generator="many_targets", n_alphas=50),
    Row("poisson-tall", "Poisson, n=600 000, ten numbers and two one-hot blocks of 20, alpha 1e-3, ridge", "poisson",
        {"n": 600_000, "p": 50, "family": "poisson"}, {"n": 400, "p": 20, "family": "poisson"}, generator="claims",
        l1_ratio=0.0, alpha=1e-3),
    Row("gamma-tall", "gamma, the same", "gamma", {"n": 600_000, "p": 50, "family": "gamma"},
        {"n": 400, "p": 20, "family": "gamma"}, generator="claims", l1_ratio=0.0, alpha=1e-3),
    Row("multinomial", "multinomial, n=2000, p=1000, 10 classes, 50 alphas to 1/50", "multinomial",
        {"n": 2000, "p": 1000, "n_classes": 10}, {"n": 120, "p": 40, "n_classes": 3}, generator="many_classes", n_alphas=50,
        alpha_min_ratio=0.02),
    Row("group-lasso", "group lasso, n=1000, p=10 000, groups of 10", "group", {"n": 1000, "p": 10_000, "size": 10},
        {"n": 60, "p": 100, "size": 5}, generator="grouped"),
    Row("svc-l2", "LinearSVC, squared hinge, l2, C=1, n=20 000, p=500", "svc", {"n": 20_000, "p": 500}, {"n": 200, "p": 20},
        generator="signs", l1_ratio=0.0, alpha=1 / 20_000),
    Row("svc-l1", "LinearSVC, squared hinge, l1, C=.01, n=20 000, p=500", "svc", {"n": 20_000, "p": 500}, {"n": 200, "p": 20},
        generator="signs", alpha=1 / 200),
    Row("cox", "Cox, n=1000, p=2000, 50 alphas to 1/20", "cox", {"n": 1000, "p": 2000}, {"n": 80, "p": 40},
        generator="survival", n_alphas=50, alpha_min_ratio=0.05),
    Row("quantile", "median regression, l1, n=2000, p=50, alpha 1e-3", "quantile", {"n": 2000, "p": 50}, {"n": 100, "p": 10},
        generator="plain", alpha=1e-3),
    Row("mcp", "MCP, gamma 3, n=1000, p=10 000 (KKT violation)", "mcp", {"n": 1000, "p": 10_000}, {"n": 60, "p": 100},
        generator="unit"),
    Row("scad", "SCAD, gamma 3.7, n=1000, p=10 000 (KKT violation)", "scad", {"n": 1000, "p": 10_000}, {"n": 60, "p": 100},
        generator="unit", gamma=3.7),
    Row("slope", "SLOPE, \"bh\" with q=.1, n=500, p=2000, 50 alphas to .03", "slope", {"n": 500, "p": 2000},
        {"n": 50, "p": 100}, generator="plain", n_alphas=50, alpha_min_ratio=0.03),
    Row("sgd-dense", "logistic ridge by descent, n=100 000, p=100, alpha 1e-4", "sgd", {"n": 100_000, "p": 100},
        {"n": 8000, "p": 8}, generator="by_rows", l1_ratio=0.0, alpha=1e-4, levels=DESCENT_LEVELS),
    Row("sgd-sparse", "logistic elastic net .15 by descent, sparse 100 000 x 10 000, 100 a row, alpha 1e-4", "sgd",
        {"n": 100_000, "p": 10_000, "density": 0.01}, {"n": 8000, "p": 50, "density": 0.1}, generator="two_classes",
        l1_ratio=0.15, alpha=1e-4, levels=DESCENT_LEVELS),
    Row("sgd-many", "1000 logistic ridges by descent, n=5000, p=50, alpha 1e-3", "many_sgd",
        {"n": 5000, "p": 50, "n_targets": 1000}, {"n": 4000, "p": 8, "n_targets": 3}, generator="by_rows", l1_ratio=0.0,
        alpha=1e-3, levels=DESCENT_LEVELS),
    Row("softmax", "softmax, 10 000 x 1000 float32", "softmax", {"n": 10_000, "p": 1000}, {"n": 50, "p": 40}, levels=(1e-5,)),
    Row("kl", "KL(p, q), 10 000 x 1000 float32", "kl", {"n": 10_000, "p": 1000}, {"n": 50, "p": 40}, levels=(1e-5,)),
    Row("dropout-half", "dropout .5, 10 000 x 1000 float32", "dropout", {"n": 10_000, "p": 1000}, {"n": 50, "p": 40},
        levels=(1e-5,)),
    Row("dropout", "dropout .3, 10 000 x 1000 float32", "dropout", {"n": 10_000, "p": 1000, "rate": 0.3},
        {"n": 50, "p": 40, "rate": 0.3}, levels=(1e-5,)),
    Row("network-32", "network of two convolutions, digits, 5 epochs of 32 images a step", "network",
        {"n": 1797, "p": 64, "epochs": 5}, {"n": 300, "p": 64, "epochs": 12}, levels=(0.5,)),
    Row("network-128", "the same, 10 epochs of 128 images a step", "network",
        {"n": 1797, "p": 64, "batch_size": 128, "epochs": 10}, {"n": 300, "p": 64, "batch_size": 128, "epochs": 30},
        levels=(0.5,)),
)
WARM_UP = {"dense": {"n": 40, "p": 60}, "sparse_columns": {"n": 40, "p": 60, "density": 0.2},
           "targets": {"n": 40, "p": 12, "n_targets": 2}, "many": {"n_problems": 2, "n": (20, 40), "p": (3, 12)},
           "bootstraps": {"n": 40, "p": 8, "n_boot": 2}}


def select(patterns=None, among=ROWS):
    """Rows by name, or by a beginning with a star (``cv-*``); all rows for none."""
    if not patterns:
        return list(among)
    chosen = [row for row in among if any(_matches(row, p) for p in patterns)]
    unknown = [p for p in patterns if not any(_matches(row, p) for row in among)]
    if unknown:
        raise ValueError(f"no row named {unknown}: choose from {', '.join(row.name for row in among)}")
    return chosen


def _matches(row, pattern):
    return row.name.startswith(pattern[:-1]) if pattern.endswith("*") else row.name == pattern


def write(row, root, *, size="full"):
    """Write the arrays of a row once and return their folder. ``size``: full, quick, or warm (to warm up a JIT).

    The folder's name holds a digest of the row and of the generators, so that an edit of either makes new data.
    """
    family, kernel = row.task in families.TASKS, row.task in kernels.TASKS
    warm = row.quick if family or kernel else WARM_UP.get(row.generator)
    arguments = {"full": row.data, "quick": row.quick, "warm": warm}[size]
    recipe = json.dumps(asdict(row), sort_keys=True, default=str) + inspect.getsource(datasets) + size + (
        inspect.getsource(families) if family else inspect.getsource(kernels) if kernel else "")
    folder = Path(root) / f"{row.name}-{size}-{hashlib.sha256(recipe.encode()).hexdigest()[:10]}"
    if (folder / "complete").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {"l1_ratio": np.array([row.l1_ratio]), "intercept": np.array([int(row.fit_intercept)], np.int32)}
    if family:
        arrays |= families.arrays(row, arguments)
        arrays |= {"gamma": np.array([row.gamma]), "quantile": np.array([row.quantile])}
        X, y, more = arrays.pop("X"), arrays.get("y"), []
    elif kernel:
        arrays |= kernels.arrays(row.task, **arguments)
        X, y, more = arrays.pop("X"), arrays.get("y"), []
    else:
        X, y, *more = getattr(datasets, row.generator)(**arguments)
        arrays["y"] = np.concatenate(y) if isinstance(y, list) else y
    if hasattr(X, "indptr"):
        arrays |= {"X_data": X.data, "X_indices": X.indices, "X_indptr": X.indptr,
                   "X_shape": np.array(X.shape, np.int32)}
    elif isinstance(X, list):
        arrays |= {"X_flat": np.concatenate([design.ravel(order="F") for design in X]),
                   "X_shapes": np.array([design.shape for design in X])}
    else:
        arrays["X"] = X
    grid = {"n_alphas": row.n_alphas, "alpha_min_ratio": row.alpha_min_ratio}
    if row.task == "path":
        arrays["alphas"] = datasets.alpha_grid(X, y, row.l1_ratio, **grid)
    elif row.task == "fit":
        arrays["alphas"] = datasets.alpha_grid(X, y, row.l1_ratio, 2, 0.05)[1:]
    elif row.task == "cv":
        arrays["l1_ratios"] = np.array(row.l1_ratios)
        arrays["folds"] = datasets.fold_ids(len(y), row.n_folds)
        arrays["alphas"] = np.array([datasets.alpha_grid(X, y, ratio, **grid) for ratio in row.l1_ratios])
    elif row.task == "targets":
        arrays["alphas"] = np.array([datasets.alpha_grid(X, column, row.l1_ratio, **grid) for column in y.T])
    elif row.task in ("many", "many_cv"):
        arrays["alphas"] = np.array([datasets.alpha_grid(*pair, row.l1_ratio, **grid) for pair in zip(X, y, strict=True)])
        if row.task == "many_cv":
            arrays["folds"] = np.concatenate([datasets.fold_ids(len(part), row.n_folds) for part in y])
    elif row.task == "boots":
        arrays["counts"] = more[0]
        arrays["alphas"] = datasets.alpha_grid(X, y, row.l1_ratio, **grid)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "complete").touch()
    return folder
