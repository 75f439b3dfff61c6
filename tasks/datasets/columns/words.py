"""Words among numbers: missing values, a category of codes, or mistakes that the user must mend."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import DataError
from infra.readable import shortened
from tasks.datasets.missing import is_missing_among_numbers
from tasks.datasets.raw import RawColumn

FEW_NUMBERS = 20  # largest number of different whole numbers that can be codes of a category
MIN_SHARE = 0.05  # share of the values that are numbers in a column of numbers whose other values are missing
FEW_WORDS = 2  # largest number of different unknown words that are taken for missing values
MOST_MISTAKES = 20  # largest number of different words that can be mistakes in a column of numbers
MISTAKE_SHARE = 0.1  # largest share of the values that can be mistakes
SHOWN = 5  # number of words that a message shows


@dataclass(frozen=True)
class Words:
    """The words in a column of texts, beside its numbers.

    Parameters
    ----------
    raw : RawColumn
        The column.
    words : pyarrow.Array of large_string
        The different words.
    counts : numpy.ndarray of int64
        Number of cells of each word.
    is_known : numpy.ndarray of bool
        Mask of the words that usually stand for a missing value.
    numbers : int
        Number of cells that hold a number.
    distinct : int
        Number of different numbers.
    are_whole : bool
        Whether all numbers are whole numbers.
    """

    raw: RawColumn
    words: pa.Array
    counts: npt.NDArray[np.int64]
    is_known: npt.NDArray[np.bool_]
    numbers: int
    distinct: int
    are_whole: bool

    @classmethod
    def of(cls, raw: RawColumn) -> "Words":
        """Count the words and numbers of a column of texts."""
        found = raw.texts.filter(raw.is_word).value_counts()
        words, counts = found.field("values"), found.field("counts").to_numpy()
        is_known = is_missing_among_numbers(words).to_numpy(zero_copy_only=False)
        values = raw.numbers[~np.isnan(raw.numbers)]
        finite = values[np.isfinite(values)]
        whole = bool((finite % 1 == 0).all())
        return cls(raw, words, counts, is_known, len(values), len(np.unique(values)), whole)

    @cached_property
    def unknown(self) -> Counter[str]:
        """Number of cells of each word that does not usually stand for a missing value."""
        is_unknown = ~self.is_known
        words = self.words.filter(pa.array(is_unknown)).to_pylist()
        return Counter(dict(zip(words, self.counts[is_unknown].tolist(), strict=True)))

    @property
    def are_missing(self) -> bool:
        """Whether the column holds numbers, and its words mean that a number is missing."""
        if not self.numbers:
            return False
        if self.is_known.all():
            return self.numbers >= MIN_SHARE * (self.numbers + int(self.counts.sum()))
        are_codes = self.are_whole and self.distinct <= FEW_NUMBERS
        is_minority = self._cells <= self.numbers
        return bool(not are_codes and is_minority and self._kinds <= FEW_WORDS)

    @property
    def are_mistakes(self) -> bool:
        """Whether the words can only be mistakes: a few different words among many numbers."""
        are_codes = self.are_whole and self.distinct <= FEW_NUMBERS
        is_small = self._cells <= MISTAKE_SHARE * (self.numbers + self._cells)
        return bool(not are_codes and is_small and FEW_WORDS < self._kinds <= MOST_MISTAKES)

    @property
    def _kinds(self) -> int:
        """Number of different unknown words."""
        return int((~self.is_known).sum())

    @property
    def _cells(self) -> int:
        """Number of cells that hold an unknown word."""
        return int(self.counts[~self.is_known].sum())

    @property
    def in_words(self) -> str:
        """Count of each word, for example "12 cells hold '-' and 1 cell holds 'none'"."""
        return in_words(self.cells)

    @property
    def cells(self) -> dict[str, int]:
        """Number of cells of each word."""
        return dict(zip(self.words.to_pylist(), self.counts.tolist(), strict=True))

    def refuse(self) -> NoReturn:
        """Refuse the column because of all words that are no numbers.

        Raises
        ------
        DataError
            Always; the message names the file, the column, and each word with its number of cells and first line.
        """
        raise DataError(
            f"{refusal(self.raw, self.unknown)}, or name a word for missing values with --missing"
        )


def in_words(cells: Mapping[str, int]) -> str:
    """Count of each word in words, the most frequent word first."""
    counts = np.fromiter(cells.values(), np.int64)
    known = is_missing_among_numbers(pa.array(cells, pa.large_string())).to_numpy(zero_copy_only=False)
    words = list(cells)
    order = np.lexsort((~known, -counts))
    told = [
        f"{counts[i]} {'cells hold' if counts[i] > 1 else 'cell holds'} '{shortened(words[i])}'"
        for i in order[:SHOWN]
    ]
    if len(order) > SHOWN:
        told.append(f"{counts[order[SHOWN:]].sum()} cells hold {len(order) - SHOWN} other words")
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def refusal(raw: RawColumn, words: Counter[str]) -> str:
    """Sentence that refuses a column of numbers because of words in it, all named at once."""
    first = {word: int(pc.index(raw.texts, word).as_py()) for word, _ in words.most_common(SHOWN)}
    shown = sorted(first, key=lambda word: first[word])
    place, *_ = places = [raw.place(first[word]) for word in shown]
    told = [f"'{shortened(word)}' ({at})" for word, at in zip(shown, places, strict=True)]
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    held = f"'{shortened(shown[0])}'" if len(words) == 1 else f"{', '.join(told)}{more}"
    return (
        f"'{raw.path}', {place}: column '{raw.name}' holds {held} where numbers belong ({words.total()} of {raw.count} "
        "values are text); put a number there or leave it empty"
    )
