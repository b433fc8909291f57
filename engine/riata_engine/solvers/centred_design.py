"""A weighted, centred view of a design matrix, seen in float64 blocks.

Z = X[:, columns] - 1 mean', with weights v that sum to one. X may be dense of any order, memory-mapped or sparse,
float32 or float64; it is only read. A dense block is converted and centred in a buffer, so that the memory beside X
is one block, and sums run in float64 whatever the dtype of X. Centring before the product, not after it, keeps the
digits of columns whose mean is large beside their standard deviation.

The blocks are of rows when there are no more columns than rows with positive weight ("tall"), else of columns.
"""

import sys
from functools import cached_property

import numpy as np

from riata_engine.cpu.control import Stopped
from riata_engine.solvers.row_products import RowProducts

BLOCK_ELEMENTS = 1 << 20  # 8 MiB of float64
BLOCK_ROWS, FEWEST_ROWS, FEWEST_COLUMNS = 4096, 256, 256
SPARSE_DENSITY = 0.1  # above it, dense blocks multiply faster than sparse rows
SUBTRACT = 1e-3  # a mean may be subtracted after a sparse product if this share of the second moment is left
SUBTRACT_DENSE = 0.1  # and after a dense one, where centring first costs little: at most one digit is lost
MODERATE = 10.0  # means up to so many standard deviations: a product with X itself loses at most one digit
SAMPLE = 32  # rows that tell whether the above is worth trying
EPS = np.finfo(np.float64).eps
CONSTANT = 16 * EPS  # a column whose deviation is below this share of its mean is constant


def is_sparse(X):
    """True for a scipy sparse matrix or array (scipy is not imported to find out)."""
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and sparse.issparse(X)


