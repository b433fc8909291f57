# Whole regularisation paths by coordinate descent on the residual: a coordinate costs its stored entries, and no Gram matrix is
# ever formed. The solver of sparse X and of supports too large for a Gram matrix.
#
# Centring is implicit: with ρ the running residual, which lacks the constant, Σ v ρ = S and the true residual is ρ − S, so that
# x̃_jᵀ V r = mult_j (x_jᵀ V ρ − center_j S) where center_j = Σ v x_ij is the group's own mean.
import numpy as np
from cython cimport floating
from cython.parallel cimport parallel, threadid
from libc.math cimport fabs, INFINITY as inf
from libc.stdlib cimport malloc, free, calloc
from libc.string cimport memcpy
from riata_engine.cpu.certificate cimport duality_gap, boxed_gap
from riata_engine.cpu.control cimport Control, Signal, fetch_add, overdue, poll, wait_for_others
from riata_engine.cpu.design cimport Columns, Design

include "../formulas/penalties.py"

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    CONVERGED = 0
    MAX_ITER = 1
    TIME_BUDGET = 2
    SKIPPED = 5


cdef cloned_void dense_dot(const floating* x, double shift, const double* r, Py_ssize_t n, double* out) noexcept nogil:
    """Σ (x − shift) r: Σ r is zero but for rounding, which a large mean would blow up."""
    cdef Py_ssize_t i
    cdef double s = 0
    for i in range(n):
        s += (x[i] - shift) * r[i]
    out[0] = s


cdef cloned_void dense_axpy(const floating* x, const double* v, double a, double shift, Py_ssize_t n, double* r, double* vr) noexcept nogil:
    """r -= a·(x − shift), and vr = v∘r with it."""
    cdef Py_ssize_t i
    for i in range(n):
        r[i] -= a * (x[i] - shift)
        vr[i] = v[i] * r[i]


cdef struct State:
    # the residual of one problem and what it needs
    const Columns* X
    const double* v                # (n,) weights, sum one
    const double* mean             # (p,) mean of the raw column in this group
    const double* h                # (p,) weighted variance of z
    double* r                      # dense: the true residual; sparse: ρ
    double* vr                     # v∘r
    double total                   # sparse: S = Σ v ρ
    bint intercept
    const Py_ssize_t* free         # features without a penalty and K (n_free, n_free), K Kᵀ = pseudo-inverse of their Gram matrix
    Py_ssize_t n_free
    const double* K
    double* slopes                 # 2·n_free of scratch


cdef double slope(const State* S, Py_ssize_t j) noexcept nogil:
    """z_jᵀ V r."""
    cdef const Columns* X = S.X
    cdef double s = 0
    cdef long long a
    if X.sparse:
        if X.single:
            for a in range(X.indptr[j], X.indptr[j + 1]):
                s += (<const float*>X.data)[a] * S.vr[X.indices[a]]
        else:
            for a in range(X.indptr[j], X.indptr[j + 1]):
                s += (<const double*>X.data)[a] * S.vr[X.indices[a]]
        return X.multiplier[j] * (s - S.mean[j] * S.total)
    if X.single:
        dense_dot[float](<const float*>X.data + j * X.col, S.mean[j], S.vr, X.n, &s)
    else:
        dense_dot[double](<const double*>X.data + j * X.col, S.mean[j], S.vr, X.n, &s)
    return X.multiplier[j] * s


cdef void move(State* S, Py_ssize_t j, double d) noexcept nogil:
    """The coefficient of z_j grows by d: r -= d·(z_j − mean)."""
    cdef const Columns* X = S.X
    cdef double a = d * X.multiplier[j], u
    cdef long long q
    cdef int i
    if X.sparse:
        for q in range(X.indptr[j], X.indptr[j + 1]):
            i = X.indices[q]
            u = a * ((<const float*>X.data)[q] if X.single else (<const double*>X.data)[q])
            S.r[i] -= u
            S.vr[i] -= u * S.v[i]
        if S.intercept:
            S.total -= a * S.mean[j]
    elif X.single:
        dense_axpy[float](<const float*>X.data + j * X.col, S.v, a, S.mean[j], X.n, S.r, S.vr)
    else:
        dense_axpy[double](<const double*>X.data + j * X.col, S.v, a, S.mean[j], X.n, S.r, S.vr)


