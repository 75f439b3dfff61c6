"""Sentences about clusterings: the space of a score, missing scores, and clusters of very unequal size."""

import math
from collections.abc import Sequence

from tasks.clustering.silhouette_means import COMPARED_ROWS
from tasks.report import noise, wording
from tasks.report.selection import completed, quality
from tasks.results import Cell

LOPSIDED = 0.9
"""Share of the rows in one cluster, or in noise, above which a clustering is not recommended."""


def objection(cell: Cell) -> str | None:
    """Reason against a clustering: one cluster holds nearly all rows, or nearly all rows are noise; else None."""
    largest, noisy = quality(cell, "largest_share") or 0.0, quality(cell, "noise_share") or 0.0
    if largest > LOPSIDED:
        return f"one cluster holds {wording.score(largest, 'largest_share')} of the rows"
    if noisy > LOPSIDED:
        return f"{wording.score(noisy, 'noise_share')} of the rows are noise"
    return None


def findings(cells: Sequence[Cell]) -> list[str]:
    """Return a sentence for each way whose clustering has no silhouette."""
    unscored = {str(cell.way): _unscored(cell) for cell in completed(cells) if _has_no_score(cell)}
    return [f"{name}: {words}" for name, words in unscored.items()]


def _has_no_score(cell: Cell) -> bool:
    return "clusters" in cell.metrics and quality(cell, "silhouette") is None


def _unscored(cell: Cell) -> str:
    clusters, noisy = int(cell.metrics["clusters"]), quality(cell, "noise_share")
    beside = f" ({wording.score(noisy, 'noise_share')} of the rows are noise)" if noisy else ""
    needed = "two clusters" if clusters < 2 else "one cluster with two rows"
    return f"{wording.count(clusters, 'cluster')}{beside}; a silhouette needs at least {needed}."


def gain(searched: Cell, baseline: Cell) -> str | None:
    """Return a sentence with the silhouettes of a search and of its baseline, and the meaning of the difference."""
    a, b = quality(searched, "silhouette"), quality(baseline, "silhouette")
    if a is None:
        return None
    if b is None:
        return f"silhouette {wording.score(a, 'silhouette')}; the baseline has no silhouette."
    words = f"silhouette {wording.score(a, 'silhouette')}, the baseline {wording.score(b, 'silhouette')}"
    where = f" in the space '{searched.space}'" if searched.space else ""
    if abs(a - b) < noise.SAME_SILHOUETTE:
        return f"{words}{where}: another seed alone can cause this difference."
    error = math.hypot(_error(searched), _error(baseline))
    if abs(a - b) < 2 * error:
        return f"{words}{where}: the error of the two estimates can cause this difference."
    side = "higher" if a > b else "lower"
    size = wording.gap(a - b, "silhouette")
    wrong = objection(searched)
    warning = f" Mind the sizes: {wrong}." if wrong else ""
    basis = (
        f"each silhouette is an estimate; the standard error of the difference is at most {error:.3f}"
        if error
        else "each silhouette is one figure on all rows, without an interval"
    )
    return f"{words}{where}: {size} {side} ({basis}).{warning}"


def basis(cell: Cell) -> str:
    """Return how the silhouette of a cell was measured: on all rows, or estimated, with the standard error."""
    rows = quality(cell, "silhouette_rows")
    if not rows:
        return "on all rows"
    compared = f"each compared with up to {COMPARED_ROWS:,} rows of each cluster"
    return f"on {rows:,.0f} sampled rows, {compared} (standard error {_error(cell):.3f})"


def estimates(cells: Sequence[Cell]) -> list[str]:
    """Return how the silhouettes of a large table are estimated; no sentence where they are exact."""
    rows = max((quality(cell, "silhouette_rows") or 0.0 for cell in completed(cells)), default=0.0)
    if not rows:
        return []
    return [
        f"The silhouettes of this large table are estimates: the mean silhouette of {rows:,.0f} rows drawn at random, "
        f"each compared with the rows of each cluster, at most {COMPARED_ROWS:,} of one. All clusterings are scored on "
        "the same sampled rows. The standard error says how far an estimate typically lies from the silhouette of all "
        "rows. Davies-Bouldin and Calinski-Harabasz are exact."
    ]


def _error(cell: Cell) -> float:
    return quality(cell, "silhouette_error") or 0.0


def spaces(cells: Sequence[Cell]) -> str:
    """Return in which spaces the scores are computed, and why the scores differ between spaces."""
    names = sorted({cell.space for cell in completed(cells) if cell.space})
    where = f"the space the model was fitted in ({wording.listing(names)})" if names else "the fitted space"
    return (
        f"Silhouette, Davies-Bouldin and Calinski-Harabasz are computed in {where}, where all columns have the same "
        "weight; figures called 'raw' are computed for the same clusters on the raw columns, where columns with "
        "large numbers dominate. Figures of different spaces cannot be compared."
    )
