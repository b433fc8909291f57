# Paths for many features, whatever the penalty: solve a block of alphas on the few columns in play, check all columns for the whole
# block in one pass over X, accept the alphas that hold, take the violators in, go on. Every problem has its own columns, its own Gram
# matrix and its own warm starts, so that its answer is the same alone and beside others; the pass over X is one for all of them.
import numpy as np
from cython.parallel cimport parallel, threadid
from libc.math cimport NAN
from libc.stdlib cimport malloc, free, calloc
from libc.string cimport memcpy, memset
from riata_engine.cpu.control cimport Control, Signal, fetch_add, wait_for_others
from riata_engine.cpu.design cimport Design
from riata_engine.cpu.in_play cimport close_play, extend_gram, open_play, subtract_fitted, take_in
from riata_engine.cpu.status cimport CONVERGED, MAX_ITER

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

cdef enum:
    AHEAD = 2                   # after a block of which g alphas were accepted, the next one tries g + AHEAD
    LEAST = 40                  # columns that a strong rule may bring in at once
    MOST = 100
    PATIENCE = 6                # rounds at one alpha without a violator before its certificate is left as it is

cdef double SHARE = 0.3         # … or this share of the support
cdef double INNER = 0.3         # share of the tolerance that solvers go for on the columns in play


cdef int open_member(Member* M, const double* gradient) noexcept nogil:
    cdef Py_ssize_t p = M.play.X.p, j
    M.b = <double*>calloc(p, sizeof(double))
    M.gradient = <double*>malloc(p * sizeof(double))
    if open_play(&M.play) or M.b == NULL or M.gradient == NULL:
        return 1
    memcpy(M.gradient, gradient, p * sizeof(double))
    M.next, M.reach, M.tries, M.finished, M.inner = 0, BLOCK, 0, M.L == 0, INNER
    for j in range(p):
        if M.f1[j] == 0 and M.h[j] > 0 and take_in(&M.play, j):     # without a penalty: in play from the start
            return 1
    return 0


cdef void close_member(Member* M) noexcept nogil:
    close_play(&M.play)
    free(M.b)
    free(M.gradient)
    free(M.path)
    free(M.index)
    free(M.value)


cdef Py_ssize_t support(const Member* M) noexcept nogil:
    cdef Py_ssize_t q, s = 0
    for q in range(M.play.m):
        s += M.b[q] != 0
    return s


