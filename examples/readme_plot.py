"""Draws docs/images/path.png: the elastic-net path of melanoma against 6830 genes (NCI60, 64 cell lines), with the
alpha that the one-standard-error rule of a 10-fold cross-validation chooses.

NCI60 ships in the ISLP package: ``pip install --no-deps ISLP==0.6.0`` (``make demo`` does it). Without it, the data set that
``riata demo`` takes in its place is drawn, and the title names it.
"""

import sys
from pathlib import Path

import riata
from riata.cli.datasets import demo_problems
from riata.plots import new_axes
from riata.report import standardising_scale

IMAGE = Path(__file__).resolve().parent.parent / "docs" / "images" / "path.png"


def main(image=IMAGE):
    problems, missing = demo_problems(seed=0)
    if missing:
        print(missing)
    problem = problems[-1]
    cv = riata.cross_validate_path(problem.table(), problem.y, l1_ratio=0.5, cv=problem.cv, standardize=True)
    n, p = problem.X.shape
    axes = cv.path.plot(
        new_axes(7.6, 4.4), scale=standardising_scale(problem.X, problem.y), top=12,
        marks={"1-SE": cv.alpha_1se},
        title=f"{problem.name} ({n} × {p}): elastic-net path of {problem.target}, l1_ratio = 0.5")
    axes.figure.savefig(image, dpi=160)
    print(cv.summary())
    return cv


if __name__ == "__main__":
    main(*sys.argv[1:])
