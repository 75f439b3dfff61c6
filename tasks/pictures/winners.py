"""Which clusterings of a data set are drawn, and what is said of them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from tasks.clustering.labelings import NOISE
from tasks.datasets.preparation import PreparedDataset
from tasks.pictures.clusters import components, silhouettes
from tasks.pictures.merges import dendrogram
from tasks.pictures.neighbours import k_distance_curve
from tasks.registry import ALGORITHMS
from tasks.results import Cell, Picture

MOST_ROWS = 5_000
SHOWN = ("n_clusters", "linkage", "eps", "min_samples")
"""Parameters that a caption names."""


def pictures(dataset: PreparedDataset, cells: Sequence[Cell]) -> list[Picture]:
    """Pictures of a data set's best clustering and of what its algorithms saw; none for classification."""
    done = [cell for cell in cells if cell.status == "completed"]
    if dataset.task != "clustering" or not done:
        return []
    best = max(done, key=_score)
    drawn = [] if _score(best) == -math.inf else _of_the_best(dataset, best)
    for algorithm, draw in (("agglomerative", _merges), ("dbscan", _distances)):
        mine = [cell for cell in done if cell.algorithm == algorithm]
        if mine:
            drawn.append(draw(dataset, max(mine, key=_score)))
    return drawn


def _score(cell: Cell) -> float:
    """Silhouette; a clustering without one comes last."""
    return cell.metrics.get("silhouette", -math.inf)


def _of_the_best(dataset: PreparedDataset, best: Cell) -> list[Picture]:
    space, model = _fitted(dataset, best)
    space, labels = _thinned(space, model.labels_)
    k = len(set(labels) - {NOISE})
    return [
        Picture(
            title="The best clustering in the first two principal components",
            caption=f"Best by silhouette: {_words(best)}, {k} clusters. Each point is a row; the axes name the "
            "share of variance.",
            dataset=dataset.name,
            png=components(space, labels),
        ),
        Picture(
            title="The best clustering: silhouette of each row",
            caption=f"{_words(best)}, {k} clusters. Rows left of zero lie nearer to another cluster than to "
            "their own; noise counts as zero.",
            dataset=dataset.name,
            png=silhouettes(space, labels),
        ),
    ]


def _merges(dataset: PreparedDataset, cell: Cell) -> Picture:
    return Picture(
        title="Agglomerative clustering: the last merges",
        caption=f"{_words(cell)}. Two groups join at the height of their distance; lines below the cut have "
        "the colour of their cluster.",
        dataset=dataset.name,
        png=dendrogram(_fitted(dataset, cell)[1]),
    )


def _distances(dataset: PreparedDataset, cell: Cell) -> Picture:
    X, _ = dataset.load()
    space = _pipeline(dataset, cell)[:-1].fit_transform(X)
    eps, min_samples = float(cell.params["eps"] or 0), int(cell.params["min_samples"] or 1)
    return Picture(
        title="DBSCAN: how far rows are from their neighbours",
        caption=f"{_words(cell)}. Rows whose distance is eps or less are core rows; a curve that bends sharply "
        "tells dense rows from stray ones.",
        dataset=dataset.name,
        png=k_distance_curve(np.asarray(space), eps, min_samples),
    )


def _words(cell: Cell) -> str:
    chosen = [f"{name}={_plain(cell.params[name])}" for name in SHOWN if cell.params.get(name) is not None]
    title = ALGORITHMS[cell.algorithm].title
    return f"{title}, {cell.search}, {', '.join(chosen)}, {cell.space or 'standardised'} space"


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _pipeline(dataset: PreparedDataset, cell: Cell) -> Pipeline:
    pipeline = clone(ALGORITHMS[cell.algorithm].make(dataset, 0))
    pipeline[-1].set_params(**cell.params)
    return pipeline


def _fitted(dataset: PreparedDataset, cell: Cell) -> tuple[Any, Any]:
    """Space and fitted model of a cell."""
    X, _ = dataset.load()
    pipeline = _pipeline(dataset, cell).fit(X)
    return np.asarray(pipeline[:-1].transform(X)), pipeline[-1]


def _thinned(space: Any, labels: Any) -> tuple[Any, Any]:
    if len(space) <= MOST_ROWS:
        return space, labels
    keep = np.random.default_rng(0).choice(len(space), MOST_ROWS, replace=False)
    return space[keep], labels[keep]
