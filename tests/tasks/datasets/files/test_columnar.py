"""ORC and Arrow files are read as the Parquet file of the same columns is; damage is refused by name."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.pieces import find_pieces
from tests.tasks.datasets.tables import cleaned, inferred

Write = Callable[[pa.Table, Path], None]
WRITERS: dict[str, Write] = {
    "orc": lambda table, path: orc.write_table(table, path),
    "feather": lambda table, path: feather.write_feather(table, path, compression="zstd"),
    "arrow": lambda table, path: feather.write_feather(table, path, compression="uncompressed"),
}
each_format = pytest.mark.parametrize("suffix", WRITERS)


def table(rows: int = 40) -> pa.Table:
    numbers = np.arange(rows)
    return pa.table(
        {
            "a": numbers % 7,
            "b": pa.array(numbers / 3, mask=numbers % 9 == 0),
            "tag": np.where(numbers % 3 == 0, "u", "v"),
            "when": pa.array([date(2024, 1 + i % 12, 1) for i in range(rows)]),
            "items": [[1] * (i % 4) for i in range(rows)],
            "pair": [{"x": i % 5, "z": i % 4} for i in range(rows)],
            "y": np.where(numbers % 2, "no", "yes"),
        }
    )


@each_format
def test_the_columns_are_those_of_parquet(tmp_path: Path, suffix: str) -> None:
    WRITERS[suffix](table(), tmp_path / f"t.{suffix}")
    pq.write_table(table(), tmp_path / "t.parquet")
    found, expected = (inferred(resolve(str(tmp_path / f"t.{end}"), "y")) for end in (suffix, "parquet"))
    pd.testing.assert_frame_equal(found, expected)
    assert {"items length", "pair.x", "pair.z"} <= set(found)


@each_format
def test_a_file_is_known_by_its_first_bytes(tmp_path: Path, suffix: str) -> None:
    WRITERS[suffix](table(), tmp_path / "export")
    assert len(inferred(resolve(str(tmp_path / "export"), "y"))) == 40


@each_format
def test_a_folder_of_parts_is_one_table(tmp_path: Path, suffix: str) -> None:
    for year in (2024, 2025):
        (tmp_path / "parts" / f"year={year}").mkdir(parents=True)
        WRITERS[suffix](table(), tmp_path / "parts" / f"year={year}" / f"0.{suffix}")
    source = resolve(str(tmp_path / "parts"), "y")
    assert len(inferred(source)) == 80
    assert [len(piece.read().columns) for piece in find_pieces(source).pieces] == [9, 9]


@each_format
@pytest.mark.parametrize("kept", [0.5, 0.98])
def test_a_file_that_is_cut_off_is_refused_by_name(tmp_path: Path, suffix: str, kept: float) -> None:
    whole = tmp_path / f"t.{suffix}"
    WRITERS[suffix](table(), whole)
    content = whole.read_bytes()
    whole.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match=rf"t\.{suffix}' is not a whole (ORC|Arrow) file .*; write it again"):
        cleaned(resolve(str(whole), "y"))
