"""LogisticRegressionCV: every l1_ratio, fold and C in one batch."""

from numbers import Integral, Real

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from riata.class_labels import check_trained
from riata.cv_batch import CVBatch, row_sets
from riata.folds import make_folds
from riata.loss_folds import check_trained_folds
from riata.losses import Loss
from riata.measures import check_scoring
from riata.multinomial import held_out_scores
from riata_engine.multinomial import Multinomial

from ._base import checked_weights
from ._certified import solve_certified
from ._logistic import SOLVERS, LinearClassifier
from ._multinomial import solve_classes
from ._parameters import InvalidParameterError
from ._routing import routed

_PENALTIES = {"deprecated": None, "l1": [1.0], "l2": [0.0], "elasticnet": None}


class LogisticRegressionCV(LinearClassifier):
    """:class:`LogisticRegression` with C and l1_ratio chosen by cross-validation.

    The objective is that of :class:`LogisticRegression`, with the sums over the training rows of a fold. All l1_ratios and
    folds are one batch: they share X, run on all threads, and each fit has a duality gap. The pair with the best mean score over
    the folds is fitted on all rows.

    Parameters
    ----------
    Cs : int or list of float, default=10
        Values > 0 of C (``np.inf``: no penalty); a number of them means a grid from 1e-4 to 1e4, even in its logarithm.
    l1_ratios : array-like of shape (n_l1_ratios,), default="warn"
        Shares of the L1 penalty, in [0, 1], that are compared. None and "warn" are 0, and leave the axis of the ratios out of the
        legacy attributes.
    fit_intercept : bool, default=True
    cv : int, splitter, iterable or None, default=None
        None is 5 folds, an int that many, each with its share of every class (``StratifiedKFold``, not shuffled); else any
        splitter or (train, test) pairs.
    dual : bool, default=False
        No-op.
    penalty : {'l1', 'l2', 'elasticnet'}, optional
        'l1' and 'l2' are short for ``l1_ratios=[1]`` and ``l1_ratios=[0]``.
    scoring : str, callable or None, default="warn"
        A scikit-learn name or scorer; None and "warn" are accuracy. "accuracy", "neg_log_loss", "neg_brier_score", "roc_auc" (two
        classes), "roc_auc_ovr" (more) are computed for all C at once, others by one call for each C, l1_ratio and fold.
    solver : str, default='lbfgs'
        No-op: see :class:`LogisticRegression`.
    tol : float, default=1e-4
        As in :class:`LogisticRegression`.
    max_iter : int, default=100
        A hundred epochs of descent are allowed for each.
    class_weight : dict or 'balanced', default=None
        As in :class:`LogisticRegression`; 'balanced' counts the classes of all rows. Scores do not see them.
    n_jobs : int or None, default=None
        Threads; None for all that may be used.
    verbose : int, default=0
        Show one line of progress.
    refit : bool, default=True
        False: C, l1_ratio and coefficients are means over the folds of the best of each.
    intercept_scaling : float, default=1.0
        No-op: the intercept is never penalised.
    random_state : int, RandomState instance or None, default=None
        No-op: nothing is random.
    use_legacy_attributes : bool, default="warn"
        Shapes of the attributes below: "warn" is True, as in scikit-learn 1.9. With False ``C_`` and ``l1_ratio_`` are numbers.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (1, n_features) for two classes, else (n_classes, n_features)
    intercept_ : ndarray of shape (1,) or (n_classes,)
    Cs_ : ndarray of shape (n_cs,)
    l1_ratios_ : ndarray of shape (n_l1_ratios,)
        ``[None]`` where ``l1_ratios`` is None.
    C_, l1_ratio_ : float, or (legacy) ndarray of shape (1,) or (n_classes,) of the same value
        The choice.
    coefs_paths_ : ndarray of shape (n_folds, n_l1_ratios, n_cs, 1 or n_classes, n_dof)
        Coefficients of the folds, the intercept last if there is one. Legacy: a dict of class to (n_folds, n_cs, n_l1_ratios,
        n_dof), without the third axis where ``l1_ratios`` is None.
    scores_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
        Legacy: a dict of class to (n_folds, n_cs, n_l1_ratios), or without the last axis.
    n_iter_ : ndarray of shape (n_folds, n_l1_ratios, n_cs)
        Newton steps (more than two classes: epochs), at least 1. Legacy: (1, n_folds, n_cs, n_l1_ratios), or without the last.
    dual_gap_ : float
        Of the final fit, as in :class:`LogisticRegression`; with ``refit=True``.
    n_features_in_, feature_names_in_

    See Also
    --------
    riata.cross_validate_path : One-standard-error rule, out-of-fold predictions, calibration, plots.
    riata.cross_validate_multinomial : The same for more than two classes.
    """

    def __init__(self, *, Cs=10, l1_ratios="warn", fit_intercept=True, cv=None, dual=False, penalty="deprecated", scoring="warn",
                 solver="lbfgs", tol=1e-4, max_iter=100, class_weight=None, n_jobs=None, verbose=0, refit=True,
                 intercept_scaling=1.0, random_state=None, use_legacy_attributes="warn"):
        self._keep(locals())

    def fit(self, X, y, sample_weight=None, **params):
        """Choose C and l1_ratio by cross-validation and fit on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels of any kind.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of rows, in the fits and in the scores.
        **params : dict
            Passed to the splitter and the scorer, with ``enable_metadata_routing=True`` only.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X, y, sample_weight or a fold cannot be used: the training rows of a fold lack a class, or its score
            is not a number.
        """
        self._check_parameters(solver=None, l1_ratios=None)
        self._check_choices()
        ratios, Cs = self._ratios(), self._grid()
        X, codes, weights = self._checked_classes(X, y, sample_weight)
        routing = routed(self, sample_weight, params)
        splits = check_cv(self.cv, codes, classifier=True).split(X, self.classes_[codes],
                                                                 **routing.get("splitter", {}).get("split", {}))
        folds = make_folds(list(splits), X.shape[0], weights=weights)
        row_weights = checked_weights(sample_weight, X.shape[0])
        if routing:
            asked = routing["scorer"]["score"].get("sample_weight")
            row_weights = None if asked is None else row_weights
        order = np.argsort(Cs, kind="stable")                           # alphas descend
        solve = self._two_classes if len(self.classes_) == 2 else self._more_classes
        coef, scores, steps = solve(X, codes, weights, row_weights, ratios, Cs[order], folds)
        back = np.argsort(order)
        coef, scores, steps = coef[:, :, back], scores[:, :, back], np.maximum(steps[:, :, back], 1).astype(np.int32)
        empty = np.flatnonzero(np.isnan(scores).any(axis=(1, 2)))
        if len(empty):
            raise ValueError(f"{type(self).__name__}: the score of fold {empty[0]} is not a number. A fold needs rows of every "
                             "class: give cv as an int, or a StratifiedKFold, or take another scoring.")
        if self.refit:
            mean = scores.sum(axis=0).T
            step, r = np.unravel_index(np.argmax(mean), mean.shape)
            C, ratio = Cs[step], ratios[r]
            total = len(codes) if weights is None else weights.sum()
            self._fit_codes(X, codes, weights, 1 / (C * total), ratio)     # C = inf is alpha = 0
        else:
            best = scores.swapaxes(1, 2).reshape(len(folds), -1).argmax(axis=1)
            step, r = np.unravel_index(best, (len(Cs), len(ratios)))
            C, ratio = Cs[step].mean(), ratios[r].mean()
            model = coef[np.arange(len(folds)), r, step].mean(axis=0)
            p = X.shape[1]
            self._keep_model(model[:, :p], model[:, p] if self.fit_intercept else np.zeros(len(model)), X.dtype)
        self._keep_choice(Cs, ratios, C, ratio, coef, scores, steps)
        return self

    def _two_classes(self, X, codes, weights, row_weights, ratios, Cs, folds):
        """Coefficients (K, R, L, 1, dof), scores (K, R, L) and Newton steps (K, R, L)."""
        y, loss = codes.astype(np.float64), Loss("logistic")
        measure = self._measure(loss, row_weights)
        check_trained_folds(y, weights, loss, self.classes_, folds)
        alphas = self._alphas(Cs, folds, weights, len(y), len(ratios))
        crossed = CVBatch(X, y, folds, weights, ratios, {"loss": "logistic", **self._settings()}, whole=False)
        solution = solve_certified(type(self).__name__, crossed.problems(alphas), self.verbose)
        at = crossed.held_out.T
        coef = solution.coef if isinstance(solution.coef, np.ndarray) else np.stack([c.toarray() for c in solution.coef])
        scores = crossed.scores(solution, measure, loss, self.classes_, row_weights)
        return self._joined(coef[at][..., None, :], solution.intercept[at][..., None]), scores.swapaxes(0, 1), \
            solution.n_cholesky[at]

    def _more_classes(self, X, codes, weights, row_weights, ratios, Cs, folds):
        """The same, (K, R, L, n_classes, dof), and epochs."""
        n, K = len(codes), len(folds)
        measure = self._measure(None, row_weights)
        sets = row_sets(folds, np.ones(n) if weights is None else weights, n, whole=False)
        rows = np.repeat(sets["weights"][None], K, axis=0) if "held_out" in sets else np.ascontiguousarray(sets["weights"].T)
        for k, held_out in enumerate(sets.get("held_out", ())):
            rows[k, held_out] = 0.0
        for k, of_fold in enumerate(rows):
            check_trained(codes, of_fold, self.classes_, f" among the training rows of fold {k}")
        alphas = self._alphas(Cs, folds, weights, n, len(ratios))
        batch = Multinomial(X, codes, len(self.classes_), weights=rows, group=np.tile(np.arange(K), len(ratios)),
                            l1_ratio=np.repeat(ratios, K), alphas=alphas.reshape(-1, len(Cs)), **self._settings())
        solution = solve_classes(type(self).__name__, batch)
        problems = np.arange(len(ratios) * K).reshape(len(ratios), K)
        scores = held_out_scores([measure], X, codes, self.classes_, folds, solution, problems, row_weights,
                                 n_threads=batch.n_threads)[0]
        at = problems.T
        return self._joined(solution.coef[at], solution.intercept[at]), scores.swapaxes(0, 1), solution.n_epochs[at]

    def _joined(self, coef, intercept):
        return np.concatenate([coef, intercept[..., None]], axis=-1) if self.fit_intercept else coef

    def _alphas(self, Cs, folds, weights, n, n_ratios):
        """(R, K, L): 1 / (C · Σ training weights of the fold)."""
        sets = row_sets(folds, np.ones(n) if weights is None else weights, n, whole=False)
        w = sets["weights"]
        totals = np.array([w.sum() - w[test].sum() for test in sets["held_out"]]) if "held_out" in sets else w.sum(axis=0)
        return np.broadcast_to(1 / (Cs * totals[:, None]), (n_ratios, len(folds), len(Cs)))

    def _keep_choice(self, Cs, ratios, C, ratio, coef, scores, steps):
        """The attributes, in the shapes that ``use_legacy_attributes`` asks for."""
        plain = isinstance(self.l1_ratios, str) or self.l1_ratios is None
        self.Cs_, self.l1_ratios_ = Cs, np.array([None]) if plain else ratios
        if self.use_legacy_attributes is False:
            self.C_, self.l1_ratio_ = float(C), float(ratio)
            self.coefs_paths_, self.scores_, self.n_iter_ = coef, scores, steps
            return
        scores, steps = scores.swapaxes(1, 2), steps.swapaxes(1, 2)
        paths = [coef[:, :, :, k].swapaxes(1, 2) for k in range(coef.shape[3])]
        if plain:
            scores, steps, paths = scores[..., 0], steps[..., 0], [path[:, :, 0] for path in paths]
        labels = self.classes_[-len(paths):]
        self.C_ = np.full(len(paths), C)
        self.l1_ratio_ = np.full(len(paths), None if plain and self.refit else ratio)
        self.coefs_paths_ = dict(zip(labels, paths, strict=True))
        self.scores_, self.n_iter_ = {label: scores.copy() for label in labels}, steps[None]

    def _check_choices(self):
        owner = type(self).__name__

        def refuse(name, what):
            raise InvalidParameterError(f"The {name!r} parameter of {owner} must be {what}. Got {getattr(self, name)!r} instead.")

        if self.solver not in SOLVERS:
            refuse("solver", f"one of {SOLVERS}")
        if not isinstance(self.penalty, str) or self.penalty not in _PENALTIES:
            refuse("penalty", "'l1', 'l2' or 'elasticnet'")
        if not isinstance(self.refit, (bool, np.bool_)):
            refuse("refit", "True or False")
        if not isinstance(self.use_legacy_attributes, (bool, np.bool_)) and self.use_legacy_attributes != "warn":
            refuse("use_legacy_attributes", "True or False")
        if isinstance(self.scoring, str):
            if self.scoring not in ("warn", *get_scorer_names()):
                refuse("scoring", "a name in sklearn.metrics.get_scorer_names(), a callable or None")
        elif self.scoring is not None and not callable(self.scoring):
            refuse("scoring", "a name, a callable or None")

    def _ratios(self):
        """(R,) l1_ratios to compare."""
        named, given = _PENALTIES[self.penalty], self.l1_ratios
        if named is not None:
            return np.array(named)
        if given is None or (isinstance(given, str) and given == "warn"):
            if self.penalty == "elasticnet":
                raise InvalidParameterError(f"penalty = 'elasticnet' of {type(self).__name__} needs l1_ratios, such as "
                                            "[0.1, 0.5, 0.9].")
            return np.zeros(1)
        return self._numbers(given, "l1_ratios", lambda v: (v >= 0) & (v <= 1), "numbers in [0, 1]")

    def _grid(self):
        """(L,) values of C, in the caller's order."""
        if isinstance(self.Cs, (Integral, Real)):
            if not isinstance(self.Cs, Integral) or isinstance(self.Cs, (bool, np.bool_)) or self.Cs < 1:
                raise InvalidParameterError(f"The 'Cs' parameter of {type(self).__name__} must be a number of values (int >= 1) "
                                            f"or an array of numbers > 0. Got {self.Cs!r} instead.")
            return np.logspace(-4, 4, int(self.Cs))
        return self._numbers(self.Cs, "Cs", lambda v: v > 0, "numbers > 0 (np.inf for no penalty)")

    def _numbers(self, given, name, allowed, what):
        try:
            values = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.ndim != 1 or not values.size or not allowed(values).all():
            raise InvalidParameterError(f"The {name!r} parameter of {type(self).__name__} must be a list of {what}. Got "
                                        f"{given!r} instead.")
        return values

    def _measure(self, loss, row_weights):
        scoring = "accuracy" if self.scoring is None or self.scoring == "warn" else self.scoring
        return check_scoring(scoring, loss, self.classes_, row_weights)

    def _scorer(self):
        if self.scoring is None or isinstance(self.scoring, str):
            return get_scorer("accuracy" if self.scoring in (None, "warn") else self.scoring)
        return self.scoring

    def score(self, X, y, sample_weight=None, **score_params):
        """Score by ``scoring``, accuracy by default.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        **score_params : dict
            Passed to the scorer.

        Returns
        -------
        float
        """
        if sample_weight is not None:
            score_params["sample_weight"] = sample_weight
        return self._scorer()(self, X, y, **score_params)

    def get_metadata_routing(self):
        """How metadata is routed: to the scorer's ``score`` and the splitter's ``split``, as each asks.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        to = MethodMapping
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(splitter=check_cv(self.cv, classifier=True), method_mapping=to().add(caller="fit", callee="split"))
            .add(scorer=self._scorer(),
                 method_mapping=to().add(caller="fit", callee="score").add(caller="score", callee="score"))
        )
