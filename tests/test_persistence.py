"""Models as JSON: exact round trips, readable errors, whole files or none."""
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import riata
from cross_validated import diabetes_cv
from riata.persistence import LinearModel, as_linear_model, atomic_path, load_model, save_model, write_text

finite = st.floats(allow_nan=False, allow_infinity=False)


def small(rng, p=4, **more):
    return LinearModel(rng.normal(size=p), 1.25, [f"c{j}" for j in range(p)], **more)


@given(st.lists(finite, min_size=1, max_size=6), finite)
def test_round_trip_keeps_every_bit(tmp_path_factory, coef, intercept):
    path = tmp_path_factory.mktemp("model") / "model.json"
    save_model(LinearModel(coef, intercept), path)
    back = load_model(path)
    assert back.coef.tolist() == coef
    assert back.intercept == intercept
    assert back.feature_names == [f"x{j}" for j in range(len(coef))]


def test_predicts_the_same_after_loading(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 5)), rng.normal(size=(30, 2))
    for target in (y[:, 0], y):
        fitted = LinearRegression().fit(X, target)
        save_model(fitted, tmp_path / "m.json")
        back = load_model(tmp_path / "m.json")
        assert back.coef.shape == fitted.coef_.shape
        np.testing.assert_array_equal(back.coef, fitted.coef_)
        np.testing.assert_allclose(back.predict(X), fitted.predict(X), rtol=1e-13, atol=1e-14)
    assert back.target_names == ["y0", "y1"]


def test_zero_coefficients_are_not_written(tmp_path):
    model = LinearModel([0.0, 2.0], 1.0, ["a", "b"], alpha=0.5, l1_ratio=1.0, notes={"rows": 3})
    save_model(model, tmp_path / "m.json")
    document = json.loads((tmp_path / "m.json").read_text())
    assert document["targets"][0]["coefficients"] == {"b": 2.0}
    assert document["penalty"] == {"alpha": 0.5, "l1_ratio": 1.0}
    back = load_model(tmp_path / "m.json")
    assert (back.alpha, back.l1_ratio, back.notes) == (0.5, 1.0, {"rows": 3})


def test_estimator_keeps_names_and_alpha():
    X = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 2)), columns=["u", "v"])
    model = as_linear_model(Lasso(alpha=0.01).fit(X, X["u"]))
    assert model.feature_names == ["u", "v"]
    assert model.alpha == 0.01


def test_path_and_cross_validation(tmp_path):
    X, _, cv = diabetes_cv()
    for rule in ("min", "1se"):
        model = save_model(cv, tmp_path / "m.json", rule=rule)
        back = load_model(tmp_path / "m.json")
        np.testing.assert_array_equal(back.coef, getattr(cv, f"coef_{rule}"))
        np.testing.assert_allclose(back.predict(X), cv.predict(X, rule=rule), rtol=1e-12)
        assert back.alpha == model.alpha == getattr(cv, f"alpha_{rule}")
        assert back.feature_names[:2] == ["age", "sex"]
    at = save_model(cv.path, tmp_path / "m.json", alpha=cv.path.alphas[7])
    np.testing.assert_array_equal(at.coef, cv.path.coef[7])
    with pytest.raises(ValueError, match="say which one to save with alpha="):
        save_model(cv.path, tmp_path / "m.json")
    with pytest.raises(ValueError, match="rule is 'best'"):
        save_model(cv, tmp_path / "m.json", rule="best")


def test_refuses_what_is_no_model(tmp_path):
    with pytest.raises(TypeError, match="cannot save a dict"):
        save_model({}, tmp_path / "m.json")


@pytest.mark.parametrize("table", [pl.DataFrame, pd.DataFrame, dict, lambda d: pl.DataFrame(d).to_arrow()])
def test_tables_are_read_by_name(table):
    X = np.random.default_rng(2).normal(size=(7, 4))
    model = LinearModel([1.0, 0.0, -2.0, 0.5], 3.0, list("abcd"))
    new = table({"d": X[:, 3], "extra": ["t"] * 7, "c": X[:, 2], "a": X[:, 0]})       # b has coefficient 0
    np.testing.assert_allclose(model.predict(new), X @ model.coef + 3.0, rtol=1e-13)
    assert model.needed_columns == ["a", "c", "d"]


@pytest.mark.parametrize(("change", "message"), [
    (lambda t: t.drop("c1"), "no column 'c1'"),
    (lambda t: t.with_columns(c2=pl.lit(None, dtype=pl.Float64)), r"missing values in 1 column of 5 rows: c2 \(5\)"),
    (lambda t: t.with_columns(c2=pl.lit(float("inf"))), r"infinite values in 1 column of 5 rows: c2 \(5\)"),
    (lambda t: t.with_columns(c0=pl.lit("high")), "column 'c0' holds the text 'high', the fit had numbers there"),
])
def test_bad_tables_are_named(change, message):
    rng = np.random.default_rng(3)
    table = pl.DataFrame({f"c{j}": rng.normal(size=5) for j in range(4)})
    with pytest.raises(ValueError, match=message):
        small(rng).predict(change(table))


