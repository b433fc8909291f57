"""The problems that ``solve`` takes: fields, and what is made of them at once."""

from dataclasses import dataclass, field

import numpy as np

#: names of the solvers
SOLVERS = ("gram", "working_set", "residual", "kernel", "least_squares", "dual_newton")


@dataclass
class Batch:
    """B penalised least-squares problems on one X; every field is documented in ``docs/architecture.md``."""

    X: object
    Y: np.ndarray
    weights: np.ndarray | None = None
    held_out: list | None = None
    target: np.ndarray | None = None
    group: np.ndarray | None = None
    l1_ratio: object = 1.0
    alphas: np.ndarray | None = None
    n_alphas: int = 100
    alpha_min_ratio: float | None = None
    offset: np.ndarray | None = None
    penalty_factor: np.ndarray | None = None
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    intercept: bool = True
    standardize: bool = False
    solver: str = "auto"
    tol: float = 1e-6
    max_epochs: int = 100_000
    stop_dev_ratio: float | None = None
    stop_dev_change: float | None = None
    stop_df: int | None = None
    n_threads: int | None = None
    time_budget: float | None = None
    store: str = "dense"
    max_memory: float | None = None
    backend: str = "cpu"
    loss: str = "squared"
    loss_parameter: float | None = None
    #: the standard form that ``alpha_grid`` made on the way; ``solve`` takes it if alphas are all that was set since
    form: object = field(default=None, init=False, repr=False, compare=False)
    #: the units of the columns that ``alpha_grid`` found; another batch of this X, these weights (n,) and intercept may have them
    columns: object = field(default=None, init=False, repr=False, compare=False)

    @property
    def n_groups(self):
        """How many weight groups the problems are of."""
        return 1 if self.weights is None or self.weights.ndim == 1 else len(np.unique(self.group))

    def __post_init__(self):
        self.X = canonical(self.X)
        self.Y = canonical_target(self.Y)
        if self.stop_df is not None and not np.all(self.l1_ratio):
            raise ValueError(f"stop_df = {self.stop_df} counts features that enter, and ridge (l1_ratio 0) has them all: "
                             "leave it out")
        if self.solver != "auto" and self.solver not in SOLVERS:
            raise ValueError(f"solver={self.solver!r} is not one of {('auto', *SOLVERS)}")
        if self.weights is not None and self.weights.ndim == 2 and self.held_out is not None:
            raise ValueError("weights (n, G) and held_out exclude each other: put the zeros into the weights")
        if self.alphas is not None and np.size(self.alphas) == 0:
            raise ValueError("alphas is empty: give at least one")
        if min(self.X.shape) == 0 or self.Y.shape[-1] == 0:
            raise ValueError(f"X has shape {self.X.shape} and Y {self.Y.shape}: there is nothing to fit")
        if self.held_out is not None:
            self.held_out = [_increasing(np.asarray(rows, dtype=np.intp)) for rows in self.held_out]
            for rows in self.held_out:
                if len(rows) and not 0 <= rows[0] <= rows[-1] < self.X.shape[0]:
                    raise ValueError(f"held_out has rows from {rows[0]} to {rows[-1]}, outside the {self.X.shape[0]} of X")
        if self.Y.ndim == 1:
            self.Y = self.Y[:, None]
        if self.penalty_factor is not None and np.ndim(self.penalty_factor) == 2:
            self._check_group_factors()
        groups = 1
        if self.weights is not None and self.weights.ndim == 2:
            groups = self.weights.shape[1]
        if self.held_out is not None:
            groups = len(self.held_out)
        if self.target is None and self.group is None:
            if groups not in (1, self.Y.shape[1]) and self.Y.shape[1] != 1:
                raise ValueError(f"{self.Y.shape[1]} targets and {groups} weight groups do not pair up: give target and group")
            B = max(groups, self.Y.shape[1])
            self.target = np.arange(B) if self.Y.shape[1] > 1 else np.zeros(B, int)
            self.group = np.arange(B) if groups > 1 else np.zeros(B, int)
        elif self.target is None:
            self.target = np.zeros(len(self.group), int)
        elif self.group is None:
            self.group = np.zeros(len(self.target), int)
        self.target = np.ascontiguousarray(self.target, dtype=np.intp)
        self.group = np.ascontiguousarray(self.group, dtype=np.intp)
        ratio = np.empty(self.target.shape)
        ratio[:] = self.l1_ratio
        self.l1_ratio = ratio

    def _check_group_factors(self):
        factor = self.penalty_factor = np.asarray(self.penalty_factor, float)
        expected = (0 if self.held_out is None else len(self.held_out), self.X.shape[1])
        if factor.shape != expected:
            raise ValueError(f"penalty_factor has shape {factor.shape}; factors of each weight group need held_out, and shape "
                             f"(G, p) = {expected}")
        if not (np.isfinite(factor) & (factor > 0)).all() or not np.all(self.l1_ratio):
            raise ValueError("penalty_factor (G, p) takes finite factors above 0, and l1_ratio above 0")


def canonical_target(y):
    """Targets as the kernels may read them: aligned native float64, strides that are multiples of its size."""
    y = np.asarray(y, dtype=np.float64)
    return y if y.flags.aligned and all(stride % 8 == 0 for stride in y.strides) else y.copy()


def _increasing(rows):
    """Each row once, in order."""
    return np.ascontiguousarray(rows) if (rows[1:] > rows[:-1]).all() else np.unique(rows)


def canonical(X):
    """X as the kernels may read it, itself where it is that already: aligned native floats, or CSC sorted and without duplicates.

    Raises
    ------
    TypeError
        If X is not float32 or float64.
    """
    dtype = X.dtype
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        raise TypeError(f"X has dtype {dtype}; the engine takes float32 or float64")
    if isinstance(X, np.ndarray):
        flags = X.flags
        whole = flags.forc or all(stride % X.itemsize == 0 for stride in X.strides)
        if whole and flags.aligned and dtype.isnative:
            return X
        return np.array(X, dtype=dtype.newbyteorder("="), order="F")
    if X.format == "csc" and X.has_canonical_format:
        return X
    X = X.tocsc(copy=True)
    X.sum_duplicates()
    return X
