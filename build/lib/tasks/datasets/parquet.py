"""Parquet: one file or a partitioned folder, every part checked before the parts are joined."""

import os
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from infra.errors import DataError
from tasks.datasets.catalogue import PARQUET_SUFFIXES

MISSING_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def read_parquet(path: Path) -> pa.Table:
    """Read one Parquet file, dictionaries as the values they stand for.

    Raises
    ------
    DataError
        If the file is cut off or no Parquet; names the file.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"'{path}' is not a whole Parquet file ({reason}); write it again") from None
    return table.cast(pa.schema([pa.field(f.name, _plain(f.type)) for f in table.schema]))


def read_folder(folder: Path) -> pa.Table:
    """Read every part of a folder, in the order of names; `column=value` folders become columns of text.

    Raises
    ------
    DataError
        If the folder has no parts, a part leads out of it or is damaged, or the parts' columns differ.
    """
    tables: list[pa.Table] = []
    paths = parts(folder)
    for path in paths:
        table = _with_partition_columns(read_parquet(path), path.relative_to(folder).parts[:-1])
        if tables:
            _require_same_columns(tables[0].schema, table.schema, paths[0], path, folder)
        tables.append(table)
    return pa.concat_tables(tables, promote_options="default")


def parts(folder: Path) -> list[Path]:
    """Every Parquet file below a folder; hidden names (`.x`, `_x`) are passed over.

    Raises
    ------
    DataError
        If a link leads out of the folder, a file is no Parquet, or there is none.
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


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _with_partition_columns(table: pa.Table, folders: tuple[str, ...]) -> pa.Table:
    for name, mark, value in (folder.partition("=") for folder in folders):
        if mark:
            text = None if value == MISSING_PARTITION else unquote(value)
            table = table.append_column(unquote(name), pa.array([text] * len(table), pa.string()))
    return table


def _require_same_columns(first: pa.Schema, other: pa.Schema, base: Path, path: Path, folder: Path) -> None:
    """Refuse differing columns; their order is free, and one may be wholly empty (type null) in a part."""
    ours, theirs = (
        dict(zip(first.names, first.types, strict=True)),
        dict(zip(other.names, other.types, strict=True)),
    )
    differing = [
        f"'{name}' is {theirs.get(name, 'not there')} against {ours.get(name, 'not there')}"
        for name in dict.fromkeys((*ours, *theirs))
        if ours.get(name) != theirs.get(name) and pa.null() not in (ours.get(name), theirs.get(name))
    ]
    if differing:
        raise DataError(
            f"the parts of '{folder}' have differing columns: in '{path.relative_to(folder)}' against "
            f"'{base.relative_to(folder)}' {'; '.join(differing)}"
        )
