"""A piece of a table: rows that one worker reads at a time, cut alike for every engine and number of workers."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np

from infra.errors import DataError
from infra.store_errors import reason_of
from tasks.datasets.files import Content, Reading
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.raw import RawTable
from tasks.datasets.reading import raw_table, reading_of


@dataclass(frozen=True)
class Sampled:
    """Some rows of a piece, from which a recipe can be learned.

    Parameters
    ----------
    rows : int
        Number of rows of the whole piece.
    runs : tuple of (int, RawTable)
        Consecutive rows, each with the number of the first of them in the piece.
    whole : RawTable
        The columns of which all rows are wanted.
    """

    rows: int
    runs: tuple[tuple[int, RawTable], ...]
    whole: RawTable


@dataclass(frozen=True)
class Piece(ABC):
    """Consecutive rows of one file of a table; small enough to be sent to a worker, which reads the rows.

    Parameters
    ----------
    path : Path
        The file that holds the rows.
    folder : Path
        The folder or the pattern that names all files of the table; the file itself if it is the whole table.
    header : bool
        Whether the file names its columns.
    """

    path: Path
    folder: Path
    header: bool

    @property
    @abstractmethod
    def name(self) -> str:
        """The rows in words that differ from those of every other piece, for example "rows 1 to 900 of 'x.parquet'"."""

    @property
    def below(self) -> str:
        """Path of the file below the folder; the name of the file if it is the whole table."""
        is_below = self.path != self.folder and self.path.is_relative_to(self.folder)
        return str(self.path.relative_to(self.folder)) if is_below else self.path.name

    @abstractmethod
    def content(self, reading: Reading) -> Content:
        """Read the rows."""

    def read(
        self, names: Collection[str] | None = None, missing_words: tuple[str, ...] = MISSING_WORDS
    ) -> RawTable:
        """Read the rows as raw columns, whose path is that of the file.

        Parameters
        ----------
        names : collection of str, optional
            Names of the wanted columns; columns that the table does not have are left out. None: all columns.
        missing_words : tuple of str
            Texts that mean that a cell has no value.

        Raises
        ------
        DataError
            If the rows cannot be read completely; the message names the file and the line.
        EmptyTableError
            If the piece is a file without rows.
        """
        try:
            content = self.content(reading_of(names, header=self.header))
        except OSError as error:
            raise DataError(f"'{self.path}' cannot be read: {reason_of(error)}") from None
        return raw_table(content, self.path, missing_words)

    def sampled(
        self,
        run: int,
        names: Collection[str] = (),
        missing_words: tuple[str, ...] = MISSING_WORDS,
    ) -> Sampled:
        """The first rows of the piece and rows of its middle, and some columns of all rows.

        Parameters
        ----------
        run : int
            Number of first rows, and of rows of the middle; of a small piece all rows are taken.
        names : collection of str
            Names of the columns of which all rows are wanted.
        missing_words : tuple of str
            Texts that mean that a cell has no value.

        Raises
        ------
        DataError
            If the rows cannot be read completely; the message names the file and the line.
        """
        table = self.read(None, missing_words)
        whole = replace(table, columns=tuple(one for one in table.columns if one.name in names))
        if table.rows <= 2 * run:
            return Sampled(table.rows, ((0, table),), whole)
        starts = (0, table.rows // 2)
        numbers = np.arange(table.rows)
        runs = ((start, table.taken((numbers >= start) & (numbers < start + run))) for start in starts)
        return Sampled(table.rows, tuple(runs), whole)


@dataclass(frozen=True)
class Pieces(Sequence[Piece]):
    """The pieces of a table, in the order of the table's rows.

    Parameters
    ----------
    pieces : tuple of Piece
        The pieces.
    files : tuple of Path
        The files of the table, also those without rows.
    names : tuple of str, optional
        Names of the columns; None where only a reader of the rows finds the names.
    notes : tuple of str
        Sentences on what was skipped, guessed or changed in the table as a whole.
    """

    pieces: tuple[Piece, ...]
    files: tuple[Path, ...]
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pieces)

    @overload
    def __getitem__(self, index: int) -> Piece: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Piece]: ...
    def __getitem__(self, index: int | slice) -> Piece | Sequence[Piece]:
        return self.pieces[index]
