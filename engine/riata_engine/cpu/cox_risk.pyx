# The Cox partial likelihood of rows in the order of time: everything is a cumulative sum.
#
#   F(η) = [ Σ_k m_k log A_k − Σ_deaths w_i η_i ] / Σ w          (A_k: formulas/cox.py)
#
# Its gradient is Σ_k m_k p_k − (deaths) over Σ w, p_k the softmax over risk set k, its Hessian diag(h) − Σ_k m_k p_k p_kᵀ over Σ w.
# On columns Z the Hessian is thus Zᵀ diag(h) Z − UᵀU, where row k of U is √m_k times the mean of Z over risk set k: exact, in one
# sweep over the rows and two products.
import numpy as np
from libc.math cimport exp, log, sqrt, INFINITY as inf
from libc.stdlib cimport calloc, malloc, free
from libc.string cimport memcpy, memset

include "../formulas/cox.py"

cdef double ROOM = 30.0         # η may exceed the unit of its group by so much before the unit changes


cdef class RiskSets:
    """The risk sets of G problems on the same rows, which differ in their weights.

    Parameters
    ----------
    time, stratum, death : (n,) float64, intp, uint8
        In the order of strata, then of falling time, deaths last among equals.
    weights : (G, n) float64
        Rows of weight 0 are in no risk set.
    efron : bool
    """

    def __init__(self, const double[::1] time, const Py_ssize_t[::1] stratum, const unsigned char[::1] death,
                 const double[:, ::1] weights, bint efron):
        cdef Py_ssize_t G = weights.shape[0], n = weights.shape[1], b, groups = 0, i, start
        cdef int[::1] fresh
        cdef Py_ssize_t[:, ::1] index
        cdef double[:, ::1] value
        cdef Risk* R
        self.n_problems, self.n = G, n
        self.risks = <Risk*>calloc(max(G, 1), sizeof(Risk))
        if self.risks == NULL:
            raise MemoryError("RiskSets: no room for the problems")
        for i in range(n):
            groups += death[i] and (i == 0 or time[i] != time[i - 1] or stratum[i] != stratum[i - 1] or not death[i - 1])
        index = np.zeros((3, max(1, G * groups)), np.intp)
        fresh = np.zeros(max(1, G * groups), np.intc)
        value = np.zeros((2, max(1, G * groups)))
        deaths = np.asarray(weights) * np.asarray(death)
        self._keep = (weights, index, fresh, value, deaths)
        cdef double[:, ::1] dead = deaths
        for b in range(G):
            R = &self.risks[b]
            start = b * groups
            R.n, R.efron = n, efron
            R.w = &weights[b, 0]
            R.death = &dead[b, 0]
            if groups:
                R.enter, R.first, R.stop = &index[0, start], &index[1, start], &index[2, start]
                R.fresh = <bint*>&fresh[start]
                R.count, R.mass = &value[0, start], &value[1, start]
            find_groups(R, &time[0], &stratum[0], &death[0])

    def __dealloc__(self):
        free(self.risks)

    def saturated(self):
        """(G,) log partial likelihood over Σ w of the saturated model: Σ over times of −W_D log W_D − m Σ_l log(1 − c_l)."""
        cdef Py_ssize_t b, g, l
        cdef const Risk* R
        cdef double total
        out = np.zeros(self.n_problems)
        for b in range(self.n_problems):
            R = &self.risks[b]
            total = 0
            for g in range(R.groups):
                total -= R.mass[g] * log(R.mass[g])
                if R.efron:
                    for l in range(1, <Py_ssize_t>R.count[g]):
                        total -= R.mass[g] / R.count[g] * log(1 - tie_share(l, R.count[g], True))
            out[b] = total / R.total if R.total > 0 else 0
        return out

    @property
    def deaths(self):
        """(G,) weight of all deaths, and (G,) weight of all rows."""
        mass, total = np.zeros(self.n_problems), np.zeros(self.n_problems)
        for b in range(self.n_problems):
            total[b] = self.risks[b].total
            for g in range(self.risks[b].groups):
                mass[b] += self.risks[b].mass[g]
        return mass, total

    def evaluate(self, const double[:, ::1] eta, const Py_ssize_t[::1] problem):
        """(k,) F, (k, n) residuals −∂F/∂η, (k, n) diagonal h of linear predictors ``eta`` (k, n) of the problems ``problem`` (k,)."""
        cdef Py_ssize_t i, k = eta.shape[0], n = self.n
        cdef Point P
        cdef double[::1] value = np.empty(k)
        cdef double[:, ::1] r = np.empty((k, n)), h = np.empty((k, n))
        if point_open(&P, n):
            raise MemoryError("RiskSets: no room for a point")
        with nogil:
            for i in range(k):
                memcpy(P.eta, &eta[i, 0], n * sizeof(double))
                value[i] = risk_value(&self.risks[problem[i]], &P)
                risk_residual(&self.risks[problem[i]], &P)
                memcpy(&r[i, 0], P.r, n * sizeof(double))
                memcpy(&h[i, 0], P.h, n * sizeof(double))
            point_close(&P)
        return np.asarray(value), np.asarray(r), np.asarray(h)

    def distance(self, const double[::1] eta, Py_ssize_t problem, double s):
        """Σ_k m_k KL(s p_k + (1 − s) e_k ‖ p_k) / Σ w: F(η) + F*(s ∇F) − s ⟨∇F, η⟩ is at most that."""
        cdef Point P
        if point_open(&P, self.n):
            raise MemoryError("RiskSets: no room for a point")
        memcpy(P.eta, &eta[0], self.n * sizeof(double))
        risk_value(&self.risks[problem], &P)
        found = risk_distance(&self.risks[problem], &P, s)
        point_close(&P)
        return found

    def hessian(self, const double[::1] eta, Py_ssize_t problem, const double[::1, :] Z, Py_ssize_t done=0):
        """(a, a) Zᵀ ∇²F Z for Z (n, a); the first ``done`` columns are left at zero."""
        cdef Point P
        cdef Py_ssize_t a = Z.shape[1], j
        cdef int failed
        cdef const double** columns = <const double**>malloc(max(a, 1) * sizeof(void*))
        cdef double[:, ::1] H = np.zeros((a, a))
        if columns == NULL or point_open(&P, self.n):
            free(columns)
            raise MemoryError("RiskSets: no room for a point")
        for j in range(a):
            columns[j] = &Z[0, j]
        memcpy(P.eta, &eta[0], self.n * sizeof(double))
        risk_value(&self.risks[problem], &P)
        risk_residual(&self.risks[problem], &P)
        failed = risk_hessian(&self.risks[problem], &P, columns, a, done, &H[0, 0], a) if a else 0
        point_close(&P)
        free(columns)
        if failed:
            raise MemoryError("RiskSets: no room for a chunk of rows")
        return np.asarray(H)

    def baseline(self, const double[::1] eta, Py_ssize_t problem):
        """(stop, hazard): of every group the row behind its risk set, and Breslow's increment of the cumulative baseline hazard, or with
        Efron's ties its like, Σ_l m / A_l, in units of exp(0)."""
        cdef Point P
        cdef const Risk* R = &self.risks[problem]
        cdef Py_ssize_t g, l, terms
        cdef double unit = 0, sum_l
        if point_open(&P, self.n):
            raise MemoryError("RiskSets: no room for a point")
        memcpy(P.eta, &eta[0], self.n * sizeof(double))
        risk_value(R, &P)
        stop, hazard = np.zeros(R.groups, np.intp), np.zeros(R.groups)
        for g in range(R.groups):
            stop[g] = R.stop[g]
            unit = group_unit(R, &P, g, unit)
            terms = <Py_ssize_t>R.count[g] if R.efron else 1
            sum_l = 0
            for l in range(terms):
                sum_l += R.mass[g] / terms / (P.S[g] - tie_share(l, R.count[g], R.efron) * P.D[g])
            hazard[g] = sum_l * exp(-unit)
        point_close(&P)
        return stop, hazard


