"""Cleaning: a recipe is learned from a training table and applied to it."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from infra.errors import DataError
from infra.readable import MOST, listed
from tasks.datasets.catalogue import Source
from tasks.datasets.column_selection import notes_of_selection
from tasks.datasets.columns import AnyColumn, TrainingColumn
from tasks.datasets.frames import selected
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.notes import lines
from tasks.datasets.raw import RawTable
from tasks.datasets.recipe import Recipe, learn_columns
from tasks.datasets.reviewing import review
from tasks.datasets.suspects import repeated_rows
from tasks.datasets.table_rules import TableRules


@dataclass(frozen=True)
class Cleaned:
    """A table ready to be kept.

    Parameters
    ----------
    recipe : Recipe
        The steps that prepared the columns, which a model applies to every table that it predicts.
    rows : RawTable
        The columns except the target, with the rows that have a target.
    features : pandas.DataFrame
        Prepared columns of float64 (missing: NaN) and of category, of the rows that have a target.
    target : numpy.ndarray, optional
        Class codes (int64) or the quantity to predict (float64); None for clustering.
    notes : list of str
        Sentences that tell with counts what was changed or left out.
    """

    recipe: Recipe
    rows: RawTable
    features: pd.DataFrame
    target: npt.NDArray[Any] | None
    notes: list[str]


def clean(table: RawTable, source: Source, rules: TableRules, folds: int) -> Cleaned:
    """Leave out rows without a target, learn a recipe from the others, and apply it to them.

    Parameters
    ----------
    table : RawTable
        The training table.
    source : Source
        The source of the table, with its target.
    rules : TableRules
        The demands of the problem.
    folds : int
        Number of folds of the cross-validation.

    Raises
    ------
    DataError
        If the problem cannot use the target or the columns, a column mixes numbers with mistakes, or no column is left
        to learn from.
    """
    _check_kept(table, source)
    target = rules.learn_target(table, source, folds)
    is_known = target.is_known if target else np.ones(table.rows, bool)
    values = target.values[is_known] if target else None
    learned = learn_columns(table, is_known, source, rules)
    rules.check([column for _, column in learned], source)
    recipe = Recipe(
        columns=tuple(column for _, column in learned),
        target=target.column if target else None,
        missing_words=(*MISSING_WORDS, *source.options.missing),
        options=source.options,
    )
    _require_inputs(recipe, learned, source)
    _require_distinct(recipe, source)
    # the columns that were learned from remember what they have read
    rows = replace(
        table,
        columns=tuple(training.raw for training, _ in learned),
        rows=int(is_known.sum()),
        at=None if table.at is None else table.at[is_known],
    )
    features = recipe.apply(rows)
    names = [column.name for column in recipe.columns if column.name in features]
    found = review(features, names, values, source.options.keep_column, rows.at)
    recipe = recipe.without(found.left_out)
    _require_inputs(recipe, learned, source)
    used = selected(features, recipe.outputs)
    held_out = rules.held_out(target.column, target.values[is_known]) if target else None
    notes = [
        *(target.notes if target else ()),
        *_notes_of_columns(learned, recipe, counted=rows.at is None),
        *found.notes,
        *repeated_rows(used, values, held_out, of_sample=rows.at is not None).notes,
        *notes_of_selection(recipe, len(features)),
    ]
    if "" in recipe.inputs:
        place = table.names.index("") + 1
        raise DataError(f"column {place} of '{source.path}' has no name; give every column a name")
    return Cleaned(recipe, rows, used, values, notes)


def _require_inputs(recipe: Recipe, learned: list[tuple[TrainingColumn, AnyColumn]], source: Source) -> None:
    if not recipe.inputs:
        told = lines(_notes_of_columns(learned, recipe), [column.name for column in recipe.columns])
        more = f"; and {len(told) - MOST:,} more reasons" if len(told) > MOST else ""
        reasons = f"{'; '.join(told[:MOST])}{more}" or "only the target is there"
        raise DataError(f"'{source.path}' has no column to learn from: {reasons}")


def _require_distinct(recipe: Recipe, source: Source) -> None:
    for name, count in Counter(recipe.outputs).items():
        if count > 1:
            date = next(
                column.name for column in recipe.columns if name in column.outputs and name != column.name
            )
            raise DataError(
                f"'{source.path}' has a column '{name}', and column '{date}' holds dates whose parts get this name; "
                "give one of the two columns another name"
            )


def _check_kept(table: RawTable, source: Source) -> None:
    for name in source.options.keep_column:
        if name not in table.names:
            raise DataError(
                f"'{source.path}' has no column '{name}', which --keep-column names; columns: {listed(table.names)}"
            )


def _notes_of_columns(
    learned: list[tuple[TrainingColumn, AnyColumn]], recipe: Recipe, *, counted: bool = True
) -> list[str]:
    """What is told of the columns; the cells of a sample are not counted, because those of all rows are."""
    pairs = zip(learned, recipe.columns, strict=True)
    return [
        note
        for (training, _), column in pairs
        for note in (column.notes(training) if counted else column.told_in_training(training))
    ]
