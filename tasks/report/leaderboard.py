"""The leaderboard in the terminal, readable from 80 columns on."""

from collections.abc import Callable
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tasks.report import noise, sentences, wording
from tasks.report.selection import (
    HOLDOUT_R2,
    best_cell,
    cells_of,
    dataset_names,
    holdout_rows,
    is_clustering,
    quality,
    quality_metric,
    space_of,
    worker_memory,
)
from tasks.results import Cell, StudyResult

BEST = "★"
UNBOUNDED = 1000
_SHORT = {"baseline": "base", "grid": "grid", "random": "rand"}
_COLOUR = {"baseline": "", "grid": "blue", "random": "yellow"}


class Column(NamedTuple):
    """A column of figures: its heading, folded for a narrow terminal, and the figure of a cell."""

    wide: str
    narrow: str
    value: Callable[[Cell, bool], str]


def print_leaderboard(result: StudyResult, console: Console) -> None:
    """Print one table for each data set with its findings, then failures and links.

    Parameters
    ----------
    result : StudyResult
        What the study found.
    console : rich.console.Console
        Where to print; about 110 columns need no abbreviation, 80 suffice.
    """
    for name in dataset_names(result):
        _print_dataset(result, name, console)
    whole = sentences.study_findings(result)
    if whole:
        console.print()
        console.print(Text("Study", "bold"))
    for sentence in whole:
        console.print(_bullet(sentence))
    _print_links(result, console)


def _print_dataset(result: StudyResult, name: str, console: Console) -> None:
    cells = cells_of(result, name)
    clustering = is_clustering(result, name)
    console.print()
    console.print(_heading(result, name, cells, clustering))
    if cells:
        _print_table(cells, clustering, console)
    for line in sentences.failure_lines(cells):
        console.print(Text(f"  ✗ {line}", "red"), soft_wrap=True)
    _print_evaluations(result, name, console)
    for sentence in sentences.short_findings(result, name):
        console.print(_bullet(sentence))


def _heading(result: StudyResult, name: str, cells: list[Cell], clustering: bool) -> Text:
    heading = Text(wording.one_line(name), "bold")
    described = next((d for d in result.datasets if d.name == name), None)
    if described is not None:
        heading.append(f"  {described.task}, {described.rows:,} rows", "not bold")
    rows = holdout_rows(cells)
    if not clustering and rows:
        heading.append(f", hold-out n = {rows:,}", "not bold")
    spaces = sorted({space_of(cell) for cell in cells if space_of(cell)})
    if spaces:
        heading.append(f", scored in: {wording.listing(spaces)}", "not bold")
    return heading


def _metric(name: str, decimals: int) -> Callable[[Cell, bool], str]:
    def value(cell: Cell, wide: bool) -> str:
        found = quality(cell, name)
        if wording.is_share(name) and found is not None:
            return f"{100 * found:.{2 if wide else 1}f}"
        return wording.plain(found, decimals)

    return value


def _search_score(cell: Cell, wide: bool) -> str:
    if cell.cv_score is None:
        return "–"
    if wording.is_share(cell.score_name):
        return f"{100 * cell.cv_score:.{2 if wide else 1}f}"
    return wording.plain(cell.cv_score, 3)


def _quality_columns(clustering: bool, cells: list[Cell]) -> list[Column]:
    if clustering:
        noisy = any(quality(cell, "noise_share") for cell in cells)
        return [
            Column("silhouette", "silh.", _metric("silhouette", 3)),
            Column("Davies-\nBouldin", "D-B", _metric("davies_bouldin", 3)),
            Column("Calinski-\nHarabasz", "C-H", _metric("calinski_harabasz", 2)),
            Column("k", "k", lambda c, _: wording.score(quality(c, "clusters"), "clusters")),
            *([Column("noise\n%", "noise\n%", _metric("noise_share", 1))] if noisy else []),
            Column("search\nscore", "srch", _search_score),
        ]
    if any(HOLDOUT_R2 in cell.metrics for cell in cells):
        return [
            Column("R²", "R²", _metric(HOLDOUT_R2, 3)),
            Column("RMSE", "RMSE", _metric("holdout_rmse", 3)),
            Column("mean abs.\nerror", "MAE", _metric("holdout_mae", 3)),
            Column("search CV", "cv", _search_score),
        ]
    return [
        Column("accuracy %", "acc %", _metric("holdout_accuracy", 1)),
        Column("AUC", "AUC", _metric("holdout_auc", 3)),
        Column("search CV", "cv", _search_score),
    ]


