"""scikit-learn's multi-layer perceptrons by their own names: change one word of an import.

    from riata.neural_network import MLPClassifier, MLPRegressor
"""

from ._mlp import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
