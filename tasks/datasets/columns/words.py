"""Words among numbers: missing values, a category of codes, or mistakes that the user must mend."""

from collections import Counter
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
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
    known : Counter of str
        Number of cells of each word that usually stands for a missing value.
    unknown : Counter of str
        Number of cells of each other word.
    numbers : int
        Number of cells that hold a number.
    distinct : int
        Number of different numbers.
    are_whole : bool
        Whether all numbers are whole numbers.
    """

    raw: RawColumn
    known: Counter[str]
    unknown: Counter[str]
    numbers: int
    distinct: int
    are_whole: bool

    @classmethod
    def of(cls, raw: RawColumn) -> "Words":
        """Count the words and numbers of a column of texts."""
        words = raw.texts.filter(raw.is_word).value_counts()
        texts, counts = words.field("values"), words.field("counts").to_pylist()
        is_known = is_missing_among_numbers(texts).to_pylist()
        known: Counter[str] = Counter()
        unknown: Counter[str] = Counter()
        for text, count, usual in zip(texts.to_pylist(), counts, is_known, strict=True):
            (known if usual else unknown)[text] = count
        values = raw.numbers[~np.isnan(raw.numbers)]
        finite = values[np.isfinite(values)]
        whole = bool((finite % 1 == 0).all())
        return cls(raw, known, unknown, len(values), len(np.unique(values)), whole)

    @property
    def are_missing(self) -> bool:
        """Whether the column holds numbers, and its words mean that a number is missing."""
        if not self.numbers:
            return False
        if not self.unknown:
            return self.numbers >= MIN_SHARE * self._values
        are_codes = self.are_whole and self.distinct <= FEW_NUMBERS
        is_minority = self.unknown.total() <= self.numbers
        return not are_codes and is_minority and len(self.unknown) <= FEW_WORDS

    @property
    def are_mistakes(self) -> bool:
        """Whether the words can only be mistakes: a few different words among many numbers."""
        are_codes = self.are_whole and self.distinct <= FEW_NUMBERS
        is_small = self.unknown.total() <= MISTAKE_SHARE * (self.numbers + self.unknown.total())
        return not are_codes and is_small and FEW_WORDS < len(self.unknown) <= MOST_MISTAKES

    @property
    def in_words(self) -> str:
        """Count of each word, for example "12 cells hold '-' and 1 cell holds 'none'"."""
        found = (self.known + self.unknown).most_common()
        told = [f"{n} {'cells hold' if n > 1 else 'cell holds'} '{shortened(w)}'" for w, n in found[:SHOWN]]
        if len(found) > SHOWN:
            told.append(f"{sum(n for _, n in found[SHOWN:])} cells hold {len(found) - SHOWN} other words")
        return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)

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

    @property
    def _values(self) -> int:
        return self.numbers + self.known.total() + self.unknown.total()


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