cdef void step_on_free(State* S, double* b) noexcept nogil:
    """The exact step on all features without a penalty at once: afterwards r is orthogonal to them.

    δ = K Kᵀ z_Fᵀ V r, where K Kᵀ is the pseudo-inverse of their Gram matrix; steps stay in its range, so that collinear free
    features get their minimum-norm coefficients.
    """
    cdef Py_ssize_t i, j, q = S.n_free
    cdef double d
    if q == 0:
        return
    for i in range(q):
        S.slopes[i] = slope(S, S.free[i])
        S.slopes[q + i] = 0
    for i in range(q):
        for j in range(q):
            S.slopes[q + j] += S.K[i * q + j] * S.slopes[i]
    for i in range(q):
        d = 0
        for j in range(q):
            d += S.K[i * q + j] * S.slopes[q + j]
        if d != 0:
            b[S.free[i]] += d
            move(S, S.free[i], d)


cdef double norms(const State* S, const double* y, double* residual_y) noexcept nogil:
    """‖r‖² and ⟨r, y⟩ afresh from the residual; y is centred."""
    cdef Py_ssize_t i
    cdef double rr = 0, ry = 0, r
    for i in range(S.X.n):
        r = S.r[i] - S.total
        rr += S.v[i] * r * r
        ry += S.v[i] * r * y[i]
    residual_y[0] = ry
    return rr


cdef void rebuild(State* S, const double* y, const double* b, Py_ssize_t p) noexcept nogil:
    """The residual from y and the coefficients, without the rounding of many small moves."""
    cdef Py_ssize_t i, j
    for i in range(S.X.n):
        S.r[i] = y[i]
        S.vr[i] = y[i] * S.v[i]
    S.total = 0
    for j in range(p):
        if b[j] != 0:
            move(S, j, b[j])


