"""A large table is prepared piece by piece as a small one is at once."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from infra import storage
from infra.engines import connect
from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.large import sizes
from tasks.datasets.options import ReadingOptions
from tests.tasks.datasets.large.large_tables import ROWS, as_arrow, frame, plan_of, prepared_on, small_bounds
from tests.tasks.preparing import prepare


@pytest.fixture(autouse=True)
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    small_bounds(monkeypatch)


def test_the_parts_hold_what_the_whole_table_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = frame()
    pq.write_table(as_arrow(table), tmp_path / "t.parquet", row_group_size=300)
    source = resolve(str(tmp_path / "t.parquet"), "class")
    with connect("local", workers=2) as engine:
        large = prepared_on(engine, source, tmp_path / "large")
    monkeypatch.setattr(sizes, "LARGE_CELLS", 10**9)
    small = prepare(source, tmp_path / "small")
    assert large.is_large
    assert not small.is_large
    assert (large.rows, large.classes, large.columns) == (ROWS, small.classes, small.columns)
    for one, other in zip(large.load(), small.load(), strict=True):
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, other)
        else:
            np.testing.assert_array_equal(one, other)
    assert sum(large.part_rows) == ROWS
    assert len(large.part_rows) == len(list(Path(large.path).glob("*.parquet")))
    missing = f"size: {table['size'].isna().sum()} of {ROWS} cells are missing"
    assert missing in large.notes
    assert missing in small.notes
    counter = next(note for note in small.notes if note.startswith("row: left out"))
    assert counter in large.notes


def test_a_text_in_a_column_of_numbers_is_refused_with_its_row(tmp_path: Path) -> None:
    table = frame()
    cells = table["size"].astype(str).to_numpy(dtype=object)
    cells[4321] = "much"
    pq.write_table(as_arrow(table.assign(size=cells)), tmp_path / "t.parquet", row_group_size=300)
    source = resolve(str(tmp_path / "t.parquet"), "class")
    with connect("local", workers=2) as engine, pytest.raises(DataError) as caught:
        prepared_on(engine, source, tmp_path / "large")
    assert "row 4322: column 'size' holds 'much' where numbers belong" in str(caught.value)
    assert not [path for path in (tmp_path / "large").iterdir() if not path.name.startswith(".")]
    pq.write_table(as_arrow(table), tmp_path / "t.parquet", row_group_size=300)
    with connect("local", workers=2) as engine:
        dataset = prepared_on(engine, source, tmp_path / "large")
    left = [path.name for path in (tmp_path / "large").iterdir() if path.suffix != ".lock"]
    assert left == [Path(dataset.path).name]


def test_a_disk_that_is_too_small_is_refused_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(as_arrow(frame()), tmp_path / "t.parquet")
    source = resolve(str(tmp_path / "t.parquet"), "class")
    monkeypatch.setattr(
        storage.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 100_000)
    )
    with pytest.raises(DataError) as caught:
        plan_of(source, tmp_path / "large")
    assert f"the prepared rows of '{source.path}' need about 0.4 MB in" in str(caught.value)
    assert "0.1 MB are free there; make room, or set TRILLA_DATA to a folder on another disk" in str(
        caught.value
    )


def test_parts_that_are_there_are_kept_and_damaged_ones_replaced(tmp_path: Path) -> None:
    pq.write_table(as_arrow(frame()), tmp_path / "t.parquet", row_group_size=300)
    source = resolve(str(tmp_path / "t.parquet"), "class")
    with connect("local", workers=2) as engine:
        first = prepared_on(engine, source, tmp_path / "large")
        parts = sorted(Path(first.path).glob("*.parquet"))
        kept = {part.name: part.stat().st_ino for part in parts}
        parts[1].write_bytes(b"damaged")
        parts[2].unlink()
        assert prepared_on(engine, source, tmp_path / "large") == first
    changed = [part.name for part in parts if part.stat().st_ino != kept[part.name]]
    assert set(changed) <= {parts[1].name, parts[2].name}
    assert first.load()[0].shape == (ROWS, len(first.columns))


def test_another_source_under_the_same_name_is_prepared_anew(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    found = []
    for seed in (1, 2):
        pq.write_table(as_arrow(frame(seed=seed)), path, row_group_size=300)
        with connect("local", workers=1) as engine:
            found.append(prepared_on(engine, resolve(str(path), "class"), tmp_path / "large"))
    assert found[0].sha256 != found[1].sha256
    assert all(one.load()[0].shape[0] == ROWS for one in found)


def test_rows_without_a_quantity_are_left_out_and_counted(tmp_path: Path) -> None:
    table = frame().drop(columns="class").assign(price=np.random.default_rng(0).normal(size=ROWS))
    table.loc[[3, 4444], "price"] = np.nan
    table.loc[table.index[2100:2800], "price"] = np.nan
    pq.write_table(as_arrow(table), tmp_path / "t.parquet", row_group_size=300)
    source = resolve(str(tmp_path / "t.parquet"), "price")
    with connect("local", workers=1) as engine:
        dataset = prepared_on(engine, source, tmp_path / "large")
    assert dataset.task == "regression"
    assert dataset.rows == ROWS - 702
    assert [note for note in dataset.notes if "left out: 'price'" in note] == [
        f"702 of {ROWS} rows left out: 'price' is empty there"
    ]
    features, y = dataset.load()
    np.testing.assert_array_equal(y, table["price"].dropna())
    surveyed = dataset.survey()
    assert surveyed is not None
    assert surveyed.target is not None
    assert surveyed.target.rows == len(features)
    assert surveyed.rows == ROWS


def test_a_class_is_counted_wherever_its_rows_are(tmp_path: Path) -> None:
    table = frame()
    table.loc[[1200, 4990], "class"] = "rare"
    pq.write_table(as_arrow(table), tmp_path / "t.parquet", row_group_size=300)
    source = resolve(str(tmp_path / "t.parquet"), "class")
    with connect("local", workers=1) as engine:
        with pytest.raises(DataError, match=r"class 'rare' of target 'class' in .* has 2 rows"):
            prepared_on(engine, source, tmp_path / "large")
        merged = replace(source, options=ReadingOptions(rare_classes="leave-out"))
        begun = plan_of(merged, tmp_path / "large")
        planned = begun.preview.survey()
        assert planned is not None
        dataset = begun.carry_out(engine)
    assert dataset.classes == ["high", "low", "mid"]
    assert dataset.rows == ROWS - 2
    assert planned.target is not None
    assert planned.target.classes == table.loc[table["class"] != "rare", "class"].value_counts().to_dict()
    assert "'class': 2 rows of 1 rare class 'rare' (2 rows) left out" in dataset.notes
    surveyed = dataset.survey()
    assert surveyed is not None
    assert surveyed.target is not None
    assert surveyed.target.classes == table.loc[table["class"] != "rare", "class"].value_counts().to_dict()


def test_texts_that_the_sample_did_not_have_are_told(tmp_path: Path) -> None:
    table = frame()
    table.loc[4444:4446, "town"] = ["Aachen", "Trier", "Aachen"]
    pq.write_table(as_arrow(table), tmp_path / "t.parquet", row_group_size=300)
    with connect("local", workers=1) as engine:
        dataset = prepared_on(engine, resolve(str(tmp_path / "t.parquet"), "class"), tmp_path / "large")
    [told] = [note for note in dataset.notes if note.startswith("town: ")]
    assert told == (
        f"town: 3 of {ROWS:,} rows hold 2 texts that the rows did not have by which the column was judged "
        "('Aachen', 'Trier')"
    )
    assert list(dataset.load()[0]["town"].cat.categories) == ["Aachen", "Bonn", "Köln", "Trier", "Ulm"]


@pytest.mark.parametrize("kind", ["constant", "empty", "copy", "counter"])
def test_a_column_is_not_left_out_for_what_only_the_sample_suggests(tmp_path: Path, kind: str) -> None:
    table = frame()
    table["other"] = {
        "constant": 1.5,
        "empty": np.nan,
        "copy": table["size"],
        "counter": np.arange(ROWS) * 1.0,
    }[kind]
    pq.write_table(as_arrow(table), tmp_path / "all.parquet", row_group_size=300)
    table.loc[[1_234, 4_321], "other"] = [2.5, 7.5]
    pq.write_table(as_arrow(table), tmp_path / "few.parquet", row_group_size=300)
    with connect("local", workers=2) as engine:
        everywhere = prepared_on(engine, resolve(str(tmp_path / "all.parquet"), "class"), tmp_path / "large")
        nearly = prepared_on(engine, resolve(str(tmp_path / "few.parquet"), "class"), tmp_path / "large")
    assert "other" not in everywhere.columns
    assert "other" in nearly.columns
    pd.testing.assert_series_equal(nearly.load()[0]["other"], table["other"])


def test_notes_on_single_pieces_are_told(tmp_path: Path) -> None:
    rows = frame().to_csv(index=False).splitlines(keepends=True)
    (tmp_path / "t.csv").write_text("".join([*rows[:3000], "# a remark\n", *rows[3000:]]))
    with connect("local", workers=1) as engine:
        dataset = prepared_on(engine, resolve(str(tmp_path / "t.csv"), "class"), tmp_path / "large")
    [told] = [note for note in dataset.notes if "comments" in note]
    assert told.startswith("in bytes ")
    assert told.endswith(" of 't.csv': comments among the rows left out: 1 lines that begin with '#'")
    assert dataset.rows == ROWS


def test_a_text_in_a_csv_file_is_refused_with_its_line(tmp_path: Path) -> None:
    table = frame()
    table["size"] = table["size"].astype(object)
    table.loc[4321, "size"] = "much"
    table.to_csv(tmp_path / "t.csv", index=False)
    source = resolve(str(tmp_path / "t.csv"), "class")
    with (
        connect("local", workers=1) as engine,
        pytest.raises(DataError, match="line 4323: column 'size' holds 'much'"),
    ):
        prepared_on(engine, source, tmp_path / "large")
