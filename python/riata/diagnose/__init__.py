"""Bias and variance: learning and validation curves, a decomposition of the error, a verdict with remedies.

    from riata import diagnose
    diagnose.verdict(X, y)

`riata.optim.diagnose` is something else: it judges the step size of a run of gradient descent.
"""

from riata.diagnose.bootstraps import bias_variance
from riata.diagnose.curve_results import LearningCurve, ValidationCurve
from riata.diagnose.curves import learning_curve, validation_curve
from riata.diagnose.decomposition import BiasVariance, decompose
from riata.diagnose.verdicts import Verdict, verdict

__all__ = [
    "BiasVariance",
    "LearningCurve",
    "ValidationCurve",
    "Verdict",
    "bias_variance",
    "decompose",
    "learning_curve",
    "validation_curve",
    "verdict",
]
