"""Learning curves, validation curves and verdicts: against scikit-learn on the same splits, and on planted cases."""
import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet, LassoCV, LogisticRegression, PoissonRegressor
from sklearn.model_selection import learning_curve, validation_curve
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import riata
from drawn import drawn
from riata import diagnose
from riata.diagnose.curves import check_sizes, ordered
from riata.diagnose.fits import INNER
from riata.folds import make_folds

SIZES = [20, 45, 80]


def rows(n=120, p=6, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, X @ np.linspace(1, -1, p) + noise * rng.normal(size=n)


def peers(curve, X, y, estimator, scoring):
    """scikit-learn's learning curve on the training sets of ours."""
    return learning_curve(estimator, X, y, train_sizes=curve.sizes, scoring=scoring,
                          cv=list(zip(curve.order, curve.folds, strict=True)))[1:]


def test_squared_loss_is_that_of_scikit_learn():
    X, y = rows()
    curve = diagnose.learning_curve(X, y, alpha=0.1, l1_ratio=0.5, train_sizes=SIZES, cv=4, tol=1e-12)
    train, test = peers(curve, X, y, ElasticNet(alpha=0.1, l1_ratio=0.5, tol=1e-12, max_iter=100_000), "neg_mean_squared_error")
    np.testing.assert_allclose(curve.train, -train, rtol=1e-5)
    np.testing.assert_allclose(curve.test, -test, rtol=1e-5)
    assert (curve.status == "converged").all()
    assert (curve.gap <= 1e-12).all()


def test_logistic_and_poisson_losses_are_those_of_scikit_learn():
    X, eta = rows(noise=0.5)
    y = (eta > 0).astype(int)
    curve = diagnose.learning_curve(X, y, loss="logistic", alpha=0.05, l1_ratio=0.0, train_sizes=SIZES, cv=3, tol=1e-12,
                                    scoring="log_loss")
    for s, m in enumerate(curve.sizes):
        for k, (order, test) in enumerate(zip(curve.order, curve.folds, strict=True)):
            other = LogisticRegression(C=1 / (0.05 * m), tol=1e-10, max_iter=10_000).fit(X[order[:m]], y[order[:m]])
            log = other.predict_log_proba(X[test])[np.arange(len(test)), y[test]]
            assert curve.test[s, k] == pytest.approx(-log.mean(), rel=1e-5)
    counts = np.random.default_rng(1).poisson(np.exp(0.4 * eta))
    curve = diagnose.learning_curve(X, counts, loss="poisson", alpha=0.1, l1_ratio=0.0, train_sizes=SIZES, cv=3, tol=1e-12,
                                    scoring="mse")
    train, test = peers(curve, X, counts, PoissonRegressor(alpha=0.1, tol=1e-10, max_iter=10_000), "neg_mean_squared_error")
    np.testing.assert_allclose(curve.test, -test, rtol=1e-5)
    np.testing.assert_allclose(curve.train, -train, rtol=1e-5)


def test_a_rule_chooses_within_each_training_set():
    """The alpha of each set is that of a cross-validation of this set alone."""
    X, y = rows(90, noise=2.0)
    curve = diagnose.learning_curve(X, y, train_sizes=[30, 60], cv=3, inner_cv=3, alphas=[0.5, 0.2, 0.1, 0.05, 0.01])
    assert len(np.unique(curve.alpha)) > 1
    for s, m in enumerate(curve.sizes):
        for k, order in enumerate(curve.order):
            train = np.sort(order[:m])
            ids = np.full(m, -1)
            inner = make_folds(3, m, first_repeat=INNER + s * 3 + k)
            for f, test in enumerate(inner.test):
                ids[test] = f
            other = LassoCV(alphas=[0.5, 0.2, 0.1, 0.05, 0.01], tol=1e-10,
                            cv=[(np.flatnonzero(ids != f), test) for f, test in enumerate(inner.test)]).fit(X[train], y[train])
            assert curve.alpha[s, k] == pytest.approx(other.alpha_)
            error = np.mean((y[curve.folds[k]] - other.predict(X[curve.folds[k]])) ** 2)
            assert curve.test[s, k] == pytest.approx(error, rel=1e-3)


def test_validation_curves_are_those_of_scikit_learn():
    X, y = rows(80, 20)
    alphas = [0.02, 0.5, 0.1]                          # in no order
    curve = diagnose.validation_curve(X, y, values=alphas, cv=4, tol=1e-12)
    cv = [(np.setdiff1d(np.arange(80), test), test) for test in curve.folds]
    train, test = validation_curve(ElasticNet(l1_ratio=1.0, tol=1e-12, max_iter=100_000), X, y, param_name="alpha", cv=cv,
                                   param_range=alphas, scoring="neg_mean_squared_error")
    np.testing.assert_array_equal(curve.values, alphas)
    np.testing.assert_allclose(curve.train, -train, rtol=1e-5)
    np.testing.assert_allclose(curve.test, -test, rtol=1e-5)
    ratios = [0.2, 0.9]
    curve = diagnose.validation_curve(X, y, parameter="l1_ratio", values=ratios, alpha=0.1, cv=4, tol=1e-12)
    train, test = validation_curve(ElasticNet(alpha=0.1, tol=1e-12, max_iter=100_000), X, y, param_name="l1_ratio", cv=cv,
                                   param_range=ratios, scoring="neg_mean_squared_error")
    np.testing.assert_allclose(curve.test, -test, rtol=1e-5)
    np.testing.assert_allclose(curve.train, -train, rtol=1e-5)
    chosen = diagnose.validation_curve(X, y, parameter="l1_ratio", values=ratios, cv=4, alphas=10)
    assert chosen.test.shape == (2, 4)


def test_a_validation_curve_is_the_cross_validation():
    X, y = rows(90, 15)
    curve = diagnose.validation_curve(X, np.sign(y), loss="logistic", scoring="auc", cv=3, alphas=12)
    crossed = riata.cross_validate_path(X, np.sign(y), loss="logistic", scoring="auc", cv=3, alphas=12)
    np.testing.assert_allclose(curve.test, crossed.score[0], rtol=1e-9)
    assert curve.best == crossed.alpha_min
    assert curve.loss_sign == -1


def test_an_estimator_goes_the_same_way():
    X, y = rows()
    curve = diagnose.learning_curve(X, y, estimator=DecisionTreeRegressor(random_state=0), train_sizes=SIZES, cv=3)
    train, test = peers(curve, X, y, DecisionTreeRegressor(random_state=0), "neg_mean_squared_error")
    np.testing.assert_allclose(curve.test, -test)
    np.testing.assert_allclose(curve.train, -train)
    labels = np.where(y > 1, "high", np.where(y < -1, "low", "mid"))
    curve = diagnose.learning_curve(X, labels, estimator=DecisionTreeClassifier(random_state=0), train_sizes=SIZES, cv=3)
    test = peers(curve, X, labels, DecisionTreeClassifier(random_state=0), "accuracy")[1]
    np.testing.assert_allclose(curve.test, 1 - test)


def test_sets_are_nested_and_keep_the_shares_of_classes():
    strata = np.repeat([0.0, 1.0], [90, 10])
    order = ordered(np.arange(100), 3, 0, strata)
    assert sorted(order) == list(range(100))
    for m in range(10, 101, 10):
        assert strata[order[:m]].sum() == m // 10
    assert not np.array_equal(ordered(np.arange(100), 3, 0), ordered(np.arange(100), 3, 1))
    np.testing.assert_array_equal(check_sizes([1.0, 0.5], 90), [45, 90])


def test_sparse_groups_weights_offset_and_threads():
    X, y = rows(90, 8)
    options = {"train_sizes": [30, 60], "cv": 3, "inner_cv": 3, "alphas": 10, "weights": np.linspace(1, 2, 90),
               "offset": np.linspace(-1, 1, 90), "groups": np.arange(90) // 3}
    dense = diagnose.learning_curve(X, y, **options)
    np.testing.assert_allclose(diagnose.learning_curve(sparse.csr_array(X), y, **options).test, dense.test, rtol=1e-4)
    np.testing.assert_array_equal(diagnose.learning_curve(X, y, **options, n_threads=1).test,
                                  diagnose.learning_curve(X, y, **options, n_threads=2).test)
    for order, test in zip(dense.order, dense.folds, strict=True):
        assert not np.intersect1d(options["groups"][order], options["groups"][test]).size


def test_the_law_of_least_squares_is_found():
    """Error of least squares is σ² (1 + q/(m − q − 1)): twice the rows gain nearly half of what is above σ²."""
    X, y = rows(600, 10, seed=3)
    curve = diagnose.learning_curve(X, y, alpha=0.0, train_sizes=(0.3, 0.5, 0.7, 1.0), n_repeats=6)
    gain, se = curve.gain_of_doubling
    assert 0 < se < 0.02
    assert gain == pytest.approx(11 / 540 / 2, abs=max(3 * se, 0.005))
    assert curve.excess[0] == pytest.approx(2 * 11 / 540, abs=3 * curve.excess[1])


def test_frames_summaries_and_plots():
    X, y = rows()
    curve = diagnose.learning_curve(X, y, alpha=0.05, train_sizes=SIZES, cv=3)
    assert list(curve.to_frame()["size"]) == SIZES
    assert "twice the rows would gain" in curve.summary()
    ax, _ = drawn(curve.plot)
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), curve.test_mean)
    curve = diagnose.validation_curve(X, y, alphas=12, cv=3)
    assert list(curve.to_frame()["alpha"]) == list(curve.values)
    assert curve.summary().count("best") == 1
    ax, _ = drawn(curve.plot)
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    assert curve.gain_over(curve.index_best) == (0.0, 0.0)


