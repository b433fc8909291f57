"""What classifiers say of probabilities, in one place: each brings the numbers, from its linear predictors."""

import numpy as np
from sklearn.utils.metaestimators import available_if


def _has_some(classifier):
    return classifier._has_probabilities()


class Probabilities:
    """``predict_proba`` and ``predict_log_proba``, where there are any.

    A class brings ``_log_probabilities(eta)``, (n, K) from its ``decision_function``, and ``_probabilities`` where that is not
    their exponential.
    """

    def _has_probabilities(self):
        """False, or an AttributeError that says why, where the loss has none."""
        return True

    def _probabilities(self, eta):
        return np.exp(self._log_probabilities(eta))

    @available_if(_has_some)
    def predict_log_proba(self, X):
        """Logarithms of the probabilities of each class; of a logistic model without rounding to zero.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._log_probabilities(self.decision_function(X))

    @available_if(_has_some)
    def predict_proba(self, X):
        """Probabilities of each class, in the order of ``classes_``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._probabilities(self.decision_function(X))
