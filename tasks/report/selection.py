"""Selection and order of cells, and the figures that several parts of the report take from them."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from infra.engines import ENGINES
from tasks.results import SEARCHES, Cell, Trial

HOLDOUT_ROWS = "holdout_rows"
"""Key of `Cell.metrics` under which the number of held-out rows is given."""


def in_order(cells: Iterable[Cell]) -> list[Cell]:
    """Cells by algorithm (in order of appearance), engine and search."""
    found = list(cells)
    names = algorithms(found)
    return sorted(
        found, key=lambda c: (names.index(c.algorithm), ENGINES.index(c.engine), SEARCHES.index(c.search))
    )


def algorithms(cells: Iterable[Cell]) -> list[str]:
    """Algorithms in order of appearance."""
    return list(dict.fromkeys(cell.algorithm for cell in cells))


def engines_of(cells: Iterable[Cell]) -> list[str]:
    """Engines of the cells, in the order in which engines are shown."""
    used = {cell.engine for cell in cells}
    return [engine for engine in ENGINES if engine in used]


def completed(cells: Iterable[Cell]) -> list[Cell]:
    """Cells that have a result."""
    return [cell for cell in cells if cell.status == "completed"]


def failed(cells: Iterable[Cell]) -> list[Cell]:
    """Cells that were run and have no result."""
    return [cell for cell in cells if cell.status == "failed"]


def too_large(cells: Iterable[Cell]) -> list[Cell]:
    """Cells that were not run, because the table has too many rows for them."""
    return [cell for cell in cells if cell.status == "too_large"]


def quality(cell: Cell, metric: str) -> float | None:
    """Value of a metric; None where the cell has no finite value."""
    value = cell.metrics.get(metric)
    return value if value is not None and math.isfinite(value) else None


def best_value(cells: Iterable[Cell], metric: str) -> float | None:
    """Highest value of a metric among the completed cells; None where no cell has a value."""
    values = [value for cell in completed(cells) if (value := quality(cell, metric)) is not None]
    return max(values, default=None)


def fastest(cells: Iterable[Cell]) -> Cell | None:
    """Completed cell with the shortest wall time."""
    return min(completed(cells), key=lambda cell: cell.usage.wall_s, default=None)


def holdout_rows(cells: Iterable[Cell]) -> int | None:
    """Return the number of held-out rows; None unless all cells with such a number have the same number."""
    counts = {int(cell.metrics[HOLDOUT_ROWS]) for cell in cells if quality(cell, HOLDOUT_ROWS)}
    return counts.pop() if len(counts) == 1 else None


def worker_memory(cell: Cell) -> int:
    """Sum of the peaks of a cell's workers, in bytes."""
    return sum(worker.peak_rss for worker in cell.usage.workers.values())


def distinct_trials(cells: Iterable[Cell]) -> list[tuple[list[Cell], list[Trial]]]:
    """Return the trials of each search with its cells; engines that found the same scores share one entry."""
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


def rounds_in_words(trials: Sequence[Trial]) -> str:
    """Return the rounds of a search over growing samples: '18 on 31,000 rows, 6 on 95,000 rows'; else ''.

    Parameters
    ----------
    trials : sequence of Trial
        The trials of one search.
    """
    counts = Counter(trial.rows for trial in trials if trial.rows is not None)
    return ", ".join(f"{count:,} on {rows:,} rows" for rows, count in sorted(counts.items()))


def _same_search(a: Cell, b: Cell) -> bool:
    same_way = a.way == b.way and len(a.trials) == len(b.trials)
    return same_way and all(
        x.params == y.params and close(x.mean_score, y.mean_score)
        for x, y in zip(a.trials, b.trials, strict=True)
    )


def close(a: float | None, b: float | None) -> bool:
    """Whether two scores are equal up to rounding, which depends on the order of summation."""
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)


def search_metric(cells: Sequence[Cell]) -> str:
    """Metric that the searches of the cells maximised; 'score' where no cell names a metric."""
    return next((cell.score_name for cell in cells if cell.score_name), "score")
