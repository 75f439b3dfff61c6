"""The size from which a table is prepared piece by piece, because one process should not hold all of its rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from infra.errors import DataError
from tasks.datasets.catalogue import Source
from tasks.datasets.files import parts_of
from tasks.datasets.files.opened import PACKED_SUFFIXES
from tasks.datasets.files.parquet import Parquet

LARGE_CELLS = 30_000_000
"""Number of cells of a Parquet table from which the table is large: 240 MB as numbers of 64 bits."""
LARGE_BYTES = 1 << 29
"""Number of bytes of text from which a table is large."""
LEAST_ROWS = 20_000
"""Least number of rows of a large table: a table of fewer rows is read whole, because a sample would be too small."""
UNPACKED = 4  # bytes of text that a byte of a compressed file is taken for
HEAD_BYTES = 1 << 20  # bytes in which the lines of a text are counted


def is_large(source: Source) -> bool:
    """Whether a table is prepared piece by piece; a table that cannot be read is not, because its reader says why."""
    try:
        chosen, parts = parts_of(source.path)
        if isinstance(chosen, Parquet):
            rows, cells = _cells(parts.paths)
            return cells > LARGE_CELLS and rows >= LEAST_ROWS
        size = sum(_bytes(path) for path in parts.paths)
        return size > LARGE_BYTES and size / _bytes_of_line(parts.paths[0]) >= LEAST_ROWS
    except (DataError, OSError, pa.ArrowException):
        return False


def _cells(paths: tuple[Path, ...]) -> tuple[int, int]:
    """Numbers of rows and of cells of Parquet files, from their descriptions."""
    found = [pq.read_metadata(path) for path in paths]
    return sum(one.num_rows for one in found), sum(one.num_rows * one.num_columns for one in found)


def _bytes(path: Path) -> int:
    return path.stat().st_size * (UNPACKED if path.suffix.lower() in PACKED_SUFFIXES else 1)


def _bytes_of_line(path: Path) -> float:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return len(head) / max(head.count(b"\n"), 1)
