"""What travels between the runner and a worker: lines of tab-separated key=value, and arrays in files.

A job is one line on the worker's standard input; the answer is one line on its standard output that starts with ``@``
(other lines are the solver's own chatter). Nothing here needs more than numpy, of either major version.

Coefficients come back as raw little-endian files PREFIX.rows, .cols (int32), .values (float64): the non-zeros of a
(number of paths x alphas, p) matrix; PREFIX.intercept (float64) has one number per row. Held-out errors are in
PREFIX.mse, float64, (l1_ratio, alpha, fold) in C order. The answer of a row kernel or a network is PREFIX.npy.
"""

from pathlib import Path

import numpy as np
from scipy import sparse

MARK = "@"


def line(fields):
    """One message. Tabs and line ends inside a value become spaces."""
    return "\t".join(f"{key}={' '.join(str(value).split())}" for key, value in fields.items())


def parse(text):
    """The fields of a message, as strings."""
    return dict(item.split("=", 1) for item in text.rstrip("\n").split("\t") if "=" in item)


def read_data(folder):
    """All arrays of a row's folder; a sparse X is put together again as CSC, and many problems are lists again."""
    arrays = {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}
    if "X_data" in arrays:
        parts = (arrays.pop("X_data"), arrays.pop("X_indices"), arrays.pop("X_indptr"))
        arrays["X"] = sparse.csc_matrix(parts, shape=tuple(int(k) for k in arrays.pop("X_shape")))
    if "X_flat" in arrays:
        shapes, flat = arrays.pop("X_shapes"), arrays.pop("X_flat")
        sizes, rows = np.cumsum(shapes.prod(axis=1))[:-1], np.cumsum(shapes[:, 0])[:-1]
        arrays["X"] = [part.reshape(shape, order="F") for part, shape in zip(np.split(flat, sizes), shapes, strict=True)]
        for name in {"y", "folds"} & set(arrays):
            arrays[name] = np.split(arrays[name], rows)
    arrays["l1_ratio"] = float(arrays["l1_ratio"][0])
    arrays["intercept"] = bool(arrays["intercept"][0])
    return arrays


def write_coefficients(prefix, coef, intercept):
    """Store a (rows, p) dense or sparse matrix and its intercepts."""
    matrix = sparse.coo_matrix(coef)
    matrix.row.astype(np.int32).tofile(f"{prefix}.rows")
    matrix.col.astype(np.int32).tofile(f"{prefix}.cols")
    matrix.data.astype(np.float64).tofile(f"{prefix}.values")
    np.broadcast_to(np.asarray(intercept, np.float64), (matrix.shape[0],)).tofile(f"{prefix}.intercept")


def write_array(prefix, array):
    """Store the answer of a task of kernels.py."""
    np.save(f"{prefix}.npy", np.asarray(array))


def read_array(prefix):
    return np.load(f"{prefix}.npy")


def read_coefficients(prefix, p):
    """The matrix (CSR) and the intercepts that a worker stored."""
    intercept = np.fromfile(f"{prefix}.intercept")
    triplets = (np.fromfile(f"{prefix}.values"),
                (np.fromfile(f"{prefix}.rows", np.int32), np.fromfile(f"{prefix}.cols", np.int32)))
    return sparse.coo_matrix(triplets, shape=(len(intercept), p)).tocsr(), intercept
