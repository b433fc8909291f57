"""Bounds on the false selections of stability selection, and what two of its parameters say of the third.

M: Meinshausen and Bühlmann, "Stability selection", JRSS B 72(4), 2010. S: Shah and Samworth, "Variable selection with error
control: another look at stability selection", JRSS B 75(1), 2013. q of p features are selected on each subsample, and those count
as stable whose share of subsamples is at least the cutoff π. Both bound the expected number of stable features among those whose
selection probability is at most q / p, "per-family error rate" (PFER); under M's exchangeability, the false ones.
"""

from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral

import numpy as np

from riata.validation import check_count, check_number

ASSUMPTIONS = ("none", "unimodal", "r-concave")
#: steps of a bisection and of a golden section search: to 1e-10 of the bound
HALVINGS, SECTIONS = 64, 48
GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class StabilityParameters:
    """The parameters of a stability selection.

    Attributes
    ----------
    cutoff : float
        π, the share of subsamples from which on a feature is stable.
    q : int or float
        Features selected on a subsample.
    pfer : float
        The bound on the expected number of false selections that they give.
    """

    cutoff: float
    q: float
    pfer: float


def stabsel_parameters(n_features, *, cutoff=None, pfer=None, q=None, n_pairs=50, assumption="unimodal"):
    r"""The third of cutoff, PFER and q from the other two, as `stabsel_parameters` of R's stabs.

    The bounds on the expected number of false selections, with p features and B complementary pairs:

    - ``"none"`` (M, theorem 1; S, theorem 1, for pairs): q² / ((2π − 1) p), π > ½;
    - ``"unimodal"`` (S, theorem 2): C(π, B) q² / p, C = 1 / (2 (2π − 1 − 1/(2B))) for π ≤ ¾ and
      4 (1 − π + 1/(2B)) / (1 + 1/B) above, for π > ½ + min((q/p)², 1/(2B) + ¾ (q/p)²);
    - ``"r-concave"`` (S, section 2.4): p min(D(q²/p², 2π − 1, B, −½), D(q/p, π, 2B, −¼)), D(θ, t, B, r) the largest tail
      probability P(Z ≥ t) of an r-concave Z on 0, 1/B, …, 1 with mean θ.

    None is more than p, the number of features.

    Parameters
    ----------
    n_features : int
        p.
    cutoff : float in (0.5, 1], optional
    pfer : float > 0, optional
    q : int, 1 to p, optional
        Two of these three. q becomes the largest, the cutoff the smallest multiple of 1/(2B) (of 0.01 without an
        assumption) that keeps the bound at or below `pfer`.
    n_pairs : int, default=50
        B. Not used by ``assumption="none"``.
    assumption : {"unimodal", "r-concave", "none"}, default="unimodal"
        On the distribution of the share of pairs that select a feature twice. The first two hold for complementary
        pairs only.

    Returns
    -------
    StabilityParameters

    Raises
    ------
    ValueError
        If not two of the three are given, or no third one exists.

    Examples
    --------
    >>> from riata.stability_bounds import stabsel_parameters
    >>> stabsel_parameters(200, cutoff=0.6, pfer=0.2, assumption="r-concave").q
    6
    """
    p = check_count(n_features, "n_features", 2**53)
    if not isinstance(assumption, str) or assumption not in ASSUMPTIONS:
        raise ValueError(f"assumption = {assumption!r} must be one of {', '.join(map(repr, ASSUMPTIONS))}")
    B = check_count(n_pairs, "n_pairs", 2**31)
    if B < 2 and assumption == "r-concave":
        raise ValueError("n_pairs = 1 has no r-concave bound: give at least 2")
    given = {name: value for name, value in (("cutoff", cutoff), ("pfer", pfer), ("q", q)) if value is not None}
    if len(given) != 2:
        values = " and ".join(f"{name} = {value!r}" for name, value in given.items()) or "none"
        raise ValueError(f"{values} given of cutoff, pfer and q: give two, the third follows from them")
    if cutoff is not None:
        cutoff = check_number(cutoff, "cutoff", 0.5, 1.0, low_open=True)
    if pfer is not None:
        pfer = check_number(pfer, "pfer", 0.0, low_open=True, high_open=True)
    if q is not None:
        if isinstance(q, Integral):
            q = check_count(q, "q", p)
        else:
            raise TypeError(f"q = {q!r} must be an int, a number of features")
    if q is None:
        q = _largest_q(p, cutoff, pfer, B, assumption)
    elif cutoff is None:
        cutoff = _smallest_cutoff(p, q, pfer, B, assumption)
    return StabilityParameters(cutoff, q, error_bound(q, p, cutoff, B, assumption))


