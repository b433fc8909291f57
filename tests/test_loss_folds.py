"""One rule for the folds of an int `cv`: two classes are spread evenly wherever folds are made, alone and in batches."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import riata
from riata.losses import check_loss
from riata.many_folds import FoldsOfEach
from riata_engine.random import kfold_ids, stratified_kfold_ids

OPTIONS = {"loss": "logistic", "alphas": 8}


def classes(n=60, B=1, share=0.25, seed=0):
    """(X (n, 4), Y (n, B)) with about `share` ones, of which no two columns have the same."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 4))
    score = X[:, :1] + rng.standard_normal((n, B))
    return X, (score > np.quantile(score, 1 - share, axis=0)).astype(float)


def held_out(ids):
    return [np.flatnonzero(ids == k).tolist() for k in range(ids.max() + 1)]


@pytest.mark.parametrize("stratify", [None, False])
@pytest.mark.parametrize("label", [np.asarray, lambda y: np.where(y == 1, "well", "ill")])
def test_every_single_call_makes_the_same_folds(stratify, label):
    X, Y = classes()
    y = label(Y[:, 0])
    ids = kfold_ids(60, 5, 7) if stratify is False else stratified_kfold_ids(Y[:, 0], 5, 7)
    call = {**OPTIONS, "cv": 5, "seed": 7, "stratify": stratify}
    found = [riata.cross_validate_path(X, y, **call), riata.nested_cross_validate(X, y, inner_cv=3, **call),
             riata.adaptive_path(X, y, **call).initial_cv]
    for result in found:
        assert [rows.tolist() for rows in result.folds] == held_out(ids)
    boot = riata.bootstrap_path(X, y, n_boot=4, jackknife=0, choose="min", **call)
    assert [rows.tolist() for rows in boot.cv.folds] == held_out(ids)


def test_inner_folds_spread_the_classes_of_their_rows():
    X, Y = classes(share=0.1)
    nested = riata.nested_cross_validate(X, Y[:, 0], cv=3, inner_cv=4, **OPTIONS)
    for inner in nested.inner:
        assert {int(Y[rows, 0].sum()) for rows in inner.folds} == {1}


@pytest.mark.parametrize("stratify", [None, False, 3])
def test_folds_of_a_batch_are_those_of_each_problem_alone(stratify):
    X, Y = classes(B=4)
    Y[[3, 17], 1] = np.nan
    weights = np.ones(60)
    weights[:5] = 0
    loss = check_loss("squared" if stratify == 3 else "logistic")
    each = FoldsOfEach(5, 3, 4, loss, stratify)
    for b in range(4):
        used = ~np.isnan(Y[:, b]) & (weights > 0)
        K, ids = each.of(b, 60, used, Y[:, b], X)
        there = ~np.isnan(Y[:, b])
        alone = riata.cross_validate_path(X[there], Y[there, b], loss=loss, alphas=8, cv=5, seed=3, weights=weights[there],
                                          stratify=stratify)
        assert K == 5
        assert [np.flatnonzero(there)[rows].tolist() for rows in alone.folds] == held_out(ids)


@pytest.mark.parametrize("stratify", [None, False])
def test_models_of_a_batch_are_those_of_each_problem_alone(stratify):
    X, Y = classes(B=4)
    call = {**OPTIONS, "cv": 5, "seed": 3, "stratify": stratify, "tol": 1e-10}
    alone = [riata.cross_validate_path(X, y, **call) for y in Y.T]
    doors = {"targets": riata.fit_batch(X, Y, **call), "list": riata.fit_batch([X] * 4, list(Y.T), **call),
             "by": riata.fit_batch(np.tile(X, (4, 1)), Y.T.ravel(), by=np.repeat(np.arange(4), 60), **call),
             "columns": riata.fit_batch(X, Y, columns=[[0, 1, 2, 3]] * 4, **call)}
    for name, models in doors.items():
        for b in range(4):
            assert models.alpha[b] == pytest.approx(alone[b].alpha_min, rel=1e-12), name
            assert models.cv_score[b] == pytest.approx(alone[b].deviance_mean.min(), rel=1e-7), name


