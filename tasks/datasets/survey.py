"""The survey of a table: what each column holds, how it is read, and what is done to it, in a few words."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from infra.readable import shortened
from infra.settings import usable_cores
from tasks.datasets.cleaning import Cleaned
from tasks.datasets.columns import AnyColumn
from tasks.datasets.notes import sort_notes
from tasks.datasets.raw import RawColumn, RawTable
from tasks.datasets.targets import AnyTarget

EXAMPLES = 3  # number of values of a column that its survey shows
TARGET, REFUSED = "target", "refused"
COUNTED = 100_000  # number of first rows whose different values are counted
FEW = 1_000  # largest number of different values in the first rows for which all rows are counted
HEAD = 1_000  # number of rows in which the examples are looked for first


class ColumnSurvey(BaseModel):
    """One column of a table as a reader sees it."""

    model_config = ConfigDict(frozen=True)

    name: str
    read_as: str = Field(
        description="Kind of the column: number, category, left out and so on; or the target."
    )
    examples: tuple[str, ...] = Field(description="Up to three different values, as the file has them.")
    missing: int = Field(description="Number of cells without a value.")
    distinct: int | None = Field(
        description="Number of different values; None for values that cannot be compared."
    )
    distinct_at_least: bool = Field(
        False,
        description="Whether there may be more different values, because only the first rows were counted.",
    )
    notes: tuple[str, ...] = Field((), description="Sentences about what is done to the column.")
    used: bool = Field(description="Whether models use the column.")


class QuantitySurvey(BaseModel):
    """The values of a quantity to predict."""

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    mean: float


class TargetSurvey(BaseModel):
    """The column to predict: the classes with their rows, or the range of a quantity."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int = Field(description="Number of rows that have a target.")
    classes: dict[str, int] = Field(
        default_factory=dict, description="Number of rows of each class; empty for a quantity."
    )
    quantity: QuantitySurvey | None = Field(None, description="Range of a quantity; None for classes.")


class TableSurvey(BaseModel):
    """A table as a reader sees it."""

    model_config = ConfigDict(frozen=True)

    rows: int
    columns: tuple[ColumnSurvey, ...]
    target: TargetSurvey | None = None
    notes: tuple[str, ...] = Field((), description="Sentences about the table as a whole.")

    @property
    def used(self) -> int:
        """Number of columns that models use."""
        return sum(column.used for column in self.columns)


def survey(table: RawTable, cleaned: Cleaned) -> TableSurvey:
    """Survey a training table; missing cells are counted in the rows that have a target, as the notes count them."""
    recipe = cleaned.recipe
    kinds: dict[str, AnyColumn] = {column.name: column for column in recipe.columns}
    known = {column.name: column for column in cleaned.rows.columns}
    told = sort_notes([*table.notes, *cleaned.notes], table.names)
    target = (
        survey_target(recipe.target, cleaned.target) if recipe.target and cleaned.target is not None else None
    )

    def described(raw: RawColumn) -> ColumnSurvey:
        notes = told.by_column.get(raw.name, ())
        if raw.name not in kinds:
            return describe_target(raw, target, notes)
        return describe(known[raw.name], kinds[raw.name], notes)

    with ThreadPoolExecutor(usable_cores()) as threads:
        columns = tuple(threads.map(described, table.columns))
    return TableSurvey(rows=table.rows, columns=columns, target=target, notes=told.general)


def describe(raw: RawColumn, kind: AnyColumn, notes: Sequence[str]) -> ColumnSurvey:
    """Survey one column.

    Parameters
    ----------
    raw : RawColumn
        The column of the file.
    kind : AnyColumn
        The step that prepares the column.
    notes : sequence of str
        Sentences about the column.
    """
    measured = kind.measured(raw)
    found: dict[str, Any] = {"read_as": kind.kind, "notes": tuple(notes), "used": kind.is_used}
    if measured is not None:
        found["missing"] = int(np.count_nonzero(pd.isna(measured)))
    return _as_written(raw).model_copy(update=found)


def describe_target(raw: RawColumn, target: TargetSurvey | None, notes: Sequence[str]) -> ColumnSurvey:
    """Survey the column to predict.

    Parameters
    ----------
    raw : RawColumn
        The column of the file.
    target : TargetSurvey, optional
        The target as it was read; None where it could not be read.
    notes : sequence of str
        Sentences about the column.
    """
    found: dict[str, Any] = {"read_as": TARGET, "notes": tuple(notes)}
    if target is not None:
        found["missing"] = len(raw.values) - target.rows
    if target is not None and target.classes:
        most = sorted(target.classes, key=lambda label: -target.classes[label])[:EXAMPLES]
        found |= {"examples": tuple(map(shortened, most)), "distinct": len(target.classes)}
    return _as_written(raw).model_copy(update=found)


def not_read(raw: RawColumn, refusal: str) -> ColumnSurvey:
    """Survey a column whose values cannot be used, with the reason."""
    reason = refusal.removeprefix(f"'{raw.path}'").lstrip(",: ")
    return _as_written(raw).model_copy(update={"read_as": REFUSED, "notes": (reason,)})


def survey_target(target: AnyTarget, encoded: npt.NDArray[Any]) -> TargetSurvey:
    """Count the rows of each class, or take the range of a quantity."""
    if target.classes:
        counts = np.bincount(encoded, minlength=len(target.classes))
        return TargetSurvey(
            name=target.name,
            rows=len(encoded),
            classes=dict(zip(target.classes, counts.tolist(), strict=True)),
        )
    quantity = QuantitySurvey(low=float(encoded.min()), high=float(encoded.max()), mean=float(encoded.mean()))
    return TargetSurvey(name=target.name, rows=len(encoded), quantity=quantity)


def _as_written(raw: RawColumn) -> ColumnSurvey:
    """What can be said of a column without knowing what is done to it."""
    cells = raw.cells
    distinct, at_least = _distinct(cells)
    return ColumnSurvey(
        name=raw.name,
        read_as="",
        examples=_examples(cells),
        missing=raw.missing,
        distinct=distinct,
        distinct_at_least=at_least,
        used=False,
    )


def _examples(cells: pa.ChunkedArray) -> tuple[str, ...]:
    """The first different values, as texts."""
    found = _first_different(cells.slice(0, HEAD))
    return found if len(found) == EXAMPLES else _first_different(cells)


def _first_different(cells: pa.ChunkedArray) -> tuple[str, ...]:
    try:
        different = pc.unique(cells).drop_null().slice(0, EXAMPLES)
    except pa.ArrowNotImplementedError:  # lists and structures
        different = cells.slice(0, HEAD).drop_null().slice(0, EXAMPLES)
    return tuple(dict.fromkeys(_shown(value) for value in different.to_pylist()))


def _shown(value: object) -> str:
    return shortened(f"{value:.10g}" if isinstance(value, float) else str(value))


def _distinct(cells: pa.ChunkedArray) -> tuple[int | None, bool]:
    """Number of different values, and whether there may be more, because only the first rows were counted."""
    first = cells.slice(0, COUNTED)
    try:
        found = int(pc.count_distinct(first).as_py())
    except pa.ArrowNotImplementedError:  # lists and structures
        return None, False
    if len(first) == len(cells):
        return found, False
    return (int(pc.count_distinct(cells).as_py()), False) if found <= FEW else (found, True)
