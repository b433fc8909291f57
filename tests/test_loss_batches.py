"""Losses in everything that is a batch: the same answers as one by one, and a status for what has no fit."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import riata
from loss_reference import LOSSES
from riata_engine.batch import Batch, solve
from riata_engine.ragged import Ragged, solve_ragged

IDS = np.arange(70) % 5


def target(name, eta, rng):
    if name == "logistic":
        return (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))) * 1.0
    if name in ("poisson", "negative_binomial"):
        return rng.poisson(np.exp(eta)) * 1.0
    return eta + rng.standard_normal(len(eta)) if name == "huber" else rng.gamma(2.0, np.exp(eta) / 2.0)


def problems(name, B=4, n=70, p=6, seed=0):
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((n, p)) for _ in range(B)]
    return X, [target(name, 0.8 * x[:, 0] - 0.5 * x[:, 1], rng) for x in X]


NAMES = [name for name in LOSSES if name != "squared"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "order"), [(np.float64, "C"), (np.float64, "F"), (np.float32, "C")])
def test_a_task_has_the_bits_of_the_problem_alone(name, dtype, order):
    X, y = problems(name)
    X = [np.array(x, dtype, order=order) for x in X]
    weights = [None, *(np.random.default_rng(b).integers(0, 3, 70) + 0.5 * (b > 1) for b in range(3))]
    found = solve_ragged(Ragged(X, y, weights=weights, l1_ratio=0.8, n_alphas=20, loss=name, n_threads=2))
    for b in range(4):
        alone = solve(Batch(X[b], y[b][:, None], weights=weights[b], l1_ratio=0.8, n_alphas=20, loss=name))
        assert np.array_equal(found.alphas[b], alone.alphas[0])
        assert np.array_equal(found.coef[found.coef_at[b]:found.coef_at[b + 1]], alone.coef[0].ravel())
        for field in ("intercept", "gap", "dev_ratio", "df", "status"):
            assert np.array_equal(getattr(found, field)[b], getattr(alone, field)[0]), field


@pytest.mark.parametrize("name", NAMES)
def test_models_are_those_of_a_cross_validation(name):
    X, y = problems(name)
    models = riata.fit_batch(X, y, loss=name, alphas=15, cv=[IDS] * 4, keep_predictions=True)
    for b, model in enumerate(models):
        alone = riata.cross_validate_path(X[b], y[b], loss=name, alphas=15, cv=IDS)
        assert model.alpha == alone.alpha_min
        np.testing.assert_allclose(model.coef, alone.coef_min, atol=1e-9)
        np.testing.assert_allclose(model.cv_score, alone.deviance_mean.min(), rtol=1e-9)
        np.testing.assert_allclose(model.oof_prediction, alone.oof_prediction, rtol=1e-8)
        np.testing.assert_allclose(model.predict(X[b]), alone.predict(X[b]), rtol=1e-8)


@pytest.mark.parametrize("name", ["logistic", "poisson", "gamma"])
def test_targets_of_one_design(name):
    X, _ = problems(name, B=1)
    rng = np.random.default_rng(3)
    Y = np.column_stack([target(name, 0.8 * X[0][:, j], rng) for j in range(4)])
    models = riata.fit_batch(X[0], Y, loss=name, alphas=15, cv=IDS, select="1se")
    for b in range(4):
        alone = riata.cross_validate_path(X[0], Y[:, b], loss=name, alphas=15, cv=IDS)
        assert models[b].alpha == alone.alpha_1se
        np.testing.assert_allclose(models[b].coef, alone.coef_1se, atol=1e-9)
    Y[5:9, 2] = np.nan                                 # missing: as if the rows were not there
    paths = riata.fit_batch(X[0], Y, loss=name, alphas=15)
    there = ~np.isnan(Y[:, 2])
    alone = riata.fit_path(X[0][there], Y[there, 2], loss=name, alphas=paths.alphas[2])
    np.testing.assert_allclose(paths[2].coef, alone.coef, atol=2e-4)
    np.testing.assert_allclose(paths[2].dev_ratio, alone.dev_ratio, atol=3e-6)


def test_laws_of_weights():
    X, y = problems("poisson", B=1)
    X, y = X[0], y[0]
    counts = np.random.default_rng(1).integers(0, 3, 70).astype(float)
    rows = np.repeat(np.arange(70), counts.astype(int))
    alphas = [0.3, 0.1, 0.03]
    one = riata.fit_batch([X, X[rows], X], [y, y[rows], y], weights=[counts, None, 7 * counts], loss="poisson", alphas=alphas,
                          tol=1e-12)
    for b in (1, 2):
        np.testing.assert_allclose(one[b].coef, one[0].coef, atol=1e-7)


def test_labels_of_two_classes():
    X, y = problems("logistic")
    text = [np.where(values > 0, "yes", "no").astype(object) for values in y]
    text[1][3] = None
    models = riata.fit_batch(X, text, loss="logistic", alphas=10, cv=[IDS] * 4)
    assert models.classes.tolist() == ["no", "yes"]
    assert set(models[0].predict(X[0], kind="class")) == {"no", "yes"}
    y[1][3] = np.nan
    numbers = riata.fit_batch(X, y, loss="logistic", alphas=10, cv=[IDS] * 4)
    assert np.array_equal(models.data, numbers.data)
    assert models[1].n_samples == 69
    with pytest.raises(ValueError, match="Y has 3 classes"):
        riata.fit_batch(X, [np.array(["a", "b", "c"] * 30)[:70]] * 4, loss="logistic")


def test_a_long_table_with_a_column_of_labels():
    pl = pytest.importorskip("polars")
    X, y = problems("logistic")
    table = pl.DataFrame({f"x{j}": np.concatenate([x[:, j] for x in X]) for j in range(6)}
                         | {"gene": np.repeat(["a", "b", "c", "d"], 70), "ill": np.where(np.concatenate(y) > 0, "yes", "no")})
    models = riata.fit_batch(table, "ill", by="gene", loss="logistic", alphas=10, cv=5)
    plain = riata.fit_batch(X, y, loss="logistic", alphas=10, cv=5)
    np.testing.assert_allclose(models.data, plain.data, rtol=1e-9)
    assert models.classes.tolist() == ["no", "yes"]


def test_what_has_no_fit_has_a_status_and_a_sentence():
    X, y = problems("logistic", B=6)
    y[1][:] = 1.0
    y[2][7] = 1.5
    y[3][:] = IDS == 3
    y[4][:] = np.nan
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        models = riata.fit_batch(X, y, loss="logistic", alphas=10, cv=[IDS] * 6)
    assert [warning.category for warning in said] == [ConvergenceWarning]
    assert list(models.status) == ["converged", "not_finite", "skipped", "not_finite", "skipped", "converged"]
    assert "is 1 in every row" in models[1].message
    assert "in row 7 (the first is 1.5)" in models[2].message
    assert "that fold 3 leaves to train on" in models[3].message
    alone = riata.fit_batch(X[5:], y[5:], loss="logistic", alphas=10, cv=[IDS])
    assert np.array_equal(models[5].coef, alone[0].coef)
    counts, rates = problems("poisson", B=2)
    rates[1][[4, 9]] = -1.0
    with pytest.warns(ConvergenceWarning):
        assert "rows 4, 9 (the first is -1)" in riata.fit_batch(counts, rates, loss="poisson", alphas=5).message[1]


def test_the_engine_says_that_a_fit_without_minimum_is_not_finite():
    X, y = problems("logistic", B=1)
    found = solve(Batch(X[0], np.column_stack([np.ones(70), y[0]]), loss="logistic", n_alphas=5))
    assert (found.status[0] == 3).all()
    assert np.isnan(found.coef[0]).all()
    assert (found.status[1] == 0).all()


def test_criteria_of_losses_without_likelihood_are_refused():
    X, y = problems("gamma")
    with pytest.raises(ValueError, match="gamma loss has none"):
        riata.fit_batch(X, y, loss="gamma", select="bic")
    paths = riata.fit_batch(X, y, loss="gamma", alphas=5)
    with pytest.raises(ValueError, match="gamma loss has none"):
        paths.select("bic")
    with pytest.raises(ValueError, match="differ in losses"):
        riata.concat([riata.fit_batch(X, y, loss="gamma", alphas=5, cv=3), riata.fit_batch(X, y, loss="huber", alphas=5, cv=3)])


def test_a_parquet_file_keeps_the_loss(tmp_path):
    pytest.importorskip("pyarrow")
    X, y = problems("tweedie")
    models = riata.fit_batch(X, y, loss=riata.losses.tweedie(1.3), alphas=5, cv=3)
    models.to_parquet(tmp_path / "models.parquet")
    read = riata.batch_models.BatchModels.from_parquet(tmp_path / "models.parquet")
    assert read.loss == riata.losses.tweedie(1.3)
    assert np.array_equal(read[1].predict(X[1]), models[1].predict(X[1]))


def deviance(y, eta):
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * (np.logaddexp(0, eta) - y * eta)


def test_nested_scores_are_those_of_the_outer_folds():
    X, y = problems("logistic", B=1)
    X, y = X[0], y[0]
    found = riata.nested_cross_validate(X, y, loss="logistic", cv=IDS, inner_cv=3, alphas=10)
    for k in range(5):
        held = k == IDS
        path = riata.fit_path(X[~held], y[~held], loss="logistic", alphas=[found.alpha[k]], tol=1e-10)
        eta = path.predict(X[held], kind="link")[:, 0]
        np.testing.assert_allclose(found.deviance[k], deviance(y[held], eta).mean(), rtol=2e-2)
        mean = y[held].mean()
        np.testing.assert_allclose(found.r2[k], 1 - found.deviance[k] / deviance(y[held], np.log(mean / (1 - mean))).mean())
        np.testing.assert_allclose(found.oof_prediction[held], 1 / (1 + np.exp(-eta)), atol=1e-2)


def test_bootstraps_permutations_and_selection_take_a_loss():
    X, y = problems("logistic", B=1)
    X, text = X[0], np.where(y[0] > 0, "b", "a")
    boot = riata.bootstrap_path(X, text, loss="logistic", n_boot=60, choose="min", cv=IDS, alphas=10, jackknife=0)
    r = int(boot.kept[0])
    counts = boot.plan.weights(0, 60)
    alone = riata.fit_path(X, y[0], loss="logistic", alphas=[boot.path.alphas[r]], weights=counts[:, 3])
    np.testing.assert_allclose(boot.draws[3, 0], alone.coef[0], atol=5e-3)
    optimism = [deviance(y[0], X @ boot.draws[i, 0] + boot.intercept_draws[i, 0]) for i in range(60)]
    own = [np.average(values, weights=counts[:, i]) for i, values in enumerate(optimism)]
    mean = np.mean([values.mean() for values in optimism])
    np.testing.assert_allclose(boot.optimism_deviance[0], mean - np.mean(own), rtol=1e-6)
    test = riata.permutation_test(X, y[0], loss="logistic", n_perm=39, cv=IDS, alphas=10)
    crossed = riata.cross_validate_path(X, y[0], loss="logistic", cv=IDS, alphas=10)
    np.testing.assert_allclose(test.deviance, crossed.deviance_mean.min(), rtol=1e-8)
    np.testing.assert_allclose(test.score, 1 - test.deviance / crossed.path.null_deviance, rtol=1e-8)
    assert test.p_value == 1 / 40
    with pytest.raises(ValueError, match="rates y / exposure"):
        riata.permutation_test(X, y[0], loss="logistic", offset=y[0])
    for selector in (riata.StabilitySelection(loss="logistic", q=2, cutoff=0.7, random_state=0),
                     riata.SelectFromPath(loss="logistic", max_features=2, cv=None)):
        assert 0 in selector.fit(X, text).get_support(indices=True)
    adaptive = riata.adaptive_path(X, text, loss="logistic", alphas=10, cv=IDS)
    assert adaptive.loss.name == "logistic"


def test_subsamples_of_one_class_are_refused_or_left_out():
    X, _ = problems("logistic", B=1)
    rare = np.zeros(70)
    rare[:3] = 1
    with pytest.raises(ValueError, match=r"subsample .* is 0 in every row"):
        riata.StabilitySelection(loss="logistic", q=1, cutoff=0.9, random_state=0).fit(X[0], rare)
    with pytest.warns(ConvergenceWarning):
        boot = riata.bootstrap_path(X[0], rare, loss="logistic", n_boot=200, choose="all", alphas=4, jackknife=0)
    flat = (boot.plan.weights(0, 200)[:3] == 0).all(axis=0)
    assert flat.any()
    assert np.array_equal(boot.status[:, 0] == "not_finite", flat)
    assert np.isfinite(boot.deviance_632).all()


def test_riata_batch_takes_a_loss(tmp_path):
    pytest.importorskip("typer")
    pl = pytest.importorskip("polars")
    from typer.testing import CliRunner

    from riata.cli.commands import app

    X, y = problems("logistic")
    table = pl.DataFrame({f"x{j}": np.concatenate([x[:, j] for x in X]) for j in range(6)}
                         | {"gene": np.repeat(["a", "b", "c", "d"], 70), "ill": np.where(np.concatenate(y) > 0, "yes", "no")})
    table.write_csv(tmp_path / "long.csv")
    call = ["batch", "--table", str(tmp_path / "long.csv"), "--by", "gene", "--target", "ill", "--cv", "3", "--out",
            str(tmp_path / "out.csv"), "--l1-ratio", "1", "--alphas", "10", "--quiet"]
    done = CliRunner().invoke(app, [*call, "--loss", "logistic"])
    assert done.exit_code == 0, done.output
    models = riata.fit_batch(X, y, loss="logistic", alphas=10, cv=3)
    np.testing.assert_allclose(pl.read_csv(tmp_path / "out.csv")["alpha"].to_numpy(), models.alpha)
    assert CliRunner().invoke(app, [*call, "--loss", "poison"]).exit_code == 2
    assert CliRunner().invoke(app, [*call, "--loss", "tweedie:3"]).exit_code == 2
