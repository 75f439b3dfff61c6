"""The leaderboard in the terminal, readable from 80 columns on."""

from collections.abc import Callable
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tasks.problems import MetricColumn
from tasks.report import sentences, wording
from tasks.report.dataset_result import DatasetResult, dataset_results
from tasks.report.recommended import recommendation_lines
from tasks.report.selection import holdout_rows, quality, search_metric, worker_memory
from tasks.results import Cell, StudyResult

RECOMMENDED = "★"
UNBOUNDED = 1000
_SHORT = {"baseline": "base", "grid": "grid", "random": "rand"}
_COLOUR = {"baseline": "", "grid": "blue", "random": "yellow"}


class TableColumn(NamedTuple):
    """A column of figures: headings for a wide and a narrow terminal, and the function that gives a cell's figure."""

    wide: str
    narrow: str
    value: Callable[[Cell, bool], str]


def print_leaderboard(result: StudyResult, console: Console) -> None:
    """Print one table for each data set with its failures and findings, then the links and the recommendations.

    Parameters
    ----------
    result : StudyResult
        The results of the study.
    console : rich.console.Console
        The terminal to print to; headings are abbreviated below about 110 columns, and 80 columns are enough.
    """
    every = dataset_results(result)
    for data in every:
        _print_dataset(data, console)
    whole = sentences.study_findings(result)
    if whole:
        console.print()
        console.print(Text("Study", "bold"))
    for sentence in whole:
        console.print(_bullet(sentence))
    _print_links(result, console)
    _print_recommendations(every, console)


def _print_recommendations(every: list[DatasetResult], console: Console) -> None:
    """Print the recommendations last, because a reader sees the last lines of a terminal first."""
    for data in every:
        lines = recommendation_lines(data)
        for number, line in enumerate(lines):
            if number == 0:
                console.print()
            # the command stays on one line, so that a user can copy it
            console.print(Text(wording.one_line(line), "" if number else "bold"), soft_wrap=number > 0)


def _print_dataset(data: DatasetResult, console: Console) -> None:
    console.print()
    console.print(_heading(data))
    if data.cells:
        _print_table(data, console)
    for line in sentences.failure_lines(data.cells):
        console.print(Text(f"  ✗ {line}", "red"), soft_wrap=True)
    _print_evaluations(data, console)
    for sentence in sentences.short_findings(data):
        console.print(_bullet(sentence))


def _heading(data: DatasetResult) -> Text:
    heading = Text(wording.one_line(data.name), "bold")
    heading.append(f"  {data.described.task}, {data.described.rows:,} rows", "not bold")
    rows = holdout_rows(data.cells)
    if rows:
        heading.append(f", hold-out n = {rows:,}", "not bold")
    spaces = sorted({cell.space for cell in data.cells if cell.space})
    if spaces:
        heading.append(f", scored in: {wording.listing(spaces)}", "not bold")
    return heading


def _metric(column: MetricColumn) -> Callable[[Cell, bool], str]:
    def value(cell: Cell, wide: bool) -> str:
        found = quality(cell, column.metric)
        if column.metric == "clusters":
            return wording.score(found, column.metric)
        if wording.is_share(column.metric) and found is not None:
            return f"{100 * found:.{2 if wide else 1}f}"
        return wording.plain(found, column.decimals)

    return value


def _search_score(cell: Cell, wide: bool) -> str:
    if cell.cv_score is None:
        return "–"
    if wording.is_share(cell.score_name):
        return f"{100 * cell.cv_score:.{2 if wide else 1}f}"
    return wording.plain(cell.cv_score, 3)


def _quality_columns(data: DatasetResult) -> list[TableColumn]:
    shown = [TableColumn(column.wide, column.narrow, _metric(column)) for column in data.columns]
    return [*shown, TableColumn("search\nscore", "srch", _search_score)]


def _cost_columns(wide: bool) -> list[TableColumn]:
    if wide:
        counts = [
            TableColumn("trials", "", lambda c, _: f"{len(c.trials):,}"),
            TableColumn("fits", "", lambda c, _: f"{c.fits:,}"),
            TableColumn("kept", "", lambda c, _: f"{c.kept:,}"),
        ]
    else:
        counts = [TableColumn("", "trials/\nfits/kept", lambda c, _: f"{len(c.trials)}/{c.fits}/{c.kept}")]
    return [
        *counts,
        TableColumn("wall s", "wall s", lambda c, _: wording.seconds(c.usage.wall_s)),
        TableColumn("CPU %", "CPU%", lambda c, _: f"{c.usage.cpu_percent:.0f}"),
        TableColumn("peak\nMiB", "peak\nMiB", lambda c, _: _mib(c.usage.peak_rss)),
        TableColumn("driver\nMiB", "drv", lambda c, _: _mib(c.usage.driver.peak_rss)),
        TableColumn("workers\nMiB", "wrk", lambda c, _: _mib(worker_memory(c)) if c.usage.workers else "–"),
    ]


