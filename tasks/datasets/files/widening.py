"""Parts of a table whose columns differ in type or are missing: joined under types that hold the values of all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from infra.errors import DataError
from infra.readable import MOST, shortened
from tasks.datasets.raw import is_number

LEAST_SHARED = 0.5  # least share of the columns that a part has in common with the others


@dataclass(frozen=True)
class Schema:
    """Types of the columns of all parts, and what was widened.

    Parameters
    ----------
    fields : mapping of str to pyarrow.DataType
        The types.
    notes : tuple of str
        Sentences on columns that have several types or are missing somewhere.
    """

    fields: Mapping[str, pa.DataType]
    notes: tuple[str, ...]


def join(
    tables: Mapping[Path, pa.Table], folder: Path, *, may_lack: bool
) -> tuple[pa.Table, tuple[str, ...]]:
    """Join the parts of a table one below the other.

    Parameters
    ----------
    tables : mapping of Path to pyarrow.Table
        The parts by their files, whose order is kept.
    folder : Path
        The folder of the parts, as messages name it.
    may_lack : bool
        Whether a part may lack columns that other parts have; the column is then empty there.

    Returns
    -------
    pyarrow.Table
        The columns in the order of their first occurrence.
    tuple of str
        Sentences on columns that were widened, or are missing in some parts.

    Raises
    ------
    DataError
        If a part has types that cannot be joined with the others', or lacks too many columns; the message shows both.
    """
    schema = common_schema(tables, folder, may_lack=may_lack)
    try:
        parts = [with_types(table, schema.fields) for table in tables.values()]
    except pa.ArrowInvalid as error:
        raise DataError(f"the parts of '{folder}' cannot be joined: {str(error).splitlines()[0]}") from None
    return pa.concat_tables(parts), schema.notes


def common_schema(tables: Mapping[Path, pa.Table], folder: Path, *, may_lack: bool) -> Schema:
    """Find types that hold the values of all parts of a table.

    Parameters
    ----------
    tables : mapping of Path to pyarrow.Table
        The parts by their files; tables without rows are enough.
    folder : Path
        The folder of the parts, as messages name it.
    may_lack : bool
        Whether a part may lack columns that other parts have.

    Raises
    ------
    DataError
        If a part has types that cannot be joined with the others', or lacks too many columns; the message shows both.
    """
    (first, table), *others = tables.items()
    types = {first: _types(table)}
    fields = dict(types[first])
    for path, table in others:
        types[path] = found = _types(table)
        _require_shared(fields, found, first, path, folder, may_lack=may_lack)
        for name, kind in found.items():
            fields[name] = widened(fields.get(name, kind), kind) or kind
    return Schema(fields, (*_told_missing(types, fields), *_told_widened(types.values(), fields)))


def _types(table: pa.Table) -> dict[str, pa.DataType]:
    return dict(zip(table.schema.names, table.schema.types, strict=True))


def widened(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Type that holds the values of two types; None if there is none.

    The rules are pyarrow's permissive ones, and numbers of all kinds can be joined as floating-point numbers.
    """
    if one == other:
        return one
    try:
        schemas = [pa.schema([("x", kind)]) for kind in (one, other)]
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.float64() if is_number(one) and is_number(other) else None


def _require_shared(
    expected: Mapping[str, pa.DataType],
    found: Mapping[str, pa.DataType],
    first: Path,
    path: Path,
    folder: Path,
    *,
    may_lack: bool,
) -> None:
    names = list(dict.fromkeys((*expected, *found)))
    shared = [name for name in names if name in expected and name in found]
    differing = {name for name in shared if widened(expected[name], found[name]) is None}
    if len(shared) < len(names) and (not may_lack or len(shared) < LEAST_SHARED * len(found)):
        differing.update(set(names).difference(shared))
    if differing:
        told = [name for name in names if name in differing]
        shown = "; ".join(
            f"'{shortened(name)}' is {_type_in(found, name)} against {_type_in(expected, name)}"
            for name in told[:MOST]
        )
        more = f"; and {len(told) - MOST:,} more columns" if len(told) > MOST else ""
        raise DataError(
            f"the parts of '{folder}' have differing columns: in '{_below(path, folder)}' against "
            f"'{_below(first, folder)}' {shown}{more}"
        )


def _type_in(types: Mapping[str, pa.DataType], name: str) -> str:
    return shortened(str(types[name])) if name in types else "not there"


def _below(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _told_missing(
    types: Mapping[Path, Mapping[str, pa.DataType]], fields: Mapping[str, pa.DataType]
) -> list[str]:
    missing = {name: sum(1 for found in types.values() if name not in found) for name in fields}
    return [
        f"column '{name}' is missing in {count} of {len(types)} parts and was read as empty there"
        for name, count in missing.items()
        if count
    ]


def _told_widened(types: Iterable[Mapping[str, pa.DataType]], fields: Mapping[str, pa.DataType]) -> list[str]:
    notes = []
    for name, kind in fields.items():
        found = dict.fromkeys(str(part[name]) for part in types if name in part and part[name] != pa.null())
        if len(found) > 1:
            notes.append(
                f"column '{name}' is {' and '.join(found)} in different parts and was read as {kind}"
            )
    return notes


def with_types(table: pa.Table, fields: Mapping[str, pa.DataType]) -> pa.Table:
    """A table with the columns of the mapping under their types; a missing column is empty."""
    columns = [
        table.column(name).cast(kind, safe=not is_number(kind))
        if name in table.column_names
        else pa.chunked_array([pa.nulls(len(table), kind)])
        for name, kind in fields.items()
    ]
    return pa.Table.from_arrays(columns, list(fields))
