"""Tables larger than memory, in pieces that do not depend on the engine or on its number of workers."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from infra.errors import DataError
from infra.store_errors import reason_of
from tasks.datasets.catalogue import Source
from tasks.datasets.files import Format, Parts, parts_of
from tasks.datasets.files.parquet import Parquet
from tasks.datasets.files.text.reader import DelimitedText
from tasks.datasets.pieces.base import Piece, Pieces
from tasks.datasets.pieces.csv_ranges import csv_pieces
from tasks.datasets.pieces.parquet import parquet_pieces
from tasks.datasets.pieces.whole import whole_files

__all__ = ["Piece", "Pieces", "find_pieces"]

Cutter = Callable[[Source, Parts, Format], Pieces]
"""Function that cuts the files of a table into pieces."""
CUTTERS: Mapping[type[Format], Cutter] = {Parquet: parquet_pieces, DelimitedText: csv_pieces}
"""The cutters of the formats whose files can be cut; a file of another format is one piece."""


def find_pieces(source: Source) -> Pieces:
    """Cut a table into pieces, in the order of its rows.

    Parameters
    ----------
    source : Source
        The table: a file, a folder of parts, or a pattern.

    Raises
    ------
    DataError
        If there is no file of a table, or the files cannot be one table.
    """
    try:
        chosen, parts = parts_of(source.path)
        pieces = CUTTERS.get(type(chosen), whole_files)(source, parts, chosen)
        return replace(pieces, notes=(*source.notes, *pieces.notes))
    except OSError as error:
        raise DataError(f"'{source.path}' cannot be read: {reason_of(error)}") from None
