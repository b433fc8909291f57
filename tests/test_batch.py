"""fit_batch: every member has the answer it would have alone, and none can spoil another."""

import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import ConvergenceWarning

import riata


@pytest.fixture
def data():
    rng = np.random.default_rng(11)
    X = rng.normal(size=(50, 6))
    Y = X @ rng.normal(size=(6, 4)) + rng.normal(size=(50, 4))
    return X, Y, rng.uniform(0, 2, size=(50, 4))


def same(member, alone):
    """Equal up to what the certificates leave open.

    Both gaps are at most 1e-14, the null objectives below 10 and the smallest curvatures of X above 0.2, so that the
    coefficients are within 2·sqrt(2·1e-14·10/0.2) = 2e-6 of each other.
    """
    np.testing.assert_allclose(member.alphas, alone.alphas, rtol=1e-12)
    for name in ("coef", "intercept", "dev_ratio"):
        np.testing.assert_allclose(getattr(member, name), getattr(alone, name), atol=2e-6, err_msg=name)
    assert member.status.tolist() == alone.status.tolist()
    assert member.n_samples == alone.n_samples
    np.testing.assert_allclose(member.null_deviance, alone.null_deviance, rtol=1e-14)


@pytest.mark.parametrize("which", ["targets", "weights", "targets_and_weights", "targets_and_shared_weights"])
def test_members_are_the_paths_they_would_be_alone(data, which):
    X, Y, W = data
    W[:5, 1] = 0
    options = {"alphas": 8, "l1_ratio": 0.6, "tol": 1e-14}
    if which == "targets":
        batch, pairs = riata.fit_batch(X, Y, **options), [(Y[:, b], None) for b in range(4)]
    elif which == "weights":
        batch, pairs = riata.fit_batch(X, Y[:, 0], weights=W, **options), [(Y[:, 0], W[:, b]) for b in range(4)]
    elif which == "targets_and_weights":
        batch, pairs = riata.fit_batch(X, Y, weights=W, **options), [(Y[:, b], W[:, b]) for b in range(4)]
    else:
        batch = riata.fit_batch(X, Y, weights=W[:, 1], **options)
        pairs = [(Y[:, b], W[:, 1]) for b in range(4)]
    assert len(batch) == 4
    for member, (y, weights) in zip(batch, pairs, strict=True):
        same(member, riata.fit_path(X, y, weights=weights, **options))


def test_one_column_of_weights_serves_all_targets(data):
    X, Y, W = data
    shared = riata.fit_batch(X, Y, weights=W[:, :1], alphas=5)
    np.testing.assert_array_equal(shared.coef, riata.fit_batch(X, Y, weights=W[:, 0], alphas=5).coef)


def test_arrays_have_a_leading_axis_for_the_problems(data):
    X, Y, _ = data
    batch = riata.fit_batch(X, Y, alphas=7)
    for name in ("alphas", "intercept", "gap", "status", "dev_ratio", "df", "n_epochs"):
        assert getattr(batch, name).shape == (4, 7), name
    assert batch.coef.shape == (4, 7, 6)
    assert (batch.gap <= 1e-6).all()
    assert "4 paths" in repr(batch)
    assert "28 converged" in repr(batch)


def test_indexing_is_that_of_a_list(data):
    X, Y, _ = data
    batch = riata.fit_batch(X, Y, alphas=3)
    np.testing.assert_array_equal(batch[-1].coef, batch.coef[3])
    assert len(list(batch)) == 4
    with pytest.raises(IndexError):
        batch[4]


def test_a_single_target_is_a_batch_of_one(data):
    X, Y, _ = data
    batch = riata.fit_batch(X, Y[:, 0], alphas=3, tol=1e-14)
    assert batch.coef.shape == (1, 3, 6)
    same(batch[0], riata.fit_path(X, Y[:, 0], alphas=3, tol=1e-14))


