"""First-order optimisers: what one coordinate does with its gradient, and step sizes over time.

g is the gradient, lr the step size, and every optimiser moves b ← b − lr·direction. State: a velocity or mean v, and a sum or
mean of squares s. Conventions are those of torch.optim, so that a run there and here is the same numbers:

| optimiser | state | direction |
|---|---|---|
| sgd | | g |
| momentum (Polyak 1964) | v ← mu·v + g | v |
| nesterov (1983; Sutskever et al. 2013) | v ← mu·v + g | g + mu·v |
| adagrad (Duchi et al. 2011) | s ← s + g² | g / (√s + eps) |
| rmsprop (Tieleman & Hinton 2012) | s ← rho·s + (1 − rho)·g² | g / (√s + eps) |
| adam (Kingma & Ba 2015) | v ← b1·v + (1 − b1)·g, s ← b2·s + (1 − b2)·g² | (v/c1) / (√(s/c2) + eps) |
| adamw (Loshchilov & Hutter 2019) | as adam | as adam, after b ← (1 − lr·decay)·b |

c1 = 1 − b1^t and c2 = 1 − b2^t at step t = 1, 2, …  A penalty is taken by its proximal step at ``*_reach``, the step that a
constant gradient would make in the end, so that the minimum of loss plus penalty is where the iteration rests.

Compiled into the CPU kernels by ``include``, taken as they stand by numba.
"""
try:
    import cython
except ImportError:                                   # run time without Cython
    from riata_engine.formulas import plain as cython

if not cython.compiled:
    from math import cos, pow, sqrt


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def velocity(v: cython.floating, g: cython.floating, mu: cython.floating) -> cython.floating:
    """The next v of momentum and nesterov."""
    return mu * v + g


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def nesterov_direction(v: cython.floating, g: cython.floating, mu: cython.floating) -> cython.floating:
    """The direction that looks ahead, from the new velocity."""
    return g + mu * v


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def momentum_reach(lr: cython.floating, mu: cython.floating) -> cython.floating:
    """lr (1 + mu + mu² + …), for momentum and nesterov."""
    return lr / (1 - mu)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def running_mean(m: cython.floating, x: cython.floating, beta: cython.floating) -> cython.floating:
    """beta·m + (1 − beta)·x"""
    return beta * m + (1 - beta) * x


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def adaptive_reach(s: cython.floating, lr: cython.floating, eps: cython.floating) -> cython.floating:
    """lr / (√s + eps): the step of a coordinate in adagrad and rmsprop, and with s/c2 in adam."""
    root: cython.floating
    root = sqrt(s)                                    # rounded to its own type: a float32 loop stays one
    return lr / (root + eps)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def bias_correction(beta: cython.double, t: cython.double) -> cython.double:
    """1 − beta^t: what a running mean that began at zero has summed up to."""
    return 1 - pow(beta, t)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def decayed(b: cython.floating, lr: cython.floating, decay: cython.floating) -> cython.floating:
    """Weight decay apart from the gradient: (1 − lr·decay)·b."""
    return b - lr * decay * b


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def inverse_scaling(eta0: cython.double, power: cython.double, t: cython.double) -> cython.double:
    """eta0 / t^power at t = 1, 2, … (Robbins & Monro 1951)."""
    return eta0 / pow(t, power)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def optimal_rate(alpha: cython.double, t0: cython.double, t: cython.double) -> cython.double:
    """1 / (alpha·(t0 + t − 1)) at t = 1, 2, … (Bottou 2012, "Stochastic gradient descent tricks"; scikit-learn's "optimal")."""
    return 1 / (alpha * (t0 + t - 1))


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def cosine_share(t: cython.double, total: cython.double, floor: cython.double) -> cython.double:
    """Share of the first step size at t = 0 … total: half a cosine from 1 to ``floor`` (Loshchilov & Hutter 2017)."""
    t = total if t > total else t
    return floor + (1 - floor) * (1 + cos(3.141592653589793 * t / total)) / 2


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def one_cycle_share(t: cython.double, total: cython.double, rise: cython.double, start: cython.double,
                    end: cython.double) -> cython.double:
    """Share of the largest step size: a half cosine up from ``start`` over the first ``rise`` of the time, another down to
    ``end`` (Smith & Topin 2019)."""
    top: cython.double
    top = rise * total
    if t < top:
        return start + (1 - start) * (1 - cos(3.141592653589793 * t / top)) / 2
    t = total if t > total else t
    return end + (1 - end) * (1 + cos(3.141592653589793 * (t - top) / (total - top))) / 2


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def step_share(epoch: cython.double, every: cython.double, factor: cython.double) -> cython.double:
    """factor^⌊epoch/every⌋"""
    return pow(factor, (epoch - epoch % every) / every)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def exponential_share(epoch: cython.double, factor: cython.double) -> cython.double:
    """factor^epoch"""
    return pow(factor, epoch)
