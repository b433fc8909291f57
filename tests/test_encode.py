"""Tables to features: the one-hot rule, and what is refused."""
import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riata.cli.encode import Encoding, as_polars
from riata.cli.files import read_table, write_table

TABLE = pl.DataFrame({"age": [3, 1, 2], "sex": ["m", "f", "m"], "town": ["Oslo", "Bern", "Rome"], "one": ["k"] * 3,
                      "smokes": [True, False, True]})


def test_the_rule():
    encoding = Encoding.fit(TABLE, TABLE.columns)
    X, names = encoding.transform(TABLE)
    assert names == encoding.feature_names == ["age", "sex=m", "town=Bern", "town=Oslo", "town=Rome", "smokes"]
    assert X.tolist() == [[3, 1, 0, 1, 0, 1], [1, 0, 1, 0, 0, 0], [2, 1, 0, 0, 1, 1]]
    assert X.flags.f_contiguous
    assert Encoding.from_dict(encoding.to_dict()) == encoding


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30), st.randoms())
def test_three_levels_or_more_sum_to_one_whatever_the_row_order(letters, random):
    table = pl.DataFrame({"c": letters})
    encoding = Encoding.fit(table, ["c"])
    shuffled = list(letters)
    random.shuffle(shuffled)
    assert Encoding.fit(pl.DataFrame({"c": shuffled}), ["c"]) == encoding
    X, names = encoding.transform(table)
    levels = len(set(letters))
    assert len(names) == {1: 0, 2: 1}.get(levels, levels)
    if levels > 2:
        assert (X.sum(axis=1) == 1).all()
    for row, letter in zip(X, letters, strict=True):
        assert all(value == (name == f"c={letter}") for value, name in zip(row, names, strict=True))


def test_pandas_and_categoricals_give_the_same():
    encoding = Encoding.fit(TABLE, TABLE.columns)
    np.testing.assert_array_equal(encoding.transform(as_polars(TABLE.to_pandas()))[0], encoding.transform(TABLE)[0])
    categorical = TABLE.with_columns(pl.col("town").cast(pl.Categorical))
    np.testing.assert_array_equal(encoding.transform(categorical)[0], encoding.transform(TABLE)[0])
    assert Encoding.fit(categorical, TABLE.columns) == encoding


def test_unknown_category_is_named():
    encoding = Encoding.fit(TABLE, TABLE.columns)
    new = TABLE.with_columns(town=pl.Series(["Oslo", "Kiev", "Kiev"]))
    with pytest.raises(ValueError, match=r"'town' holds 'Kiev' \(2 rows\), which the fit did not see; it knows 'Bern'"):
        encoding.transform(new)


def test_missing_values_are_counted_per_column():
    holes = TABLE.with_columns(age=pl.Series([None, float("nan"), 2.0], strict=False), sex=pl.Series(["m", None, "f"]))
    with pytest.raises(ValueError, match=r"missing values in 2 columns of 3 rows: age \(2\), sex \(1\)"):
        Encoding.fit(holes, holes.columns)


@pytest.mark.parametrize(("column", "message"), [
    (pl.Series([datetime.date(2020, 1, 1)] * 50), "holds Date values"),
    (pl.Series([[1]] * 50), "holds List"),
    (pl.Series([f"id{i}" for i in range(50)]), "50 different texts in 50 rows: it looks like an identifier"),
    (pl.Series(["1.5x", *map(str, range(49))]), "is text because of entries such as '1.5x'"),
])
def test_columns_that_are_no_features(column, message):
    with pytest.raises(ValueError, match=message):
        Encoding.fit(pl.DataFrame({"c": column}), ["c"])


def test_two_features_of_one_name():
    table = pl.DataFrame({"c": ["a", "b"], "c=b": [1, 2]})
    with pytest.raises(ValueError, match="two features would be called 'c=b'"):
        Encoding.fit(table, ["c", "c=b"])


def test_absent_column_gets_a_suggestion():
    with pytest.raises(ValueError, match="no column 'agee'; did you mean 'age'"):
        Encoding.fit(TABLE, ["agee"])


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet"])
def test_files_round_trip(tmp_path, name):
    write_table(TABLE, tmp_path / name)
    assert read_table(tmp_path / name).equals(TABLE)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_text_columns_stay_text(tmp_path):
    (tmp_path / "t.csv").write_text("code,x\n007,1\n010,2\n")
    assert read_table(tmp_path / "t.csv", text_columns=["code", "absent"])["code"].to_list() == ["007", "010"]


def test_marks_of_missing_values(tmp_path):
    (tmp_path / "t.csv").write_text("x,c\n1,NA\n,b\nNaN,\n")
    assert read_table(tmp_path / "t.csv").null_count().row(0) == (2, 2)


@pytest.mark.parametrize(("name", "text", "message"), [
    ("t.xlsx", "", "cannot tell the format"), ("t.csv", "", "is empty: it needs a header and rows"),
    ("t.csv", "a,b\n", "has a header and no rows"),
    ("t.csv", "a,b\n1,2\n1,2,3\n", "line 3: 3 fields, the header has 2"),
    ("t.csv", "a,b,a\n1,2,3\n", "two columns of one name: a"),
    ("t.parquet", "no parquet", "cannot read"),
])
def test_bad_files(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / name)


def test_absent_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        read_table(tmp_path / "t.csv")
