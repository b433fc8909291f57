"""Multi-layer perceptrons: scikit-learn's checks, and scikit-learn's own numbers where both start and go on alike."""

import inspect
import pickle

import numpy as np
import pytest
from sklearn import neural_network as reference
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from riata.neural_network import MLPClassifier, MLPRegressor

MODELS = [MLPClassifier, MLPRegressor]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([Model(max_iter=100) for Model in MODELS])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std()


@pytest.mark.parametrize("Model", MODELS)
def test_constructor_has_scikit_learns_names_and_defaults(Model):
    ours = inspect.signature(Model.__init__).parameters
    theirs = inspect.signature(getattr(reference, Model.__name__).__init__).parameters
    assert set(ours) - set(theirs) <= {"dropout", "l1", "loss"}
    for name in theirs:
        assert ours[name].default == theirs[name].default
        assert ours[name].kind == theirs[name].kind


SETTINGS = [{"solver": "adam"}, {"solver": "sgd", "momentum": 0.0},
            {"solver": "sgd", "nesterovs_momentum": False},
            {"solver": "sgd"}, {"solver": "adam", "activation": "tanh", "alpha": 0.1},
            {"solver": "adam", "activation": "logistic", "hidden_layer_sizes": (7, 5)},
            {"solver": "adam", "epsilon": 1e-3, "beta_2": 0.9},
            {"solver": "sgd", "momentum": 0.0, "learning_rate": "invscaling", "learning_rate_init": 0.1}]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", ["classes", "two classes", "numbers", "weighted"])
def test_same_weights_and_order_give_scikit_learns_coefficients(settings, kind, digits, diabetes):
    name = "MLPRegressor" if kind == "numbers" else "MLPClassifier"
    X, y = diabetes if kind == "numbers" else digits
    X, y = X[:200], (y[:200] > 4 if kind == "two classes" else y[:200])
    weights = np.random.default_rng(0).uniform(0.5, 2, 200) if kind == "weighted" else None
    same = {"hidden_layer_sizes": (12,), "batch_size": 40, "shuffle": False, "random_state": 3, "max_iter": 8, **settings}
    ours = {"MLPRegressor": MLPRegressor, "MLPClassifier": MLPClassifier}[name](**same).fit(X, y, sample_weight=weights)
    theirs = getattr(reference, name)(**same).fit(X, y, sample_weight=weights)
    for a, b in zip([*ours.coefs_, *ours.intercepts_], [*theirs.coefs_, *theirs.intercepts_],
                    strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)
    if weights is None:                                      # weighted means of mini-batches are added up in another way
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)
    assert (ours.predict(X) == theirs.predict(X)).all() or kind == "numbers"


@pytest.mark.parametrize("name", ["MLPRegressor", "MLPClassifier"])
def test_lbfgs_is_scikit_learns(name, digits, diabetes):
    X, y = diabetes if name == "MLPRegressor" else digits
    same = {"hidden_layer_sizes": (8,), "solver": "lbfgs", "random_state": 0, "max_iter": 5, "alpha": 1.0}
    with pytest.warns(ConvergenceWarning):
        ours = {"MLPRegressor": MLPRegressor, "MLPClassifier": MLPClassifier}[name](**same).fit(X, y)
    with pytest.warns(ConvergenceWarning):
        theirs = getattr(reference, name)(**same).fit(X, y)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-8)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], atol=1e-6)


