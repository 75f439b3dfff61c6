"""Notes: sentences about what was done to a column (`COLUMN: sentence`) or to a data set as a whole."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

WARNING = "warning: "
"""Beginning of the sentence of a note that a person should check."""
WITHOUT_NAME = "a column without a name"
ALIKE = 4  # smallest number of columns whose alike sentences become one line
LISTED = 10  # largest number of columns that such a line names


@dataclass(frozen=True)
class SortedNotes:
    """Notes by the column that they are about.

    Parameters
    ----------
    general : tuple of str
        The notes about the data set as a whole.
    by_column : mapping of str to tuple of str
        The sentences about each column that has one, without the name of the column.
    """

    general: tuple[str, ...]
    by_column: Mapping[str, tuple[str, ...]]


def warning(sentence: str, column: str | None = None) -> str:
    """A note that a person should check, about a column or about the data set as a whole."""
    return f"{WARNING}{sentence}" if column is None else f"{shown_name(column)}: {WARNING}{sentence}"


def is_warning(note: str) -> bool:
    """Whether a person should check what a note says: a warning, or a decision that a flag can change."""
    return re.search(rf"(^|: ){WARNING}|(^| )--[a-z]", note) is not None


def warnings_first(notes: Iterable[str]) -> list[str]:
    """The notes with those that a person should check at the beginning."""
    return sorted(notes, key=lambda note: not is_warning(note))


def shown_name(column: str) -> str:
    """Name of a column, or words for a column without a name."""
    return column or WITHOUT_NAME


def sort_notes(notes: Sequence[str], columns: Collection[str]) -> SortedNotes:
    """Sort notes by column, warnings first; of several names that a note may begin with, the longest is taken."""
    name_of = {shown_name(column): column for column in columns}
    general: list[str] = []
    by_column: dict[str, tuple[str, ...]] = {}
    for note in warnings_first(notes):
        ends = [found.start() for found in re.finditer(": ", note)]
        name = next((note[:end] for end in reversed(ends) if note[:end] in name_of), None)
        if name is None:
            general.append(note)
        else:
            sentence = note[len(name) + 2 :]
            by_column[name_of[name]] = (*by_column.get(name_of[name], ()), sentence)
    return SortedNotes(tuple(general), by_column)


def lines(notes: Sequence[str], columns: Collection[str]) -> list[str]:
    """The notes about the data set as a whole and about columns, warnings first, alike notes of columns in one line."""
    found = sort_notes(notes, columns)
    return warnings_first([*found.general, *lines_of(found.by_column)])


def lines_of(by_column: Mapping[str, Sequence[str]]) -> list[str]:
    """One line for each column, or for several columns whose sentences differ in their numbers only.

    The line of several columns has the sentences of the column with the largest number; warnings come first.
    """
    alike: dict[str, list[tuple[str, str]]] = {}
    for column, sentences in by_column.items():
        told = "; ".join(sentences)
        alike.setdefault(re.sub(r"[\d.,]+", "#", told), []).append((shown_name(column), told))
    return warnings_first(line for group in alike.values() for line in _lines_of_group(group))


def _lines_of_group(group: Sequence[tuple[str, str]]) -> list[str]:
    if len(group) < ALIKE:
        return [f"{column}: {told}" for column, told in group]
    (first, told), *others = sorted(group, key=lambda one: -_first_number(one[1]))
    names = [
        f"{column} ({number:,})" if (number := _first_number(text)) else column for column, text in others
    ]
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return [f"{first}: {told}; likewise {len(names):,} other columns: {', '.join(names[:LISTED])}{more}"]


def _first_number(text: str) -> int:
    found = re.search(r"\d[\d,]*", text)
    return int(found.group().replace(",", "")) if found else 0