def error_bound(q, n_features, cutoff, n_pairs=50, assumption="unimodal"):
    """The bound on the expected number of false selections; see `stabsel_parameters`.

    Parameters
    ----------
    q : float
        Features selected on a subsample, on average.
    n_features : int
    cutoff : float in (0.5, 1]
    n_pairs : int, default=50
    assumption : {"unimodal", "r-concave", "none"}, default="unimodal"

    Returns
    -------
    float
        At most `n_features`; that where the cutoff is too small for any other bound.
    """
    p, B, theta = n_features, n_pairs, q / n_features
    if assumption == "none":
        bound = q * theta / (2 * cutoff - 1)
    elif assumption == "r-concave":
        bound = p * _r_concave(float(theta), _steps(cutoff, 2 * B), B)
    elif cutoff <= 0.75:
        lowest = 0.5 + min(theta**2, 1 / (2 * B) + 0.75 * theta**2)
        width = 2 * cutoff - 1 - 1 / (2 * B)
        bound = q * theta / (2 * width) if cutoff > lowest and width > 0 else p
    else:
        bound = q * theta * 4 * (1 - cutoff + 1 / (2 * B)) / (1 + 1 / B)
    return float(min(bound, p))


def _largest_q(p, cutoff, pfer, B, assumption):
    """The bounds grow with q: bisection."""
    def fits(q):
        return error_bound(q, p, cutoff, B, assumption) <= pfer

    if not fits(1):
        raise ValueError(f"with cutoff = {cutoff:g} even q = 1 of {p} features has an error bound of "
                         f"{error_bound(1, p, cutoff, B, assumption):.3g}, above pfer = {pfer:g}: raise the cutoff or pfer")
    low, high = 1, p + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _smallest_cutoff(p, q, pfer, B, assumption):
    """The bounds fall with the cutoff: bisection over multiples of 1/(2B)."""
    steps = 100 if assumption == "none" else 2 * B

    def fits(k):
        return error_bound(q, p, k / steps, B, assumption) <= pfer

    if not fits(steps):
        raise ValueError(f"with q = {q} of {p} features even a cutoff of 1 has an error bound of "
                         f"{error_bound(q, p, 1.0, B, assumption):.3g}, above pfer = {pfer:g}: lower q or raise pfer")
    low, high = steps // 2, steps
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high / steps


def _steps(cutoff, steps):
    """The cutoff as a number of `steps`, rounded up but for rounding errors."""
    return int(np.ceil(cutoff * steps * (1 - 1e-10)))


@lru_cache(maxsize=4096)
def _r_concave(theta, t, B):
    return min(1.0, _tail(theta**2, t - B, B, 2), _tail(theta, t, 2 * B, 4))


def _tail(theta, t, B, power):
    """D(θ, t/B, B, r): the largest P(Z ≥ t/B) of an r-concave Z on 0, 1/B, …, 1 with mean θ, r = −1/power.

    The extreme ones have probabilities proportional to (a + i)^(1/r) at i = 0 … k, and what gives the mean θ at k + 1 (S,
    appendix A.3). For each k the tail is searched over a between the values for which there is nothing at k + 1, and at k + 2.
    """
    mean = theta * B
    first = int(np.ceil(2 * mean)) + 1
    if t < first or first >= B:
        return 1.0
    k = np.arange(max(first, t - 1), B)               # no mass at t or above otherwise
    if not len(k):
        return 1.0
    edge = _shapes(mean, np.append(k, B), power)
    i = np.arange(B)
    inside = i <= k[:, None]
    below = inside & (i < t)
    gap = np.where(inside, k[:, None] + 1 - i, 0)

    def tail(a):
        f = _powers(a, i, power)
        return 1 - (k + 1 - mean) * (f * below).sum(axis=1) / (f * gap).sum(axis=1)

    low, high = np.log(edge[1:]), np.log(edge[:-1])
    for _ in range(SECTIONS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        better = tail(np.exp(left)) > tail(np.exp(right))
        low, high = np.where(better, low, left), np.where(better, right, high)
    best = np.maximum(tail(np.exp((low + high) / 2)), np.maximum(tail(edge[1:]), tail(edge[:-1])))
    return float(best.max())


def _shapes(mean, k, power):
    """a for which probabilities proportional to (a + i)^(−power), i = 0 … k, have this mean: one for each k, by bisection."""
    i = np.arange(k[-1] + 1)
    inside = i <= k[:, None]
    low, high = np.full(len(k), np.log(1e-12)), np.full(len(k), np.log(1e9))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        f = inside * _powers(np.exp(middle), i, power)
        less = (f * i).sum(axis=1) < mean * f.sum(axis=1)
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return np.exp(high)


def _powers(a, i, power):
    """(a + i)^(−power) for a power of 2 or 4: products, a general power takes ten times as long."""
    square = 1.0 / (a[:, None] + i)
    square *= square
    return square if power == 2 else square * square
