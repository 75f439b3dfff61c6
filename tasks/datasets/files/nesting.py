"""Flat columns from typed ones: fields of structs, lengths of lists, seconds of durations, and texts in bytes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

LENGTH = " length"
SECONDS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True)
class _Rule:
    """What becomes of the columns of some types.

    Parameters
    ----------
    fits : callable
        Function that tells whether the rule is for a type.
    values : callable
        Function that returns the new values.
    ending : str
        Ending of the new column's name.
    told : str
        The change, as the note tells it; empty: no note.
    """

    fits: Callable[[pa.DataType], bool]
    values: Callable[[pa.ChunkedArray], pa.ChunkedArray]
    ending: str = ""
    told: str = ""


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_map(kind)
    )


def _is_binary(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    )


def _lengths(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_map(values.type):
        values = values.cast(
            pa.list_(pa.struct([("key", values.type.key_type), ("value", values.type.item_type)]))
        )
    return pc.list_value_length(values).cast(pa.int64())


def _seconds(values: pa.ChunkedArray) -> pa.ChunkedArray:
    whole = pa.int32() if pa.types.is_time32(values.type) else pa.int64()
    return pc.divide(values.cast(whole).cast(pa.float64(), safe=False), float(SECONDS[values.type.unit]))


def _texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The bytes as texts if all of them are UTF-8, otherwise as they are."""
    try:
        return values.cast(pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid:
        return values


RULES = (
    _Rule(_is_list, _lengths, LENGTH, "holds lists and was replaced by their lengths, '{new}'"),
    _Rule(pa.types.is_duration, _seconds, "", "holds durations and was read as numbers of seconds"),
    _Rule(pa.types.is_time, _seconds, "", "holds times of the day and was read as seconds since midnight"),
    _Rule(_is_binary, _texts),
    _Rule(pa.types.is_dictionary, lambda values: values.cast(values.type.value_type)),
)


def flat(table: pa.Table) -> tuple[pa.Table, list[str]]:
    """Replace columns of nested values, durations, bytes and dictionaries by columns of plain values.

    Parameters
    ----------
    table : pyarrow.Table
        The table.

    Returns
    -------
    pyarrow.Table
        Its columns in the same order; the field `b` of a struct `a` is the column `a.b`, the length of a list `a` the
        column `a length` (int64), and a duration is a number of seconds (float64).
    list of str
        Sentences on what was changed.
    """
    names: list[str] = []
    columns: list[pa.ChunkedArray] = []
    notes: list[str] = []
    for name, values in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_struct(values.type):
            notes.append(f"column '{name}' holds records, whose fields were read as columns of their own")
        for new, leaf in _leaves(name, values):
            rule = _rule(leaf.type)
            names.append(new + (rule.ending if rule else ""))
            columns.append(rule.values(leaf) if rule else leaf)
            if rule and rule.told:
                notes.append(f"column '{new}' {rule.told.format(new=names[-1])}")
    if not columns:
        return table, notes
    return pa.Table.from_arrays(columns, names), notes


def flat_names(field: pa.Field) -> list[str]:
    """Names of the columns that `flat` makes of a field."""
    empty = pa.chunked_array([], field.type)
    found = []
    for name, values in _leaves(field.name, empty):
        rule = _rule(values.type)
        found.append(name + (rule.ending if rule else ""))
    return found


def _rule(kind: pa.DataType) -> _Rule | None:
    return next((rule for rule in RULES if rule.fits(kind)), None)


def _leaves(name: str, values: pa.ChunkedArray) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """The column itself, or the fields of a struct, however deep."""
    if not pa.types.is_struct(values.type):
        yield name, values
        return
    for field, inner in zip(values.type, values.flatten(), strict=True):
        yield from _leaves(f"{name}.{field.name}", inner)
