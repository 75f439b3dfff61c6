"""What is told about rows to predict: how they were read, and what is new in them, for a table or piece by piece."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from infra.errors import DataError
from infra.readable import MOST
from tasks.datasets.columns.remarks import Remarks, merged_remarks
from tasks.datasets.notes import lines
from tasks.datasets.novelties import Novelties, find_novelties, merged_novelties
from tasks.datasets.raw import RawTable
from tasks.datasets.recipe import Recipe


class ReadersNote(BaseModel):
    """A sentence of the reader on what it skipped, guessed or changed in some pieces of a table.

    Parameters
    ----------
    text : str
        The sentence.
    first : str
        Name of the first of these pieces.
    pieces : int
        Number of these pieces.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    first: str
    pieces: int = 1

    def sentence(self, pieces: int) -> str:
        """The sentence for a table in a number of pieces."""
        if pieces == 1:
            return self.text
        if self.pieces == 1:
            return f"in {self.first}: {self.text}"
        return f"in {self.pieces:,} of {pieces:,} pieces: {self.text}"


class Findings(BaseModel):
    """What is to be told about rows to predict.

    Parameters
    ----------
    pieces : int
        Number of pieces of the table that have rows.
    notes : tuple of ReadersNote
        The notes of the reader.
    columns : dict of str to Remarks
        The remarks on columns that have some.
    novelties : Novelties
        What is new in the rows.
    """

    model_config = ConfigDict(frozen=True)

    pieces: int = 1
    notes: tuple[ReadersNote, ...] = ()
    columns: dict[str, Remarks] = {}
    novelties: Novelties = Novelties()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.novelties.rows

    def cut(self) -> "Findings":
        """The same with a bounded number of new texts."""
        return self.model_copy(update={"novelties": self.novelties.cut()})

    def sentences(self, recipe: Recipe, fitted: Any) -> list[str]:
        """Sentences for a person, each kind of finding once.

        Parameters
        ----------
        recipe : Recipe
            The recipe that prepared the rows.
        fitted : ColumnTransformer
            The fitted preprocessor of the model.
        """
        notes = [note.sentence(self.pieces) for note in self.notes[:MOST]]
        if len(self.notes) > MOST:
            notes.append(
                f"{len(self.notes) - MOST:,} more notes on how the pieces were read are left out here"
            )
        remarks = [
            sentence
            for column in recipe.columns
            if column.name in self.columns
            for sentence in self.columns[column.name].sentences(column.name, self.pieces)
        ]
        return lines([*notes, *remarks, *self.novelties.sentences(fitted)], recipe.inputs)


def find(recipe: Recipe, fitted: Any, table: RawTable, X: pd.DataFrame, name: str = "") -> Findings:
    """Find what is to be told about rows to predict.

    Parameters
    ----------
    recipe : Recipe
        The recipe that prepared the rows.
    fitted : ColumnTransformer
        The fitted preprocessor of the model.
    table : RawTable
        The rows as they were read.
    X : pandas.DataFrame of shape (rows, n_features)
        The prepared rows, at least one.
    name : str
        Name of the piece of the table, where the table has several.
    """
    remarks = {column.name: column.remarks(table[column.name]) for column in recipe.columns if column.is_used}
    return Findings(
        notes=tuple(ReadersNote(text=note, first=name) for note in table.notes),
        columns={column: found for column, found in remarks.items() if not found.is_empty},
        novelties=find_novelties(recipe, fitted, X),
    )


def merged(found: Sequence[Findings]) -> Findings:
    """The findings of the pieces of a table as one."""
    notes: dict[str, ReadersNote] = {}
    for note in (note for one in found for note in one.notes):
        before = notes.get(note.text)
        pieces = note.pieces + (before.pieces if before else 0)
        notes[note.text] = ReadersNote(text=note.text, first=(before or note).first, pieces=pieces)
    names = dict.fromkeys(name for one in found for name in one.columns)
    return Findings(
        pieces=sum(one.pieces for one in found),
        notes=tuple(notes.values()),
        columns={
            name: merged_remarks([one.columns[name] for one in found if name in one.columns])
            for name in names
        },
        novelties=merged_novelties([one.novelties for one in found]),
    )


class Manners:
    """The ways in which the columns are written in the pieces so far; all pieces must agree, or one is read wrongly."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, str]] = {}

    def add(self, piece: str, found: Findings) -> None:
        """Compare a piece with the pieces before.

        Raises
        ------
        DataError
            If a column is written in two ways; the message names the column, the ways and the pieces.
        """
        for column, remarks in found.columns.items():
            if not remarks.manner:
                continue
            first, manner = self._seen.setdefault(column, (piece, remarks.manner))
            if remarks.manner != manner:
                raise DataError(
                    f"column '{column}' is written with {manner} in {first} and with {remarks.manner} in {piece}; "
                    "write the whole column in one way"
                )
