# The Hessian of the partial likelihood on some columns: rows in chunks, in products of matrices. Taken in by cox_risk.pyx, behind the
# risk sets and formulas/cox.py.
from libc.math cimport sqrt
from libc.stdlib cimport calloc, malloc, free
from libc.string cimport memset
from scipy.linalg.cython_blas cimport dgemm, dsyrk

cdef enum:
    CHUNK = 256                 # rows of U, or of Z, that a product takes


cdef int risk_hessian(const Risk* R, const Point* P, const double** columns, Py_ssize_t a, Py_ssize_t done, double* H,
                      Py_ssize_t ld) noexcept nogil:
    """H[i, j] = z_iᵀ ∇²F z_j for i < a and done ≤ j < a, and mirrored. Non-zero when memory is short."""
    cdef Py_ssize_t i, j, k, q, r0, r1, g = 0, l = 0, terms, filled
    cdef double* U = <double*>malloc(CHUNK * a * sizeof(double))
    cdef double* sums = <double*>calloc(2 * a, sizeof(double))
    cdef Py_ssize_t* group = <Py_ssize_t*>malloc(CHUNK * sizeof(Py_ssize_t))
    cdef double* share = <double*>malloc(2 * CHUNK * sizeof(double))
    cdef double* factor = share + CHUNK
    cdef double c, d, m, inverse = 1 / R.total
    cdef const double* z
    cdef double* u
    cdef Py_ssize_t last, seen = -1
    if U == NULL or sums == NULL or group == NULL or share == NULL:
        free(U)
        free(sums)
        free(group)
        free(share)
        return 1
    for j in range(done, a):
        memset(H + j * ld, 0, a * sizeof(double))
    r0 = 0
    while r0 < R.n:
        r1 = min(R.n, r0 + CHUNK)
        for i in range(r1 - r0):
            factor[i] = sqrt(P.h[r0 + i])
        for j in range(a):
            z = columns[j] + r0
            u = U + j * CHUNK
            for i in range(r1 - r0):
                u[i] = factor[i] * z[i]
        add_products(U, r1 - r0, a, done, 1.0, H, ld)
        r0 = r1
    while g < R.groups:
        filled = 0
        while filled < CHUNK and g < R.groups:
            terms = <Py_ssize_t>R.count[g] if R.efron else 1
            m = sqrt(R.mass[g] / terms * inverse)
            while l < terms and filled < CHUNK:
                group[filled] = g
                share[filled] = tie_share(l, R.count[g], R.efron)
                factor[filled] = m / (P.S[g] - share[filled] * P.D[g])
                filled += 1
                l += 1
            if l == terms:
                g += 1
                l = 0
        for j in range(a):
            z = columns[j]
            u = U + j * CHUNK
            c = sums[2 * j]
            d = sums[2 * j + 1]
            last = seen
            for k in range(filled):
                q = group[k]
                if q != last:
                    c *= P.scale[q]
                    for i in range(R.enter[q], R.stop[q]):
                        c += P.e[i] * z[i]
                    d = 0
                    if R.efron and R.count[q] > 1:
                        for i in range(R.first[q], R.stop[q]):
                            d += P.e[i] * z[i]
                    last = q
                u[k] = factor[k] * (c - share[k] * d)
            sums[2 * j] = c
            sums[2 * j + 1] = d
        seen = group[filled - 1]
        add_products(U, filled, a, done, -1.0, H, ld)
    for j in range(done, a):
        for i in range(j):
            H[i * ld + j] = H[j * ld + i]
    free(U)
    free(sums)
    free(group)
    free(share)
    return 0


cdef void add_products(const double* U, Py_ssize_t rows, Py_ssize_t a, Py_ssize_t done, double sign, double* H,
                       Py_ssize_t ld) noexcept nogil:
    """H[j, i] += sign · u_jᵀ u_i for done ≤ j < a and i ≤ j (what else is written is not read); U has columns of CHUNK rows."""
    cdef char plain = b"n", flip = b"t", upper = b"u"
    cdef int m = <int>a, k = <int>rows, lead = CHUNK, width = <int>(a - done), ldh = <int>ld
    cdef double one = 1
    if done == 0:
        dsyrk(&upper, &flip, &m, &k, &sign, <double*>U, &lead, &one, H, &ldh)
    else:
        dgemm(&flip, &plain, &m, &width, &k, &sign, <double*>U, &lead, <double*>U + done * CHUNK, &lead, &one, H + done * ld, &ldh)