def test_array_of_the_wrong_width():
    with pytest.raises(ValueError, match=r"X has shape \(3, 2\), the model has 4 features"):
        small(np.random.default_rng(4)).predict(np.zeros((3, 2)))


@pytest.mark.parametrize(("arguments", "message"), [
    ({"coef": [1.0, np.nan]}, "not finite"),
    ({"coef": [1.0], "intercept": np.inf}, "not finite"),
    ({"coef": [1.0, 2.0], "feature_names": ["a", "a"]}, "'a' more than once"),
    ({"coef": [1.0, 2.0], "feature_names": ["a"]}, "1 names for 2 columns"),
    ({"coef": [1.0], "intercept": [1.0, 2.0]}, "one intercept per target"),
    ({"coef": 1.0}, r"give \(p,\) or \(n_targets, p\)"),
])
def test_bad_models_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LinearModel(**arguments)


@pytest.mark.parametrize(("text", "message"), [
    ("{", "m.json is not a riata model or is damaged: no JSON at line 1, column 2; give"),
    ("", "m.json is not a riata model or is damaged"),
    ("[1]", "not a riata model"),
    ('{"format": "other"}', "not a riata model"),
    ('{"format": "riata-linear-model", "format_version": 99, "riata": "9.0"}', "load it with riata 9.0 or newer"),
    ('{"format": "riata-linear-model", "format_version": 1}', "damaged riata model: 'features' is missing; save the model again"),
])
def test_bad_files_are_refused(tmp_path, text, message):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / "m.json")


