"""Cross-validation of ridge without refits: leave-one-out and K folds from one eigen-decomposition, and GCV."""

from dataclasses import dataclass

import numpy as np

from riata.argument_names import native
from riata.arguments import check_arguments, derived_alphas
from riata.cv_choice import choose
from riata.folds import Folds, make_folds
from riata.prediction import linear_predictor
from riata.results import check_same_features
from riata.tables import dataframe
from riata.validation import check_design, check_offset
from riata_engine.batch import Batch, RidgeDecomposition


@dataclass(eq=False, repr=False)
class RidgeCVPath:
    """Ridge at a sequence of alphas, with the held-out errors of exact refits that were not made.

    Attributes
    ----------
    alphas : ndarray of shape (L,)
    coef : ndarray of shape (L, p)
    intercept : ndarray of shape (L,)
    df : ndarray of shape (L,)
        Trace of the hat matrix, and 1 for the intercept if there is one.
    dev_ratio : ndarray of shape (L,)
    null_deviance : float
    gcv : ndarray of shape (L,)
        Generalised cross-validation: deviance / (1 − df / n)², n the rows of positive weight; NaN where df reaches n.
    deviance : ndarray of shape (L, K)
        Weighted mean squared error of each fold (leave-one-out: the squared error of each row).
    deviance_mean, deviance_se : ndarray of shape (L,)
        Means over the folds (where each holds out one row: weighted by the rows' weights), and their standard deviation (divisor
        K − 1) divided by √K.
    alpha_min, alpha_1se, alpha_gcv : float
        Of the smallest mean, by the one-standard-error rule, and of the smallest `gcv`.
    index_min, index_1se, index_gcv : int
        Where these are in `alphas`.
    oof_prediction : ndarray of shape (n,)
        Held-out predictions at `alpha_min`: means over the folds that hold a row out, NaN for a row that none does and
        for one of weight 0.
    folds : list of K integer arrays
        Rows held out, those of weight 0 left away.
    feature_names : list of str, or None
    """

    alphas: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    df: np.ndarray
    dev_ratio: np.ndarray
    null_deviance: float
    gcv: np.ndarray
    deviance: np.ndarray
    deviance_mean: np.ndarray
    deviance_se: np.ndarray
    index_min: int
    index_1se: int
    oof_prediction: np.ndarray
    folds: list
    feature_names: list | None

    @property
    def index_gcv(self):
        return int(np.nanargmin(self.gcv))

    @property
    def alpha_min(self):
        return float(self.alphas[self.index_min])

    @property
    def alpha_1se(self):
        return float(self.alphas[self.index_1se])

    @property
    def alpha_gcv(self):
        return float(self.alphas[self.index_gcv])

    def predict(self, X, rule="min", offset=None):
        """Predictions (n,) for new rows at the alpha that `rule`, "min", "1se" or "gcv", chooses."""
        if rule not in ("min", "1se", "gcv"):
            raise ValueError(f"rule = {rule!r} must be 'min', '1se' or 'gcv'")
        matrix, names = check_design(X)
        check_same_features(names, matrix.shape[1], self.feature_names, self.coef.shape[1])
        i = getattr(self, f"index_{rule}")
        return linear_predictor(matrix, self.coef[[i]], self.intercept[[i]], check_offset(offset, matrix.shape[0]))[:, 0]

    def to_frame(self):
        """One row per alpha, as a pandas DataFrame if pandas is installed, a polars one otherwise."""
        return dataframe({name: getattr(self, name) for name in ("alphas", "df", "dev_ratio", "gcv", "deviance_mean",
                                                                 "deviance_se")})

    def summary(self):
        """A few lines of text: the choices, and about ten alphas."""
        shown = np.unique(np.linspace(0, len(self.alphas) - 1, 10).round().astype(int))
        lines = [repr(self), f"{'alpha':>11} {'df':>8} {'dev_ratio':>9} {'gcv':>11} {'held out':>11} {'se':>9}"]
        lines += [f"{self.alphas[i]:11.4g} {self.df[i]:8.4g} {self.dev_ratio[i]:9.4f} {self.gcv[i]:11.5g} "
                  f"{self.deviance_mean[i]:11.5g} {self.deviance_se[i]:9.2g}" for i in shown]
        return "\n".join(lines)

    def __repr__(self):
        return (f"RidgeCVPath({len(self.alphas)} alphas, {len(self.folds)} folds, alpha_min {self.alpha_min:.4g}, deviance "
                f"{self.deviance_mean[self.index_min]:.5g})")


