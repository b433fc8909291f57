"""The problem in standard form: what every solver works on.

Columns are seen as z_j = (x_j − center_j)·multiplier_j with multipliers that are powers of two near one over the standard
deviation, targets are divided by a power of two near theirs: no solver meets a scale of 1e300, and undoing it costs no digits.
Each weight group g has row weights V[:, g] with sum one and its own column means ``shift[g]`` of z. Standardisation is a factor
on the penalty, so that no column is ever rescaled for it.

The intercept and the features without any penalty are profiled out (Frisch & Waugh 1933): see ``free_features``.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from riata_engine.cpu.design import Design, squares_in_units
from riata_engine.cpu.moments import moments, standard_columns, standard_columns_of_groups
from riata_engine.cpu.targets import group_moments, target_units
from riata_engine.solvers.free_features import FreeFeatures

#: a column or a target counts as constant when its standard deviation is below this many units of its size
UNVARYING = 2e-15
#: a variance below this share of the mean square is computed again from centred entries
CANCELLED = 0.01
#: weight groups whose means one product takes
MEANS = 8
#: sparse columns whose mean is more standard deviations than this are stored centred
FAR = 30.0
#: a penalty factor beyond this holds its coefficient at zero all the same
LARGEST = 1e300


@dataclass
class StandardForm:
    """A batch in standard form. n rows, p columns, T targets, G weight groups, B problems."""

    design: Design
    origin: np.ndarray                # (p,) taken off the columns of X before ``design`` saw them
    V: np.ndarray                     # (n, G) row weights, each column contiguous and of sum one
    held_out: list | None             # rows of weight 0, one array a group
    held_out_weight: np.ndarray       # (n,) row weights, sum one, before anything is held out
    Y: np.ndarray                     # (n, T) targets, offset and mean taken off, divided by sigma
    base_mean: np.ndarray             # (T,) what was taken off, in units of sigma
    sigma: np.ndarray                 # (T,) powers of two
    target: np.ndarray                # (B,)
    group: np.ndarray                 # (B,)
    intercept: bool
    standardize: bool
    factor: np.ndarray                # (p,) penalty factors as given; ones where each group has its own: f1, f2 have them
    barred: np.ndarray                # (p,) constant, penalised by inf, or held at zero by its bounds: not in the model
    lower: np.ndarray                 # (p,) bounds on the coefficient of z, in units of sigma = 1; (0, 0): left out
    upper: np.ndarray
    free: np.ndarray                  # columns without penalty and bounds, profiled out
    shift: np.ndarray                 # (G, p) means of z
    ybar: np.ndarray                  # (G, T)
    yy: np.ndarray                    # (G, T) Σ v (y − ȳ)²
    f1: np.ndarray = field(default=None)    # (1 or G, p) penalty factors of the l1 part in units of z
    f2: np.ndarray = field(default=None)    # … of the l2 part
    spread: np.ndarray | None = None  # (G, p) standard deviations of z where the penalty is standardised
    even: bool = False                # whether all rows have the same weight, before anything is held out
    columns: tuple = ()               # what ``standard_columns`` says of X
    _variance: np.ndarray | None = None

    @property
    def unvarying(self):
        """Share of its mean square below which the variance of a column within a group, computed directly, is rounding."""
        return rounding_of_mean(len(self.V))**2

    @property
    def n_problems(self):
        return len(self.target)

    @property
    def shape(self):
        return self.design.X.shape

    @property
    def factor_row(self):
        """(G,) the row of ``f1`` and ``f2`` that belongs to a weight group."""
        G = self.V.shape[1]
        return np.arange(G) if len(self.f1) > 1 else np.zeros(G, np.intp)

    @cached_property
    def _null(self):
        null = 0.5 * self.yy[self.group, self.target]
        null.flags.writeable = False
        return null

    def null(self):
        """(B,) objective at b = 0 with the intercept at its optimum, in units of sigma²: the unit of the gap."""
        return self._null

    def weighted_residual_at_null(self, problems):
        """(k, n) V (y − ȳ) of the given problems."""
        g, t = self.group[problems], self.target[problems]
        varies = self.yy[g, t] > 0                     # what is left of a constant target is rounding
        return np.ascontiguousarray((self.V[:, g] * ((self.Y[:, t] - self.ybar[g, t]) * varies)).T)

    def gradient_at_null(self, control, n_threads, block=64):
        """(B, p) Zᵀ V (y − ȳ): one pass over X for every distinct (group, target)."""
        if self.yy.size == 1:                          # one target, one group
            first, where = np.zeros(1, np.intp), np.zeros(self.n_problems, np.intp)
        else:
            pairs = self.group * self.yy.shape[1] + self.target
            _, first, where = np.unique(pairs, return_index=True, return_inverse=True)
        out = np.empty((len(first), self.shape[1]))
        chunk = max(1, min(len(first), 1024))
        for at in range(0, len(first), chunk):
            R = self.weighted_residual_at_null(first[at:at + chunk])
            out[at:at + chunk] = self.design.transposed_matvec(R, 1, control, n_threads)
        return out[where]


    def variance(self, control, n_threads):
        """(G, p) weighted variance of each z in each group (mean square without an intercept): one pass over X, once."""
        if self._variance is None:
            self._variance = self._find_variance(control, n_threads)
        return self._variance

    def _find_variance(self, control, n_threads):
        if not isinstance(self.design.X, np.ndarray):
            mean, variance = _moments(self, control, n_threads)
            return variance if self.intercept else variance + mean**2
        square = self.design.transposed_matvec(np.ascontiguousarray(self.V.T), 1, control, n_threads, squared=True)
        variance = np.maximum(square - self.shift**2, 0.0)
        for g in range(len(square) if self.intercept else 0):
            lost = np.flatnonzero(variance[g] < CANCELLED * square[g])          # digits: centre these before squaring
            for first in range(0, len(lost), 64):
                part = lost[first:first + 64]
                Z = np.empty((len(self.V), len(part)), order="F")
                self.design.gather(part, Z)
                moved = (Z - self.shift[g, part]).T
                mean = moved @ self.V[:, g]
                variance[g, part] = (moved - mean[:, None])**2 @ self.V[:, g]
        return variance

    def free_features(self, control, n_threads):
        """The projection on the features without a penalty: two passes over X."""
        return FreeFeatures(self, self.gradient_at_null(control, n_threads), control, n_threads)


def _row_weights(batch, n):
    """V (n, G), the weights before holding out (n,), and whether all of these are equal."""
    w = batch.weights
    if even := w is None:
        base = np.empty(n)
        base.fill(1.0 / n)
    else:
        base = row_shares(w)
        even = bool((base == base[0]).all())
    if batch.held_out is None:
        return base[:, None], base, even
    V = np.repeat(base[None], len(batch.held_out), axis=0)
    for g, rows in enumerate(batch.held_out):
        V[g, rows] = 0.0
    V /= V.sum(axis=1, keepdims=True)
    return V.T, base, even


def row_shares(weights):
    """Row weights (n,) of sum one, without the scale of those given."""
    base = weights / weights.max()
    return base / base.sum()


def rounding_of_mean(n):
    """Standard deviation, in units of their size, at or below which n numbers count as equal."""
    return UNVARYING * np.maximum(1.0, np.sqrt(n) / 4)


def standard_form(batch, control, n_threads):
    """Bring a ``Batch`` into standard form: three passes over X (scan, moments, means of the weight groups).

    Memory that is held whatever ``max_memory`` says: V (n, G), Y (n, T), and a few (G, p); of sparse X with columns far from
    zero, a copy in float64 (see ``_near_zero``).
    """
    X = batch.X
    n, p = X.shape
    rounding = rounding_of_mean(n)
    V, base, even = _row_weights(batch, n)
    columns = batch.columns or standard_columns(X, base, batch.intercept, rounding, control, n_threads)
    center, multiplier, constant, moderate, deviation, size, f2 = columns
    X, center, origin = _near_zero(X, center, multiplier)
    design = Design(X, center, multiplier, direct=moderate)

    Y = batch.Y if batch.offset is None else batch.Y - batch.offset[:, None]
    Y, base_mean, sigma = target_units(Y, base, batch.intercept, rounding)
    used = None                              # which pairs of weight group and target some problem has
    if V.shape[1] > 1 and Y.shape[1] > 1:
        used = np.zeros((V.shape[1], Y.shape[1]), np.uint8)
        used[batch.group, batch.target] = 1
    ybar, yy = group_moments(Y, V.T, base_mean, used, batch.intercept, rounding)

    if batch.intercept and batch.held_out is not None:
        G = V.shape[1]
        weights = np.zeros((-(-G // MEANS) * MEANS, n))          # whole blocks: the means of a group are its own to the last bit
        weights[:G] = V.T
        shift = np.ascontiguousarray(design.transposed_matvec(weights, MEANS, control, n_threads)[:G])
    else:
        shift = np.zeros((V.shape[1], p))

    plain = batch.lower is None and batch.upper is None and batch.penalty_factor is None and not batch.standardize
    if plain:
        rows = np.empty((3, p))
        rows.T[:] = 1.0, -np.inf, np.inf
        (penalty, lower, upper), barred, free = rows, constant, np.empty(0, np.intp)
        rows[1:, constant] = 0.0
    else:
        penalty, barred, lower, upper, free = _restrictions(batch, multiplier, constant, deviation <= rounding * size)
    form = StandardForm(design, origin, V, batch.held_out, base, Y, base_mean, sigma, batch.target,
                        batch.group, batch.intercept, batch.standardize, penalty, barred, lower, upper, free, shift, ybar,
                        yy, even=even, columns=columns)
    if plain:
        form.f1, form.f2 = multiplier[None], f2[None]
    else:
        _penalty_factors(form, batch.penalty_factor, control, n_threads)
    return form


def _restrictions(batch, multiplier, constant, flat):
    """(penalty, barred, lower, upper, free) of a ``StandardForm``; ``flat``: columns whose standard deviation is rounding."""
    p = len(multiplier)
    free = np.empty(0, np.intp)
    lower, upper = np.full(p, -np.inf), np.full(p, np.inf)
    if batch.lower is not None or batch.upper is not None:
        lower = lower if batch.lower is None else np.asarray(batch.lower, dtype=float)
        upper = upper if batch.upper is None else np.asarray(batch.upper, dtype=float)
    penalty, barred = _penalties(batch, constant, flat)
    if not penalty.all() or batch.penalty_factor is not None:
        free = np.flatnonzero((penalty == 0) & ~barred & np.isinf(lower) & np.isinf(upper))
    if batch.lower is not None or batch.upper is not None:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            lower = np.where(np.isinf(lower), lower, np.where(lower == 0, 0.0, lower / multiplier))
            upper = np.where(np.isinf(upper), upper, np.where(upper == 0, 0.0, upper / multiplier))
    lower[barred], upper[barred] = 0.0, 0.0
    lower[free], upper[free] = 0.0, 0.0
    return penalty, barred, lower, upper, free


def _penalties(batch, constant, flat):
    """Penalty factors (p,) as given, or (G, p) like ``flat`` (see ``_restrictions``), and which columns are not in the model."""
    penalty = np.ones(constant.shape[-1])
    if batch.penalty_factor is not None and np.ndim(batch.penalty_factor) == 1:
        penalty = np.asarray(batch.penalty_factor, dtype=float)
    if batch.standardize and not batch.intercept:        # a penalty on b_j·s_j with s_j = 0 is none
        penalty = np.where(flat & np.isfinite(penalty), 0.0, penalty)
    barred = constant
    if batch.lower is not None and batch.upper is not None:
        barred = barred | ((np.asarray(batch.lower) == 0) & (np.asarray(batch.upper) == 0))
    return penalty, barred | np.isinf(penalty)


def _near_zero(X, center, multiplier):
    """(X, center, origin) with the sparse columns stored centred whose mean dwarfs their standard deviation.

    Sparse columns are centred after their products, which leaves an error of eps·(mean / standard deviation)² of the
    coefficient: a mean of 1e6 standard deviations leaves no correct digit. A column can be so far from zero only where (in
    weight) all but a thousandth of its entries are stored, so that storing the rest costs little. Such an X is copied in float64.
    """
    if isinstance(X, np.ndarray) or not (far := np.abs(center) * multiplier > FAR).any():
        return X, center, np.zeros(len(center))
    return store_centred(X, center, far)


def store_centred(X, center, far):
    """(X, center, origin) of sparse X with the columns ``far`` (p,) stored less their center."""
    columns = np.flatnonzero(far)
    filled = sparse.csc_array(X[:, columns].toarray().astype(np.float64) - center[columns])
    order = np.argsort(np.concatenate([np.flatnonzero(~far), columns]))
    X = sparse.hstack([X[:, np.flatnonzero(~far)].astype(np.float64), filled], format="csc")[:, order]
    return X, np.where(far, 0.0, center), np.where(far, center, 0.0)


def _moments(form, control, n_threads):
    """(G, p) means and variances of X in the units of z, in each weight group."""
    return moments(form.design.X, np.ascontiguousarray(form.V.T), form.design.multiplier[None], control, n_threads)


def _penalty_factors(form, given, control, n_threads):
    """f1 and f2 of the problem in z. With standardisation the penalty acts on b_j·s_j, s_j the group's standard deviation."""
    f = np.where(form.barred, 0.0, given if np.ndim(given) == 2 else form.factor)
    if not form.standardize:
        m = form.design.multiplier[None]
    else:
        if form.intercept:
            variance, square = form.variance(control, n_threads), form.shift**2 + (form.design.center * form.design.multiplier)**2
        else:                                # the standard deviation is about the mean all the same (glmnet's rule)
            mean, variance = _moments(form, control, n_threads)
            square = mean**2
        form.spread, m = _spread(variance, square, form.unvarying, form.intercept)
    form.f1, form.f2 = _factors(f, m)


