"""What a cross-validation hands back."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from riata.calibration import Calibration, OutOfFold, calibrated
from riata.cv_choice import CVChoice, choose, standard_error
from riata.results import PathResult
from riata.status import OVERFLOW, UNDERFLOW


@dataclass(eq=False, repr=False)
class CVResult(CVChoice):
    """Cross-validated paths over alphas and l1_ratios.

    Deviance is the weighted mean deviance on the rows that a fold holds out: for squared loss the mean squared error. The score
    is the measure that chooses, by default the deviance (see `scoring` of `riata.cross_validate_path`). The minimum rule takes
    the (l1_ratio, alpha) whose mean score over the folds is best (smallest; largest where `greater_is_better`), of equal ones the
    larger alpha. The one-standard-error rule (Breiman, Friedman, Olshen and Stone 1984) takes, at that l1_ratio, the largest
    alpha whose mean is within the standard error of the best: a larger penalty, a simpler model. With a single fold there is no
    standard error, and both rules choose the same.

    What was not fitted, because of a `time_budget` or Ctrl-C, is NaN, and takes no part in the choice. Where Ctrl-C left no
    (l1_ratio, alpha) that is fitted in every fold, `chosen` is False, and whatever needs a choice raises a RuntimeError. So it
    does where the squares of y are beyond float64.

    Attributes
    ----------
    l1_ratios : ndarray of shape (R,)
    alphas : ndarray of shape (R, L)
        Grid of each l1_ratio, from all rows.
    deviance : ndarray of shape (R, L, K)
        Per fold.
    deviance_mean, deviance_se : ndarray of shape (R, L)
        Mean over the K folds, and their standard deviation (divisor K − 1) divided by √K; NaN if K = 1. The folds of a
        repeated cross-validation overlap, so that their standard error is too small.
    scoring : str
        Name of the measure that chooses.
    greater_is_better : bool
        Whether it is made large.
    score : ndarray of shape (R, L, K)
        The measure on the rows of each fold.
    score_mean, score_se : ndarray of shape (R, L)
        As `deviance_mean` and `deviance_se`, over the folds in which the measure has a value.
    undefined_folds : ndarray of int
        The other folds: of one class, where AUC has no value.
    alpha_min, l1_ratio_min, alpha_1se, l1_ratio_1se : float
        What the rules choose.
    index_min, index_1se : tuple of (int, int)
        Where that is in `score_mean`.
    coef_min, coef_1se : ndarray of shape (p,)
    intercept_min, intercept_1se : float
        The models chosen, fitted on all rows.
    paths : list of R PathResult
        Fitted on all rows.
    path : PathResult
        The one of `l1_ratio_min`.
    oof_prediction : ndarray of shape (n,)
        Prediction of each row by the models of the folds that held it out, at (l1_ratio_min, alpha_min): the response of the
        mean of their linear predictors, NaN for a row that none held out; None where nothing is chosen. The pair was chosen with
        these rows: see `riata.nested_cross_validate` for an honest score.
    out_of_fold : OutOfFold or None
        For two classes: the linear predictors of the folds' models, by rule, which `calibrate` reads.
    calibration : riata.calibration.Calibration or None
        Of a result that `calibrate` gave.
    folds : list of K integer arrays
        Rows held out.
    fold_status : ndarray of str, shape (R, L, K)
        How the fits of the folds ended.
    fold_gap : ndarray of shape (R, L, K)
        Their relative duality gaps.
    n_at_limit : int
        As in `riata.results.PathResult`, over all fits.
    """

    l1_ratios: np.ndarray
    alphas: np.ndarray
    deviance: np.ndarray
    paths: list
    folds: list
    fold_status: np.ndarray
    fold_gap: np.ndarray
    oof_prediction: np.ndarray | None = None
    n_at_limit: int = 0
    score: np.ndarray | None = None
    scoring: str = "deviance"
    score_label: str = "deviance"
    greater_is_better: bool = False
    out_of_fold: OutOfFold | None = None
    calibration: Calibration | None = None

    def __post_init__(self):
        if self.score is None:
            self.score = self.deviance
        self.deviance_mean = self.deviance.mean(axis=-1)
        self.deviance_se = standard_error(self.deviance)

    @cached_property
    def _choice(self):
        if np.isinf(self.paths[0].null_deviance):
            raise RuntimeError(OVERFLOW)
        return choose(self.loss_mean, self.score_se, self.alphas)

    @property
    def path(self) -> PathResult:
        return self.paths[self.index_min[0]]

    @property
    def coef_min(self):
        return self._coef(self.index_min)

    @property
    def coef_1se(self):
        return self._coef(self.index_1se)

    @property
    def intercept_min(self):
        return float(self.paths[self.index_min[0]].intercept[self.index_min[1]])

    @property
    def intercept_1se(self):
        return float(self.paths[self.index_1se[0]].intercept[self.index_1se[1]])

    @property
    def notes(self):
        """Sentences about what is odd with the data or the choice, if anything is."""
        path = self.paths[0]
        underflow = path.null_deviance == 0 and not path.notes
        return [*([UNDERFLOW] if underflow else []), *super().notes]

    def predict(self, X, rule="min", offset=None, kind="response"):
        """Predictions (n,) for new rows by the model that `rule`, "min" or "1se", chooses, fitted on all rows.

        `kind` is as in `riata.results.PathResult.predict`; or "calibrated", of a result of `calibrate`: the calibrated
        probability of the second class.
        """
        r, i = self.index(rule)
        if kind == "calibrated":
            if self.calibration is None or self.calibration.rule != rule:
                raise ValueError(f"kind = 'calibrated' needs a calibration of rule = {rule!r}: predict with "
                                 f".calibrate(rule={rule!r})")
            return self.calibration.probability(self.paths[r].predict(X, alpha=self.alphas[r, i], offset=offset, kind="link"))
        return self.paths[r].predict(X, alpha=self.alphas[r, i], offset=offset, kind=kind)

    def calibrate(self, method="sigmoid", rule="min"):
        """This result with a map from linear predictors to calibrated probabilities, fitted out of fold.

        Parameters
        ----------
        method : {"sigmoid", "isotonic"}, default="sigmoid"
            Platt's (1999) logistic curve with his smoothed targets, or a rising step function (Zadrozny and Elkan 2002), which
            needs about a thousand rows.
        rule : {"min", "1se"}, default="min"

        Returns
        -------
        CVResult
            With `calibration`, for ``predict(kind="calibrated")`` and `riata.plots.plot_calibration`.

        Raises
        ------
        ValueError
            Without two classes, or where fewer than two folds hold rows of both classes out.
        """
        self.index(rule)
        return replace(self, calibration=calibrated(self, method, rule))

    def _coef(self, index):
        r, i = index
        return self.paths[r]._coef_rows(slice(i, i + 1))[0]
