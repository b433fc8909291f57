"""LinearSVC: the linear support vector machine, two classes or one against the rest."""

import numpy as np
from sklearn.linear_model._base import LinearClassifierMixin, SparseCoefMixin

from riata.saved_model import meaning_of

from ._base import LinearPredictor
from ._classes import against_the_rest, checked_classes
from ._margins import MAX_ITER, SCALING, TOL, UNUSED, C, check_margin_parameters, fit_margins


class LinearSVC(LinearClassifierMixin, SparseCoefMixin, LinearPredictor):
    __doc__ = f"""Linear support vector classification.

    Minimises over b0 and b, with y = ±1 (of more than two classes: each against the rest, in one batch)::

        P(b, b0 / intercept_scaling)  +  C · Σ_i w_i ℓ(y_i (b0 + x_iᵀb))

    with P = ½‖·‖² or ‖·‖₁ and ℓ(t) = max(0, 1 − t)² or max(0, 1 − t): the objective of ``sklearn.svm.LinearSVC``, penalty on the
    intercept included. w is ``sample_weight`` times ``class_weight``.

    Parameters
    ----------
    penalty : {{'l2', 'l1'}}, default='l2'
        'l1' needs ``loss='squared_hinge'``.
    loss : {{'squared_hinge', 'hinge'}}, default='squared_hinge'
    dual : bool or 'auto', default='auto'
        No-op: the solver is chosen by cost, and the certificate takes both sides. Combinations that scikit-learn refuses are
        refused: ``True`` with 'l1', ``False`` with 'hinge'.
    {TOL}
    {C}
    multi_class : {{'ovr'}}, default='ovr'
        'crammer_singer' is refused.
    fit_intercept : bool, default=True
    {SCALING}
    class_weight : dict or 'balanced', default=None
        Factor on C for each class. Of more than two classes the rest has a factor of one, as in scikit-learn.
    {UNUSED}
    {MAX_ITER}

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
    intercept_ : ndarray of shape (1,) or (n_classes,); 0.0 if ``fit_intercept=False``
    classes_ : ndarray of shape (n_classes,)
    gap_ : ndarray of shape (1,) or (n_classes,)
        Duality gap over the objective at zero coefficients, computed afresh.
    n_iter_ : int
        The most Newton steps of a class, at least 1.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    O. L. Mangasarian (2002), A finite Newton method for classification. Optimization Methods and Software 17, 913–929.
    R.-E. Fan et al. (2008), LIBLINEAR: a library for large linear classification. JMLR 9, 1871–1874.
    """

    def __init__(self, penalty="l2", loss="squared_hinge", *, dual="auto", tol=1e-6, C=1.0, multi_class="ovr",
                 fit_intercept=True, intercept_scaling=1.0, class_weight=None, verbose=0, random_state=None, max_iter=1000):
        self._keep(locals())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of two classes or more.
        sample_weight : array-like of shape (n_samples,), default=None
            Factors on C, >= 0.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight cannot be used; the message names it and the remedy.
        """
        check_margin_parameters(self, penalty=("l1", "l2"), loss=("hinge", "squared_hinge"), multi_class=("ovr",))
        wrong = ((self.penalty == "l1" and self.loss == "hinge") or (self.penalty == "l1" and self.dual is True)
                 or (self.loss == "hinge" and self.dual is False))
        if wrong:
            raise ValueError(
                f"Unsupported set of arguments: penalty={self.penalty!r}, loss={self.loss!r}, dual={self.dual!r}. 'l1' goes "
                "with loss='squared_hinge' and dual=False, loss='hinge' with penalty='l2' and dual=True; dual='auto' always fits."
            )
        X, Y, weights = self._prepared(X, y, sample_weight)
        total = np.broadcast_to(X.shape[0] if weights is None else weights.sum(axis=0), Y.shape[1])
        solution = fit_margins(
            "LinearSVC", X, Y, loss=self.loss, alphas=1 / (self.C * total[:, None]), l1_ratio=float(self.penalty == "l1"),
            weights=weights, intercept=bool(self.fit_intercept), intercept_scaling=self.intercept_scaling, tol=float(self.tol),
            max_iter=int(self.max_iter),
        )
        self.coef_ = np.ascontiguousarray(solution.coef[:, 0].astype(X.dtype))
        self.intercept_ = solution.intercept[:, 0].astype(X.dtype) if self.fit_intercept else 0.0
        self.gap_ = solution.gap[:, 0]
        self.n_iter_ = int(max(1, solution.n_iter.max()))
        return self

    def _saved_meaning(self):
        return meaning_of(self.loss, "identity", self.classes_, "class")

    def _prepared(self, X, y, sample_weight):
        """(X, Y (n, n_problems) of ±1, weights (n,), (n, n_problems) or None); sets ``classes_``."""
        X, codes, weights, factor = checked_classes(self, X, y, sample_weight)
        return X, *against_the_rest(codes, weights, factor, len(self.classes_))
