"""The Cox model: risk sets against a loop over deaths, certificates against conjugates written out, laws, estimators."""

import pickle

import numpy as np
import pytest
from riata_engine.cpu.cox_risk import RiskSets
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import cox_reference as reference
from riata.linear_model import CoxRegressor, CoxRegressorCV
from riata_engine.cox import Cox, concordance, risk_order, solve_cox
from riata_engine.formulas.cox import mixed_entropy, shrunk_entropy, tie_share

TIES = ("breslow", "efron")


def survival(n=80, p=10, seed=0, times=12, strata=2, weighted=True):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    time = rng.exponential(size=n) * np.exp(-X[:, 0] + 0.5 * X[:, 1])
    time = np.ceil(time / np.quantile(time, 0.8) * times) if times else time
    event = rng.random(n) < 0.7
    weights = rng.random(n) + 0.2 if weighted else np.ones(n)
    return X, time, event, weights, rng.integers(0, strata, n).astype(np.intp), rng.normal(size=n) * 0.3


def risk_sets(time, event, weights, strata, ties):
    order = risk_order(time, event, strata)
    weights, event = np.ascontiguousarray(weights[None, order]), event[order].astype(np.uint8)
    sets = RiskSets(time[order], strata[order], event, weights, ties == "efron")
    return order, sets


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("size", [0.1, 3.0, 400.0])
def test_value_gradient_and_hessian_of_the_partial_likelihood(ties, size):
    X, time, event, weights, strata, _ = survival()
    weights[::9] = 0
    order, sets = risk_sets(time, event, weights, strata, ties)
    eta = size * np.random.default_rng(1).normal(size=len(time))
    value, residual, _ = sets.evaluate(eta[None, order], np.zeros(1, np.intp))
    expected, gradient = reference.loss(eta, time, event, weights, strata, ties)
    np.testing.assert_allclose(value[0], expected, rtol=1e-12)
    np.testing.assert_allclose(-residual[0], gradient[order], atol=1e-13)
    np.testing.assert_allclose(sets.saturated()[0], reference.saturated(time, event, weights, strata, ties), rtol=1e-12)
    H = sets.hessian(eta[order], 0, np.asfortranarray(X[order]))
    assert np.linalg.eigvalsh(H).min() > -1e-12
    if size < 10:
        step = 1e-5
        difference = [(X.T @ (reference.loss(eta + step * x, time, event, weights, strata, ties)[1]
                              - reference.loss(eta - step * x, time, event, weights, strata, ties)[1])) / (2 * step) for x in X.T]
        np.testing.assert_allclose(H, difference, atol=1e-8)
    np.testing.assert_allclose(sets.hessian(eta[order], 0, np.asfortranarray(X[order]), 6)[6:], H[6:], atol=1e-14)


@pytest.mark.parametrize("ties", TIES)
def test_extreme_linear_predictors_stay_finite(ties):
    _, time, event, weights, strata, _ = survival()
    order, sets = risk_sets(time, event, weights, strata, ties)
    for eta in (np.linspace(-1e4, 1e4, len(time)), np.linspace(1e4, -1e4, len(time)), np.full(len(time), 1e4)):
        value, residual, h = sets.evaluate(eta[None], np.zeros(1, np.intp))
        assert np.isfinite(value).all()
        assert np.isfinite(residual).all()
        assert (h >= 0).all()
        np.testing.assert_allclose(residual.sum(), 0, atol=1e-12)
        assert sets.distance(eta, 0, 1.0) == 0
    assert len(order) == len(time)


def test_fenchel_young_of_the_formulas():
    """Σ q log(q/p) over q = s p + (1 − s) e is f(η) + f*(q) − ⟨q, η⟩ for f = log Σ a exp(η), never below zero."""
    rng = np.random.default_rng(0)
    a, eta = rng.random(6), rng.normal(size=6) * 3
    p = a * np.exp(eta) / (a @ np.exp(eta))
    e = np.array([0.25, 0.75, 0, 0, 0, 0])
    for s in (0.0, 0.3, 0.999, 1.0):
        q = s * p + (1 - s) * e
        young = np.log(a @ np.exp(eta)) + sum(x * np.log(x / w) for x, w in zip(q, a, strict=True) if x > 0) - q @ eta
        found = sum(mixed_entropy(*pair, s) for pair in zip(p[:2], e[:2], strict=True)) + shrunk_entropy(p[2:].sum(), s)
        assert found == pytest.approx(young, abs=1e-12)
        assert young >= -1e-12
    assert mixed_entropy(0.0, 1.0, 0.5) == np.inf
    assert (tie_share(1.0, 4.0, True), tie_share(1.0, 4.0, False)) == (0.25, 0.0)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.0])
