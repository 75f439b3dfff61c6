"""Files that can only be read in one piece: compressed files, Excel, JSON."""

from dataclasses import dataclass

from tasks.datasets.catalogue import Source
from tasks.datasets.files import Content, Format, Parts, Reading, opened_part, read_part
from tasks.datasets.files.formats import format_of
from tasks.datasets.files.opened import open_file
from tasks.datasets.pieces.base import Piece, Pieces

LARGE = 1 << 26
"""Bytes from which a file that is read in one piece is told."""


@dataclass(frozen=True)
class WholeFile(Piece):
    """All rows of a file."""

    @property
    def name(self) -> str:
        return f"'{self.below}'"

    def content(self, reading: Reading) -> Content:
        return read_part(self.path, self.folder, reading, format_of(open_file(self.path)))


def whole_files(source: Source, parts: Parts, chosen: Format) -> Pieces:
    """One piece for each file.

    Parameters
    ----------
    source : Source
        The table.
    parts : Parts
        The files of the table.
    chosen : Format
        The format that all files have.

    Raises
    ------
    DataError
        If a file has another format.
    """
    large = []
    for path in parts.paths:
        opened_part(path, parts.folder, chosen)
        if path.stat().st_size >= LARGE:
            large.append(path.name)
    pieces = tuple(WholeFile(path, parts.folder, not source.options.no_header) for path in parts.paths)
    notes = [f"{len(pieces)} parts were joined"] if len(pieces) > 1 else []
    return Pieces(pieces, parts.paths, notes=(*notes, *parts.notes, *told_whole(large)))


def told_whole(names: list[str]) -> list[str]:
    """Sentence on files that one worker reads as a whole, however large they are."""
    if not names:
        return []
    more = f" and {len(names) - 1:,} more files" if len(names) > 1 else ""
    return [
        f"'{names[0]}'{more} cannot be cut into pieces, so one worker holds all rows of the file at a time; Parquet "
        "files need less memory"
    ]
