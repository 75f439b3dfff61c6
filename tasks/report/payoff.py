"""Which way to make a model pays off: the cheapest of those that nothing beats beyond the noise."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.report import noise, wording
from tasks.report.selection import (
    Way,
    cells_of,
    close,
    completed,
    fastest,
    holdout_rows,
    is_clustering,
    quality,
    quality_metric,
    way,
)
from tasks.results import Cell, StudyResult


@dataclass(frozen=True)
class Contender:
    """A way to make a model, its score, and the cell that made it fastest."""

    way: Way
    score: float
    words: str
    cell: Cell


Field = tuple[list[Contender], Callable[[Contender, Contender], bool]]


def contenders(result: StudyResult, dataset: str) -> Field:
    """Return the ways that can be compared, and the test whether two of them differ beyond the noise.

    Cross-validation decides where two ways were evaluated; else the hold-out or the silhouette.
    """
    cells = completed(cells_of(result, dataset))
    by_way: dict[Way, list[Cell]] = {}
    for cell in cells:
        by_way.setdefault(way(cell), []).append(cell)
    cheapest = {name: found for name, group in by_way.items() if (found := fastest(group)) is not None}
    evaluated, differ = _evaluated(result, dataset, cheapest)
    if len(evaluated) >= 2:
        return evaluated, differ
    return _measured(cheapest, quality_metric(cells), holdout_rows(cells), is_clustering(result, dataset))


def _evaluated(result: StudyResult, dataset: str, cheapest: dict[Way, Cell]) -> Field:
    evaluations = noise.evaluations_of(result, dataset)
    by_way = {Way(e.algorithm, e.search): e for e in evaluations if e.metric == evaluations[0].metric}
    judged = noise.verdicts(result, dataset)

    def differ(a: Contender, b: Contender) -> bool:
        return noise.evaluations_differ(by_way[a.way], by_way[b.way], judged)

    found = [
        Contender(
            name,
            e.mean,
            f"{wording.score(e.mean, e.metric)} {wording.metric_name(e.metric)}, 95 % interval "
            f"{wording.score(e.low, e.metric)} to {wording.score(e.high, e.metric)}",
            cheapest[name],
        )
        for name, e in by_way.items()
        if name in cheapest
    ]
    return found, differ


def _measured(cheapest: dict[Way, Cell], metric: str, rows: int | None, clustering: bool) -> Field:
    def differ(a: Contender, b: Contender) -> bool:
        if clustering:
            return abs(a.score - b.score) >= noise.SAME_SILHOUETTE
        return rows is not None and wording.is_share(metric) and noise.shares_differ(a.score, b.score, rows)

    found = [
        Contender(name, value, f"{wording.metric_name(metric)} {wording.score(value, metric)}", cell)
        for name, cell in cheapest.items()
        if (value := quality(cell, metric)) is not None
    ]
    return found, differ


def payoff(result: StudyResult, dataset: str) -> str | None:
    """Return the sentence that names the model and engine that pay off; None where nothing was scored."""
    field, differ = contenders(result, dataset)
    if not field:
        return None
    best = max(field, key=lambda c: c.score)
    level = [c for c in field if c is best or not differ(best, c)]
    limit = noise.SAME_TIME * min(c.cell.usage.wall_s for c in level)
    chosen = max((c for c in level if c.cell.usage.wall_s <= limit), key=lambda c: c.score)
    words = (
        f"What paid off: {chosen.way} on {chosen.cell.engine} ({chosen.words}; "
        f"{wording.duration(chosen.cell.usage.wall_s)})."
    )
    return f"{words} {_why(best, chosen, level, field)}".rstrip()


def _why(best: Contender, chosen: Contender, level: list[Contender], field: list[Contender]) -> str:
    if len(field) == 1:
        return ""
    if len(level) == 1:
        return "Every other one scores lower by more than the noise."
    if close(chosen.score, best.score) and chosen is not best:
        return f"{best.way} scored the same and took {_cost(best)}."
    if chosen is best:
        return "It scored highest, and none within the noise of it was clearly cheaper."
    return f"{best.way} scored highest ({best.words}), but not beyond the noise, and took {_cost(best)}."


def _cost(contender: Contender) -> str:
    return f"{wording.duration(contender.cell.usage.wall_s)} on {contender.cell.engine}"
