"""The review of prepared columns: what would give the answer away, or says nothing, is left out and told."""

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from infra.flag_words import one_word, with_flag
from tasks.datasets.frames import selected
from tasks.datasets.notes import warning
from tasks.datasets.suspects import (
    Suspect,
    constant_columns,
    copied_features,
    row_numbers,
    target_copies,
    target_tellers,
    threshold_tellers,
)

Target = npt.NDArray[np.generic]
RowNumbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Review:
    """What a review of the prepared columns found.

    Parameters
    ----------
    left_out : dict of str to str
        Reason for each column that models must not use.
    notes : list of str
        Sentences about columns that are used although something is strange.
    """

    left_out: dict[str, str]
    notes: list[str]


def review(
    features: pd.DataFrame,
    names: Sequence[str],
    target: Target | None,
    kept: Collection[str],
    at: RowNumbers | None = None,
) -> Review:
    """Look for columns of a training table that must not be learned from.

    Parameters
    ----------
    features : pandas.DataFrame of shape (rows, n_features)
        The prepared columns.
    names : sequence of str
        Names of the prepared columns that are columns of the file, and not a part of one, such as the month of a date.
    target : numpy.ndarray of shape (rows,), optional
        Class codes (int64) or the quantity (float64); None without a target.
    kept : collection of str
        Columns that the user wants to use in any case.
    at : numpy.ndarray of int64, optional
        Number of each row in the table, where the rows are a sample; None: 0, 1, 2, ...
    """
    left_out: dict[str, str] = {}
    notes: list[str] = []
    columns = selected(features, names)
    for suspect, remedy in _suspects(columns, target, at):
        if suspect.name in left_out:
            continue
        if suspect.name in kept:
            notes.append(f"{suspect.name}: kept as --keep-column says, although {suspect.reason}")
        else:
            left_out[suspect.name] = f"{suspect.reason}{remedy}"
    notes += [
        warning(f"{told.reason}; {_WARNING}", told.name) for told in _warnings(columns, target, left_out)
    ]
    return Review(left_out, notes)


_WARNING = "make sure that the column is known before the target is, or scores are too good to be true"


def _suspects(
    features: pd.DataFrame, target: Target | None, at: RowNumbers | None
) -> Iterator[tuple[Suspect, str]]:
    """Columns to leave out, each with the clause that names the remedy; the first reason of a column counts."""
    yield from ((suspect, _flag(suspect)) for suspect in row_numbers(features, at))
    yield from ((suspect, "") for suspect in constant_columns(features))
    if target is not None:
        yield from ((suspect, _flag(suspect)) for suspect in target_copies(features, target))
        yield from ((suspect, _flag(suspect)) for suspect in target_tellers(features, target))
    yield from ((suspect, _flag(suspect)) for suspect in copied_features(features))


def _flag(suspect: Suspect) -> str:
    return (
        f"; {shlex.join(with_flag('--keep-column', one_word([suspect.name])))} uses it"
        if suspect.name
        else ""
    )


def _warnings(features: pd.DataFrame, target: Target | None, left_out: dict[str, str]) -> list[Suspect]:
    if target is None:
        return []
    return [one for one in threshold_tellers(features, target) if one.name not in left_out]