def test_shares_and_counts_are_not_spread():
    X, Y = classes()
    for loss, y in (("logistic", Y[:, 0] * 0.5 + 0.1), ("poisson", Y[:, 0] + 1)):
        found = riata.cross_validate_path(X, y, loss=loss, cv=5, alphas=8)
        assert [rows.tolist() for rows in found.folds] == held_out(kfold_ids(60, 5, 0))
        assert FoldsOfEach(5, 0, 1, check_loss(loss)).of(0, 60, None, y, X)[1].tolist() == kfold_ids(60, 5, 0).tolist()


@pytest.mark.parametrize(("given", "message"), [
    ({"stratify": 2, "cv": [np.arange(60) % 3] * 2}, "stratify = 2 works with an int cv only"),
    ({"stratify": True, "cv": 3}, "stratify = True must be None, False, or the number")])
def test_a_batch_refuses_strata_that_cannot_be(given, message):
    X, Y = classes(B=2)
    with pytest.raises(ValueError, match=message):
        riata.fit_batch([X] * 2, list(Y.T), **OPTIONS, **given)


def test_more_bins_than_rows_are_a_sentence_for_that_problem():
    X, Y = classes(B=1)
    with pytest.warns(ConvergenceWarning):
        models = riata.fit_batch([X, X[:6]], [X[:, 0] + Y[:, 0], X[:6, 1]], cv=3, stratify=8)
    assert list(models.status) == ["converged", "skipped"]
    assert "stratify = 8" in models.message[1]


IDS = np.repeat([0, 1, 2], 20)


def one_sided():
    """Classes of which fold 1 holds out all ones."""
    X, _ = classes()
    return X, (IDS == 1).astype(float)


@pytest.mark.parametrize(("call", "name"), [
    (lambda X, y: riata.cross_validate_path(X, y, cv=IDS, **OPTIONS), "cv"),
    (lambda X, y: riata.nested_cross_validate(X, y, cv=IDS, **OPTIONS), "cv"),
    (lambda X, y: riata.nested_cross_validate(X, y, cv=2, inner_cv=IDS, **OPTIONS), r"inner_cv.*outer fold 0 of cv"),
    (lambda X, y: riata.adaptive_path(X, y, cv=IDS, **OPTIONS), "cv"),
    (lambda X, y: riata.bootstrap_path(X, y, cv=IDS, n_boot=4, **OPTIONS), "cv"),
    (lambda X, y: riata.permutation_test(X, y, cv=IDS, n_perm=4, **OPTIONS), "cv")])
def test_training_rows_of_one_class_are_refused_everywhere(call, name):
    with pytest.raises(ValueError, match=rf"y is 0 in every training row of fold 1 of {name}"):
        call(*one_sided())


def test_the_remedy_fits_the_call():
    X, y = one_sided()
    with pytest.raises(ValueError, match="leave stratify at its default with an int cv, or give folds"):
        riata.cross_validate_path(X, y, cv=IDS, **OPTIONS)
    with pytest.raises(ValueError, match="no minimum: give folds that train on rows of both kinds"):
        riata.permutation_test(X, y, cv=IDS, n_perm=4, **OPTIONS)
    y = np.zeros(60)
    y[25] = 1
    with pytest.raises(ValueError, match=r"row 25 alone is of another kind: give more such rows, or fold ids with -1"):
        riata.cross_validate_path(X, y, cv=3, **OPTIONS)
    kept = np.where(y == 1, -1, IDS)
    assert len(riata.cross_validate_path(X, y, cv=kept, **OPTIONS).folds) == 3


def test_in_a_batch_it_is_the_status_of_that_problem():
    X, y = one_sided()
    Y = classes(B=1)[1]
    with pytest.warns(ConvergenceWarning):
        models = riata.fit_batch([X, X], [Y[:, 0], y], cv=[IDS, IDS], **OPTIONS)
    assert list(models.status) == ["converged", "not_finite"]
    assert "fold 1" in models.message[1]


def test_a_permutation_that_leaves_one_class_takes_no_part():
    X, _ = classes(n=12)
    y = np.zeros(12)
    y[[0, 6]] = 1                                      # some permutations put both into one fold
    ids = np.repeat([0, 1], 6)
    with pytest.warns(ConvergenceWarning):
        test = riata.permutation_test(X, y, cv=ids, n_perm=60, **OPTIONS)
    lost = np.isnan(test.null_scores)
    assert 0 < lost.sum() < 60
    assert set(test.status[1:][lost]) == {"not_finite"}
