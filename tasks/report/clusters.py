"""What a reader of clusterings must know: the space of a score, scores that are missing, lopsided sizes."""

from tasks.report import wording
from tasks.report.selection import best_cell, completed, quality, space_of, way
from tasks.results import Cell

LOPSIDED = 0.9
"""Share of the rows in one cluster above which a clustering is said to set a few rows apart."""


def cluster_findings(cells: list[Cell]) -> list[str]:
    """Return a sentence if the best clustering is lopsided, and one for each way that found no two clusters."""
    unscored = {str(way(cell)): _unscored(cell) for cell in completed(cells) if _has_no_score(cell)}
    return [*_lopsided(cells), *(f"{name}: {words}" for name, words in unscored.items())]


def _lopsided(cells: list[Cell]) -> list[str]:
    best = best_cell(cells)
    share = best and quality(best, "largest_share")
    if not best or not share or share <= LOPSIDED:
        return []
    return [
        f"Mind the sizes: one cluster of {way(best)} holds {wording.score(share, 'largest_share')} of the rows. "
        "A silhouette is high where a few outlying rows are set apart from all others."
    ]


def _has_no_score(cell: Cell) -> bool:
    return "clusters" in cell.metrics and quality(cell, "silhouette") is None


def _unscored(cell: Cell) -> str:
    clusters, noise = int(cell.metrics["clusters"]), quality(cell, "noise_share")
    beside = f" ({wording.score(noise, 'noise_share')} of the rows are noise)" if noise else ""
    why = "with fewer than two" if clusters < 2 else "with one row in each"
    return f"{wording.count(clusters, 'cluster')}{beside}; {why} there is no silhouette."


def spaces_in_words(cells: list[Cell]) -> str:
    """Return which spaces scores hold in, and why they differ."""
    spaces = sorted({space_of(cell) for cell in completed(cells) if space_of(cell)})
    where = f"the space the model was fitted in ({wording.listing(spaces)})" if spaces else "the fitted space"
    return (
        f"Silhouette, Davies-Bouldin and Calinski-Harabasz hold in {where}, where every column weighs alike; "
        "'raw' scores the same clusters on the columns as they are, where those of the largest numbers decide. "
        "Figures of different spaces cannot be compared."
    )
