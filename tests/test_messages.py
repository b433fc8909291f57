"""What messages say: the argument that was meant, its value, and the remedy; plausible mistakes get advice."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.figure import Figure
from sklearn.model_selection import GroupKFold

import riata
from native_functions import FUNCTIONS, every_function
from riata.linear_model import ElasticNet, ElasticNetCV, Ridge


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 4))
    return X, X @ [1.0, 0.0, -2.0, 0.5] + rng.normal(size=20)


@pytest.mark.parametrize(("options", "message"), [
    ({"n_threads": 10 ** 12}, "n_threads = 1000000000000 must be an int from 1 to 4096"),
    ({"max_epochs": 10 ** 30}, r"max_epochs = 10{30} must be an int from 1 to 2147483647"),
    ({"max_epochs": 10 ** 5000}, r"max_epochs = \(more than 1e40\) must be an int from 1 to 2147483647"),
    ({"tol": 10 ** 400}, r"tol = \(more than 1e40\) is beyond float64"),
    ({"weights": "a"}, r"weights = 'a' is text; expected \(n,\).*: one per row, n = 20"),
    ({"positive": True, "lower": -1}, r"positive=True means lower=0, and lower\[0\] = -1: give one of them"),
    ({"positive": True, "lower": [0, -np.inf, -2, 0]}, r"positive=True means lower=0, and lower\[2\] = -2: give one of them"),
    ({"alphas": [0.1], "alpha_min_ratio": 0.1}, r"alpha_min_ratio = 0.1 .* and alphas are given: leave one of them out")])
@every_function
def test_ranges_text_and_contradictions(function, data, options, message):
    with pytest.raises(ValueError, match=message):
        function(*data, **options)


@every_function
def test_a_bound_that_is_true_or_false(function, data):
    with pytest.raises(TypeError, match=r"lower = True must be a number, or \(p,\): one per column of X, p = 4"):
        function(*data, lower=True)


def test_positive_agrees_with_lower_bounds_that_say_nothing_else(data):
    expected = riata.fit_path(*data, alphas=3, positive=True).coef
    for lower in (0, -np.inf, np.array(0.0)):
        np.testing.assert_array_equal(riata.fit_path(*data, alphas=3, positive=True, lower=lower).coef, expected)


def test_a_list_of_numbers_that_numpy_reads_as_objects(data):
    with pytest.raises(ValueError, match=r"X holds numbers that numpy does not read as one type, such as 10{30}: convert them"):
        riata.fit_path([[1.0], [10 ** 30]], [1.0, 2.0])
    with pytest.raises(ValueError, match="X holds 'a', which is not a real number"):
        riata.fit_path([["a"]], [1.0])


@pytest.mark.parametrize(("function", "options", "message"), [
    (riata.fit_batch, {"alphas": np.array(5)}, r"expected \(L,\), or \(1, L\) with a row per problem"),
    (riata.fit_batch, {"l1_ratio": [[0.1, 0.5, 1]]}, r"l1_ratio has shape \(1, 3\); expected .* one per problem, \(1,\)"),
    (riata.fit_batch, {"l1_ratio": None}, "l1_ratio is None; expected a number from 0 .ridge. to 1 .lasso., or one"),
    (riata.cross_validate_path, {"l1_ratio": "0.5"}, r"l1_ratio = '0.5' is text; expected .*, or \(R,\): a list of them"),
    (riata.cross_validate_path, {"l1_ratio": [[0.1, 0.5]]}, r"l1_ratio has shape \(1, 2\); expected a number .*, or \(R,\)"),
    (riata.cross_validate_path, {"alphas": np.ones((2, 2))}, r"alphas has shape \(2, 2\); expected \(L,\): a list of alphas"),
    (riata.cross_validate_path, {"l1_ratio": [0.5, 1, 0.5]}, "l1_ratio holds 0.5 more than once; give each value once"),
    (riata.nested_cross_validate, {"l1_ratio": [1, 1]}, "l1_ratio holds 1 more than once")])
def test_expected_shapes_are_those_of_the_argument(data, function, options, message):
    with pytest.raises(ValueError, match=message):
        function(*data, **options)


@every_function
def test_an_array_without_axes_is_one_l1_ratio(function, data):
    result = function(*data, l1_ratio=np.array(0.5), alphas=3)
    assert np.all(getattr(result, "l1_ratio", 0.5) == 0.5)


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"inner_cv": 100}, ValueError, "^inner_cv = 100 is more than the 16 rows with a positive weight; use inner_cv <= 16"),
    ({"cv": 100}, ValueError, "^cv = 100 is more than the 20 rows"), ({"inner_cv": 1}, ValueError, "^inner_cv = 1 must"),
    ({"inner_cv": 2.5}, TypeError, "^inner_cv = 2.5 must be an int"), ({"cv": 2.5}, TypeError, "^cv = 2.5 must be an int"),
    ({"inner_cv": np.zeros(20, int)}, ValueError, "^inner_cv puts all rows into one fold"),
    ({"inner_cv": np.zeros(3, int)}, ValueError, "^inner_cv has 3 fold ids for 20 rows")])
def test_inner_and_outer_folds_are_told_apart(data, options, error, message):
    with pytest.raises(error, match=message):
        riata.nested_cross_validate(*data, **options)


def test_infinity_in_many_targets_names_the_column(data):
    X, y = data
    Y = np.column_stack([y, y, y])
    Y[3, 1] = np.nan                                   # that problem lacks the row
    assert riata.fit_batch(X, Y).n_samples.tolist() == [20, 19, 20]
    with pytest.raises(ValueError, match="weights has 1 NaN or infinite value, the first in row 3 of column 1;"):
        riata.fit_batch(X, y, weights=np.abs(Y))
    Y[3, 1], Y[0, 2] = np.inf, np.inf
    one = "Y has 2 NaN or infinite values, the first in row 3 of column 1, the first of 2 such columns; drop these rows"
    with pytest.raises(ValueError, match=one):
        riata.fit_batch(X, Y)
    for table in (pd.DataFrame(Y, columns=list("abc")), pl.DataFrame(Y, schema=list("abc"))):
        with pytest.raises(ValueError, match=r"row 3 of column 'b' \(index 1\), the first of 2 such columns; .* these"):
            riata.fit_batch(X, table)


@every_function
@pytest.mark.parametrize("reason", ["Unable to allocate 50.9 GiB", ""])
def test_an_answer_that_does_not_fit_says_how_large_it_is(function, data, monkeypatch, reason):
    def refused(*_, **__):
        raise MemoryError(*[reason] * bool(reason))

    for module in ("results", "chunks"):
        monkeypatch.setattr(f"riata.{module}.solve", refused)
    problems, fewer = {FUNCTIONS[0]: (1, "alphas"), FUNCTIONS[1]: (1, "alphas, or fewer targets a call"),
                       riata.adaptive_path: (11, "alphas, l1_ratios or folds"),
                       FUNCTIONS[5]: (4, "alphas, l1_ratios or folds, or a smaller max_memory")}.get(
        function, (4, "alphas, l1_ratios or folds"))
    message = rf"no memory for {problems} problems x 100 alphas x 4 features: .* GiB. Give fewer {fewer} "
    with pytest.raises(MemoryError, match=message + rf"\({reason or 'the system refused'}\)"):
        function(*data)


def test_memory_that_gives_out_before_the_solver_is_named_too(data, monkeypatch):
    monkeypatch.setattr("riata.cv_batch.row_sets", lambda *_: np.empty(2**55))
    with pytest.raises(MemoryError, match=r"no memory for 8 problems x 5 alphas x 4 features: .*fewer alphas, l1_rat"):
        riata.cross_validate_path(*data, cv=3, alphas=5, l1_ratio=[0.5, 1.0])


# ---- plausible mistakes ----

@pytest.mark.parametrize(("options", "error", "message"), [
    ({"cv": 1}, ValueError, "cv = 1 must be at least 2: give a number of folds of 2 or more"),
    ({"cv": []}, ValueError, "cv gives no folds: give at least one pair"),
    ({"groups": "a"}, ValueError, "groups = 'a' is text; expected one group per row of X, .*: pass the column itself"),
    ({"groups": [1, 2]}, ValueError, r"groups has shape \(2,\); expected one group per row of X, \(20,\)"),
    ({"stratify": np.arange(20.0)}, ValueError, r"stratify = \(an array of shape \(20,\)\) must be None or the number")])
def test_mistakes_about_folds(data, options, error, message):
    with pytest.raises(error, match=message):
        riata.cross_validate_path(*data, alphas=3, **options)


@every_function
def test_a_solver_that_is_no_text(function, data):
    with pytest.raises(ValueError, match=r"solver = \['gram'\] must be one of 'auto', 'gram'"):
        function(*data, solver=["gram"])


def test_several_l1_ratios_are_for_cross_validation(data):
    with pytest.raises(TypeError, match=r"l1_ratio = \[0.5, 1\] must be .*; riata.cross_validate_path tries several"):
        riata.fit_path(*data, l1_ratio=[0.5, 1])


@pytest.mark.parametrize("function", [riata.fit_path, riata.fit_batch, riata.cross_validate_path, riata.nested_cross_validate])
def test_a_third_value_by_position(function, data):
    with pytest.raises(TypeError, match=r"takes X and [yY] by position, and 3 values were given: .* by name"):
        function(*data, 0.5)


@pytest.mark.parametrize(("path", "given"), [(None, "a NoneType"), (3, "a int"), ('{"format": 1}', "the text of a model")])
def test_a_model_is_loaded_from_a_file(path, given):
    with pytest.raises(TypeError, match=f"path is {given}, and must be the name of a file: give that of the model.json"):
        riata.load_model(path)


@pytest.mark.parametrize(("options", "message"), [
    ({"ax": "x"}, "ax = 'x' must be matplotlib Axes, or None"), ({"top": "a"}, "top = 'a' must be a number of features"),
    ({"marks": [0.1]}, r"marks = \[0.1\] must be a dict of names and alphas")])
def test_mistakes_about_plots(data, options, message):
    with pytest.raises(TypeError, match=message):
        riata.fit_path(*data, alphas=3).plot(**{"ax": Figure().subplots(), **options})


@pytest.mark.parametrize("column", [pd.Categorical(["u", "v"] * 10), pd.to_datetime(["2020-01-01"] * 20), ["u", "v"] * 10])
@pytest.mark.parametrize("model", [ElasticNet, ElasticNetCV, Ridge])
def test_estimators_name_the_columns_that_are_no_numbers(data, model, column):
    X = pd.DataFrame(data[0], columns=list("abcd")).assign(other=column)
    with pytest.raises(ValueError, match=r"X has columns that are not real numbers: 'other' \(.*\). Encode them"):
        model().fit(X, data[1])


@pytest.mark.parametrize("name", ["penalty_factor", "lower"])
@every_function
def test_a_series_in_another_order_than_the_columns(function, data, name):
    X = pd.DataFrame(data[0], columns=list("abcd"))
    values = pd.Series([-1.0, -1, -1, -1] if name == "lower" else [1.0, 0, 1, 1], index=list("abcd"))
    function(X, data[1], alphas=3, **{name: values})
    with pytest.raises(ValueError, match=rf"{name} is a Series whose labels .*{name}.reindex\(X.columns\)"):
        function(X, data[1], alphas=3, **{name: values[::-1]})
    function(X, data[1], alphas=3, **{name: values[::-1].reset_index(drop=True)})


def test_prediction_at_an_alpha_that_was_not_solved(data):
    path = riata.fit_path(*data, alphas=20, stop_dev_ratio=0.3)
    assert np.isnan(path.predict(data[0])[:, -1]).all()
    with pytest.raises(ValueError, match=r"alpha = .* has no coefficients to predict with: its status is 'skipped'. Solved were"):
        path.predict(data[0], alpha=path.alphas[-1])


def test_folds_that_test_on_what_they_train_on(data):
    with pytest.warns(UserWarning, match="cv: fold 0 tests on 20 rows that it trains on, the first row 0: its error is too"):
        riata.cross_validate_path(*data, alphas=3, cv=[(np.arange(20), np.arange(20))] * 2)


def test_one_fold_has_no_standard_error(data):
    cv = riata.cross_validate_path(*data, alphas=3, cv=[(np.arange(10), np.arange(10, 20))])
    assert cv.alpha_1se == cv.alpha_min
    assert "One fold has no standard error" in cv.summary()


@pytest.mark.parametrize(("options", "message"), [
    ({"weights": np.ones((20, 2))}, r"weights has shape \(20, 2\); expected \(n,\).* riata.fit_batch takes a column"),
    ({"offset": 1}, r"offset = 1 is one number; expected \(n,\).*\(np.full\(n, c\) for a constant c\)")])
def test_shapes_with_a_remedy(data, options, message):
    with pytest.raises(ValueError, match=message):
        riata.fit_path(*data, **options)
    with pytest.raises(ValueError, match=r"y has shape \(20, 2\); expected .* riata.fit_batch takes many targets"):
        riata.fit_path(data[0], data[0][:, :2])


def test_a_splitter_that_wants_groups(data):
    with pytest.raises(ValueError, match=r"cv = GroupKFold\(.*\) splits by groups: pass groups=, one per row of X"):
        riata.cross_validate_path(*data, cv=GroupKFold(4))


def test_a_model_in_a_folder_that_is_not_there(data, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere': make it first"):
        riata.save_model(riata.fit_path(*data, alphas=[0.1]), tmp_path / "nowhere" / "model.json")


def test_a_model_whose_name_begins_with_a_brace(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    riata.save_model(riata.fit_path(*data, alphas=[0.1]), "{run}.json")
    assert riata.load_model("{run}.json").coef.shape == (4,)
