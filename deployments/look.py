"""`trilla look`: how a table or a folder of images is read, and what a study would do, without a study."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deployments.preparations import command, print_note
from deployments.result_files import check_result_file, write_whole
from flows.parameters import ReadingParameters, StudyParameters
from infra.errors import DataError
from tasks.datasets.catalogue import Source, resolve
from tasks.datasets.looking import Look, look_at
from tasks.datasets.notes import is_warning, shown_name
from tasks.datasets.survey import ColumnSurvey
from tasks.problems import problem_of
from tasks.report import column_words, wording

MOST_SHOWN = 60  # largest number of columns in the terminal's table
FOLDS: int = StudyParameters.model_fields["folds"].default
WIDTH = 160  # characters of a line where the output is no terminal
MOST_CLASSES = 20  # largest number of values of a column that is named as a possible target
MOST_TARGETS = 5
MOST_PICTURES = 200  # largest number of columns whose values the page draws
LOOKS: Mapping[str, dict[str, Any]] = {
    "Examples": {"no_wrap": True, "overflow": "ellipsis", "max_width": 46},
    "Missing": {"justify": "right", "no_wrap": True},
    "Distinct": {"justify": "right", "no_wrap": True},
}
"""Looks of the columns of the terminal's table that differ from the others."""


def look(data: str, reading: ReadingParameters, html: Path | None, json_file: Path | None) -> None:
    """Show how data are read and what a study would do; no server is started, and nothing is kept.

    Parameters
    ----------
    data : str
        Path or name of the data.
    reading : ReadingParameters
        Parameters with which the data are read.
    html, json_file : Path, optional
        Files to write the description to.

    Raises
    ------
    TrillaError
        If a study would refuse the data, after everything that could be read is shown; or if a file cannot be written.
    """
    check_result_file("--html", html)
    check_result_file("--json", json_file)
    source = resolve(data, reading.target, reading.chosen_task, reading.reading)
    rules = problem_of(source.task).rules
    if rules is None:
        raise DataError("images")
    looked = look_at(source, rules, FOLDS)
    study = command("study", data, reading)
    console = _console()
    _print(looked, source, console)
    if html:
        write_whole(html, _page(looked, source, study))
    if json_file:
        write_whole(json_file, json.dumps(_as_json(looked, source, study), indent=2, ensure_ascii=False))
    if looked.refusal:
        raise DataError(looked.refusal)
    console.print(Text(f"\n{study}", "bold"), soft_wrap=True)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def _print(looked: Look, source: Source, console: Console) -> None:
    survey = looked.survey
    shown = column_words.columns_to_show(survey.columns, MOST_SHOWN)
    heading = (
        f"{source.name}: {wording.count(survey.rows, 'row')}, {wording.count(len(survey.columns), 'column')}"
    )
    console.print(Text(heading, "bold"), soft_wrap=True)
    console.print(_table(shown))
    if len(shown) < len(survey.columns):
        hidden = len(survey.columns) - len(shown)
        console.print(
            f"{hidden:,} more columns are not shown here; --json and --html show more", soft_wrap=True
        )
    for note in survey.notes:
        print_note(wording.one_line(note), console)
    if looked.refusal is None:
        target = column_words.target_words(survey.target)
        console.print(Text(f"task {looked.task}, {target}"), soft_wrap=True)
    if source.target is None:
        _print_possible_targets(looked, console)


def _table(columns: Sequence[ColumnSurvey]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in column_words.HEADINGS:
        table.add_column(heading, **LOOKS.get(heading, {"overflow": "fold"}))
    for column, row in zip(columns, column_words.column_rows(columns), strict=True):
        style = "yellow" if any(map(is_warning, column.notes)) else "" if column.used else "dim"
        table.add_row(*(Text(cell, style) for cell in row))
    return table


def _print_possible_targets(looked: Look, console: Console) -> None:
    names = [
        f"{shown_name(column.name)} ({column.distinct} classes)"
        for column in looked.survey.columns
        if column.distinct is not None and 2 <= column.distinct <= min(MOST_CLASSES, looked.survey.rows // 2)
    ]
    if 0 < len(names) <= MOST_TARGETS:
        told = f"without --target the rows are clustered; possible targets: {', '.join(names)}"
        console.print(Text(told), soft_wrap=True)


def _page(looked: Look, source: Source, study: str) -> str:
    from tasks.report.look_page import LookWords, render_look

    words = LookWords(source.name, str(source.path), looked.task, looked.refusal, study)
    return render_look(words, looked.survey, looked.pictures(MOST_PICTURES))


def _as_json(looked: Look, source: Source, study: str) -> dict[str, Any]:
    return {
        "name": source.name,
        "path": str(source.path),
        "task": looked.task,
        **looked.survey.model_dump(mode="json"),
        "refusal": looked.refusal,
        "command": study,
    }
