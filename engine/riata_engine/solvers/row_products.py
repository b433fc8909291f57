"""Products of the rows of many targets with a design or another matrix that they share.

BLAS rounds a product in a way that depends on its shape. Where the answer for a target must be the same bits alone and in a
batch, its rows meet the matrix in a product of their own: np.matmul loops over such a stack in compiled code. All targets
in one product are faster where each has few rows.
"""

import numpy as np

TILE_ROWS, TILE_COLUMNS = 1024, 64  # of the matrix; all products of a stack read a tile before the next
VECTOR_TILE, TILE = 1 << 16, 1 << 12  # entries of a tile of few rows: for products with one row, with several
FEW_ROWS = 32  # rows of a product from which BLAS does well without tiles
HELD = 1 << 20  # entries of a working array beside an answer


def stacked_product(A, M):
    """A M, (S, R, m), for a stack A (S, R, k) and a matrix M (k, m): the bits of a member are the same in any stack."""
    S, R, k = A.shape
    m = M.shape[1]
    if R >= FEW_ROWS:
        return A @ M
    out = np.empty((S, R, m))
    step = max(TILE_COLUMNS, (VECTOR_TILE if R == 1 else TILE) // max(k, 1))
    for start in range(0, m, step):
        columns = slice(start, start + step)
        np.matmul(A[..., :TILE_ROWS], M[:TILE_ROWS, columns], out=out[..., columns])
        for first in range(TILE_ROWS, k, TILE_ROWS):
            rows = slice(first, first + TILE_ROWS)
            out[..., columns] += A[..., rows] @ M[rows, columns]
    return out


def weighted_square(R, v):
    """sum_i v_i r_i^2 over the last axis of R (T, L, n), (T, L): a product for each target."""
    return np.square(R) @ v


class RowProducts:
    """The products of a `CentredDesign` with rows: L of them for each of T targets, in an array (T, L, n) or (T, L, p)."""

    def times(self, A, M):
        """A M, (T, L, m), for A (T, L, k) and M (k, m): a product for each target if `separate`, else one."""
        if self.separate:
            return stacked_product(A, M)
        T, L, k = A.shape
        return (A.reshape(T * L, k) @ M).reshape(T, L, M.shape[1])

    def dot(self, B):
        """Z b for the rows b of B (T, L, p), (T, L, n)."""
        if not (self.sparse or self.direct):
            return self._dot_of_blocks(B)
        out = _sparse_product(B / self.unit, self.X) if self.sparse else self.times(B, self.X.T)
        if self.intercept:
            out -= self.times(B, self.mean[:, None])
        return out

    def _dot_of_blocks(self, B):
        if self.tall:
            out = np.empty((*B.shape[:2], self.n))
            for rows, block in self.row_blocks():
                out[..., rows] = self.times(B, block.T)
            return out
        out = np.zeros((*B.shape[:2], self.n))
        for columns, block in self.column_blocks():
            out += self.times(B[..., columns], block.T)
        return out

    def weighted_transpose_dot(self, R):
        """Z'V r for the rows r of R (T, L, n), (T, L, p)."""
        VR = R * self.v
        if not (self.sparse or self.direct):
            return self._transpose_dot_of_blocks(VR)
        if self.sparse:
            out = _sparse_product(VR, self.X.T)
            if self.unit != 1:
                out /= self.unit
        else:
            out = self.times(VR, self.X)
        if self.intercept:
            total = VR.sum(axis=-1, keepdims=True)
            step = max(1, HELD // max(total.size, 1))
            for start in range(0, self.p, step):
                columns = slice(start, start + step)
                out[..., columns] -= total * self.mean[columns]
        return out

    def _transpose_dot_of_blocks(self, VR):
        out = np.zeros((*VR.shape[:2], self.p))
        if self.tall:
            for rows, block in self.row_blocks():
                out += self.times(VR[..., rows], block)
        else:
            for columns, block in self.column_blocks():
                out[..., columns] = self.times(VR, block)
        return out


def _sparse_product(B, X):
    """X b for the rows b of B: SciPy adds up the entries of X in one order, whatever the number of rows."""
    T, L, k = B.shape
    return np.ascontiguousarray((X @ B.reshape(T * L, k).T).T).reshape(T, L, X.shape[0])