cdef Py_ssize_t cap_of(const Member* M) noexcept nogil:
    cdef Py_ssize_t least = min(<Py_ssize_t>MOST, max(<Py_ssize_t>LEAST, <Py_ssize_t>LEAST // 2 + M.play.X.n // 4))
    return max(least, <Py_ssize_t>(SHARE * support(M)))


cdef double ahead_of(const Member* M) noexcept nogil:
    """The l1 penalty at the end of the next block."""
    return M.l1[min(M.L, M.next + M.reach) - 1]


cdef cloned_void weigh_residual(double* r, const double* v, const double* y, Py_ssize_t n, bint intercept, double* level, double* rr,
                                double* ry) noexcept nogil:
    """r becomes V r about its weighted mean, ``level``."""
    cdef Py_ssize_t i
    cdef double s = 0, square = 0, product = 0
    if intercept:
        for i in range(n):
            s += v[i] * r[i]
    for i in range(n):
        r[i] -= s
        square += v[i] * r[i] * r[i]
        product += v[i] * r[i] * y[i]
        r[i] *= v[i]
    level[0] = s
    rr[0] = square
    ry[0] = product


cdef int go_ahead(Member* M, double* W, Signal* signal, void* control, bint owner) noexcept nogil:
    """The next block of one problem, and its weighted residuals W (BLOCK, n)."""
    cdef Py_ssize_t l, q, i, n = M.play.X.n, m
    cdef double level, e, weight, d
    cdef double* g
    cdef double* b
    if extend_gram(&M.play):
        return 1
    m = M.play.m
    M.length = min(M.reach, M.L - M.next)
    M.ld = max(m, <Py_ssize_t>1)
    free(M.path)
    M.path = <double*>calloc(BLOCK * M.ld, sizeof(double))
    g = <double*>malloc(M.ld * sizeof(double))
    if M.path == NULL or g == NULL:
        free(g)
        return 1
    for q in range(m):
        g[q] = M.gradient[M.play.columns[q]]
    for l in range(M.length):
        b = M.path + l * M.ld
        memcpy(b, M.b if l == 0 else b - M.ld, m * sizeof(double))
        if M.solve(M, M.next + l, b, g, signal, control, owner):
            free(g)
            return 1
        if signal.stop:
            break
    free(g)
    for l in range(BLOCK):
        memcpy(W + l * n, M.y, n * sizeof(double))
    if subtract_fitted(&M.play, M.path, M.ld, M.length, W):
        return 1
    for l in range(BLOCK):
        if l >= M.length:
            memset(W + l * n, 0, n * sizeof(double))
            continue
        e = 0
        weight = 0
        if M.n_held:                                         # their weight is 0 in V, so that they keep the residual apart
            level = 0
            if M.intercept:
                for i in range(n):
                    level += M.play.v[i] * W[l * n + i]
            for i in range(M.n_held):
                d = W[l * n + M.held[i]] - level
                e += M.w[M.held[i]] * d * d
                weight += M.w[M.held[i]]
        M.apart[l] = e / weight if weight > 0 else NAN
        weigh_residual(W + l * n, M.play.v, M.y, n, M.intercept, &level, &M.rr[l], &M.ry[l])
    return 0


cdef int keep(Member* M, Py_ssize_t l, const double* b) noexcept nogil:
    """Append the coefficients of alpha l to the answer."""
    cdef Py_ssize_t q, k, count = 0
    cdef Py_ssize_t* index
    cdef double* value
    for q in range(M.play.m):
        count += b[q] != 0
    if M.taken + count > M.room:
        M.room = 2 * (M.taken + count)
        index = <Py_ssize_t*>malloc(M.room * sizeof(Py_ssize_t))
        value = <double*>malloc(M.room * sizeof(double))
        if index == NULL or value == NULL:
            free(index)
            free(value)
            return 1
        if M.taken:
            memcpy(index, M.index, M.taken * sizeof(Py_ssize_t))
            memcpy(value, M.value, M.taken * sizeof(double))
        free(M.index)
        free(M.value)
        M.index, M.value = index, value
    for q in range(M.play.m):
        if b[q] != 0:
            M.index[M.taken] = M.play.columns[q]
            M.value[M.taken] = b[q]
            M.taken += 1
    for k in range(l, M.L):
        M.ends[k] = M.taken
    return 0


cdef int take_stock(Member* M, const double* T, Signal* signal) noexcept nogil:
    """Accept the alphas of the block that the gradients T (BLOCK, p) certify, and choose the columns of the next."""
    cdef Py_ssize_t l, at, p = M.play.X.p, m = M.play.m, good = 0
    cdef double found
    cdef const double* t = NULL
    cdef bint rejected = False, out_of_epochs
    for l in range(M.length):
        at = M.next + l
        t = T + l * p
        found = M.certify(M, at, M.path + l * M.ld, t, M.rr[l], M.ry[l])
        M.certificate[at] = found
        if not (found <= M.tol):
            rejected = True
            break
        M.status[at] = CONVERGED
        M.residual[at] = M.rr[l]
        M.held_out[at] = M.apart[l]
        if keep(M, at, M.path + l * M.ld) or M.remark(M, at, M.path + l * M.ld):
            return 1
        good += 1
        M.tries, M.inner = 0, INNER
        fetch_add(&signal.done, 1)
    l = good if rejected else M.length - 1                   # the block goes on from here
    memcpy(M.b, M.path + l * M.ld, m * sizeof(double))
    memcpy(M.gradient, T + l * p, p * sizeof(double))
    M.next += good
    M.current = M.l1[M.next if rejected else M.next - 1]
    M.reach = min(<Py_ssize_t>BLOCK, good + AHEAD)
    if M.next == M.L:
        M.finished = True
        return 0
    if M.admit(M, M.gradient, M.l1[M.next], ahead_of(M), cap_of(M)):
        return 1
    if rejected and M.play.m == m:                           # nothing violates: the columns in play are to be solved better
        at = M.next
        M.tries += 1
        M.inner *= 0.1
        out_of_epochs = M.epochs[at] >= M.max_epochs
        if out_of_epochs or M.tries > PATIENCE:
            M.status[at] = MAX_ITER
            M.residual[at] = M.rr[l]
            M.held_out[at] = M.apart[l]
            if keep(M, at, M.path + l * M.ld) or M.remark(M, at, M.path + l * M.ld):
                return 1
            M.tries, M.inner = 0, INNER
            M.next += 1
            M.finished = M.next == M.L
            fetch_add(&signal.done, 1)
    return 0


cdef class Rounds:
    """K paths on one X.

    Parameters
    ----------
    design : Design
    V, mean, shift, h : (G, n), (G, p), (G, p), (G, p)
        Row weights, means of the raw columns and of z, variances of z, by weight group.
    group : (K,)
    y, yy : (K, n), (K,)
    gradient : (K, p)
        Zᵀ V y.
    f1 : (1 or G, p)
    l1, l2 : (K, L)
    tol : float
    max_epochs : int
    intercept : bool
    held_ptr, held, w : (G + 1,), rows, (n,)
        Held-out rows of each group and what weighs them.
    answer : dict
        ``certificate``, ``residual``, ``held_out``, ``curvature`` (K, L) of float64, ``status`` of int8, ``epochs`` of int32.
    """

    def __cinit__(self, Design design, const double[:, ::1] V, const double[:, ::1] mean, const double[:, ::1] shift,
                  const double[:, ::1] h, const Py_ssize_t[::1] group, const double[:, ::1] y, const double[::1] yy,
                  const double[:, ::1] gradient, const double[:, ::1] f1, const double[:, ::1] l1, const double[:, ::1] l2,
                  double tol, long max_epochs, bint intercept, const Py_ssize_t[::1] held_ptr, const Py_ssize_t[::1] held,
                  const double[::1] w, Control control, int n_threads, dict answer, *own):
        cdef Py_ssize_t b, g, K = y.shape[0], L = l1.shape[1]
        cdef double[:, ::1] certificate = answer["certificate"], residual = answer["residual"]
        cdef double[:, ::1] held_out = answer["held_out"], curvature = answer["curvature"]
        cdef signed char[:, ::1] status = answer["status"]
        cdef int[:, ::1] epochs = answer["epochs"]
        cdef Py_ssize_t[:, ::1] ends = np.zeros((K, L), dtype=np.intp)
        cdef Member* M
        self.kept = (V, mean, shift, h, group, y, yy, f1, l1, l2, held_ptr, held, w, certificate, residual, held_out, curvature,
                     status, epochs)
        self.ends = np.asarray(ends)
        self.design, self.control, self.n_threads, self.K = design, control, n_threads, K
        self.members = <Member*>calloc(K + 1, sizeof(Member))
        if self.members == NULL:
            raise MemoryError("no room for the list of problems")
        for b in range(K):
            g = group[b]
            M = self.members + b
            M.play.X, M.play.v, M.play.shift, M.play.mean = &design.view, &V[g, 0], &shift[g, 0], &mean[g, 0]
            M.y, M.yy, M.h, M.intercept = &y[b, 0], yy[b], &h[g, 0], intercept
            M.f1 = &f1[g if f1.shape[0] > 1 else 0, 0]
            M.l1, M.l2, M.L = &l1[b, 0], &l2[b, 0], L
            M.tol, M.max_epochs = tol, max_epochs
            M.held, M.n_held, M.w = &held[0] + held_ptr[g], held_ptr[g + 1] - held_ptr[g], &w[0]
            M.ends, M.certificate, M.residual, M.held_out = &ends[b, 0], &certificate[b, 0], &residual[b, 0], &held_out[b, 0]
            M.curvature, M.status, M.epochs = &curvature[b, 0], &status[b, 0], &epochs[b, 0]
            if open_member(M, &gradient[b, 0]):
                raise MemoryError(f"no room for the {design.view.p} gradients of a problem")
        self.who = np.zeros(K + 1, dtype=np.intp)

    def __init__(self, *arguments):
        cdef Py_ssize_t b
        cdef Member* M
        for b in range(self.K):
            M = self.members + b
            self.prepare(M, b)
            M.current = 0
            if not M.finished:
                M.current = M.l1[0]
                if M.admit(M, M.gradient, M.l1[0], ahead_of(M), cap_of(M)):
                    raise MemoryError("no room for the columns of a problem")

    cdef void prepare(self, Member* M, Py_ssize_t b) noexcept:
        """Give a member its penalty."""

    def __dealloc__(self):
        cdef Py_ssize_t b
        if self.members != NULL:
            for b in range(self.K):
                close_member(self.members + b)
        free(self.members)

    def advance(self):
        """Solve the next block of every problem that goes on.

        Returns
        -------
        (k·BLOCK, n) weighted residuals, or None when all paths are done or the call was stopped
        """
        cdef Py_ssize_t b, i, k = 0, n = self.design.view.n
        cdef Signal* signal = &self.control.signal
        cdef void* handle = <void*>self.control
        cdef long begun = 0, finished = 0, failed = 0
        cdef int threads
        cdef double[:, ::1] W
        for b in range(self.K):
            if not self.members[b].finished:
                self.who[k] = b
                k += 1
        self.k = k
        if k == 0 or self.control.check():
            return None
        W = np.empty((k * BLOCK, n))
        threads = max(1, min(self.n_threads, <int>k))
        with nogil, parallel(num_threads=threads):
            while True:
                i = fetch_add(&begun, 1)
                if i >= k:
                    break
                if go_ahead(self.members + self.who[i], &W[i * BLOCK, 0], signal, handle, threadid() == 0):
                    fetch_add(&failed, 1)
                fetch_add(&finished, 1)
            if threadid() == 0:
                wait_for_others(&finished, <long>k, signal, handle)
        if failed:
            raise MemoryError("no room for the Gram matrix of the columns in play: fewer alphas, or a larger smallest alpha")
        return None if signal.stop else np.asarray(W)

    def settle(self, const double[:, ::1] T):
        """Accept what the gradients T (k·BLOCK, p) of the residuals certify."""
        cdef Py_ssize_t i, k = self.k
        cdef Signal* signal = &self.control.signal
        cdef void* handle = <void*>self.control
        cdef long begun = 0, finished = 0, failed = 0
        cdef int threads = max(1, min(self.n_threads, <int>k))
        with nogil, parallel(num_threads=threads):
            while True:
                i = fetch_add(&begun, 1)
                if i >= k:
                    break
                if take_stock(self.members + self.who[i], &T[i * BLOCK, 0], signal):
                    fetch_add(&failed, 1)
                fetch_add(&finished, 1)
            if threadid() == 0:
                wait_for_others(&finished, <long>k, signal, handle)
        if failed:
            raise MemoryError("no room for the columns in play or the coefficients of a problem")

    def paths(self):
        """List of (index, value, ends) of each problem: coefficients of z, as ``PathStore.put_paths`` takes them."""
        cdef Py_ssize_t b
        cdef Member* M
        cdef Py_ssize_t[::1] index
        cdef double[::1] value
        ends, out = self.ends, []
        for b in range(self.K):
            M = self.members + b
            index, value = np.empty(M.taken, dtype=np.intp), np.empty(M.taken)
            if M.taken:
                memcpy(&index[0], M.index, M.taken * sizeof(Py_ssize_t))
                memcpy(&value[0], M.value, M.taken * sizeof(double))
            out.append((np.asarray(index), np.asarray(value), ends[b]))
        return out
