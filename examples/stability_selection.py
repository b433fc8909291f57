"""Which genes tell melanoma from other cancers, and how many of these are expected to be chance: stability selection on NCI60.

64 cell lines, 6830 genes: a cross-validated lasso selects some genes, and others without a few of the cell lines. Stability
selection asks which genes enter the path on most random halves of the lines, and bounds the number of those that do so by chance.

NCI60 ships in the ISLP package (``pip install --no-deps ISLP==0.6.0``); without it, the data set that ``riata demo`` takes in
its place serves.
"""

import sys

import numpy as np

import riata
from riata.cli.datasets import demo_problems

#: features that each half selects, and the false selections to be expected at most: the cutoff follows from them
Q, PFER = 20, 0.2


def main(n_subsamples=100, image=None):
    problems, missing = demo_problems(seed=0)
    if missing:
        print(missing)
    problem = problems[-1]
    n, p = problem.X.shape
    X, y = problem.table(), problem.y

    # log ratios, all in the same unit: not standardised, genes that vary more come first
    selection = riata.StabilitySelection(q=Q, pfer=PFER, n_subsamples=int(n_subsamples), random_state=0)
    selection.fit(X, y)
    stable = selection.get_support(indices=True)
    print(f"{problem.name} ({n} × {p}), {problem.target}: {len(selection.plan_)} halves, {selection.q_} features each")
    print(f"stable (in {selection.cutoff_:.0%} of the halves or more), at most {selection.pfer_:.2g} of them by chance:")
    for j in stable[np.argsort(-selection.selection_probabilities_[stable], kind="stable")]:
        print(f"  {selection.feature_names_in_[j]:<12} {selection.selection_probabilities_[j]:.2f}")

    lasso = riata.SelectFromPath(max_features=Q, cv=None).fit(X, y).get_support()
    print(f"first {Q} features on the path of all rows: {np.count_nonzero(lasso & selection.get_support())} of them stable")
    if image is not None:
        selection.plot().figure.savefig(image, dpi=160)
    return selection


if __name__ == "__main__":
    main(*sys.argv[1:])
