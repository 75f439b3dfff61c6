"""Which cells belong together, in which order they are shown, and which of them is best."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tasks.results import Cell, Evaluation, Search, StudyResult, Trial

ENGINES = ("local", "dask", "spark")
SEARCHES: tuple[Search, ...] = ("baseline", "grid", "random")
HOLDOUT_ROWS = "holdout_rows"
"""Key of `Cell.metrics` under which the number of held-out rows is given."""
HOLDOUT_R2 = "holdout_r2"
"""Key of `Cell.metrics` by which regressions are ranked."""


class Way(NamedTuple):
    """A way to make a model: an algorithm as baseline or tuned by a search."""

    algorithm: str
    search: str

    def __str__(self) -> str:
        return f"{self.algorithm} {self.search}"


def way(cell: Cell) -> Way:
    """Algorithm and search of a cell."""
    return Way(cell.algorithm, cell.search)


def dataset_names(result: StudyResult) -> list[str]:
    """Names of the data sets, the described ones first, then those that only cells or scores name."""
    described = [d.name for d in result.datasets]
    measured = [cell.dataset for cell in result.cells]
    scored = [e.dataset for e in result.evaluations]
    pictured = [p.dataset for p in result.pictures]
    return list(dict.fromkeys([*described, *measured, *scored, *pictured]))


def is_clustering(result: StudyResult, dataset: str) -> bool:
    """Whether a data set is for clustering, as described or, failing a description, as measured."""
    for described in result.datasets:
        if described.name == dataset:
            return described.task == "clustering"
    return any("clusters" in cell.metrics for cell in result.cells if cell.dataset == dataset)


def cells_of(result: StudyResult, dataset: str) -> list[Cell]:
    """Cells of a data set by algorithm (in order of appearance), engine and search."""
    cells = [cell for cell in result.cells if cell.dataset == dataset]
    names = algorithms(cells)
    return sorted(
        cells, key=lambda c: (names.index(c.algorithm), ENGINES.index(c.engine), SEARCHES.index(c.search))
    )


def algorithms(cells: Iterable[Cell]) -> list[str]:
    """Algorithms in order of appearance."""
    return list(dict.fromkeys(cell.algorithm for cell in cells))


def engines_of(cells: Iterable[Cell]) -> list[str]:
    """Engines of the cells, in the order they are shown."""
    used = {cell.engine for cell in cells}
    return [engine for engine in ENGINES if engine in used]


def completed(cells: Iterable[Cell]) -> list[Cell]:
    """Cells that have a result."""
    return [cell for cell in cells if cell.status == "completed"]


def failed(cells: Iterable[Cell]) -> list[Cell]:
    """Cells that have none."""
    return [cell for cell in cells if cell.status == "failed"]


def space_of(cell: Cell) -> str:
    """Name of the space a clustering was fitted and scored in; empty where the cell does not say."""
    return cell.space


def quality_metric(cells: list[Cell]) -> str:
    """Metric by which the cells of one data set are ranked.

    Silhouettes of different spaces cannot be compared; there the ones on the raw columns are taken.
    """
    if any(HOLDOUT_R2 in cell.metrics for cell in cells):
        return HOLDOUT_R2
    if not any("clusters" in cell.metrics for cell in cells):
        return "holdout_accuracy"
    one_space = len({space_of(cell) for cell in cells if "silhouette" in cell.metrics}) <= 1
    return "silhouette" if one_space else "raw_silhouette"


def quality(cell: Cell, metric: str) -> float | None:
    """Value of a metric, None where the cell has no finite one."""
    value = cell.metrics.get(metric)
    return value if value is not None and math.isfinite(value) else None


def best_cell(cells: list[Cell]) -> Cell | None:
    """Cell with the highest quality; of equal ones the fastest."""
    metric = quality_metric(cells)
    scored = [(value, cell) for cell in completed(cells) if (value := quality(cell, metric)) is not None]
    if not scored:
        return None
    return max(scored, key=lambda pair: (round(pair[0], 9), -pair[1].usage.wall_s))[1]


def fastest(cells: Iterable[Cell]) -> Cell | None:
    """Completed cell with the shortest wall time."""
    return min(completed(cells), key=lambda cell: cell.usage.wall_s, default=None)


def holdout_metric(cells: Sequence[Cell], evaluations: Sequence[Evaluation]) -> str:
    """Key of the hold-out figure that is of the same kind as the cross-validated one."""
    auc = bool(evaluations) and evaluations[0].metric.endswith("auc")
    return "holdout_auc" if auc else quality_metric(list(cells))


def holdout_rows(cells: Iterable[Cell]) -> int | None:
    """Return the number of held-out rows, where the cells give it and agree on it."""
    counts = {int(cell.metrics[HOLDOUT_ROWS]) for cell in cells if quality(cell, HOLDOUT_ROWS)}
    return counts.pop() if len(counts) == 1 else None


def worker_memory(cell: Cell) -> int:
    """Sum of the peaks of a cell's workers, in bytes."""
    return sum(worker.peak_rss for worker in cell.usage.workers.values())


def distinct_trials(cells: Iterable[Cell]) -> list[tuple[list[Cell], list[Trial]]]:
    """Return the searches with their cells; engines that found the same scores share one entry."""
    found: list[tuple[list[Cell], list[Trial]]] = []
    for cell in cells:
        if not cell.trials:
            continue
        twin = next((entry for entry in found if _same_search(entry[0][0], cell)), None)
        if twin is None:
            found.append(([cell], cell.trials))
        else:
            twin[0].append(cell)
    return found


def _same_search(a: Cell, b: Cell) -> bool:
    same_way = way(a) == way(b) and len(a.trials) == len(b.trials)
    return same_way and all(
        x.params == y.params and close(x.mean_score, y.mean_score)
        for x, y in zip(a.trials, b.trials, strict=True)
    )


def close(a: float | None, b: float | None) -> bool:
    """Whether two scores are equal but for the order of summation."""
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