def test_gaps_are_those_of_the_referee(ties, l1_ratio):
    X, time, event, weights, strata, offset = survival()
    weights[5] = 0
    alphas = None if l1_ratio else np.geomspace(10, 0.01, 8)
    cox = Cox(X, time, event, strata, weights, offset, ties=ties, alphas=alphas, n_alphas=15, l1_ratio=l1_ratio, tol=1e-7)
    found = solve_cox(cox)
    assert (found.status == 0).all()
    assert found.gap.max() <= 1e-7
    for l, alpha in enumerate(found.alphas[0]):
        gap = reference.gap(found.coef[0, l], X, time, event, weights, strata, ties, alpha, l1_ratio, offset)
        assert gap <= 1.01e-7
        assert gap == pytest.approx(found.gap[0, l], rel=1e-3, abs=1e-12)
        value = reference.loss(X @ found.coef[0, l] + offset, time, event, weights, strata, ties)[0]
        assert found.log_likelihood[0, l] == pytest.approx(-value * weights.sum(), rel=1e-10)
    if l1_ratio:
        assert not found.coef[0, 0].any()
        assert found.coef[0, 1].any()
        assert (np.diff(found.dev_ratio[0]) > -1e-6).all()


@pytest.mark.parametrize("ties", TIES)
def test_laws_of_weights_and_storage(ties):
    X, time, event, _, strata, offset = survival(weighted=False)
    weights = np.ones(len(time))
    weights[[3, 10, 11]] = 0
    kept = weights > 0

    def coef(X, time, event, strata, offset, **more):
        cox = Cox(X, time, event, strata, offset=offset, ties=ties, alphas=np.array([[0.1, 0.03]]), tol=1e-12, **more)
        return solve_cox(cox).coef[0]

    plain = coef(X, time, event, strata, offset)
    same = {"atol": 2e-6}
    np.testing.assert_allclose(coef(X, time, event, strata, offset, weights=3 * np.ones(len(time))), plain, **same)
    np.testing.assert_allclose(coef(X, time, event, strata, offset, weights=weights),
                               coef(X[kept], time[kept], event[kept], strata[kept], offset[kept]), **same)
    np.testing.assert_allclose(coef(sparse.csc_array(X), time, event, strata, offset), plain, **same)
    np.testing.assert_allclose(coef(X, time * 7, event, strata + 4, offset + 3), plain, **same)
    single = coef(X.astype(np.float32), time, event, strata, offset)
    np.testing.assert_allclose(single, coef(X.astype(np.float32).astype(float), time, event, strata, offset), **same)
    if ties == "breslow":
        twice = np.where(np.arange(len(time)) < 20, 2.0, 1.0)
        rows = np.repeat(np.arange(len(time)), twice.astype(int))
        np.testing.assert_allclose(coef(X, time, event, strata, offset, weights=twice),
                                   coef(X[rows], time[rows], event[rows], strata[rows], offset[rows]), **same)


def test_the_bits_are_those_of_one_thread_and_of_a_problem_alone():
    X, time, event, weights, strata, offset = survival(n=120, p=200)
    folds = [np.arange(k, 120, 4) for k in range(4)]
    one = Cox(X, time, event, strata, weights, offset, held_out=[np.empty(0, np.intp), *folds], n_threads=1, n_alphas=20)
    first = solve_cox(one)
    one.n_threads = 3
    np.testing.assert_array_equal(solve_cox(one).coef, first.coef)
    alone = solve_cox(Cox(X, time, event, strata, weights, offset, held_out=folds[2:3], alphas=first.alphas[3:4], n_threads=2))
    np.testing.assert_array_equal(alone.coef[0], first.coef[3])
    assert (first.status == 0).all()


@pytest.mark.parametrize("ties", TIES)
def test_concordance_is_that_of_all_pairs(ties):
    _, time, event, weights, _, _ = survival()
    score = np.round(np.random.default_rng(3).normal(size=len(time)), 1)
    for w in (None, weights):
        pairs = concordance(time, event, score[None], w)[0]
        assert (pairs[0] + pairs[2] / 2) / pairs.sum() == pytest.approx(reference.concordance(time, event, score, w), abs=1e-12)
    assert ties


