"""The content of the HTML report, ready for the template: the template itself computes no figure."""

from dataclasses import dataclass

from tasks.problems import MetricColumn
from tasks.report import charts, column_words, sentences, wording
from tasks.report.dataset_result import DatasetResult, dataset_results
from tasks.report.quality_charts import Chart
from tasks.report.recommended import recommendation_lines
from tasks.report.selection import (
    algorithms,
    completed,
    distinct_trials,
    engines_of,
    failed,
    quality,
    rounds_in_words,
    worker_memory,
)
from tasks.results import SEARCHES, Cell, Dataset, Evaluation, Picture, StudyResult, Trial

COSTS = ("Trials", "Fits", "Kept", "Wall s", "CPU s", "CPU %", "Peak MiB", "Driver MiB", "Workers MiB")


@dataclass(frozen=True)
class Row:
    """One cell in the leaderboard, with its figures, and whether this cell is recommended."""

    cell: Cell
    figures: list[str]
    recommended: bool


@dataclass(frozen=True)
class TrialTable:
    """The trials of a search, on every engine that found the same scores."""

    title: str
    timed_on: str
    parameters: list[str]
    trials: list[Trial]
    metric: str


@dataclass(frozen=True)
class DatasetView:
    """A data set's part of the report."""

    anchor: str
    name: str
    described: Dataset
    recommendation: list[str]
    findings: list[str]
    remarks: list[str]
    headings: list[str]
    groups: dict[str, list[Row]]
    charts: list[Chart]
    pictures: list[Picture]
    evaluations: list[Evaluation]
    comparisons: list[str]
    trials: list[TrialTable]
    profiles: list[Cell]
    failed: list[Cell]
    changes: list[str]
    columns: list[tuple[str, ...]]
    some_columns: str


def facts(result: StudyResult) -> list[tuple[str, str]]:
    """Return the key figures of the study, each with its label: (figure, label)."""
    done, engines = completed(result.cells), engines_of(result.cells)
    counted = [
        (str(len(result.datasets)), "data sets"),
        (f"{len(done)} of {len(result.cells)}", "cells completed"),
        (str(len(engines)), f"engines: {wording.listing(engines)}" if engines else "engines"),
        (f"{sum(len(c.trials) for c in result.cells):,}", "trials"),
        (f"{sum(c.fits for c in result.cells):,}", "fits computed"),
    ]
    if result.finished is not None:
        took = (result.finished - result.started).total_seconds()
        counted.append((wording.duration(took), "from start to end"))
    return counted


def datasets(result: StudyResult) -> list[DatasetView]:
    """Return the parts of the report, one for each data set."""
    return [_dataset(data, f"data-{i}") for i, data in enumerate(dataset_results(result), 1)]


def _dataset(data: DatasetResult, anchor: str) -> DatasetView:
    return DatasetView(
        anchor=anchor,
        name=data.name,
        described=data.described,
        recommendation=recommendation_lines(data),
        findings=sentences.dataset_findings(data),
        remarks=_remarks(data),
        headings=[*(column.heading for column in data.columns), "Search score", *COSTS],
        groups=_groups(data),
        charts=charts.dataset_charts(data, anchor),
        pictures=data.pictures,
        evaluations=data.evaluations,
        comparisons=sentences.comparisons_in_words(data),
        trials=_trials(data.cells),
        profiles=[cell for cell in data.cells if cell.profile],
        failed=failed(data.cells),
        changes=column_words.changes(data.described),
        columns=column_words.column_rows(data.described.surveys),
        some_columns=column_words.some_columns(data.described),
    )


def _remarks(data: DatasetResult) -> list[str]:
    star = ["★ marks the recommended way, on its fastest engine."]
    return [*(star if data.recommended_cell else []), *data.problem.remarks(data.cells)]


def _groups(data: DatasetResult) -> dict[str, list[Row]]:
    recommended, columns = data.recommended_cell, data.columns
    return {
        name: [Row(c, _figures(c, columns), c is recommended) for c in data.cells if c.algorithm == name]
        for name in algorithms(data.cells)
    }


def _quality(cell: Cell, column: MetricColumn) -> str:
    """Figure in the fitted space and, on a line of its own, the figure on the raw columns."""
    metric = column.metric
    found = wording.score(quality(cell, metric), metric, 2 if wording.is_share(metric) else 3)
    raw = quality(cell, f"raw_{metric}")
    return found if raw is None else f"{found}\nraw {wording.score(raw, metric)}"


def _figures(cell: Cell, columns: list[MetricColumn]) -> list[str]:
    return [
        *(_quality(cell, column) for column in columns),
        wording.score(cell.cv_score, cell.score_name, 2 if wording.is_share(cell.score_name) else 3),
        f"{len(cell.trials):,}",
        f"{cell.fits:,}",
        f"{cell.kept:,}",
        wording.seconds(cell.usage.wall_s),
        wording.seconds(cell.usage.cpu_s),
        f"{cell.usage.cpu_percent:.0f}",
        wording.mib(cell.usage.peak_rss),
        wording.mib(cell.usage.driver.peak_rss),
        f"{wording.mib(worker_memory(cell))} ({len(cell.usage.workers)})" if cell.usage.workers else "–",
    ]


def _trials(cells: list[Cell]) -> list[TrialTable]:
    tables = []
    for owners, trials in sorted(
        distinct_trials(cells), key=lambda found: SEARCHES.index(found[0][0].search)
    ):
        first = owners[0]
        engines = wording.listing([cell.engine for cell in owners])
        tables.append(
            TrialTable(
                title=f"{first.algorithm}, {first.search}: {len(trials):,} trials on {engines}{_rounds(trials)}",
                timed_on=first.engine,
                parameters=list(dict.fromkeys(name for t in trials for name in t.params)),
                trials=trials,
                metric=first.score_name,
            )
        )
    return tables


def _rounds(trials: list[Trial]) -> str:
    rounds = rounds_in_words(trials)
    return f", in rounds: {rounds}" if rounds else ""
