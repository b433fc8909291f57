"""Random small problems of the kinds that break solvers; a seed stands for a problem, for ever.

``draw(seed)`` gives the fields of a ``Batch`` (without solver and tolerance) and the names of what was done to it.
"""

import numpy as np
from scipy import sparse

STORAGES = ("fortran", "c", "csc", "csr")


def draw(seed):
    """(fields of a ``Batch``, list of the traits that the problem has)."""
    rng = np.random.default_rng(seed)
    traits = []

    def now(name, probability):
        if rng.random() < probability:
            traits.append(name)
            return True
        return False

    n = int(rng.integers(2, 7)) if now("tiny n", 0.15) else int(rng.integers(4, 50))
    p = int(rng.integers(1, 32))
    X = _columns(rng, n, p, now)
    storage = STORAGES[rng.integers(len(STORAGES))]
    X = X.astype(np.float32) if now("float32", 0.2) else X
    Y = _targets(rng, X.astype(np.float64), 3 if now("targets", 0.15) else 1, now)
    fields = {"X": _stored(X, storage), "Y": Y, "l1_ratio": float(rng.choice([1.0, 1.0, 0.5, 0.05, 1e-3, 0.0, 0.0])),
              "standardize": now("standardize", 0.3), "intercept": not now("no intercept", 0.2)}
    traits.append(storage)
    traits.append(f"l1_ratio {fields['l1_ratio']:g}")
    groups = _weights(rng, n, fields, now)
    pairs = [(t, g) for g in range(groups) for t in range(Y.shape[1])]
    fields["target"], fields["group"] = (np.array(side, dtype=np.intp) for side in zip(*pairs, strict=True))
    _penalties(rng, X.astype(np.float64), fields, now)
    if now("offset", 0.1):
        fields["offset"] = rng.standard_normal(n) * Y.std()
    fields["n_alphas"], fields["alpha_min_ratio"] = 4, 10.0 ** -rng.uniform(1, 5)
    if now("alpha 0", 0.03):
        fields["alphas"] = np.array([0.0])
    _rare(np.random.default_rng([seed, 1]), fields, traits)
    return fields, traits


def _rare(rng, fields, traits):
    """Traits with draws of their own: the seeds that they do not meet stand for the problems they always stood for."""
    n, p = fields["X"].shape
    flat, alike = rng.random(2) < (0.1, 0.04)
    if p < 2 or n < 4 or fields["X"].dtype != np.float64 or "tiny n" in traits:
        return
    X = fields["X"] if isinstance(fields["X"], np.ndarray) else fields["X"].toarray()
    X, Y = X.copy(), fields["Y"]
    j, k = rng.permutation(p)[:2]
    noise, size, level = rng.standard_normal(n), X[:, k].std(), Y.std()
    if flat and "held_out" in fields and len(fields["held_out"]) > 1 and X[:, j].std() > 0:
        traits.append("hardly varies in a fold")
        train = np.setdiff1d(np.arange(n), fields["held_out"][rng.integers(1, len(fields["held_out"]))])
        X[train, j] = X[:, j].mean() + 10.0 ** -rng.uniform(5, 8) * X[:, j].std() * noise[train]
        Y[train] += level * noise[train, None]
    elif alike and size > 1e-6 * np.abs(X[:, k]).max():
        traits.append("nearly alike, tiny alpha")
        X[:, j] = X[:, k] + 10.0 ** -rng.uniform(3, 5) * size * noise
        Y += level * noise[:, None]
        fields["alpha_min_ratio"] = 10.0 ** -rng.uniform(5, 8)
    else:
        return
    storage = next(name for name in STORAGES if name in traits)
    fields["X"] = _stored(X, storage)