def test_held_out_deviance_is_that_of_all_rows_less_that_of_the_training_rows():
    X, time, event, _, strata, _ = survival(weighted=False, strata=1)
    halves = np.arange(40), np.arange(40, 80)
    model = CoxRegressorCV(cv=[halves, halves[::-1]], alphas=[0.1, 0.05]).fit(X, time, event)
    ones = np.ones(80)

    def deviance(b, rows):
        args = time[rows], event[rows], ones[rows], strata[rows], "efron"
        return 2 * len(rows) * (reference.saturated(*args) + reference.loss(X[rows] @ b, *args)[0])

    train, every = np.arange(40), np.arange(80)
    b = CoxRegressor(alpha=0.05, tol=1e-10).fit(X[train], time[train], event[train]).coef_
    expected = (deviance(b, every) - deviance(b, train)) / event[40:].sum()
    assert model.deviance_path_[1, 0] == pytest.approx(expected, rel=1e-4)
    assert model.concordance_path_[1, 0] == pytest.approx(reference.concordance(time[40:], event[40:], X[40:] @ b), abs=5e-3)


def test_c_index_chooses_as_scoring_says():
    X, time, event, weights, _, _ = survival()
    options = {"cv": 4, "alphas": 8}
    model, same = (CoxRegressorCV(scoring=scoring, **options).fit(X, time, event, sample_weight=weights)
                   for scoring in ("c_index", "concordance"))
    assert model.alpha_ == same.alpha_ == model.alphas_[np.nanargmax(model.mean_concordance_)]
    with pytest.raises(ValueError, match="'deviance' or 'c_index'"):
        CoxRegressorCV(scoring="auc", **options).fit(X, time, event)


def test_ways_to_pass_times_and_events():
    pandas = pytest.importorskip("pandas")
    X, time, event, *_ = survival()
    structured = np.array(list(zip(event, time, strict=True)), dtype=[("death", bool), ("days", float)])
    first = CoxRegressor(alpha=0.05).fit(X, structured)
    for y in (np.c_[event, time], pandas.DataFrame({"time": time, "event": event}), structured[["days", "death"]]):
        np.testing.assert_array_equal(CoxRegressor(alpha=0.05).fit(X, y).coef_, first.coef_)
    np.testing.assert_array_equal(CoxRegressor(alpha=0.05).fit(X, time, event.astype(int)).coef_, first.coef_)
    assert first.score(X, structured) == first.score(X, time, event) > 0.6
    search = GridSearchCV(CoxRegressor(), {"alpha": [0.01, 0.1, 10.0]}, cv=3).fit(X, structured)
    assert search.best_params_["alpha"] < 10
    copy = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(copy.predict_survival_function(X), first.predict_survival_function(X))


def test_folds_that_are_none_are_refused():
    X, time, event, *_ = survival()
    with pytest.raises(ValueError, match=r"cv = \[\] gives no folds"):
        CoxRegressorCV(cv=[]).fit(X, time, event)


def test_survival_functions():
    X, time, event, *_ = survival()
    strata = np.where(np.arange(80) % 2, "a", "b")
    model = CoxRegressor(alpha=0.05, ties="breslow").fit(X, time, event)
    eta = X @ model.coef_
    steps = [event[time == t].sum() / np.exp(eta[time >= t]).sum() for t in model.event_times_]
    hazard = [np.sum(steps, where=model.event_times_ <= at) for at in (3, 5.5)]
    np.testing.assert_allclose(model.predict_cumulative_hazard(X[:4], [3, 5.5]), np.exp(eta[:4])[:, None] * hazard, rtol=1e-10)
    np.testing.assert_allclose(model.predict_survival_function(X[:4], [0.5]), 1.0)
    np.testing.assert_allclose(model.predict_hazard_ratio(X), np.exp(eta))
    by = CoxRegressor(alpha=0.05).fit(X, time, event, strata=strata)
    curves = by.predict_survival_function(X[:4], strata=strata[:4])
    assert curves.shape == (4, len(by.event_times_))
    assert (np.diff(curves, axis=1) <= 0).all()
    with pytest.raises(ValueError, match="strata must be given"):
        by.predict_survival_function(X)
    with pytest.raises(ValueError, match="'c' was not seen"):
        by.predict_survival_function(X[:1], strata=["c"])


@pytest.mark.parametrize(("change", "message"), [
    (lambda t, e: (np.where(np.arange(80) == 7, 0, t), e), r"must be positive; they are not in 1 row \(7\)"),
    (lambda t, e: (np.where(np.arange(80) < 8, np.nan, t), e), r"NaN or infinite in 8 rows \(0, 1, 2, 3, 4, …\)"),
    (lambda t, e: (t, e & False), "there is no event in y"),
    (lambda t, e: (t, e + 1), "event must be boolean or 0 and 1; it is neither in"),
    (lambda t, e: (t, np.where(e, "dead", "alive")), "event == 'dead'"),
    (lambda t, e: (t[:-1], e), "X has 80 rows, y has 79"),
    (lambda t, e: (t, e[:-1]), "event has 79 entries"),
    (lambda t, e: (np.c_[t, t, t], None), r"y of CoxRegressor has shape \(80, 3\)"),
    (lambda t, e: (np.c_[t + 1, e], None), "the other way round"),
    (lambda t, e: (np.c_[e, t], e), "event is given, and y has two columns"),
])
def test_bad_times_and_events(change, message):
    X, time, event, *_ = survival()
    with pytest.raises(ValueError, match=message):
        CoxRegressor().fit(X, *change(time, event))


