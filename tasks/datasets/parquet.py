"""Parquet: one file or a partitioned folder, every part checked before the parts are joined."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from infra.errors import DataError
from tasks.datasets.catalogue import PARQUET_SUFFIXES
from tasks.datasets.raw import is_number

MISSING_PARTITION = "__HIVE_DEFAULT_PARTITION__"

IsWanted = Callable[[str], bool]
"""Function that takes the name of a column and returns whether the column is read."""


def all_columns(_name: str) -> bool:
    """Return True, because every column is read."""
    return True


def read_parquet(path: Path, is_wanted: IsWanted = all_columns) -> pa.Table:
    """Read columns of one Parquet file, with dictionary-encoded values decoded.

    Raises
    ------
    DataError
        If the file is cut off or is no Parquet file; the message names the file.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = _wanted(file.read(columns=_wanted_names(file.schema_arrow, is_wanted)), is_wanted)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"'{path}' is not a whole Parquet file ({reason}); write it again") from None
    return table.cast(pa.schema([pa.field(f.name, _plain(f.type)) for f in table.schema]))


def read_folder(folder: Path, is_wanted: IsWanted = all_columns) -> pa.Table:
    """Read columns of every part of a folder, in the order of names; `column=value` folders become columns of text.

    A column may hold integers in one part and floating-point numbers in another, because programs write integers with
    missing values as floating-point numbers; the column then holds floating-point numbers.

    Raises
    ------
    DataError
        If the folder has no parts, a part is a link out of the folder or is damaged, or the parts' columns differ.
    """
    paths = parts(folder)
    tables = [_read_part(path, folder, is_wanted) for path in paths]
    _require_same_columns(dict(zip(paths, tables, strict=True)), folder)
    return pa.concat_tables(_with_same_numbers(tables), promote_options="default")


def parts(folder: Path) -> list[Path]:
    """Every Parquet file below a folder; hidden names (`.x`, `_x`) are ignored.

    Raises
    ------
    DataError
        If a link leads out of the folder, a file is no Parquet file, or there is no file.
    """
    root = folder.resolve()
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for name in (*folders, *(name for name in files if not _hidden(name))):
            entry = Path(place, name)
            shown = entry.relative_to(folder)
            if entry.is_symlink() and not entry.resolve().is_relative_to(root):
                raise DataError(
                    f"'{shown}' in '{folder}' is a link out of that folder; put the file itself there"
                )
            if name in folders:
                continue
            if entry.suffix.lower() not in PARQUET_SUFFIXES:
                raise DataError(f"'{shown}' in '{folder}' is no Parquet file ({', '.join(PARQUET_SUFFIXES)})")
            found.append(entry)
    if not found:
        raise DataError(f"folder '{folder}' holds no Parquet file ({', '.join(PARQUET_SUFFIXES)})")
    return sorted(found)


def _hidden(name: str) -> bool:
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _wanted_names(schema: pa.Schema, is_wanted: IsWanted) -> list[str]:
    return [name for name in dict.fromkeys(schema.names) if is_wanted(name)]


def _wanted(table: pa.Table, is_wanted: IsWanted) -> pa.Table:
    """Leave out columns that are not wanted; the Parquet reader returns "a.b" too if "a" is wanted."""
    return table.select([index for index, name in enumerate(table.column_names) if is_wanted(name)])


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _with_partition_columns(table: pa.Table, folders: tuple[str, ...]) -> pa.Table:
    for name, mark, value in (folder.partition("=") for folder in folders):
        if mark:
            text = None if value == MISSING_PARTITION else unquote(value)
            table = table.append_column(unquote(name), pa.array([text] * len(table), pa.string()))
    return table


def _read_part(path: Path, folder: Path, is_wanted: IsWanted) -> pa.Table:
    table = read_parquet(path, is_wanted)
    return _wanted(_with_partition_columns(table, path.relative_to(folder).parts[:-1]), is_wanted)


def _require_same_columns(tables: Mapping[Path, pa.Table], folder: Path) -> None:
    """Refuse differing columns; the order of columns is free, and a column may be empty (type null) in a part."""
    (first, table), *others = tables.items()
    expected = _types(table)
    for path, table in others:
        found = _types(table)
        differing = [
            f"'{name}' is {found.get(name, 'not there')} against {expected.get(name, 'not there')}"
            for name in dict.fromkeys((*expected, *found))
            if not _go_together(expected.get(name), found.get(name))
        ]
        if differing:
            raise DataError(
                f"the parts of '{folder}' have differing columns: in '{path.relative_to(folder)}' against "
                f"'{first.relative_to(folder)}' {'; '.join(differing)}"
            )
        expected |= {name: kind for name, kind in found.items() if expected.get(name) in (None, pa.null())}


def _types(table: pa.Table) -> dict[str, pa.DataType]:
    return dict(zip(table.schema.names, table.schema.types, strict=True))


def _go_together(one: pa.DataType | None, other: pa.DataType | None) -> bool:
    if one == other or pa.null() in (one, other):
        return True
    return one is not None and other is not None and is_number(one) and is_number(other)


def _with_same_numbers(tables: list[pa.Table]) -> list[pa.Table]:
    """The tables, with columns as floating-point numbers where the numeric types of the parts differ."""
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for name, kind in _types(table).items():
            kinds.setdefault(name, set()).add(kind)
    several = {name for name, found in kinds.items() if len(found - {pa.null()}) > 1}
    return [_with_floats(table, several) for table in tables]


def _with_floats(table: pa.Table, names: set[str]) -> pa.Table:
    fields = [pa.field(f.name, pa.float64()) if f.name in names else f for f in table.schema]
    return table.cast(pa.schema(fields), safe=False)
