"""Pictures of clusterings side by side: rows in two principal components, and the silhouette of each row."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA

from tasks.clustering.metrics import silhouette_samples
from tasks.pictures.figures import category_colour, cluster_name, figure_with_panels, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LabelsByTitle = Mapping[str, Any]
"""Labels of the same rows, ndarray of shape (n_samples,), by the title of their clustering."""
MAX_LEGEND_ENTRIES = 8


def components(space: Any, labels_by_title: LabelsByTitle) -> str:
    """Scatter plot of the rows in their first two principal components, coloured by cluster.

    Parameters
    ----------
    space : ndarray of shape (n_samples, n_features)
        Rows in the space of the clusterings.
    labels_by_title : mapping of str to ndarray of shape (n_samples,)
        Labels of the rows, by the title of their clustering; each clustering has a panel.

    Returns
    -------
    str
        PNG in base64.
    """
    pca = PCA(n_components=min(2, space.shape[1])).fit(space)
    points = np.column_stack([pca.transform(space), np.zeros((len(space), 2 - pca.n_components_))])
    figure, row = figure_with_panels(len(labels_by_title))
    shares = [*pca.explained_variance_ratio_, 0.0]
    for axes, (title, labels) in zip(row, labels_by_title.items(), strict=True):
        _scatter(axes, points, labels)
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel(f"component 1 ({shares[0]:.0%} of the variance)")
    row[0].set_ylabel(f"component 2 ({shares[1]:.0%} of the variance)")
    return png(figure)


def _scatter(axes: "Axes", points: Any, labels: Any) -> None:
    clusters, sizes = np.unique(labels, return_counts=True)
    for index, (cluster, size) in enumerate(zip(clusters, sizes, strict=True)):
        rows = labels == cluster
        label = f"{cluster_name(cluster)} ({size})" if index < MAX_LEGEND_ENTRIES else None
        colour = category_colour(cluster)
        axes.scatter(points[rows, 0], points[rows, 1], s=18, alpha=0.8, color=colour, label=label)
    rest = f", {MAX_LEGEND_ENTRIES} of {len(clusters)}" if len(clusters) > MAX_LEGEND_ENTRIES else ""
    axes.legend(title=f"cluster (rows){rest}", fontsize="small", title_fontsize="small", frameon=False)


def silhouettes(space: Any, labels_by_title: LabelsByTitle) -> str:
    """Silhouette plot: the silhouette coefficient of each row as a bar, by cluster and by value.

    Parameters
    ----------
    space : ndarray of shape (n_samples, n_features)
        Rows in the space of the clusterings.
    labels_by_title : mapping of str to ndarray of shape (n_samples,)
        Labels of the rows, by the title of their clustering; each clustering has a panel.

    Returns
    -------
    str
        PNG in base64.
    """
    figure, row = figure_with_panels(len(labels_by_title))
    for axes, (title, labels) in zip(row, labels_by_title.items(), strict=True):
        values = silhouette_samples(space, labels)
        _silhouette_bars(axes, values, labels)
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel(f"silhouette coefficient\n(dashed: mean, {values.mean():.3f})")
    row[0].set_ylabel("rows by cluster", labelpad=34)
    return png(figure)


def _silhouette_bars(axes: "Axes", values: Any, labels: Any) -> None:
    start, gap = 0, max(1, len(values) // 30)
    for cluster in np.unique(labels):
        own = np.sort(values[labels == cluster])
        axes.barh(np.arange(start, start + len(own)), own, height=1.0, color=category_colour(cluster))
        beside: dict[str, Any] = {
            "xycoords": ("axes fraction", "data"),
            "ha": "right",
            "va": "center",
            "size": "small",
        }
        axes.annotate(cluster_name(cluster), (-0.02, start + (len(own) - 1) / 2), **beside)
        start += len(own) + gap
    axes.axvline(values.mean(), color="black", linestyle="--", linewidth=1)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
