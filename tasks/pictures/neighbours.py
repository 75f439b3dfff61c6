"""Picture of the k-distance graph, from which DBSCAN's `eps` is chosen."""

from typing import Any

import numpy as np

from tasks.clustering.k_distances import k_distances
from tasks.pictures.figures import category_colour, figure_with_axes, png


def k_distance_curve(space: Any, eps: float, min_samples: int) -> str:
    """k-distance graph: the distance of each row to its `min_samples`-th nearest row, in ascending order.

    Parameters
    ----------
    space : ndarray of shape (n_samples, n_features)
        Rows in the space of the clustering.
    eps : float
        The chosen `eps`, drawn as a line.
    min_samples : int
        DBSCAN's `min_samples`; the row itself counts as the first.

    Returns
    -------
    str
        PNG in base64.
    """
    curve = k_distances(space, min_samples)
    figure, axes = figure_with_axes()
    percent = 100 * np.arange(1, len(curve) + 1) / len(curve)
    axes.plot(percent, curve, color=category_colour(0), linewidth=1.8)
    core = 100 * float(np.mean(curve <= eps))
    chosen = f"eps = {eps:.3g}: {core:.0f} % of the rows are core rows"
    axes.axhline(eps, color="black", linestyle="--", linewidth=1, label=chosen)
    axes.plot([core], [eps], marker="o", color="black")
    axes.legend(loc="upper left", frameon=False)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, None)
    axes.set_xlabel("rows (%), in ascending order of the distance")
    axes.set_ylabel(f"{min_samples}-distance (the row itself is the first neighbour)")
    return png(figure)
