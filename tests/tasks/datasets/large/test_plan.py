"""A large table is prepared piece by piece as a small one is at once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from infra.engines import connect
from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.large import sizes
from tests.tasks.datasets.large.large_tables import ROWS, as_arrow, frame, prepared_on, small_bounds
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
