# The losses by their codes, for loops that are compiled for one of them: a constant code leaves one branch. Taken in by ``include``.
from libc.math cimport copysign, fabs

cdef extern from "riata_math.h":
    double exp "riata_exp"(double x) noexcept nogil
    double log "riata_log"(double x) noexcept nogil

include "../formulas/losses.py"

cdef enum:
    SQUARED = 0
    LOGISTIC = 1
    POISSON = 2
    GAMMA = 3
    TWEEDIE = 4
    NEGATIVE_BINOMIAL = 5
    HUBER = 6


cdef inline double value_of(int loss, double y, double eta, double a) noexcept nogil:
    if loss == LOGISTIC:
        return logistic_value(y, eta, a)
    if loss == POISSON:
        return poisson_value(y, eta, a)
    if loss == GAMMA:
        return gamma_value(y, eta, a)
    if loss == TWEEDIE:
        return tweedie_value(y, eta, a)
    if loss == NEGATIVE_BINOMIAL:
        return negative_binomial_value(y, eta, a)
    return huber_value(y, eta, a)


cdef inline double gradient_of(int loss, double y, double eta, double a) noexcept nogil:
    if loss == LOGISTIC:
        return logistic_gradient(y, eta, a)
    if loss == POISSON:
        return poisson_gradient(y, eta, a)
    if loss == GAMMA:
        return gamma_gradient(y, eta, a)
    if loss == TWEEDIE:
        return tweedie_gradient(y, eta, a)
    if loss == NEGATIVE_BINOMIAL:
        return negative_binomial_gradient(y, eta, a)
    return huber_gradient(y, eta, a)


cdef inline double curvature_of(int loss, double y, double eta, double a) noexcept nogil:
    if loss == LOGISTIC:
        return logistic_curvature(y, eta, a)
    if loss == POISSON:
        return poisson_curvature(y, eta, a)
    if loss == GAMMA:
        return gamma_curvature(y, eta, a)
    if loss == TWEEDIE:
        return tweedie_curvature(y, eta, a)
    if loss == NEGATIVE_BINOMIAL:
        return negative_binomial_curvature(y, eta, a)
    return huber_curvature(y, eta, a)


cdef inline double dual_of(int loss, double y, double u, double a) noexcept nogil:
    if loss == LOGISTIC:
        return logistic_dual(y, u, a)
    if loss == POISSON:
        return poisson_dual(y, u, a)
    if loss == GAMMA:
        return gamma_dual(y, u, a)
    if loss == TWEEDIE:
        return tweedie_dual(y, u, a)
    if loss == NEGATIVE_BINOMIAL:
        return negative_binomial_dual(y, u, a)
    return huber_dual(y, u, a)


cdef inline double saturated_of(int loss, double y, double a) noexcept nogil:
    if loss == LOGISTIC:
        return logistic_saturated(y, a)
    if loss == POISSON:
        return poisson_saturated(y, a)
    if loss == GAMMA:
        return gamma_saturated(y, a)
    if loss == TWEEDIE:
        return tweedie_saturated(y, a)
    if loss == NEGATIVE_BINOMIAL:
        return negative_binomial_saturated(y, a)
    return huber_saturated(y, a)
