"""The first pass over a large table: what a sample and the counts of all rows decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from infra.engines import Engine
from infra.progress import Progress
from tasks.datasets.catalogue import Source, Task
from tasks.datasets.checking import notes_of_empty
from tasks.datasets.class_labels import class_labels
from tasks.datasets.cleaning import Cleaned
from tasks.datasets.columns import Column
from tasks.datasets.large.doubts import without_doubts
from tasks.datasets.large.sampling import Sample, take_sample
from tasks.datasets.large.targets import QuantityReader, TargetReader, class_reader, counted, too_many
from tasks.datasets.missing import MISSING_WORDS
from tasks.datasets.notes import sort_notes
from tasks.datasets.pieces import Pieces
from tasks.datasets.preparation import checked_and_cleaned
from tasks.datasets.raw import RawTable
from tasks.datasets.survey import TableSurvey, survey
from tasks.datasets.table_marks import with_hints
from tasks.datasets.table_rules import TableRules
from tasks.datasets.targets import LearnedTarget


@dataclass(frozen=True)
class Learned:
    """What the first pass decides.

    Parameters
    ----------
    sample : Sample
        The rows from which the columns were learned.
    cleaned : Cleaned
        The sample after cleaning, with the recipe.
    task : {"classification", "regression", "clustering"}
        The task of the table.
    reader : TargetReader, optional
        The reader of the target for every piece; None without a target.
    notes : tuple of str
        Sentences on what was decided, without the counts of cells, which the second pass makes.
    classes : mapping of str to int
        Number of rows of each class, of all rows; empty without classes.
    """

    sample: Sample
    cleaned: Cleaned
    task: Task
    reader: TargetReader | None
    notes: tuple[str, ...]
    classes: Mapping[str, int]


class SettledRules(TableRules):
    """The rules of a problem for a sample whose target was learned from the counts of all rows.

    Parameters
    ----------
    rules : TableRules
        The rules of the problem.
    target : LearnedTarget, optional
        The target.
    """

    def __init__(self, rules: TableRules, target: LearnedTarget | None) -> None:
        self.task, self.uses_texts = rules.task, rules.uses_texts
        self._rules, self._target = rules, target

    def learn_target(self, table: RawTable, source: Source, folds: int) -> LearnedTarget | None:
        return self._target

    def check(self, columns: Sequence[Column], source: Source) -> None:
        self._rules.check(columns, source)


def learn(
    pieces: Pieces,
    source: Source,
    rules: TableRules,
    folds: int,
    engine: Engine,
    progress: Progress | None = None,
) -> Learned:
    """Learn how a large table is prepared.

    Parameters
    ----------
    pieces : Pieces
        The pieces of the table.
    source : Source
        The source of the table, with its target.
    rules : TableRules
        The demands of the problem that the table poses.
    folds : int
        Number of folds of the cross-validation to come.
    engine : Engine
        An engine whose workers are threads of this process.
    progress : callable, optional
        Function that is called with the number of pieces that were looked at, and of all pieces.

    Raises
    ------
    DataError
        If the table cannot be used as it is.
    """
    words = (*MISSING_WORDS, *source.options.missing)
    taken = take_sample(pieces, source, words, engine, progress)
    taken = without_doubts(taken, source, words, engine)
    sample = replace(taken, table=with_hints(taken.table, source.options.decimal_mark))
    settled = rules.settled(sample.table, source)
    target, reader, classes = _target(sample, source, settled, folds)
    cleaned, task = checked_and_cleaned(sample.table, source, SettledRules(settled, target), folds)
    notes = (*pieces.notes, *sample.table.notes, _told(sample), *cleaned.notes)
    return Learned(sample, cleaned, task, reader, notes, classes)


def surveyed(learned: Learned) -> TableSurvey:
    """The survey of the sample, with the rows of the table and of its classes."""
    found = survey(learned.sample.table, learned.cleaned)
    target = found.target
    if target is not None and learned.classes:
        counted = {"rows": sum(learned.classes.values()), "classes": dict(learned.classes)}
        target = target.model_copy(update=counted)
    told = sort_notes(learned.notes, learned.sample.table.names).general
    return found.model_copy(update={"rows": learned.sample.rows, "target": target, "notes": told})


def _target(
    sample: Sample, source: Source, rules: TableRules, folds: int
) -> tuple[LearnedTarget | None, TargetReader | None, Mapping[str, int]]:
    """The target of the sample's rows, its reader, and the rows of each class; classes are learned from all rows."""
    if source.target is None or source.target not in sample.table.names or not rules.counts_target:
        learned = rules.learn_target(sample.table, source, folds)
        if learned is None or learned.step is None:
            return learned, None, {}
        empty = notes_of_empty(int(learned.is_known.sum()), sample.table.rows, source)
        notes = tuple(note for note in learned.notes if note not in empty)
        return replace(learned, notes=notes), QuantityReader(learned.step), {}
    raw = sample.table[source.target]
    if sample.counts is None:
        class_labels(raw)  # refuses a column that cannot hold classes
        raise too_many(source.target, source.path)
    column = counted(raw, sample.counts)
    learned = rules.learn_target(RawTable(source.path, (column,), sample.rows), source, folds)
    assert learned is not None  # noqa: S101 (rules that count a target learn one)
    assert column.weights is not None  # noqa: S101 (the column is counted)
    known = class_reader(column, learned.values)
    values, is_known = known.read(raw)
    rows = np.bincount(learned.values[learned.is_known], column.weights[learned.is_known])
    classes = dict(zip(learned.column.classes, rows.astype(np.int64).tolist(), strict=True))
    return replace(learned, values=values, is_known=is_known), known, classes


def _told(sample: Sample) -> str:
    return (
        f"what is done to the columns was decided on {sample.table.rows:,} of {sample.rows:,} rows, which lie "
        "evenly in the table; rows, classes and missing cells are counted in all rows, and other counts are of these "
        "rows"
    )
