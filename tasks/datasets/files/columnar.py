"""Columnar files besides Parquet, which Arrow reads as a whole: ORC, and Arrow's own files (Feather)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.ipc as ipc

from infra.errors import DataError
from tasks.datasets.files.base import Content, IsWanted, Reading, row_place
from tasks.datasets.files.nesting import flat, flat_names
from tasks.datasets.files.opened import Opened


class Orc:
    """ORC: columns of typed values, as Hive and Spark write them."""

    name = "ORC"
    part_suffixes = (".orc",)
    parts_may_lack_columns = True

    def fits(self, file: Opened) -> bool:
        """Tell whether a file begins as ORC files do, or has the name of one."""
        return file.head.startswith(b"ORC") or file.suffix in self.part_suffixes

    def read(self, file: Opened, reading: Reading) -> Content:
        """Read columns of an ORC file.

        Raises
        ------
        DataError
            If the file is cut off or is no ORC file; the message names the file.
        """
        from pyarrow import orc

        with _opened(file, self.name) as stream:
            found = orc.ORCFile(stream)
            names = wanted_names(found.schema, reading.is_wanted)
            table = found.read(columns=names)
        return flat_content(file, reading, table, names)


class ArrowFile:
    """Arrow's own files (Feather): columns of typed values."""

    name = "Arrow"
    part_suffixes = (".arrow", ".feather", ".ipc")
    parts_may_lack_columns = True

    def fits(self, file: Opened) -> bool:
        """Tell whether a file begins as Arrow's files do, or has the name of one."""
        return file.head.startswith(b"ARROW1") or file.suffix in self.part_suffixes

    def read(self, file: Opened, reading: Reading) -> Content:
        """Read columns of an Arrow file.

        Raises
        ------
        DataError
            If the file is cut off or is no Arrow file; the message names the file.
        """
        with _opened(file, self.name) as stream, ipc.open_file(stream) as found:
            names = wanted_names(found.schema, reading.is_wanted)
            table = found.read_all().select(names)
        return flat_content(file, reading, table, names)


def wanted_names(schema: pa.Schema, is_wanted: IsWanted) -> list[str]:
    """Names of a file's columns of which a flat column is wanted.

    Parameters
    ----------
    schema : pyarrow.Schema
        The columns of the file.
    is_wanted : callable
        Function that takes the name of a flat column and returns whether the column is read.
    """
    return list(
        dict.fromkeys(field.name for field in schema if any(is_wanted(name) for name in flat_names(field)))
    )


def flat_content(file: Opened, reading: Reading, table: pa.Table, names: list[str]) -> Content:
    """The flat columns of a columnar file that are wanted.

    Parameters
    ----------
    file : Opened
        The file.
    reading : Reading
        The columns that are wanted.
    table : pyarrow.Table
        Columns of the file.
    names : list of str
        Names of the columns of the file that were asked for.
    """
    # the reader of Parquet returns "a.b" too if "a" is asked for
    table = table.select([index for index, name in enumerate(table.column_names) if name in set(names)])
    table, notes = flat(table)
    kept = [index for index, name in enumerate(table.column_names) if reading.is_wanted(name)]
    return Content(table.select(kept), row_place, (*file.notes, *notes))


@contextmanager
def _opened(file: Opened, name: str) -> Iterator[BinaryIO]:
    """Open a file, and refuse the file by its name if it turns out to be damaged."""
    try:
        with file.stream() as stream:
            yield stream
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"'{file.path}' is not a whole {name} file ({reason}); write it again") from None
