"""The charts of a data set, each with its title, caption and alternative text."""

import math

from tasks.report import drawing, figures, wording
from tasks.report.dataset_result import DatasetResult
from tasks.report.quality_charts import Chart
from tasks.report.selection import algorithms, completed, distinct_trials
from tasks.results import SEARCHES, Cell


def dataset_charts(data: DatasetResult, prefix: str) -> list[Chart]:
    """Return the charts of a data set: its quality, then for each algorithm cost, search and resources.

    The ids inside a chart begin with the prefix, so that charts on one page do not share them.
    """
    found = [data.problem.quality_chart(data.cells, data.evaluations)]
    for name in algorithms(data.cells):
        mine = [cell for cell in data.cells if cell.algorithm == name]
        found += [_cost(name, mine), _curve(name, mine), _scatter(name, mine), _resources(name, mine)]
    drawn = [chart for chart in found if chart is not None]
    return [
        Chart(c.title, drawing.own_ids(c.svg, f"{prefix}-{i}-"), c.caption, c.alt)
        for i, c in enumerate(drawn)
    ]


def _cost(name: str, cells: list[Cell]) -> Chart | None:
    if not completed(cells):
        return None
    alt = "; ".join(
        f"{c.engine} {c.search}: {wording.seconds(c.usage.wall_s)} s wall, "
        f"{wording.seconds(c.usage.cpu_s)} s CPU, {wording.mib(c.usage.peak_rss)} MiB"
        for c in completed(cells)
    )
    caption = (
        "Bars show the wall time, CPU time and peak memory of each cell, measured once. A memory bar adds the peaks "
        "of driver and workers; the number beside the bar is the highest total at one moment."
    )
    return Chart(f"{name}: time and memory", figures.cost(cells), caption, alt)


def _curve(name: str, cells: list[Cell]) -> Chart | None:
    searches = distinct_trials(completed(cells))
    scored = {
        owners[0].search: max(t.mean_score for t in trials if t.mean_score is not None)
        for owners, trials in searches
        if any(t.mean_score is not None for t in trials)
    }
    if not scored:
        return None
    metric = next((c.score_name for c in cells if c.trials), "")
    alt = "Best score: " + ", ".join(f"{s} {wording.score(v, metric)}" for s, v in scored.items())
    caption = (
        "Points show the mean score of each trial over the folds, lines the best mean score so far. Engines with "
        "the same scores share a line."
    )
    return Chart(f"{name}: search", figures.search_curve(completed(cells)), caption, alt)


def _scatter(name: str, cells: list[Cell]) -> Chart | None:
    done = completed(cells)
    parameters = figures.searched_parameters(done)
    if not parameters or not any(t.mean_score is not None for c in done for t in c.trials):
        return None
    alt = f"Scores of all trials against {wording.listing([wording.one_line(p) for p in parameters])}"
    return Chart(
        f"{name}: score by searched parameter",
        figures.parameter_scatter(done),
        "Each point shows the mean score of one trial against one parameter's value.",
        alt,
    )


def _resources(name: str, cells: list[Cell]) -> Chart | None:
    watched = [c for c in completed(cells) if c.usage.series]
    if not watched:
        return None
    longest = max(SEARCHES, key=lambda s: math.fsum(c.usage.wall_s for c in watched if c.search == s))
    shown = [c for c in watched if c.search == longest]
    alt = "; ".join(
        f"{c.engine}: {c.usage.cpu_percent:.0f} % CPU on average, peak {wording.mib(c.usage.peak_rss)} MiB"
        for c in shown
    )
    caption = (
        f"Lines show CPU and memory of the driver and of each worker in the {longest} cells, which took longest. "
        "A CPU figure of 100 % is one full core."
    )
    return Chart(f"{name}: resources over time", figures.resources(shown), caption, alt)
