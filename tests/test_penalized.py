"""PenalizedRegressor and PenalizedClassifier: scikit-learn's contract, objectives of all pairs, the named classes, refusals."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn.linear_model
from scipy import sparse
from scipy.optimize import linprog
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.utils.estimator_checks import parametrize_with_checks

import riata
from riata.linear_model import (
    AdaptiveLasso,
    ElasticNet,
    LogisticRegression,
    MCPRegressor,
    PenalizedClassifier,
    PenalizedRegressor,
    PoissonRegressor,
    QuantileRegressor,
    SCADRegressor,
    Slope,
    SparseGroupLasso,
    TweedieRegressor,
)
from riata.linear_model._doors import DOORS, OWN, SHARES
from riata.losses import Loss, huber, tweedie
from riata_engine.batch import LOSS

PLAIN = tuple(SHARES)[:4]
MARGINS = ("quantile", "epsilon_insensitive", "squared_epsilon_insensitive")


@parametrize_with_checks([
    PenalizedRegressor(), PenalizedRegressor("huber", "l2", alpha=0.01),
    PenalizedRegressor("poisson", "l1", alpha=0.1, tol=1e-10),
    PenalizedRegressor("quantile", "l1", alpha=0.1), PenalizedRegressor("squared", "mcp", alpha=0.1),
    PenalizedRegressor("squared", "slope", alpha=0.1), PenalizedRegressor("squared", "adaptive", alpha=0.1),
    PenalizedRegressor("squared", "sparse_group", alpha=0.1), PenalizedClassifier(),
    PenalizedClassifier("hinge", "l2", alpha=0.01), PenalizedClassifier("squared_hinge", "elasticnet", alpha=0.01)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def data(loss, n=80, p=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    eta = X @ np.array([1.0, -0.8, 0.5, 0.0, 0.0, 0.2])[:p] * 0.6
    low = LOSS[loss].low if loss in LOSS else -np.inf
    if loss == "logistic":
        return X, rng.binomial(1, 1 / (1 + np.exp(-eta))).astype(float)
    if low == 0:
        return X, np.maximum(rng.poisson(np.exp(eta + 0.5)), 0 if LOSS[loss].closed else 1).astype(float)
    return X, eta + 0.3 * rng.normal(size=n)


def value(loss, y, eta, quantile=0.5, epsilon=0.1):
    """Textbook losses."""
    r, mu = y - eta, np.exp(np.minimum(eta, 50))
    return {"squared": lambda: r**2 / 2, "huber": lambda: np.where(abs(r) < 1.35, r**2 / 2, 1.35 * abs(r) - 1.35**2 / 2),
            "logistic": lambda: np.logaddexp(0, eta) - y * eta, "poisson": lambda: mu - y * eta, "gamma": lambda: eta + y / mu,
            "tweedie": lambda: mu**0.5 / 0.5 + y * mu**-0.5 / 0.5,
            "negative_binomial": lambda: (y + 1) * np.log1p(mu) - y * eta,
            "quantile": lambda: np.where(r > 0, quantile * r, (quantile - 1) * r),
            "epsilon_insensitive": lambda: np.maximum(0, abs(r) - epsilon),
            "squared_epsilon_insensitive": lambda: np.maximum(0, abs(r) - epsilon)**2,
            "hinge": lambda: np.maximum(0, 1 - y * eta), "squared_hinge": lambda: np.maximum(0, 1 - y * eta)**2}[loss]()


def objective(loss, penalty, X, y, b0, b, alpha, share, weights=None):
    share = {None: 0.0, "l1": 1.0, "l2": 0.0, "elasticnet": share}[penalty]
    own = 0.0 if penalty is None else alpha * (share * abs(b).sum() + (1 - share) / 2 * (b @ b))
    return np.average(value(loss, y, b0 + X @ b), weights=weights) + own


def assert_minimum(loss, penalty, X, y, b0, b, alpha, share, tol):
    """Nothing near is better: of a convex objective, nothing is."""
    rng = np.random.default_rng(1)
    best = objective(loss, penalty, X, y, b0, b, alpha, share)
    null = objective(loss, penalty, X, y, np.median(y), 0 * b, alpha, share)
    for scale in (1e-1, 1e-2, 1e-3, 1e-4):
        for step in np.vstack([rng.normal(size=(30, len(b) + 1)), np.eye(len(b) + 1), -np.eye(len(b) + 1)]) * scale:
            assert objective(loss, penalty, X, y, b0 + step[0], b + step[1:], alpha, share) >= best - 2 * tol * abs(null)


@pytest.mark.parametrize("penalty", PLAIN)
@pytest.mark.parametrize("loss", [*LOSS, *MARGINS])
def test_every_regression_is_at_the_minimum_of_its_objective(loss, penalty):
    X, y = data(loss)
    model = PenalizedRegressor(loss, penalty, alpha=0.05, l1_ratio=0.3).fit(X, y)
    assert model.status_ == "converged"
    assert model.gap_ <= 1e-6
    assert_minimum(loss, penalty, X, y, model.intercept_, model.coef_, 0.05, 0.3, 1e-6)


@pytest.mark.parametrize("penalty", PLAIN)
@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared_hinge"])
def test_every_classification_is_at_the_minimum_of_its_objective(loss, penalty):
    X, y = data("logistic")
    model = PenalizedClassifier(loss, penalty, alpha=0.05, l1_ratio=0.3).fit(X, np.where(y > 0, "yes", "no"))
    assert (model.status_, model.classes_.tolist()) == ("converged", ["no", "yes"])
    assert_minimum(loss, penalty, X, y if loss == "logistic" else 2 * y - 1, model.intercept_[0], model.coef_[0], 0.05, 0.3, 1e-6)


def test_a_hinge_with_an_l1_penalty_is_its_linear_program():
    X, y = data("logistic", seed=3)
    (n, p), s, alpha = X.shape, 2 * y - 1, 0.05
    model = PenalizedClassifier("hinge", "l1", alpha=alpha, tol=1e-9).fit(X, y)
    # unknowns: b⁺, b⁻ (p each), b0⁺, b0⁻, slacks (n)
    signed = s[:, None] * np.column_stack([X, -X, np.ones(n), -np.ones(n)])
    found = linprog(np.r_[np.full(2 * p, alpha), 0, 0, np.full(n, 1 / n)], A_ub=np.column_stack([-signed, -np.eye(n)]),
                    b_ub=-np.ones(n))
    ours = objective("hinge", "l1", X, s, model.intercept_[0], model.coef_[0], alpha, 1.0)
    assert ours == pytest.approx(found.fun, rel=1e-8)


def test_they_are_the_classes_named_after_them():
    X, y = load_diabetes(return_X_y=True)
    X = X / X.std(axis=0)
    counts, groups = np.round(y / 20), np.repeat([0, 1, 2, 3, 4], 2)
    own = {"tol": 1e-9}
    pairs = [
        (PenalizedRegressor(alpha=2.0, l1_ratio=0.7, **own), ElasticNet(alpha=2.0, l1_ratio=0.7, tol=1e-12), y),
        (PenalizedRegressor("poisson", "l2", alpha=0.1, tol=1e-13), PoissonRegressor(alpha=0.1, tol=1e-8), counts),
        (PenalizedRegressor(tweedie(1.7), "l2", alpha=0.1, tol=1e-13), TweedieRegressor(power=1.7, alpha=0.1, tol=1e-8), counts),
        (PenalizedRegressor("quantile", "l1", alpha=0.3, quantile=0.7, **own),
         QuantileRegressor(alpha=0.3, quantile=0.7, **own), y),
        (PenalizedRegressor(penalty="sparse_group", groups=groups, alpha=2.0, **own),
         SparseGroupLasso(groups=groups, alpha=2.0, **own), y),
        (PenalizedRegressor(penalty="mcp", alpha=5.0, **own), MCPRegressor(alpha=5.0, **own), y),
        (PenalizedRegressor(penalty="scad", alpha=5.0, **own), SCADRegressor(alpha=5.0, **own), y),
        (PenalizedRegressor(penalty="slope", alpha=1.0, sequence="oscar", **own), Slope(alpha=1.0, sequence="oscar", **own), y),
        (PenalizedRegressor(penalty="adaptive", alpha=2.0, **own), AdaptiveLasso(alpha=2.0, **own), y)]
    for ours, named, target in pairs:
        np.testing.assert_allclose(ours.fit(X, target).coef_, named.fit(X, target).coef_, rtol=2e-5, atol=2e-5, err_msg=str(ours))
        np.testing.assert_allclose(ours.predict(X), named.predict(X), rtol=1e-5)
        assert ours.score(X, target) == pytest.approx(named.score(X, target), rel=1e-5)


def test_several_classes_are_scikit_learns_multinomial_model():
    X, y = load_iris(return_X_y=True)
    labels = np.array(["a", "b", "c"])[y]
    alpha = 0.02
    ours = PenalizedClassifier(penalty="l2", alpha=alpha, tol=1e-12).fit(X, labels)
    theirs = sklearn.linear_model.LogisticRegression(C=1 / (alpha * len(y)), tol=1e-10, max_iter=10_000).fit(X, labels)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    assert (ours.predict(X) == theirs.predict(X)).all()
    named = LogisticRegression(C=1 / (alpha * len(y)), tol=1e-6, class_weight="balanced").fit(X, labels)
    np.testing.assert_allclose(ours.set_params(class_weight="balanced").fit(X, labels).coef_, named.coef_, atol=1e-5)


def test_bounds_and_factors_and_standardisation_reach_the_engine():
    X, y = data("huber")
    given = {"penalty_factor": [0, 1, 1, 1, 1, np.inf], "lower": -0.3, "upper": 0.4, "standardize": True}
    model = PenalizedRegressor(huber(1.0), "l1", alpha=0.05, tol=1e-10, **given).fit(X, y)
    path = riata.fit_path(X, y, loss=huber(1.0), alphas=[0.05], tol=1e-10, **given)
    np.testing.assert_array_equal(model.coef_, path.coef[0])
    assert model.coef_.min() >= -0.3
    assert model.coef_.max() == 0.4
    assert model.coef_[5] == 0
    Y = np.digitize(y, [-0.5, 0.5])
    several = PenalizedClassifier(penalty="l1", alpha=0.02, penalty_factor=[1, 1, 1, 1, 1, np.inf], standardize=True).fit(X, Y)
    assert (several.coef_[:, 5] == 0).all()
    assert several.coef_[:, :2].any()


@pytest.mark.parametrize("model", [PenalizedRegressor("huber", "l1", alpha=0.02),
                                   PenalizedRegressor("quantile", "l2", alpha=0.02),
                                   PenalizedRegressor(penalty="mcp", alpha=0.05),
                                   PenalizedClassifier("squared_hinge", alpha=0.02), PenalizedClassifier(alpha=0.02)])
def test_weights_storage_and_precision(model):
    X, y = data("squared")
    y = np.where(y > 0, "up", "down") if isinstance(model, PenalizedClassifier) else y
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, len(y))
    model = model.set_params(tol=1e-11)
    weighted = clone(model).fit(X, y, sample_weight=counts)
    repeated = clone(model).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=2e-6)
    np.testing.assert_allclose(clone(model).fit(sparse.csr_matrix(X), y).coef_, clone(model).fit(X, y).coef_, atol=2e-6)
    single = clone(model).set_params(tol=1e-6).fit(X.astype(np.float32), y)
    assert single.coef_.dtype == np.float32
    np.testing.assert_allclose(single.coef_, clone(model).fit(X, y).coef_, atol=2e-3)


def test_the_same_bits_for_any_number_of_threads():
    X, y = data("squared", n=300)
    for model in (PenalizedRegressor("huber", "l1", alpha=0.01), PenalizedClassifier("hinge", "l2", alpha=0.01)):
        target = np.digitize(y, [-0.5, 0.5]) if isinstance(model, PenalizedClassifier) else y
        one, two = (clone(model).set_params(n_jobs=k).fit(X, target) for k in (1, 2))
        np.testing.assert_array_equal(one.coef_, two.coef_)


def test_clones_pickles_and_names():
    X, y = data("poisson")
    table = pd.DataFrame(X, columns=list("abcdef"))
    for model in (PenalizedRegressor(tweedie(1.3), "l1", alpha=0.05), PenalizedRegressor(penalty="slope", alpha=0.05)):
        fitted = clone(model).fit(table, y)
        back = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(back.predict(table), fitted.predict(table))
        assert fitted.feature_names_in_.tolist() == list("abcdef")
        assert clone(fitted).get_params() == model.get_params()
    assert fitted.set_params(penalty="l1").fit(table, y).predict(table).shape == (80,)
    assert not hasattr(fitted, "sequence_"), "attributes of another penalty go with it"


def test_losses_with_a_link_predict_means_and_score_deviance():
    X, y = data("poisson")
    model = PenalizedRegressor("poisson", "l2", alpha=0.01).fit(X, y)
    np.testing.assert_allclose(model.predict(X), np.exp(model.linear_predictor(X)))
    reference = sklearn.linear_model.PoissonRegressor(alpha=0.01, tol=1e-10).fit(X, y)
    assert model.score(X, y) == pytest.approx(reference.score(X, y), abs=1e-6)
    shares = PenalizedRegressor("logistic", "l2", alpha=0.01).fit(X, 1 / (1 + y))
    assert ((shares.predict(X) > 0) & (shares.predict(X) < 1)).all()
    assert 0 < shares.score(X, 1 / (1 + y)) < 1


def test_only_losses_with_probabilities_have_them():
    X, y = data("logistic")
    assert hasattr(PenalizedClassifier(), "predict_proba")
    assert not hasattr(PenalizedClassifier("hinge"), "predict_proba")
    model = PenalizedClassifier(alpha=0.01).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-model.decision_function(X))))
    assert not hasattr(model.set_params(loss="hinge").fit(X, y), "predict_proba")


def test_a_loss_of_ones_own_passes_through_unchanged():
    class Twin(Loss):
        """Huber's loss, as somebody else would bring it."""

        @property
        def settings(self):
            return {"loss": "huber", "loss_parameter": self.parameter}

    X, y = data("huber")
    own = Twin("huber", 0.5)
    model = PenalizedRegressor(own, "l1", alpha=0.05).fit(X, y)
    assert model.loss_ is own
    np.testing.assert_array_equal(model.coef_, PenalizedRegressor(huber(0.5), "l1", alpha=0.05).fit(X, y).coef_)


