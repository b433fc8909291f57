"""One cross-validation that the tests of plots, models and reports share; fitted once."""
from functools import cache

import polars as pl
from sklearn.datasets import load_diabetes

import riata


@cache
def diabetes_cv():
    """(X, y, CVResult) of the diabetes data, 3 l1_ratios × 25 alphas × 5 folds."""
    data = load_diabetes(scaled=False)
    table = pl.DataFrame(data.data, schema=list(data.feature_names))
    cv = riata.cross_validate_path(table, data.target, l1_ratio=[0.1, 0.5, 1.0], alphas=25, cv=5, standardize=True)
    return data.data, data.target, cv
