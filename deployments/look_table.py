"""A look at a table, in the terminal, as a page and for a program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deployments.preparations import print_note
from tasks.datasets.catalogue import Source
from tasks.datasets.looking import TableLook
from tasks.datasets.notes import is_warning, lines_of, shown_name, warnings_first
from tasks.datasets.survey import ColumnSurvey, TableSurvey
from tasks.report import column_words, wording
from tasks.report.look_page import LookPage

MOST_SHOWN = 60  # largest number of columns in the terminal's table
MOST_PICTURES = 200  # largest number of columns whose values the page draws
MOST_CLASSES = 20  # largest number of values of a column that is named as a possible target
MOST_TARGETS = 5  # largest number of possible targets that are named
MOST_EXAMPLES = 46  # largest width of the examples in the terminal's table
ROOM = 56  # width of the other columns of the table without the notes
NARROW = 120  # width of a terminal below which the notes stand below the table
LOOKS: Mapping[str, dict[str, Any]] = {
    "Column": {"overflow": "fold", "max_width": 40},
    "Read as": {"no_wrap": True},
    "Examples": {"no_wrap": True, "overflow": "ellipsis"},
    "Missing": {"justify": "right", "no_wrap": True},
    "Distinct": {"justify": "right", "no_wrap": True},
}
"""Looks of the columns of the terminal's table that differ from the others."""


@dataclass(frozen=True)
class LookedTable:
    """A table that was looked at."""

    source: Source
    look: TableLook

    @property
    def refusal(self) -> str | None:
        """The sentence with which a study would refuse the table; None: a study would take the table."""
        return self.look.refusal

    def show(self, console: Console) -> None:
        """Print the columns, the notes about the table, and the target."""
        survey = self._survey
        shown = column_words.columns_to_show(survey.columns, MOST_SHOWN)
        console.print(Text(self._heading(), "bold"), soft_wrap=True)
        is_narrow = console.width < NARROW
        console.print(_table(shown, console.width))
        if hidden := len(survey.columns) - len(shown):
            told = (
                f"  {hidden:,} more columns are not shown here; --html FILE and --json FILE have all columns"
            )
            console.print(Text(told), soft_wrap=True)
        below = lines_of({column.name: column.notes for column in shown if column.notes}) if is_narrow else []
        for note in warnings_first([*below, *survey.notes]):
            print_note(wording.one_line(note), console)
        if self.refusal is None:
            console.print(Text(self._task()), soft_wrap=True)

    def page(self, study: str) -> LookPage:
        """The content of the page."""
        return LookPage(
            name=self.source.name,
            path=str(self.source.path),
            answer=self._task(),
            refusal=self.refusal,
            command=study,
            survey=self._survey,
            pictures=self.look.pictures(MOST_PICTURES),
        )

    def as_json(self) -> dict[str, Any]:
        """The columns, the target and the notes."""
        return {
            "task": self.look.task,
            **self._survey.model_dump(mode="json"),
            "refusal": self.refusal,
        }

    def _heading(self) -> str:
        rows, columns = self.look.survey.rows, len(self.look.survey.columns)
        return f"{self.source.name}: {wording.count(rows, 'row')}, {wording.count(columns, 'column')}"

    def _task(self) -> str:
        return f"{self.look.task}, {column_words.target_words(self.look.survey.target)}"

    @property
    def _survey(self) -> TableSurvey:
        """The survey with the note that terminal, page and file add to those of a study."""
        survey = self.look.survey
        return survey.model_copy(update={"notes": tuple(warnings_first([*survey.notes, *self._hint()]))})

    def _hint(self) -> list[str]:
        """Sentence that nothing is predicted, with possible targets; an empty list if no target can be given."""
        if self.source.target is not None or not self.source.own:
            return []
        names = self._possible_targets()
        more = f" and {len(names) - MOST_TARGETS:,} more" if len(names) > MOST_TARGETS else ""
        shown = f"; possible targets: {', '.join(names[:MOST_TARGETS])}{more}" if names else ""
        return [f"without --target the rows are clustered{shown}"]

    def _possible_targets(self) -> list[str]:
        """Columns of a few values."""
        most = min(MOST_CLASSES, self.look.survey.rows // 2)
        return [
            f"{shown_name(column.name)} ({column.distinct} values)"
            for column in self.look.survey.columns
            if column.distinct is not None and 2 <= column.distinct <= most
        ]


def _table(columns: Sequence[ColumnSurvey], width: int) -> Table:
    """The columns as a table; in a narrow terminal without the notes, and with less room for the examples."""
    headings = column_words.HEADINGS[:-1] if width < NARROW else column_words.HEADINGS
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, **LOOKS.get(heading, {"overflow": "fold"}))
    table.columns[headings.index("Examples")].max_width = max(
        MOST_EXAMPLES // 4, min(MOST_EXAMPLES, width - ROOM)
    )
    for column, row in zip(columns, column_words.column_rows(columns), strict=True):
        style = "yellow" if any(map(is_warning, column.notes)) else "" if column.used else "dim"
        table.add_row(*(Text(cell, style) for cell in row[: len(headings)]))
    return table
