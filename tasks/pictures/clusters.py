"""Clusterings of the same rows side by side: as points in two dimensions, and how well each row lies."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA

from tasks.clustering.metrics import silhouette_samples
from tasks.pictures.canvas import colour, name, panels, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Labelings = Mapping[str, Any]
"""Labels of the rows by the title of their clustering."""
MOST_NAMED = 8


def components(space: Any, labelings: Labelings) -> str:
    """Rows in the first two principal components of the space, coloured by cluster."""
    pca = PCA(n_components=min(2, space.shape[1])).fit(space)
    points = np.column_stack([pca.transform(space), np.zeros((len(space), 2 - pca.n_components_))])
    figure, row = panels(len(labelings))
    shares = [*pca.explained_variance_ratio_, 0.0]
    for axes, (title, labels) in zip(row, labelings.items(), strict=True):
        _points(axes, points, labels)
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel(f"first component ({shares[0]:.0%} of variance)")
    row[0].set_ylabel(f"second component ({shares[1]:.0%} of variance)")
    return png(figure)


def _points(axes: "Axes", points: Any, labels: Any) -> None:
    clusters, sizes = np.unique(labels, return_counts=True)
    for index, (cluster, size) in enumerate(zip(clusters, sizes, strict=True)):
        rows = labels == cluster
        label = f"{name(cluster)} ({size})" if index < MOST_NAMED else None
        axes.scatter(points[rows, 0], points[rows, 1], s=18, alpha=0.8, color=colour(cluster), label=label)
    rest = f", {MOST_NAMED} of {len(clusters)}" if len(clusters) > MOST_NAMED else ""
    axes.legend(title=f"cluster (rows){rest}", fontsize="small", title_fontsize="small", frameon=False)


def silhouettes(space: Any, labelings: Labelings) -> str:
    """Silhouette of each row as a bar, by cluster and value."""
    figure, row = panels(len(labelings))
    for axes, (title, labels) in zip(row, labelings.items(), strict=True):
        values = silhouette_samples(space, labels)
        _bars(axes, values, labels)
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel(f"silhouette (dashed: mean {values.mean():.3f})")
    row[0].set_ylabel("rows, by cluster", labelpad=34)
    return png(figure)


def _bars(axes: "Axes", values: Any, labels: Any) -> None:
    start, gap = 0, max(1, len(values) // 30)
    for cluster in np.unique(labels):
        own = np.sort(values[labels == cluster])
        axes.barh(np.arange(start, start + len(own)), own, height=1.0, color=colour(cluster))
        beside: dict[str, Any] = {
            "xycoords": ("axes fraction", "data"),
            "ha": "right",
            "va": "center",
            "size": "small",
        }
        axes.annotate(name(cluster), (-0.02, start + (len(own) - 1) / 2), **beside)
        start += len(own) + gap
    axes.axvline(values.mean(), color="black", linestyle="--", linewidth=1)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
