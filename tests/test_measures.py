"""Measures that choose alpha: their values against scikit-learn and slow referees, and the choice by them."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.metrics as metrics
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import StratifiedKFold

import riata
from riata.cv_choice import choose
from riata.losses import Loss
from riata.measures import MEASURES, MULTINOMIAL, HeldOut, check_scoring

LOGISTIC = Loss("logistic")


def held_out(seed, m=70, L=6, weighted=True, ties=True):
    """Codes of two classes, linear predictors with many ties, and weights of which some are 0."""
    rng = np.random.default_rng(seed)
    y = (rng.uniform(size=m) < 0.4).astype(float)
    y[:2] = 0, 1
    eta = rng.normal(size=(m, L)) + y[:, None]
    weights = rng.integers(0, 4, m) * 0.7 if weighted else None
    if weighted:
        weights[:2] = 1.0
    return HeldOut(y, np.round(eta, 1) if ties else eta, weights, LOGISTIC, np.array([0, 1]), 1)


def each(held, metric):
    """A metric of (y, predictions, sample_weight) at one alpha after the other."""
    return np.array([metric(held.y, held.eta[:, k], held.weights) for k in range(held.eta.shape[1])])


def probability(eta):
    return 1 / (1 + np.exp(-eta))


REFEREES = {
    "auc": lambda y, eta, w: metrics.roc_auc_score(y, eta, sample_weight=w),
    "accuracy": lambda y, eta, w: metrics.accuracy_score(y, eta > 0, sample_weight=w),
    "class": lambda y, eta, w: metrics.zero_one_loss(y, eta > 0, sample_weight=w),
    "log_loss": lambda y, eta, w: metrics.log_loss(y, probability(eta), sample_weight=w),
    "neg_log_loss": lambda y, eta, w: -metrics.log_loss(y, probability(eta), sample_weight=w),
    "brier": lambda y, eta, w: metrics.brier_score_loss(y, probability(eta), sample_weight=w),
    "deviance": lambda y, eta, w: 2 * metrics.log_loss(y, probability(eta), sample_weight=w),
    "mse": lambda y, eta, w: metrics.mean_squared_error(y, probability(eta), sample_weight=w),
    "mae": lambda y, eta, w: metrics.mean_absolute_error(y, probability(eta), sample_weight=w),
    "r2": lambda y, eta, w: metrics.r2_score(y, probability(eta), sample_weight=w),
}


def pairwise(y, eta, w):
    """Concordance by the definition: every pair with different y."""
    agree = total = 0.0
    for i in range(len(y)):
        for j in range(len(y)):
            if y[i] > y[j]:
                total += w[i] * w[j]
                agree += w[i] * w[j] * ((eta[i] > eta[j]) + 0.5 * (eta[i] == eta[j]))
    return agree / total


@pytest.mark.parametrize("name", REFEREES)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("ties", [True, False])
def test_values_are_those_of_scikit_learn(name, weighted, ties):
    for seed in range(3):
        held = held_out(seed, weighted=weighted, ties=ties)
        np.testing.assert_allclose(MEASURES[name](held), each(held, REFEREES[name]), rtol=1e-12)


def test_every_measure_of_two_classes_has_a_referee():
    assert set(MEASURES) == {*REFEREES, "c_index"}


@pytest.mark.parametrize("levels", [3, 1000])
def test_c_index_counts_pairs(levels):
    rng = np.random.default_rng(1)
    y, eta, w = rng.integers(0, levels, 40).astype(float), np.round(rng.normal(size=(40, 3)), 1), rng.uniform(0, 2, 40)
    held = HeldOut(y, eta, w, Loss("squared"), None, 1)
    np.testing.assert_allclose(MEASURES["c_index"](held), [pairwise(y, eta[:, k], w) for k in range(3)], rtol=1e-12)


def test_auc_is_the_c_index_of_two_classes_and_reverses_with_the_sign():
    held = held_out(4)
    np.testing.assert_array_equal(MEASURES["auc"](held), MEASURES["c_index"](held))
    turned = HeldOut(held.y, -held.eta, held.weights, LOGISTIC, held.classes, 1)
    np.testing.assert_allclose(MEASURES["auc"](turned), 1 - MEASURES["auc"](held), rtol=1e-12)
    threads = HeldOut(held.y, held.eta, held.weights, LOGISTIC, held.classes, 2)
    np.testing.assert_array_equal(MEASURES["auc"](threads), MEASURES["auc"](held))


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_values_of_several_classes_are_those_of_scikit_learn(n_classes, weighted):
    rng = np.random.default_rng(7)
    codes = np.append(np.arange(n_classes), rng.integers(0, n_classes, 60))
    eta = rng.normal(size=(len(codes), 3, n_classes)) + np.eye(n_classes)[codes][:, None]
    w = rng.uniform(0.1, 2, len(codes)) if weighted else None
    held = HeldOut(codes, eta, w, None, np.arange(n_classes), 1)
    p = np.exp(eta) / np.exp(eta).sum(axis=-1, keepdims=True)
    expected = {
        "log_loss": lambda p: metrics.log_loss(codes, p, sample_weight=w),
        "brier": lambda p: metrics.brier_score_loss(codes, p if n_classes > 2 else p[:, 1], sample_weight=w),
        "accuracy": lambda p: metrics.accuracy_score(codes, p.argmax(axis=1), sample_weight=w),
        "auc": lambda p: metrics.roc_auc_score(codes, p if n_classes > 2 else p[:, 1], multi_class="ovr", sample_weight=w)}
    for name, referee in expected.items():
        np.testing.assert_allclose(MULTINOMIAL[name](held), [referee(p[:, k]) for k in range(3)], rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(MULTINOMIAL["class"](held), 1 - MULTINOMIAL["accuracy"](held))
    np.testing.assert_allclose(MULTINOMIAL["deviance"](held), 2 * MULTINOMIAL["log_loss"](held))


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), np.where(y, "benign", "malignant")


@pytest.mark.parametrize("storage", [np.asarray, sp.csc_array])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", ["auc", "brier", "accuracy", "neg_log_loss"])
def test_scores_of_folds_are_those_of_fits_without_them(cancer, scoring, weighted, storage):
    X, y = cancer[0][:200], cancer[1][:200]
    w = np.random.default_rng(0).integers(1, 4, 200).astype(float) if weighted else None
    alphas = [0.01, 0.3, 0.05]
    cv = riata.cross_validate_path(storage(X), y, loss="logistic", alphas=alphas, l1_ratio=[0.5, 1.0], cv=4, scoring=scoring,
                                   weights=w, tol=1e-10)
    assert cv.score.shape == (2, 3, 4)
    for k, test in enumerate(cv.folds):
        train = np.setdiff1d(np.arange(200), test)
        inside, outside = (None, None) if w is None else (w[train], w[test])
        fit = riata.fit_path(X[train], y[train], loss="logistic", alphas=alphas, weights=inside, tol=1e-10)
        held = HeldOut((y[test] == "malignant").astype(float), fit.predict(X[test], kind="link"), outside, LOGISTIC,
                       cv.paths[0].classes)
        np.testing.assert_allclose(cv.score[1, :, k], each(held, REFEREES[scoring]), rtol=1e-4)


@pytest.mark.parametrize(("ours", "theirs"), [("auc", "roc_auc"), ("accuracy", "accuracy"), ("brier", "neg_brier_score"),
                                              ("log_loss", "neg_log_loss"), ("mse", "neg_mean_squared_error")])
def test_the_fast_way_and_scikit_learns_scorer_agree(cancer, ours, theirs):
    X, y = cancer
    options = {"loss": "logistic", "alphas": [0.3, 0.1, 0.03, 0.01], "cv": 5}
    sign = -1 if theirs.startswith("neg") else 1
    target = (y == "malignant").astype(float) if ours == "mse" else y
    fast = riata.cross_validate_path(X, target, scoring=ours, **options)
    alias = riata.cross_validate_path(X, target, scoring=theirs, **options)
    assert alias.greater_is_better
    assert alias.scoring == theirs
    assert fast.index_min == alias.index_min
    np.testing.assert_allclose(alias.score, sign * fast.score, rtol=1e-12)
    if ours != "mse":                                  # of labels, a classifier is asked
        slow = riata.cross_validate_path(X, y, scoring=metrics.get_scorer(theirs), **options)
        np.testing.assert_allclose(slow.score, alias.score, rtol=1e-10)
        assert slow.index_1se == alias.index_1se


def test_larger_is_better_is_chosen_by_the_maximum_and_the_rule_is_mirrored(cancer):
    X, y = cancer
    cv = riata.cross_validate_path(X, y, loss="logistic", alphas=30, l1_ratio=[0.2, 1.0], cv=5, scoring="auc")
    assert cv.score_mean[cv.index_min] == cv.score_mean.max()
    assert (cv.index_min, cv.index_1se) == choose(-cv.score_mean, cv.score_se, cv.alphas)
    assert cv.score_mean[cv.index_1se] >= cv.score_mean.max() - cv.score_se[cv.index_min]
    assert cv.alpha_1se >= cv.alpha_min
    by_deviance = riata.cross_validate_path(X, y, loss="logistic", alphas=30, l1_ratio=[0.2, 1.0], cv=5)
    np.testing.assert_array_equal(cv.deviance, by_deviance.deviance)
    np.testing.assert_array_equal(by_deviance.score, by_deviance.deviance)
    frame = cv.to_frame()
    np.testing.assert_array_equal(np.asarray(frame["auc_mean"]), cv.score_mean.ravel())
    assert "auc" in cv.summary()
    assert "chosen by auc" in repr(cv)


@pytest.mark.parametrize("scoring", ["mse", "mae", "r2", "c_index", "neg_median_absolute_error", metrics.max_error,
                                     lambda model, X, y: -np.mean(np.abs(model.predict(X) - y)),
                                     make_scorer(metrics.mean_pinball_loss, greater_is_better=False, alpha=0.9)])
def test_measures_of_a_regression(scoring):
    X, y = load_diabetes(return_X_y=True)
    cv = riata.cross_validate_path(X, y, alphas=8, cv=4, scoring=scoring)
    at = cv.index_min
    if isinstance(scoring, str) and scoring in MEASURES:
        expected = {"mse": metrics.mean_squared_error, "mae": metrics.mean_absolute_error, "r2": metrics.r2_score,
                    "c_index": lambda y, p: pairwise(y, p, np.ones(len(y)))}[scoring]
        for k, test in enumerate(cv.folds):
            assert cv.score[at][k] == pytest.approx(expected(y[test], cv.oof_prediction[test]), rel=1e-9)
    else:
        assert cv.greater_is_better
        values = {"neg_median_absolute_error": lambda y, p: -metrics.median_absolute_error(y, p),
                  metrics.max_error: lambda y, p: -metrics.max_error(y, p)}.get(scoring)
        if values is not None:
            for k, test in enumerate(cv.folds):
                assert cv.score[at][k] == pytest.approx(values(y[test], cv.oof_prediction[test]), rel=1e-9)
    assert cv.score_mean[at] == (cv.score_mean.max() if cv.greater_is_better else cv.score_mean.min())
    np.testing.assert_array_equal(cv.deviance, riata.cross_validate_path(X, y, alphas=8, cv=4).deviance)


def test_a_users_scorer_sees_a_fitted_model_and_the_rows_of_the_fold(cancer):
    X, y = cancer
    offset = np.linspace(-1, 1, len(y))
    seen = []

    def scorer(model, rows, labels, sample_weight=None):
        proba = model.predict_proba(rows)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        np.testing.assert_array_equal(model.predict(rows), model.classes_[proba.argmax(axis=1)])
        np.testing.assert_allclose(model.decision_function(rows), np.log(proba[:, 1] / proba[:, 0]), rtol=1e-6, atol=1e-9)
        linear = rows @ model.coef_[0] + model.intercept_[0]
        np.testing.assert_allclose(linear + offset[seen_rows[0]], model.decision_function(rows), atol=1e-9)
        assert set(labels) <= set(model.classes_)
        assert len(sample_weight) == len(rows)
        with pytest.raises(ValueError, match="offset"):
            model.predict(rows[:2])
        seen.append(len(rows))
        return metrics.average_precision_score(labels == "malignant", proba[:, 1], sample_weight=sample_weight)

    ids = np.arange(len(y)) % 3
    seen_rows = [np.flatnonzero(ids == 0)]
    train_test = [(np.flatnonzero(ids != 0), seen_rows[0])]
    cv = riata.cross_validate_path(X, y, loss="logistic", alphas=[0.1, 0.01], cv=train_test, scoring=scorer, offset=offset,
                                   weights=np.full(len(y), 2.0))
    assert seen == [190, 190]
    assert cv.scoring == "scorer"


def test_folds_of_one_class_are_named_and_left_out_of_the_mean(cancer):
    X, y = cancer
    ids = np.arange(len(y)) % 3
    benign = np.flatnonzero(y == "benign")[:40]
    ids[benign] = 3                                    # a fold of one class
    with pytest.warns(UserWarning, match=r"scoring = 'auc' has no value in fold 3 .*stratify"):
        cv = riata.cross_validate_path(X, y, loss="logistic", alphas=[0.1, 0.01], cv=ids, scoring="auc")
    assert cv.undefined_folds.tolist() == [3]
    np.testing.assert_allclose(cv.score_mean, cv.score[..., :3].mean(axis=-1))
    np.testing.assert_allclose(cv.score_se, cv.score[..., :3].std(axis=-1, ddof=1) / np.sqrt(3))
    assert any("fold 3" in note for note in cv.notes)
    with pytest.raises(ValueError, match="no value in any fold"):
        riata.cross_validate_path(X, y, loss="logistic", alphas=[0.1], cv=[(np.setdiff1d(np.arange(569), benign), benign)],
                                  scoring="auc")


def test_training_rows_of_one_class_are_refused_by_name(cancer):
    X, y = cancer
    ids = np.where(y == "benign", 1, 0)
    with pytest.raises(ValueError, match=r"y is benign in every training row of fold 0 of cv.*stratify"):
        riata.cross_validate_path(X, y, loss="logistic", cv=ids)
    counts = np.where(y == "benign", 0, 2)
    with pytest.raises(ValueError, match=r"y is 0 in every training row of fold 1 of cv"):
        riata.cross_validate_path(X, counts, loss="poisson", cv=1 - ids)


def test_an_int_of_folds_spreads_two_classes_evenly_unless_told_not_to():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.repeat([0, 1], [54, 6])
    cv = riata.cross_validate_path(X, y, loss="logistic", alphas=[0.1], cv=6)
    assert [int(y[test].sum()) for test in cv.folds] == [1] * 6
    loose = riata.cross_validate_path(X, y, loss="logistic", alphas=[0.1], cv=6, stratify=False, seed=1)
    assert len({int(y[test].sum()) for test in loose.folds}) > 1
    whole = riata.cross_validate_path(X, y, loss="logistic", alphas=[0.1], cv=6, groups=np.arange(60) // 2)
    assert all(len(np.unique(test // 2)) * 2 == len(test) for test in whole.folds)


@pytest.mark.parametrize(("options", "error", "said"), [
    ({"scoring": "beauty"}, ValueError, "scoring = 'beauty' must be one of 'deviance'.*get_scorer_names"),
    ({"scoring": 3}, TypeError, "scoring = 3 must be a name"),
    ({"scoring": "auc"}, ValueError, "scoring = 'auc' is for two classes, loss='logistic'; this loss is 'squared'"),
    ({"scoring": "neg_max_error", "weights": np.ones(30)}, ValueError, "takes no sample_weight"),
    ({"scoring": lambda model, X, y: "good"}, TypeError, "gave 'good'; a scorer gives one number"),
    ({"scoring": metrics.mean_pinball_loss}, ValueError, "make_scorer"),
    ({"scoring": "auc", "inner_cv": 3}, ValueError, "scoring = 'auc' is for two classes"),
    ({"scoring": "auc", "loss": "logistic", "y": np.linspace(0, 1, 30)}, ValueError, "shares between 0 and 1"),
])
def test_bad_scoring(options, error, said):
    X = np.random.default_rng(0).normal(size=(30, 2))
    given = {"X": X, "y": X[:, 0], "cv": 3, "alphas": [0.1], **options}
    with pytest.raises(error, match=said):
        riata.cross_validate_path(**given)


def test_several_classes_are_chosen_by_any_measure():
    X, y = load_iris(return_X_y=True)
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    options = {"alphas": [0.3, 0.01, 0.1], "cv": StratifiedKFold(3), "tol": 1e-10}
    for scoring, theirs in (("auc", "roc_auc_ovr"), ("brier", "neg_brier_score"), ("accuracy", "accuracy"),
                            ("f1_macro", "f1_macro"), (make_scorer(metrics.cohen_kappa_score), None)):
        cv = riata.cross_validate_multinomial(X, labels, l1_ratio=[0.0], scoring=scoring, **options)
        scorer = metrics.get_scorer(theirs) if theirs else scoring
        sign = -1 if scoring == "brier" else 1
        for k, (train, test) in enumerate(StratifiedKFold(3).split(X, labels)):
            for step, alpha in enumerate(options["alphas"]):
                model = LogisticRegression(C=1 / (alpha * len(train)), tol=1e-10, max_iter=10_000).fit(X[train], labels[train])
                assert cv.score[0, step, k] == pytest.approx(sign * scorer(model, X[test], labels[test]), rel=1e-4)
        best = cv.score_mean.max() if cv.greater_is_better else cv.score_mean.min()
        assert cv.score_mean[cv.index_min] == best
    assert cv.to_frame().shape[0] == 3
    assert "cohen_kappa_score" in cv.summary()


def test_predictions_of_several_classes_on_every_scale():
    X, y = load_iris(return_X_y=True)
    cv = riata.cross_validate_multinomial(X, y, alphas=5, cv=3)
    link, response = cv.predict(X, kind="link"), cv.predict(X, kind="response")
    np.testing.assert_allclose(np.exp(link) / np.exp(link).sum(axis=1, keepdims=True), response)
    np.testing.assert_array_equal(response, cv.predict_proba(X))
    np.testing.assert_array_equal(cv.predict(X, kind="class"), response.argmax(axis=1))
    with pytest.raises(ValueError, match="kind = 'odds'"):
        cv.predict(X, kind="odds")


def test_built_in_measures_warn_of_nothing(cancer):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in MEASURES:
            riata.cross_validate_path(*cancer, loss="logistic", alphas=4, cv=3, scoring=name)
        assert check_scoring("deviance", LOGISTIC, None).name == "deviance"


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 1e5 / 7])
def test_r2_has_no_value_where_all_rows_that_count_are_alike(value):
    """Their mean is not their value to the last digit: what is left of the variance is rounding."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        weights = np.append(rng.random(7), 0.0)
        held = HeldOut(np.append(np.full(7, value), 9.0), rng.normal(size=(8, 2)), weights, Loss("squared"))
        assert np.isnan(MEASURES["r2"](held)).all()
        assert Loss("squared").null_deviance(held.y, weights) == 0
        assert Loss("gamma").null_deviance(np.full(7, value), weights[:7]) == 0