cdef int one_path(State* S, const double* y, double scale, Py_ssize_t p, const double* f1, const double* f2, const double* lower,
                  const double* upper, double bound_scale, const double* l1, const double* l2, Py_ssize_t L, double tol,
                  long max_epochs, double stop_dev_ratio, double stop_dev_change, bint by_kkt, double* b, double* t,
                  Py_ssize_t* active, char* inside, Signal* signal, void* control, bint owner,
                  const Py_ssize_t* held, Py_ssize_t n_held, const double* w,
                  long long* taken, Py_ssize_t* room, Py_ssize_t** index, double** value, Py_ssize_t* ends, double* gap,
                  double* residual, double* held_out,
                  signed char* status, int* epochs, long long* passes) noexcept nogil:
    """One problem's path. Coefficients are appended to growing (index, value) arrays; ends[l] closes alpha l."""
    cdef Py_ssize_t l, j, k, m = 0, kept, nonzero
    cdef double before = inf, decrease, u, d, a, q, z, rr, ry, goal = tol * scale, target, found, dev = 0, dev_before, weight, e, last
    cdef bint stuck
    cdef Py_ssize_t* larger_index
    cdef double* larger_value
    dev = 0
    for l in range(L):
        status[l] = SKIPPED
        ends[l] = taken[0]
    rebuild(S, y, b, p)
    step_on_free(S, b)
    for j in range(p):
        inside[j] = 0
        t[j] = slope(S, j) if (lower[j] < 0 or upper[j] > 0) and h_positive(S, j) else 0
    passes[0] += 1
    for l in range(L):
        if (poll(signal, control) if owner else overdue(signal)):
            for k in range(l, L):
                status[k] = TIME_BUDGET if signal.stop == 2 else SKIPPED
            return 0
        epochs[l] = 0
        kept = 0
        for k in range(m):                                  # features that have gone to zero leave
            j = active[k]
            if b[j] != 0:
                active[kept] = j
                kept += 1
            else:
                inside[j] = 0
        m = kept
        d = max(2 * l1[l] - before, 0.0) if before < inf else l1[l]
        for j in range(p):                                  # strong rule
            if not inside[j] and h_positive(S, j) and may_enter(t[j], lower[j], upper[j]) and fabs(t[j]) > d * f1[j] * (1 + 1e-12):
                inside[j] = 1
                active[m] = j
                m += 1
        target = 0.3 * goal
        last = inf
        while True:
            stuck = False
            while True:
                decrease = 0
                for k in range(m):
                    j = active[k]
                    a = l1[l] * f1[j]
                    q = l2[l] * f2[j]
                    z = slope(S, j)
                    if b[j] == 0 and fabs(z) <= a:
                        continue
                    u = elastic_net_step(z + S.h[j] * b[j], S.h[j], a, q, lower[j] * bound_scale, upper[j] * bound_scale)
                    d = u - b[j]
                    if d != 0:
                        b[j] = u
                        move(S, j, d)
                        decrease += (S.h[j] + q) * d * d
                step_on_free(S, b)
                epochs[l] += 1
                if epochs[l] % 4 == 0:
                    if owner:
                        poll(signal, control)
                    else:
                        overdue(signal)
                if decrease == 0:
                    stuck = True
                    break
                if decrease <= target or epochs[l] >= max_epochs or signal.stop:
                    break
            rebuild(S, y, b, p)
            step_on_free(S, b)
            rr = norms(S, y, &ry)
            for j in range(p):
                t[j] = slope(S, j) if (lower[j] < 0 or upper[j] > 0) and h_positive(S, j) else 0
            passes[0] += 1
            if by_kkt:
                found = boxed_gap(p, t, b, l1[l], l2[l], f1, f2, lower, upper, bound_scale, S.h, scale)
            else:
                found = duality_gap(p, t, b, l1[l], l2[l], f1, f2, lower, upper, bound_scale, rr, ry)
            if found <= goal:
                status[l] = CONVERGED
                break
            if signal.stop:
                break
            if epochs[l] >= max_epochs:
                status[l] = MAX_ITER
                break
            kept = m
            for j in range(p):
                if not inside[j] and h_positive(S, j) and may_enter(t[j], lower[j], upper[j]) and fabs(t[j]) > l1[l] * f1[j] * (1 + 1e-12):
                    inside[j] = 1
                    active[m] = j
                    m += 1
            if m == kept:
                if stuck and found >= last:
                    status[l] = MAX_ITER
                    break
                target *= 0.1
            last = found
        if status[l] == SKIPPED:
            status[l] = TIME_BUDGET if signal.stop == 2 else SKIPPED
            for k in range(l + 1, L):
                status[k] = status[l]
            return 0
        nonzero = S.n_free
        for k in range(m):
            nonzero += b[active[k]] != 0
        if taken[0] + nonzero > room[0]:
            room[0] = 2 * (taken[0] + nonzero)
            larger_index = <Py_ssize_t*>malloc(room[0] * sizeof(Py_ssize_t))
            larger_value = <double*>malloc(room[0] * sizeof(double))
            if larger_index == NULL or larger_value == NULL:
                free(larger_index)
                free(larger_value)
                return 1
            memcpy(larger_index, index[0], taken[0] * sizeof(Py_ssize_t))
            memcpy(larger_value, value[0], taken[0] * sizeof(double))
            free(index[0])
            free(value[0])
            index[0] = larger_index
            value[0] = larger_value
        for k in range(m):
            if b[active[k]] != 0:
                index[0][taken[0]] = active[k]
                value[0][taken[0]] = b[active[k]]
                taken[0] += 1
        for k in range(S.n_free):
            index[0][taken[0]] = S.free[k]
            value[0][taken[0]] = b[S.free[k]]
            taken[0] += 1
        for k in range(l, L):
            ends[k] = taken[0]
        gap[l] = found / scale
        residual[l] = rr
        if n_held:
            e = 0
            weight = 0
            for k in range(n_held):
                d = S.r[held[k]] - S.total
                e += w[held[k]] * d * d
                weight += w[held[k]]
            held_out[l] = e / weight
        before = l1[l]
        fetch_add(&signal.done, 1)
        dev_before = dev
        dev = 1 - rr / (2 * scale)
        if dev >= stop_dev_ratio or (stop_dev_change >= 0 and l >= 4 and dev - dev_before < stop_dev_change * dev):
            return 0
    return 0


