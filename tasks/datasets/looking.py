"""A look at a table without a study: what a study would make of each column, also where it would refuse the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from infra.engines import connect
from infra.errors import DataError
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.cleaning import Cleaned
from tasks.datasets.columns import AnyColumn, TrainingColumn, learn_column
from tasks.datasets.distributions import Distribution, distribution, histogram
from tasks.datasets.large.learning import learn, surveyed
from tasks.datasets.large.sizes import is_large
from tasks.datasets.notes import shown_name, sort_notes
from tasks.datasets.pieces import find_pieces
from tasks.datasets.preparation import checked_and_cleaned, keep, read_training_table
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.raw import RawColumn, RawTable
from tasks.datasets.survey import (
    ColumnSurvey,
    TableSurvey,
    TargetSurvey,
    describe,
    describe_target,
    not_read,
    survey,
    survey_target,
)
from tasks.datasets.table_rules import TableRules


@dataclass(frozen=True)
class TableLook:
    """What a study would make of a table.

    Parameters
    ----------
    table : RawTable
        The table as it was read.
    kinds : mapping of str to AnyColumn
        The step that prepares each column; columns that cannot be used, and the target, have none.
    survey : TableSurvey
        The columns and what would be done to each; where the table is refused, each column by itself.
    task : {"classification", "regression", "clustering"}
        The task that the study would have.
    refusal : str, optional
        The sentence with which a study would refuse the table; None: a study would take the table.
    cleaned : Cleaned, optional
        The table after cleaning; None: a study would refuse the table.
    """

    table: RawTable
    kinds: Mapping[str, AnyColumn]
    survey: TableSurvey
    task: Task
    refusal: str | None = None
    cleaned: Cleaned | None = None

    def kept(self, source: Source, folder: Path) -> PreparedDataset:
        """Write the cleaned table into a folder, as a study does."""
        assert self.cleaned is not None  # noqa: S101 (asked for only where a study would take the table)
        return keep(self.table, self.cleaned, self.task, source, folder)

    def with_notes(self, notes: Sequence[str]) -> "TableLook":
        """The same look with further sentences about the table."""
        survey = self.survey.model_copy(update={"notes": (*self.survey.notes, *notes)})
        return replace(self, survey=survey)

    def pictures(self, most: int) -> dict[str, Distribution]:
        """Distributions of the first columns, at most so many, without those whose values cannot be counted."""
        found = {raw.name: self._picture(raw) for raw in self.table.columns[:most]}
        return {name: one for name, one in found.items() if one is not None}

    def _picture(self, raw: RawColumn) -> Distribution | None:
        target = self.survey.target
        if target and target.quantity and target.name == raw.name:
            return histogram(raw.numbers)
        return distribution(raw, self.kinds.get(raw.name))


def look_at(source: Source, rules: TableRules, folds: int) -> TableLook:
    """Look at a table.

    Parameters
    ----------
    source : Source
        The table.
    rules : TableRules
        The demands of the problem that the table poses.
    folds : int
        Number of folds of the cross-validation that a study would make.

    Raises
    ------
    DataError
        If no column of the table can be read, or a study would refuse a large table.
    """
    if is_large(source.path):
        return _at_large(source, rules, folds)
    table = read_training_table(source)
    try:
        cleaned, task = checked_and_cleaned(table, source, rules, folds)
    except DataError as refusal:
        return _refused(table, source, rules.settled(table, source), folds, str(refusal))
    kinds = {column.name: column for column in cleaned.recipe.columns}
    return TableLook(table, kinds, survey(table, cleaned), task, cleaned=cleaned)


def _at_large(source: Source, rules: TableRules, folds: int) -> TableLook:
    """Look at a large table, by rows from every piece of it."""
    with connect("local") as engine:
        learned = learn(find_pieces(source), source, rules, folds, engine)
    kinds = {column.name: column for column in learned.cleaned.recipe.columns}
    return TableLook(learned.sample.table, kinds, surveyed(learned), learned.task, cleaned=learned.cleaned)


def _refused(table: RawTable, source: Source, rules: TableRules, folds: int, refusal: str) -> TableLook:
    """Look at each column by itself, because a table is refused for the sake of any of its columns."""
    kinds: dict[str, AnyColumn] = {}
    columns: list[ColumnSurvey] = []
    target, notes = _target_by_itself(table, source, rules, folds)
    told = sort_notes([*table.notes, *notes], table.names)
    for raw in table.columns:
        if raw.name == source.target:
            columns.append(describe_target(raw, target, told.by_column.get(raw.name, ())))
            continue
        try:
            kinds[raw.name], notes = _by_itself(raw, source, rules)
            columns.append(describe(raw, kinds[raw.name], (*told.by_column.get(raw.name, ()), *notes)))
        except DataError as fault:
            columns.append(not_read(raw, str(fault)))
    described = TableSurvey(rows=table.rows, columns=tuple(columns), target=target, notes=told.general)
    return TableLook(table, kinds, described, rules.task, refusal)


def _target_by_itself(
    table: RawTable, source: Source, rules: TableRules, folds: int
) -> tuple[TargetSurvey | None, tuple[str, ...]]:
    """The target as a study would read it, and the notes about it; None where it cannot be read."""
    if source.target not in table.names:
        return None, ()
    try:
        learned = rules.learn_target(table, source, folds)
    except DataError as fault:
        return None, (f"{shown_name(source.target)}: {fault}",)
    if learned is None:
        return None, ()
    return survey_target(learned.column, learned.values[learned.is_known]), learned.notes


def _by_itself(raw: RawColumn, source: Source, rules: TableRules) -> tuple[AnyColumn, tuple[str, ...]]:
    """The step that would prepare a column, and the sentences about the column."""
    column = TrainingColumn(raw, np.ones(len(raw.values), bool), source, rules.uses_texts)
    kind = learn_column(column)
    return kind, sort_notes(kind.notes(column), [raw.name]).by_column.get(raw.name, ())
