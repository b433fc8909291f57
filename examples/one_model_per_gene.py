"""One elastic net per gene, from the variants around it, as PrediXcan trains them (Gamazon et al. 2015, Nature Genetics 47).

One genotype matrix on disk serves all genes; each takes a window of its columns. A gene's model is chosen by 10-fold
cross-validation, and judged by a nested one (5 outer folds × 10 inner, 66 paths with the model itself): how well do models
that are made this way predict people whom they have not seen?

    python examples/one_model_per_gene.py            # 12 genes, seconds
    python examples/one_model_per_gene.py 200 500    # 200 genes, 500 people

The genotypes are drawn: variants in blocks of 20 that are inherited together (correlation about .9), counts 0, 1 or 2.
"""

import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import riata

BLOCK = 20


def genotypes(n_people, n_variants, rng):
    """(n, p) counts of an allele, Fortran order, float32."""
    out = np.empty((n_people, n_variants), np.float32, order="F")
    for first in range(0, n_variants, BLOCK):
        shared = rng.normal(size=(n_people, 1))
        own = rng.normal(size=(n_people, min(BLOCK, n_variants - first)))
        mixed = np.sqrt(0.9) * shared + np.sqrt(0.1) * own
        out[:, first:first + BLOCK] = (mixed > -0.2).astype(np.float32) + (mixed > 0.9)
    return out


def expression(matrix, windows, rng, heritability=0.3):
    """(n, G): each gene a few of its variants, and noise."""
    out = np.empty((len(matrix), len(windows)))
    for g, window in enumerate(windows):
        own = matrix[:, window].astype(float)
        chosen = rng.choice(own.shape[1], 4, replace=False)
        signal = own[:, chosen] @ rng.normal(size=4)
        out[:, g] = signal + rng.normal(size=len(matrix)) * signal.std() * np.sqrt(1 / heritability - 1)
    return out


def main(n_genes=12, n_people=150, width=(100, 300)):
    rng = np.random.default_rng(0)
    sizes = rng.integers(*width, n_genes)
    n_variants = int(sizes.max() * 2 + 50 * n_genes)
    starts = np.sort(rng.integers(0, n_variants - sizes.max(), n_genes))
    windows = [slice(int(a), int(a + size)) for a, size in zip(starts, sizes, strict=True)]
    names = [f"gene{g}" for g in range(n_genes)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "genotypes.npy"
        np.save(file, genotypes(n_people, n_variants, rng))
        matrix = np.load(file, mmap_mode="r")                 # only the windows are read
        Y = expression(matrix, windows, rng)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)   # the status of each gene is looked at below
            models = riata.fit_batch(matrix, Y, columns=windows, l1_ratio=0.5, cv=10, labels=names)
            chosen = time.perf_counter()
            nested = [riata.cross_validate_path(matrix[:, window], Y[:, g], l1_ratio=0.5, cv=5, inner_cv=10).r2.mean()
                      for g, window in enumerate(windows)]
        end = time.perf_counter()
    size = [np.count_nonzero(model.coef) for model in models]
    print(f"{n_genes} genes, {n_people} people, {n_variants} variants, windows of {sizes.min()} to {sizes.max()}")
    print(f"models: {(chosen - start) / n_genes:.3f} s a gene; nested scores: {(end - chosen) / n_genes:.3f} s a gene")
    print(f"{sum(models.status == 'converged')} converged, {int(np.median(size))} variants in the median model")
    print(f"nested R²: median {np.median(nested):.3f}, {sum(score > 0.01 for score in nested)} of {n_genes} above .01")
    return models, np.array(nested)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
