"""Stability selection: published bounds and R's numbers, paths against single fits, scikit-learn's contract."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import riata
from riata import resampling
from riata.feature_selection import SelectFromPath, StabilitySelection
from riata.stability_bounds import _tail, error_bound, stabsel_parameters
from riata_engine.batch import Batch, solve

FEW = {"n_subsamples": 20, "alphas": 30, "random_state": 0}


@parametrize_with_checks([StabilitySelection(n_subsamples=6, alphas=10), SelectFromPath(cv=3, alphas=10),
                          SelectFromPath(cv=None, max_features=2, alphas=10)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def data(n=60, p=25, seed=0, noise=0.5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, X[:, :3] @ [1.5, -1.0, 1.0] + noise * rng.normal(size=n)


# ---- bounds

@pytest.mark.parametrize(("cutoff", "plain", "unimodal"), [(0.6, 12.5, 6.5789), (0.75, 5.0, 2.5510), (0.9, 3.125, 1.0784)])
def test_bounds_of_the_papers(cutoff, plain, unimodal):
    """q = 50 of p = 1000, B = 50: Meinshausen and Bühlmann theorem 1, Shah and Samworth theorem 2."""
    assert error_bound(50, 1000, cutoff, assumption="none") == pytest.approx(plain, rel=1e-12)
    assert error_bound(50, 1000, cutoff, 50, "unimodal") == pytest.approx(unimodal, abs=5e-5)


def test_meinshausen_and_buehlmanns_own_example():
    """Section 3.2: with π = .9 and q = √(.8 p) one false selection is expected at most."""
    assert error_bound(np.sqrt(0.8 * 1000), 1000, 0.9, assumption="none") == pytest.approx(1.0)


def test_parameters_of_stabs():
    """R package stabs, B = 50, p = 200 (tests/ of hofnerb/stabs)."""
    concave = {"assumption": "r-concave", "n_pairs": 50}
    found = stabsel_parameters(200, cutoff=0.6, pfer=0.2, **concave)
    assert (found.q, round(found.pfer, 3)) == (6, 0.174)
    assert stabsel_parameters(200, cutoff=0.6, pfer=0.2).q == 3
    assert error_bound(7, 200, 0.6, 50, "r-concave") == pytest.approx(0.248, abs=5e-4)
    found = stabsel_parameters(200, q=7, pfer=0.2, **concave)
    assert (found.cutoff, round(found.pfer, 3)) == (0.62, 0.196)
    assert error_bound(7, 200, 0.61, 50, "r-concave") == pytest.approx(0.219, abs=5e-4)
    assert stabsel_parameters(200, q=7, pfer=0.2).cutoff == 0.81


def test_the_r_concave_tail_is_that_of_a_search_over_all_extreme_distributions():
    """D(θ, t, B, r) by brute force over (a + i)^(1/r) on 0..k with the rest at k + 1."""
    B, t = 12, 8
    for theta, power in [(0.1, 2), (0.2, 4), (0.03, 2)]:
        best = 0.0
        for k in range(t - 1, B):
            a, i = np.geomspace(1e-3, 1e2, 50_000), np.arange(k + 1)
            f = 1.0 / (a[:, None] + i) ** power
            # c·f on 0..k and a mass m at k + 1, of sum one and mean θB
            c = (k + 1 - theta * B) / ((k + 1 - i) * f).sum(axis=1)
            m = 1 - c * f.sum(axis=1)
            # r-concave: what stands at k + 1 is not above the sequence's own next value
            fair = (m >= 0) & (m <= c / (a + k + 1) ** power)
            best = max(best, (m + c * f[:, i >= t].sum(axis=1))[fair].max(initial=0.0))
        assert _tail(theta, t, B, power) == pytest.approx(best, rel=2e-3)


@pytest.mark.parametrize("assumption", ["none", "unimodal", "r-concave"])
def test_two_parameters_fix_the_third_best_one(assumption):
    kind = {"assumption": assumption, "n_pairs": 20}
    for p in (30, 400):
        found = stabsel_parameters(p, cutoff=0.8, pfer=0.7, **kind)
        assert found.pfer <= 0.7 < error_bound(found.q + 1, p, 0.8, 20, assumption)
        again = stabsel_parameters(p, q=found.q, pfer=0.7, **kind)
        step = 0.01 if assumption == "none" else 1 / 40
        assert again.cutoff <= 0.8 + 1e-12
        assert again.pfer <= 0.7 < error_bound(found.q, p, again.cutoff - step, 20, assumption)
        assert stabsel_parameters(p, q=found.q, cutoff=0.8, **kind).pfer == found.pfer


def test_no_more_than_all_features_are_false():
    assert stabsel_parameters(3, q=3, cutoff=0.51, assumption="none").pfer == 3
    assert stabsel_parameters(2, cutoff=0.6, pfer=2).q == 2


@pytest.mark.parametrize(("given", "error", "message"), [
    ({"q": 5}, ValueError, "q = 5 given of cutoff, pfer and q: give two"),
    ({"q": 5, "cutoff": 0.8, "pfer": 1}, ValueError, "cutoff = 0.8 and pfer = 1 and q = 5 given"),
    ({"q": 5, "cutoff": 0.5}, ValueError, "cutoff = 0.5 is outside"),
    ({"q": 101, "cutoff": 0.7}, ValueError, "q = 101 must be an int from 1 to 100"),
    ({"q": 2.5, "cutoff": 0.7}, TypeError, "q = 2.5 must be an int"),
    ({"q": 5, "pfer": 0}, ValueError, "pfer = 0 is outside"),
    ({"q": 90, "pfer": 1e-3}, ValueError, "even a cutoff of 1 has an error bound of .* lower q or raise pfer"),
    ({"cutoff": 0.55, "pfer": 1e-3}, ValueError, "even q = 1 of 100 features .* raise the cutoff or pfer"),
    ({"cutoff": 0.6, "pfer": 1, "assumption": "bimodal"}, ValueError, "assumption = 'bimodal' must be one of"),
    ({"cutoff": 0.6, "pfer": 1, "assumption": "r-concave", "n_pairs": 1}, ValueError, "n_pairs = 1"),
])
def test_bad_parameters_of_a_bound(given, error, message):
    with pytest.raises(error, match=message):
        stabsel_parameters(100, **given)


# ---- the engine's part

@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
@pytest.mark.parametrize("standardize", [False, True])
def test_factors_of_each_group_are_those_of_single_problems(solver, standardize):
    X, y = data(40, 30, seed=1)
    factor = np.random.default_rng(2).uniform(0.5, 3, (3, 30))
    held = [np.arange(5), np.arange(5, 30), np.array([], int)]
    alphas = np.geomspace(1, 0.02, 12)
    settings = {"alphas": alphas, "l1_ratio": 0.7, "solver": solver, "standardize": standardize, "tol": 1e-10}
    batch = solve(Batch(X, y, held_out=held, penalty_factor=factor, **settings))
    assert batch.gap.max() <= 1e-10
    for g in range(3):
        kept = np.setdiff1d(np.arange(40), held[g])
        alone = solve(Batch(X[kept], y[kept], penalty_factor=factor[g], **settings))
        np.testing.assert_allclose(batch.coef[g], alone.coef[0], atol=1e-6)


def test_bad_factors_of_groups_are_refused():
    X, y = data(20, 5)
    for factor, more, message in [(np.ones((2, 5)), {}, "need held_out"),
                                  (np.ones((3, 5)), {"held_out": [[0], [1]]}, r"\(2, 5\)"),
                                  (np.zeros((1, 5)), {"held_out": [[0]]}, "above 0"),
                                  (np.ones((1, 5)), {"held_out": [[0]], "l1_ratio": 0.0}, "l1_ratio above 0")]:
        with pytest.raises(ValueError, match=message):
            Batch(X, y, penalty_factor=factor, **more)


@pytest.mark.parametrize("solver", ["gram", "working_set", "residual"])
@pytest.mark.parametrize("store", ["dense", "sparse"])
def test_a_path_ends_behind_the_alpha_with_enough_features(solver, store):
    X, y = data(50, 80, seed=3, noise=3.0)
    settings = {"alphas": np.geomspace(2, 0.01, 40), "solver": solver, "held_out": [[], np.arange(25)], "tol": 1e-8}
    whole, short = solve(Batch(X, y, **settings)), solve(Batch(X, y, stop_df=6, store=store, **settings))
    for b in range(2):
        end = int(np.argmax(whole.df[b] - 1 >= 6)) + 1
        assert 1 < end < 40
        assert (short.status[b, :end] == 0).all()
        assert (short.status[b, end:] == 5).all()
        coef = short.coef[b].toarray() if store == "sparse" else short.coef[b]
        np.testing.assert_allclose(coef[:end], whole.coef[b, :end], atol=1e-4)
        assert np.isnan(coef[end:]).all() if store == "dense" else not short.coef[b][end:].nnz
        assert np.isnan(short.intercept[b, end:]).all()


# ---- the selector

def paths_of_single_fits(selection, X, y, q):
    """Π by a loop over subsamples, in words."""
    p, L = X.shape[1], len(selection.alphas_)
    counts = np.zeros((p, L))
    for i in range(len(selection.plan_)):
        rows = selection.plan_[i]
        coef = riata.fit_path(X[rows], y[rows], alphas=selection.alphas_, tol=1e-9, l1_ratio=selection.l1_ratio).coef
        if q == "all":
            counts += (coef != 0).T
            continue
        entered = []
        for l in range(L):
            new = [j for j in np.flatnonzero(coef[l]) if j not in entered]
            entered += sorted(new, key=lambda j: -abs(coef[l, j]))[:q - len(entered)]
            counts[entered, l] += 1
    return counts / len(selection.plan_)


@pytest.mark.parametrize("scheme", ["complementary_pairs", "half_samples"])
@pytest.mark.parametrize("q", [1, 4, "all"])
@pytest.mark.parametrize("shape", [(60, 25), (40, 200)])
def test_paths_are_those_of_single_fits(scheme, q, shape):
    X, y = data(*shape, seed=4)
    selection = StabilitySelection(scheme=scheme, q=q, tol=1e-9, l1_ratio=0.9, **FEW).fit(X, y)
    np.testing.assert_allclose(selection.stability_paths_, paths_of_single_fits(selection, X, y, q), atol=1e-12)
    assert selection.stability_paths_.shape == (shape[1], 30)
    np.testing.assert_array_equal(selection.selection_probabilities_, selection.stability_paths_.max(axis=1))
    if q != "all":
        assert (selection.n_entered_ == q).all()
        np.testing.assert_allclose(selection.stability_paths_[:, -1].sum(), q)
    assert selection.gap_ <= 1e-9
    assert selection.n_selected_ == selection.get_support().sum()


@pytest.mark.parametrize("shape", [(60, 25), (40, 300)])
@pytest.mark.parametrize("weakness", [1.0, 0.5])
def test_the_number_of_threads_changes_no_bit(shape, weakness):
    X, y = data(*shape, seed=5)
    one, *others = (StabilitySelection(weakness=weakness, n_threads=n, **FEW).fit(X, y) for n in (1, 2, 3, None))
    for other in others:
        np.testing.assert_array_equal(one.stability_paths_, other.stability_paths_)
        assert one.gap_ == other.gap_


def test_subsamples_are_a_plan_and_more_of_them_begin_with_the_same():
    X, y = data(seed=6)
    selection = StabilitySelection(**FEW).fit(X, y)
    assert selection.plan_ == resampling.complementary_pairs(60, 10, seed=0)
    same = StabilitySelection(scheme=selection.plan_, alphas=30, random_state=0).fit(X, y)
    np.testing.assert_array_equal(same.stability_paths_, selection.stability_paths_)
    assert (same.q_, same.cutoff_, same.pfer_) == (selection.q_, selection.cutoff_, selection.pfer_)
    short = StabilitySelection(scheme=resampling.complementary_pairs(60, 4, seed=0), alphas=selection.alphas_, q="all").fit(X, y)
    long = StabilitySelection(**{**FEW, "alphas": selection.alphas_}, q="all").fit(X, y)
    assert (8 * short.stability_paths_ <= 20 * long.stability_paths_ + 1e-9).all()
    other = StabilitySelection(**{**FEW, "random_state": 1}).fit(X, y)
    assert not np.array_equal(other.stability_paths_, selection.stability_paths_)


def test_true_features_are_found_and_noise_is_not():
    false = []
    for seed in range(20):
        X, y = data(100, 200, seed=seed)
        selection = StabilitySelection(pfer=1, cutoff=0.75, n_subsamples=50, alphas=40, random_state=seed).fit(X, y)
        support = set(selection.get_support(indices=True).tolist())
        assert {0, 1, 2} <= support
        false.append(len(support - {0, 1, 2}))
    assert np.mean(false) <= 1


@pytest.mark.parametrize("standardize", [False, True])
def test_a_randomised_lasso_penalises_half_of_the_features_more(standardize):
    X, y = data(60, 25, seed=7)
    selection = StabilitySelection(weakness=0.3, q="all", tol=1e-9, standardize=standardize, **FEW).fit(X, y)
    factors = selection._factors(25, 20, 0)
    assert set(np.unique(factors)) == {1.0, 1 / 0.3}
    assert 0.4 < (factors > 1).mean() < 0.6
    counts = np.zeros((25, 30))
    for i, rows in enumerate(selection.plan_[i] for i in range(20)):
        counts += (riata.fit_path(X[rows], y[rows], alphas=selection.alphas_, tol=1e-9, penalty_factor=factors[i],
                                  standardize=standardize).coef != 0).T
    np.testing.assert_allclose(selection.stability_paths_, counts / 20, atol=1e-12)
    np.testing.assert_array_equal(selection._factors(25, 4, 0), factors[:4])


def test_defaults_and_bounds_of_the_selector():
    X, y = data(60, 200)
    selection = StabilitySelection(**FEW).fit(X, y)
    known = stabsel_parameters(200, cutoff=0.75, pfer=1, n_pairs=10)
    assert (selection.cutoff_, selection.q_, selection.pfer_) == (0.75, known.q, known.pfer)
    selection = StabilitySelection(q=5, pfer=0.5, scheme="half_samples", **FEW).fit(X, y)
    known = stabsel_parameters(200, q=5, pfer=0.5, assumption="none")
    assert (selection.cutoff_, selection.pfer_) == (known.cutoff, known.pfer)
    selection = StabilitySelection(q="all", cutoff=0.9, **FEW).fit(X, y)
    assert selection.q_ == selection.n_entered_.mean()
    assert selection.pfer_ == error_bound(selection.q_, 200, 0.9, 10)
    selection = StabilitySelection(q=4, cutoff=0.7, assumption="r-concave", **FEW).fit(X, y)
    assert selection.pfer_ == error_bound(4, 200, 0.7, 10, "r-concave")


def test_storage_does_not_matter_and_X_is_not_written():
    X, y = data(50, 30, seed=8)
    X[np.abs(X) < 0.7] = 0
    before = X.copy()
    expected = StabilitySelection(q=5, **FEW).fit(X, y).stability_paths_
    np.testing.assert_array_equal(X, before)
    for other in (np.asfortranarray(X), sparse.csc_array(X), sparse.csr_matrix(X)):
        np.testing.assert_allclose(StabilitySelection(q=5, **FEW).fit(other, y).stability_paths_, expected, atol=0.051)


def test_in_pipelines_and_searches():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    pipe = make_pipeline(StandardScaler().set_output(transform="pandas"), StabilitySelection(q=4, cutoff=0.8, **FEW),
                         LinearRegression())
    pipe.fit(X, y)
    assert list(pipe[:-1].get_feature_names_out()) == list(X.columns[pipe[1].get_support()])
    assert {"bmi", "s5"} <= set(pipe[:-1].get_feature_names_out())
    search = GridSearchCV(pipe, {"stabilityselection__q": [2, 5]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.4
    assert clone(pipe[1]).get_params() == pipe[1].get_params()


def test_a_constant_target_selects_nothing():
    X, _ = data()
    selection = StabilitySelection(**FEW).fit(X, np.ones(60))
    assert selection.n_selected_ == 0
    assert (selection.n_entered_ == 0).all()


@pytest.mark.parametrize(("given", "error", "message"), [
    ({"n_subsamples": 7}, ValueError, "n_subsamples = 7 is odd"),
    ({"n_subsamples": 0}, ValueError, "n_subsamples = 0 must be"),
    ({"scheme": "thirds"}, ValueError, "scheme = 'thirds' must be one of 'complementary_pairs', 'half_samples', or a plan"),
    ({"scheme": resampling.bootstrap(60, 4)}, ValueError, "does not serve 60 rows"),
    ({"scheme": resampling.half_samples(50, 4)}, ValueError, "does not serve 60 rows"),
    ({"scheme": "half_samples", "assumption": "unimodal"}, ValueError, "assumption = 'unimodal' bounds complementary pairs only"),
    ({"assumption": "bimodal"}, ValueError, "assumption = 'bimodal'"),
    ({"cutoff": 0.7, "pfer": 1, "q": 3}, ValueError, "two of them fix the third, leave one out"),
    ({"q": "some"}, ValueError, "q = 'some' must be an int, None or 'all'"),
    ({"q": "all", "pfer": 1}, ValueError, "pfer = 1 cannot be asked for"),
    ({"q": 26}, ValueError, "q = 26 must be an int from 1 to 25"),
    ({"cutoff": 1.5}, ValueError, "cutoff = 1.5 is outside"),
    ({"cutoff": 0.2, "q": "all"}, ValueError, "cutoff = 0.2 is outside"),
    ({"l1_ratio": 0}, ValueError, "l1_ratio = 0 is ridge"),
    ({"weakness": 0}, ValueError, "weakness = 0 is outside"),
    ({"alphas": [1, 0]}, ValueError, "alphas contains 0"),
    ({"alphas": [1.0], "alpha_min_ratio": 0.1}, ValueError, "alpha_min_ratio = 0.1 shapes a grid"),
    ({"random_state": -1}, ValueError, "random_state = -1"),
    ({"random_state": "a"}, ValueError, "random_state = 'a' must be an int from 0 to"),
    ({"random_state": 1.5}, ValueError, "random_state = 1.5 must be an int from 0 to"),
    ({"fit_intercept": 1}, TypeError, "fit_intercept = 1 must be True or False"),
    ({"n_threads": 0}, ValueError, "n_threads = 0"),
])
def test_bad_parameters_of_the_selector(given, error, message):
    X, y = data()
    with pytest.raises(error, match=message):
        StabilitySelection(**{**FEW, **given}).fit(X, y)


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="at least 4 are needed"):
        StabilitySelection(**FEW).fit(np.eye(3), np.arange(3.0))


def test_the_plot_names_the_stable_features():
    pytest.importorskip("matplotlib")
    import matplotlib

    matplotlib.use("Agg")
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    selection = StabilitySelection(q=4, cutoff=0.8, standardize=True, **FEW).fit(X, y)
    ax = selection.plot()
    ax.figure.canvas.draw()
    texts = {text.get_text() for text in ax.texts}
    assert set(X.columns[selection.get_support()]) <= texts
    assert "cutoff 0.8" in texts
    assert selection.plot(ax, top=1, title="mine").get_title(loc="left") == "mine"
    with pytest.raises(TypeError, match="top = -1"):
        selection.plot(top=-1)
    matplotlib.pyplot.close("all")


# ---- SelectFromPath

def test_top_k_are_the_first_to_enter():
    """The order in which the lasso takes up the features of the diabetes data (Efron et al. 2004): bmi, s5, bp, s3, sex."""
    X, y = load_diabetes(return_X_y=True)
    for k, wanted in [(1, {2}), (2, {2, 8}), (3, {2, 3, 8}), (4, {2, 3, 6, 8}), (5, {1, 2, 3, 6, 8})]:
        select = SelectFromPath(max_features=k, cv=None).fit(X, y)
        assert set(select.get_support(indices=True).tolist()) == wanted
        assert select.transform(X).shape == (442, k)
    assert list(np.argsort(SelectFromPath(max_features=10, cv=None).fit(X, y).order_, kind="stable")[:2]) == [2, 8]


@pytest.mark.parametrize("rule", ["min", "1se"])
def test_coefficients_at_the_chosen_alpha(rule):
    X, y = load_diabetes(return_X_y=True)
    X = X * np.geomspace(1, 100, 10)
    cv = riata.cross_validate_path(X, y, alphas=40, cv=5)
    select = SelectFromPath(rule=rule, cv=5, alphas=40).fit(X, y)
    ratio, step = cv.index_min if rule == "min" else cv.index_1se
    np.testing.assert_array_equal(select.coef_, cv.paths[ratio].coef[step])
    np.testing.assert_allclose(select.importances_, np.abs(select.coef_) * X.std(axis=0))
    np.testing.assert_array_equal(select.get_support(), select.coef_ != 0)
    cut = np.sort(select.importances_)[-3]
    few = SelectFromPath(rule=rule, cv=5, alphas=40, threshold=cut).fit(X, y)
    np.testing.assert_array_equal(few.get_support(), select.importances_ > cut)
    top = SelectFromPath(rule=rule, cv=5, alphas=40, max_features=2).fit(X, y)
    np.testing.assert_array_equal(top.get_support(indices=True), np.sort(np.argsort(-select.importances_)[:2]))


def test_a_given_alpha_and_sparse_X():
    X, y = data(50, 30, seed=9)
    X[np.abs(X) < 0.7] = 0
    for given in (X, sparse.csc_array(X)):
        select = SelectFromPath(alpha=0.2).fit(given, y)
        alone = riata.fit_path(X, y, alphas=[0.2])
        np.testing.assert_array_equal(select.get_support(), alone.coef[0] != 0)
        np.testing.assert_allclose(select.importances_, np.abs(alone.coef[0]) * X.std(axis=0), atol=1e-6)
        assert select.alpha_ == 0.2
        assert select.cv_ is None


@pytest.mark.parametrize(("given", "error", "message"), [
    ({"cv": None}, ValueError, "leave open how many features"),
    ({"max_features": 0}, ValueError, "max_features = 0"),
    ({"max_features": 26}, ValueError, "max_features = 26 is more than X has, n_features = 25: give an int from 1 to 25"),
    ({"max_features": 26, "alpha": 0.1}, ValueError, "max_features = 26 is more than X has"),
    ({"threshold": -1}, ValueError, "threshold = -1"),
    ({"rule": "max"}, ValueError, "rule = 'max' must be one of 'min', '1se'"),
    ({"alpha": 0}, ValueError, "alpha = 0 is outside"),
    ({"alpha": 0.1, "l1_ratio": 0}, ValueError, "l1_ratio = 0 is ridge"),
    ({"cv": 1}, ValueError, "cv = 1 must be at least 2"),
])
def test_bad_parameters_of_select_from_path(given, error, message):
    X, y = data()
    with pytest.raises(error, match=message):
        SelectFromPath(**given).fit(X, y)