def _columns(rng, n, p, now):
    X = rng.standard_normal((n, p))
    if now("low rank", 0.2):
        rank = max(1, p // 3)
        X = X @ (rng.standard_normal((p, rank)) @ rng.standard_normal((rank, p)))
    if now("ill-conditioned", 0.15):
        U, _, Vt = np.linalg.svd(X, full_matrices=False)
        X = (U * np.logspace(0, -rng.uniform(2, 10), len(Vt))) @ Vt
    if now("correlated", 0.15):
        X = X + rng.uniform(1, 20) * rng.standard_normal((n, 1))
    if now("large means", 0.2):
        X = X + 10.0 ** rng.integers(0, 9, p)
    if now("scales", 0.25):
        X = X * 10.0 ** rng.integers(-8, 9, p)
    if now("constant column", 0.15):
        X[:, rng.integers(p)] = rng.choice([3.0, 0.1, -1e6, 0.0])
    if now("duplicate", 0.15):
        X[:, rng.integers(p)] = X[:, rng.integers(p)]
    if now("almost duplicate", 0.15):
        X[:, rng.integers(p)] = X[:, rng.integers(p)] * (1 + 10.0 ** -rng.uniform(4, 12) * rng.standard_normal(n))
    if now("few entries", 0.2):
        X = X * (rng.random((n, p)) < 0.15)
    return X


def _targets(rng, X, T, now):
    n, p = X.shape
    spread = X.std(axis=0)
    spread[spread <= 1e-12 * np.abs(X).max(axis=0, initial=0.0)] = np.inf
    beta = rng.standard_normal((p, T)) * (rng.random((p, T)) < 0.4) / np.where(spread > 0, spread, np.inf)[:, None]
    noise = 10.0 ** rng.uniform(-8, -3) if now("tiny noise", 0.2) else 10.0 ** rng.uniform(-1, 1)
    Y = X @ beta + noise * rng.standard_normal((n, T))
    if now("large mean of y", 0.15):
        Y = Y + 10.0 ** rng.uniform(1, 7)
    if now("scale of y", 0.1):
        Y = Y * 10.0 ** rng.integers(-12, 13)
    if now("constant y", 0.02):
        Y[:] = 0.3
    return Y


def _weights(rng, n, fields, now):
    """Sets ``weights`` or ``held_out``; returns the number of weight groups."""
    groups = 1
    if now("weights", 0.35):
        w = 10.0 ** rng.uniform(-8, 0, n) if now("weights over 8 decades", 0.5) else rng.uniform(0.1, 3, n)
        w[rng.random(n) < 0.2] = 0.0
        w[rng.integers(n)] = 1.0
        fields["weights"] = w
        if now("weight groups", 0.2):
            groups = 2
            fields["weights"] = np.column_stack([w, rng.integers(0, 3, n) + (np.arange(n) == 0)])
            return groups
    if n >= 6 and now("folds", 0.3):
        fold = rng.integers(0, int(rng.integers(2, 5)), n)
        w = fields.get("weights", np.ones(n))
        held = [np.flatnonzero(fold == k) for k in np.unique(fold)]
        held = [rows for rows in held if np.delete(w, rows).sum() > 0]
        fields["held_out"] = [np.empty(0, np.intp), *held]
        groups = len(fields["held_out"])
    return groups


def _penalties(rng, X, fields, now):
    p = X.shape[1]
    spread = np.maximum(X.std(axis=0), 1e-12 * np.abs(X).max(axis=0, initial=0.0))
    unit = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 1.0)
    factor = np.ones(p)
    if now("factors", 0.2):
        factor = rng.uniform(0.1, 2, p)
    if now("free", 0.15):
        factor[rng.random(p) < 0.15] = 0.0
    if now("left out", 0.1):
        factor[rng.random(p) < 0.2] = np.inf
    if (factor != 1).any():
        fields["penalty_factor"] = factor
    if now("lower", 0.2):
        fields["lower"] = np.where(rng.random(p) < 0.3, -np.inf, -rng.random(p) * (rng.random(p) < 0.5) * unit)
    if now("upper", 0.15):
        fields["upper"] = np.where(rng.random(p) < 0.3, np.inf, rng.random(p) * (rng.random(p) < 0.8) * unit)


def _stored(X, storage):
    if storage == "fortran":
        return np.asfortranarray(X)
    if storage == "c":
        return np.ascontiguousarray(X)
    return sparse.csc_array(X) if storage == "csc" else sparse.csr_array(X)
