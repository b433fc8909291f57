"""`riata batch`: a model for each row of a manifest, or each group of one long table."""

import json
import sys

import numpy as np
import polars as pl
import pytest

import riata
from riata.cli.batch import parse_bytes


@pytest.fixture
def manifest(tmp_path):
    """m.csv: five data files of every kind; returns their tables."""
    rng = np.random.default_rng(0)
    tables, rows = [], []
    for g, suffix in enumerate((".csv", ".parquet", ".feather", ".npy", ".tsv")):
        X = rng.normal(size=(40 + g, 4))
        frame = pl.DataFrame({**{f"snp{j}": X[:, j] for j in range(4)}, "y": X[:, g % 4] + rng.normal(size=40 + g)})
        path = tmp_path / f"gene{g}{suffix}"
        {".csv": lambda f=frame, p=path: f.write_csv(p), ".tsv": lambda f=frame, p=path: f.write_csv(p, separator="\t"),
         ".parquet": lambda f=frame, p=path: f.write_parquet(p), ".feather": lambda f=frame, p=path: f.write_ipc(p),
         ".npy": lambda f=frame, p=path: np.save(p, f.to_numpy())}[suffix]()
        tables.append(frame)
        rows.append((path.name, "4", "0;2") if suffix == ".npy" else (path.name, "y", ["", "snp*", "snp0;snp3"][g % 3]))
    pl.DataFrame(rows, schema=["data", "target", "columns"], orient="row").write_csv(tmp_path / "m.csv")
    return tables


def test_a_manifest_gives_the_models_of_each_file(cli, manifest, tmp_path):
    code, out, err = cli("batch", "--manifest", "m.csv", "--out", "r.parquet", "--cv", 5, "--predictions")
    assert (code, err) == (0, "")
    assert "5 models in" in out
    found = riata.BatchModels.from_parquet(tmp_path / "r.parquet")
    assert found.labels == [f"gene{g}" for g in range(5)]
    for g, names in enumerate((["snp0", "snp1", "snp2", "snp3"], ["snp0", "snp1", "snp2", "snp3"], ["snp0", "snp3"],
                               ["snp0", "snp2"], ["snp0", "snp1", "snp2", "snp3"])):
        cv = riata.cross_validate_path(manifest[g].select(names), manifest[g]["y"], l1_ratio=0.5, cv=5)
        np.testing.assert_array_equal(found[g].coef, cv.coef_min)
        assert found[g].feature_names == (["0", "2"] if g == 3 else names)
    np.testing.assert_allclose(found[0].oof_prediction[:3], riata.cross_validate_path(
        manifest[0].drop("y"), manifest[0]["y"], l1_ratio=0.5, cv=5).oof_prediction[:3], atol=1e-9)
    assert not (tmp_path / "r.parquet.checkpoint").exists()


def test_all_that_is_missing_is_said_at_once(cli, manifest, tmp_path):
    pl.DataFrame({"t": ["a", "b"], "y": [1.0, 2.0]}).write_csv(tmp_path / "text.csv")
    rows = [("gene0.csv", "z", ""), ("nope.csv", "y", ""), ("gene1.parquet", "y", "q*;snp0"), ("text.csv", "y", "t"),
            ("gene2.feather", None, ""), ("what.xyz", "y", "")]
    pl.DataFrame(rows, schema=["data", "target", "columns"], orient="row").write_csv(tmp_path / "bad.csv")
    (tmp_path / "what.xyz").write_text("")
    code, out, err = cli("batch", "--manifest", "bad.csv", "--out", "r.parquet")
    assert (code, out) == (1, "")
    for words in ("6 faults", "gene0.csv has no column 'z' (row 1, target)", "no file nope.csv", "no column 'q*' (row 3, "
                                                                                                 "columns)",
                  "column 't' of text.csv is text (row 4, columns)", "row 5 has no target", "cannot tell the format of what.xyz"):
        assert words in err
    assert not (tmp_path / "r.parquet.checkpoint").exists()


