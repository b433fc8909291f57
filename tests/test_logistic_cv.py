"""LogisticRegressionCV: scikit-learn's contract, its choices and its numbers."""

import inspect
import pickle
import warnings

import numpy as np
import pytest
import sklearn
import sklearn.linear_model as reference
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, make_scorer, matthews_corrcoef
from sklearn.model_selection import GroupKFold, ShuffleSplit, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from riata.linear_model import LogisticRegression, LogisticRegressionCV


@parametrize_with_checks([LogisticRegressionCV(Cs=3, cv=3)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_constructor_has_scikit_learns_names_and_defaults():
    ours = inspect.signature(LogisticRegressionCV.__init__).parameters
    theirs = inspect.signature(reference.LogisticRegressionCV.__init__).parameters
    assert list(ours) == list(theirs)
    for name in theirs:
        assert ours[name].default == theirs[name].default
        assert ours[name].kind == theirs[name].kind


def data(name):
    X, y = {"cancer": load_breast_cancer, "iris": load_iris, "digits": load_digits}[name](return_X_y=True)
    if name == "digits":
        X, y = X[:400], y[:400]
    return StandardScaler().fit_transform(X), np.array([f"class {label}" for label in y])


def theirs(X, y, weights=None, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        exact = {"solver": "newton-cholesky", "tol": 1e-10, "max_iter": 1000}
        return reference.LogisticRegressionCV(**{**exact, **options}).fit(X, y, sample_weight=weights)


SETTINGS = {
    "default": {},
    "log_loss": {"scoring": "neg_log_loss", "class_weight": "balanced", "Cs": [1.0, 0.01, 0.1]},
    "mean": {"scoring": "balanced_accuracy", "refit": False, "Cs": [1e-3, 0.1, 10.0]},
    "new": {"use_legacy_attributes": False, "l1_ratios": [0.0], "scoring": "neg_brier_score", "Cs": [1e-3, 0.1, 10.0]},
    "plain": {"fit_intercept": False, "Cs": [0.3], "cv": ShuffleSplit(3, test_size=0.3, train_size=0.5, random_state=0)},
}


@pytest.mark.parametrize("name", ["cancer", "iris", "digits"])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_it_equals_scikit_learn(name, setting, weighted):
    if name == "digits" and (setting == "default" or weighted):
        pytest.skip("what takes scikit-learn minutes")
    X, y = data(name)
    w = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else None
    options = SETTINGS[setting]
    ours, peer = LogisticRegressionCV(tol=1e-6, **options).fit(X, y, w), theirs(X, y, w, **options)
    np.testing.assert_allclose(ours.C_, peer.C_, rtol=1e-12)
    np.testing.assert_array_equal(ours.Cs_, peer.Cs_)
    np.testing.assert_array_equal(ours.l1_ratios_, peer.l1_ratios_)
    np.testing.assert_array_equal(ours.l1_ratio_, peer.l1_ratio_)
    np.testing.assert_array_equal(ours.classes_, peer.classes_)
    np.testing.assert_allclose(ours.coef_, peer.coef_, atol=2e-3)
    np.testing.assert_allclose(ours.predict_proba(X), peer.predict_proba(X), atol=2e-3)
    assert ours.n_iter_.shape == peer.n_iter_.shape
    if setting == "new":
        assert ours.coefs_paths_.shape == peer.coefs_paths_.shape
        pairs = [(ours.scores_, peer.scores_)]
    else:
        assert list(ours.scores_) == list(peer.scores_) == list(ours.coefs_paths_)
        assert {k: v.shape for k, v in ours.coefs_paths_.items()} == {k: v.shape for k, v in peer.coefs_paths_.items()}
        pairs = [(ours.scores_[label], peer.scores_[label]) for label in ours.scores_]
    for mine, other in pairs:
        np.testing.assert_allclose(mine, other, atol=5e-3 if setting == "log_loss" else 2e-4)


def test_elastic_nets_equal_saga():
    X, y = data("iris")
    options = {"l1_ratios": [0.2, 1.0], "Cs": [0.05, 0.5], "cv": 3, "scoring": "neg_log_loss"}
    for legacy in (True, False):
        ours = LogisticRegressionCV(tol=1e-6, use_legacy_attributes=legacy, **options).fit(X, y)
        peer = theirs(X, y, solver="saga", use_legacy_attributes=legacy, **{**options, "tol": 1e-6, "max_iter": 5000})
        np.testing.assert_array_equal(ours.C_, peer.C_)
        np.testing.assert_array_equal(ours.l1_ratio_, peer.l1_ratio_)
        assert ours.n_iter_.shape == peer.n_iter_.shape
        if legacy:
            for label in ours.classes_:
                np.testing.assert_allclose(ours.coefs_paths_[label][..., :-1], peer.coefs_paths_[label][..., :-1], atol=1e-3)
                np.testing.assert_allclose(ours.scores_[label], peer.scores_[label], atol=1e-4)
        else:
            np.testing.assert_allclose(ours.coefs_paths_[..., :-1], peer.coefs_paths_[..., :-1], atol=1e-3)
            np.testing.assert_allclose(ours.scores_, peer.scores_, atol=1e-4)


@pytest.mark.parametrize("name", ["cancer", "iris"])
@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_folds_and_the_final_fit_are_fits_of_their_own(name, storage):
    X, y = data(name)
    folds = StratifiedKFold(3)
    model = LogisticRegressionCV(Cs=[10.0, 0.1], l1_ratios=[0.0, 0.7], cv=folds, use_legacy_attributes=False, tol=1e-6)
    model.fit(storage(X), y)
    for k, (train, test) in enumerate(folds.split(X, y)):
        for r, ratio in enumerate((0.0, 0.7)):
            for step, C in enumerate((10.0, 0.1)):
                alone = LogisticRegression(C=C, l1_ratio=ratio, tol=1e-6).fit(storage(X)[train], y[train])
                np.testing.assert_allclose(model.coefs_paths_[k, r, step][:, :-1], alone.coef_, atol=1e-4)
                np.testing.assert_allclose(model.coefs_paths_[k, r, step][:, -1], alone.intercept_, atol=1e-4)
                assert model.scores_[k, r, step] == pytest.approx(alone.score(X[test], y[test]), abs=0.02)
    final = LogisticRegression(C=model.C_, l1_ratio=model.l1_ratio_, tol=1e-6).fit(storage(X), y)
    np.testing.assert_array_equal(model.coef_, final.coef_)
    assert model.dual_gap_ == final.dual_gap_ <= 1e-12
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))


def test_threads_change_no_bit_and_float32_is_kept():
    X, y = data("cancer")
    one, two = (LogisticRegressionCV(Cs=3, n_jobs=n, use_legacy_attributes=False).fit(X, y) for n in (1, 2))
    np.testing.assert_array_equal(one.coefs_paths_, two.coefs_paths_)
    assert LogisticRegressionCV(Cs=2, cv=2).fit(X.astype(np.float32), y).coef_.dtype == np.float32


@pytest.mark.parametrize("name", ["cancer", "iris"])
def test_scorers_that_a_user_brings(name):
    X, y = data(name)
    options = {"Cs": [0.01, 1.0], "cv": 3, "use_legacy_attributes": False}
    first = "f1_micro" if name == "iris" else "average_precision"
    for scoring in (first, make_scorer(matthews_corrcoef), get_scorer("accuracy")):
        labels = (y == "class 1").astype(int) if scoring == "average_precision" else y     # which is the positive class?
        ours = LogisticRegressionCV(scoring=scoring, **options).fit(X, labels)
        peer = theirs(X, labels, scoring=scoring, **options)
        np.testing.assert_allclose(ours.scores_, peer.scores_, rtol=1e-6)
        assert ours.C_ == peer.C_


def test_metadata_is_routed_to_splitter_and_scorer():
    X, y = data("cancer")
    groups, w = np.arange(len(y)) // 10, np.random.default_rng(1).uniform(0.1, 2, len(y))
    splits = list(GroupKFold(3).split(X, y, groups))
    options = {"Cs": [0.01, 1.0], "use_legacy_attributes": False}
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
        splitter = GroupKFold(3).set_split_request(groups=True)
        routed = LogisticRegressionCV(cv=splitter, scoring=scorer, **options).set_fit_request(sample_weight=True).fit(
            X, y, sample_weight=w, groups=groups)
        silent = LogisticRegressionCV(cv=splitter, scoring=get_scorer("neg_log_loss").set_score_request(sample_weight=False),
                                      **options).fit(X, y, sample_weight=w, groups=groups)
    direct = LogisticRegressionCV(cv=splits, scoring="neg_log_loss", **options).fit(X, y, w)
    np.testing.assert_allclose(routed.scores_, direct.scores_, rtol=1e-10)
    np.testing.assert_array_equal(routed.coef_, direct.coef_)
    assert np.abs(silent.scores_ - direct.scores_).max() > 1e-4
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        LogisticRegressionCV(cv=splits).fit(X, y, groups=groups)


@pytest.mark.parametrize(("options", "said"), [
    ({"Cs": 0}, "'Cs'"), ({"Cs": [1.0, -1.0]}, "'Cs'"), ({"Cs": 2.5}, "'Cs'"), ({"l1_ratios": [2.0]}, "'l1_ratios'"),
    ({"l1_ratios": []}, "'l1_ratios'"), ({"penalty": "elasticnet"}, "needs l1_ratios"), ({"penalty": "ridge"}, "'penalty'"),
    ({"scoring": "beauty"}, "'scoring'"), ({"scoring": 3}, "'scoring'"), ({"refit": "yes"}, "'refit'"),
    ({"solver": "svd"}, "'solver'"), ({"use_legacy_attributes": "no"}, "'use_legacy_attributes'"),
    ({"cv": [(np.arange(0, 50), np.arange(50, 150))]}, "training row"),
])
def test_bad_input(options, said):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=said):
        LogisticRegressionCV(**options).fit(X, np.minimum(y, 1))


