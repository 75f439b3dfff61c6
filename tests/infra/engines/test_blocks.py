"""Blocks of rows, from arrays and from Parquet."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.engines import ArraySource, ParquetSource, blocks
from infra.engines.blocks import Span, split_evenly
from infra.errors import DataError, ParameterError


@given(st.integers(1, 200), st.integers(1, 20))
def test_spans_are_even_consecutive_and_never_empty(n_blocks: int, workers: int) -> None:
    spans = split_evenly(n_blocks, workers)
    lengths = [span.stop - span.start for span in spans]
    assert [span.start for span in spans] == [0, *(span.stop for span in spans[:-1])]
    assert spans[-1].stop == n_blocks
    assert len(spans) == min(n_blocks, workers)
    assert max(lengths) - min(lengths) <= 1


def test_array_blocks_are_contiguous_and_add_up_to_the_rows() -> None:
    X = np.asfortranarray(np.arange(30.0).reshape(10, 3))
    weights = np.arange(10.0)
    source = ArraySource(X, weights, block_rows=4)
    loaded = source.load(Span(0, 3))
    assert [len(rows) for rows, _ in loaded] == [4, 4, 2]
    assert all(rows.flags.c_contiguous for rows, _ in loaded)
    np.testing.assert_array_equal(np.concatenate([rows for rows, _ in loaded]), X)
    np.testing.assert_array_equal(np.concatenate([part for _, part in loaded]), weights)
    np.testing.assert_array_equal(source.block(2)[0], X[8:])


def test_the_size_of_blocks_is_asked_for_when_a_source_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 3)
    assert ArraySource(np.zeros((10, 1))).n_blocks == 4


@pytest.mark.parametrize("form", ["arrays", "Parquet"])
def test_a_source_with_other_blocks_has_the_same_rows_and_leaves_the_first_as_it_was(
    frame: pd.DataFrame, tmp_path: Path, form: str
) -> None:
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=17)
    source = (
        ArraySource(frame.to_numpy(float), block_rows=10)
        if form == "arrays"
        else ParquetSource(tmp_path / "t.parquet", block_rows=10)
    )
    other = source.with_block_rows(30)
    assert (source.block_rows, source.n_blocks) == (10, 10)
    assert (other.block_rows, other.n_blocks) == (30, 4)
    np.testing.assert_array_equal(
        np.concatenate([rows for (rows,) in other.load(Span(0, 4))]), frame.to_numpy(float)
    )
    with pytest.raises(ParameterError, match="block_rows=0: at least 1"):
        source.with_block_rows(0)


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=100), "b": rng.integers(0, 9, 100), "c": rng.random(100)})


@pytest.mark.parametrize("groups", [7, 10, 100])
@pytest.mark.parametrize("block_rows", [1, 10, 33, 1000])
def test_parquet_blocks_do_not_depend_on_row_groups(
    frame: pd.DataFrame, tmp_path: Path, groups: int, block_rows: int
) -> None:
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=groups)
    source = ParquetSource(tmp_path / "t.parquet", block_rows=block_rows)
    assert (source.n_rows, source.n_columns) == (100, 3)
    for i in range(source.n_blocks):
        expected = frame.iloc[i * block_rows : (i + 1) * block_rows].to_numpy(float)
        np.testing.assert_array_equal(source.block(i)[0], expected)


def test_a_folder_is_read_in_the_order_of_its_paths(frame: pd.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "table"
    for part, rows in (("p=1", slice(0, 40)), ("p=2", slice(40, 45)), ("p=3", slice(45, 100))):
        (folder / part).mkdir(parents=True)
        frame.iloc[rows].to_parquet(folder / part / "x.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".hidden.parquet").write_text("not Parquet")
    [block] = ParquetSource(folder).load(Span(0, 1))
    np.testing.assert_array_equal(block[0], frame.to_numpy(float))


def test_chosen_columns_come_in_the_order_asked_for(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_parquet(tmp_path / "t.parquet")
    source = ParquetSource(tmp_path / "t.parquet", columns=["c", "a"], dtype=np.float32)
    [block] = source.load(Span(0, 1))
    assert block[0].dtype == np.float32
    np.testing.assert_array_equal(block[0], frame[["c", "a"]].to_numpy(np.float32))


@pytest.mark.parametrize("block_rows", [1, 33, 1000])
def test_a_target_of_any_type_stands_beside_the_rows(
    frame: pd.DataFrame, tmp_path: Path, block_rows: int
) -> None:
    kinds = np.array(["oats", "rye", "wheat"])[np.arange(100) % 3]
    whole = frame.assign(a=frame["a"].where(frame["a"] > 0))
    whole.insert(1, "kind", kinds)
    whole.to_parquet(tmp_path / "t.parquet", row_group_size=17)
    source = ParquetSource(tmp_path / "t.parquet", target="kind", missing=True, block_rows=block_rows)
    assert source.columns == ["a", "b", "c"]
    blocks = [source.block(i) for i in range(source.n_blocks)]
    X = np.concatenate([rows for rows, _ in blocks])
    np.testing.assert_array_equal(X, whole[["a", "b", "c"]].to_numpy(float))
    assert 0 < np.isnan(X).sum() < 100
    np.testing.assert_array_equal(np.concatenate([values for _, values in blocks]), kinds)
    with pytest.raises(DataError, match="column 'a' has missing or infinite values"):
        ParquetSource(tmp_path / "t.parquet", target="kind", block_rows=100).block(0)
    with pytest.raises(DataError, match=r"column 'sort' is missing; it has: a, kind, b, c"):
        ParquetSource(tmp_path / "t.parquet", ["a"], target="sort")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": [None] + ["x"] * 99}, "column 'kind' has missing or infinite values"),
        ({"kind": [np.nan] + [1.0] * 99}, "column 'kind' has missing or infinite values"),
        ({"kind": [1] * 100, "b": np.inf}, "column 'b' has infinite values"),
    ],
)
def test_missing_targets_and_infinite_values_are_refused(
    frame: pd.DataFrame, tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    frame.assign(**changed).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=message):
        ParquetSource(tmp_path / "t.parquet", target="kind", missing=True).block(0)


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_an_address_is_read_through_its_filesystem(frame: pd.DataFrame, tmp_path: Path, scheme: str) -> None:
    address = (tmp_path / "t.parquet").as_uri() if scheme == "file" else "memory://tests/t.parquet"
    frame.to_parquet(address)
    np.testing.assert_array_equal(ParquetSource(address).block(0)[0], frame.to_numpy(float))


def test_what_is_no_table_of_numbers_is_refused_by_name(frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file or folder .*absent"):
        ParquetSource(tmp_path / "absent")
    with pytest.raises(DataError, match=r"holds no \.parquet file"):
        ParquetSource(tmp_path)
    torn = tmp_path / "torn.parquet"
    frame.to_parquet(torn)
    torn.write_bytes(torn.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"torn\.parquet cannot be read as Parquet"):
        ParquetSource(torn)
    frame.assign(d="text").to_parquet(tmp_path / "text.parquet")
    with pytest.raises(DataError, match=r"text\.parquet: column 'd' is"):
        ParquetSource(tmp_path / "text.parquet")


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"a": [1.0]}, r"2\.parquet: its columns a are not those of the first file, a, b"),
        ({"a": [1.0], "b": [1.0], "c": [1.0]}, r"its columns a, b, c are not those"),
        ({"a": [1.0], "b": ["x"]}, r"2\.parquet: column 'b' is"),
    ],
)
def test_files_of_a_folder_must_agree(tmp_path: Path, second: dict[str, list[object]], message: str) -> None:
    pd.DataFrame({"a": [1.0], "b": [2.0]}).to_parquet(tmp_path / "1.parquet")
    pd.DataFrame(second).to_parquet(tmp_path / "2.parquet")
    with pytest.raises(DataError, match=message):
        ParquetSource(tmp_path)


@pytest.mark.parametrize("bad", [None, np.inf])
def test_missing_and_infinite_values_are_refused_where_they_are_read(
    tmp_path: Path, bad: float | None
) -> None:
    pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, bad]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet: column 'b' has missing or infinite values"):
        ParquetSource(tmp_path / "t.parquet").block(0)


@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_a_target_of_text_is_the_second_array(frame: pd.DataFrame, tmp_path: Path, dtype: str) -> None:
    names = np.array(["oats", "rye"])[frame["b"].to_numpy() % 2]
    frame.insert(1, "grain", pd.Series(names).astype(dtype))
    frame.loc[3, "a"] = np.nan
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=30)
    source = ParquetSource(tmp_path / "t.parquet", block_rows=40, target="grain", missing=True)
    assert source.columns == ["a", "b", "c"]
    blocks = source.load(Span(0, 3))
    np.testing.assert_array_equal(
        np.concatenate([X for X, _ in blocks]), frame[["a", "b", "c"]].to_numpy(float)
    )
    assert np.concatenate([y for _, y in blocks]).tolist() == names.tolist()


@pytest.mark.parametrize("target", [[1.0, None], ["x", None], [1.0, np.inf]])
def test_a_target_has_no_missing_value(tmp_path: Path, target: list[object]) -> None:
    pd.DataFrame({"a": [1.0, 2.0], "y": target}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'y' has missing or infinite values; a target must have none"):
        ParquetSource(tmp_path / "t.parquet", target="y").block(0)


def test_targets_of_other_kinds_and_infinite_numbers_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [np.nan, np.inf], "y": pd.to_datetime(["2020", "2021"])}).to_parquet(
        tmp_path / "t.parquet"
    )
    with pytest.raises(
        DataError, match=r"column 'y' is timestamp.*; a target is numbers, truth values or text"
    ):
        ParquetSource(tmp_path / "t.parquet", target="y")
    with pytest.raises(DataError, match="column 'a' has infinite values; all must be finite numbers"):
        ParquetSource(tmp_path / "t.parquet", ["a"], missing=True).block(0)
