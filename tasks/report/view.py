"""What the HTML report shows, ready for the template: no figure is computed in the template."""

from dataclasses import dataclass

from tasks.report import charts, clusters, noise, sentences, wording
from tasks.report.payoff import payoff
from tasks.report.selection import (
    HOLDOUT_R2,
    SEARCHES,
    algorithms,
    best_cell,
    cells_of,
    completed,
    dataset_names,
    distinct_trials,
    engines_of,
    failed,
    holdout_rows,
    is_clustering,
    quality,
    quality_metric,
    worker_memory,
)
from tasks.results import Cell, Dataset, Evaluation, Picture, StudyResult, Trial


@dataclass(frozen=True)
class Row:
    """One cell in the leaderboard: its heading, its figures, and what else is known of it."""

    cell: Cell
    figures: list[str]
    best: bool


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
    described: Dataset | None
    lead: str | None
    findings: list[str]
    remarks: list[str]
    headings: list[str]
    groups: dict[str, list[Row]]
    charts: list[charts.Chart]
    pictures: list[Picture]
    evaluations: list[Evaluation]
    comparisons: list[str]
    trials: list[TrialTable]
    profiles: list[Cell]
    failed: list[Cell]


def facts(result: StudyResult) -> list[tuple[str, str]]:
    """Return the study in figures: (figure, what it counts)."""
    done, engines = completed(result.cells), engines_of(result.cells)
    counted = [
        (str(len(dataset_names(result))), "data sets"),
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
    return [_dataset(result, name, f"data-{i}") for i, name in enumerate(dataset_names(result), 1)]


def _dataset(result: StudyResult, name: str, anchor: str) -> DatasetView:
    cells = cells_of(result, name)
    clustering = is_clustering(result, name)
    lead = payoff(result, name)
    return DatasetView(
        anchor=anchor,
        name=name,
        described=next((d for d in result.datasets if d.name == name), None),
        lead=lead,
        findings=[s for s in sentences.dataset_findings(result, name) if s != lead],
        remarks=_remarks(cells, clustering),
        headings=_headings(cells, clustering),
        groups=_groups(cells, clustering),
        charts=charts.dataset_charts(cells, noise.evaluations_of(result, name), clustering, anchor),
        pictures=[p for p in result.pictures if p.dataset == name],
        evaluations=noise.evaluations_of(result, name),
        comparisons=sentences.comparisons_in_words(result, name),
        trials=_trials(cells),
        profiles=[cell for cell in cells if cell.profile],
        failed=failed(cells),
    )


def _remarks(cells: list[Cell], clustering: bool) -> list[str]:
    best, metric = best_cell(cells), quality_metric(cells)
    if best is None:
        return []
    remarks = [f"★ marks the highest {wording.metric_name(metric)}; of equal cells the fastest."]
    if clustering:
        remarks.append(clusters.spaces_in_words(cells))
    rows, accuracy = holdout_rows(cells), quality(best, "holdout_accuracy")
    if rows and accuracy is not None:
        error = 100 * noise.standard_error(accuracy, rows)
        remarks.append(
            f"The hold-out has n = {rows:,} rows: one row is {100 / rows:.2g} points, "
            f"the standard error of the best accuracy {error:.1f} points."
        )
    return remarks


def _quality_columns(cells: list[Cell], clustering: bool) -> dict[str, str]:
    if clustering:
        names = ("silhouette", "davies_bouldin", "calinski_harabasz", "clusters")
        return {metric: wording.heading(metric) for metric in names}
    if quality_metric(cells) == HOLDOUT_R2:
        return {HOLDOUT_R2: "Hold-out R²", "holdout_rmse": "RMSE", "holdout_mae": "Mean absolute error"}
    return {"holdout_accuracy": "Hold-out accuracy", "holdout_auc": "AUC"}


def _headings(cells: list[Cell], clustering: bool) -> list[str]:
    costs = ["Trials", "Fits", "Kept", "Wall s", "CPU s", "CPU %", "Peak MiB", "Driver MiB", "Workers MiB"]
    return [*_quality_columns(cells, clustering).values(), "Search score", *costs]


def _groups(cells: list[Cell], clustering: bool) -> dict[str, list[Row]]:
    best = best_cell(cells)
    metrics = list(_quality_columns(cells, clustering))
    return {
        name: [Row(c, _figures(c, metrics), c is best) for c in cells if c.algorithm == name]
        for name in algorithms(cells)
    }


def _quality(cell: Cell, metric: str) -> str:
    """Figure in the fitted space and, on a line of its own, the one on the raw columns; with clusters, noise."""
    if metric == "clusters":
        noisy = quality(cell, "noise_share")
        count = wording.score(quality(cell, metric), metric)
        return f"{count}\nnoise {wording.score(noisy, 'noise_share')}" if noisy else count
    found = wording.score(quality(cell, metric), metric, 2 if wording.is_share(metric) else 3)
    raw = quality(cell, f"raw_{metric}")
    return found if raw is None else f"{found}\nraw {wording.score(raw, metric)}"


def _figures(cell: Cell, metrics: list[str]) -> list[str]:
    return [
        *(_quality(cell, metric) for metric in metrics),
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
                title=f"{first.algorithm}, {first.search}: {len(trials):,} trials on {engines}",
                timed_on=first.engine,
                parameters=list(dict.fromkeys(name for t in trials for name in t.params)),
                trials=trials,
                metric=first.score_name,
            )
        )
    return tables