def test_each_problem_can_have_its_own_l1_ratio_and_alphas(data):
    X, Y, _ = data
    ratios = [0.1, 0.5, 0.9, 1.0]
    given = np.array([[0.1, 1.0, 0.3], [3.0, 2.0, 1.0], [0.1, 0.2, 0.3], [0.2, 0.2, 0.5]])
    batch = riata.fit_batch(X, Y, l1_ratio=ratios, alphas=given, tol=1e-14)
    np.testing.assert_array_equal(batch.alphas, given)
    for b in range(4):
        same(batch[b], riata.fit_path(X, Y[:, b], l1_ratio=ratios[b], alphas=given[b], tol=1e-14))


def test_shared_unsorted_alphas_keep_their_order(data):
    X, Y, _ = data
    batch = riata.fit_batch(X, Y, alphas=[0.01, 1.0, 0.1], tol=1e-14)
    np.testing.assert_array_equal(batch.alphas, np.tile([0.01, 1.0, 0.1], (4, 1)))
    same(batch[2], riata.fit_path(X, Y[:, 2], alphas=[0.01, 1.0, 0.1], tol=1e-14))


def test_a_constant_target_does_not_spoil_the_others(data):
    X, Y, _ = data
    Y = Y.copy()
    Y[:, 1] = 4.0
    batch = riata.fit_batch(X, Y, alphas=5, tol=1e-14)
    np.testing.assert_array_equal(batch[1].coef, 0)
    np.testing.assert_allclose(batch[1].intercept, 4.0)
    for b in (0, 2, 3):
        same(batch[b], riata.fit_path(X, Y[:, b], alphas=5, tol=1e-14))


def test_one_warning_for_the_whole_batch():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 60)) + rng.normal(size=(30, 1)) * 5
    with pytest.warns(ConvergenceWarning) as caught:
        batch = riata.fit_batch(X, rng.normal(size=(30, 5)), alphas=10, tol=1e-15, max_epochs=1)
    assert len(caught) == 1
    assert f"{(batch.status == 'max_iter').sum()} max_iter" in str(caught[0].message)
    assert caught[0].filename == __file__


def test_no_warning_when_all_is_well(data):
    X, Y, _ = data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        riata.fit_batch(X, Y, alphas=20)


def test_threads_do_not_change_a_bit(data):
    X, Y, W = data
    one, two = (riata.fit_batch(X, Y, weights=W, alphas=10, n_threads=k) for k in (1, 2))
    np.testing.assert_array_equal(one.coef, two.coef)


def test_targets_of_a_table_keep_their_names(data):
    X, Y, W = data
    table = pd.DataFrame(Y, columns=["t1", "t2", "t1", 7])
    for Y_ in (table, pl.DataFrame(Y, schema=["t1", "t2", "t3", "7"])):
        many = riata.fit_batch(X, Y_, alphas=3)
        np.testing.assert_array_equal(many["t2"].coef, many[1].coef)
        np.testing.assert_array_equal(many["7"].coef, many[3].coef)
        with pytest.raises(KeyError, match="no target is called 'u'; there are 't1', 't2'"):
            many["u"]
    with pytest.raises(KeyError, match="'t1' is the name of 2 targets: number the one that is meant"):
        riata.fit_batch(X, table, alphas=3)["t1"]
    one = pd.Series(Y[:, 0], name="t1")
    assert riata.fit_batch(X, one, alphas=3).target_names == ["t1"]
    assert riata.fit_batch(X, one, weights=W, alphas=3).target_names is None          # four problems, one target
    assert riata.fit_batch(X, Y, alphas=3).target_names is None


def test_a_batch_sums_itself_up(data):
    X, Y, _ = data
    many = riata.fit_batch(X, pd.DataFrame(Y, columns=list("abcd")), alphas=5)
    lines = many.summary().splitlines()
    assert lines[0] == repr(many)
    assert "passes over X" in lines[1]
    assert [line.split()[0] for line in lines[3:]] == list("abcd")
    assert lines[3].split()[1:4] == [f"{many.alphas[0, -1]:.4g}", f"{many.df[0, -1]:.4g}", f"{many.dev_ratio[0, -1]:.4f}"]
    assert lines[3].endswith("5 converged")
    assert len(riata.fit_batch(X, np.tile(Y, 50), alphas=2).summary().splitlines()) == 13
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        nothing = riata.fit_batch(X, Y, time_budget=1e-9)
    assert nothing.summary().splitlines()[3].endswith("unknown  100 time_budget")


