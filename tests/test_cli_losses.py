"""`riata fit --loss`: the library call on the table, in the words of the loss, and predictions through the link."""
import json
import warnings

import numpy as np
import polars as pl
import pytest

import riata
from riata.losses import huber, negative_binomial, tweedie

FAST = ("--target", "y", "--cv", "4", "--alphas", "12", "--l1-ratio", ".5,1", "--no-plots")
LOSSES = {"logistic": "logistic", "poisson": "poisson", "gamma": "gamma", "tweedie:1.7": tweedie(1.7),
          "negative-binomial:2": negative_binomial(2), "huber:1": huber(1)}


@pytest.fixture
def table(tmp_path):
    """Write data.csv with a target that fits a loss; its frame."""
    def write(text, y=None):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((90, 4))
        eta = 0.5 + 0.6 * X[:, 0]
        made = {"logistic": lambda: np.where(eta + rng.logistic(size=90) > 0, "yes", "no"),
                "gamma": lambda: rng.gamma(2, np.exp(eta)),
                "huber": lambda: eta + rng.standard_t(2, 90)}
        y = made.get(text.partition(":")[0], lambda: rng.poisson(np.exp(eta)))() if y is None else y
        frame = pl.DataFrame({**{f"x{j}": X[:, j] for j in range(4)}, "y": y})
        frame.write_csv(tmp_path / "data.csv")
        return frame
    return write


@pytest.mark.parametrize("text", list(LOSSES))
def test_fit_is_the_library_call_and_predicts_through_the_link(cli, table, tmp_path, text):
    frame = table(text)
    code, out, err = cli("fit", "data.csv", *FAST, "--loss", text, "--out", "report", "--json")
    assert (code, err) == (0, "")
    X = frame.drop("y")
    cv = riata.cross_validate_path(X, frame["y"].to_numpy(), loss=LOSSES[text], l1_ratio=[0.5, 1.0], alphas=12, cv=4,
                                   standardize=True)
    summary = json.loads(out)
    choice = summary["choices"]["min"]
    assert choice["alpha"] == cv.alpha_min
    assert choice["heldout_error"] == cv.deviance_mean[cv.index_min]
    assert choice["heldout_explained"] == pytest.approx(1 - choice["heldout_error"] / cv.path.null_deviance)
    assert "heldout_r2" not in choice
    assert summary["loss"]["name"] == cv.path.loss.name
    scale = X.to_numpy().std(axis=0) / (frame["y"].to_numpy().std() if text == "huber:1" else 1)
    for row in choice["coefficients"]:
        assert row["standardised"] == pytest.approx(row["coefficient"] * scale[int(row["feature"][1])], rel=1e-9)
    for kind in ("response", "link"):
        assert cli("predict", "report/model.json", "data.csv", "--kind", kind, "--force", "--quiet")[0] == 0
        np.testing.assert_allclose(pl.read_csv("predictions.csv")["prediction"], cv.predict(X, kind=kind), rtol=1e-12)
    cli("predict", "report/model.json", "data.csv", "--out", "default.csv")
    np.testing.assert_allclose(pl.read_csv("default.csv")["prediction"], cv.predict(X), rtol=1e-12)


def test_classes_are_predicted_by_their_labels(cli, table):
    frame = table("logistic")
    assert cli("fit", "data.csv", *FAST, "--loss", "logistic", "--out", "report", "--quiet")[0] == 0
    assert cli("predict", "report/model.json", "data.csv", "--kind", "class")[0] == 0
    found = pl.read_csv("predictions.csv")["prediction"]
    assert set(found) <= {"yes", "no"}
    assert (found == frame["y"]).mean() > 0.6


@pytest.mark.parametrize("y", [np.arange(90) % 2 == 0, np.arange(90) % 2 + 1, np.arange(90) % 2 * 1.0])
def test_classes_may_be_numbers_or_booleans(cli, table, y):
    table("logistic", y)
    code, out, err = cli("fit", "data.csv", *FAST, "--loss", "logistic", "--out", "report", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["classes"] == ([1, 2] if y.max() == 2 else [0, 1])


def test_the_report_speaks_of_deviance_and_odds(cli, table, tmp_path):
    table("logistic")
    code, out, err = cli("fit", "data.csv", *FAST, "--loss", "logistic", "--scoring", "auc", "--out", "report")
    assert (code, err) == (0, "")
    assert "elastic net, logistic loss, for the odds of y = yes" in out
    text = (tmp_path / "report" / "summary.md").read_text()
    for words in ("Elastic net, logistic loss, for the odds of `y` = yes:", "| held-out AUC, which chose |",
                  "| held-out deviance |", "| held-out deviance explained |",
                  "held-out AUC is within one standard error of the best",
                  "coefficient × sd(feature), on the scale of the log-odds"):
        assert words in text
    assert "R²" not in text
    assert "squared error" not in text
    assert cli("fit", "data.csv", *FAST, "--loss", "tweedie:1.7", "--out", "report")[0] == 1      # text


def test_scoring_chooses(cli, table):
    frame = table("logistic")
    code, out, _ = cli("fit", "data.csv", *FAST, "--loss", "logistic", "--scoring", "auc", "--out", "report", "--json")
    assert code == 0
    cv = riata.cross_validate_path(frame.drop("y"), frame["y"].to_numpy(), loss="logistic", l1_ratio=[0.5, 1.0], alphas=12, cv=4,
                                   standardize=True, scoring="auc")
    choice = json.loads(out)["choices"]["min"]
    assert (choice["alpha"], choice["heldout_score"]) == (cv.alpha_min, cv.score_mean[cv.index_min])


def test_plots_of_another_loss(cli, table, tmp_path):
    table("poisson")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cli("fit", "data.csv", *FAST[:-1], "--loss", "poisson", "--out", "report", "--quiet")[0] == 0
    assert {"path.png", "cv.png", "heatmap.png", "coefficients.png"} <= {file.name for file in (tmp_path / "report").iterdir()}


@pytest.mark.parametrize(("given", "y", "code", "said"), [
    (("--loss", "logistic"), np.arange(90) % 3, 1, "column 'y' (--target) has 3 classes"),
    (("--loss", "logistic"), np.zeros(90, int), 1, "column 'y' (--target) is 0 in every row"),
    (("--loss", "poisson"), np.arange(90) - 4.0, 1, "column 'y' (--target) has values that the poisson loss is not defined for"),
    (("--loss", "gamma"), np.arange(90.0), 1, "in row 0"),
    (("--loss", "tweedie:3"), np.arange(90.0), 2, "power"),
    (("--loss", "poisson:2"), np.arange(90.0), 2, "has no parameter"),
    (("--loss", "poisson", "--scoring", "auc"), np.arange(90.0), 1, "is for two classes"),
    (("--scoring", "nonsense"), np.arange(90.0), 1, "nonsense")])
def test_what_cannot_be_fitted_is_one_sentence(cli, table, given, y, code, said):
    table("poisson", y)
    found, out, err = cli("fit", "data.csv", *FAST, *given, "--out", "report")
    assert (found, out) == (code, "")
    assert said in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


def test_a_kind_that_the_model_has_not_is_one_sentence(cli, table):
    table("poisson")
    cli("fit", "data.csv", *FAST, "--loss", "poisson", "--out", "report", "--quiet")
    code, _, err = cli("predict", "report/model.json", "data.csv", "--kind", "class")
    assert code == 1
    assert "model of classes" in err
    assert cli("predict", "report/model.json", "data.csv", "--kind", "odds")[0] == 2
