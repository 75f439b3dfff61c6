"""The names of classes in a target column, as they are written, and the rows of each class."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import DataError
from infra.readable import shortened
from tasks.datasets.notes import warning
from tasks.datasets.raw import RawColumn

NAMES = ("NA", "None")
"""Words that can mean a missing value as well as the name of a class, such as North America or no disorder."""
MAY_BE_NUMBER = r"^[+-]?[\p{Nd}_.]+(?:[eE][+-]?[\p{Nd}_]+)?$"
"""What a name looks like that writes a number."""
SHOWN_TWINS = 5  # number of groups of alike classes that are named
MIN_NAME_SHARE = 0.05
"""Smallest share of the rows that a class has whose name can also mean a missing value."""


@dataclass(frozen=True)
class Labels:
    """The classes of the rows of a table.

    Parameters
    ----------
    names : tuple of str
        Different names of classes; two of them may be equal after a renaming.
    codes : numpy.ndarray of int64, shape (rows,)
        Index into `names` for each row; -1 for a row without a class.
    notes : tuple of str
        Sentences that tell what was decided about names.
    weights : numpy.ndarray of int64, optional
        Number of rows that each code stands for; None: one row each.
    """

    names: tuple[str, ...]
    codes: npt.NDArray[np.int64]
    notes: tuple[str, ...] = ()
    weights: npt.NDArray[np.int64] | None = None

    @property
    def is_known(self) -> npt.NDArray[np.bool_]:
        """Mask of the rows that have a class."""
        return self.codes >= 0

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.codes) if self.weights is None else int(self.weights.sum())

    @property
    def counts(self) -> Counter[str]:
        """Number of rows of each class."""
        weights = None if self.weights is None else self.weights[self.is_known]
        counts = np.bincount(self.codes[self.is_known], weights, len(self.names)).astype(np.int64).tolist()
        return Counter({name: count for name, count in zip(self.names, counts, strict=True) if count})

    def renamed(self, name_of: Mapping[str, str | None], *notes: str) -> "Labels":
        """Labels with other names; a class whose new name is None has no rows any more."""
        if not name_of:
            return replace(self, notes=(*self.notes, *notes))
        new = [name_of.get(name, name) for name in self.names]
        names = tuple(dict.fromkeys(name for name in new if name is not None))
        places = {name: place for place, name in enumerate(names)}
        moved = np.array([-1 if name is None else places[name] for name in new] + [-1])
        return replace(self, names=names, codes=moved[self.codes], notes=(*self.notes, *notes))

    def in_order(self, names: Sequence[str]) -> npt.NDArray[np.int64]:
        """Index into `names` of the class of each row; -1 for a row without a class."""
        places = {name: place for place, name in enumerate(names)}
        moved = np.array([places.get(name, -1) for name in self.names] + [-1])
        found: npt.NDArray[np.int64] = moved[self.codes]
        return found


def class_labels(raw: RawColumn, missing: Sequence[str] = ()) -> Labels:
    """Classes of a target column, named as the file writes them.

    Parameters
    ----------
    raw : RawColumn
        The target column.
    missing : sequence of str
        Words that the user says mean a missing value.

    Raises
    ------
    DataError
        If the column holds neither texts nor numbers nor truth values.
    """
    if raw.holds_texts:
        labels = _without_missing_words(_encoded(raw.written, raw), raw, missing)
    elif raw.holds_numbers:
        labels = _encoded(_texts_of_numbers(raw), raw)
    else:
        raise DataError(
            f"target '{raw.name}' of '{raw.path}' is {raw.values.type}; classes are texts or numbers. Turn the target "
            "into a column of classes, or into a number of days for --task regression"
        )
    named = _with_one_name_a_number(labels, raw.name)
    remark = "they are different classes here; write a class in one way if they are one class"
    warnings = [warning(f"{clause}; {remark}", raw.name) for clause in twins(named.counts)]
    return replace(named, notes=(*named.notes, *warnings))


def rank(name: str) -> tuple[bool, Decimal, str]:
    """Key that sorts names of classes: numbers by value before other names by text."""
    number = _number(name)
    return (True, Decimal(0), name) if number is None else (False, number, name)


def _encoded(texts: pa.ChunkedArray, raw: RawColumn) -> Labels:
    encoded = texts.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Labels(tuple(encoded.dictionary.to_pylist()), codes, weights=raw.weights)


def _texts_of_numbers(raw: RawColumn) -> pa.ChunkedArray:
    kind = raw.values.type
    if pa.types.is_boolean(kind):
        return pc.if_else(raw.values, "True", "False")
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        return raw.values.cast(pa.large_string())
    finite = np.where(np.isfinite(raw.numbers), raw.numbers, np.nan)
    encoded = pa.array(finite, from_pandas=True).dictionary_encode()
    texts = pa.array([repr(number) for number in encoded.dictionary.to_pylist()], pa.large_string())
    return pa.chunked_array([texts.take(encoded.indices)])


def _without_missing_words(labels: Labels, raw: RawColumn, missing: Sequence[str]) -> Labels:
    """Take words such as NA for missing values, except for one that must be the name of a class."""
    counts = labels.counts
    words = [word for word in raw.missing_words if word in counts]
    kept = _name_among(words, counts, missing)
    named = counts[kept] if kept else 0
    note = (
        f"{named} of {labels.rows} rows have the class '{kept}' in '{raw.name}', which is taken for the name of "
        f"a class and not for a missing value; --missing {kept} leaves these rows out"
    )
    dropped = {word: None for word in words if word != kept}
    told = [note] if kept else []
    told += [
        f"'{word}' in '{raw.name}' means that the class is missing ({counts[word]} rows)" for word in dropped
    ]
    return labels.renamed(dropped, *told)


def _name_among(words: Sequence[str], counts: Counter[str], missing: Sequence[str]) -> str | None:
    """The missing word that must be the name of a class, because it is common among other words."""
    others = [name for name in counts if name not in words]
    are_words = bool(others) and all(_number(name) is None for name in others)
    for word in NAMES:
        if word in words and word not in missing and are_words and len(words) == 1:
            return word if counts[word] >= MIN_NAME_SHARE * counts.total() else None
    return None


def _with_one_name_a_number(labels: Labels, target: str) -> Labels:
    """Give whole numbers such as 1.0 their short name, and one name to a number in several spellings."""
    counts = labels.counts
    if counts and all(_is_whole_with_point(name) for name in counts):
        return labels.renamed({name: name.partition(".")[0] for name in counts})
    spellings: dict[Decimal, list[str]] = {}
    texts = pa.array(list(counts), pa.large_string())
    for name in texts.filter(pc.match_substring_regex(texts, MAY_BE_NUMBER)).to_pylist():
        number = None if _has_leading_zero(name) else _number(name)
        if number is not None:
            spellings.setdefault(number, []).append(name)
    several = [names for names in spellings.values() if len(names) > 1]
    joined = {name: max(names, key=lambda one: counts[one]) for names in several for name in names}
    notes = [
        f"'{target}': the classes {', '.join(map(repr, names))} are one number, and are called '{joined[names[0]]}'"
        for names in several
    ]
    return labels.renamed(joined, *notes)


def twins(counts: Mapping[str, int]) -> list[str]:
    """Clauses that name the classes, with their rows, that differ only in capital letters or blanks."""
    names = pa.array(list(counts), pa.large_string())
    alike = pc.replace_substring_regex(pc.utf8_lower(names), r"\s+", "").dictionary_encode()
    if len(alike.dictionary) == len(names):
        return []
    groups: dict[int, list[str]] = {}
    for name, group in zip(counts, alike.indices.to_pylist(), strict=True):
        groups.setdefault(group, []).append(name)
    several = [group for group in groups.values() if len(group) > 1]
    named = [f"the classes {_with_rows(group, counts)}" for group in several[:SHOWN_TWINS]]
    more = [f"{len(several) - SHOWN_TWINS} more groups of classes"] if len(several) > SHOWN_TWINS else []
    return [f"{clause} differ only in capital letters or blanks" for clause in (*named, *more)]


def _with_rows(names: Sequence[str], counts: Mapping[str, int]) -> str:
    shown = [f"'{name}' ({counts[name]} rows)" for name in names]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def _is_whole_with_point(name: str) -> bool:
    whole, point, decimals = name.partition(".")
    return (
        bool(point)
        and whole.lstrip("+-").isdecimal()
        and not decimals.strip("0")
        and not _has_leading_zero(name)
    )


def _has_leading_zero(name: str) -> bool:
    digits = name.lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits[1].isdecimal()


def _number(name: str) -> Decimal | None:
    try:
        number = Decimal(name)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def merged(labels: Labels, rare: Mapping[str, int], target: str) -> Labels:
    """Labels whose rare classes are one class.

    Parameters
    ----------
    labels : Labels
        The classes of the rows.
    rare : mapping of str to int
        Number of rows of each rare class.
    target : str
        Name of the target, for the note.
    """
    name = "other"
    while name in labels.names:
        name += " classes"
    note = f"'{target}': {_listed(rare)} merged into the class '{name}'"
    return labels.renamed(dict.fromkeys(rare, name), note)


def left_out(labels: Labels, rare: Mapping[str, int], target: str) -> Labels:
    """Labels without the rows of rare classes.

    Parameters
    ----------
    labels : Labels
        The classes of the rows.
    rare : mapping of str to int
        Number of rows of each rare class.
    target : str
        Name of the target, for the note.
    """
    note = f"'{target}': {sum(rare.values())} rows of {_listed(rare)} left out"
    return labels.renamed(dict.fromkeys(rare, None), note)


def _listed(rare: Mapping[str, int], most: int = 5) -> str:
    shown = ", ".join(f"'{shortened(name)}' ({count} rows)" for name, count in list(rare.items())[:most])
    more = f" and {len(rare) - most} more" if len(rare) > most else ""
    return f"{len(rare)} rare {'classes' if len(rare) > 1 else 'class'} {shown}{more}"
