"""SGDRegressor and SGDClassifier: scikit-learn's checks, its objective, losses, schedules, classes, mini-batches, stops."""

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.special import log_expit, log_softmax
from sklearn import linear_model as theirs
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from riata.linear_model import SGDClassifier, SGDRegressor
from riata.optim import Adam

#: as scikit-learn's own: a weight is not a row that is repeated, where each step sees one row
KNOWN = {f"check_sample_weight_equivalence_on_{kind}_data": "a mini-batch of one row is not one of two equal rows"
         for kind in ("dense", "sparse")}


@parametrize_with_checks([SGDClassifier(), SGDRegressor(),
                          SGDClassifier(loss="log_loss", optimizer="adam", learning_rate="constant"),
                          SGDRegressor(optimizer="nesterov", learning_rate="auto", batch_size=8)],
                         expected_failed_checks=lambda model: KNOWN)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def data():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def objective(model, X, y, loss):
    z = (2 * y - 1) * model.decision_function(X)
    value = {"log_loss": np.logaddexp(0, -z), "hinge": np.maximum(0, 1 - z), "squared_hinge": np.maximum(0, 1 - z) ** 2,
             "modified_huber": np.where(z >= -1, np.maximum(0, 1 - z) ** 2, -4 * z)}[loss]
    return value.mean() + model.alpha / 2 * (model.coef_**2).sum()


@pytest.mark.parametrize("loss", ["hinge", "log_loss", "squared_hinge", "modified_huber"])
@pytest.mark.parametrize("batch_size", [1, 16])
def test_no_worse_than_scikit_learn_on_its_own_objective(loss, batch_size):
    X, y = data()
    kwargs = {"loss": loss, "alpha": 0.01, "max_iter": 60, "tol": None, "random_state": 0}
    if loss == "squared_hinge":                       # the "optimal" rate begins beyond what its curvature allows: both diverge
        kwargs |= {"learning_rate": "invscaling", "eta0": 0.005}
    own = {"learning_rate": "auto"} if loss == "squared_hinge" else {}
    ours = SGDClassifier(batch_size=batch_size, **kwargs | own).fit(X, y)
    peer = theirs.SGDClassifier(**kwargs).fit(X, y)
    assert objective(ours, X, y, loss) <= 1.1 * objective(peer, X, y, loss)
    assert ours.predict(X).shape == y.shape
    assert ours.score(X, y) > 0.95