def planted(case):
    rng = np.random.default_rng(8)
    x = rng.uniform(-2, 2, size=(300, 1))
    X = rng.normal(size=(100, 90))
    if case == "low degree":
        return x, x[:, 0] ** 3 - 2 * x[:, 0] + 0.2 * rng.normal(size=300), {}
    if case == "right degree":
        return np.c_[x, x**2, x**3], x[:, 0] ** 3 - 2 * x[:, 0] + 0.2 * rng.normal(size=300), {}
    if case == "p near n":
        return X, X[:, 0] + rng.normal(size=100), {"alpha": 0.01, "tol": 1e-5}
    if case == "large alpha":
        return X[:, :8], X[:, :8].sum(axis=1) + 0.5 * rng.normal(size=100), {"alpha": 1.0}
    if case == "nothing":
        return X[:, :8], rng.normal(size=100), {}
    if case == "known noise":
        return X[:, :3], X[:, :3].sum(axis=1) + rng.normal(size=100), {"noise": 1.0}
    if case == "known bias":
        return x, np.sign(np.sin(9 * x[:, 0])) + 0.1 * rng.normal(size=300), {"noise": 0.01}
    return x, rng.poisson(np.exp(x[:, 0] ** 2 - 1)), {"loss": "poisson", "n_boot": 20}


