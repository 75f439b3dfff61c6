"""Picture of the dendrogram of an agglomerative clustering, and of the height at which it is cut."""

from typing import Any

import numpy as np

from tasks.clustering.dendrogram import linkage_matrix
from tasks.pictures.figures import NO_CLUSTER, category_colour, figure_with_axes, png

MAX_LEAVES = 30


def dendrogram(model: Any) -> str:
    """Dendrogram of the last merges of a fitted `AgglomerativeClustering`, in the colours of its clusters."""
    from matplotlib.colors import to_hex
    from scipy.cluster import hierarchy

    linkage = linkage_matrix(model)
    cluster_of = cluster_of_each_node(model)
    sizes = np.concatenate([np.ones(model.n_leaves_), linkage[:, 3]])

    def colour(node: int) -> str:
        return to_hex(category_colour(cluster_of[node])) if cluster_of[node] >= 0 else NO_CLUSTER

    figure, axes = figure_with_axes()
    truncated = model.n_leaves_ > MAX_LEAVES
    hierarchy.dendrogram(
        linkage,
        p=MAX_LEAVES,
        truncate_mode="lastp",
        leaf_label_func=lambda node: f"{sizes[node]:.0f}",
        link_color_func=colour,
        no_labels=not truncated,
        leaf_rotation=90,
        ax=axes,
    )
    axes.axhline(cut_height(model), color="black", linestyle="--", linewidth=1)
    axes.set_ylabel(f"distance of the merge (dashed: cut into {model.n_clusters_} clusters)")
    last = f"number of rows in each of the last {MAX_LEAVES} groups ({model.n_leaves_:,} rows in all)"
    axes.set_xlabel(last if truncated else f"each of the {model.n_leaves_:,} rows")
    axes.tick_params(axis="x", labelsize=7)
    return png(figure)


def cut_height(model: Any) -> float:
    """Return the distance half-way between the last merge below the cut and the first merge above it."""
    distances = model.distances_
    made = model.n_leaves_ - model.n_clusters_
    below = distances[made - 1] if made else 0.0
    above = distances[made] if made < len(distances) else 1.1 * distances[-1]
    return float(below + above) / 2


def cluster_of_each_node(model: Any) -> Any:
    """Return the cluster of each node of the tree, -1 for a node above the cut."""
    n, labels = model.n_leaves_, model.labels_
    clusters = np.concatenate([labels, np.full(n - 1, -1)])
    for merge, (left, _) in enumerate(model.children_[: n - model.n_clusters_]):
        clusters[n + merge] = clusters[left]
    return clusters