@pytest.mark.parametrize("order", [[0.3, 0.1, 0.05], [0.05, 0.3, 0.1]])
def test_predictions_of_a_batch_are_those_of_its_paths(data, order):
    X, Y, _ = data
    table = pd.DataFrame(Y, columns=list("abcd"))
    batch = riata.fit_batch(X, table, alphas=order)
    offset = np.arange(50.0)
    every = batch.predict(X, offset=offset)
    assert every.shape == (50, 4, 3)
    assert batch.predict(X, alpha=0.1).shape == (50, 4)
    for b, path in enumerate(batch):
        np.testing.assert_allclose(every[:, b], path.predict(X, offset=offset), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(batch.predict(X, alpha=0.1)[:, b], path.predict(X, alpha=0.1), rtol=1e-13, atol=1e-13)
        np.testing.assert_array_equal(batch.predict(X, problem="abcd"[b]), path.predict(X))
        np.testing.assert_array_equal(batch.predict(X, problem=b - 4, alpha=0.3), path.predict(X, alpha=0.3))


def test_a_batch_predicts_at_alphas_of_every_problem_only(data):
    X, Y, _ = data
    batch = riata.fit_batch(X, pd.DataFrame(Y, columns=list("abcd")), alphas=5)
    alpha = float(batch.alphas[0, 2])
    with pytest.raises(ValueError, match=r"problem b: alpha = .* was not fitted; the nearest fitted one is .*fit again with"):
        batch.predict(X, alpha=alpha)
    assert batch.predict(X, problem="a", alpha=alpha).shape == (50,)
    with pytest.raises(ValueError, match="problem 1: alpha"):
        riata.fit_batch(X, Y, alphas=5).predict(X, alpha=alpha)
    with pytest.raises(ValueError, match="X has 5 columns; the model was fitted on 6"):
        batch.predict(X[:, :5])
    with pytest.raises(IndexError, match="no such problem"):
        batch.predict(X, problem=4)
    with pytest.raises(TypeError, match="alpha = 'x' must be a number"):
        batch.predict(X, alpha="x")


def test_predictions_of_alphas_that_were_not_fitted_are_nan(data):
    X, Y, _ = data
    batch = riata.fit_batch(X, Y, alphas=20, stop_dev_ratio=0.5)
    skipped = batch.status == "skipped"
    assert skipped.any()
    predicted = batch.predict(X)
    np.testing.assert_array_equal(np.isnan(predicted), np.broadcast_to(skipped, predicted.shape))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_batch_as_a_table_is_its_paths_one_under_another(data, named, library, monkeypatch):
    X, Y, _ = data
    if library == "polars":
        monkeypatch.setitem(sys.modules, "pandas", None)
    X = pl.DataFrame(X, schema=["u", "alpha", "problem", "x", "y", "z"])
    batch = riata.fit_batch(X, pl.DataFrame(Y, schema=list("abcd")) if named else Y, alphas=5, standardize=True)
    frame = batch.to_frame(coef=True)
    assert type(frame).__module__.startswith(library)
    single = batch[2].to_frame()
    assert [name for name in single.columns if name != "problem"] == list(batch.to_frame().columns)[1:] + [
        name for name in frame.columns if name in ("u", "x", "y", "z", "coef of alpha")]
    assert list(frame["problem"]) == [name for name in ("abcd" if named else range(4)) for _ in range(5)]
    for name in single.columns:
        column = "coef of problem" if name == "problem" else name
        np.testing.assert_array_equal(np.asarray(frame[column])[10:15], np.asarray(single[name]), err_msg=name)


def test_information_criteria_of_a_batch_are_those_of_its_paths(data):
    X, Y, W = data
    W[:5, 1] = 0
    batch = riata.fit_batch(X, Y, weights=W, alphas=6)
    for name in ("aic", "bic", "ebic"):
        np.testing.assert_array_equal(getattr(batch, name), [getattr(path, name) for path in batch])
