"""Tables, arrays and sparse matrices of every kind come in without a needless copy, and keep their names."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

from riata.tables import dataframe, design, vector

VALUES = {"age": [1, 2, 3], "dose": [0.5, 1.5, 2.5], "treated": [True, False, True]}
EXPECTED = np.array([[1.0, 0.5, 1.0], [2.0, 1.5, 0.0], [3.0, 2.5, 1.0]])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, lambda v: pa.table(v).to_batches()[0]],
                         ids=["pandas", "polars", "arrow_table", "arrow_batch"])
def test_a_table_gives_its_numbers_and_names(make):
    matrix, names = design(make(VALUES))
    assert names == ["age", "dose", "treated"]
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, EXPECTED)


@pytest.mark.parametrize("make", [
    lambda a: pd.DataFrame(a, columns=["a", "b"]), lambda a: pl.DataFrame(a, schema=["a", "b"]),
    lambda a: pa.table({"a": a[:, 0], "b": a[:, 1]})], ids=["pandas", "polars", "arrow"])
def test_a_float32_table_stays_float32(make):
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    matrix, _ = design(make(array))
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, array)


@pytest.mark.parametrize("make", [
    lambda: pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), lambda: pl.DataFrame({"a": [1, None]}),
    lambda: pa.table({"a": [1, None]}), lambda: pl.DataFrame({"a": [True, None]}),
    lambda: pa.table({"a": [True, None]}),
    lambda: pd.DataFrame({"a": pd.array([True, None], dtype="boolean")})])
def test_a_null_becomes_nan(make):
    np.testing.assert_array_equal(design(make())[0], [[1.0], [np.nan]])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"])
def test_text_columns_are_refused_by_name(make):
    with pytest.raises(ValueError, match=r"city.*(Encode|encode)"):
        design(make({"age": [1, 2], "city": ["Oslo", "Bergen"]}))


def test_categorical_and_date_columns_are_refused_by_name():
    table = pd.DataFrame({"kind": pd.Categorical(["a", "b"]), "day": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    with pytest.raises(ValueError, match=r"'kind' \(category\), 'day' \(datetime64"):
        design(table)


def test_pandas_columns_without_names_have_none():
    assert design(pd.DataFrame(EXPECTED))[1] is None


def test_pandas_columns_of_mixed_names_become_text():
    assert design(pd.DataFrame(EXPECTED, columns=["a", 1, "b"]))[1] == ["a", "1", "b"]


def test_pandas_sparse_columns_are_read():
    table = pd.DataFrame.sparse.from_spmatrix(sp.csc_array(EXPECTED), columns=["a", "b", "c"])
    matrix, names = design(table)
    np.testing.assert_array_equal(matrix, EXPECTED)
    assert names == ["a", "b", "c"]


def test_a_polars_lazy_frame_is_told_to_collect():
    with pytest.raises(ValueError, match="collect"):
        design(pl.DataFrame(VALUES).lazy())


def test_an_unknown_library_is_read_through_arrow():
    class Table:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.table(VALUES).__arrow_c_stream__(requested_schema)

    matrix, names = design(Table())
    np.testing.assert_array_equal(matrix, EXPECTED)
    assert names == ["age", "dose", "treated"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed", "read_only"])
def test_a_float_array_is_not_copied(dtype, layout):
    base = np.arange(48, dtype=dtype).reshape(6, 8)
    array = {"C": base, "F": np.asfortranarray(base), "strided": base[::2, ::3], "reversed": base[::-1, ::-1],
             "read_only": base}[layout]
    if layout == "read_only":
        array.flags.writeable = False
    matrix, names = design(array)
    assert matrix is array or np.shares_memory(matrix, array)
    assert matrix.dtype == dtype
    assert names is None
    np.testing.assert_array_equal(matrix, array)


def test_a_memory_map_stays_one(tmp_path):
    mapped = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=(5, 2))
    matrix, _ = design(mapped)
    assert isinstance(matrix, np.memmap)
    assert matrix is mapped


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16, bool, np.float16, np.longdouble])
def test_other_real_dtypes_become_float64(dtype):
    array = np.array([[0, 1], [1, 0]], dtype=dtype)
    matrix, _ = design(array)
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, [[0, 1], [1, 0]])


def test_another_byte_order_is_converted():
    array = np.array([[1.0, 2.0]], dtype=">f4")
    matrix, _ = design(array)
    assert matrix.dtype == np.dtype(np.float32)
    assert matrix.dtype.isnative
    np.testing.assert_array_equal(matrix, array)


@pytest.mark.parametrize(("array", "message"), [
    (np.array([["a", "b"]], dtype=object), "X has dtype object"),
    (np.array([["a", "b"]]), "X has dtype <U1"),
    (np.array([[1j, 2.0]]), "complex"),
    (np.array([["2020-01-01"]], dtype="datetime64[D]"), "datetime64"),
    (np.ma.masked_invalid([[1.0, np.nan]]), "masked array"),
    (np.arange(3.0), r"X has shape \(3,\).*reshape"),
    (np.zeros((2, 2, 2)), r"X has shape \(2, 2, 2\)"),
    (5.0, r"X has shape \(\)"),
    (None, "X is None; pass an array"),
    ("data.csv", "X is a str, 'data.csv', and must hold numbers; .*read it first"),
    ([[1, 2], [3]], "X cannot be read"),
], ids=["object", "text", "complex", "dates", "masked", "1d", "3d", "scalar", "none", "path", "ragged"])
def test_what_is_not_a_real_matrix_is_refused(array, message):
    with pytest.raises(ValueError, match=message):
        design(array)


@pytest.mark.parametrize("make", [sp.csc_array, sp.csr_array, sp.coo_array, sp.lil_array, sp.csc_matrix, sp.csr_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_sparse_matrices_become_csc_and_keep_float32(make, dtype):
    array = np.array([[0, 1, 0], [1, 0, 0]], dtype=dtype)
    matrix, names = design(make(array))
    assert matrix.format == "csc"
    assert matrix.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert names is None
    np.testing.assert_array_equal(matrix.toarray(), array)


def test_a_float_csc_matrix_shares_its_data():
    array = sp.csc_array(EXPECTED)
    assert np.shares_memory(design(array)[0].data, array.data)


def test_duplicate_entries_are_summed_in_a_copy():
    array = sp.csc_array((np.array([1.0, 2.0]), np.array([0, 0]), np.array([0, 2])), shape=(2, 1))
    matrix, _ = design(array)
    np.testing.assert_array_equal(matrix.toarray(), [[3.0], [0.0]])
    np.testing.assert_array_equal(array.data, [1.0, 2.0])


def test_sparse_complex_and_one_dimensional_are_refused():
    with pytest.raises(ValueError, match="complex"):
        design(sp.csc_array(np.array([[1j]])))
    with pytest.raises(ValueError, match="two dimensions"):
        design(sp.coo_array(np.array([1.0, 2.0])))


@pytest.mark.parametrize("make", [list, tuple, np.array, pd.Series, lambda v: pl.Series("y", v), pa.array,
                                  lambda v: pa.chunked_array([v[:1], v[1:]]), lambda v: pd.DataFrame({"y": v}),
                                  lambda v: np.array(v)[:, None]])
def test_a_vector_comes_from_anything(make):
    values = vector(make([1, 2, 3]), "y")
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, [1.0, 2.0, 3.0])


def test_a_vector_of_the_wrong_shape_or_kind_is_refused_by_name():
    with pytest.raises(ValueError, match=r"y has shape \(2, 2\); expected \(n,\)"):
        vector(np.ones((2, 2)), "y")
    with pytest.raises(ValueError, match="y holds 'a', which is not a real number"):
        vector(["a", "b"], "y")
    with pytest.raises(ValueError, match="y is a sparse matrix"):
        vector(sp.csc_array([[1.0]]), "y")


def test_a_data_frame_is_pandas_where_there_is_pandas():
    table = dataframe({"a": np.arange(2), "b": np.array(["x", "y"])})
    assert isinstance(table, pd.DataFrame)
    assert table["b"].tolist() == ["x", "y"]


def test_a_data_frame_is_polars_where_there_is_no_pandas(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    table = dataframe({"a": np.arange(2), "b": np.array(["x", "y"])})
    assert isinstance(table, pl.DataFrame)
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(ImportError, match=r"pip install \"riata\[cli\]\""):
        dataframe({"a": np.arange(2)})