def test_coefficient_of_an_unknown_feature_is_damage(tmp_path):
    document = small(np.random.default_rng(5)).to_dict()
    document["targets"][0]["coefficients"]["ghost"] = 1.0
    (tmp_path / "m.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match="damaged riata model: the coefficient of 'ghost' belongs to no feature; save"):
        load_model(tmp_path / "m.json")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "m.json"
    write_text(path, "old")
    with pytest.raises(TypeError):
        save_model(LinearModel([1.0], notes={"bad": object()}), path)

    def interrupted():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["m.json"]


def test_loading_needs_no_extra():
    code = ("import sys, riata.persistence as p; p.LinearModel([1.0]).predict([[2.0]]); "
            "print([m for m in ('polars', 'pandas', 'matplotlib', 'typer', 'rich') if m in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_top_level_names():
    assert riata.save_model is save_model
    assert riata.load_model is load_model


def test_bytes_are_no_model(tmp_path):
    (tmp_path / "m.json").write_bytes(b"{\x80}")
    with pytest.raises(ValueError, match=r"m\.json is not a riata model: it is not text; give the model.json of a fit"):
        load_model(tmp_path / "m.json")


def test_text_in_place_of_an_intercept_is_named(tmp_path):
    document = small(np.random.default_rng(5)).to_dict()
    document["targets"][0]["intercept"] = "x"
    (tmp_path / "m.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r'm\.json: damaged riata model: intercept = "x" is not a number'):
        load_model(tmp_path / "m.json")


def test_a_write_that_fails_names_the_path_that_was_asked_for(tmp_path):
    (tmp_path / "folder.json").mkdir()
    for path in (tmp_path / "absent" / "m.json", tmp_path / "folder.json"):
        with pytest.raises(OSError, match="cannot write") as caught:
            save_model(LinearModel([1.0]), path)
        assert caught.value.filename == str(path)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.json"]


def damaged(change):
    document = LinearModel([1.0, 2.0], 0.5, ["a", "b"], encoding={"columns": [
        {"name": "a", "kind": "number"}, {"name": "b", "kind": "number"}]}).to_dict()
    change(document)
    return json.dumps(document)


def of_target(**fields):
    return damaged(lambda document: document["targets"][0].update(fields))


@pytest.mark.parametrize(("text", "message"), [
    (damaged(lambda d: d.update(encoding={"x": 1})), "'columns' is missing in the encoding"),
    (damaged(lambda d: d.update(encoding=[{"a": 1}])), "'encoding' is not an object"),
    (damaged(lambda d: d.update(encoding={"columns": [{"a": 1}]})), "'name' is missing in a column in the encoding"),
    (damaged(lambda d: d["encoding"]["columns"][0].update(kind="date")), "column 'a' in the encoding is of kind 'date'"),
    (damaged(lambda d: d["encoding"]["columns"][0].update(kind="category")), "'levels' is missing of column 'a'"),
    (damaged(lambda d: d["encoding"]["columns"].pop()), "'encoding' makes other features than 'features' names"),
    (of_target(intercept=10 ** 307).replace("0" * 307, "0" * 399), "the number 100000000000... of 400 digits is beyond float64"),
    (of_target(intercept=10 ** 307).replace("0" * 307, "0" * 4999), "of 5000 digits is beyond float64"),
    (of_target(intercept=10 ** 308).replace("1" + "0" * 308, "9" * 309), "intercept is beyond float64"),
    ("[" * 100_000, "lists or objects are nested too deeply"),
    (of_target(intercept=None), "intercept = null is not a number"),
    (of_target(coefficients=[1, 2]), r"'coefficients' of target 'y' is not an object: \[1, 2\]"),
    (of_target(coefficients={"a": True}), "the coefficient of 'a' = true is not a number"),
    (of_target(coefficients={"a": "1"}), "the coefficient of 'a' = \"1\" is not a number"),
    (of_target(coefficients={"a": 1.0}).replace('"a": 1.0', '"a": 2.0, "a": 1.0'), "the key 'a' is given twice"),
    (of_target(name=3), "'name' in a target is not text: 3"),
    (damaged(lambda d: d.update(targets=[])), "'targets' is empty"),
    (damaged(lambda d: d.update(targets={})), "'targets' is not a list"),
    (damaged(lambda d: d.update(targets=[1])), "'targets' holds something that is not an object: 1"),
    (damaged(lambda d: d.update(targets=d["targets"] * 2)), "'several_targets' is false and 'targets' holds 2"),
    (damaged(lambda d: d.update(features=None)), "'features' is not a list: null"),
    (damaged(lambda d: d.update(features=["a", 1])), "'features' holds something that is not text: 1"),
    (damaged(lambda d: d.update(penalty={"alpha": "x"})), "alpha = \"x\" is not a number"),
    (damaged(lambda d: d.update(penalty=1)), "'penalty' is not an object: 1"),
    (damaged(lambda d: d.update(notes=[])), "'notes' is not an object"),
    (damaged(lambda d: d.pop("notes")), "'notes' is missing"),
])
def test_a_tampered_model_is_one_sentence(tmp_path, text, message):
    (tmp_path / "te.json").write_text(text)
    with pytest.raises(ValueError, match=r"te\.json: damaged riata model: .*" + message) as caught:
        load_model(tmp_path / "te.json")
    assert str(caught.value).endswith("save the model again")


def test_what_cannot_be_saved_says_why(tmp_path):
    with pytest.raises(IsADirectoryError, match="cannot write, this is a folder: add the name of a file"):
        save_model(LinearModel([1.0]), tmp_path)
    with pytest.raises(ValueError, match="this Lasso is not fitted, or has no coef_: call fit before saving it"):
        save_model(Lasso(), tmp_path / "m.json")
    assert not list(tmp_path.iterdir())


def test_a_batch_a_pipeline_and_a_search_name_the_part_to_save(tmp_path):
    rng = np.random.default_rng(0)
    X, file = rng.normal(size=(60, 8)), tmp_path / "m.json"
    y = X[:, 0] + rng.normal(size=60)
    for alphas in (3, [0.1]):
        many = riata.fit_batch(X, np.c_[y, -y], alphas=alphas)
        with pytest.raises(TypeError, match=r"a batch of 2 paths .* save one of its members, save_model\(batch\[0\], path\)"):
            save_model(many, file)
    pipeline = make_pipeline(StandardScaler(), Lasso(alpha=0.1)).fit(X, y)
    with pytest.raises(TypeError, match=r"a Pipeline is not one linear model: .* save_model\(pipeline\[1\], path\) .* Lasso"):
        save_model(pipeline, file)
    with pytest.raises(TypeError, match=r"a GridSearchCV .* save_model\(search.best_estimator_, path\)"):
        save_model(GridSearchCV(Lasso(), {"alpha": [0.1, 0.2]}).fit(X, y), file)
    assert not file.exists()
    for part in (many[0], pipeline[-1]):
        save_model(part, file)


def test_an_alpha_that_would_be_ignored_is_refused(tmp_path):
    X, y, cv = diabetes_cv()
    file = tmp_path / "m.json"
    with pytest.raises(ValueError, match=r"alpha = 0.1 is for a path, .* save_model\(cv.path, path, alpha=0.1\)"):
        save_model(cv, file, alpha=0.1)
    for model in (LinearModel([1.0]), Lasso(alpha=1.0).fit(X, y)):
        with pytest.raises(ValueError, match=f"alpha = 0.1 is for a path, and a {type(model).__name__} has one alpha"):
            save_model(model, file, alpha=0.1)
    assert not file.exists()
    alpha = cv.path.alphas[3]
    assert save_model(cv.path, file, alpha=alpha).alpha == alpha
