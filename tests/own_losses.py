"""Losses as a user writes them: the library's own once more, and some that it does not have."""

import math


def logistic_value(y, eta):
    return max(eta, 0.0) - y * eta + math.log1p(math.exp(-abs(eta)))


def logistic_gradient(y, eta):
    return 1 / (1 + math.exp(-eta)) - y


def logistic_curvature(y, eta):
    z = math.exp(-abs(eta))
    return z / ((1 + z) * (1 + z))


def logistic_conjugate(y, u):
    q = min(max(y + u, 0.0), 1.0)
    return (q * math.log(q) if q > 0 else 0.0) + ((1 - q) * math.log(1 - q) if q < 1 else 0.0)


def poisson_value(y, eta):
    return math.exp(eta) - y * eta


def poisson_gradient(y, eta):
    return math.exp(eta) - y


def poisson_curvature(y, eta):
    return math.exp(eta)


def poisson_conjugate(y, u):
    x = max(y + u, 0.0)
    return x * math.log(x) - x if x > 0 else 0.0


def huber_value(y, eta, delta):
    r = abs(y - eta)
    return r * r / 2 if r <= delta else delta * r - delta * delta / 2


def huber_gradient(y, eta, delta):
    return min(max(eta - y, -delta), delta)


def huber_curvature(y, eta, delta):
    r = abs(y - eta)
    return 1.0 if r <= delta else 0.02 * delta / r


def huber_conjugate(y, u, delta):
    return u * y + u * u / 2


def expectile_value(y, eta, tau):
    r = y - eta
    return (tau if r > 0 else 1 - tau) * r * r / 2


def expectile_gradient(y, eta, tau):
    r = y - eta
    return -(tau if r > 0 else 1 - tau) * r


def expectile_curvature(y, eta, tau):
    return tau if y > eta else 1 - tau


def log_cosh_value(y, eta):
    r = abs(eta - y)
    return r + math.log1p(math.exp(-2 * r)) - math.log(2.0)


def log_cosh_gradient(y, eta):
    return math.tanh(eta - y)


def log_cosh_curvature(y, eta):
    return 1 - math.tanh(eta - y) ** 2


def exponential_value(y, eta):
    """Of classes −1 and 1: no row has a minimum."""
    return math.exp(-y * eta)


def exponential_gradient(y, eta):
    return -y * math.exp(-y * eta)


def exponential_curvature(y, eta):
    return y * y * math.exp(-y * eta)


def functions(name, *kinds):
    """The functions of a loss by its name."""
    return [globals()[f"{name}_{kind}"] for kind in kinds or ("value", "gradient", "curvature")]