cdef void find_groups(Risk* R, const double* time, const Py_ssize_t* stratum, const unsigned char* death) noexcept nogil:
    cdef Py_ssize_t i = 0, j, k, came = 0, g = 0, n = R.n
    cdef double mass, count
    cdef bint fresh = True
    R.total = 0
    while i < n:
        if i > 0 and stratum[i] != stratum[i - 1]:
            came, fresh = i, True
        j = i
        mass, count, k = 0, 0, i
        while j < n and time[j] == time[i] and stratum[j] == stratum[i]:
            R.total += R.w[j]
            if death[j]:
                mass += R.w[j]
                count += R.w[j] > 0
            else:
                k = j + 1
            j += 1
        if mass > 0:
            R.enter[g], R.first[g], R.stop[g] = came, k, j
            R.fresh[g] = fresh
            R.count[g], R.mass[g] = count, mass
            came, fresh = j, False
            g += 1
        i = j
    R.groups = g


cdef int point_open(Point* P, Py_ssize_t n) noexcept nogil:
    P.eta = <double*>calloc(7 * max(n, 1), sizeof(double))
    if P.eta == NULL:
        return 1
    P.e = P.eta + n
    P.scale = P.eta + 2 * n
    P.S = P.eta + 3 * n
    P.D = P.eta + 4 * n
    P.r = P.eta + 5 * n
    P.h = P.eta + 6 * n
    return 0