def test_a_long_table_by_groups(cli, tmp_path):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"shop": rng.permutation(np.repeat(["a", "b", "c"], 30)), "x": rng.normal(size=90),
                          "z": rng.normal(size=90), "note": ["t"] * 90})
    frame = frame.with_columns(sales=frame["x"] + pl.Series(rng.normal(size=90)))
    frame.write_parquet(tmp_path / "long.parquet")
    code, out, err = cli("batch", "--table", "long.parquet", "--by", "shop", "--target", "sales", "--out", "r.csv", "--json",
                         "--cv", 0, "--select", "bic")
    assert (code, err) == (0, "")
    said = json.loads(out)
    assert said["status"] == {"converged": 3}
    written = pl.read_csv(tmp_path / "r.csv")
    assert written["problem"].to_list() == frame["shop"].unique(maintain_order=True).to_list()
    one = frame.filter(pl.col("shop") == "b")
    path = riata.fit_path(one.select("x", "z"), one["sales"], l1_ratio=0.5)
    assert written.filter(pl.col("problem") == "b")["alpha"][0] == pytest.approx(path.alphas[np.nanargmin(path.bic)])
    code, _, err = cli("batch", "--table", "long.parquet", "--by", "town", "--target", "gone", "--out", "r.csv")
    assert code == 1
    assert "no column 'town' (--by), 'gone' (--target)" in err


def test_a_run_that_was_cut_off_goes_on(cli, manifest, tmp_path):
    code, _, err = cli("batch", "--manifest", "m.csv", "--out", "r.parquet", "--cv", 5, "--time-budget", 1e-9, "--quiet")
    assert code == 3
    assert "the same command with --resume goes on" in err
    assert (tmp_path / "r.parquet.checkpoint").exists()
    code, _, err = cli("batch", "--manifest", "m.csv", "--out", "r.parquet", "--cv", 5)
    assert code == 1
    assert "add --resume" in err
    code, _, err = cli("batch", "--manifest", "m.csv", "--out", "r.parquet", "--cv", 5, "--resume", "--quiet")
    assert (code, err) == (0, "")
    assert len(riata.BatchModels.from_parquet(tmp_path / "r.parquet")) == 5


def test_ctrl_c_keeps_what_is_finished(cli, manifest, tmp_path, monkeypatch):
    from riata.cli import batch

    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "problems", stopped)
    code, _, err = cli("batch", "--manifest", "m.csv", "--out", "r.parquet")
    assert code == 130
    assert "interrupted" in err


def test_a_problem_that_fails_has_its_sentence_and_the_exit_code_is_3(cli, tmp_path):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"x": rng.normal(size=30), "y": rng.normal(size=30), "z": [None] * 29 + [1.0]})
    frame.write_csv(tmp_path / "a.csv")
    pl.DataFrame({"data": ["a.csv", "a.csv"], "target": ["y", "z"], "columns": ["x", "x"]}).write_csv(tmp_path / "m.csv")
    code, out, err = cli("batch", "--manifest", "m.csv", "--out", "r.parquet", "--cv", 3)
    assert code == 3
    assert "1 row that counts cannot make 3 folds" in out
    assert "1 of 2 problems are not plainly converged" in err


@pytest.mark.parametrize(("arguments", "words"), [
    (("--out", "r.parquet"), "give one of --manifest and --table"),
    (("--manifest", "m.csv", "--out", "r.parquet", "--by", "a"), "--by belongs to --table"),
    (("--table", "m.csv", "--out", "r.parquet"), "needs --by and --target"),
    (("--manifest", "m.csv", "--out", "r.parquet", "--cv", "0"), "need folds"),
    (("--manifest", "m.csv", "--out", "r.parquet", "--cv", "1"), "1 fold leaves nothing"),
    (("--manifest", "m.csv", "--out", "r.parquet", "--select", "best"), "'best' is not one of"),
    (("--manifest", "m.csv", "--out", "r.parquet", "--l1-ratio", "2"), "the mix from 0")])
def test_wrong_usage(cli, manifest, arguments, words):
    code, _, err = cli("batch", *arguments)
    assert code == 2
    assert words in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(("arguments", "words"), [
    (("--manifest", "m.csv", "--out", "r.txt"), "ends in .parquet"),
    (("--manifest", "m.csv", "--out", "m.csv"), "--out is the manifest"),
    (("--manifest", "m.csv", "--out", "gene1.parquet"), "--out is the data file"),
    (("--manifest", "m.csv", "--out", "nodir/r.parquet"), "there is no folder 'nodir': make it first"),
    (("--manifest", "none.csv", "--out", "r.parquet"), "no file none.csv"),
    (("--manifest", "gene0.csv", "--out", "r.parquet"), "a manifest has the columns data and target"),
    (("--manifest", "m.csv", "--out", "r.parquet", "--max-memory", "lots"), "--max-memory = 'lots' is no amount")])
