"""Pictures of the best clustering of each algorithm, with its dendrogram or its k-distance graph."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tasks.algorithms.base import ModelOptions
from tasks.clustering import k_distances
from tasks.datasets.prepared import PreparedDataset
from tasks.pictures.clusters import components, silhouettes
from tasks.pictures.merges import dendrogram
from tasks.pictures.neighbours import k_distance_curve
from tasks.registry import ALGORITHMS
from tasks.report.cluster_words import objection
from tasks.report.wording import parameter
from tasks.results import Cell, Picture

MOST_ROWS = 5_000
SHOWN = ("n_clusters", "linkage", "eps", "min_samples")
"""Parameters that a caption names."""


class FittedClustering(NamedTuple):
    """The model of a cell, and the rows in the space that the model was fitted in."""

    space: Any
    model: Any


def clustering_pictures(dataset: PreparedDataset, cells: Sequence[Cell]) -> list[Picture]:
    """Draw the best clustering of each algorithm, side by side and each by itself.

    The best one has the highest silhouette among the clusterings that can be recommended; an algorithm without such a
    clustering is drawn with the highest silhouette that it has.
    """
    winners = [
        max((c for c in cells if c.algorithm == a), key=_score) for a in {c.algorithm: 0 for c in cells}
    ]
    winners.sort(key=_score, reverse=True)
    fitted = {cell.algorithm: _fitted(dataset, cell) for cell in winners}
    drawn = _side_by_side(dataset, [cell for cell in winners if "silhouette" in cell.metrics], fitted)
    own = [(OWN_PICTURE[cell.algorithm], cell) for cell in winners if cell.algorithm in OWN_PICTURE]
    return drawn + [draw(dataset, cell, fitted[cell.algorithm]) for draw, cell in own]


def _score(cell: Cell) -> tuple[bool, float]:
    """Rank of a cell: whether its clustering can be recommended, then its silhouette, if it has one."""
    return objection(cell) is None, cell.metrics.get("silhouette", -math.inf)


def _fitted(dataset: PreparedDataset, cell: Cell) -> FittedClustering:
    X, _ = dataset.load()
    pipeline = ALGORITHMS[cell.algorithm].make(dataset, ModelOptions())
    pipeline[-1].set_params(**cell.params)
    pipeline.fit(X)
    return FittedClustering(np.asarray(pipeline[:-1].transform(X)), pipeline[-1])


def _side_by_side(
    dataset: PreparedDataset, winners: Sequence[Cell], fitted: Mapping[str, FittedClustering]
) -> list[Picture]:
    """Clusters and silhouettes of the winners, the best first; an empty list if there are no winners."""
    if not winners:
        return []
    space = fitted[winners[0].algorithm].space
    whole = {ALGORITHMS[cell.algorithm].title: fitted[cell.algorithm].model.labels_ for cell in winners}
    kept = _some_rows(list(whole.values()))
    labelings = {title: labels[kept] for title, labels in whole.items()}
    words = "; ".join(map(_words, winners))
    rows = f" {len(kept):,} of {len(space):,} rows are drawn." if len(kept) < len(space) else ""
    among = " Their coefficients are computed among the drawn rows alone." if rows else ""
    return [
        Picture(
            title="Clusters in the first two principal components",
            caption=f"The best clustering of each algorithm, the highest silhouette first: {words}. Each point is a "
            f"row; the axis labels give the share of the variance that a component explains.{rows}",
            dataset=dataset.name,
            png=components(space[kept], labelings),
        ),
        Picture(
            title="Silhouette of each row",
            caption=f"Each bar shows the silhouette coefficient of one row, in the best clustering of each algorithm: "
            f"{words}. A row below zero is nearer to another cluster than to its own cluster; the coefficient of noise "
            f"and of a row alone in its cluster is zero.{rows}{among}",
            dataset=dataset.name,
            png=silhouettes(space[kept], labelings),
        ),
    ]


def _some_rows(labelings: Sequence[Any]) -> Any:
    """Numbers of the rows to draw: all rows, or a sample in which every cluster has at least one row."""
    count = len(labelings[0])
    if count <= MOST_ROWS:
        return np.arange(count)
    drawn = np.random.default_rng(0).choice(count, MOST_ROWS, replace=False)
    firsts = [np.unique(labels, return_index=True)[1] for labels in labelings]
    return np.unique(np.concatenate([drawn, *firsts]))


def _merges(dataset: PreparedDataset, cell: Cell, fitted: FittedClustering) -> Picture:
    return Picture(
        title="Agglomerative clustering: the last merges",
        caption=f"{_words(cell)}. Two groups merge at the height of their distance; the lines below the dashed cut "
        "have the colour of their cluster.",
        dataset=dataset.name,
        png=dendrogram(fitted.model),
    )


def _distances(dataset: PreparedDataset, cell: Cell, fitted: FittedClustering) -> Picture:
    count = len(fitted.space)
    sample = (
        f" The curve is that of {k_distances.MOST_ROWS:,} of {count:,} rows."
        if count > k_distances.MOST_ROWS
        else ""
    )
    return Picture(
        title="DBSCAN: k-distance graph",
        caption=f"{_words(cell)}. The curve shows the distance of each row to its min_samples-th nearest row. Rows "
        "with a distance of eps or less are core rows; a sharp bend of the curve separates rows in dense regions "
        f"from outliers.{sample}",
        dataset=dataset.name,
        png=k_distance_curve(fitted.space, fitted.model.eps, fitted.model.min_samples),
    )


def _words(cell: Cell) -> str:
    chosen = [f"{name}={parameter(cell.params[name])}" for name in SHOWN if cell.params.get(name) is not None]
    title = ALGORITHMS[cell.algorithm].title
    return f"{title}, {cell.search}, {', '.join(chosen)}, {cell.space} space"


OWN_PICTURE: Mapping[str, Callable[[PreparedDataset, Cell, FittedClustering], Picture]] = {
    "agglomerative": _merges,
    "dbscan": _distances,
}
"""Functions that draw one more picture of an algorithm's clustering, by the name of the algorithm."""
