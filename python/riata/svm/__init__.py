"""scikit-learn's linear support vector machines by their own names: change one word of an import.

    from riata.svm import LinearSVC, LinearSVR
"""

from riata.linear_model._linear_svc import LinearSVC
from riata.linear_model._linear_svr import LinearSVR

__all__ = ["LinearSVC", "LinearSVR"]