@pytest.mark.parametrize("learning_rate", ["constant", "optimal", "invscaling", "adaptive", "pa1", "pa2"])
def test_one_epoch_in_order_is_scikit_learns(learning_rate):
    """Without a penalty both do the same arithmetic, row after row."""
    X, y = data()
    kwargs = {"loss": "hinge", "penalty": None, "max_iter": 2, "tol": None, "shuffle": False, "learning_rate": learning_rate,
              "eta0": 0.01, "alpha": 0.01}
    ours = SGDClassifier(**kwargs).fit(X, y)
    peer = theirs.SGDClassifier(**kwargs).fit(X, y)
    np.testing.assert_allclose(ours.coef_, peer.coef_, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(ours.intercept_, peer.intercept_, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive"])
def test_losses_of_a_regression_are_scikit_learns(loss):
    X, y = data()
    kwargs = {"loss": loss, "penalty": None, "max_iter": 2, "tol": None, "shuffle": False, "learning_rate": "constant",
              "eta0": 0.001}
    target = X[:, 3] + 0.1 * y
    np.testing.assert_allclose(SGDRegressor(**kwargs).fit(X, target).coef_, theirs.SGDRegressor(**kwargs).fit(X, target).coef_,
                               rtol=1e-8, atol=1e-10)
    labels = SGDClassifier(**kwargs).fit(X, y)
    np.testing.assert_allclose(labels.coef_, theirs.SGDClassifier(**kwargs).fit(X, y).coef_, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("loss", ["log_loss", "perceptron", "modified_huber", "squared_hinge"])
def test_losses_of_classes_are_scikit_learns(loss):
    X, y = data()
    kwargs = {"loss": loss, "penalty": None, "max_iter": 2, "tol": None, "shuffle": False, "learning_rate": "constant",
              "eta0": 0.001}
    ours, peer = SGDClassifier(**kwargs).fit(X, y), theirs.SGDClassifier(**kwargs).fit(X, y)
    np.testing.assert_allclose(ours.coef_, peer.coef_, rtol=1e-8, atol=1e-10)
    if loss in ("log_loss", "modified_huber"):
        np.testing.assert_allclose(ours.predict_proba(X), peer.predict_proba(X), atol=1e-8)


def test_more_classes_are_one_batch_and_the_same_as_each_against_the_rest():
    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    kwargs = {"loss": "log_loss", "optimizer": "nesterov", "learning_rate": "auto", "batch_size": 10, "max_iter": 30, "tol": None,
              "random_state": 3}
    model = SGDClassifier(**kwargs, class_weight={"a": 2.0, "b": 0.5, "c": 1.0}).fit(X, names)
    assert model.coef_.shape == (3, 4)
    assert set(model.predict(X)) <= {"a", "b", "c"}
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    plain = SGDClassifier(**kwargs).fit(X, names)
    assert plain.score(X, names) > 0.75
    for k, name in enumerate("abc"):
        alone = SGDClassifier(**kwargs).fit(X, names == name)
        np.testing.assert_allclose(alone.coef_[0], plain.coef_[k], rtol=1e-12)
        weighted = SGDClassifier(**kwargs, class_weight={True: [2.0, 0.5, 1.0][k], False: 1.0}).fit(X, names == name)
        np.testing.assert_allclose(weighted.coef_[0], model.coef_[k], rtol=0.2, atol=0.05)     # another automatic step


def test_balanced_classes_count_alike():
    X, y = data()
    kwargs = {"loss": "log_loss", "optimizer": "saga", "learning_rate": "auto", "alpha": 0.05, "max_iter": 300, "tol": None,
              "batch_size": 8, "random_state": 0}
    rows = np.r_[np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:40]]
    balanced = SGDClassifier(**kwargs, class_weight="balanced").fit(X[rows], y[rows])
    weights = np.where(y[rows] == 1, 1 / np.sum(y[rows]), 1 / 40)
    weighted = SGDClassifier(**kwargs).fit(X[rows], y[rows], sample_weight=weights)
    np.testing.assert_allclose(balanced.coef_, weighted.coef_, atol=1e-9)


def test_partial_fit_takes_mini_batches():
    X, y = data()
    kwargs = {"loss": "log_loss", "learning_rate": "constant", "eta0": 0.1, "shuffle": False, "batch_size": 50, "alpha": 0.01}
    model = SGDClassifier(**kwargs)
    for at in range(0, 500, 50):
        model.partial_fit(X[at:at + 50], y[at:at + 50], classes=[0, 1])
    whole = SGDClassifier(**kwargs, max_iter=1, tol=None).fit(X[:500], y[:500])
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-12)
    assert model.t_ == 11
    Z, b, b0 = X[:50], np.zeros(X.shape[1]), 0.0                     # one step is one mean gradient
    one = SGDClassifier(**kwargs).partial_fit(Z, y[:50], classes=[0, 1])
    u = 1 / (1 + np.exp(-(Z @ b + b0))) - y[:50]
    np.testing.assert_allclose(one.coef_[0], -0.1 * Z.T @ u / 50 / (1 + 0.1 * 0.01), rtol=1e-12)
    again = pickle.loads(pickle.dumps(model)).partial_fit(X[500:], y[500:])
    np.testing.assert_array_equal(again.coef_, model.partial_fit(X[500:], y[500:]).coef_)


def test_partial_fit_keeps_the_state_of_the_optimiser():
    X, y = data()
    kwargs = {"optimizer": Adam(), "learning_rate": "constant", "eta0": 0.01, "shuffle": False, "batch_size": 100,
              "loss": "log_loss"}
    model = SGDClassifier(**kwargs)
    for at in (0, 300):
        model.partial_fit(X[at:at + 300 - 31 * (at > 0)], y[at:at + 300 - 31 * (at > 0)], classes=[0, 1])
    whole = SGDClassifier(**kwargs, max_iter=1, tol=None).fit(X, y)
    np.testing.assert_allclose(model.coef_, whole.coef_, rtol=1e-12)


def test_sparse_rows_are_dense_rows():
    X, y = data()
    S = np.where(np.abs(X) < 1, 0.0, X)
    for kwargs in ({}, {"penalty": "elasticnet"}, {"average": True}, {"optimizer": "adam", "learning_rate": "constant"}):
        dense = SGDClassifier(random_state=0, max_iter=5, tol=None, alpha=0.01, **kwargs).fit(S, y)
        thin = SGDClassifier(random_state=0, max_iter=5, tol=None, alpha=0.01, **kwargs).fit(sparse.csr_matrix(S), y)
        np.testing.assert_allclose(dense.coef_, thin.coef_, rtol=1e-9, atol=1e-9)


def test_early_stopping_returns_the_best_of_the_validation():
    X, y = data()
    model = SGDClassifier(loss="log_loss", early_stopping=True, random_state=0, learning_rate="constant", eta0=0.5, max_iter=500,
                          batch_size=16).fit(X, y)
    seen = model.history_.validation_loss
    assert model.n_iter_ < 500
    assert np.isfinite(seen).all()
    assert seen[-1] >= seen.min()


def test_warm_start_and_a_start_that_is_given():
    X, y = data()
    kwargs = {"loss": "log_loss", "learning_rate": "constant", "shuffle": False, "batch_size": None, "tol": None, "alpha": 0.01,
              "eta0": 0.1}
    model = SGDClassifier(warm_start=True, max_iter=5, **kwargs).fit(X, y).fit(X, y)
    np.testing.assert_allclose(model.coef_, SGDClassifier(max_iter=10, **kwargs).fit(X, y).coef_, rtol=1e-10)
    start = SGDClassifier(max_iter=5, **kwargs).fit(X, y)
    given = SGDClassifier(max_iter=5, **kwargs).fit(X, y, coef_init=start.coef_, intercept_init=start.intercept_)
    np.testing.assert_allclose(given.coef_, model.coef_, rtol=1e-10)
    with pytest.raises(ValueError, match="coef_init"):
        given.fit(X, y, coef_init=np.zeros(3))


def test_history_and_certificate():
    X, y = data()
    model = SGDClassifier(loss="log_loss", alpha=0.1, optimizer="saga", learning_rate="auto", batch_size=8, max_iter=3000,
                          tol=None)
    model.fit(X, y)
    exact = theirs.LogisticRegression(C=1 / (0.1 * len(y)), solver="newton-cholesky", tol=1e-10).fit(X, y)
    np.testing.assert_allclose(model.coef_, exact.coef_, atol=1e-3)
    assert model.gap_ < 1e-5
    assert len(model.history_) == model.n_iter_ == 3000
    assert model.history_.objective[-1] < model.history_.objective[0]


@pytest.mark.parametrize(("wrong", "message"), [
    ({"loss": "log"}, "loss"), ({"eta0": 0.0}, "eta0"), ({"batch_size": 0}, "batch_size"), ({"dropout": 1.0}, "dropout"),
    ({"optimizer": "adamm"}, "adamw"), ({"alpha": 0.0}, "optimal"), ({"learning_rate": "pa1", "loss": "log_loss"}, "pa1"),
    ({"learning_rate": "pa1", "batch_size": 2}, "batch_size=1"), ({"penalty": "l3"}, "penalty"), ({"l1_ratio": 2.0}, "l1_ratio"),
    ({"validation_fraction": 1.0}, "validation_fraction"), ({"tol": -1.0}, "tol")])
def test_bad_parameters_are_named(wrong, message):
    X, y = data()
    with pytest.raises(ValueError, match=message):
        SGDClassifier(**wrong).fit(X, y)


def test_bad_use_is_named():
    X, y = data()
    with pytest.raises(ValueError, match="early_stopping"):
        SGDClassifier(early_stopping=True).partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="classes must be passed"):
        SGDClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="balanced"):
        SGDClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="saga"):
        SGDClassifier(optimizer="saga").partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="not in classes"):
        SGDClassifier().partial_fit(X, y, classes=[0, 1]).partial_fit(X, y + 1)
    with pytest.raises(AttributeError, match="predict_proba"):
        SGDClassifier().fit(X, y).predict_proba(X)
    with pytest.warns(ConvergenceWarning, match="eta0"):
        model = SGDRegressor(learning_rate="constant", eta0=1e3).fit(X, X[:, 0])
    assert np.isfinite(model.coef_).all()
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        SGDClassifier(max_iter=1).fit(X, y)


