"""Fits on many sets of training rows as one batch, and what they say of any rows."""

from dataclasses import dataclass, field
from inspect import signature

import numpy as np
from scipy import sparse

from riata.batches import fit_batch
from riata.chunks import CHUNK
from riata.cv_batch import CVBatch, rows_of
from riata.folds import make_folds
from riata.loss_folds import are_classes
from riata.many_calls import check_call
from riata.measures import HeldOut
from riata.prediction import linear_predictor
from riata.status import StatusArray, status_names
from riata_engine.batch import Interrupted, solve

#: repetitions of folds from this number on are those within a training set
INNER = 1 << 20


@dataclass(eq=False)
class Fits:
    """F linear models on each of G training sets.

    Attributes
    ----------
    given : riata.arguments.Arguments
    coef : ndarray or csr_array of shape (G·F, p)
        Model f of set g in row g·F + f.
    intercept, alpha, gap : ndarray of shape (G, F)
    status : ndarray of str, shape (G, F)
    """

    given: object
    coef: object
    intercept: np.ndarray
    alpha: np.ndarray
    gap: np.ndarray
    status: np.ndarray

    def outputs(self, g, rows=None):
        """(m, F) linear predictors of rows; NaN of a model that was not fitted."""
        F = self.intercept.shape[1]
        X, settings, intercept = self.given.X, self.given.settings, self.intercept[g]
        fitted = np.flatnonzero(np.isfinite(intercept))
        out = np.full((X.shape[0] if rows is None else len(rows), F), np.nan)
        if len(fitted):
            out[:, fitted] = linear_predictor(X, self.coef[g * F + fitted], intercept[fitted], settings["offset"], rows,
                                              settings["n_threads"])
        return out

    def said(self):
        """(G, n) what each set's only model says of all rows: means of y, NaN of one that was not fitted."""
        settings, intercept = self.given.settings, self.intercept[:, 0]
        fitted = np.flatnonzero(np.isfinite(intercept))
        out = np.full((len(intercept), self.given.X.shape[0]), np.nan)
        out[fitted] = self.given.loss.response(linear_predictor(
            self.given.X, self.coef[fitted], intercept[fitted], settings["offset"], n_threads=settings["n_threads"])).T
        return out

    def model(self, g, f):
        """(coefficients (1, p), intercept (1,)) of one model."""
        F = self.intercept.shape[1]
        return self.coef[[g * F + f]], self.intercept[g, [f]]


@dataclass(eq=False)
class Told:
    """What one model of any kind says of all n rows, from each of G training sets.

    Attributes
    ----------
    given : riata.arguments.Arguments
    codes : ndarray of shape (G, n)
        Predictions, or numbers of classes.
    """

    given: object
    codes: np.ndarray
    alpha: np.ndarray = None
    gap: np.ndarray = None
    status: np.ndarray = field(default_factory=lambda: np.empty((0, 0), "U9").view(StatusArray))

    def outputs(self, g, rows=None):
        """(m, 1) predictions of rows, or (m, 1, K) marks of the class that is predicted."""
        codes = self.codes[g] if rows is None else self.codes[g, rows]
        if self.given.loss is not None:
            return codes[:, None]
        return np.eye(len(self.given.classes))[codes.astype(np.intp)][:, None, :]

    def said(self):
        """(G, n) what each model says of all rows."""
        return self.codes

    def model(self, g, f):
        """None: there are no coefficients."""
        return None


def fit_sets(given, sets, l1_ratios, alpha, inner_cv=5, groups=None, stratify=None, seed=0):
    """`Fits` of a model for each l1_ratio on each of some training sets; each set is a design with rows of its own.

    Parameters
    ----------
    given : riata.arguments.Arguments
    sets : Folds
        With their training rows; one that occurs twice counts twice, and both are in one inner fold.
    l1_ratios : ndarray of shape (F,)
    alpha : float or {"min", "1se"}
        A number, or what chooses one anew in each set, by folds of its rows alone.
    inner_cv, groups, stratify, seed
        Of these folds.
    """
    G, F = len(sets), len(l1_ratios)
    parts, first = [], 0
    each = np.array([len(train) for train in sets.train], float) * given.X.shape[1] * 8
    while first < G:                                   # rows are copied: some sets at a time
        stop = first + max(1, int(np.searchsorted(np.cumsum(each[first:]), CHUNK)))
        parts.append(_fit_some(given, sets.train[first:stop], first, l1_ratios, alpha, inner_cv, groups, stratify, seed))
        first = stop
    coef, intercept, chosen, gap, status = (list(part) for part in zip(*parts, strict=True))
    stacked = np.concatenate(coef) if isinstance(coef[0], np.ndarray) else sparse.vstack(coef, format="csr")
    shaped = [np.concatenate(part).reshape(G, F) for part in (intercept, chosen, gap, status)]
    shaped[3] = shaped[3].view(StatusArray)
    return Fits(given, stacked, *shaped)


