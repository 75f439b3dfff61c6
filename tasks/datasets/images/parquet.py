"""Images in Parquet files, with a column of image bytes and a column of labels."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from infra.arithmetic import ceil_div
from infra.errors import DataError
from infra.readable import listed
from tasks.datasets.images.source import ImageSource, LabelledImage, Listing, checked_content

LABEL_COLUMNS = ("label", "labels", "class", "target", "y")
"""Names of columns that hold labels, where a file has several columns beside the images."""
MAX_CHUNKS_PER_GROUP = 32
"""Number of chunks that a row group is cut into at most; reading a chunk also reads the rows before it."""
MIN_ROWS = 64
"""Number of rows that a chunk has at least, and that are read in one batch."""


class ParquetImages(ImageSource):
    """Images in a Parquet file, or in all Parquet files below a folder.

    The images are the only column of binary values, or of structs `{bytes, path}` as Hugging Face writes them. The
    labels are the only other column, or the one that is called label, labels, class, target or y. Whole numbers
    become names of classes where Hugging Face's `ClassLabel` keeps such names in the file.
    """

    def list_images(self) -> Listing:
        """List the rows and their labels, in the order of the files and rows.

        Raises
        ------
        DataError
            If a file is not Parquet, does not have one column of images and one of labels, or lacks a label.
        """
        return Listing([image for part in self.parts() for image in self._labelled_rows(part)])

    def files(self, images: Sequence[LabelledImage]) -> list[str]:
        """Parquet files of the source."""
        return [self._relative(part) for part in self.parts()]

    def chunk_lengths(self, count: int) -> Iterator[int]:
        """Numbers of rows of the row groups; a long row group is cut."""
        for part in self.parts():
            with _opened(part) as file:
                groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            for rows in groups:
                length = max(MIN_ROWS, ceil_div(rows, MAX_CHUNKS_PER_GROUP))
                yield from (min(length, rows - start) for start in range(0, rows, length))

    def reader(self, files: Sequence[str]) -> Callable[[str], bytes]:
        """Read the images of some rows; the function that is returned looks one of them up."""
        contents = self._contents(files)
        return lambda file: checked_content(contents[file])

    def parts(self) -> list[Path]:
        """Parquet files of the source, sorted by name; hidden ones are left out.

        Raises
        ------
        DataError
            If one of the files is a symbolic link out of the source.
        """
        if self.path.is_file():
            return [self.path]
        found = (part for part in self.path.rglob("*") if is_parquet(part.name) and not part.is_dir())
        visible = [part for part in found if not any(x[0] in "._" for x in part.relative_to(self.path).parts)]
        for part in visible:
            if not part.resolve().is_relative_to(self.path):
                raise DataError(f"{part} is a symbolic link out of the folder; give the file itself")
        return sorted(visible, key=self._relative)

    def _relative(self, part: Path) -> str:
        return part.name if self.path.is_file() else part.relative_to(self.path).as_posix()

    def _labelled_rows(self, part: Path) -> Iterator[LabelledImage]:
        with _opened(part) as file:
            column = _label_column(part, file.schema_arrow)
            names = _class_names(file.schema_arrow, column)
            labels = file.read(columns=[column]).column(column).to_pylist()
        for row, label in enumerate(labels):
            if label is None:
                raise DataError(
                    f"{part}: row {row + 1} has no label in column '{column}'; give each image a label"
                )
            yield LabelledImage(f"{self._relative(part)}#{row}", _class_name(label, names))

    def _contents(self, files: Sequence[str]) -> dict[str, bytes | None]:
        """Content of images by their names `part.parquet#row`; None for a row without an image."""
        contents: dict[str, bytes | None] = {}
        for name, members in groupby(files, key=lambda file: file.rpartition("#")[0]):
            part = self.path if self.path.is_file() else self.path / name
            for row, content in _rows(part, {int(file.rpartition("#")[2]) for file in members}):
                contents[f"{name}#{row}"] = content
        return contents


def is_parquet(name: str) -> bool:
    """Whether a name is that of a Parquet file."""
    return name.lower().endswith((".parquet", ".parq", ".pq"))


def _class_name(label: Any, names: Sequence[str] | None) -> str:
    if names and isinstance(label, int) and 0 <= label < len(names):
        return names[label]
    return str(label)


def _rows(part: Path, wanted: set[int]) -> Iterator[tuple[int, bytes | None]]:
    """Image bytes of some rows; row groups without such rows are not read, nor rows after the last one."""
    with _opened(part) as file:
        column, start = _image_column(part, file.schema_arrow), 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            inside = {row - start for row in wanted if start <= row < start + rows}
            if inside:
                yield from ((start + row, content) for row, content in _values(file, group, column, inside))
            start += rows


def _values(file: Any, group: int, column: str, wanted: set[int]) -> Iterator[tuple[int, bytes | None]]:
    start, stop = 0, max(wanted) + 1
    for batch in file.iter_batches(MIN_ROWS, row_groups=[group], columns=[column]):
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
            f"{part}: {len(found)} columns hold image bytes ({listed(found) or 'none'}); exactly one must, as binary "
            "values or structs with a field 'bytes'"
        )
    return str(found[0])


def _label_column(part: Path, schema: Any) -> str:
    others = [name for name in schema.names if name != _image_column(part, schema)]
    named = [name for name in others if name.lower() in LABEL_COLUMNS]
    if len(others) == 1 or len(named) == 1:
        return str((named or others)[0])
    raise DataError(
        f"{part}: it is not clear which of the columns {listed(others) or 'none'} holds the labels; call one of them "
        f"'label', and no other one {', '.join(LABEL_COLUMNS[1:])}"
    )


def _holds_images(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_struct(kind):
        return any(field.name == "bytes" and _holds_images(field.type) for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def _class_names(schema: Any, column: str) -> list[str] | None:
    """Names of the classes from the metadata that Hugging Face writes; None in files of others."""
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
        with pq.ParquetFile(part) as file:
            yield file
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{part} cannot be read as Parquet: {error}") from error
