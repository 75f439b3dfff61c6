"""Images in Parquet: a column of bytes and a column of labels."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from infra.errors import DataError

LABELS = ("label", "labels", "class", "target", "y")
SHARES = 32
"""A row group is read in at most so many pieces, each of which passes over the rows before it."""
LEAST_ROWS = 64


def is_parquet(name: str) -> bool:
    """Whether a name is that of a Parquet file."""
    return name.lower().endswith((".parquet", ".parq", ".pq"))


def labelled_rows(source: Path) -> Iterator[tuple[str, str]]:
    """Yield `part.parquet#row` and the label of every row, in order.

    The images are the one column of binary values, or of the structs {bytes, path} that Hugging Face writes;
    the labels are the only other column, or the one called label, labels, class, target or y. Class names
    that Hugging Face's `ClassLabel` keeps beside whole numbers are used.

    Raises
    ------
    DataError
        If a file is no Parquet, does not have one such column of each kind, or lacks a label.
    """
    for part in parts(source):
        with _opened(part) as opened:
            column = _label_column(part, opened.schema_arrow)
            names = _class_names(opened.schema_arrow, column)
            labels = opened.read(columns=[column]).column(column).to_pylist()
        file = relative(source, part)
        for row, label in enumerate(labels):
            if label is None:
                raise DataError(
                    f"{part}: row {row + 1} has no label in column '{column}'; give each image one"
                )
            named = names is not None and isinstance(label, int) and 0 <= label < len(names)
            yield f"{file}#{row}", str(names[label] if named and names else label)


def parts(source: Path) -> list[Path]:
    """Parquet files of a source, in the order of their names; hidden ones are left out.

    Raises
    ------
    DataError
        If one is a symbolic link out of the source.
    """
    if source.is_file():
        return [source]
    found = (part for part in source.rglob("*") if is_parquet(part.name) and not part.is_dir())
    visible = [part for part in found if not any(x[0] in "._" for x in part.relative_to(source).parts)]
    for part in visible:
        if not part.resolve().is_relative_to(source):
            raise DataError(f"{part} is a symbolic link out of the folder; give the file itself")
    return sorted(visible, key=lambda part: relative(source, part))


def relative(source: Path, part: Path) -> str:
    """Name of a part, relative to the source."""
    return part.name if source.is_file() else part.relative_to(source).as_posix()


def chunk_lengths(source: Path) -> list[int]:
    """Numbers of consecutive rows to decode together: a row group, or a part of a long one."""
    lengths = []
    for part in parts(source):
        with _opened(part) as opened:
            groups = [opened.metadata.row_group(i).num_rows for i in range(opened.num_row_groups)]
        for rows in groups:
            share = max(LEAST_ROWS, -(-rows // SHARES))
            lengths += [min(share, rows - start) for start in range(0, rows, share)]
    return lengths


def read(source: Path, files: Sequence[str]) -> dict[str, bytes | None]:
    """Bytes of images by their names `part.parquet#row`; None where there are none."""
    found: dict[str, bytes | None] = {}
    for name, members in groupby(files, key=lambda file: file.rpartition("#")[0]):
        part = source if source.is_file() else source / name
        for row, data in _rows(part, {int(file.rpartition("#")[2]) for file in members}):
            found[f"{name}#{row}"] = data
    return found


def _rows(part: Path, wanted: set[int]) -> Iterator[tuple[int, bytes | None]]:
    """Image bytes of some rows, reading only the row groups that hold them, and no further than needed."""
    with _opened(part) as opened:
        column, start = _image_column(part, opened.schema_arrow), 0
        for group in range(opened.num_row_groups):
            rows = opened.metadata.row_group(group).num_rows
            inside = {row - start for row in wanted if start <= row < start + rows}
            if inside:
                yield from ((start + row, data) for row, data in _values(opened, group, column, inside))
            start += rows


def _values(opened: Any, group: int, column: str, wanted: set[int]) -> Iterator[tuple[int, bytes | None]]:
    start, stop = 0, max(wanted) + 1
    for batch in opened.iter_batches(LEAST_ROWS, row_groups=[group], columns=[column]):
        values = batch.column(0)
        for row in range(start, start + len(values)):
            if row in wanted:
                value = values[row - start].as_py()
                yield row, value.get("bytes") if isinstance(value, dict) else value
        start += len(values)
        if start >= stop:
            return


def _image_column(part: Path, schema: Any) -> str:
    found = [field.name for field in schema if _holds_images(field.type)]
    if len(found) != 1:
        raise DataError(
            f"{part}: {len(found)} columns hold image bytes ({_listed(found)}); exactly one must, as binary "
            "values or structs with a field 'bytes'"
        )
    return str(found[0])


def _label_column(part: Path, schema: Any) -> str:
    others = [name for name in schema.names if name != _image_column(part, schema)]
    named = [name for name in others if name.lower() in LABELS]
    if len(others) == 1 or len(named) == 1:
        return str((named or others)[0])
    raise DataError(
        f"{part}: which column holds the labels is not clear from {_listed(others)}; "
        f"call one of them 'label', and no other by one of the names {', '.join(LABELS)}"
    )


def _holds_images(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_struct(kind):
        return any(field.name == "bytes" and _holds_images(field.type) for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def _class_names(schema: Any, column: str) -> list[str] | None:
    """Names that Hugging Face keeps in the schema's metadata, if it wrote the file."""
    try:
        about = json.loads((schema.metadata or {})[b"huggingface"])
        names = about["info"]["features"][column]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return [str(name) for name in names] if isinstance(names, list) else None


@contextmanager
def _opened(part: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(part) as opened:
            yield opened
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{part} cannot be read as Parquet: {error}") from error


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(str, names)) or "none"