@native
def ridge_cv_path(X, y, *, alphas=100, cv="loo", groups=None, stratify=None, n_repeats=1, seed=0, alpha_min_ratio=None,
                  weights=None, offset=None, intercept=True, backend="cpu") -> RidgeCVPath:
    """Cross-validate ridge regression exactly, without a refit: leave-one-out by default.

    With the hat matrix H of the fit on all rows (at the alpha that is meant below) the residuals of a fit without the rows of a
    fold F are, on these rows,

        (I − H_FF)⁻¹ r_F

    so that one eigen-decomposition serves all folds and all alphas. The error of each fold is that of
    `riata.cross_validate_path` with l1_ratio=0 and the same folds, and so is their mean; but folds of one row each
    (leave-one-out, or a plan of it) count by the weights of their rows here, where those of a cross-validation count alike. A
    refit without F at alpha has, as a sum over rows, the penalty alpha · Σ_{i not in F} w_i, and H is taken at
    alpha · Σ_{i not in F} w_i / Σ_i w_i. (scikit-learn's RidgeCV keeps the penalty of the sum instead.)

    Parameters
    ----------
    X, y
        As in `riata.fit_path`.
    alphas : int or array_like of shape (L,), default=100
        How many, in ridge's default grid, or which; all of them above 0.
    cv : "loo", int, splitter, iterable of (train, test), or integer array of shape (n,), default="loo"
        Leave one row out, or folds as in `riata.cross_validate_path` that train on every row which they do not test on.
    groups, stratify, n_repeats, seed
        As in `riata.cross_validate_path`.
    alpha_min_ratio, weights, offset, intercept, backend
        As in `riata.fit_path`. There is no `standardize`: a fold's own standard deviations would change the penalty from fold to
        fold, and no formula without refits holds. Standardise X beforehand, or take `riata.cross_validate_path`.

    Returns
    -------
    RidgeCVPath

    Raises
    ------
    ValueError, TypeError
        For bad arguments, naming the argument, the value and the remedy.

    Notes
    -----
    Costs: the decomposition, n p min(n, p) + 9 min(n, p)³, then for each alpha n min(n, p) (leave-one-out) or, for folds of f
    rows, n f min(n, p) + n f². Folds of more than a third of min(n, p) rows are refitted as fast by
    `riata.cross_validate_path`. Memory: n · min(n, p) numbers.

    For a lasso no such formula is exact: its support changes as rows leave. `riata.cross_validate_path` refits it.

    References
    ----------
    Allen (1974), "The relationship between variable selection and data augmentation", Technometrics 16 (PRESS).
    Golub, Heath and Wahba (1979), "Generalized cross-validation as a method for choosing a good ridge parameter",
    Technometrics 21.
    Hastie, Tibshirani and Friedman (2009), "The Elements of Statistical Learning", 2nd edition, section 7.10.

    Examples
    --------
    >>> import numpy as np, riata
    >>> X = np.random.default_rng(0).normal(size=(30, 3)); y = X[:, 0]
    >>> riata.ridge_cv_path(X, y, alphas=[1.0, 1e-6]).alpha_min
    1e-06
    """
    absent = ("penalty_factor", "lower", "upper", "progress", "max_epochs")
    given = check_arguments({**locals(), **dict.fromkeys(absent), "positive": False, "standardize": False, "solver": "auto",
                             "tol": 1e-6, "n_threads": None, "max_epochs": 1})
    n, weights = len(given.y), given.weights
    if isinstance(cv, str) and cv == "loo":
        asked = {"groups": groups is not None, "stratify": stratify is not None, "n_repeats": n_repeats != 1}
        for name in (name for name, is_given in asked.items() if is_given):
            other = ", or a splitter such as sklearn.model_selection.LeaveOneGroupOut()," * (name == "groups")
            raise ValueError(f"{name} is given, and cv = 'loo' leaves out one row at a time, whatever {name} says: give cv as an "
                             f"int{other or ','} or leave {name} out")
        rows = np.arange(n) if weights is None else np.flatnonzero(weights)
        if len(rows) < 2:
            raise ValueError(f"cv = 'loo' needs at least 2 rows with a positive weight, got {len(rows)}")
        folds = Folds(list(rows[:, None]))
    else:
        folds = make_folds(cv, n, y=given.y, X=given.X, weights=weights, groups=groups, stratify=stratify, n_repeats=n_repeats,
                           seed=seed)
    if folds.train is not None:
        raise ValueError("cv gives folds that do not train on every row that they leave in: ridge_cv_path needs 'loo', an int, a "
                         "K-fold splitter or fold ids; riata.cross_validate_path with l1_ratio=0 takes any folds")
    tests = folds.test if weights is None else [test[weights[test] > 0] for test in folds.test]
    y = given.y if given.settings["offset"] is None else given.y - given.settings["offset"]
    steps = given.grid.alphas
    if steps is None:
        steps = derived_alphas(Batch(given.X, y[:, None], weights=weights, l1_ratio=0.0, **given.grid.keywords,
                                     **{**given.settings, "offset": None}))[0][0]
    elif not steps.all():
        raise ValueError("alphas holds 0; ridge_cv_path needs alphas above 0: take a small one, such as 1e-10")
    steps = given.grid.restore(steps)
    decomposition = RidgeDecomposition(given.X, weights, given.settings["intercept"])
    share = np.full(n, 1.0 / n) if weights is None else weights / weights.sum()
    held = np.array([share[test].sum() for test in tests])
    residuals = decomposition.held_out_residuals(steps[None] * (1.0 - held)[:, None], y, tests)            # K of (L, f)
    return _result(given, y, steps, tests, share, decomposition, residuals)


