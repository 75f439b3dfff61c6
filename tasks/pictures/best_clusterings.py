"""Pictures of the best clustering of each algorithm, with its dendrogram or its k-distance graph."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tasks.algorithms.base import ModelOptions
from tasks.clustering import k_distances
from tasks.datasets.prepared import PreparedDataset
from tasks.pictures.clusters import components, silhouettes
from tasks.pictures.drawn_clusters import MOST_ROWS, DrawnClusters
from tasks.pictures.merges import dendrogram
from tasks.pictures.neighbours import k_distance_curve
from tasks.registry import ALGORITHMS
from tasks.report.cluster_words import objection
from tasks.report.wording import parameter
from tasks.results import Cell, Picture

SHOWN = ("n_clusters", "linkage", "eps", "min_samples")
"""Parameters that a caption names."""


@dataclass(frozen=True)
class BestClustering:
    """The best clustering of an algorithm.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set.
    cell : Cell
        The cell whose parameters made the clustering.
    """

    dataset: PreparedDataset
    cell: Cell

    @cached_property
    def pipeline(self) -> Any:
        """The steps and the unfitted model with the parameters of the cell."""
        pipeline = ALGORITHMS[self.cell.algorithm].make(self.dataset, ModelOptions())
        pipeline[-1].set_params(**self.cell.params)
        return pipeline

    @cached_property
    def space(self) -> Any:
        """All rows in the space of the clustering, float64, shape (rows, n_features)."""
        return np.asarray(self.pipeline[:-1].fit_transform(self.dataset.load()[0]))

    @cached_property
    def model(self) -> Any:
        """The model, fitted to all rows."""
        return self.pipeline[-1].fit(self.space)

    @cached_property
    def rows(self) -> DrawnClusters:
        """Rows with their clusters: all rows of a small table, and those of a large table that the cell kept."""
        if self.cell.model:
            return DrawnClusters.load(Path(self.cell.model))
        return DrawnClusters(self.space, self.model.labels_)


def clustering_pictures(dataset: PreparedDataset, cells: Sequence[Cell]) -> list[Picture]:
    """Draw the best clustering of each algorithm, side by side and each by itself.

    The best one has the highest silhouette among the clusterings that can be recommended; an algorithm without such a
    clustering is drawn with the highest silhouette that it has.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set.
    cells : sequence of Cell
        The completed cells of the data set.
    """
    winners = [
        max((c for c in cells if c.algorithm == a), key=_score) for a in {c.algorithm: 0 for c in cells}
    ]
    winners.sort(key=_score, reverse=True)
    best = [BestClustering(dataset, cell) for cell in winners]
    drawn = _side_by_side(dataset, [one for one in best if "silhouette" in one.cell.metrics])
    return drawn + [OWN_PICTURE[one.cell.algorithm](one) for one in best if one.cell.algorithm in OWN_PICTURE]


def _score(cell: Cell) -> tuple[bool, float]:
    """Rank of a cell: whether its clustering can be recommended, then its silhouette, if it has one."""
    return objection(cell) is None, cell.metrics.get("silhouette", -math.inf)


def _side_by_side(dataset: PreparedDataset, best: Sequence[BestClustering]) -> list[Picture]:
    """Clusters and silhouettes of the winners, the best first; an empty list if there are no winners."""
    if not best:
        return []
    space = best[0].rows.space
    whole = {ALGORITHMS[one.cell.algorithm].title: one.rows.labels for one in best}
    kept = _some_rows(list(whole.values()))
    labelings = {title: labels[kept] for title, labels in whole.items()}
    words = "; ".join(_words(one.cell) for one in best)
    rows = f" {len(kept):,} of {dataset.rows:,} rows are drawn." if len(kept) < dataset.rows else ""
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


def _merges(best: BestClustering) -> Picture:
    return Picture(
        title="Agglomerative clustering: the last merges",
        caption=f"{_words(best.cell)}. Two groups merge at the height of their distance; the lines below the dashed "
        "cut have the colour of their cluster.",
        dataset=best.dataset.name,
        png=dendrogram(best.model),
    )


def _distances(best: BestClustering) -> Picture:
    count, model = len(best.space), best.pipeline[-1]
    sample = (
        f" The curve is that of {k_distances.MOST_ROWS:,} of {count:,} rows."
        if count > k_distances.MOST_ROWS
        else ""
    )
    return Picture(
        title="DBSCAN: k-distance graph",
        caption=f"{_words(best.cell)}. The curve shows the distance of each row to its min_samples-th nearest row. "
        "Rows with a distance of eps or less are core rows; a sharp bend of the curve separates rows in dense regions "
        f"from outliers.{sample}",
        dataset=best.dataset.name,
        png=k_distance_curve(best.space, model.eps, model.min_samples),
    )


def _words(cell: Cell) -> str:
    chosen = [f"{name}={parameter(cell.params[name])}" for name in SHOWN if cell.params.get(name) is not None]
    title = ALGORITHMS[cell.algorithm].title
    return f"{title}, {cell.search}, {', '.join(chosen)}, {cell.space} space"


OWN_PICTURE: Mapping[str, Callable[[BestClustering], Picture]] = {
    "agglomerative": _merges,
    "dbscan": _distances,
}
"""Functions that draw one more picture of an algorithm's clustering, by the name of the algorithm."""
