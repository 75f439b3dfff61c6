"""The second pass over a large table: a worker cleans one piece and writes it as one part."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from infra.storage import put, temporary
from tasks.datasets.frames import is_category, is_numeric
from tasks.datasets.keeping import keep_text
from tasks.datasets.large.targets import TargetReader
from tasks.datasets.pieces import Piece
from tasks.datasets.preparation import ROW_GROUP
from tasks.datasets.prepared import PART_SUFFIX, file_digest
from tasks.datasets.raw import RawTable
from tasks.datasets.recipe import Recipe
from tasks.datasets.table_marks import with_hints

RECORD = "_part-"
"""Beginning of the names of the files with the records of single parts."""
MOST_TEXTS = 1_000
"""Largest number of new texts of one column that a part counts one by one."""


class Sum(BaseModel):
    """What is added up of a prepared column of numbers."""

    model_config = ConfigDict(frozen=True)

    total: float = Field(description="Sum of the numbers.")
    size: float = Field(description="Sum of the numbers without their signs.")


class TargetTotals(BaseModel):
    """What is counted of the target of a part."""

    model_config = ConfigDict(frozen=True)

    rows: int
    low: float = Field(description="Smallest quantity, or code of a class.")
    high: float
    total: float = Field(description="Sum of the quantities.")
    classes: tuple[int, ...] = Field(description="Number of rows of each class; empty for a quantity.")


class PartRecord(BaseModel):
    """What a worker tells of the part that it wrote."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="Number of the piece, which the name of the part has.")
    piece: str = Field(description="The rows of the piece, in words.")
    read: int = Field(description="Number of rows of the piece.")
    rows: int = Field(description="Number of rows of the part; a piece without rows to keep has no file.")
    sha256: str = Field(description="Digest of the file's bytes.")
    cells: dict[str, dict[str, int]] = Field(
        description="Numbers of missing and of changed cells, by column."
    )
    values: dict[str, int] = Field(description="Number of values of each prepared column.")
    sums: dict[str, Sum] = Field(description="Sums of the prepared columns of numbers.")
    notes: tuple[str, ...] = Field(
        description="Sentences on what the reader of the piece skipped or changed."
    )
    target: TargetTotals | None = Field(description="Totals of the target; None without rows or target.")
    texts: dict[str, dict[str, int]] = Field(
        description="Texts that the learning sample did not have, with their cells, of columns of a few texts."
    )

    @property
    def file(self) -> str:
        """Name of the part."""
        return f"part-{self.number:05d}{PART_SUFFIX}"


@dataclass(frozen=True)
class Cleaning:
    """How every piece of a table is cleaned; the same for all workers.

    Parameters
    ----------
    recipe : Recipe
        The steps that prepare the columns.
    reader : TargetReader, optional
        The reader of the target; None without a target.
    known : mapping of str to frozenset of str
        The texts of the learning sample, by column of a few texts.
    folder : Path
        The folder of the parts.
    """

    recipe: Recipe
    reader: TargetReader | None
    known: Mapping[str, frozenset[str]]
    folder: Path


@dataclass(frozen=True)
class Task:
    """One piece to clean.

    Parameters
    ----------
    number : int
        Number of the piece.
    piece : Piece
        The piece.
    done : PartRecord, optional
        The record of the part if an earlier preparation wrote it.
    """

    number: int
    piece: Piece
    done: PartRecord | None = None


def write_part(task: Task, cleaning: Cleaning) -> PartRecord:
    """Clean a piece, and write it as one part; a part that is there with the right digest is not written again.

    Raises
    ------
    DataError
        If a cell cannot be what the recipe says of its column; the message names the file, the row and the column.
    """
    if task.done is not None and _is_whole(task.done, cleaning.folder):
        return task.done
    recipe = cleaning.recipe
    names = {*recipe.inputs, *([recipe.target.name] if recipe.target else [])}
    read = with_hints(task.piece.read(names, recipe.missing_words), recipe.options.decimal_mark)
    table, target = _with_target(read, cleaning)
    features = recipe.apply(table)
    sha256 = _write(_arrow(features, recipe, target), task.number, cleaning.folder) if table.rows else ""
    record = PartRecord(
        number=task.number,
        piece=task.piece.name,
        read=read.rows,
        rows=table.rows,
        sha256=sha256,
        cells={column.name: column.counts(table[column.name]) for column in recipe.columns if column.is_used},
        values={str(name): int(column.count()) for name, column in features.items()},
        sums={str(name): _sum(column) for name, column in features.items() if is_numeric(column)},
        notes=read.notes,
        target=_totals(target, len(recipe.classes)),
        texts={name: _new_texts(features[name], known) for name, known in cleaning.known.items()},
    )
    keep_text(record.model_dump_json(), cleaning.folder / record_name(task.number))
    pa.default_memory_pool().release_unused()
    return record


def record_name(number: int) -> str:
    """Name of the file with the record of a part, until the manifest has it."""
    return f"{RECORD}{number:05d}.json"


def _is_whole(record: PartRecord, folder: Path) -> bool:
    path = folder / record.file
    return not record.rows or (path.is_file() and file_digest(path) == record.sha256)


def _with_target(table: RawTable, cleaning: Cleaning) -> tuple[RawTable, Any]:
    """The rows that have a target, and their target; all rows without a column to predict."""
    if cleaning.reader is None or cleaning.recipe.target is None:
        return table, None
    values, is_known = cleaning.reader.read(table[cleaning.recipe.target.name])
    return table.taken(is_known), values[is_known]


def _arrow(features: pd.DataFrame, recipe: Recipe, target: Any) -> pa.Table:
    columns = {str(name): _values(column) for name, column in features.items()}
    if recipe.target is not None:
        columns[recipe.target.name] = pa.array(target)
    return pa.table(columns)


def _values(column: pd.Series) -> pa.Array:
    if not is_category(column):
        return pa.array(column.to_numpy(), from_pandas=True)
    # one type in all parts, whatever the number of texts of a part
    return pa.array(column.array, from_pandas=True).cast(pa.dictionary(pa.int32(), pa.string()))


def _write(table: pa.Table, number: int, folder: Path) -> str:
    """Write a part, and return its digest; numbers are written as they are, because they hardly repeat."""
    texts = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    with temporary(folder) as unfinished:
        pq.write_table(table, unfinished, row_group_size=ROW_GROUP, use_dictionary=texts or False)
        sha256 = file_digest(unfinished)
        put(unfinished, folder / f"part-{number:05d}{PART_SUFFIX}")
    return sha256


def _sum(column: pd.Series) -> Sum:
    values = column.to_numpy()
    return Sum(total=float(np.nansum(values)), size=float(np.nansum(np.abs(values))))


def _totals(target: Any, classes: int) -> TargetTotals | None:
    if target is None or not len(target):
        return None
    counts = np.bincount(target, minlength=classes).tolist() if classes else ()
    low, high, total = float(target.min()), float(target.max()), float(target.sum())
    return TargetTotals(rows=len(target), low=low, high=high, total=total, classes=tuple(counts))


def _new_texts(column: pd.Series, known: frozenset[str]) -> dict[str, int]:
    """Cells of each text that the sample did not have; of very many texts, the most frequent."""
    codes = column.cat.codes.to_numpy()
    counts = np.bincount(codes[codes >= 0], minlength=len(column.cat.categories)).tolist()
    found = Counter(
        {text: n for text, n in zip(column.cat.categories, counts, strict=True) if n and text not in known}
    )
    return dict(found.most_common(MOST_TEXTS))