@pytest.mark.parametrize("K", [2, 3])
def test_logarithms_of_small_probabilities_are_not_rounded_to_minus_infinity(K):
    """scipy in float64, from the linear predictors: log σ(η), of more classes brought to a sum of one."""
    X, y = load_iris(return_X_y=True)
    X, y = X[y < K], y[y < K]
    model = SGDClassifier(loss="log_loss", random_state=0).fit(X, y)
    far = np.random.default_rng(0).normal(size=(30, X.shape[1])) * 1e3
    eta = model.decision_function(far)
    expected = np.column_stack([log_expit(-eta), log_expit(eta)]) if K == 2 else log_softmax(log_expit(eta), axis=1)
    assert expected.min() < -800
    np.testing.assert_allclose(model.predict_log_proba(far), expected, rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(far), np.exp(expected), rtol=1e-12)


def test_the_logarithm_of_a_probability_of_zero_warns_of_nothing():
    X, y = data()
    model = SGDClassifier(loss="modified_huber", random_state=0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isneginf(model.predict_log_proba(100 * X)).any()


@pytest.mark.parametrize("optimizer", ["sag", "saga"])
def test_dropout_and_a_memory_of_slopes_do_not_go_together(optimizer):
    X, y = data()
    with pytest.raises(ValueError, match=f"dropout=0.1 with optimizer='{optimizer}'"):
        SGDClassifier(optimizer=optimizer, dropout=0.1).fit(X, y)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "squared_error", "huber", "epsilon_insensitive",
                                  "squared_epsilon_insensitive"])
