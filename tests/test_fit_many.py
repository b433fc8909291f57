"""fit_batch on problems with designs of their own: every shape gives the answers that each problem has alone."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, TimeSeriesSplit

import riata
from ragged_problems import ragged, shared_design
from riata.many_run import Limits
from riata_engine.batch import Interrupted

FIELDS = ("alphas", "coef", "intercept", "gap", "dev_ratio", "df", "n_epochs", "n_cholesky", "null_deviance", "n_samples")


def same_path(path, alone):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(path, name), getattr(alone, name), err_msg=name)
    assert (path.status == alone.status).all()


def same_model(model, cv, rule="min"):
    assert model.alpha == pytest.approx(getattr(cv, f"alpha_{rule}"), rel=1e-12)
    np.testing.assert_allclose(model.coef, getattr(cv, f"coef_{rule}"), rtol=1e-9, atol=1e-12)
    assert model.intercept == pytest.approx(getattr(cv, f"intercept_{rule}"), rel=1e-9, abs=1e-12)
    r, i = cv.index(rule)
    assert model.cv_score == pytest.approx(cv.deviance_mean[r, i], rel=1e-9)
    assert model.cv_se == pytest.approx(cv.deviance_se[r, i], rel=1e-8)
    assert model.cv_r2 == pytest.approx(1 - model.cv_score / cv.path.null_deviance)


@pytest.mark.parametrize("options", [
    {"l1_ratio": 0.5}, {"l1_ratio": 0.0, "alphas": 8}, {"intercept": False}, {"standardize": True, "alphas": 10},
    {"alphas": [0.01, 0.5, 0.1]}, {"positive": True, "alphas": 10}, {"stop_dev_ratio": 0.5}, {"alpha_min_ratio": 0.1},
    {"lower": -0.5, "alphas": 9}])
def test_paths_of_a_list_have_the_bits_they_have_alone(options):
    X, y = ragged()
    found = riata.fit_batch(X, y, **options)
    assert len(found) == len(X)
    for design, target, path in zip(X, y, found, strict=True):
        same_path(path, riata.fit_path(design, target, **options))
    assert found.failed == []
    assert (found.message == "").all()


@pytest.mark.parametrize("select", ["min", "1se"])
def test_cross_validated_models_are_those_of_each_alone(select):
    X, y = ragged()
    found = riata.fit_batch(X, y, l1_ratio=0.5, cv=4, seed=3, select=select, keep_predictions=True)
    assert found.status.value_counts() == {"converged": len(X)}
    for design, target, model in zip(X, y, found, strict=True):
        cv = riata.cross_validate_path(design, target, l1_ratio=0.5, cv=4, seed=3)
        same_model(model, cv, select)
        assert (model.alpha_min, model.alpha_1se) == pytest.approx((cv.alpha_min, cv.alpha_1se), rel=1e-12)
        if select == "min":
            np.testing.assert_allclose(model.oof_prediction, cv.oof_prediction, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("rule", ["aic", "bic", "ebic"])
def test_criteria_choose_what_they_choose_on_the_path(rule):
    X, y = ragged(8)
    paths, models = riata.fit_batch(X, y), riata.fit_batch(X, y, select=rule)
    for path, model, later in zip(paths, models, paths.select(rule), strict=True):
        best = np.nanargmin(getattr(path, rule))
        assert model.alpha == later.alpha == path.alphas[best]
        np.testing.assert_array_equal(model.coef, path.coef[best])
        assert np.isnan(model.cv_score)


def test_each_problem_may_have_everything_of_its_own():
    X, y = ragged(6)
    rng = np.random.default_rng(1)
    own = {
        "weights": [None if b == 2 else rng.integers(0, 3, len(t)).astype(float) for b, t in enumerate(y)],
        "offset": [None if b == 1 else rng.normal(size=len(t)) for b, t in enumerate(y)],
        "penalty_factor": [None if b == 3 else np.arange(design.shape[1]) % 2 + 0.5 for b, design in enumerate(X)],
        "lower": [None if b == 4 else np.full(design.shape[1], -0.3) for b, design in enumerate(X)],
        "upper": [0.7 if b == 5 else None for b in range(6)],
        "l1_ratio": np.linspace(0.2, 1, 6),
        "alphas": [np.geomspace(1, 0.1, 2 + b)[::(-1) ** b] for b in range(6)]}
    found = riata.fit_batch(X, y, **own)
    assert found.n_alphas.tolist() == [2, 3, 4, 5, 6, 7]
    for b in range(6):
        alone = {name: values[b] for name, values in own.items()}
        same_path(found[b], riata.fit_path(X[b], y[b], **alone))
    models = riata.fit_batch(X, y, cv=3, **own)
    for b in range(6):
        alone = {name: values[b] for name, values in own.items()}
        cv = riata.cross_validate_path(X[b], y[b], cv=3, **alone)
        assert models[b].alpha == cv.alpha_min
        np.testing.assert_allclose(models[b].coef, cv.coef_min, atol=1e-9)


def test_folds_of_their_own_and_splitters():
    X, y = ragged(5)
    ids = [np.arange(len(t)) % 3 for t in y]
    splitter = KFold(4, shuffle=True, random_state=0)
    for cv, of in ((ids, lambda b: ids[b]), (splitter, lambda b: splitter)):
        found = riata.fit_batch(X, y, cv=cv)
        for b in range(5):
            same_model(found[b], riata.cross_validate_path(X[b], y[b], cv=of(b)))
    with pytest.raises(ValueError, match="cv: a fold of problem 0 does not train on all other rows"):
        riata.fit_batch(X, y, cv=TimeSeriesSplit(3))
    with pytest.raises(ValueError, match="cv has 2 arrays of fold ids for 5 problems"):
        riata.fit_batch(X, y, cv=ids[:2])


def test_stack_sparse_tables_and_wide_problems():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(4, 30, 6)), rng.normal(size=(4, 30))
    found = riata.fit_batch(X, Y, weights=np.abs(Y), alphas=10)
    for b in range(4):
        same_path(found[b], riata.fit_path(X[b], Y[b], weights=np.abs(Y[b]), alphas=10))
    wide = rng.normal(size=(40, 200))
    mixed = [sparse.csr_array(np.where(X[0] > 0, X[0], 0)), pd.DataFrame(X[1], columns=list("abcdef")), wide,
             pl.DataFrame(X[2], schema=list("uvwxyz"))]
    targets = [Y[0], pd.Series(Y[1]), wide[:, 3] + rng.normal(size=40), Y[2].tolist()]
    found = riata.fit_batch(mixed, targets, alphas=10)
    for b in range(4):
        same_path(found[b], riata.fit_path(mixed[b], targets[b], alphas=10))
    assert found[1].feature_names == list("abcdef")
    assert found[0].feature_names is None
    models = riata.fit_batch(mixed, targets, cv=4)
    same_model(models[2], riata.cross_validate_path(wide, targets[2], cv=4))
    assert models[3].feature_names == list("uvwxyz")


@pytest.mark.parametrize("mapped", [False, True])
def test_windows_of_one_matrix(tmp_path, mapped):
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.normal(size=(60, 50)))
    Y = X[:, :4] + rng.normal(size=(60, 4))
    if mapped:
        np.asfortranarray(X).T.tofile(tmp_path / "X")
        X = np.memmap(tmp_path / "X", dtype=float, shape=(60, 50), order="F", mode="r")
    columns = [slice(0, 10), np.arange(5, 15), [3, 40, 7], np.arange(50) % 7 == 0]
    one, many = riata.fit_batch(X, Y[:, 0], columns=columns), riata.fit_batch(X, Y, columns=columns, cv=5)
    assert one.n_features.tolist() == [10, 10, 3, 8]
    for b, pick in enumerate(columns):
        part = np.asfortranarray(X[:, pick])
        same_path(one[b], riata.fit_path(part, Y[:, 0]))
        same_model(many[b], riata.cross_validate_path(part, Y[:, b], cv=5))
    table = pd.DataFrame(np.asarray(X), columns=[f"snp{j}" for j in range(50)])
    named = riata.fit_batch(table, Y[:, 0], columns=[["snp7", "snp3"], slice(1, 3)], labels=["g", "h"], cv=5)
    assert named["g"].feature_names == ["snp7", "snp3"]
    assert named["h"].feature_names == ["snp1", "snp2"]
    np.testing.assert_array_equal(named["g"].coef, riata.cross_validate_path(table[["snp7", "snp3"]], Y[:, 0], cv=5).coef_min)


def test_neighbouring_columns_are_views():
    from riata.many_sources import Windows

    X = np.asfortranarray(np.random.default_rng(0).normal(size=(20, 9)))
    chunk = Windows(X, X[:, :1], [slice(0, 3), [4, 5, 6], [1, 3]]).chunk(0, 3)
    assert [np.shares_memory(part, X) for part in chunk.X] == [True, True, False]


@pytest.mark.parametrize("kind", ["arrays", "pandas", "polars", "arrow"])
def test_groups_of_one_table(kind):
    rng = np.random.default_rng(0)
    by = rng.permutation(np.repeat(["oslo", "bern", "rome"], [30, 25, 20]))
    X = rng.normal(size=(75, 4))
    y = X[:, 0] + rng.normal(size=75)
    if kind == "arrays":
        found = riata.fit_batch(X, y, by=by, cv=5)
    else:
        table = {**{f"x{j}": X[:, j] for j in range(4)}, "y": y, "town": by}
        table = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table}[kind](table)
        found = riata.fit_batch(table, "y", by="town", cv=5)
        assert found["rome"].feature_names == ["x0", "x1", "x2", "x3"]
    assert found.labels == list(dict.fromkeys(by))     # in order of first appearance
    for town in found.labels:
        same_model(found[town], riata.cross_validate_path(X[by == town], y[by == town], cv=5))
    order = np.argsort(by, kind="stable")
    again = riata.fit_batch(X[order], y[order], by=by[order], weights=np.ones(75), cv=5)
    np.testing.assert_allclose(again["bern"].coef, found["bern"].coef, atol=1e-12)


def test_an_iterator_is_read_chunk_by_chunk():
    X, y = ragged(12)
    whole = riata.fit_batch(X, y, cv=3)
    seen = []

    def pairs():
        for b in range(12):
            seen.append(b)
            yield (X[b], y[b]) if b % 2 else (X[b], y[b], np.ones(len(y[b])))

    progress = []
    found = riata.fit_batch(pairs(), cv=3, max_memory=2e5, progress=lambda done, total: progress.append((done, total, len(seen))))
    np.testing.assert_array_equal(found.data, whole.data)
    assert progress[0][2] < 12                         # solved before all is read
    assert progress[-1][:2] == (12, None)
    with pytest.raises(ValueError, match="gave no problem"):
        riata.fit_batch(iter([]), cv=3)
    with pytest.raises(ValueError, match="item 0: each must be a tuple"):
        riata.fit_batch(iter([X[0]]), cv=3)


@pytest.mark.parametrize("options", [{}, {"cv": 5}])
def test_answers_do_not_depend_on_chunks_threads_or_order(options):
    X, y = ragged(25)
    whole = riata.fit_batch(X, y, n_threads=1, **options)
    order = np.random.default_rng(0).permutation(25)
    for found, at in ((riata.fit_batch(X, y, max_memory=1e5, n_threads=-1, **options), np.arange(25)),
                      (riata.fit_batch([X[b] for b in order], [y[b] for b in order], n_threads=2, **options), order)):
        for i, b in enumerate(at):
            np.testing.assert_array_equal(found[i].coef, whole[int(b)].coef)


@pytest.mark.parametrize("case", ["path", "cv"])
def test_a_missing_target_leaves_its_row_out(case):
    X, y = ragged(8)
    rng = np.random.default_rng(0)
    holes = [np.where(rng.random(len(t)) < 0.15, np.nan, t) for t in y]
    given = [t.copy() for t in holes]
    options = {"cv": 4, "keep_predictions": True} if case == "cv" else {}
    found = riata.fit_batch(X, holes, **options)
    for b in range(8):
        kept = ~np.isnan(holes[b])
        np.testing.assert_array_equal(holes[b], given[b])
        if case == "path":
            alone = riata.fit_path(X[b][kept], holes[b][kept])
            np.testing.assert_allclose(found[b].alphas, alone.alphas, rtol=1e-9)
            np.testing.assert_allclose(found[b].coef, alone.coef, atol=1e-5)
            assert found[b].n_samples == kept.sum()
        else:
            alone = riata.cross_validate_path(X[b][kept], holes[b][kept], cv=4)
            assert found[b].alpha == pytest.approx(alone.alpha_min, rel=1e-9)
            np.testing.assert_allclose(found[b].oof_prediction[kept], alone.oof_prediction, atol=1e-4)
            assert np.isnan(found[b].oof_prediction[~kept]).all()


def test_labels_that_are_no_text():
    X, Y = shared_design(0.0)
    years = riata.fit_batch(X, Y[:, 0], by=np.arange(80) % 2 + 2020, select="bic")
    assert years.labels == [2020, 2021]
    assert years[years.number_of(2021)].label == 2021
    days = riata.fit_batch(X, Y[:, 0], by=np.array(["2021-01-01", "2020-01-01"], "M8[D]")[np.arange(80) % 2], select="bic")
    assert days.labels == ["2021-01-01", "2020-01-01"]


def test_a_problem_whose_folds_ran_out_of_time_is_not_called_converged():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(200, 60)) for _ in range(300)]
    with pytest.warns(ConvergenceWarning, match="time_budget"):
        found = riata.fit_batch(X, [design[:, 0] + rng.normal(size=200) for design in X], cv=10, time_budget=0.1, n_threads=1)
    done = found.status == "converged"
    assert set(found.status.value_counts()) <= {"converged", "time_budget"}
    np.testing.assert_array_equal(done, np.isfinite(found.alpha))


@pytest.mark.parametrize("options", [{}, {"cv": 5}])
def test_one_bad_problem_spoils_no_other(options):
    X, y = ragged(10, least=20, features=(2, 10))
    good = riata.fit_batch(X, y, **options)
    X, y = list(X), [t.copy() for t in y]
    X[1] = X[1].copy()
    X[1][3, 0] = np.nan
    y[2][:] = 3.0
    y[3][:] = np.nan
    X[4] = X[4][:, :0]
    y[5][:-3] = np.nan
    y[6][0] = np.inf
    with pytest.warns(ConvergenceWarning, match=r"of 10 problems are not plainly converged"):
        found = riata.fit_batch(X, y, **options)
    said = {1: "X has NaN or infinite values in column 0", 2: "The target is constant", 3: "every target is missing",
            4: "there are no columns to fit with", 6: "the target has infinite values"}
    said |= {5: "3 rows that count cannot make 5 folds"} if options else {}
    for b, words in said.items():
        assert words in found.message[b]
    assert set(found.failed) == {1, 3, 4, 6} | ({5} if options else set())
    for b in (0, 7, 8, 9):
        np.testing.assert_array_equal(found[b].coef, good[b].coef)
    assert found.message[7] == ""
    assert "problem 3: every target is missing" in found.summary()


@pytest.mark.parametrize(("arguments", "words"), [
    (lambda X, y: ((X, y[:-1]), {}), "X holds 5 designs and Y 4 targets"),
    (lambda X, y: ((X, [*y[:3], y[3][:-1], y[4]]), {}), r"Y\[3\] has \d+ values and X\[3\] has \d+ rows"),
    (lambda X, y: ((X, None), {}), "Y is None; X holds 5 designs"),
    (lambda X, y: (([], []), {}), "X is an empty list"),
    (lambda X, y: ((X, y), {"labels": list("abcad")}), r"labels\[3\] = 'a' is the label of problem 0 too"),
    (lambda X, y: ((X, y), {"labels": ["a"]}), "labels has 1 entries for 5 problems"),
    (lambda X, y: ((X, y), {"select": "best"}), "select = 'best' must be one of 'min'"),
    (lambda X, y: ((X, y), {"select": "min"}), "select = 'min' chooses by held-out errors: give cv"),
    (lambda X, y: ((X, y), {"keep_predictions": True}), "keep_predictions=True .* give cv"),
    (lambda X, y: ((X, y), {"cv": 1}), "cv = 1 must be at least 2"),
    (lambda X, y: ((X, y), {"cv": 3, "seed": -1}), "seed = -1"),
    (lambda X, y: ((X, y), {"cv": 3, "stop_dev_ratio": 0.9}), "stop_dev_ratio = 0.9 ends a path early"),
    (lambda X, y: ((X, y), {"weights": [None] * 4}), "weights has 4 entries for 5 problems"),
    (lambda X, y: ((X, y), {"weights": [None, -np.ones(len(y[1])), None, None, None]}), r"weights\[1\]\[0\] = -1"),
    (lambda X, y: ((X, y), {"weights": [None, np.ones(3), None, None, None]}), r"weights\[1\] has 3 values and X has"),
    (lambda X, y: ((X, y), {"penalty_factor": [None, [-1.0] * X[1].shape[1], None, None, None]}), "problem 1: penalty_factor"),
    (lambda X, y: ((X, y), {"lower": [None, 1.0, None, None, None]}), "problem 1: lower"),
    (lambda X, y: ((X, y), {"l1_ratio": [0.5, 2, 1, 1, 1]}), "l1_ratio = 2.0 is outside"),
    (lambda X, y: ((X, y), {"alphas": [[1.0], [], [1.0], [1.0], [1.0]]}), r"alphas\[1\] is empty"),
    (lambda X, y: ((X, y), {"alphas": [[1.0], [2.0, -1.0], [1.0], [1.0], [1.0]]}), "problem 1: alphas contains -1"),
    (lambda X, y: ((X, y), {"max_memory": 0}), "max_memory = 0 is outside"),
    (lambda X, y: (([*X[:2], X[2][:, 0], *X[3:]], y), {}), r"X\[2\] has shape"),
    (lambda X, y: (([*X[:2], X[2].astype(complex), *X[3:]], y), {}), r"X\[2\] has complex dtype"),
    (lambda X, y: ((X[0], y[0]), {"columns": [[0, 99]]}), r"columns\[0\] holds 99, outside"),
    (lambda X, y: ((X[0], y[0]), {"columns": [["a"]]}), r"columns\[0\] names columns, and X has no names"),
    (lambda X, y: ((X[0], y[0]), {"columns": []}), "columns is empty"),
    (lambda X, y: ((X[0], y[0]), {"columns": slice(0, 1)}), "must be a sequence"),
    (lambda X, y: ((np.full((4, 2), np.nan), np.arange(4.0)), {"columns": [[0]]}), "X has 4 NaN"),
    (lambda X, y: ((X[0], y[0]), {"by": np.arange(3)}), r"by has shape \(3,\)"),
    (lambda X, y: ((X[0], y[0]), {"by": "town"}), "by = 'town' names a column, and X is a ndarray"),
    (lambda X, y: ((X[0], y[0]), {"by": np.r_[np.nan, np.ones(len(y[0]) - 1)]}), "by has 1 missing labels, the first in row 0"),
    (lambda X, y: ((X[0], np.c_[y[0], np.full(len(y[0]), np.inf)]), {"labels": ["a", "b"]}), "NaN or infinite"),
    (lambda X, y: ((X[0], np.full(len(y[0]), np.inf)), {"cv": 3}), "NaN or infinite"),
    (lambda X, y: ((iter([]), y), {"cv": 3}), "X is an iterator and Y is given"),
    (lambda X, y: ((X, y), {"backend": "cuda"}), "backend = 'cuda'"),
])
def test_bad_arguments_are_named(arguments, words):
    given, options = arguments(*ragged(5))
    with pytest.raises(ValueError, match=words):
        riata.fit_batch(*given, **options)


def test_a_time_budget_says_what_is_not_done():
    X, y = ragged(6)
    with pytest.warns(ConvergenceWarning, match="6 time_budget"):
        found = riata.fit_batch(X, y, cv=3, time_budget=1e-9)
    assert (found.status == "time_budget").all()
    assert len(found) == 6
    with pytest.warns(ConvergenceWarning):
        paths = riata.fit_batch(X, y, time_budget=1e-9)
    assert np.isnan(paths[5].coef).all()


@pytest.mark.parametrize("options", [{}, {"cv": 3}])
def test_ctrl_c_returns_what_is_done(options):
    X, y = ragged(30)
    whole = riata.fit_batch(X, y, **options)

    def stop(done, total):
        if done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as stopped:
        riata.fit_batch(X, y, max_memory=1e5, progress=stop, **options)
    found = stopped.value.result
    assert len(found) == 30
    done = np.asarray(found.status if options else found.status[:, -1]) == "converged"
    assert 1 <= done.sum() < 30
    for b in np.flatnonzero(done):
        np.testing.assert_array_equal(found[b].coef, whole[b].coef)
    assert len(found.failed) == 30 - done.sum()


def test_progress_counts_problems(capsys):
    X, y = ragged(9)
    seen = []
    riata.fit_batch(X, y, cv=3, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (9, 9)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    riata.fit_batch(X, y, cv=3, progress=True)
    assert "9/9" in capsys.readouterr().err


def test_chunks_keep_within_memory():
    rules = type("rules", (), {"L": 100, "select": "min", "folds": None, "keep_predictions": False})()
    source = type("source", (), {"sizes": staticmethod(lambda start, stop: np.full((2, stop - start), [[100], [50]]))})
    limits = Limits(rules, 1e6, False, False)
    each = float(limits.bytes_of(100.0, 50.0))
    assert limits.stop(source, 0, 10_000) == int(1e6 // each)
    assert limits.stop(source, 0, 3) == 3
    assert Limits(rules, 1.0, False, False).stop(source, 5, 10) == 6          # one problem at least


@pytest.mark.parametrize("options", [{"cv": 3}, {"alphas": 40}])
def test_what_is_held_beside_the_result_keeps_within_max_memory(options):
    X, y = ragged(200, least=40, most=60, features=(30, 40))
    riata.fit_batch(X[:2], y[:2], **options)           # what is imported on the way is not counted
    for limit in (2e6, 8e6):
        tracemalloc.start()
        found = riata.fit_batch(X, y, max_memory=limit, **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak <= limit + sum(values.nbytes for values in found.store.values()) + 5e5


def test_inner_folds_hand_over_to_nested_cross_validation():
    X, Y = shared_design(0.0)
    nested = riata.cross_validate_path(X, Y[:, 0], cv=3, inner_cv=4, alphas=10)
    expected = riata.nested_cross_validate(X, Y[:, 0], cv=3, inner_cv=4, alphas=10)
    np.testing.assert_array_equal(nested.oof_prediction, expected.oof_prediction)


def test_nothing_is_warned_of_where_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        riata.fit_batch(*ragged(4), cv=3)
