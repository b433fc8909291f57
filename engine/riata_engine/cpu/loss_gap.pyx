# The certificate of a penalised smooth loss (formulas/losses.py, formulas/penalties.py).
#
#   primal  P(b0, b) = Σ v ℓ(y, η) + Σ g_j(b_j)
#   dual    D(θ) = −Σ v ℓ*(y, −θ/v) − Σ g_j*(z_jᵀθ) − ⟨θ, o⟩,   o the offset, Σ θ = 0 where there is an intercept
#
# at θ = s·r, r = −v ℓ'(y, η): every s in [0, 1] is in the domain of the conjugates, because 0 and r are. A coefficient with an l1
# penalty alone asks for s ≤ l1/|z_jᵀr| (Ndiaye et al. 2017, "Gap safe screening rules", JMLR 18).
from libc.math cimport fabs, INFINITY as inf
from riata_engine.cpu.loss_rows cimport dual_of_rows

include "../formulas/penalties.py"

cdef double REACH = 10                  # a feature without penalty is looked at within so far of 0, and twice its coefficient


cdef double gap_of_loss(const Task* P, const double* f1, const double* f2, const double* lower, const double* upper, const double* t,
                        const double* b, const double* eta, const double* r, double value, double l1, double l2) noexcept nogil:
    """P − D over the m features of a task, from t = Zᵀr and the value of the loss at η."""
    cdef Py_ssize_t q, i
    cdef double s = 1, a, c, edge, gap = value, conjugate = 0
    for q in range(P.m):
        if lower[q] >= 0 and upper[q] <= 0:
            continue
        a, c = l1 * f1[q], l2 * f2[q]
        edge = upper[q] if t[q] > 0 else -lower[q]
        if not (c > 0 or edge < inf) and a > 0 and fabs(t[q]) > a:
            s = min(s, a / fabs(t[q]))
    for q in range(P.m):
        if lower[q] >= 0 and upper[q] <= 0:
            continue
        a, c = l1 * f1[q], l2 * f2[q]
        if b[q] != 0:
            gap += elastic_net_value(b[q], a, c)
        edge = upper[q] if t[q] > 0 else -lower[q]
        if c > 0 or edge < inf:
            conjugate += elastic_net_conjugate(s * t[q], a, c, lower[q], upper[q])
        elif a == 0:                               # the dual asks for t = 0: what is left of it, over a box that holds the optimum
            conjugate += fabs(s * t[q]) * 2 * (fabs(b[q]) + REACH)
    if P.offset != NULL:
        for i in range(P.rows.n):
            gap += s * r[i] * P.offset[i]
    gap += conjugate - dual_of_rows(&P.rows, eta, r, s)
    return max(gap, 0.0) if gap > -1e-10 * (fabs(value) + P.scale) else inf
