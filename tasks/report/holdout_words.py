"""Sentences about hold-out figures: the size of the hold-out, and the meaning of a difference."""

from collections.abc import Sequence

from tasks.report import noise, wording
from tasks.report.selection import best_value, holdout_rows, quality
from tasks.results import Cell


def gain(searched: Cell, baseline: Cell, metric: str) -> str | None:
    """Return a sentence with the figures of a search and of its baseline, and the meaning of the difference.

    Parameters
    ----------
    searched : Cell
        The cell of the search.
    baseline : Cell
        The cell with default parameters.
    metric : str
        Key of `Cell.metrics`.
    """
    a, b = quality(searched, metric), quality(baseline, metric)
    if a is None:
        return None
    name = wording.metric_name(metric)
    if b is None:
        return f"{name} {wording.score(a, metric)}; the baseline has no {name}."
    words = f"{name} {wording.score(a, metric)}, the baseline {wording.score(b, metric)}"
    rows = holdout_rows([searched, baseline]) if wording.is_share(metric) else None
    return f"{words}, {_judgement(a, b, rows)}."


def _judgement(a: float, b: float, rows: int | None) -> str:
    if rows is None:
        return "without an interval, so no difference is claimed"
    error = 100 * noise.standard_error(a, rows)
    basis = f"on {rows:,} rows with a standard error of {error:.1f} points"
    if noise.shares_differ(a, b, rows):
        return f"{basis}: the difference is beyond the noise, but it was measured on one split only"
    return f"{basis}: the difference is within the noise, so no difference is shown"


def size_of_an_error(cells: Sequence[Cell], metric: str) -> list[str]:
    """Return a sentence with the weight of one hold-out row and the standard error of the best share."""
    rows, best = holdout_rows(cells), best_value(cells, metric)
    if not rows or best is None:
        return []
    error = 100 * noise.standard_error(best, rows)
    return [
        f"The hold-out has n = {rows:,} rows: one row counts {100 / rows:.2g} points, and the standard error of the "
        f"best {wording.metric_name(metric)} is {error:.1f} points."
    ]