@pytest.mark.parametrize(("case", "expected", "helps", "not_help"), [
    ("low degree", "high bias", "squares, cubes", "more rows"),
    ("right degree", "balanced", None, "squares, cubes"),
    ("p near n", "high variance", "a larger alpha", "squares, cubes"),
    ("large alpha", "high bias", "a smaller alpha", "squares, cubes"),
    ("nothing", "noise floor", None, "squares, cubes"),
    ("known noise", "noise floor", None, "squares, cubes"),
    ("known bias", "high bias", None, "more rows"),
    ("counts", "high bias", "squares, cubes", None),
])
def test_planted_cases_are_told(case, expected, helps, not_help):
    X, y, options = planted(case)
    result = diagnose.verdict(X, y, **{"alphas": 30, "n_boot": 40, "cv": 5, **options})
    assert result.verdict == expected, result.summary()
    assert result.message.startswith(expected)
    for wanted, said in ((helps, result.remedies), (not_help, result.no_help)):
        assert wanted is None or any(text.startswith(wanted) for text in said), result.summary()
    assert set(result.to_frame()["evidence"]) == set(result.evidence)


def test_a_verdict_on_a_tree_names_the_vote_and_one_on_real_rows_is_drawn():
    X, y = rows(150)
    result = diagnose.verdict(X, y, estimator=DecisionTreeRegressor(random_state=0), n_boot=30, cv=4)
    assert result.verdict == "high variance"
    assert result.validation is None
    assert any("bagging" in text for text in result.remedies)
    X, y = load_diabetes(return_X_y=True)
    result = diagnose.verdict(X, y, alphas=40, n_boot=30, cv=5)
    assert result.verdict == "balanced"
    axes = result.plot()
    assert [ax.get_title(loc="left").split()[0] for ax in axes] == ["Learning", "Validation", "Squared"]
    with pytest.raises(ValueError, match="3 figures"):
        result.plot(axes=axes[:2])


