# The coefficients of one class at once: coordinate descent in Gram space. The Gram matrix is kept from step to step and from alpha to
# alpha, scaled by what has become of the sum of its weights. Gradients at the start are exact for the model; how far the old curvature
# is off shows in the step itself, which is shortened where it is too long, and the matrix is made anew where it is far off.
from libc.math cimport INFINITY as inf
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset
from riata_engine.cpu.multinomial_state cimport State
from riata_engine.cpu.multinomial_step cimport (
    Sweep, class_sigma, class_sweep, class_weights, dense_spread, end_class, pair_add, pair_dot)
from scipy.linalg.cython_blas cimport sgemm

cdef extern from "riata_simd.h":
    ctypedef void cloned_void "RIATA_CLONED_VOID"

include "../formulas/penalties.py"

cdef enum:
    PANEL = 512                   # rows of a block of the Gram products
    EPOCHS = 100
    MOST = 2048                   # features of a class whose Gram matrix is held

cdef double APART = 1.3           # curvature along a step, over or under that of the old matrix, at which it is made anew
cdef double WITHIN = 0.1          # how far a class is solved before the next has its turn


cdef void close_block(Block* A) noexcept nogil:
    free(A.C)
    free(A.slot)
    free(A.position)
    free(A.v)
    free(A.xv)
    free(A.gradient)
    free(A.move)
    free(A.visit)