def _fit_some(given, trains, first, l1_ratios, alpha, inner_cv, groups, stratify, seed):
    """(coefficients, intercepts, alphas, gaps, status) of models, those of one set side by side."""
    F = len(l1_ratios)
    source = given.X if isinstance(given.X, np.ndarray) else given.X.tocsr()
    rows, times = zip(*(np.unique(train, return_counts=True) for train in trains), strict=True)
    base, offset = given.weights, given.settings["offset"]
    weights = None
    if base is not None or any(count.max() > 1 for count in times):
        weights = [count * (1.0 if base is None else base[at]) for at, count in zip(rows, times, strict=True)]
    designs = [source[at] if isinstance(source, np.ndarray) else source[at].tocsc() for at in rows]
    targets = [given.y[at] for at in rows]
    asked = {name: parameter.default for name, parameter in signature(fit_batch).parameters.items()}
    asked.update({name: given.settings[name] for name in asked if name in given.settings and name != "loss"})
    asked.update(X=_each(designs, F), Y=_each(targets, F), weights=_each(weights, F), loss=given.loss, seed=seed,
                 offset=None if offset is None else _each([offset[at] for at in rows], F),
                 l1_ratio=np.tile(l1_ratios, len(trains)))
    if isinstance(alpha, str):
        spread = stratify is not False and are_classes(given.y, given.loss)
        folds = [_fold_ids(given, at, first + k, inner_cv, groups, spread, seed) for k, at in enumerate(rows)]
        asked.update(cv=_each(folds, F), select=alpha, alphas=given.grid.size if given.grid.alphas is None else given.grid.alphas)
    else:
        asked.update(alphas=np.array([alpha]), alpha_min_ratio=None)
    result, interrupted = check_call(asked).run()
    if interrupted:
        raise Interrupted(None)
    if isinstance(alpha, str):
        return result.coef_matrix(), result.intercept, result.alpha, result.gap, np.asarray(result.status)
    store = result.store
    return (store["coef"].reshape(len(designs) * F, -1), result.intercept[:, 0], result.alphas[:, 0], result.gap[:, 0],
            np.asarray(result.status)[:, 0])


def _each(items, times):
    return None if items is None else [item for item in items for _ in range(times)]


def _fold_ids(given, rows, g, inner_cv, groups, spread, seed):
    """(m,) the inner fold of each row of a training set."""
    own = None if groups is None else np.asarray(groups)[rows]
    weights = None if given.weights is None else given.weights[rows]
    folds = make_folds(inner_cv, len(rows), y=given.y[rows], weights=weights, groups=own, seed=seed, name="inner_cv",
                       strata=given.y[rows] if spread and own is None else None, first_repeat=INNER + g)
    ids = np.full(len(rows), -1, np.int32)
    for k, test in enumerate(folds.test):
        ids[test] = k
    return ids


def fit_folds(given, folds, l1_ratios, alphas):
    """`Fits` at every (l1_ratio, alpha) without each of some folds: one batch on one X, paths of alphas (R, L), descending."""
    batch = CVBatch(given.X, given.y, folds, given.weights, l1_ratios, given.settings, whole=False)
    solution = solve(batch.problems(alphas), progress=given.progress)
    (R, L), K, p = alphas.shape, len(folds), given.X.shape[1]

    def by_fold(values):
        return values.reshape(R, K, L).swapaxes(0, 1).reshape(K, R * L)

    if isinstance(solution.coef, np.ndarray):
        coef = np.ascontiguousarray(solution.coef.reshape(R, K, L, p).swapaxes(0, 1)).reshape(K * R * L, p)
    else:
        coef = sparse.vstack([solution.coef[r * K + k] for k in range(K) for r in range(R)], format="csr")
    return Fits(given, coef, by_fold(solution.intercept), by_fold(solution.alphas), by_fold(solution.gap),
                status_names(by_fold(solution.status)))


def fit_estimator(given, sets, estimator):
    """`Told` by clones of a scikit-learn estimator, fitted one after the other."""
    from sklearn.base import clone
    from sklearn.utils import _safe_indexing

    y = given.y if given.classes is None else given.classes[given.y.astype(np.intp)]
    said = np.empty((len(sets), len(given.y)))
    for g, train in enumerate(sets.train):
        weights = {} if given.weights is None else {"sample_weight": given.weights[train]}
        fitted = clone(estimator).fit(_safe_indexing(given.X, train), y[train], **weights)
        prediction = np.asarray(fitted.predict(given.X))
        if prediction.shape != (len(y),):
            raise ValueError(f"estimator = {type(estimator).__name__} predicts an array of shape {prediction.shape}; expected "
                             f"({len(y)},), one value per row")
        said[g] = prediction if given.classes is None else np.searchsorted(given.classes, prediction)
    return Told(given, said, status=np.full((len(sets), 1), "converged").view(StatusArray))


def scores(fits, sets, measure):
    """(training, test), each (G, F): a `riata.measures.Measure` on the rows of each set, and on those that it is tested on."""
    return tuple(np.array([_score(fits, g, rows, measure) for g, rows in enumerate(which)]) for which in (sets.train, sets.test))


def _score(fits, g, rows, measure):
    given, outputs = fits.given, fits.outputs(g, rows)
    values = np.full(outputs.shape[1], np.nan)
    known = np.flatnonzero(np.isfinite(outputs).reshape(len(rows), outputs.shape[1], -1).all(axis=(0, 2)))
    if len(known):
        offset = given.settings["offset"]
        values[known] = measure(HeldOut(
            given.y[rows], outputs[:, known], None if given.weights is None else given.weights[rows], given.loss, given.classes,
            given.settings["n_threads"], X=lambda: rows_of(given.X, rows),
            coef=lambda at: fits.model(g, int(known[at])), offset=None if offset is None else offset[rows]))
    return values