@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_array])
def test_optimal_steps_recover_from_their_first_ones_as_in_scikit_learn(loss, storage):
    X, y = load_breast_cancer(return_X_y=True)
    X = storage(np.ascontiguousarray(StandardScaler().fit_transform(X)))
    settings = {"loss": loss, "shuffle": False, "tol": None, "penalty": None, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        long = SGDClassifier(max_iter=30, **settings).fit(X, y)
        one, other = (kind(max_iter=1, **settings).fit(X, y) for kind in (SGDClassifier, theirs.SGDClassifier))
    assert long.n_iter_ == 30                            # nothing stops them, though the objective begins far above that of zeros
    assert long.history_.objective[0] > 1
    assert long.history_.objective[-1] < long.history_.objective[0]
    if storage is np.asarray:                            # of sparse rows scikit-learn slows the intercept down
        np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-6 * abs(other.coef_).max())   # errors grow from step to step
        np.testing.assert_allclose(one.intercept_, other.intercept_, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_squared_hinge_learns_with_the_default_schedule(seed):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = SGDClassifier("squared_hinge", random_state=seed).fit(X, y)
    assert model.score(X, y) > 0.95
    assert model.n_iter_ > 5


def test_other_schedules_still_stop_where_they_diverge():
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="grew without bound"):
        model = SGDClassifier("squared_hinge", learning_rate="constant", eta0=10.0, random_state=0).fit(X, y)
    assert np.isfinite(model.coef_).all()


def test_messages_name_what_was_given():
    X, y = data()
    for said in ("a", None, [1.0, 2.0]):
        with pytest.raises(ValueError, match=r"early_stopping: the function returned .*a finite number"):
            SGDClassifier(early_stopping=lambda model, said=said: said).fit(X, y)
    for model in (SGDClassifier(warm_start=True), SGDRegressor(warm_start=True)):
        model.fit(X, y)
        with pytest.raises(ValueError, match=r"warm_start=True goes on from coef_ of shape .* 2 features.*warm_start=False"):
            model.fit(X[:, :2], y)
    with pytest.raises(ValueError, match="coef_init has NaN"):
        SGDRegressor().fit(X, y, coef_init=np.full(X.shape[1], np.nan))
    with pytest.raises(ValueError, match=r"has one class: 1\.0\. "):
        SGDClassifier().fit(X, np.ones(len(X)))
    for weight in (-1, 0, np.inf):
        with pytest.raises(ValueError, match=r"class_weight = .* gives class 0 the weight"):
            SGDClassifier(class_weight={0: weight, 1: 0}).fit(X, y)


def test_sparse_coefficients_are_made_dense_before_learning_goes_on():
    X, y = data()
    model = SGDClassifier(penalty="l1", alpha=0.01, random_state=0).fit(X, y).sparsify()
    with pytest.raises(ValueError, match=r"densify\(\)"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"densify\(\)"):
        model.set_params(warm_start=True).fit(X, y)
    assert model.densify().partial_fit(X, y).coef_.shape == (1, X.shape[1])