@pytest.mark.parametrize(("options", "message"), [
    ({"train_sizes": [0.5, 1.5]}, r"train_sizes holds 1.5"), ({"train_sizes": []}, r"train_sizes is empty"),
    ({"train_sizes": [1]}, r"train_sizes holds 1: numbers of rows are from 2 to 96"),
    ({"alpha": None}, r"alpha = None must be a number"), ({"l1_ratio": 2.0}, r"l1_ratio = 2.0 is outside"),
    ({"scoring": "auc"}, r"scoring = 'auc' is for two classes"), ({"cv": 1}, r"cv = 1 must be at least 2"),
    ({"n_folds": 3}, r"it is called cv here"), ({"seed": -1}, r"seed = -1"),
    ({"estimator": DecisionTreeRegressor(), "scoring": "neg_log_loss"}, r"takes any scorer"),
    ({"estimator": DecisionTreeRegressor(), "l1_ratio": 0.5}, r"l1_ratio = 0.5 is of riata's own models"),
    ({"train_sizes": [3], "inner_cv": 5}, r"inner_cv = 5 is more than the 3 rows"),
])
def test_bad_input_is_named(options, message):
    X, y = rows()
    with pytest.raises((ValueError, TypeError), match=message):
        diagnose.learning_curve(X, y, **{"cv": 5, **options})


def test_other_bad_input():
    X, y = rows()
    with pytest.raises(ValueError, match=r"parameter = 'degree' must be"):
        diagnose.validation_curve(X, y, parameter="degree")
    with pytest.raises(ValueError, match=r"values and alphas are given"):
        diagnose.validation_curve(X, y, values=[0.1], alphas=[0.2])
    with pytest.raises(ValueError, match=r"let them end with 1.0"):
        diagnose.verdict(X, y, train_sizes=[0.5, 0.8])
    rare = np.zeros(120)
    rare[:3] = 1
    with pytest.raises(ValueError, match=r"are all of one kind"):
        diagnose.learning_curve(X, rare, loss="logistic", alpha=0.1, cv=3, train_sizes=[10, 80])


def test_labels_are_told_what_loss_or_estimator_they_take():
    X, y = rows()
    two, three = np.where(y > 0, "yes", "no"), np.array(["a", "b", "c"])[np.digitize(y, [-1, 1])]
    for labels in (two, three, three.astype(object)):
        with pytest.raises(ValueError, match=r"y has labels, such as .*loss='logistic'.*estimator=riata.linear_model"):
            diagnose.learning_curve(X, labels)
    with pytest.raises(ValueError, match=r"loss = 'multinomial' is not among .*estimator="):
        diagnose.learning_curve(X, three, loss="multinomial")
    with pytest.raises(ValueError, match="y has labels"):
        diagnose.bias_variance(X, two)
    assert diagnose.learning_curve(X, two, loss="logistic", alpha=0.1, cv=3, train_sizes=[40, 80]).sizes.tolist() == [40, 80]
    model = riata.linear_model.LogisticRegression()
    assert diagnose.learning_curve(X, three, estimator=model, cv=3, train_sizes=[40, 80]).score_label
