"""Penalties as a user writes them: the library's own once more, and some that it does not have."""

import math

import numpy as np


def lasso_value(b):
    return abs(b)


def lasso_prox(v, t):
    return max(v - t, 0.0) + min(v + t, 0.0)


def elastic_net_value(b, share):
    return share * abs(b) + (1 - share) * b * b / 2


def elastic_net_prox(v, t, share):
    return (max(v - t * share, 0.0) + min(v + t * share, 0.0)) / (1 + t * (1 - share))


def positive_value(b):
    """A lasso of coefficients of 0 or more."""
    return b if b >= 0 else math.inf


def positive_prox(v, t):
    return max(v - t, 0.0)


def slanted_value(b):
    """Twice as dear to one side."""
    return 2 * b if b > 0 else -b


def slanted_prox(v, t):
    return max(v - 2 * t, 0.0) + min(v + t, 0.0)


def ridge_value(b):
    return b * b / 2


def ridge_prox(v, t):
    return v / (1 + t)


def box_value(b, width):
    """A lasso within bounds."""
    return abs(b) if abs(b) <= width else math.inf


def box_prox(v, t, width):
    return min(max(max(v - t, 0.0) + min(v + t, 0.0), -width), width)


def power_value(b):
    """|b|^(3/2): convex, its slope 0 at 0 and its curvature infinite there."""
    return abs(b) ** 1.5


def power_prox(v, t):
    root = (math.sqrt(2.25 * t * t + 4 * abs(v)) - 1.5 * t) / 2
    return math.copysign(root * root, v)


def mcp_value(b, knot):
    """MCP over its l: gamma·l is the knot."""
    u = abs(b)
    return u - u * u / (2 * knot) if u <= knot else knot / 2


def mcp_prox(v, t, knot):
    u = abs(v)
    if t >= knot:                               # concave between: 0, or not at all shrunk
        return v if u * u > t * knot else 0.0
    return v if u > knot else (max(v - t, 0.0) + min(v + t, 0.0)) / (1 - t / knot)


def root_value(b):
    """l_1/2 (Xu, Chang, Xu and Zhang 2012)."""
    return math.sqrt(abs(b))


def root_prox(v, t):
    u = abs(v)
    if u <= 1.5 * t ** (2 / 3):
        return 0.0
    return 2 / 3 * v * (1 + math.cos(2 * math.pi / 3 - 2 / 3 * math.acos(t / 4 * (u / 3) ** -1.5)))


def log_sum_value(b, width):
    """log(1 + |b|/width) (Candès, Wakin and Boyd 2008)."""
    return math.log1p(abs(b) / width)


def log_sum_prox(v, t, width):
    u = abs(v)
    square = (u + width) * (u + width) - 4 * t
    if square <= 0:
        return 0.0
    x = (u - width + math.sqrt(square)) / 2
    if x <= 0 or (x - u) ** 2 / 2 + t * math.log1p(x / width) >= u * u / 2:
        return 0.0
    return math.copysign(x, v)


def scad_of(l, gamma):
    """(value, prox) of SCAD over its l."""
    def value(b):
        u = abs(b)
        if u <= l:
            return u
        return (2 * gamma * l * u - u * u - l * l) / (2 * (gamma - 1)) / l if u <= gamma * l else l * (gamma + 1) / 2

    def prox(v, t):
        u = abs(v)
        best, least = 0.0, u * u / 2
        bend = 1 - t / ((gamma - 1) * l)
        middle = (u - gamma * t / (gamma - 1)) / bend if bend > 0 else 0.0
        for x in (min(max(u - t, 0.0), l), min(max(middle, l), gamma * l), max(u, gamma * l)):
            objective = (x - u) ** 2 / 2 + t * value_at(x)
            if objective < least:
                best, least = x, objective
        return math.copysign(best, v)

    from numba import njit

    value_at = njit(value)
    return value, prox


#: name -> parameter
PARAMETERS = {"elastic_net": 0.6, "box": 0.5, "mcp": 2.0, "log_sum": 0.3}
CONVEX = ("lasso", "elastic_net", "positive", "slanted", "ridge", "box", "power")
CONCAVE = ("mcp", "root", "log_sum")


def functions(name):
    return globals()[f"{name}_value"], globals()[f"{name}_prox"]


def own(name, **settings):
    """The penalty of that name by `riata.penalties.custom`."""
    import riata

    return riata.penalties.custom(*functions(name), **{"name": name, "parameter": PARAMETERS.get(name),
                                                       "convex": name in CONVEX, **settings})


#: of penalties under which no coefficient is ever 0
ALPHAS = {"ridge": np.geomspace(10, 0.01, 12), "power": np.geomspace(10, 0.01, 12)}


def draw(seed=0, n=60, p=90, rho=0.5):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    coef = np.zeros(p)
    coef[rng.choice(p, 6, replace=False)] = rng.normal(scale=2, size=6)
    return X * rng.uniform(0.2, 5, p) + 1, X @ coef + rng.standard_normal(n) + 3


def path_of(name, X, y, **settings):
    import riata

    return riata.penalty_path(X, y, own(name), **{"alphas": ALPHAS.get(name, 12), "alpha_min_ratio": None, **settings})