class CentredDesign(RowProducts):
    """
    Z = X[:, columns] - 1 mean' under row weights v.

    Parameters
    ----------
    X : ndarray (n, p_all), float32 or float64, any strides; or scipy sparse
    sample_weight : None or (n,) float64, not negative, some positive
    intercept : bool
        False: Z = X[:, columns], nothing is centred.
    columns : None or (p,) intp
        The columns in play; None = all.
    separate : bool, default=False
        Multiply the rows of each target on their own, so that their bits do not depend on the other targets (see
        `row_products`), not those of all targets at once, which is faster for few rows each.
    control : None or Control
        Where it is stopped, the next block of X raises `Stopped`: for passes over X that are left behind (`interruptibly`).

    Attributes
    ----------
    n, p : int
    tall : bool
        p <= number of rows with positive weight.
    v : (n,) float64
        Weights divided by their sum.
    rows : None or intp array
        Rows with positive weight; None if that is all of them.
    mean : (p,) float64
        Weighted means (zeros without intercept); known once `gram` (tall) or `kernel` (wide) has run.
    unit : float
        Power of two, 1 unless squares of X would overflow or vanish (1e300, 1e-300); Z and the means are in this unit.
    constant : (p,) bool
        Columns that the centring leaves nothing of; known at the same time. `gram` and `kernel` count them as zero.
    direct : bool
        `dot` and `weighted_transpose_dot` give X itself to BLAS and put the means right afterwards: a contiguous
        float64 array whose means are at most MODERATE standard deviations; known at the same time.
    """

    def __init__(self, X, sample_weight=None, intercept=True, columns=None, separate=False, control=None):
        self.sparse = is_sparse(X)
        if self.sparse:
            if columns is not None:
                X = X.tocsc()[:, columns]
            self.columns = None
        else:
            self.columns = columns
        self.intercept, self.separate, self.control = intercept, separate, control
        self.n = X.shape[0]
        self.p = X.shape[1] if columns is None else len(columns)
        if sample_weight is None:
            self.uniform, self.rows = True, None
            self.v = np.full(self.n, 1.0 / self.n)
        else:
            w = np.asarray(sample_weight, np.float64)
            if w.shape != (self.n,):
                raise ValueError(f"sample_weight has shape {w.shape}; X has {self.n} rows, so give shape ({self.n},)")
            if not (np.all(w >= 0) and 0 < w.max(initial=0) < np.inf):
                raise ValueError("sample_weight must be finite and not negative, with at least one positive weight")
            w = w / w.max()  # so that the sum cannot overflow
            self.v = w / w.sum()
            least = w.min()
            self.uniform = least == 1
            self.rows = None if least > 0 else np.flatnonzero(w)
        self.n_active = self.n if self.rows is None else len(self.rows)
        self.tall = self.p <= self.n_active
        if self.sparse:
            X = X.tocsr() if self.tall else X.tocsc()
        self.X = X
        self.contiguous = (not self.sparse and columns is None and X.dtype == np.float64 and X.flags.aligned
                           and (X.flags.c_contiguous or X.flags.f_contiguous))
        self.mean = np.zeros(self.p)
        self.constant = np.zeros(self.p, bool)
        self.unit = 1.0
        self.direct = False

    # -- blocks

    def row_blocks(self, centred=True, fewest=FEWEST_ROWS):
        """Yield (rows, Z[rows]) with Z[rows] a contiguous float64 buffer that the next block overwrites."""
        step = min(self.n, BLOCK_ROWS, max(fewest, BLOCK_ELEMENTS // max(self.p, 1)))
        buffer = np.empty(step * self.p)
        for start in range(0, self.n, step):
            rows = slice(start, min(start + step, self.n))
            self._go_on()
            part = self.X[rows] if self.columns is None else self.X[rows, self.columns]
            yield rows, self._fill(buffer, part, self.mean if centred else None)

    def column_blocks(self, active=False, centred=True):
        """Yield (columns, Z[:, columns]), the rows of positive weight alone if `active`."""
        rows = self.rows if active else None
        n = self.n_active if active else self.n
        step = min(self.p, max(FEWEST_COLUMNS, BLOCK_ELEMENTS // n))
        buffer = np.empty(n * step)
        X = self.X
        for start in range(0, self.p, step):
            columns = slice(start, min(start + step, self.p))
            self._go_on()
            part = X[:, columns] if self.columns is None else X[:, self.columns[columns]]
            part = part if rows is None else part[rows]
            yield columns, self._fill(buffer, part, self.mean[columns] if centred else None)

    def _go_on(self):
        if self.control is not None and self.control.stopped:
            raise Stopped

    def _fill(self, buffer, part, mean):
        fortran = not self.sparse and self.X.strides[0] < self.X.strides[1]
        block = buffer[: part.shape[0] * part.shape[1]].reshape(part.shape, order="F" if fortran else "C")
        if self.sparse:
            part = part.toarray()
        if self.unit != 1:
            part = np.multiply(part, 1 / self.unit, dtype=np.float64)
        if self.intercept and mean is not None:
            return np.subtract(part, mean, out=block)
        np.copyto(block, part)
        return block

    # -- products that need no block of Z as a whole

    def find_means(self):
        """One pass over X for the weighted means."""
        self.mean[:] = 0
        if self.intercept and self.contiguous and self.unit == 1:
            np.matmul(self.v, self.X, out=self.mean)
        elif self.intercept:
            for rows, block in self.row_blocks(centred=False):
                self.mean += self.v[rows] @ block

    def gram(self):
        """Z'VZ, (p, p); finds the means first. Constant columns give rows and columns of exact zeros."""
        return self._in_range(self._gram)

    def _in_range(self, product):
        """product(), in a unit of X in which it neither overflows nor vanishes."""
        with np.errstate(over="ignore", invalid="ignore"):
            G = product()
        largest = np.max(np.diagonal(G), initial=0.0)
        if 1e-200 < largest < 1e200:
            return G
        self.choose_unit()
        return G if self.unit == 1 else product()

    def choose_unit(self):
        """One pass over X for its largest entry; sets `unit`."""
        largest = max((float(np.max(np.abs(part), initial=0.0)) for part in self._parts()), default=0.0)
        if not largest < np.inf:
            raise ValueError("X has NaN or infinite entries; remove or impute them")
        if largest > 0 and not 1e-99 < largest < 1e99:
            self.unit = float(np.ldexp(1.0, int(np.clip(np.frexp(largest)[1], -1000, 1000))))

    def _parts(self):
        if self.sparse:
            return [self.X.data]
        blocks = self.row_blocks if self.tall else self.column_blocks
        return (block for _, block in blocks(centred=False))

    def _gram(self):
        if self._is_very_sparse():
            G = self._sparse_gram()
            if G is not None:
                return G
        self.find_means()
        G = self._gram_of_raw() if self.contiguous and self.uniform and self.unit == 1 else None
        if G is None:
            G = self._gram_of_blocks()
        variance = np.diagonal(G)
        self.direct = self.contiguous and self.unit == 1 and _moderate(self.mean, variance)
        if self.intercept:
            self.constant = variance <= (CONSTANT * self.mean) ** 2
            if self.constant.any():
                G[self.constant] = 0
                G[:, self.constant] = 0
                self._exact_constants()
        return G

    def _gram_of_raw(self):
        """X'X/n - mean mean', or None where the subtraction would lose digits of a column."""
        if self.intercept and not (self.mean**2 <= np.square(_sample(self.X)).mean(axis=0)).all():
            return None
        G = self.X.T @ self.X
        second_moment = np.diagonal(G) / self.n
        for start in range(0, self.p, 256):  # so that the outer product needs no memory of the size of G
            rows = slice(start, start + 256)
            part = G[rows]
            part /= self.n
            if self.intercept:
                part -= np.multiply.outer(self.mean[rows], self.mean)
        return G if (np.diagonal(G) >= SUBTRACT_DENSE * second_moment).all() else None

    def _gram_of_blocks(self):
        """Every block of rows is centred before its product is added."""
        G, shift = np.zeros((self.p, self.p)), np.zeros(self.p)
        product = np.empty_like(G)
        for rows, block in self.row_blocks(fewest=min(self.p, BLOCK_ROWS)):  # so that adding up costs little
            if self.intercept:
                shift += self.v[rows] @ block
            if not self.uniform:
                block *= np.sqrt(self.v[rows, None])
            G += np.matmul(block.T, block, out=product)
        if self.uniform:
            G /= self.n
        if self.intercept:  # what the rounding of the means left over (corrected two-pass algorithm)
            G -= np.multiply.outer(shift, shift)
            self.mean += shift
        return G

    def _exact_constants(self):
        """The mean of a constant column is its value: what remains of it is then exactly zero."""
        j = np.flatnonzero(self.constant)
        if j.size:
            row = self.X[0 if self.rows is None else self.rows[0]]
            row = row.toarray().ravel() if self.sparse else row if self.columns is None else row[self.columns]
            self.mean[j] = row[j] / self.unit

    @cached_property
    def nearly_constant(self):
        """Columns that count as constant though a few last digits of theirs vary, increasing; known once the means are."""
        candidates = np.flatnonzero(self.constant & (self.mean != 0))
        step = max(1, BLOCK_ELEMENTS // self.n)
        parts = [candidates[first:first + step] for first in range(0, len(candidates), step)]
        return np.concatenate([np.empty(0, np.intp), *(part[self._last_digits(part).any(axis=0)] for part in parts)])

    def last_digits(self, columns, R):
        """Z'V r and the standard deviations of such columns of Z, (T, L, m) and (m,), for centred rows r of R (T, L, n)."""
        Z = self._last_digits(columns)
        Z -= self.v @ Z
        return self.times(R * self.v, Z), np.sqrt(self.v @ Z**2)

    def _last_digits(self, columns):
        """What the given columns differ by from their value in the first row that counts: no rounding. 0 in rows that do not."""
        part = self.X[:, columns if self.columns is None else self.columns[columns]]
        part = (part.toarray() if self.sparse else np.asarray(part)).astype(np.float64) / self.unit
        part -= part[0 if self.rows is None else self.rows[0]].copy()
        part[self.v == 0] = 0.0
        return part

    def _is_very_sparse(self):
        return self.sparse and self.unit == 1 and self.X.nnz < SPARSE_DENSITY * self.n * max(self.p, 1)

    def _sparse_gram(self):
        """X'VX - mean mean' by a sparse product, or None where the subtraction would lose digits of a column."""
        WX = self.X.astype(np.float64)
        WX.data *= np.repeat(np.sqrt(self.v), np.diff(self.X.indptr))
        G = (WX.T @ WX).toarray()
        if self.intercept:
            self.mean = self.X.T @ self.v
            second_moment = np.diagonal(G).copy()
            G -= np.multiply.outer(self.mean, self.mean)
            if np.any(np.diagonal(G) < SUBTRACT * second_moment):
                return None
        return G

    def kernel(self, column_scale):
        """
        A A' with A = V^(1/2) Z diag(column_scale) on the rows of positive weight; finds the means.

        Columns are centred block by block, so this is one pass over X. Constant columns count as zero; columns of
        scale zero are left out of the product.
        """
        return self._in_range(lambda: self._kernel(column_scale))

    def _kernel(self, column_scale):
        self.mean[:] = 0
        v = self.v if self.rows is None else self.v[self.rows]
        if self._is_very_sparse():
            K = self._sparse_kernel(column_scale, v)
            if K is not None:
                return K
        K = self._kernel_of_raw(column_scale, v)
        if K is None:
            K = self._kernel_of_blocks(column_scale, v)
        if self.intercept:
            self._exact_constants()
        root = np.sqrt(v)
        K *= root
        K *= root[:, None]
        return K

    def _kernel_of_raw(self, column_scale, v):
        """Z Z' as X X' less the means, or None where that would lose digits of a row, or columns are scaled."""
        if not (self.contiguous and self.rows is None and self.unit == 1 and self.p and (column_scale == 1).all()):
            return None
        self.find_means()
        along, square = self.X @ self.mean, self.mean @ self.mean
        second_moment = np.einsum("ij,ij->i", self.X, self.X)
        if not np.all(second_moment - 2 * along + square >= SUBTRACT_DENSE * second_moment):
            return None
        if self.intercept:
            self.constant = _constant(self.X, v, self.mean, self.mean)
        self.direct = _moderate(self.mean, np.square(_sample(self.X) - self.mean).mean(axis=0))
        K = self.X @ self.X.T
        if self.intercept:
            along -= 0.5 * square
            K -= along
            K -= along[:, None]
        return K

    def _kernel_of_blocks(self, column_scale, v):
        """Z diag(column_scale^2) Z'; every block of columns is centred before its product is added."""
        K = np.zeros((self.n_active, self.n_active))
        product = np.empty_like(K)
        self.direct = self.contiguous and self.unit == 1
        for columns, block in self.column_blocks(active=True, centred=False):
            if self.intercept:
                mean = v @ block
                block -= mean
                shift = v @ block
                if np.any(np.abs(shift) > 8 * EPS * np.abs(mean)):  # what rounding of the mean left over
                    block -= shift
                    mean += shift
                self.mean[columns] = mean
                self.direct = self.direct and _moderate(mean, np.square(_sample(block)).mean(axis=0))
                self.constant[columns] = _constant(block, v, mean, 0.0)
            scale = np.where(self.constant[columns], 0.0, column_scale[columns])
            if np.any(scale != 1):
                block *= scale
            K += np.matmul(block, block.T, out=product)
        return K

    def _sparse_kernel(self, column_scale, v):
        """The same by a sparse product, or None where subtracting the means would lose digits of a column."""
        X = (self.X if self.rows is None else self.X[self.rows]).astype(np.float64)
        mean = np.zeros(self.p)
        if self.intercept:
            mean = X.T @ v
            squares = X.copy()
            squares.data **= 2
            second_moment = squares.T @ v
            if np.any(second_moment - mean**2 < SUBTRACT * second_moment):
                return None
        along = X @ (column_scale**2 * mean)
        X.data *= np.repeat(column_scale, np.diff(X.indptr))
        K = (X @ X.T).toarray()
        K -= along
        K -= along[:, None]
        K += np.square(column_scale * mean).sum()
        root = np.sqrt(v)
        K *= root
        K *= root[:, None]
        self.mean = mean
        return K


def _sample(part):
    return part[:: -(-len(part) // SAMPLE)]


def _moderate(mean, variance):
    return bool((mean**2 <= MODERATE**2 * variance).all())


def _constant(part, v, mean, centre):
    """Columns of part - centre of which nothing but rounding is left.

    One row tells for most, all rows are summed for the others alone.
    """
    limit = (CONSTANT * mean) ** 2
    constant = v[0] * (part[0] - centre) ** 2 <= limit
    j = np.flatnonzero(constant)
    if j.size:
        constant[j] = v @ (part[:, j] - (centre[j] if np.ndim(centre) else centre)) ** 2 <= limit[j]
    return constant
