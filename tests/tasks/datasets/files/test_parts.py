"""Folders and patterns of parts: joined with what differs widened and told, or refused."""

import gzip
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.raw import RawTable
from tasks.datasets.reading import read
from tests.tasks.datasets.files.written import NAMES, ROWS, assert_whole, rows_of, separated


def joined(folder: Path) -> RawTable:
    return read(resolve(str(folder)))


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        joined(folder)
    return str(caught.value)


@pytest.fixture
def csv_parts(tmp_path: Path) -> Path:
    folder = tmp_path / "table"
    folder.mkdir()
    for part in range(4):
        content = separated([NAMES, *ROWS[part * 10 : part * 10 + 10]]).encode()
        packed = part == 3
        name = f"part-0000{part}.csv{'.gz' if packed else ''}"
        (folder / name).write_bytes(gzip.compress(content) if packed else content)
    (folder / "_SUCCESS").touch()
    (folder / ".part-00000.csv.crc").write_bytes(b"x")
    return folder


def test_parts_of_csv_are_joined(csv_parts: Path) -> None:
    read_back = joined(csv_parts)
    assert_whole(read_back)
    assert read_back.notes == ("4 parts were joined",)
    assert read_back.columns[0].place(21) == "line 3 of 'part-00002.csv'"


def test_a_pattern_is_read_as_a_folder(csv_parts: Path) -> None:
    read_back = joined(csv_parts / "part-*[01].csv")
    assert_whole(read_back, NAMES, ROWS[:20])
    assert "no file matches" in refusal(csv_parts / "x*.csv")


@pytest.mark.parametrize("content", ["", "len,wid,col,y\n"])
def test_parts_without_rows_are_passed_over(csv_parts: Path, content: str) -> None:
    (csv_parts / "part-00009.csv").write_text(content)
    read_back = joined(csv_parts)
    assert_whole(read_back)
    assert "1 of 5 parts have no rows" in read_back.notes


def test_parts_of_csv_with_other_columns_are_refused(csv_parts: Path) -> None:
    (csv_parts / "part-00009.csv").write_text("len,wid,col\n1,2,red\n3,4,blue\n")
    assert "'y' is not there against string" in refusal(csv_parts)


def test_notes_that_hold_for_several_parts_are_given_once(csv_parts: Path) -> None:
    for part in (0, 1):
        path = csv_parts / f"part-0000{part}.csv"
        path.write_text("# made in May\n" + path.read_text())
    assert "in 2 of 4 parts: line 1 left out, because a comment begins with '#'" in joined(csv_parts).notes


def test_foreign_files_are_passed_over_and_counted(csv_parts: Path) -> None:
    (csv_parts / "README.txt").write_text("all about it")
    (csv_parts / "licence.pdf").write_bytes(b"%PDF")
    read_back = joined(csv_parts)
    assert_whole(read_back)
    assert "2 other files were passed over in the folder ('README.txt')" in read_back.notes


def test_a_folder_of_several_formats_is_refused(csv_parts: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(csv_parts / "a.parquet")
    assert "holds both Parquet ('a.parquet') and CSV ('part-00000.csv')" in refusal(csv_parts)


WIDENED = [
    (pa.array([1, None]), pa.array([0.5, 2.0]), "double"),
    (pa.array([1, 2], pa.int32()), pa.array([2**40, 4]), "int64"),
    (pa.array(["a", "b"]), pa.array(["c", None], pa.large_string()), "large_string"),
    (pa.array([1, 2], pa.timestamp("ms")), pa.array([10**6, None], pa.timestamp("us")), "timestamp[us]"),
    (pa.array([1, 2], pa.timestamp("s")), pa.array([1, None], pa.timestamp("ns")), "timestamp[ns]"),
]


@pytest.mark.parametrize(("one", "other", "kind"), WIDENED)
@pytest.mark.parametrize("turned", [False, True])
def test_types_are_widened_as_pyarrow_does(
    tmp_path: Path, one: pa.Array, other: pa.Array, kind: str, turned: bool
) -> None:
    for part, values in enumerate([other, one] if turned else [one, other]):
        pq.write_table(pa.table({"x": values, "y": values}), tmp_path / f"part-{part}.parquet")
    read_back = joined(tmp_path)
    fragments = [pq.read_table(path) for path in sorted(tmp_path.glob("*.parquet"))]
    expected = pa.concat_tables(fragments, promote_options="permissive")
    assert rows_of(read_back) == [list(row.values()) for row in expected.to_pylist()]
    assert any(
        note.startswith("column 'x' is ") and note.endswith(f"read as {kind}") for note in read_back.notes
    )


def test_dictionaries_and_texts_go_together(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": pa.array(["a"]).dictionary_encode()}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": ["b"]}), tmp_path / "b.parquet")
    assert rows_of(joined(tmp_path)) == [["a"], ["b"]]


def test_a_column_that_is_missing_in_a_part_is_empty_there(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": ["x"], "c": [1.0]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"a": [2], "c": [2.0], "d": [True]}), tmp_path / "b.parquet")
    read_back = joined(tmp_path)
    assert read_back.names == ["a", "b", "c", "d"]
    assert rows_of(read_back) == [[1, "x", 1.0, None], [2, None, 2.0, True]]
    assert "column 'b' is missing in 1 of 2 parts and was read as empty there" in read_back.notes


def test_parts_of_different_tables_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": ["x"], "c": [1.0]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"a": [2], "d": [2.0], "e": [True]}), tmp_path / "b.parquet")
    assert "'b' is not there against string; 'c' is not there against double" in refusal(tmp_path)


@pytest.mark.parametrize(("one", "other"), [(["x"], [1]), ([True], ["x"]), ([True], [1])])
def test_types_that_do_not_go_together_are_refused(
    tmp_path: Path, one: list[object], other: list[object]
) -> None:
    pq.write_table(pa.table({"a": one}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"a": other}), tmp_path / "b.parquet")
    assert "'a' is " in refusal(tmp_path)


def test_times_too_late_for_a_finer_unit_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"t": pa.array([253402214400], pa.timestamp("s"))}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"t": pa.array([1], pa.timestamp("ns"))}), tmp_path / "b.parquet")
    assert "cannot be joined" in refusal(tmp_path)


def test_hive_partitions_are_read_as_pyarrow_reads_them(tmp_path: Path) -> None:
    frame = pa.table({"x": [1, 2, 3], "kind": ["a", "b/c", None]})
    hive = ds.partitioning(pa.schema([("kind", pa.string())]), flavor="hive")
    ds.write_dataset(frame, tmp_path / "t", format="parquet", partitioning=hive)
    read_back = joined(tmp_path / "t")
    assert sorted(map(str, rows_of(read_back))) == ["[1, 'a']", "[2, 'b/c']", "[3, None]"]


def test_the_refusal_of_wide_parts_that_differ_is_readable(tmp_path: Path) -> None:
    for part, name in enumerate("ab"):
        frame = pd.DataFrame({f"{name}{i}": [1] for i in range(3_000)})
        frame.to_csv(tmp_path / f"part-{part}.csv", index=False)
    message = refusal(tmp_path)
    assert "'b0' is int64 against not there" in message or "'a0' is not there against" in message
    assert message.endswith("; and 5,980 more columns")