def _mib(size: int) -> str:
    return f"{size / wording.MIB:.0f}"


def _print_table(data: DatasetResult, console: Console) -> None:
    """Print the widest form of the table that fits; if no form fits, print the narrowest form uncut."""
    forms = ((True, 1), (True, 0), (False, 1), (False, 0))
    for wide, gap in forms:
        table = _table(data, wide, gap)
        table.width = console.measure(table, options=console.options.update_width(UNBOUNDED)).maximum
        if table.width <= console.width:
            break
    console.print(table, crop=False)
    console.print(_legend(data, wide))


def _table(data: DatasetResult, wide: bool, gap: int) -> Table:
    cells, columns = data.cells, _quality_columns(data) + _cost_columns(wide)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
    for name in ("algorithm", "engine", "search") if wide else ("cell",):
        table.add_column(name, vertical="bottom", no_wrap=True)
    for column in columns:
        table.add_column(column.wide if wide else column.narrow, justify="right", no_wrap=True)
    chosen = data.recommended_cell
    for index, cell in enumerate(cells):
        first = index == 0 or cells[index - 1].algorithm != cell.algorithm
        if first and index:
            table.add_section()
        if first and not wide:
            table.add_row(Text(wording.one_line(cell.algorithm), "bold"))
        table.add_row(
            *_names(cell, first, cell is chosen, wide), *_figures(cell, columns, cell is chosen, wide)
        )
    return table


def _names(cell: Cell, first: bool, chosen: bool, wide: bool) -> list[Text]:
    star = f" {RECOMMENDED}" if chosen else ""
    colour = _COLOUR[cell.search]
    if wide:
        shown = wording.one_line(cell.algorithm) if first else ""
        return [Text(shown, "bold"), Text(cell.engine), Text(cell.search + star, colour)]
    return [Text.assemble((f"{cell.engine} "), (_SHORT[cell.search] + star, colour))]


def _figures(cell: Cell, columns: list[TableColumn], chosen: bool, wide: bool) -> list[Text]:
    if cell.status == "failed":
        return [Text("failed" if wide else "✗", "red")] + [Text("–", "dim")] * (len(columns) - 1)
    if cell.status == "too_large":
        return [Text("too large" if wide else "large", "yellow")] + [Text("–", "dim")] * (len(columns) - 1)
    style = "bold green" if chosen else ""
    return [
        Text(column.value(cell, wide), style if index == 0 else "") for index, column in enumerate(columns)
    ]


def _legend(data: DatasetResult, wide: bool) -> Padding:
    parts = [f"{RECOMMENDED} recommended way, on its fastest engine"] if data.recommended_cell else []
    if not wide:
        parts.append(
            "peak: highest total MiB at one moment; drv, wrk: peak MiB of the driver, of the workers"
        )
        metric = wording.metric_name(search_metric(data.cells))
        parts.append(f"srch: {metric} in the search")
    parts += [f"{c.narrow}: {c.heading.lower()}" for c in data.problem.columns if len(c.wide) == 1]
    if data.recommended_cell is not None and data.recommended_cell.space:
        parts.append(f"{RECOMMENDED} on the raw columns: {_raw_figures(data.recommended_cell)}")
    return Padding(Text("; ".join(parts), "dim"), (0, 0, 0, 2))


def _raw_figures(cell: Cell) -> str:
    found = {name.removeprefix("raw_"): v for name, v in cell.metrics.items() if name.startswith("raw_")}
    return ", ".join(f"{wording.metric_name(name)} {wording.score(v, name)}" for name, v in found.items())


def _print_evaluations(data: DatasetResult, console: Console) -> None:
    if not data.evaluations:
        return
    chosen = data.recommendation and data.recommendation.way
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    metric = wording.metric_name(data.evaluations[0].metric)
    way, size = sentences.evaluation_headings(data.evaluations)
    table.add_column(way, overflow="fold")
    for heading in (f"mean {metric}", "95 % interval", "s a fit", size):
        table.add_column(heading, justify="right", overflow="fold")
    for e in data.evaluations:
        interval = f"{wording.score(e.low, e.metric)} to {wording.score(e.high, e.metric)}"
        name = wording.one_line(str(e.way)) + (f" {RECOMMENDED}" if e.way == chosen else "")
        mean, seconds = wording.score(e.mean, e.metric), wording.seconds(e.seconds)
        table.add_row(Text(name), mean, interval, seconds, e.scheme)
    console.print()
    console.print(table)
    for line in sentences.comparisons_in_words(data):
        console.print(_bullet(line))


def _bullet(sentence: str) -> Table:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text(" •"), Text(wording.one_line(sentence)))
    return grid


def _print_links(result: StudyResult, console: Console) -> None:
    console.print()
    for name, address in result.links.items():
        line = Text.assemble((f"{wording.one_line(name)}: ", "bold"), wording.one_line(address))
        console.print(line, soft_wrap=True)
