"""Parquet files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from infra.errors import DataError
from infra.storage import arrow_location
from tasks.datasets.files.base import Content, Reading, row_place
from tasks.datasets.files.columnar import flat_content, wanted_names
from tasks.datasets.files.opened import Opened

MAGIC = b"PAR1"
BATCH_ROWS = 65_536  # rows that are decoded at a time where only a part of a row group is read


@dataclass(frozen=True)
class RowRange:
    """Consecutive rows of a Parquet file.

    Parameters
    ----------
    first : int
        Number of rows of the file above these rows.
    rows : int
        Number of rows.
    groups : tuple of int
        Numbers of the row groups that hold the rows.
    skipped : int
        Number of rows of these groups above the first row.
    """

    first: int
    rows: int
    groups: tuple[int, ...]
    skipped: int = 0

    def read(self, parquet: pq.ParquetFile, names: list[str]) -> pa.Table:
        """Read columns of the rows; of a row group of which only some rows are wanted, one batch after the other."""
        held = sum(parquet.metadata.row_group(group).num_rows for group in self.groups)
        if self.rows == held:
            return parquet.read_row_groups(list(self.groups), columns=names)
        groups, skipped = list(self.groups), self.skipped
        while (above := parquet.metadata.row_group(groups[0]).num_rows) <= skipped:
            groups, skipped = groups[1:], skipped - above
        taken, start = [], 0
        for batch in parquet.iter_batches(BATCH_ROWS, row_groups=groups, columns=names):
            begin = max(skipped - start, 0)
            end = min(skipped + self.rows - start, batch.num_rows)
            start += batch.num_rows
            if begin < end:
                taken.append(batch.slice(begin, end - begin))
            if start >= skipped + self.rows:
                break
        return pa.Table.from_batches(taken)


class Parquet:
    """Parquet: columns of typed values; lists, structs and durations become numbers and columns of their own."""

    name = "Parquet"
    part_suffixes = (".parquet", ".parq", ".pq")
    parts_may_lack_columns = True

    def fits(self, file: Opened) -> bool:
        """Tell whether a file begins as Parquet files do, or has the name of one."""
        return file.head.startswith(MAGIC) or file.suffix in self.part_suffixes

    def read(self, file: Opened, reading: Reading) -> Content:
        """Read columns of a Parquet file, with dictionary-encoded values decoded.

        Raises
        ------
        DataError
            If the file is cut off or is no Parquet file; the message names the file.
        """
        return _read(file, reading, lambda parquet, names: parquet.read(columns=names))

    def read_range(self, file: Opened, reading: Reading, rows: RowRange) -> Content:
        """Read columns of consecutive rows of a Parquet file.

        Parameters
        ----------
        file : Opened
            The file.
        reading : Reading
            The columns that are wanted.
        rows : RowRange
            The rows.

        Raises
        ------
        DataError
            If the file is cut off or is no Parquet file; the message names the file.
        """
        content = _read(file, reading, rows.read)
        return Content(content.table, lambda row: row_place(rows.first + row), content.notes)


@contextmanager
def opened_parquet(file: Opened) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file.

    Raises
    ------
    DataError
        If the file is cut off or is no Parquet file; the message names the file.
    """
    try:
        place, filesystem = arrow_location(file.path)
        opened = place if file.unpack is None else file.stream()
        with pq.ParquetFile(opened, filesystem=filesystem if file.unpack is None else None) as parquet:
            yield parquet
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"'{file.path}' is not a whole Parquet file ({reason}); write it again") from None


def _read(file: Opened, reading: Reading, read: Callable[[pq.ParquetFile, list[str]], pa.Table]) -> Content:
    with opened_parquet(file) as parquet:
        names = wanted_names(parquet.schema_arrow, reading.is_wanted)
        table = read(parquet, names)
    return flat_content(file, reading, table, names)
