# One step of an optimiser on flat arrays: a loop is compiled for each optimiser and each type (formulas/steps.py).
from cython cimport floating
from libc.math cimport INFINITY as inf, cos, pow, sqrt

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"
    ctypedef void inlined_void "RIATA_INLINED_VOID"

include "../formulas/penalties.py"
include "../formulas/steps.py"

#: the names of the optimisers; their order is the code
OPTIMISERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
#: whether an optimiser keeps a velocity, and whether it keeps squares
STATE = {"sgd": (False, False), "momentum": (True, False), "nesterov": (True, False), "adagrad": (False, True),
         "rmsprop": (False, True), "adam": (True, True), "adamw": (True, True)}


cdef inline floating advanced(int kind, floating b, floating g, floating* v, floating* s, floating lr, floating beta1, floating beta2,
                              floating eps, floating decay, floating inverse1, floating inverse2, floating l1,
                              floating l2) noexcept nogil:
    """The next b of a coordinate, its state brought up to date, and the proximal step of an elastic net taken.

    inverse1 and inverse2 are 1/c1 and 1/c2.
    """
    cdef floating h = lr, d = g
    if kind == MOMENTUM or kind == NESTEROV:
        v[0] = velocity(v[0], g, beta1)
        d = v[0] if kind == MOMENTUM else nesterov_direction(v[0], g, beta1)
        b -= lr * d
        return elastic_net_prox(b, momentum_reach(lr, beta1), l1, l2)
    if kind == ADAGRAD:
        s[0] += g * g
        h = adaptive_reach(s[0], lr, eps)
    elif kind == RMSPROP:
        s[0] = running_mean(s[0], g * g, beta2)
        h = adaptive_reach(s[0], lr, eps)
    elif kind >= ADAM:
        if kind == ADAMW:
            b = decayed(b, lr, decay)
        v[0] = running_mean(v[0], g, beta1)
        s[0] = running_mean(s[0], g * g, beta2)
        d = v[0] * inverse1
        h = adaptive_reach(s[0] * inverse2, lr, eps)
    return elastic_net_prox(b - h * d, h, l1, l2)


cdef inlined_void sweep(int kind, const Optimiser* O, floating* b, const floating* g, floating* v, floating* s, Py_ssize_t n,
                        floating l1, floating l2) noexcept nogil:
    cdef Py_ssize_t i
    cdef floating lr = O.lr, beta1 = O.beta1, beta2 = O.beta2, eps = O.eps, decay = O.decay
    cdef floating inverse1 = 1 / O.correct1, inverse2 = 1 / O.correct2
    cdef floating none = 0
    for i in range(n):
        b[i] = advanced(kind, b[i], g[i], &v[i] if kind == MOMENTUM or kind == NESTEROV or kind >= ADAM else &none,
                        &s[i] if kind >= ADAGRAD else &none, lr, beta1, beta2, eps, decay, inverse1, inverse2, l1, l2)


cdef cloned_void sweep_any(const Optimiser* O, floating* b, const floating* g, floating* v, floating* s, Py_ssize_t n, floating l1,
                           floating l2) noexcept nogil:
    if O.kind == SGD:
        sweep(SGD, O, b, g, v, s, n, l1, l2)
    elif O.kind == MOMENTUM:
        sweep(MOMENTUM, O, b, g, v, s, n, l1, l2)
    elif O.kind == NESTEROV:
        sweep(NESTEROV, O, b, g, v, s, n, l1, l2)
    elif O.kind == ADAGRAD:
        sweep(ADAGRAD, O, b, g, v, s, n, l1, l2)
    elif O.kind == RMSPROP:
        sweep(RMSPROP, O, b, g, v, s, n, l1, l2)
    elif O.kind == ADAM:
        sweep(ADAM, O, b, g, v, s, n, l1, l2)
    else:
        sweep(ADAMW, O, b, g, v, s, n, l1, l2)


cdef void optimiser_at(Optimiser* O, double lr, double t) noexcept nogil:
    """Step size and bias corrections of step t = 1, 2, …"""
    O.lr = lr
    O.correct1 = bias_correction(O.beta1, t) if O.kind >= ADAM else 1
    O.correct2 = bias_correction(O.beta2, t) if O.kind >= ADAM else 1


cdef void advance(const Optimiser* O, double* b, const double* g, double* v, double* s, Py_ssize_t n, double l1, double l2) noexcept nogil:
    """One step of n coordinates, in place; v and s may be NULL where the optimiser keeps none."""
    sweep_any(O, b, g, v, s, n, l1, l2)


def step(int optimiser, floating[::1] params, const floating[::1] grads, floating[::1] velocity, floating[::1] squares, double t,
         double lr, double beta1=0.9, double beta2=0.999, double eps=1e-8, double decay=0.0, double l1=0.0, double l2=0.0):
    """One step, in place.

    Parameters
    ----------
    optimiser : int
        Place in ``OPTIMISERS``.
    params, grads : (n,)
    velocity, squares : (n,) or None
        State, zeros at first; needed where ``STATE`` says so.
    t : float
        Number of this step, from 1.
    lr, beta1, beta2, eps, decay : float
        Step size; momentum or the mean of gradients; the mean of squares; what is added to their root; weight decay of "adamw".
    l1, l2 : float
        Penalties l1·‖b‖₁ + ½ l2·‖b‖², taken by a proximal step.

    Raises
    ------
    ValueError
        If lengths differ or a state is missing.
    """
    cdef Optimiser O
    cdef Py_ssize_t n = params.shape[0]
    if not 0 <= optimiser < len(OPTIMISERS):
        raise ValueError(f"optimiser = {optimiser} must be a place in OPTIMISERS, 0 to {len(OPTIMISERS) - 1}")
    name = OPTIMISERS[optimiser]
    if grads.shape[0] != n:
        raise ValueError(f"grads has {grads.shape[0]} entries, params has {n}: give one for each")
    for what, state, needed in (("velocity", velocity, STATE[name][0]), ("squares", squares, STATE[name][1])):
        if needed and (state is None or state.shape[0] != n):
            raise ValueError(f"{name} needs {what} of {n} entries, zeros before the first step")
    if n == 0:
        return
    O.kind, O.beta1, O.beta2, O.eps, O.decay = optimiser, beta1, beta2, eps, decay
    optimiser_at(&O, lr, t)
    with nogil:
        sweep_any(&O, &params[0], &grads[0], &velocity[0] if velocity is not None else NULL,
                  &squares[0] if squares is not None else NULL, n, <floating>l1, <floating>l2)
