"""glum on a matrix of numbers and categories (tabmat), made before the clock starts: a one-hot block is one column of codes."""

from itertools import pairwise

import numpy as np
import tabmat

from . import glum

VERSION = glum.VERSION
poisson, gamma = glum.poisson, glum.gamma


def prepare(data):
    """X with its last columns, one-hot blocks of the sizes ``levels``, as categories."""
    if "levels" not in data:
        return data
    X, levels = data["X"], data["levels"]
    first = np.cumsum([X.shape[1] - levels.sum(), *levels])
    parts = [tabmat.DenseMatrix(np.asfortranarray(X[:, :first[0]]))]
    parts += [tabmat.CategoricalMatrix(X[:, a:b].argmax(axis=1)) for a, b in pairwise(first)]
    return data | {"X": tabmat.SplitMatrix(parts)}
