"""The command line: what it writes, says and returns."""
import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_diabetes

import riata
from riata.cli.console import progress_bar

REPORT = {"path.png", "cv.png", "heatmap.png", "coefficients.png", "coefficients.csv", "model.json", "summary.md"}


@pytest.fixture
def table(tmp_path):
    """diabetes.csv: eight numbers, one category of two levels and one of three, weights and groups."""
    data = load_diabetes(scaled=False)
    frame = pl.DataFrame(data.data[:150], schema=list(data.feature_names)).drop("s4", "s6")
    rng = np.random.default_rng(0)
    frame = frame.with_columns(sex=pl.Series(np.where(data.data[:150, 1] > 1, "female", "male")),
                               town=pl.Series(rng.choice(["Bern", "Oslo", "Rome"], 150)),
                               w=pl.Series(rng.integers(1, 4, 150)), patient=pl.Series(np.arange(150) // 3),
                               y=pl.Series(data.target[:150]))
    frame.write_csv(tmp_path / "diabetes.csv")
    return frame


FAST = ("--target", "y", "--drop", "w,patient", "--cv", "4", "--alphas", "20", "--l1-ratio", ".5,1")


def features(frame):
    X = frame.drop("y", "w", "patient", "sex", "town").with_columns(
        pl.Series("sex=male", (frame["sex"] == "male").cast(pl.Float64)),
        *(pl.Series(f"town={town}", (frame["town"] == town).cast(pl.Float64)) for town in ("Bern", "Oslo", "Rome")))
    order = ["age", "sex=male", "bmi", "bp", "s1", "s2", "s3", "s5", "town=Bern", "town=Oslo", "town=Rome"]
    return X.select(order)


def test_fit_is_the_library_call_on_the_encoded_table(cli, table, tmp_path):
    code, out, err = cli("fit", "diabetes.csv", *FAST, "--out", "report", "--rule", "1se")
    assert (code, err) == (0, "")
    assert "one standard error" in out
    assert "selected features (1-SE first)" in out
    assert {file.name for file in (tmp_path / "report").iterdir()} == REPORT
    cv = riata.cross_validate_path(features(table), table["y"], l1_ratio=[0.5, 1.0], alphas=20, cv=4, standardize=True)
    model = riata.load_model(tmp_path / "report" / "model.json")
    assert model.feature_names == features(table).columns
    np.testing.assert_array_equal(model.coef, cv.coef_1se)
    assert model.alpha == cv.alpha_1se


def test_weights_groups_and_no_standardize_reach_the_fit(cli, table, tmp_path):
    code, _, err = cli("fit", "diabetes.csv", "--target", "y", "--weights", "w", "--groups", "patient", "--cv", 4,
                       "--alphas", 20, "--l1-ratio", "1", "--no-standardize", "--no-plots", "--out", "r", "--seed", 3)
    assert (code, err) == (0, "")
    cv = riata.cross_validate_path(features(table), table["y"], l1_ratio=[1.0], alphas=20, cv=4, seed=3,
                                   weights=table["w"].to_numpy(), groups=table["patient"].to_numpy())
    np.testing.assert_array_equal(riata.load_model(tmp_path / "r" / "model.json").coef, cv.coef_min)


def test_parquet_gives_what_csv_gives(cli, table, tmp_path):
    table.write_parquet(tmp_path / "diabetes.parquet")
    for name in ("diabetes.csv", "diabetes.parquet"):
        assert cli("fit", name, *FAST, "--no-plots", "--quiet", "--out", name.split(".")[1])[0] == 0
    models = [(tmp_path / folder / "model.json").read_text() for folder in ("csv", "parquet")]
    assert models[0] == models[1]


def test_default_folder_is_named_after_the_data(cli, table, tmp_path):
    assert cli("fit", "diabetes.csv", *FAST, "--no-plots", "-q")[0] == 0
    assert {file.name for file in (tmp_path / "riata-report" / "diabetes").iterdir()} < REPORT


def test_predict_is_the_library_prediction(cli, table, tmp_path):
    cli("fit", "diabetes.csv", *FAST, "--no-plots", "--out", "r")
    shuffled = table.sample(fraction=1.0, shuffle=True, seed=1).select(reversed(table.columns)).drop("y")
    shuffled.write_csv(tmp_path / "new.csv")
    code, out, err = cli("predict", "r/model.json", "new.csv", "--out", "p.csv", "--keep", "patient,town")
    assert (code, out, err) == (0, "150 predictions written to p.csv\n", "")
    written = pl.read_csv(tmp_path / "p.csv")
    assert written.columns == ["patient", "town", "prediction"]
    assert written["patient"].to_list() == shuffled["patient"].to_list()
    model = riata.load_model(tmp_path / "r" / "model.json")
    expected = features(shuffled.with_columns(y=0)).to_numpy() @ model.coef + model.intercept
    np.testing.assert_allclose(written["prediction"], expected, rtol=1e-12)
    np.testing.assert_array_equal(written["prediction"], model.predict(shuffled))


def test_predict_to_parquet_with_json(cli, table, tmp_path):
    cli("fit", "diabetes.csv", *FAST, "--no-plots", "--out", "r")
    code, out, err = cli("predict", "r/model.json", "diabetes.csv", "--out", "p.parquet", "--json")
    document = json.loads(out)
    assert (code, err, document["rows"], document["columns"]) == (0, "", 150, ["prediction"])
    assert pl.read_parquet(tmp_path / "p.parquet").height == 150


def test_json_is_one_document_and_nothing_else(cli, table):
    code, out, err = cli("fit", "diabetes.csv", *FAST, "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["choices"]["min"]["selected"] == len(document["choices"]["min"]["coefficients"])
    assert document["warnings"] == []
    assert document["status"] == {"converged": 2 * 20 * 5}
    assert document["largest_gap"] <= 1e-6


def test_quiet_says_nothing(cli, table):
    assert cli("fit", "diabetes.csv", *FAST, "--quiet", "--no-plots") == (0, "", "")


def test_unknown_category_at_prediction(cli, table, tmp_path):
    cli("fit", "diabetes.csv", *FAST, "--no-plots", "--out", "r", "--l1-ratio", "0.1")
    document = json.loads((tmp_path / "r" / "model.json").read_text())
    document["targets"][0]["coefficients"]["town=Bern"] = 1.0           # whatever the fit selected, town is needed
    (tmp_path / "r" / "model.json").write_text(json.dumps(document))
    table.with_columns(town=pl.lit("Kiev")).write_csv(tmp_path / "new.csv")
    code, out, err = cli("predict", "r/model.json", "new.csv")
    assert (code, out) == (1, "")
    assert err == ("riata: column 'town' holds 'Kiev' (150 rows), which the fit did not see; it knows 'Bern', 'Oslo', "
                   "'Rome'\n")
    assert not (tmp_path / "predictions.csv").exists()


def test_missing_values_are_refused_with_names_and_counts(cli, table, tmp_path):
    holes = table.with_columns(bmi=pl.when(pl.col("patient") == 2).then(None).otherwise(pl.col("bmi")),
                               town=pl.when(pl.col("patient") == 4).then(None).otherwise(pl.col("town")))
    holes.write_csv(tmp_path / "holes.csv")
    code, out, err = cli("fit", "holes.csv", *FAST)
    assert (code, out) == (1, "")
    assert err == ("riata: missing values in 2 columns of 150 rows: bmi (3), town (3); fill them in, or leave out the "
                   "rows or the columns\n")
    assert not (tmp_path / "riata-report").exists()
    assert cli("fit", "holes.csv", *FAST, "--drop", "bmi,town", "-q", "--no-plots")[0] == 0


@pytest.mark.parametrize(("arguments", "message"), [
    (("fit", "absent.csv", "--target", "y"), "no file absent.csv"),
    (("fit", "diabetes.csv", "--target", "Y"), "no column 'Y'; did you mean 'y'?"),
    (("fit", "diabetes.csv", "--target", "town"), "column 'town' is text: the target and the weights must be numbers"),
    (("fit", "diabetes.csv", "--target", "y", "--drop", "bim"), "no column 'bim'; did you mean 'bmi'?"),
    (("fit", "diabetes.csv", "--target", "y", "--drop", "y"), "'y' is given as --target and as --drop"),
    (("fit", "diabetes.csv", "--target", "y", "--weights", "y"), "'y' is given as --target and as --weights"),
    (("fit", "diabetes.csv", "--target", "y", "--cv", "400"), "cv"),
    (("predict", "absent.json", "diabetes.csv"), "No such file or directory: absent.json"),
    (("predict", "diabetes.csv", "diabetes.csv"), "diabetes.csv is not a riata model"),
    (("predict", "absent.json", "diabetes.csv", "--out", "p.xlsx"), "cannot tell the format of p.xlsx"),
])
def test_user_errors_are_one_sentence(cli, table, arguments, message):
    code, out, err = cli(*arguments)
    assert (code, out) == (1, "")
    assert message in err
    assert err.startswith("riata: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [
    ("fit",), ("fit", "diabetes.csv"), ("fit", "diabetes.csv", "--target", "y", "--l1-ratio", "a,b"),
    ("fit", "diabetes.csv", "--target", "y", "--l1-ratio", "1.5"),
    ("fit", "diabetes.csv", "--target", "y", "--cv", "1"),
    ("fit", "diabetes.csv", "--target", "y", "--rule", "best"), ("fit", "diabetes.csv", "--target", "y", "--nope"),
    ("conquer",),
])
def test_wrong_usage(cli, table, arguments):
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_not_converged_is_exit_code_3_and_the_files_are_there(cli, table, tmp_path, monkeypatch):
    original = riata.cross_validate_path

    def stubborn(*args, **kwargs):
        cv = original(*args, **kwargs)
        cv.fold_status[0, 0, 0] = "max_iter"
        return cv

    monkeypatch.setattr(riata, "cross_validate_path", stubborn)
    code, out, _ = cli("fit", "diabetes.csv", *FAST, "--out", "r", "--json")
    assert code == 3
    assert json.loads(out)["status"]["max_iter"] == 1
    assert {file.name for file in (tmp_path / "r").iterdir()} == REPORT


def test_interrupt_is_exit_code_130_and_leaves_nothing(cli, table, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(riata, "cross_validate_path", interrupted)
    code, out, err = cli("fit", "diabetes.csv", *FAST)
    assert (code, out) == (130, "")
    assert err.startswith("riata: interrupted")
    assert [file.name for file in tmp_path.iterdir()] == ["diabetes.csv"]


def test_warnings_are_said_once_on_stderr_and_kept_in_the_document(cli, table, monkeypatch):
    import warnings
    original = riata.cross_validate_path

    def talkative(*args, **kwargs):
        for _ in range(3):
            warnings.warn("mind the gap", UserWarning, stacklevel=1)
        return original(*args, **kwargs)

    monkeypatch.setattr(riata, "cross_validate_path", talkative)
    code, out, err = cli("fit", "diabetes.csv", *FAST, "--json", "--no-plots")
    assert (code, err) == (0, "riata: warning: mind the gap\n")
    assert json.loads(out)["warnings"] == ["mind the gap"]


def test_progress_only_on_a_terminal(monkeypatch, capsys):
    with progress_bar("work", quiet=False) as progress:
        assert progress is None
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("work", quiet=True) as progress:
        assert progress is None
    with progress_bar("work", quiet=False) as progress:
        for done in range(11):
            progress(done, 10)
    said = capsys.readouterr()
    assert said.out == ""
    assert "work" in said.err


def test_info(cli):
    code, out, err = cli("info", "--json")
    document = json.loads(out)
    assert (code, err, document["riata"]) == (0, "", riata.__version__)
    assert document["packages"]["polars"] == pl.__version__
    assert riata.__version__ in cli("info")[1]


@pytest.mark.parametrize("name", ["typer", "rich"])
def test_missing_extra_names_the_remedy(name):
    code = f"import sys; sys.modules[{name!r}] = None; from riata.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f'riata: the command line needs {name}: pip install "riata[cli]"\n'


def test_version(cli):
    assert cli("--version") == (0, f"riata {riata.__version__}\n", "")


def test_predictions_that_are_there_are_not_replaced_unasked(cli, table, tmp_path):
    cli("fit", "diabetes.csv", *FAST, "--no-plots", "--out", "r")
    predict, file = ("predict", "r/model.json", "diabetes.csv"), tmp_path / "predictions.csv"
    assert cli(*predict)[0] == 0
    written = file.read_bytes()
    file.write_text("mine")
    assert cli(*predict) == (
        1, "", "riata: predictions.csv is there already: name another file with --out, or replace it with --force\n")
    assert file.read_text() == "mine"
    for asked in (("--force",), ("--out", "predictions.csv")):
        file.write_text("mine")
        assert cli(*predict, *asked)[0] == 0
        assert file.read_bytes() == written


def test_script_and_help():
    code = "import sys; sys.argv = ['riata', '--help']; from riata.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    for command in ("fit", "predict", "demo", "info"):
        assert command in done.stdout


@pytest.mark.parametrize(("content", "message"), [
    (b"a,y\n", "d.csv has a header and no rows"),
    (b"a,y", "d.csv has a header and no rows"),
    (b"a;y\n1,5;2\n", "d.csv looks separated by semicolons (';'): save it with commas, and decimal points"),
    (b"a,y\n1,2\n1,2,3\n", "d.csv, line 3: 3 fields, the header has 2; correct it"),
    ("\u00e9,y\n1,2\n".encode("latin-1"), "d.csv is not UTF-8 text (line 1): save it as UTF-8"),
    ("a,y\n1,2\n\u00e9,2\n".encode("latin-1"), "d.csv is not UTF-8 text (line 3): save it as UTF-8"),
    (b"a,w,y\n1,1,2\n3,-1,4\n", "column 'w' (--weights) has 1 negative value, the first, -1, in row 2"),
])
def test_tables_that_would_be_misread(cli, tmp_path, content, message):
    (tmp_path / "d.csv").write_bytes(content)
    weights = ("--weights", "w") if b"w" in content else ()
    code, out, err = cli("fit", "d.csv", "--target", "y", *weights)
    assert (code, out) == (1, "")
    assert message in err


def test_folders_and_files_in_each_others_place(cli, table, tmp_path):
    (tmp_path / "afile").write_text("mine")
    assert cli("fit", ".", *FAST)[2].startswith("riata: . is a folder: give a file")
    code, _, err = cli("fit", "diabetes.csv", *FAST, "--out", "afile")
    assert (code, err) == (1, "riata: --out must be a folder, and afile is a file: choose another name\n")


@pytest.mark.parametrize(("option", "value"), [("--time-budget", "0"), ("--l1-ratio", "2"), ("--rule", "2se")])
def test_wrong_usage_names_the_option(cli, table, option, value):
    code, _, err = cli("fit", "diabetes.csv", "--target", "y", option, value)
    assert code == 2
    assert option in err
    assert "Value error" not in err


def test_huge_columns_overflow_nothing(cli, table, tmp_path):
    table.with_columns(pl.col("bmi") * 1e300).write_csv(tmp_path / "huge.csv")
    code, out, err = cli("fit", "huge.csv", *FAST, "--no-plots", "--json")
    assert (code, err) == (0, "")
    sizes = [row["standardised"] for row in json.loads(out)["choices"]["min"]["coefficients"]]
    assert np.isfinite(sizes).all()


def test_no_command_writes_over_what_it_reads(cli, table, tmp_path):
    cli("fit", "diabetes.csv", *FAST, "--no-plots", "--out", "r")
    (tmp_path / "link.csv").symlink_to("diabetes.csv")
    before = {name: (tmp_path / name).read_bytes() for name in ("diabetes.csv", "r/model.json")}
    for out in ("diabetes.csv", "./diabetes.csv", "link.csv"):
        assert cli("predict", "r/model.json", "diabetes.csv", "--out", out) == (
            1, "", "riata: --out is the data file: choose another name\n")
    assert cli("predict", "r/model.json", "diabetes.csv", "--out", "r/model.json") == (
        1, "", "riata: --out is the model file: choose another name\n")
    (tmp_path / "coefficients.csv").write_bytes(before["diabetes.csv"])
    assert cli("fit", "coefficients.csv", *FAST, "--out", ".") == (
        1, "", "riata: --out: the report would replace the data file coefficients.csv: choose another folder\n")
    assert (tmp_path / "coefficients.csv").read_bytes() == before["diabetes.csv"]
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_a_tampered_model_is_one_sentence_and_exit_code_1(cli, table, tmp_path):
    (tmp_path / "te.json").write_text("[" * 100_000)
    assert cli("predict", "te.json", "diabetes.csv") == (
        1, "", "riata: te.json: damaged riata model: lists or objects are nested too deeply; save the model again\n")


@pytest.mark.parametrize(("option", "value", "words"), [
    ("--alphas", ".1,1", ("'.1,1'", "the number of alphas, not a list")), ("--alphas", "1", ("'1'", "2 or more")),
    ("--cv", "1", ("'1'", "the number of folds, 2 or more")), ("--cv", "x", ("'x'", "the number of folds")),
    ("--tol", "0", ("'0'", "1e-15 or more")), ("--alpha-min-ratio", "2", ("'2'", "from 1e-12 to 1")),
    ("--seed", "-1", ("'-1'", "0 or more")), ("--threads", "0", ("'0'", "1 or more"))])
def test_a_number_out_of_bounds_is_named_with_its_meaning(cli, table, monkeypatch, option, value, words):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = cli("fit", "diabetes.csv", "--target", "y", option, value)
    assert (code, out) == (2, "")
    for text in (option, *words):
        assert text in err


def test_help_of_80_columns_cuts_no_option(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = cli("fit", "--help")
    assert code == 0
    assert "\u2026" not in out
    for option in ("--alpha-min-ratio", "--no-standardize", "--time-budget", "--no-plots"):
        assert option in out


def test_a_table_without_features_and_parquet_under_a_wrong_name(cli, table, tmp_path):
    table.select("y").write_csv(tmp_path / "alone.csv")
    assert cli("fit", "alone.csv", "--target", "y") == (
        1, "", "riata: the table has no column but 'y', and none is left as a feature: give a table with features beside the "
               "target\n")
    table.select("y", "w").write_csv(tmp_path / "two.csv")
    assert "'y', 'w', and none is left as a feature: leave fewer columns out" in cli(
        "fit", "two.csv", "--target", "y", "--drop", "w")[2]
    table.write_parquet(tmp_path / "t.csv")
    assert cli("fit", "t.csv", "--target", "y") == (
        1, "", "riata: t.csv holds Parquet, not text: give it a name that ends in .parquet\n")
