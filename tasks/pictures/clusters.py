"""Clusters as points in two dimensions, and how well each row lies in its own."""

from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from tasks.clustering.metrics import silhouette_samples
from tasks.pictures.canvas import canvas, colour, name, png

MOST_NAMED = 12


def components(space: Any, labels: Any) -> str:
    """Rows in the first two principal components of the space, coloured by cluster."""
    pca = PCA(n_components=min(2, space.shape[1])).fit(space)
    points = np.column_stack([pca.transform(space), np.zeros((len(space), 2 - pca.n_components_))])
    figure, axes = canvas()
    clusters, sizes = np.unique(labels, return_counts=True)
    for index, (cluster, size) in enumerate(zip(clusters, sizes, strict=True)):
        rows = labels == cluster
        label = f"{name(cluster)} ({size})" if index < MOST_NAMED else None
        look = {"s": 22, "alpha": 0.8, "color": colour(cluster)}
        axes.scatter(points[rows, 0], points[rows, 1], label=label, **look)
    shares = [*pca.explained_variance_ratio_, 0.0]
    axes.set_xlabel(f"first component ({shares[0]:.0%} of variance)")
    axes.set_ylabel(f"second component ({shares[1]:.0%} of variance)")
    axes.legend(title="cluster (rows)", fontsize="small", frameon=False)
    return png(figure)


def silhouettes(space: Any, labels: Any) -> str:
    """Silhouette of each row as a bar, by cluster and value."""
    values = silhouette_samples(space, labels)
    figure, axes = canvas()
    start = 0
    gap = max(1, len(values) // 60)
    for cluster in np.unique(labels):
        own = np.sort(values[labels == cluster])
        axes.barh(np.arange(start, start + len(own)), own, height=1.0, color=colour(cluster))
        place = (-0.01, start + (len(own) - 1) / 2)
        axes.annotate(name(cluster), place, xycoords=("axes fraction", "data"), ha="right", va="center")
        start += len(own) + gap
    axes.axvline(values.mean(), color="black", linestyle="--", linewidth=1)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel(f"silhouette coefficient (dashed: mean {values.mean():.3f})")
    axes.set_ylabel("rows, by cluster", labelpad=34)
    axes.set_yticks([])
    return png(figure)
