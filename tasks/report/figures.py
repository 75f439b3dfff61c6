"""The report's charts, one function each; all return SVG."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from infra.monitoring import DRIVER
from tasks.report import drawing, wording
from tasks.report.drawing import COLOUR, GROUND, HATCH, INK, LINE, MARKER, chart
from tasks.report.selection import (
    completed,
    distinct_trials,
    engines_of,
    quality,
    search_metric,
    worker_memory,
)
from tasks.results import SEARCHES, Cell, Evaluation, Parameter, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Look = dict[str, Any]

_BAR = 0.19  # inches of height for each bar


@chart
def prediction_quality(cells: Sequence[Cell], evaluations: Sequence[Evaluation], holdout: str) -> "Figure":
    """Cross-validated mean with its 95 % interval, and the hold-out figure of each engine.

    Parameters
    ----------
    cells : sequence of Cell
        The cells of one data set.
    evaluations : sequence of Evaluation
        The cross-validated ways of the data set.
    holdout : str
        Key of `Cell.metrics` of the hold-out figure.
    """
    ways = list(dict.fromkeys([c.way for c in cells] + [e.way for e in evaluations]))
    labels = [str(way) for way in ways]
    metric = evaluations[0].metric if evaluations else holdout
    scale, unit = (100, " (%)") if wording.is_share(metric) else (1, "")
    figure, (axes,) = drawing.panels(1, 1, 0.46 * len(ways) + 0.25, left=drawing.text_width(labels))
    for y, way in enumerate(ways):
        for e in (e for e in evaluations if e.way == way):
            span = [[scale * (e.mean - e.low)], [scale * (e.high - e.mean)]]
            look: Look = {"color": COLOUR[way.search], "capsize": 4, "elinewidth": 2.4, "markersize": 8}
            axes.errorbar([scale * e.mean], [y], xerr=span, fmt="D", **look)
        for cell in (c for c in completed(cells) if c.way == way):
            measured = quality(cell, holdout)
            if measured is not None:
                _hollow(axes, scale * measured, y, cell)
    _rows(axes, labels, wording.metric_name(metric) + unit)
    interval = [("cross-validated mean, 95 % interval", {"color": INK, "marker": "D", "linewidth": 2})]
    marks = [(f"hold-out, {e}", _mark(e)) for e in engines_of(completed(cells))]
    drawing.legend(figure, (interval if evaluations else []) + marks)
    return figure


@chart
def clustering_quality(cells: Sequence[Cell]) -> "Figure":
    """Silhouette, Davies-Bouldin and Calinski-Harabasz of each way, one mark for each engine."""
    ways = list(dict.fromkeys(c.way for c in cells))
    labels = [str(w) for w in ways]
    titles = {
        "silhouette": "silhouette, higher is better",
        "davies_bouldin": "Davies-Bouldin, lower is better",
        "calinski_harabasz": "Calinski-Harabasz, higher is better",
    }
    figure, panels = drawing.panels(1, 3, 0.34 * len(ways) + 0.25, left=drawing.text_width(labels))
    offset = {engine: 0.2 * (i - 1) for i, engine in enumerate(MARKER)}
    for index, (axes, (metric, title)) in enumerate(zip(panels, titles.items(), strict=True)):
        for cell in completed(cells):
            value = quality(cell, metric)
            if value is not None:
                look: Look = {"color": COLOUR[cell.search], "marker": MARKER[cell.engine], "markersize": 6}
                axes.plot([value], [ways.index(cell.way) + offset[cell.engine]], linestyle="", **look)
        _rows(axes, labels if index == 0 else [""] * len(labels), title)
    looks = {e: {"color": INK, "marker": MARKER[e], "linestyle": ""} for e in engines_of(completed(cells))}
    drawing.legend(figure, list(looks.items()))
    return figure


def _hollow(axes: "Axes", x: float, y: float, cell: Cell) -> None:
    look: Look = {"markeredgecolor": COLOUR[cell.search], "markerfacecolor": "none", "markeredgewidth": 1.3}
    below = {"local": 0.2, "dask": 0.34, "spark": 0.48}[cell.engine]
    axes.plot([x], [y + below], marker=MARKER[cell.engine], markersize=5, linestyle="", **look)


def _mark(engine: str) -> Look:
    return {"color": INK, "marker": MARKER[engine], "linestyle": "", "markerfacecolor": "none"}


def _rows(axes: "Axes", labels: Sequence[str], title: str) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlabel(title)
    axes.margins(x=0.12)
    drawing.few_ticks(axes)
    drawing.quiet(axes, "x")


@chart
def cost(cells: Sequence[Cell]) -> "Figure":
    """Wall time, CPU time and peak memory of one algorithm, by engine and search."""
    labels = [f"{cell.engine} {cell.search}" for cell in cells]
    height = _BAR * len(cells) + 0.15
    figure, panels = drawing.panels(1, 3, height, left=drawing.text_width(labels), gap=0.55)
    _bars(panels[0], cells, lambda c: c.usage.wall_s, wording.seconds, "wall time (s)")
    _bars(panels[1], cells, lambda c: c.usage.cpu_s, wording.seconds, "CPU time, all processes (s)")
    _memory(panels[2], cells)
    for index, axes in enumerate(panels):
        axes.set_yticks(range(len(cells)), labels if index == 0 else [""] * len(cells))
        axes.set_ylim(len(cells) - 0.4, -0.6)
        axes.set_xlim(0, (axes.get_xlim()[1] or 1) * 1.16)
        drawing.few_ticks(axes, 4)
        drawing.quiet(axes, "x")
    looks = [(s, {"facecolor": COLOUR[s]}) for s in SEARCHES if any(c.search == s for c in cells)]
    hatches = [(e, _patch(INK, e)) for e in engines_of(cells)]
    memory = [("driver (full), workers (pale)", {"facecolor": INK, "alpha": 0.35})]
    drawing.legend(figure, looks + hatches + memory)
    return figure


def _patch(colour: str, engine: str) -> Look:
    return {"facecolor": colour, "hatch": HATCH[engine], "edgecolor": GROUND, "linewidth": 0}


def _bars(
    axes: "Axes",
    cells: Sequence[Cell],
    value: Callable[[Cell], float],
    words: Callable[[float], str],
    title: str,
) -> None:
    for y, cell in enumerate(cells):
        if cell.status != "completed":
            _beside(axes, 0, y, cell.status.replace("_", " "))
            continue
        axes.barh([y], [value(cell)], height=0.78, **_patch(COLOUR[cell.search], cell.engine))
        _beside(axes, value(cell), y, words(value(cell)))
    axes.set_xlabel(title)


def _beside(axes: "Axes", x: float, y: float, words: str) -> None:
    axes.annotate(words, (x, y), (3, 0), textcoords="offset points", va="center", size=7.5)


def _memory(axes: "Axes", cells: Sequence[Cell]) -> None:
    for y, cell in enumerate(cells):
        if cell.status != "completed":
            continue
        driver = cell.usage.driver.peak_rss / wording.MIB
        workers = worker_memory(cell) / wording.MIB
        look = _patch(COLOUR[cell.search], cell.engine)
        axes.barh([y], [driver], height=0.78, **look)
        axes.barh([y], [workers], left=[driver], height=0.78, alpha=0.45, **look)
        peak = cell.usage.peak_rss
        _beside(axes, max(driver + workers, peak / wording.MIB), y, wording.mib(peak))
    axes.set_xlabel("peak memory (MiB)")


@chart
def search_curve(cells: Sequence[Cell]) -> "Figure":
    """Best score so far against trials; engines with the same trials share one line."""
    searches = distinct_trials(cells)
    figure, (axes,) = drawing.panels(1, 1, 1.9, left=0.75)
    entries = []
    for owners, trials in searches:
        numbers, scores, best = _progress(trials)
        look: Look = {"color": COLOUR[owners[0].search]}
        axes.plot(
            numbers, scores, linestyle="", marker=MARKER[owners[0].engine], markersize=2.6, alpha=0.5, **look
        )
        axes.step(numbers, best, where="post", linewidth=1.8, linestyle=LINE[owners[0].engine], **look)
        engines = wording.listing([cell.engine for cell in owners])
        entries.append((f"{owners[0].search}, on {engines}", {**look, "linestyle": LINE[owners[0].engine]}))
    axes.set_xlabel("trial")
    axes.set_ylabel(_score_label(cells))
    drawing.few_ticks(axes, 10, integer=True)
    drawing.quiet(axes)
    drawing.legend(figure, entries)
    return figure


def _progress(trials: Sequence[Trial]) -> tuple[list[int], list[float], list[float]]:
    scored = [(i, t.mean_score) for i, t in enumerate(trials, 1) if t.mean_score is not None]
    best, highest = [], -math.inf
    for _, value in scored:
        highest = max(highest, value)
        best.append(highest)
    return [i for i, _ in scored], [value for _, value in scored], best


def _score_label(cells: Sequence[Cell]) -> str:
    return wording.metric_name(search_metric([cell for cell in cells if cell.trials]))


def searched_parameters(cells: Sequence[Cell]) -> list[str]:
    """Parameters for which the searches tried more than one value."""
    tried: dict[str, set[str]] = {}
    for cell in cells:
        for trial in cell.trials:
            for name, value in trial.params.items():
                tried.setdefault(name, set()).add(repr(value))
    return [name for name, values in tried.items() if len(values) > 1]


@chart
def parameter_scatter(cells: Sequence[Cell]) -> "Figure":
    """Score of every trial against each searched parameter, one panel a parameter."""
    names, searches = searched_parameters(cells), distinct_trials(cells)
    columns = min(4, len(names))
    rows = math.ceil(len(names) / columns)
    figure, panels = drawing.panels(rows, columns, 1.5, left=0.75, gap=0.3)
    for index, (axes, name) in enumerate(zip(panels, names, strict=False)):
        _scatter(
            axes, name, [(o[0].search, [t for t in ts if t.mean_score is not None]) for o, ts in searches]
        )
        if index % columns:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel(_score_label(cells))
    for axes in panels[len(names) :]:
        axes.remove()
    shown = dict.fromkeys(owners[0].search for owners, _ in searches)
    drawing.legend(figure, [(s, {"color": COLOUR[s], "marker": "o", "linestyle": ""}) for s in shown])
    return figure


def _scatter(axes: "Axes", name: str, searches: Sequence[tuple[str, list[Trial]]]) -> None:
    # trials that do not set the parameter have no point in this panel
    searches = [(search, [t for t in trials if name in t.params]) for search, trials in searches]
    values = [trial.params[name] for _, trials in searches for trial in trials]
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    places = {text: i for i, text in enumerate(dict.fromkeys(map(_category, values)))}
    for search, trials in searches:
        x: list[Any] = [t.params[name] if numeric else places[_category(t.params[name])] for t in trials]
        scores = [t.mean_score for t in trials if t.mean_score is not None]
        look: Look = {"color": COLOUR[search], "marker": "o", "markersize": 3.4, "alpha": 0.65}
        axes.plot(x, scores, linestyle="", markeredgewidth=0, **look)
    if not numeric:
        axes.set_xticks(range(len(places)), list(places))
        axes.margins(x=0.25)
    elif _spans_decades(values):
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        drawing.few_ticks(axes, 4)
    axes.set_xlabel(wording.one_line(name))
    drawing.quiet(axes)


def _category(value: Parameter) -> str:
    return wording.parameter(value)[:14]


def _spans_decades(values: Sequence[Any]) -> bool:
    return bool(values) and min(values) > 0 and max(values) / min(values) >= 20


@chart
def resources(cells: Sequence[Cell]) -> "Figure":
    """CPU and memory of driver and workers over time, one column for each cell (the engines)."""
    figure, panels = drawing.panels(2, len(cells), 1.05, left=0.75, gap=0.3, title=0.24)
    for row, (column, scale, label) in enumerate(((2, 1.0, "CPU (%)"), (3, 1 / wording.MIB, "memory (MiB)"))):
        top = (
            max((float(sample[column]) * scale for c in cells for sample in c.usage.series), default=1) * 1.1
        )
        for index, cell in enumerate(cells):
            axes = panels[row * len(cells) + index]
            _series(axes, cell, column, scale)
            axes.set_ylim(0, top or 1)
            drawing.few_ticks(axes, 4)
            drawing.quiet(axes)
            if row == 0:
                axes.set_title(f"{cell.engine} {cell.search}")
            else:
                axes.set_xlabel("time (s)")
            if index == 0:
                axes.set_ylabel(label)
            else:
                axes.set_yticklabels([])
    drawing.legend(figure, [("driver", {"color": INK}), ("each worker", {"color": COLOUR["grid"]})])
    return figure


def _series(axes: "Axes", cell: Cell, column: int, scale: float) -> None:
    start = min(sample[0] for sample in cell.usage.series)
    processes: dict[str, list[tuple[float, float]]] = {}
    for sample in cell.usage.series:
        processes.setdefault(sample[1], []).append((sample[0] - start, float(sample[column]) * scale))
    for name, points in processes.items():
        look: Look = {"color": INK if name == DRIVER else COLOUR["grid"], "linewidth": 1.1}
        if len(points) < 3:
            look["marker"] = "."
        times, values = zip(*drawing.thin(points), strict=True)
        axes.plot(times, values, alpha=0.85, **look)