def test_folds_that_lack_a_class_are_named():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"class 0 has no row.*training rows of fold 0"):
        LogisticRegressionCV(cv=[(np.arange(50, 150), np.arange(50))]).fit(X, y)
    with pytest.raises(ValueError, match=r"score of fold 0 is not a number.*StratifiedKFold"):
        LogisticRegressionCV(cv=[(np.arange(20, 100), np.arange(20))], scoring="roc_auc").fit(X[:100], y[:100])


def test_no_penalty_is_among_the_choices():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), rng.integers(0, 2, 300)
    model = LogisticRegressionCV(Cs=[np.inf, 1.0], use_legacy_attributes=False, cv=3, scoring="neg_log_loss", tol=1e-6).fit(X, y)
    free = LogisticRegression(C=np.inf, tol=1e-6).fit(X[100:], y[100:])
    assert model.coefs_paths_.shape == (3, 1, 2, 1, 4)
    split = LogisticRegressionCV(Cs=[np.inf], cv=[(np.arange(100, 300), np.arange(100))], tol=1e-6).fit(X, y)
    np.testing.assert_allclose(split.coefs_paths_[1][0, 0, :3], free.coef_[0], atol=1e-5)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", "f1_macro"])
def test_score_is_that_of_the_scorer(scoring):
    X, y = data("iris")
    model = LogisticRegressionCV(Cs=2, cv=3, scoring=scoring).fit(X, y)
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    scorer = get_scorer(scoring or "accuracy")
    assert model.score(X, y, sample_weight=w) == scorer(model, X, y, sample_weight=w)