cdef inline bint h_positive(const State* S, Py_ssize_t j) noexcept nogil:
    return S.h[j] > 0


cdef inline bint may_enter(double t, double lower, double upper) noexcept nogil:
    return upper > 0 if t > 0 else lower < 0


def residual_path(Design design, const double[:, ::1] V, const double[:, ::1] mean, const double[:, ::1] h,
                  const Py_ssize_t[::1] group, const double[:, ::1] y, const double[::1] scale, const double[:, ::1] f1,
                  const double[:, ::1] f2, const double[::1] lower, const double[::1] upper, const double[::1] bound_scale,
                  const double[:, ::1] l1, const double[:, ::1] l2, double tol, long max_epochs, double stop_dev_ratio,
                  double stop_dev_change, bint by_kkt, bint intercept, const Py_ssize_t[::1] free_features,
                  const double[:, :, ::1] K, const Py_ssize_t[::1] held_ptr, const Py_ssize_t[::1] held,
                  const double[::1] w, Control control, int n_threads, double[:, ::1] gap, double[:, ::1] residual,
                  double[:, ::1] held_out, signed char[:, ::1] status, int[:, ::1] epochs):
    """Solve B paths on the residual.

    Parameters
    ----------
    design : Design
        CSC, or dense with contiguous columns.
    V : (G, n)
        Row weights of the groups, each of sum one.
    mean, h : (G, p)
        Means of the raw columns and variances of z, by group.
    y : (B, n)
        Centred targets.
    free_features, K : (q,), (G, q, q)
        Features without a penalty; K[g] K[g]ᵀ is the pseudo-inverse of their Gram matrix in group g.
    held_ptr, held : (G + 1,), rows
        Held-out rows of each group (their weight in V is 0); ``w`` (n,) weighs them.

    Returns
    -------
    (list of (index, value, ends) a problem, passes over X)
    """
    cdef Py_ssize_t b, B = y.shape[0], L = l1.shape[1], q = free_features.shape[0]
    cdef Signal* signal = &control.signal
    cdef void* handle = <void*>control
    cdef Columns* X = &design.view
    cdef long begun = 0, finished = 0, failed = 0
    cdef Py_ssize_t[:, ::1] ends = np.zeros((B, L), dtype=np.intp)
    cdef long long[::1] taken = np.zeros(B, dtype=np.int64)
    cdef long long[::1] passes = np.zeros(B, dtype=np.int64)
    cdef Py_ssize_t** index = <Py_ssize_t**>calloc(B + 1, sizeof(Py_ssize_t*))
    cdef double** value = <double**>calloc(B + 1, sizeof(double*))
    cdef Py_ssize_t[::1] i_out
    cdef double[::1] v_out
    try:
        if index == NULL or value == NULL:
            raise MemoryError("residual_path: no room for the list of problems")
        n_threads = max(1, min(n_threads, <int>B))
        with nogil, parallel(num_threads=n_threads):
            while True:
                b = fetch_add(&begun, 1)
                if b >= B:
                    break
                if run(X, &V[group[b], 0], &mean[group[b], 0], &h[group[b], 0], &y[b, 0], scale[b],
                       &f1[group[b] if f1.shape[0] > 1 else 0, 0], &f2[group[b] if f2.shape[0] > 1 else 0, 0], &lower[0], &upper[0],
                       bound_scale[b], &l1[b, 0], &l2[b, 0], L, tol, max_epochs, stop_dev_ratio, stop_dev_change, by_kkt, intercept,
                       &free_features[0] if q else NULL, q, &K[group[b], 0, 0] if q else NULL,
                       &held[0] + held_ptr[group[b]], held_ptr[group[b] + 1] - held_ptr[group[b]], &w[0], signal, handle,
                       threadid() == 0, &taken[b], &index[b], &value[b], &ends[b, 0], &gap[b, 0], &residual[b, 0],
                       &held_out[b, 0], &status[b, 0], &epochs[b, 0], &passes[b]):
                    fetch_add(&failed, 1)
                fetch_add(&finished, 1)
            if threadid() == 0:
                wait_for_others(&finished, <long>B, signal, handle)
        if failed:
            raise MemoryError("residual_path: no room for the residual or the coefficients of a problem")
        out = []
        for b in range(B):
            i_out = np.empty(taken[b], dtype=np.intp)
            v_out = np.empty(taken[b])
            if taken[b]:
                memcpy(&i_out[0], index[b], taken[b] * sizeof(Py_ssize_t))
                memcpy(&v_out[0], value[b], taken[b] * sizeof(double))
            out.append((np.asarray(i_out), np.asarray(v_out), np.asarray(ends[b])))
        return out, int(np.asarray(passes).sum())
    finally:
        if index != NULL and value != NULL:
            for b in range(B):
                free(index[b])
                free(value[b])
        free(index)
        free(value)


