"""The charts of a data set with what a reader needs beside them: title, caption and alternative text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report import drawing, figures, wording
from tasks.report.selection import (
    SEARCHES,
    algorithms,
    completed,
    distinct_trials,
    holdout_metric,
    quality,
    way,
)
from tasks.results import Cell, Evaluation


@dataclass(frozen=True)
class Chart:
    """A chart as SVG, its caption, and its data in words for those who do not see it."""

    title: str
    svg: str
    caption: str
    alt: str


def dataset_charts(
    cells: list[Cell], evaluations: Sequence[Evaluation], clustering: bool, prefix: str
) -> list[Chart]:
    """Return the charts of a data set: its quality, then for each algorithm cost, search and resources."""
    found = [_clustering(cells) if clustering else _prediction(cells, evaluations)]
    for name in algorithms(cells):
        mine = [cell for cell in cells if cell.algorithm == name]
        found += [_cost(name, mine), _curve(name, mine), _scatter(name, mine), _resources(name, mine)]
    drawn = [chart for chart in found if chart is not None]
    return [
        Chart(c.title, drawing.own_ids(c.svg, f"{prefix}-{i}-"), c.caption, c.alt)
        for i, c in enumerate(drawn)
    ]


def _prediction(cells: list[Cell], evaluations: Sequence[Evaluation]) -> Chart | None:
    metric = holdout_metric(cells, evaluations)
    measured = [c for c in completed(cells) if quality(c, metric) is not None]
    if not measured and not evaluations:
        return None
    intervals = [
        f"{e.algorithm} {e.search} {wording.score(e.mean, e.metric)} "
        f"({wording.score(e.low, e.metric)} to {wording.score(e.high, e.metric)})"
        for e in evaluations
    ]
    holdouts = [f"{way(c)} on {c.engine} {wording.score(c.metrics[metric], metric)}" for c in measured]
    caption = "Hollow marks: one hold-out split, one mark for each engine."
    if evaluations:
        caption = "Full marks: mean of the repeated cross-validation with its 95 % interval. " + caption
    alt = "; ".join(
        filter(None, ("Cross-validated: " + ", ".join(intervals) if intervals else "", *holdouts))
    )
    return Chart("Quality", figures.prediction_quality(cells, evaluations), caption, alt)


def _clustering(cells: list[Cell]) -> Chart | None:
    measured = [c for c in completed(cells) if quality(c, "silhouette") is not None]
    if not measured:
        return None
    alt = "; ".join(f"{way(c)} on {c.engine} silhouette {c.metrics['silhouette']:.3f}" for c in measured)
    caption = "In the space the model was fitted in. One figure on all rows each: there is no interval."
    if any(quality(c, "silhouette") is None for c in completed(cells)):
        caption += " Without a mark: fewer than two clusters."
    return Chart("Quality", figures.clustering_quality(cells), caption, alt)


def _cost(name: str, cells: list[Cell]) -> Chart | None:
    if not completed(cells):
        return None
    alt = "; ".join(
        f"{c.engine} {c.search}: {wording.seconds(c.usage.wall_s)} s wall, "
        f"{wording.seconds(c.usage.cpu_s)} s CPU, {wording.mib(c.usage.peak_rss)} MiB"
        for c in completed(cells)
    )
    caption = (
        "Each measured once. Memory bars add the peaks of driver and workers; the figure beside them is the "
        "highest sum at one moment."
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
        "Lines: best score so far. Points: each trial's mean. Engines with the same scores share a line."
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
        "One point for each trial.",
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
    caption = f"The {longest} cells, the longest of this algorithm. 100 % is one full core."
    return Chart(f"{name}: resources over time", figures.resources(shown), caption, alt)
