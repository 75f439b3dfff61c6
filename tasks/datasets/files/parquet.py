"""Parquet files."""

import pyarrow as pa
import pyarrow.parquet as pq

from infra.errors import DataError
from tasks.datasets.files.base import Content, IsWanted, Reading, row_place
from tasks.datasets.files.nesting import flat, flat_names
from tasks.datasets.files.opened import Opened

MAGIC = b"PAR1"


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
        try:
            with pq.ParquetFile(file.path if file.unpack is None else file.stream()) as parquet:
                names = _wanted_names(parquet.schema_arrow, reading.is_wanted)
                table = parquet.read(columns=names)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"'{file.path}' is not a whole Parquet file ({reason}); write it again") from None
        # the reader returns "a.b" too if "a" is wanted
        table = table.select([index for index, name in enumerate(table.column_names) if name in set(names)])
        table, notes = flat(table)
        kept = [index for index, name in enumerate(table.column_names) if reading.is_wanted(name)]
        return Content(table.select(kept), row_place, (*file.notes, *notes))


def _wanted_names(schema: pa.Schema, is_wanted: IsWanted) -> list[str]:
    return list(
        dict.fromkeys(field.name for field in schema if any(is_wanted(name) for name in flat_names(field)))
    )