def _spread(variance, square, unvarying, intercept):
    """Standard deviations (G, p) of z, and what a penalty factor is multiplied by: these, but for columns that do not vary."""
    # no more than the rounding of entries of the size of the mean: the column is constant in the group
    still = variance <= square * unvarying
    spread = np.sqrt(np.where(still, 0.0, variance))
    # nothing is left of it then: any penalty holds it at zero, and none is no fit either
    return spread, np.where(still, 1.0, spread) if intercept else spread


def _factors(f, m):
    """(f1, f2): the penalty factors f in units in which a coefficient is 1/m of what the penalty sees."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(f * m), np.minimum(f * m**2, LARGEST)


def own_deviations(batch, V, control, n_threads):
    """(f1, f2), and the multipliers of z they go with, each (G, p), of standardised penalties under G weights of sum one, the
    rows of V, that have nothing in common: what ``standard_form`` says of each alone, for all of them at once."""
    rounding = rounding_of_mean(V.shape[1])
    found = standard_columns_of_groups(batch.X, V, batch.intercept, rounding, control, n_threads)
    center, multiplier, constant, _, deviation, size, _ = found
    penalty, barred = _penalties(batch, constant, deviation <= rounding * size)
    if batch.intercept and isinstance(batch.X, np.ndarray):
        variance = squares_in_units(Design(batch.X, center[0], multiplier[0]), V, center, multiplier, control, n_threads)
    else:
        mean, variance = moments(batch.X, V, multiplier, control, n_threads)
    square = (center * multiplier)**2 if batch.intercept else mean**2
    _, m = _spread(variance, square, rounding**2, batch.intercept)
    return *_factors(np.where(barred, 0.0, penalty), m), multiplier
