"""The kinds of columns: how each kind is learned from a training table, and how it prepares values.

Each kind is one class with the methods `learn` and `apply`. To add a kind, write a class and add it to `AnyKind`; no
module outside this package asks for the kind of a column.
"""

from typing import Annotated, get_args

from pydantic import Field

from tasks.datasets.columns.base import Column, TrainingColumn
from tasks.datasets.columns.categories import CategoryColumn, ManyValuedColumn, TextColumn
from tasks.datasets.columns.dates import DateColumn
from tasks.datasets.columns.durations import DurationColumn
from tasks.datasets.columns.left_out import LeftOut
from tasks.datasets.columns.measures import NumberColumn, TruthColumn

__all__ = [
    "AnyColumn",
    "CategoryColumn",
    "Column",
    "DateColumn",
    "DurationColumn",
    "LeftOut",
    "ManyValuedColumn",
    "NumberColumn",
    "TextColumn",
    "TrainingColumn",
    "TruthColumn",
    "learn_column",
]

AnyKind = (
    LeftOut
    | DurationColumn
    | DateColumn
    | TruthColumn
    | NumberColumn
    | CategoryColumn
    | ManyValuedColumn
    | TextColumn
)
"""The kinds in the order in which they are tried on a column of a training table."""
AnyColumn = Annotated[AnyKind, Field(discriminator="kind")]


def learn_column(column: TrainingColumn) -> AnyKind:
    """Learn the step that prepares a column of a training table."""
    for kind in get_args(AnyKind):
        learned: AnyKind | None = kind.learn(column)
        if learned is not None:
            return learned
    return LeftOut(name=column.name, reason="it holds neither numbers nor texts")
