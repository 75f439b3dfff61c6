"""The curve that DBSCAN's `eps` is read from, and the one that was chosen."""

from typing import Any

import numpy as np

from tasks.clustering.k_distances import k_distances
from tasks.pictures.canvas import canvas, colour, png


def k_distance_curve(space: Any, eps: float, min_samples: int) -> str:
    """Distance to the `min_samples`-th nearest row of each row in ascending order, with `eps`."""
    curve = k_distances(space, min_samples)
    figure, axes = canvas()
    shares = 100 * np.arange(1, len(curve) + 1) / len(curve)
    axes.plot(shares, curve, color=colour(0), linewidth=1.8)
    core = 100 * float(np.mean(curve <= eps))
    chosen = f"eps = {eps:.3g}: {core:.0f} % are core rows"
    axes.axhline(eps, color="black", linestyle="--", linewidth=1, label=chosen)
    axes.plot([core], [eps], marker="o", color="black")
    axes.legend(loc="upper left", frameon=False)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, None)
    axes.set_xlabel("share of rows (%), nearest neighbours first")
    axes.set_ylabel(f"radius that holds {min_samples} rows, itself included")
    return png(figure)