def _cost_columns(wide: bool) -> list[Column]:
    if wide:
        counts = [
            Column("trials", "", lambda c, _: f"{len(c.trials):,}"),
            Column("fits", "", lambda c, _: f"{c.fits:,}"),
            Column("kept", "", lambda c, _: f"{c.kept:,}"),
        ]
    else:
        counts = [Column("", "trials/\nfits/kept", lambda c, _: f"{len(c.trials)}/{c.fits}/{c.kept}")]
    return [
        *counts,
        Column("wall s", "wall s", lambda c, _: wording.seconds(c.usage.wall_s)),
        Column("CPU %", "CPU%", lambda c, _: f"{c.usage.cpu_percent:.0f}"),
        Column("peak\nMiB", "peak\nMiB", lambda c, _: _mib(c.usage.peak_rss)),
        Column("driver\nMiB", "drv", lambda c, _: _mib(c.usage.driver.peak_rss)),
        Column("workers\nMiB", "wrk", lambda c, _: _mib(worker_memory(c)) if c.usage.workers else "–"),
    ]


def _mib(size: int) -> str:
    return f"{size / wording.MIB:.0f}"


def _print_table(cells: list[Cell], clustering: bool, console: Console) -> None:
    """Print the roomiest form that fits; the tightest one whole, should even that be too wide."""
    forms = ((True, 1), (True, 0), (False, 1), (False, 0))
    for wide, gap in forms:
        table = _table(cells, clustering, wide, gap)
        table.width = console.measure(table, options=console.options.update_width(UNBOUNDED)).maximum
        if table.width <= console.width:
            break
    console.print(table, crop=False)
    console.print(_legend(cells, clustering, wide))


def _table(cells: list[Cell], clustering: bool, wide: bool, gap: int) -> Table:
    columns = _quality_columns(clustering, cells) + _cost_columns(wide)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap, 0, 0))
    for name in ("algorithm", "engine", "search") if wide else ("cell",):
        table.add_column(name, vertical="bottom", no_wrap=True)
    for column in columns:
        table.add_column(column.wide if wide else column.narrow, justify="right", no_wrap=True)
    best = best_cell(cells)
    for index, cell in enumerate(cells):
        first = index == 0 or cells[index - 1].algorithm != cell.algorithm
        if first and index:
            table.add_section()
        if first and not wide:
            table.add_row(Text(wording.one_line(cell.algorithm), "bold"))
        table.add_row(*_names(cell, first, cell is best, wide), *_figures(cell, columns, cell is best, wide))
    return table


def _names(cell: Cell, first: bool, best: bool, wide: bool) -> list[Text]:
    star = f" {BEST}" if best else ""
    colour = _COLOUR[cell.search]
    if wide:
        shown = wording.one_line(cell.algorithm) if first else ""
        return [Text(shown, "bold"), Text(cell.engine), Text(cell.search + star, colour)]
    return [Text.assemble((f"{cell.engine} "), (_SHORT[cell.search] + star, colour))]


def _figures(cell: Cell, columns: list[Column], best: bool, wide: bool) -> list[Text]:
    if cell.status == "failed":
        return [Text("failed" if wide else "✗", "red")] + [Text("–", "dim")] * (len(columns) - 1)
    style = "bold green" if best else ""
    return [
        Text(column.value(cell, wide), style if index == 0 else "") for index, column in enumerate(columns)
    ]


def _legend(cells: list[Cell], clustering: bool, wide: bool) -> Padding:
    parts = [f"{BEST} highest {wording.metric_name(quality_metric(cells))}, fastest of equals"]
    if clustering:
        parts.append("k: clusters")
    if not wide:
        parts.append("peak, drv, wrk: MiB in all at one moment, of the driver, of the workers")
        searched = wording.metric_name(next((c.score_name for c in cells if c.score_name), "score"))
        parts.append(f"{'srch' if clustering else 'cv'}: {searched} in the search")
    best = best_cell(cells)
    if best is not None and quality(best, "raw_silhouette") is not None:
        figures = (
            f"{label} {wording.plain(quality(best, 'raw_' + name), decimals)}"
            for label, name, decimals in (
                ("silhouette", "silhouette", 3),
                ("Davies-Bouldin", "davies_bouldin", 3),
                ("Calinski-Harabasz", "calinski_harabasz", 2),
            )
        )
        parts.append(f"{BEST} on the raw columns, where large numbers decide: {', '.join(figures)}")
    return Padding(Text("; ".join(parts), "dim"), (0, 0, 0, 2))


def _print_evaluations(result: StudyResult, name: str, console: Console) -> None:
    evaluations = noise.evaluations_of(result, name)
    if not evaluations:
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("cross-validated", "metric", "mean", "95 % interval", "repeats x folds"):
        words = heading in ("cross-validated", "metric")
        table.add_column(heading, justify="left" if words else "right", overflow="fold")
    for e in evaluations:
        interval = f"{wording.score(e.low, e.metric)} to {wording.score(e.high, e.metric)}"
        algorithm = f"{wording.one_line(e.algorithm)} {e.search}"
        mean = wording.score(e.mean, e.metric)
        table.add_row(Text(algorithm), wording.metric_name(e.metric), mean, interval, sentences.scheme(e))
    console.print()
    console.print(table)
    for line in sentences.comparisons_in_words(result, name):
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
