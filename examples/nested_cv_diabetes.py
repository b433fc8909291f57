"""What a cross-validated elastic net is worth on new patients: nested cross-validation on the diabetes data.

The smallest error of a cross-validation was chosen as the smallest, so it flatters. The nested score repeats the whole
choice without the rows that it is scored on.
"""

import numpy as np
from sklearn.datasets import load_diabetes

import riata

L1_RATIOS = [0.1, 0.5, 0.9, 1.0]


def main():
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    cv = riata.cross_validate_path(X, y, l1_ratio=L1_RATIOS, standardize=True)
    print(cv.summary())

    for rule in ("min", "1se"):
        nested = riata.nested_cross_validate(X, y, l1_ratio=L1_RATIOS, cv=10, inner_cv=10, rule=rule, standardize=True)
        print(f"\n{nested.summary()}")
        if rule == "min":
            by_minimum = nested
    r2 = 1 - np.mean((y - by_minimum.oof_prediction) ** 2) / np.var(y)
    print(f"\nR² of the out-of-fold predictions, whole procedure: {r2:.3f}")
    return cv, by_minimum


if __name__ == "__main__":
    main()