cdef int run(const Columns* X, const double* v, const double* mean, const double* h, const double* y, double scale, const double* f1,
             const double* f2, const double* lower, const double* upper, double bound_scale, const double* l1, const double* l2,
             Py_ssize_t L, double tol, long max_epochs, double stop_dev_ratio, double stop_dev_change, bint by_kkt, bint intercept,
             const Py_ssize_t* free_features, Py_ssize_t q, const double* K, const Py_ssize_t* held, Py_ssize_t n_held,
             const double* w, Signal* signal, void* control, bint owner,
             long long* taken, Py_ssize_t** index, double** value, Py_ssize_t* ends, double* gap, double* residual, double* held_out,
             signed char* status, int* epochs, long long* passes) noexcept nogil:
    cdef State S
    cdef Py_ssize_t n = X.n, p = X.p, room = 1024
    cdef double* memory = <double*>calloc(2 * n + 2 * p + 2 * q + 1, sizeof(double))
    cdef Py_ssize_t* active = <Py_ssize_t*>malloc((p + 1) * sizeof(Py_ssize_t))
    cdef char* inside = <char*>malloc(p + 1)
    cdef int code = 1
    index[0] = <Py_ssize_t*>malloc(room * sizeof(Py_ssize_t))
    value[0] = <double*>malloc(room * sizeof(double))
    if memory != NULL and active != NULL and inside != NULL and index[0] != NULL and value[0] != NULL:
        S.X = X
        S.v = v
        S.mean = mean
        S.h = h
        S.r = memory
        S.vr = memory + n
        S.total = 0
        S.intercept = intercept
        S.free = free_features
        S.n_free = q
        S.K = K
        S.slopes = memory + 2 * n + 2 * p
        code = one_path(&S, y, scale if scale > 0 else 1.0, p, f1, f2, lower, upper, bound_scale, l1, l2, L, tol, max_epochs,
                        stop_dev_ratio, stop_dev_change, by_kkt, memory + 2 * n, memory + 2 * n + p, active, inside, signal, control, owner,
                        held, n_held, w, taken, &room, index, value, ends, gap, residual, held_out, status, epochs, passes)
    free(memory)
    free(active)
    free(inside)
    return code
