"""Models with a link or classes as JSON: the loaded model says what the saved one said."""

import json

import numpy as np
import pandas as pd
import pytest
import sklearn.linear_model
from sklearn.datasets import load_iris, load_wine

import riata
from riata.linear_model import (
    CoxRegressor,
    GammaRegressor,
    LogisticRegression,
    PenalizedClassifier,
    PenalizedRegressor,
    PoissonRegressor,
    QuantileRegressor,
    TweedieRegressor,
)
from riata.losses import huber, negative_binomial, tweedie
from riata.persistence import LinearModel, load_model, save_model
from riata.svm import LinearSVC, LinearSVR


def data(seed=0, n=80, p=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, X @ np.array([1.0, -0.5, 0.3, 0.0, 0.0]) + 0.5 * rng.normal(size=n)


def through_a_file(model, path, **arguments):
    saved = save_model(model, path / "model.json", **arguments)
    back = load_model(path / "model.json")
    np.testing.assert_array_equal(back.coef, saved.coef)
    np.testing.assert_array_equal(back.intercept, saved.intercept)
    assert (back.link, back.predicts, back.loss) == (saved.link, saved.predicts, saved.loss)
    if saved.classes is not None:
        np.testing.assert_array_equal(back.classes, saved.classes)
        assert back.classes.dtype.kind == saved.classes.dtype.kind
    return back


@pytest.mark.parametrize("model", [
    PoissonRegressor(alpha=0.1), GammaRegressor(alpha=0.1), TweedieRegressor(power=1.5, alpha=0.1), TweedieRegressor(power=0),
    PenalizedRegressor("poisson", "l1", alpha=0.05), PenalizedRegressor(tweedie(1.2), alpha=0.05),
    PenalizedRegressor(negative_binomial(2.0), alpha=0.05), PenalizedRegressor("quantile", "l1", alpha=0.05),
    PenalizedRegressor("squared", "mcp", alpha=0.05), QuantileRegressor(alpha=0.05), LinearSVR()], ids=str)
def test_regressions_predict_their_means(model, tmp_path):
    X, y = data()
    model.fit(X, np.exp(y))
    back = through_a_file(model, tmp_path)
    np.testing.assert_allclose(back.predict(X), model.predict(X), rtol=1e-12)
    np.testing.assert_allclose(back.predict(X, kind="link"), X @ model.coef_ + model.intercept_, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="kind = 'class' is for a model of classes"):
        back.predict(X, kind="class")


LABELS = {"text": np.array(["low", "mid", "high"]), "int": np.array([3, 1, 7]), "float": np.array([2.0, 1.0, -2.0]),
          "uint8": np.array([1, 2, 250], np.uint8), "object": np.array(["u", "v", "w"], object)}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("several", [False, True])
def test_classifiers_predict_labels_and_probabilities(several, kind, tmp_path):
    X, y = load_iris(return_X_y=True)
    rows = np.arange(150 if several else 100)
    X, labels = X[rows], LABELS[kind][y[rows]]
    for model in (LogisticRegression(), PenalizedClassifier(alpha=0.01), PenalizedClassifier("hinge", alpha=0.01), LinearSVC()):
        model.fit(X, labels)
        back = through_a_file(model, tmp_path)
        np.testing.assert_array_equal(back.predict(X), model.predict(X))
        assert (labels.dtype.kind == "U") or back.predict(X).dtype == model.predict(X).dtype
        np.testing.assert_allclose(back.predict(X, kind="link"), model.decision_function(X), rtol=1e-10, atol=1e-10)
        if hasattr(model, "predict_proba"):
            probabilities = model.predict_proba(X)
            np.testing.assert_allclose(back.predict(X, kind="response"), probabilities if several else probabilities[:, 1],
                                       rtol=1e-10)
        else:
            with pytest.raises(ValueError, match="a support vector machine"):
                back.predict(X, kind="response")


def test_booleans_stay_booleans(tmp_path):
    X, y = data()
    back = through_a_file(LogisticRegression().fit(X, y > 0), tmp_path)
    assert back.predict(X).dtype == bool


@pytest.mark.parametrize("loss", ["logistic", "poisson", huber(0.7), tweedie(1.4)], ids=str)
def test_paths_and_choices_keep_their_link(loss, tmp_path):
    X, y = data()
    y = {"logistic": np.where(y > 0, "yes", "no"), "poisson": np.round(np.exp(y))}.get(loss, np.abs(y))
    cv = riata.cross_validate_path(X, y, loss=loss, cv=3, alphas=8)
    for rule in ("min", "1se"):
        back = through_a_file(cv, tmp_path, rule=rule)
        np.testing.assert_allclose(back.predict(X), cv.predict(X, rule=rule), rtol=1e-12)
        np.testing.assert_allclose(back.predict(X, kind="link"), cv.predict(X, rule=rule, kind="link"), rtol=1e-12, atol=1e-12)
    path = cv.path
    back = through_a_file(path, tmp_path, alpha=path.alphas[4])
    np.testing.assert_allclose(back.predict(X), path.predict(X, alpha=path.alphas[4]), rtol=1e-12)
    if loss == "logistic":
        np.testing.assert_array_equal(back.predict(X, kind="class"), path.predict(X, alpha=path.alphas[4], kind="class"))


def test_shares_have_the_classes_0_and_1(tmp_path):
    X, y = data()
    path = riata.fit_path(X, 1 / (1 + np.exp(-y)), loss="logistic", alphas=[0.01])
    back = through_a_file(path, tmp_path)
    np.testing.assert_array_equal(back.predict(X, kind="class"), path.predict(X, alpha=0.01, kind="class"))


def test_multinomial_paths_and_choices(tmp_path):
    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    labels = np.array(["barolo", "grignolino", "barbera"])[y]
    cv = riata.cross_validate_multinomial(X, labels, cv=3, alphas=6)
    back = through_a_file(cv, tmp_path, rule="1se")
    np.testing.assert_array_equal(back.predict(X), cv.predict(X, rule="1se"))
    np.testing.assert_allclose(back.predict(X, kind="response"), cv.predict_proba(X, rule="1se"), rtol=1e-10)
    assert back.target_names == ["barbera", "barolo", "grignolino"]
    alpha = cv.path.alphas[3]
    np.testing.assert_array_equal(through_a_file(cv.path, tmp_path, alpha=alpha).predict(X), cv.path.predict(X, alpha=alpha))
    two = riata.fit_multinomial_path(X[y < 2], labels[y < 2], alphas=[0.01])
    np.testing.assert_array_equal(through_a_file(two, tmp_path).predict(X[y < 2]), two.predict(X[y < 2], alpha=0.01))


def test_a_survival_model_predicts_log_hazards(tmp_path):
    X, y = data()
    model = CoxRegressor(alpha=0.05).fit(X, np.exp(-y))
    back = through_a_file(model, tmp_path)
    np.testing.assert_allclose(back.predict(X), model.predict(X), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(back.predict(X, kind="response"), model.predict_hazard_ratio(X), rtol=1e-12)


def test_columns_are_found_by_name(tmp_path):
    X, y = data()
    table = pd.DataFrame(X, columns=list("abcde"))
    model = LogisticRegression(penalty="l1", C=0.3).fit(table, np.where(y > 0, "yes", "no"))
    back = through_a_file(model, tmp_path)
    np.testing.assert_array_equal(back.predict(table[list("edcba")]), model.predict(table))
    assert back.loss == {"name": "logistic", "parameter": None}


def test_models_without_a_link_are_written_as_before(tmp_path):
    X, y = data()
    save_model(riata.fit_path(X, y, alphas=[0.1]), tmp_path / "m.json")
    document = json.loads((tmp_path / "m.json").read_text())
    assert document["format_version"] == 1
    assert not {"link", "classes", "loss", "predicts"} & set(document)
    save_model(riata.fit_path(X, y > 0, loss="logistic", alphas=[0.1]), tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text())["format_version"] == 2


@pytest.mark.parametrize("model", [sklearn.linear_model.LogisticRegression(), sklearn.linear_model.PoissonRegressor()])
def test_links_of_other_libraries_are_refused(model, tmp_path):
    X, y = data()
    model.fit(X, (y > 0).astype(int))
    with pytest.raises(ValueError, match="predicts through a link that save_model does not know: fit riata's class"):
        save_model(model, tmp_path / "m.json")


def tampered(**changes):
    document = LinearModel([1.0, 2.0], 0.5, link="logit", classes=["a", "b"], predicts="class").to_dict()
    for name, value in changes.items():
        if value is KeyError:
            del document[name]
        else:
            document[name] = value
    return document


@pytest.mark.parametrize(("document", "message"), [
    (tampered(link="probit"), "link = 'probit' must be one of 'identity', 'log', 'logit', 'softmax'"),
    (tampered(link=3), "'link' is not text: 3"),
    (tampered(link=KeyError), "'link' is missing"),
    (tampered(predicts="odds"), "predicts = 'odds' must be one of"),
    (tampered(classes=None), "classes is missing"),
    (tampered(classes=KeyError), "'classes' is missing"),
    (tampered(classes=["a", "b"]), "'classes' is not an object"),
    (tampered(classes={"dtype": "str", "labels": ["a"]}), "classes has 1 labels, coef has shape \\(2,\\): give 2"),
    (tampered(classes={"dtype": "str", "labels": ["a", "a"]}), "distinct labels"),
    (tampered(classes={"dtype": "str", "labels": ["a", 1]}), "are not labels of the dtype 'str'"),
    (tampered(classes={"dtype": "int64", "labels": [1, True]}), "are not labels of the dtype 'int64'"),
    (tampered(classes={"dtype": "int64", "labels": [1, 10**30]}), "beyond int64"),
    (tampered(classes={"dtype": "what", "labels": [1, 2]}), "the dtype 'what', which is none"),
    (tampered(classes={"dtype": "str"}), "'labels' is missing of the classes"),
    (tampered(loss="logistic"), "'loss' is not an object"),
])
def test_a_tampered_meaning_is_one_sentence(document, message, tmp_path):
    (tmp_path / "m.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=f"m.json: damaged riata model: .*{message}"):
        load_model(tmp_path / "m.json")


def test_bad_models_and_kinds():
    for arguments, message in (({"link": "softmax"}, "classes is missing"), ({"predicts": "class"}, "classes is missing"),
                               ({"classes": [1, 2, 3]}, "3 labels"), ({"link": "sqrt"}, "link = 'sqrt'")):
        with pytest.raises(ValueError, match=message):
            LinearModel([1.0], **arguments)
    with pytest.raises(ValueError, match="kind = 'odds' must be one of 'response', 'link', 'class'"):
        LinearModel([1.0]).predict([[1.0]], kind="odds")
    with pytest.raises(ValueError, match="cannot be kept as JSON"):
        LinearModel([1.0], classes=np.array([b"a", b"b"])).to_dict()


def test_a_calibration_is_not_dropped_without_a_word(tmp_path):
    X, y = data()
    chosen = riata.cross_validate_path(X, y > 0, loss="logistic", cv=4)
    with pytest.warns(UserWarning, match="the calibration is not saved"):
        save_model(chosen.calibrate(), tmp_path / "model.json")


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_a_member_of_a_batch_is_saved(tmp_path, loss):
    X, y = data()
    target = y if loss == "squared" else np.where(y > 0, "yes", "no")
    model = riata.fit_batch([X], [target], loss=loss, cv=3)[0]
    back = through_a_file(model, tmp_path)
    np.testing.assert_allclose(back.predict(X), np.ravel(model.predict(X)), rtol=1e-12)


def test_a_path_of_machines_names_what_to_save(tmp_path):
    X, y = data()
    with pytest.raises(TypeError, match=r"2 values of C: fit the one to keep"):
        save_model(riata.fit_svm_path(X, y > 0, [0.1, 1.0]), tmp_path / "model.json")
