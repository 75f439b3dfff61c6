"""Columns of durations that are written as texts, which become numbers of seconds."""

from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.datasets.columns.base import TrainingColumn
from tasks.datasets.columns.measures import Measure
from tasks.datasets.dates.cells import cells_of
from tasks.datasets.dates.durations import find_durations, read_durations
from tasks.datasets.raw import RawColumn


class DurationColumn(Measure):
    """A column of durations.

    Parameters
    ----------
    example : str
        A duration as the training table writes it.
    short_example : str
        A duration of two parts, such as 59:10; empty if the training table has none.
    minutes_first : bool
        Whether two parts are minutes and seconds; else they are hours and minutes.
    words : tuple of str
        Texts that are no durations and mean that a cell has no value.
    """

    kind: Literal["duration"] = "duration"
    example: str
    short_example: str = ""
    minutes_first: bool = False
    words: tuple[str, ...] = ()

    @classmethod
    def learn(cls, column: TrainingColumn) -> Self | None:
        """Learn from a column of which nearly all texts are durations, and not all of them times of day."""
        if not column.raw.has_words:
            return None
        found = find_durations(cells_of(column.raw))
        if found is None:
            return None
        return cls(
            name=column.name,
            example=found.example,
            short_example=found.short_example,
            minutes_first=found.minutes_first,
            words=found.words,
        )

    def numbers_of(self, raw: RawColumn) -> npt.NDArray[np.float64]:
        """Seconds of each cell; a text that is no duration is refused, and a number is a number of seconds."""
        if not raw.holds_texts:
            return raw.numbers
        found = read_durations(cells_of(raw), minutes_first=self.minutes_first)
        row = found.first_strange_row(self.words)
        if row is not None:
            raw.refuse_cell(row, f"where a duration belongs, as '{self.example}'")
        return found.rows

    def told_in_training(self, column: TrainingColumn) -> list[str]:
        """How the durations were read, and the cells that are none."""
        told = f"{self.name}: holds durations like '{self.example}' and was read as numbers of seconds"
        if self.short_example:
            parts = "minutes and seconds" if self.minutes_first else "hours and minutes"
            told += f"; '{self.short_example}' means {parts}"
        return [told, *self._notes_of_words(column)]

    def _notes_of_words(self, column: TrainingColumn) -> list[str]:
        if not self.words:
            return []
        count = pc.sum(pc.is_in(column.raw.texts, pa.array(self.words, pa.large_string()))).as_py()
        words = ", ".join(f"'{word}'" for word in self.words)
        told = "cell is no duration" if count == 1 else "cells are no durations"
        return [f"{self.name}: {count} {told} ({words}), now missing"]