def _result(given, y, steps, tests, share, decomposition, residuals):
    n, n_used = len(y), int(given.rows_used)
    coef, intercept = (values[0] for values in decomposition.coefficients(steps, y))
    left = decomposition.residuals(y, coef[None])[0]
    df = decomposition.effective_df(steps) + given.settings["intercept"]
    null = float(share @ (y - (share @ y if given.settings["intercept"] else 0.0)) ** 2)
    deviance_own = left**2 @ share
    with np.errstate(divide="ignore", invalid="ignore"):
        gcv = np.where(df < n_used, deviance_own / (1.0 - df / n_used) ** 2, np.nan)
        dev_ratio = np.where(null > 0, 1.0 - deviance_own / null, 0.0)
    deviance = np.stack([fit**2 @ (share[test] / share[test].sum()) for fit, test in zip(residuals, tests, strict=True)], axis=1)
    # the rows of leave-one-out, however it was asked for, count as much as their weights; folds count alike, as in CVResult
    loo = all(len(test) == 1 for test in tests)
    weight = np.array([share[test].sum() for test in tests]) if loo else np.ones(len(tests))
    weight = weight / weight.sum()
    mean = deviance @ weight
    spread = (weight * (deviance - mean[:, None])) ** 2
    K = len(tests)
    se = np.sqrt(spread.sum(axis=1) * K / (K - 1)) if K > 1 else np.full(len(mean), np.nan)
    (_, at), (_, at_1se) = choose(mean[None], se[None], steps[None])
    total, times = np.zeros(n), np.zeros(n)
    for fit, test in zip(residuals, tests, strict=True):
        np.add.at(total, test, given.y[test] - fit[at])
        np.add.at(times, test, 1)
    with np.errstate(invalid="ignore"):
        oof = total / times
    return RidgeCVPath(
        alphas=steps, coef=coef, intercept=intercept, df=df, dev_ratio=dev_ratio, null_deviance=null, gcv=gcv, deviance=deviance,
        deviance_mean=mean, deviance_se=se, index_min=at, index_1se=at_1se, oof_prediction=oof, folds=tests,
        feature_names=given.feature_names)
