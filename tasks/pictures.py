"""Pictures of a data set and its winning models, made where the data is."""

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA

from tasks.clustering.labelings import NOISE
from tasks.clustering.metrics import silhouette_samples
from tasks.datasets.preparation import PreparedDataset
from tasks.registry import ALGORITHMS
from tasks.results import Cell, Picture

MOST_ROWS = 5_000


def pictures(dataset: PreparedDataset, cells: Sequence[Cell]) -> list[Picture]:
    """Pictures of the best clustering of a data set; none for classification."""
    done = [cell for cell in cells if cell.status == "completed"]
    if dataset.task != "clustering" or not done:
        return []
    best = max(done, key=lambda cell: cell.metrics["silhouette"])
    space, labels = _clustering(dataset, best)
    k = len(set(labels) - {NOISE})
    where = f"{best.algorithm}, {best.search}, k={k}, standardised space"
    return [
        Picture(
            title="Clusters in the first two principal components",
            caption=f"Best by silhouette: {where}. Each point is a row; the axes name the share of variance.",
            dataset=dataset.name,
            png=_components(space, labels),
        ),
        Picture(
            title="Silhouette of each row",
            caption=f"{where}. Rows left of zero lie nearer to another cluster than to their own.",
            dataset=dataset.name,
            png=_silhouettes(space, labels),
        ),
    ]


def _clustering(dataset: PreparedDataset, cell: Cell) -> tuple[Any, Any]:
    X, _ = dataset.load()
    pipeline = clone(ALGORITHMS[cell.algorithm].make(dataset, 0))
    pipeline[-1].set_params(**cell.params)
    pipeline.fit(X)
    space, labels = np.asarray(pipeline[:-1].transform(X)), pipeline[-1].labels_
    if len(space) > MOST_ROWS:
        keep = np.random.default_rng(0).choice(len(space), MOST_ROWS, replace=False)
        space, labels = space[keep], labels[keep]
    return space, labels


def _components(space: Any, labels: Any) -> str:
    from matplotlib.figure import Figure

    pca = PCA(n_components=min(2, space.shape[1])).fit(space)
    points = np.column_stack([pca.transform(space), np.zeros((len(space), 2 - pca.n_components_))])
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for cluster in np.unique(labels):
        rows = labels == cluster
        axes.scatter(
            points[rows, 0],
            points[rows, 1],
            s=22,
            alpha=0.8,
            label=f"{_name(cluster)} ({rows.sum()})",
            color=_colour(cluster),
        )
    shares = [*pca.explained_variance_ratio_, 0.0]
    axes.set_xlabel(f"first component ({shares[0]:.0%} of variance)")
    axes.set_ylabel(f"second component ({shares[1]:.0%} of variance)")
    axes.legend(title="cluster (rows)", fontsize="small", frameon=False)
    return _png(figure)


def _silhouettes(space: Any, labels: Any) -> str:
    from matplotlib.figure import Figure

    values = silhouette_samples(space, labels)
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    start = 0
    for cluster in np.unique(labels):
        own = np.sort(values[labels == cluster])
        axes.barh(np.arange(start, start + len(own)), own, height=1.0, color=_colour(cluster))
        axes.text(-0.02, start + len(own) / 2, _name(cluster), ha="right", va="center")
        start += len(own) + max(1, len(values) // 60)
    axes.axvline(values.mean(), color="black", linestyle="--", linewidth=1)
    axes.set_xlabel(f"silhouette coefficient (dashed: mean {values.mean():.3f})")
    axes.set_ylabel("rows, by cluster")
    axes.set_yticks([])
    return _png(figure)


def _name(cluster: int) -> str:
    return "noise" if cluster == NOISE else str(cluster)


def _colour(cluster: int) -> Any:
    from matplotlib import colormaps

    if cluster == NOISE:
        return "lightgrey"
    return colormaps["tab10"](int(cluster) % 10)


def _png(figure: Any) -> str:
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return base64.b64encode(stream.getvalue()).decode()
