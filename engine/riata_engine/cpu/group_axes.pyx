# The columns of a group turned to the principal axes of its Gram block, and coefficients turned back.
import numpy as np
from libc.string cimport memcpy, memset
from scipy.linalg.cython_blas cimport ddot, dgemm
from scipy.linalg.cython_lapack cimport dsyev


def principal_axes(double[:, ::1] Z, const Py_ssize_t[::1] start, double[::1] h, double[::1] axes,
                   const Py_ssize_t[::1] axes_at, bint rotate):
    """Turn the rows of Z (m, n) of each group to its principal axes, in place.

    h (m,) gets the eigenvalues of the Gram block and ``axes`` from ``axes_at[g]`` on its eigenvectors U (d, d), one a row: Z_g becomes
    U Z_g, and coefficients b of it are Uᵀb of what it was. With ``rotate=False`` Z stays, ``axes`` gets the Gram blocks and h the
    largest eigenvalue in all places of the group. Directions within rounding of nothing become zero.
    """
    cdef Py_ssize_t G = start.shape[0] - 1, n = Z.shape[1], g, k, d, widest = 0
    cdef int single = 1, size, rows = <int>n, info = 0, work_size, ld = <int>n
    cdef char flip = b"t", plain = b"n", vectors = b"v", values = b"n", lower = b"l"
    cdef double one = 1, zero = 0, top
    cdef double* U
    for g in range(G):
        widest = max(widest, start[g + 1] - start[g])
    cdef double[::1] turned = np.empty(widest * n if rotate else 1)
    work_size = <int>max(1, 66 * widest)
    cdef double[::1] work = np.empty(work_size), block = np.empty(widest * widest), found = np.empty(widest)
    with nogil:
        for g in range(G):
            d = start[g + 1] - start[g]
            size = <int>d
            if d == 1:
                h[start[g]] = ddot(&rows, &Z[start[g], 0], &single, &Z[start[g], 0], &single)
                axes[axes_at[g]] = 1 if rotate else h[start[g]]
                continue
            dgemm(&flip, &plain, &size, &size, &rows, &one, &Z[start[g], 0], &ld, &Z[start[g], 0], &ld, &zero, &block[0], &size)
            if rotate:
                U = &axes[axes_at[g]]
                memcpy(U, &block[0], d * d * sizeof(double))
                dsyev(&vectors, &lower, &size, U, &size, &found[0], &work[0], &work_size, &info)
            else:
                memcpy(&axes[axes_at[g]], &block[0], d * d * sizeof(double))
                dsyev(&values, &lower, &size, &block[0], &size, &found[0], &work[0], &work_size, &info)
            if info != 0:
                break
            top = max(found[d - 1], 0.0)
            for k in range(d):
                h[start[g] + k] = found[k] if rotate else top
            if rotate:
                # columns of Fortran's U are eigenvectors: rows here
                dgemm(&plain, &plain, &rows, &size, &size, &one, &Z[start[g], 0], &ld, U, &size, &zero, &turned[0], &ld)
                memcpy(&Z[start[g], 0], &turned[0], d * n * sizeof(double))
                for k in range(d):
                    if found[k] <= 4e-16 * d * top:
                        h[start[g] + k] = 0
                        memset(&Z[start[g] + k, 0], 0, n * sizeof(double))
    if info != 0:
        raise np.linalg.LinAlgError(f"principal_axes: the eigenvalues of a group of {d} features did not converge")


def turned_back(const double[:, :, ::1] b, const Py_ssize_t[::1] start, const double[::1] axes,
                const Py_ssize_t[::1] axes_at, bint rotated, const Py_ssize_t[::1] at, Py_ssize_t p):
    """(K, T, p) coefficients of the columns as they were, of b (K, T, m) on the groups in play; group g goes to ``at[g]`` on."""
    cdef Py_ssize_t K = b.shape[0], T = b.shape[1], G = start.shape[0] - 1, g, k, t, i, j, d
    cdef const double* U
    cdef double[:, :, ::1] out = np.zeros((K, T, p))
    cdef double x
    with nogil:
        for k in range(K):
            for t in range(T):
                for g in range(G):
                    d = start[g + 1] - start[g]
                    U = &axes[axes_at[g]]
                    for i in range(d):
                        x = b[k, t, start[g] + i]
                        if x == 0:
                            continue
                        if rotated:
                            for j in range(d):
                                out[k, t, at[g] + j] += x * U[i * d + j]
                        else:
                            out[k, t, at[g] + i] = x
    return np.asarray(out)
