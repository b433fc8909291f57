# The optimisers by their codes, for loops that are compiled for one of them: a constant code leaves one branch. Taken in by
# ``include``, after penalties.py.
from libc.math cimport cos, pow, sqrt

include "../formulas/steps.py"

cdef enum:
    SGD = 0
    MOMENTUM = 1
    NESTEROV = 2
    ADAGRAD = 3
    RMSPROP = 4
    ADAM = 5
    ADAMW = 6


cdef struct Optimiser:
    # an optimiser at step t: beta1 is momentum or the mean of gradients, beta2 that of squares
    int kind
    double lr, beta1, beta2, eps, decay, correct1, correct2


cdef inline void optimiser_at(Optimiser* O, double lr, double t) noexcept nogil:
    """Step size and bias corrections of step t = 1, 2, …"""
    O.lr = lr
    O.correct1 = bias_correction(O.beta1, t) if O.kind >= ADAM else 1
    O.correct2 = bias_correction(O.beta2, t) if O.kind >= ADAM else 1


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