cdef int make_room(State* S, Block* A, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t room, c
    cdef float* C
    cdef int* position
    if A.v == NULL:
        A.v = <float*>malloc(S.ld * sizeof(float))
        A.stale = True
    if A.n_position < S.room:
        position = <int*>realloc(A.position, S.room * sizeof(int))
        if position == NULL:
            return 1
        A.position = position
        for c in range(A.n_position, S.room):
            position[c] = -1
        A.n_position = S.room
    if A.v == NULL:
        return 1
    if count <= A.room:
        return 0
    room = max(count + count // 2, <Py_ssize_t>32)
    C = <float*>malloc(room * room * sizeof(float))
    if C == NULL:
        return 1
    for c in range(A.count):
        memcpy(C + c * room, A.C + c * A.room, A.count * sizeof(float))
    free(A.C)
    A.C = C
    A.slot = <Py_ssize_t*>realloc(A.slot, room * sizeof(Py_ssize_t))
    A.xv = <double*>realloc(A.xv, room * sizeof(double))
    A.gradient = <double*>realloc(A.gradient, room * sizeof(double))
    A.move = <double*>realloc(A.move, room * sizeof(double))
    A.visit = <Py_ssize_t*>realloc(A.visit, room * sizeof(Py_ssize_t))
    A.room = room
    return A.visit == NULL or A.slot == NULL or A.xv == NULL or A.gradient == NULL or A.move == NULL


cdef cloned_void copy_weighted(const float* x, const float* v, Py_ssize_t m, float* out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(m):
        out[i] = x[i] * v[i]


cdef int extend(State* S, Block* A, Py_ssize_t first) noexcept nogil:
    """Rows and columns ``first`` … of the Gram matrix, at the weights that it has."""
    cdef Py_ssize_t c, e, start = 0
    cdef int a = <int>A.count, f = <int>first, new = <int>(A.count - first), rows, ld = PANEL, ldc = <int>A.room
    cdef float one = 1, beta = 0
    cdef double unused
    cdef char plain = b"n", flip = b"t"
    cdef float* panel
    if new == 0:
        return 0
    panel = <float*>malloc(PANEL * (a + new) * sizeof(float))
    if panel == NULL:
        return 1
    while start < S.n:
        rows = <int>min(<Py_ssize_t>PANEL, S.n - start)
        for c in range(a):
            memcpy(panel + c * PANEL, S.x32 + A.slot[c] * S.ld + start, rows * sizeof(float))
        for c in range(first, a):
            copy_weighted(panel + c * PANEL, A.v + start, rows, panel + (a + c - first) * PANEL)
        sgemm(&flip, &plain, &a, &new, &rows, &one, panel, &ld, panel + a * PANEL, &ld, &beta, A.C + f * A.room, &ldc)
        beta = 1
        start += rows
    for c in range(first, a):
        dense_spread(S.x32 + A.slot[c] * S.ld, A.v, S.ld, &A.xv[c], &unused)
    for c in range(first, a):
        for e in range(c + 1):
            if S.intercept and A.sum_v > 0:
                A.C[c * A.room + e] -= <float>(A.xv[c] * A.xv[e] / A.sum_v)
            A.C[e * A.room + c] = A.C[c * A.room + e]
    free(panel)
    return 0


cdef bint renew(State* S, Block* A, Py_ssize_t k) noexcept nogil:
    """Before a step: a Gram matrix that is far off, or holds many features that have left, is begun anew. Non-zero: no memory."""
    cdef Py_ssize_t c, used = 0
    if make_room(S, A, 1):
        return True
    for c in range(A.count):
        if S.b[S.work[A.slot[c]] * S.K + k] != 0:
            used += 1
    if A.stale or A.count > 32 + used + used // 2:
        class_weights(S, k, &A.sum_v)
        memcpy(A.v, S.v, S.ld * sizeof(float))
        for c in range(A.count):
            A.position[A.slot[c]] = -1
        A.count = 0
        A.stale = False
    return False


cdef cloned_void take_column(const float* c, double d, Py_ssize_t m, double* g) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(m):
        g[i] -= d * c[i]


cdef int block_step(State* S, Block* A, Py_ssize_t k, double l1, double l2, bint support_only, double goal, Sweep* out) noexcept nogil:
    """Solve class k, the others as they are. Non-zero when memory is short."""
    cdef Py_ssize_t m, s, j, c, i, first = A.count, a, epoch, visited = 0
    cdef double total, unused, inverse, shift, product, b, new, d, h, scale, change, start_change = 0, quadratic, old
    cdef double true_square, true_mean, step = 1, f
    class_weights(S, k, &unused)
    class_sigma(S, k, S.t + k * S.ld, S.mean_t, &total)
    inverse = 1 / S.sum_v[k] if S.intercept and S.sum_v[k] > 1e-30 else 0
    shift = (S.g0[k] + total) * inverse
    out.decrease += 0.5 * S.sum_v[k] * shift * shift
    for m in range(S.n_pairs[k]):
        s = S.pairs[k * S.room + m]
        j = S.work[s]
        b = S.trial[j * S.K + k]
        c = A.position[s]
        if support_only and b == 0:
            continue
        pair_dot(S, s, S.sigma, &product)
        product += S.G[k * S.p + j] - S.xv[k * S.room + m] * shift
        if c < 0:
            if b == 0 and product <= l1 * S.f1[j] and -product <= l1 * S.f1[j]:
                continue
            if make_room(S, A, A.count + 1):
                return 1
            c = A.count
            A.slot[c] = s
            A.position[s] = <int>c
            A.count += 1
        A.gradient[c] = product
        A.visit[visited] = c
        visited += 1
    if extend(S, A, first):
        return 1
    a = A.count
    scale = S.sum_v[k] / A.sum_v if A.sum_v > 0 else 1
    memset(A.move, 0, a * sizeof(double))
    for epoch in range(EPOCHS):
        change = 0
        for m in range(visited):
            c = A.visit[m]
            j = S.work[A.slot[c]]
            b = S.trial[j * S.K + k] + A.move[c]
            h = scale * A.C[c * A.room + c]
            if not h + l2 * S.f2[j] > 0:
                continue
            new = elastic_net_step(A.gradient[c] + h * b, h, l1 * S.f1[j], l2 * S.f2[j], -inf, inf)
            d = new - b
            if d == 0:
                continue
            A.move[c] += d
            if new == 0:
                A.move[c] = -S.trial[j * S.K + k]
            take_column(A.C + c * A.room, d * scale, a, A.gradient)
            f = S.f1[j] if S.f1[j] > 0 else 1.0
            d = (h + l2 * S.f2[j]) * (d if d > 0 else -d) / f
            change = max(change, d)
        if epoch == 0:
            start_change = change
        if change <= max(WITHIN * start_change, 0.3 * goal):
            break
    memset(S.moved, 0, S.ld * sizeof(float))
    for c in range(a):
        if A.move[c] != 0:
            pair_add(S, A.slot[c], A.move[c], S.moved)
    if start_change > 0:
        dense_spread(S.moved, S.v, S.ld, &true_mean, &true_square)
        quadratic = true_square - true_mean * true_mean * inverse
        old = old_curvature(A, scale)
        if quadratic > APART * old or old > APART * quadratic:
            A.stale = True
        if quadratic > 1.5 * old:
            step = old / quadratic
        for i in range(S.ld if step < 1 else 0):
            S.moved[i] *= <float>step
        for c in range(a):
            if A.move[c] != 0:
                j = S.work[A.slot[c]]
                d = step * A.move[c]
                S.trial[j * S.K + k] = S.trial[j * S.K + k] + d if step < 1 or S.trial[j * S.K + k] != -A.move[c] else 0.0
                h = scale * A.C[c * A.room + c] + l2 * S.f2[j]
                f = S.f1[j] if S.f1[j] > 0 else 1.0
                out.change = max(out.change, h * (d if d > 0 else -d) / f)
        out.decrease += 0.5 * step * max(old, 0.0)
        shift -= step * true_mean * inverse
    S.trial0[k] += shift
    end_class(S.q + k * S.ld, S.moved, <float>shift, S.ld, S.t + k * S.ld, S.mean_t)
    return 0


cdef double old_curvature(const Block* A, double scale) noexcept nogil:
    """moveᵀ C move"""
    cdef Py_ssize_t c, e
    cdef double total = 0, row
    for c in range(A.count):
        if A.move[c] != 0:
            row = 0
            for e in range(A.count):
                row += A.C[c * A.room + e] * A.move[e]
            total += A.move[c] * row
    return total * scale


cdef int sweep(State* S, Block* blocks, double l1, double l2, bint support_only, double goal, Sweep* out) noexcept nogil:
    """One turn of all classes on the model; by coordinates where X is sparse or a class has very many features. Non-zero: no memory."""
    cdef Py_ssize_t k
    out.decrease = 0
    out.change = 0
    for k in range(S.K):
        if k == S.reference or (S.n_pairs[k] == 0 and not S.intercept):
            continue
        if blocks == NULL or blocks[k].v == NULL or S.n_pairs[k] > MOST:
            class_sweep(S, k, l1, l2, support_only, out)
        elif block_step(S, &blocks[k], k, l1, l2, support_only, goal, out):
            return 1
    return 0


cdef int open_blocks(State* S, Block* blocks) noexcept nogil:
    """Before a step. Non-zero when memory is short."""
    cdef Py_ssize_t k
    for k in range(S.K):
        if k != S.reference and renew(S, &blocks[k], k):
            return 1
    return 0
