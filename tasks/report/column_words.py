"""What was done to the columns of a data set, in words; shared by the terminal, the report and the artifacts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tasks.datasets.notes import is_warning, lines, shown_name, sort_notes, warning
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.survey import ColumnSurvey, TargetSurvey
from tasks.report import wording
from tasks.results import Dataset

MOST_LINES = 15  # largest number of lines about one data set before a study starts
MOST_COLUMNS = 200  # largest number of columns that the results of a study describe
NAMED_CLASSES = 6
HEADINGS = ("Column", "Read as", "Examples", "Missing", "Distinct", "What is done")


@dataclass(frozen=True)
class PreparationWords:
    """What preparation did to a data set.

    Parameters
    ----------
    header : str
        Name, rows, number of columns, and target.
    lines : list of str
        Lines about the table, and a line for each column where something was changed, dropped or guessed; warnings
        come first, and alike lines are joined.
    left_out : int
        Number of further lines, which are not among `lines`.
    """

    header: str
    lines: list[str]
    left_out: int


def preparation_words(dataset: PreparedDataset) -> PreparationWords:
    """Return what preparation did to a data set: the lines to show before a study starts."""
    survey = dataset.survey()
    caution = [warning(dataset.caution)] if dataset.caution else []
    if survey is None:
        header = f"{dataset.name}: {wording.count(dataset.rows, 'image')}"
        return PreparationWords(header, [*caution, *_on_one_line(dataset.notes, ())], 0)
    used = wording.count(survey.used, "column")
    header = (
        f"{dataset.name}: {wording.count(dataset.rows, 'row')}, {used} used, {target_words(survey.target)}"
    )
    told = [*caution, *_on_one_line(dataset.notes, [column.name for column in survey.columns])]
    return PreparationWords(header, told[:MOST_LINES], len(told[MOST_LINES:]))


def changes(described: Dataset) -> list[str]:
    """Return the notes of a data set, warnings first, alike notes of several columns in one line."""
    return _on_one_line(described.notes, described.file_columns)


def warnings(described: Dataset) -> list[str]:
    """Return the notes of a data set that a person should check, alike notes of several columns in one line."""
    return [line for line in changes(described) if is_warning(line)]


def _on_one_line(notes: Sequence[str], columns: Collection[str]) -> list[str]:
    return [wording.one_line(line) for line in lines(notes, columns)]


def target_words(target: TargetSurvey | None) -> str:
    """Return the target with its classes and their rows, or with the range of the quantity."""
    if target is None:
        return "no target"
    name = f"target {wording.one_line(target.name)}"
    if target.quantity:
        found = target.quantity
        return f"{name}: a quantity from {found.low:,.6g} to {found.high:,.6g}, mean {found.mean:,.6g}"
    ranked = sorted(target.classes.items(), key=lambda item: -item[1])
    shown = [f"{wording.one_line(label)} {count:,}" for label, count in ranked[:NAMED_CLASSES]]
    more = ranked[NAMED_CLASSES:]
    rest = [f"{len(more):,} more, the smallest with {wording.count(more[-1][1], 'row')}"] if more else []
    return f"{name}: {wording.count(len(ranked), 'class', 'classes')}, {', '.join(shown + rest)}"


def column_rows(columns: Sequence[ColumnSurvey]) -> list[tuple[str, ...]]:
    """Return one row of texts for each column, under `HEADINGS`."""
    return [
        (
            wording.one_line(shown_name(column.name)),
            column.read_as,
            " · ".join(map(wording.one_line, column.examples)),
            f"{column.missing:,}",
            distinct_words(column),
            wording.one_line("; ".join(column.notes)),
        )
        for column in columns
    ]


def distinct_words(column: ColumnSurvey) -> str:
    """Return the number of different values of a column."""
    if column.distinct is None:
        return "–"
    return f"{'≥ ' if column.distinct_at_least else ''}{column.distinct:,}"


def columns_to_show(columns: Sequence[ColumnSurvey], most: int = MOST_COLUMNS) -> list[ColumnSurvey]:
    """Return at most `most` columns in their order: the first and last ones, and those with sentences."""
    places = range(len(columns))
    ends = [*places[: most // 4], *places[-most // 8 :]]
    told = [place for place in places if columns[place].notes]
    chosen = list(dict.fromkeys([*ends, *told, *places]))[:most]
    return [columns[place] for place in sorted(chosen)]


def some_columns(described: Dataset) -> str:
    """Return a sentence where not all columns of a data set are described; empty if all are."""
    shown, all_of_them = len(described.surveys), len(described.file_columns)
    if shown == all_of_them:
        return ""
    return f"{shown:,} of {all_of_them:,} columns are shown; the file '{described.path}' has a list of all beside it."


def general_notes(described: Dataset) -> list[str]:
    """Return the notes about a data set as a whole."""
    return list(sort_notes(described.notes, described.file_columns).general)