cdef void point_close(Point* P) noexcept nogil:
    free(P.eta)
    P.eta = NULL


cdef void point_copy(const Point* P, Point* Q, const Risk* R) noexcept nogil:
    memcpy(Q.eta, P.eta, 7 * R.n * sizeof(double))


cdef double group_unit(const Risk* R, const Point* P, Py_ssize_t g, double before) noexcept nogil:
    """log of the unit of group g's sums, from that of the group before."""
    cdef Py_ssize_t i
    cdef double top = -inf
    if not R.fresh[g] and P.scale[g] == 1:
        return before
    for i in range(R.enter[g], R.stop[g]):
        if R.w[i] > 0 and P.eta[i] > top:
            top = P.eta[i]
    return top


cdef double risk_value(const Risk* R, Point* P) noexcept nogil:
    """F at ``P.eta``; fills e, scale, S and D. NaN or infinite where η is."""
    cdef Py_ssize_t g, i, l, terms
    cdef double unit = 0, top, s = 0, d, total = 0, m
    memset(P.e, 0, R.n * sizeof(double))
    for g in range(R.groups):
        top = -inf
        for i in range(R.enter[g], R.stop[g]):
            if R.w[i] > 0 and not P.eta[i] <= top:
                top = P.eta[i]
        if R.fresh[g]:
            P.scale[g] = 0
            s = 0
            unit = top
        elif not top <= unit + ROOM:
            P.scale[g] = exp(unit - top)
            s *= P.scale[g]
            unit = top
        else:
            P.scale[g] = 1
        for i in range(R.enter[g], R.stop[g]):
            if R.w[i] > 0:
                P.e[i] = R.w[i] * exp(P.eta[i] - unit)
                s += P.e[i]
        d = 0
        for i in range(R.first[g], R.stop[g]):
            d += P.e[i]
            if R.death[i] > 0:
                total -= R.death[i] * (P.eta[i] - unit)
        P.S[g] = s
        P.D[g] = d
        if R.efron and R.count[g] > 1:
            terms = <Py_ssize_t>R.count[g]
            m = R.mass[g] / terms
            for l in range(terms):
                total += m * log(s - tie_share(l, terms, True) * d)
        else:
            total += R.mass[g] * log(s)
    return total / R.total


cdef void risk_residual(const Risk* R, Point* P) noexcept nogil:
    """r and h at the point that ``risk_value`` has seen."""
    cdef Py_ssize_t g, i, l, terms
    cdef double b = 0, late, m, one, share, inverse = 1 / R.total
    memset(P.h, 0, R.n * sizeof(double))
    for g in range(R.groups - 1, -1, -1):
        late = 0
        if R.efron and R.count[g] > 1:
            terms = <Py_ssize_t>R.count[g]
            m = R.mass[g] / terms
            for l in range(terms):
                share = tie_share(l, terms, True)
                one = m / (P.S[g] - share * P.D[g])
                b += one
                late += share * one
        else:
            b += R.mass[g] / P.S[g]
        for i in range(R.enter[g], R.stop[g]):
            P.h[i] = P.e[i] * b * inverse
        if late > 0:
            for i in range(R.first[g], R.stop[g]):
                P.h[i] = P.e[i] * (b - late) * inverse
        b *= P.scale[g]
    for i in range(R.n):
        P.r[i] = R.death[i] * inverse - P.h[i]


cdef double risk_distance(const Risk* R, const Point* P, double s) noexcept nogil:
    """Σ_k m_k KL(s p_k + (1 − s) e_k ‖ p_k) / Σ w, where e_k spreads the deaths of the time by their weights."""
    cdef Py_ssize_t g, i, l, terms
    cdef double total = 0, share, A, one
    if s >= 1:
        return 0
    for g in range(R.groups):
        terms = <Py_ssize_t>R.count[g] if R.efron else 1
        for l in range(terms):
            share = tie_share(l, R.count[g], R.efron)
            A = P.S[g] - share * P.D[g]
            one = shrunk_entropy((P.S[g] - P.D[g]) / A, s)
            for i in range(R.first[g], R.stop[g]):
                if R.death[i] > 0:
                    one += mixed_entropy((1 - share) * P.e[i] / A, R.death[i] / R.mass[g], s)
            total += R.mass[g] / terms * one
    return total / R.total


include "cox_hessian.pxi"