def test_early_stopping_keeps_the_best_weights_and_both_curves(digits):
    X, y = digits
    model = MLPClassifier(16, early_stopping=True, random_state=0, max_iter=300, learning_rate_init=0.01).fit(X, y)
    assert len(model.validation_scores_) == len(model.validation_curve_) == len(model.loss_curve_) == model.n_iter_ < 300
    assert model.best_validation_score_ == max(model.validation_scores_) > 0.9
    assert model.score(X, y) > 0.95


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_dropout_and_l1_do_what_they_say(diabetes):
    X, y = diabetes
    sparse = MLPRegressor(hidden_layer_sizes=20, l1=0.05, max_iter=300, random_state=0, tol=0).fit(X, y)
    assert (sparse.coefs_[0] == 0).mean() > 0.5
    plain = MLPRegressor(hidden_layer_sizes=20, max_iter=5, random_state=0).fit(X, y)
    dropped = MLPRegressor(hidden_layer_sizes=20, max_iter=5, random_state=0, dropout=0.5).fit(X, y)
    assert not np.allclose(dropped.coefs_[0], plain.coefs_[0])
    np.testing.assert_array_equal(dropped.predict(X), dropped.predict(X))      # nothing is dropped from a prediction


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_partial_fit_goes_on_through_a_pickle(digits):
    X, y = digits
    whole = MLPClassifier(8, random_state=0)
    parted = MLPClassifier(8, random_state=0)
    for _ in range(3):
        whole.partial_fit(X, y, classes=np.arange(10))
        parted = pickle.loads(pickle.dumps(parted.partial_fit(X, y, classes=np.arange(10))))
    np.testing.assert_array_equal(whole.predict_proba(X), parted.predict_proba(X))
    assert whole.loss_curve_[-1] < whole.loss_curve_[0]
    assert parted.loss_curve_ == whole.loss_curve_


def test_poisson_and_several_outputs(diabetes):
    X, y = diabetes
    counts = np.random.default_rng(0).poisson(np.exp(y / 2))
    same = {"hidden_layer_sizes": (6,), "batch_size": 50, "shuffle": False, "random_state": 1, "max_iter": 6, "solver": "sgd"}
    with pytest.warns(ConvergenceWarning):
        both = MLPRegressor(**same).fit(X, np.c_[y, -y])
    with pytest.warns(ConvergenceWarning):
        theirs = reference.MLPRegressor(**same).fit(X, np.c_[y, -y])
    np.testing.assert_allclose(both.predict(X), theirs.predict(X), atol=1e-8)
    if "loss" in inspect.signature(reference.MLPRegressor.__init__).parameters:
        with pytest.warns(ConvergenceWarning):
            ours = MLPRegressor(loss="poisson", **same).fit(X, counts)
        with pytest.warns(ConvergenceWarning):
            theirs = reference.MLPRegressor(loss="poisson", **same).fit(X, counts)
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)
    with pytest.raises(ValueError, match="negative in row"):
        MLPRegressor(loss="poisson").fit(X, y)


def test_bad_parameters(diabetes):
    X, y = diabetes
    for settings, says in [({"dropout": 1.0}, r"'dropout'.*\[0, 1\)"), ({"l1": -1}, "'l1'"), ({"learning_rate_init": 0}, "> 0"),
                           ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes"), ({"solver": "lbfgs", "dropout": 0.1}, "lbfgs"),
                           ({"solver": "newton"}, "'solver'"), ({"solver": "lbfgs", "l1": 0.1}, r"not take l1 = 0\.1, which"),
                           ({"solver": "lbfgs", "early_stopping": lambda model: 1.0}, "early_stopping is a function")]:
        with pytest.raises(ValueError, match=says):
            MLPRegressor(**settings).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="no longer finite"):
        diverged = MLPRegressor(solver="sgd", learning_rate_init=1e8, max_iter=20, random_state=0).fit(X, y)
    assert all(np.isfinite(W).all() for W in diverged.coefs_)


@pytest.mark.parametrize("rate", [1.0, 100.0])
def test_a_fit_that_diverges_is_no_worse_than_its_first_weights(rate, diabetes):
    X, y = diabetes
    with pytest.warns(ConvergenceWarning, match="those (of epoch|that the training began with)"):
        model = MLPRegressor(hidden_layer_sizes=8, solver="sgd", learning_rate_init=rate, random_state=0).fit(100 * X, y)
    first = MLPRegressor(hidden_layer_sizes=8, solver="sgd", learning_rate_init=1e-300, max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning):
        first.fit(100 * X, y)
    assert model.score(100 * X, y) >= first.score(100 * X, y)