def test_strata_without_events_and_parameters_out_of_range():
    X, time, event, _, strata, _ = survival()
    with pytest.warns(UserWarning, match=r"1 of 2 strata have no event \(1\)"):
        CoxRegressor().fit(X, time, event & (strata == 0), strata=strata)
    with pytest.raises(ValueError, match="'ties' parameter"):
        CoxRegressor(ties="exact").fit(X, time, event)
    with pytest.raises(ValueError, match="strata has shape"):
        CoxRegressor().fit(X, time, event, strata=strata[1:])
    with pytest.raises(ValueError, match="penalty_factor"):
        CoxRegressor(penalty_factor=[1, 2]).fit(X, time, event)
    with pytest.raises(ValueError, match="leaves no event to train on"):
        CoxRegressorCV(cv=[(np.flatnonzero(~event), np.flatnonzero(event))]).fit(X, time, event)


def test_penalty_factors_and_standardisation():
    X, time, event, *_ = survival(weighted=False)
    free = CoxRegressor(alpha=0.3, l1_ratio=1, penalty_factor=[0, np.inf] + [1] * 8).fit(X, time, event)
    assert free.coef_[0] != 0
    assert free.coef_[1] == 0
    scaled = X * np.geomspace(0.01, 100, 10)
    one = CoxRegressor(alpha=0.05, standardize=True, tol=1e-12).fit(X, time, event).coef_ * X.std(axis=0)
    other = CoxRegressor(alpha=0.05, standardize=True, tol=1e-12).fit(scaled, time, event).coef_ * scaled.std(axis=0)
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("ties", TIES)
def test_statsmodels_agrees_without_a_penalty(ties):
    phreg = pytest.importorskip("statsmodels.duration.hazard_regression")
    X, time, event, _, strata, offset = survival(n=200, p=4, weighted=False)
    theirs = phreg.PHReg(time, X, status=event.astype(int), strata=strata, offset=offset, ties=ties).fit(disp=0)
    ours = CoxRegressor(alpha=0, ties=ties, tol=1e-12).fit(X, time, event, strata=strata, offset=offset)
    np.testing.assert_allclose(ours.coef_, theirs.params, atol=1e-6)
    assert ours.log_likelihood_ == pytest.approx(theirs.llf, rel=1e-8)


def test_scikit_survival_agrees():
    linear_model = pytest.importorskip("sksurv.linear_model")
    metrics = pytest.importorskip("sksurv.metrics")
    X, time, event, *_ = survival(n=200, weighted=False)
    y = np.array(list(zip(event, time, strict=True)), dtype=[("e", bool), ("t", float)])
    theirs = linear_model.CoxnetSurvivalAnalysis(l1_ratio=0.5, alphas=[0.05], tol=1e-14, max_iter=10**6).fit(X, y)
    ours = CoxRegressor(alpha=0.05, l1_ratio=0.5, ties="breslow", tol=1e-12).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_[:, 0], atol=1e-5)
    assert ours.score(X, y) == pytest.approx(metrics.concordance_index_censored(event, time, ours.predict(X))[0], abs=1e-12)


def test_lifelines_agrees_on_rossi():
    lifelines = pytest.importorskip("lifelines")
    table = pytest.importorskip("lifelines.datasets").load_rossi()
    theirs = lifelines.CoxPHFitter().fit(table, "week", "arrest")
    X = table.drop(columns=["week", "arrest"])
    ours = CoxRegressor(alpha=0, tol=1e-12).fit(X, table["week"], table["arrest"])
    np.testing.assert_allclose(ours.coef_, theirs.params_, atol=1e-5)
    assert ours.log_likelihood_ == pytest.approx(theirs.log_likelihood_, rel=1e-8)
    assert ours.score(X, table["week"], table["arrest"]) == pytest.approx(theirs.concordance_index_, abs=1e-6)


def _known(estimator):
    if not isinstance(estimator, CoxRegressorCV) or estimator.ties == "breslow":
        return {}
    why = "rows repeated are ties, which Efron's likelihood does not take as weights"
    return {f"check_sample_weight_equivalence_on_{kind}_data": why for kind in ("dense", "sparse")}


@parametrize_with_checks([CoxRegressor(), CoxRegressor(alpha=0.01, ties="breslow"), CoxRegressorCV(cv=3, alphas=20),
                          CoxRegressorCV(cv=3, alphas=20, ties="breslow")], expected_failed_checks=_known)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