def test_what_the_user_can_mend(cli, manifest, arguments, words):
    code, _, err = cli("batch", *arguments)
    assert code == 1
    assert words in err


def test_without_pyarrow_nothing_is_fitted(cli, manifest, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr(riata, "fit_batch", lambda *arguments, **options: pytest.fail("it was fitted"))
    code, _, err = cli("batch", "--manifest", "m.csv", "--out", "r.parquet")
    assert (code, err) == (1, 'riata: Parquet files need pyarrow: pip install "riata[cli]"\n')
    assert not (tmp_path / "r.parquet.checkpoint").exists()


def test_a_column_that_means_nothing_is_named(cli, manifest, tmp_path):
    pl.DataFrame({"data": ["gene0.csv"], "target": ["y"], "colums": ["snp0"]}).write_csv(tmp_path / "bad.csv")
    code, _, err = cli("batch", "--manifest", "bad.csv", "--out", "r.parquet")
    assert code == 1
    assert "bad.csv has the column 'colums', of which nothing is made: a manifest has the columns data and target" in err


def test_amounts_of_memory():
    assert [parse_bytes(text) for text in ("500", "2K", "1.5M", "2GiB", "1TB")] == [500, 2048, 1.5 * 2**20, 2**31, 2**40]


def test_the_target_is_no_feature(cli, manifest, tmp_path):
    pl.DataFrame({"data": ["gene0.csv"] * 3, "target": ["y"] * 3, "columns": ["snp*", "snp0;y", "snp1;snp1"],
                  "name": list("abc")}).write_csv(tmp_path / "bad.csv")
    code, _, err = cli("batch", "--manifest", "bad.csv", "--out", "r.parquet")
    assert code == 1
    assert "2 faults" in err
    assert "column 'y' is the target and cannot be a feature too (row 2, columns)" in err
    assert "column 'snp1' is given 2 times: give it once (row 3, columns)" in err
    pl.DataFrame({"data": ["gene0.csv"], "target": ["snp1"], "columns": ["snp*"]}).write_csv(tmp_path / "m2.csv")
    code, _, err = cli("batch", "--manifest", "m2.csv", "--out", "r.parquet", "--cv", 5)
    assert code == 0
    assert "row 1: the pattern 'snp*' of columns matches the target, 'snp1', which is left out" in err
    assert riata.BatchModels.from_parquet(tmp_path / "r.parquet")[0].feature_names == ["snp0", "snp2", "snp3"]


@pytest.fixture
def long_table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"product": ["p", "q"] * 20, **{f"snp{j}": rng.normal(size=40) for j in range(3)}})
    frame.with_columns(y=frame["snp0"]).write_csv(tmp_path / "t.csv")
    return "--table", "t.csv", "--by", "product", "--target", "y", "--out", "r.csv"


@pytest.mark.parametrize(("columns", "words"), [
    ("product;snp1", "column 'product' is given as --by and in --columns"), ("y;snp1", "column 'y' is the target"),
    ("snp1;snp1", "given 2 times"), ("q*", "t.csv has no column 'q*'")])
def test_columns_of_a_long_table(cli, long_table, columns, words):
    code, _, err = cli("batch", *long_table, "--columns", columns)
    assert code == 1
    assert words in err


def test_a_pattern_of_a_long_table_leaves_the_target_out(cli, long_table):
    code, _, err = cli("batch", *long_table, "--columns", "*", "--cv", 3)
    assert code == 0
    assert "the pattern '*' matches the target, 'y', which is left out" in err


def test_failures_are_named_in_the_words_of_the_command(cli, tmp_path):
    pl.DataFrame({"x": [1.0, 2.0, 4.0], "y": [1.0, 2.0, 3.5]}).write_csv(tmp_path / "a.csv")
    pl.DataFrame({"data": ["a.csv"] * 2, "target": ["y"] * 2, "name": ["g1", "g2"]}).write_csv(tmp_path / "m.csv")
    code, out, err = cli("batch", "--manifest", "m.csv", "--out", "r.parquet", "--cv", 5, "--quiet")
    assert (code, out) == (3, "")
    assert "g1: 3 rows that count cannot make 5 folds; g2: 3 rows" in err
    assert ".failed" not in err
    code, out, err = cli("batch", "--manifest", "m.csv", "--out", "r.parquet", "--cv", 5)
    assert code == 3
    assert "0 models of 2 problems in" in out