@pytest.mark.parametrize(("loss", "penalty"), list(itertools.product(("huber", "poisson", "quantile"), list(SHARES)[4:])))
def test_a_pair_that_no_door_fits_is_refused_with_those_that_exist(loss, penalty):
    X, y = data("poisson")
    given = penalty
    if penalty == OWN:
        pytest.importorskip("numba")
        given = riata.penalties.custom(lambda b: b * b / 2, lambda v, t: v / (1 + t))
    with pytest.raises(ValueError, match="no solver fits") as caught:
        PenalizedRegressor(loss, given).fit(X, y)
    said = str(caught.value)
    assert f"loss={loss!r} goes with the penalties None, 'l1', 'l2', 'elasticnet'" in said
    assert f"penalty={penalty!r} goes with loss='squared'" in said


def test_the_table_has_every_penalty_and_its_share():
    assert set(DOORS["squared"]) == set(SHARES)
    assert all(set(row) <= set(SHARES) for row in DOORS.values())


@pytest.mark.parametrize(("model", "message"), [
    (PenalizedRegressor("l2"), "'loss' parameter of PenalizedRegressor must be one of 'squared', .*'quantile'.* Got 'l2'"),
    (PenalizedRegressor("hinge"), "Got 'hinge' instead"),
    (PenalizedRegressor(penalty="ridge"), "'penalty' parameter of PenalizedRegressor must be one of None, 'l1'.* Got 'ridge'"),
    (PenalizedRegressor(penalty=["l1"]), "Got \\['l1'\\] instead"),
    (PenalizedRegressor(alpha=-1), "'alpha' parameter of PenalizedRegressor must be a finite number >= 0"),
    (PenalizedRegressor(l1_ratio=1.5), "'l1_ratio' .* None or a number in \\[0, 1\\]. Got 1.5"),
    (PenalizedRegressor(penalty="mcp", gamma=0.5), "'gamma' .* above 1 for penalty='mcp'. Got 0.5"),
    (PenalizedRegressor(penalty="scad", l1_ratio=0), "l1_ratio = 0 leaves nothing of penalty='scad'"),
    (PenalizedRegressor("quantile", quantile=1.0), "'quantile' .* open interval"),
    (PenalizedRegressor("epsilon_insensitive", epsilon=-0.1), "'epsilon' .* >= 0. Got -0.1"),
    (PenalizedRegressor("quantile", positive=True), "positive is not available for loss='quantile' .* leave it at False"),
    (PenalizedRegressor("quantile", penalty_factor=np.ones(6)), "penalty_factor is not available .* leave it at None"),
    (PenalizedRegressor(penalty="mcp", lower=0.0), "lower is not available for loss='squared' with penalty='mcp'"),
    (PenalizedRegressor(penalty_factor=[1.0]), "penalty_factor has 1 entries"),
    (PenalizedRegressor(lower=1.0), "lower"),
    (PenalizedRegressor("gamma", alpha=0.1), "gamma loss is not defined for"),
    (PenalizedRegressor(tol=0), "'tol' .* finite number > 0"),
    (PenalizedRegressor(standardize=1), "'standardize' .* True or False"),
    (PenalizedClassifier("squared"), "must be one of 'logistic', 'hinge', 'squared_hinge', or a riata.losses.Loss whose link is"),
    (PenalizedClassifier(huber()), "Got 'huber' instead"),
    (PenalizedClassifier(penalty="mcp"), "no solver fits loss='logistic' .* goes with loss='squared' of PenalizedRegressor"),
    (PenalizedClassifier("hinge", standardize=True), "standardize is not available for loss='hinge'"),
    (PenalizedClassifier(positive=True), "positive is not available for loss='logistic' \\(several classes\\)"),
])
def test_bad_parameters_are_named(model, message):
    X, y = data("squared")
    y = np.digitize(y, [-0.5, 0.5]) if isinstance(model, PenalizedClassifier) else y
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)


@pytest.mark.parametrize("Model", [PenalizedClassifier, LogisticRegression])
def test_a_class_that_counts_for_nothing_is_named(Model):
    X, y = load_iris(return_X_y=True)
    labels = np.array(["a", "b", "c"])[y]
    for arguments, weights in (({}, (y != 1).astype(float)), ({"class_weight": {"b": 0.0, "a": 1.0, "c": 1.0}}, None)):
        with pytest.raises(ValueError, match="class 'b' has no row with a positive weight"):
            Model(**arguments).fit(X, labels, sample_weight=weights)
    with pytest.raises(ValueError, match="at least 2 classes with a positive weight, but the data contains only one class: 'a'"):
        Model(class_weight={"a": 1, "b": 0}).fit(X[:100], labels[:100])
    with pytest.raises(ValueError, match=r"class_weight of class 'a' is -1.0: give finite numbers of 0 or more"):
        Model(class_weight={"a": -1.0, "b": 1}).fit(X[:100], labels[:100])
