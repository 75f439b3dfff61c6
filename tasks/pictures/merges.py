"""The dendrogram of an agglomerative clustering, and where it is cut."""

from typing import Any

import numpy as np

from tasks.clustering.dendrogram import linkage_matrix
from tasks.pictures.canvas import ABOVE, canvas, colour, png

MOST_LEAVES = 30


def dendrogram(model: Any) -> str:
    """Last merges of a fitted `AgglomerativeClustering`, in the colours of its clusters."""
    from matplotlib.colors import to_hex
    from scipy.cluster import hierarchy

    merges = linkage_matrix(model)
    cut = cut_height(model)
    cluster_of = cluster_of_each_node(model)
    rows_of = np.concatenate([np.ones(model.n_leaves_), merges[:, 3]])
    figure, axes = canvas()
    hierarchy.dendrogram(
        merges,
        p=MOST_LEAVES,
        truncate_mode="lastp",
        leaf_label_func=lambda node: f"{rows_of[node]:.0f}",
        link_color_func=lambda node: to_hex(colour(cluster_of[node])) if cluster_of[node] >= 0 else ABOVE,
        no_labels=model.n_leaves_ <= MOST_LEAVES,
        leaf_rotation=90,
        ax=axes,
    )
    axes.axhline(cut, color="black", linestyle="--", linewidth=1)
    axes.set_ylabel(f"distance of the merge (dashed: the cut, {model.n_clusters_} clusters)")
    whole = f"each of the {model.n_leaves_:,} rows"
    few = f"rows of each of the last {MOST_LEAVES} groups, {model.n_leaves_:,} in all"
    axes.set_xlabel(few if model.n_leaves_ > MOST_LEAVES else whole)
    axes.tick_params(axis="x", labelsize=7)
    return png(figure)


def cut_height(model: Any) -> float:
    """Distance half-way between the last merge that was made and the first that was not."""
    distances = model.distances_
    made = model.n_leaves_ - model.n_clusters_
    below = distances[made - 1] if made else 0.0
    above = distances[made] if made < len(distances) else 1.1 * distances[-1]
    return float(below + above) / 2


def cluster_of_each_node(model: Any) -> Any:
    """Cluster of each node of the tree, -1 above the cut."""
    n, labels = model.n_leaves_, model.labels_
    clusters = np.concatenate([labels, np.full(n - 1, -1)])
    for merge, (left, _) in enumerate(model.children_[: n - model.n_clusters_]):
        clusters[n + merge] = clusters[left]
    return clusters
