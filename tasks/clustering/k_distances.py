"""Distances of rows to their k-th nearest row: the curve from which `eps` of DBSCAN is chosen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

Array = NDArray[Any]
MOST_ROWS = (
    1_000  # enough for quantiles; with a sample the time grows with the number of rows, not with its square
)
SEED = 0  # of the sample


def k_distances(X: Array, k: int) -> Array:
    """Distance of each row to the k-th nearest row, of which the row itself is the first.

    So k counts rows as `min_samples` of DBSCAN does: a row is a core row if `eps` is at least its distance. At
    the quantile q of the curve, `eps` makes a share q of the rows core rows. If the table has more than `MOST_ROWS`
    rows, the distances are computed for a sample of the rows, to the nearest of all rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    k : int
        Number of the nearest row, at most n_samples.

    Returns
    -------
    ndarray of shape (min(n_samples, MOST_ROWS),), float64
        Distances, ascending.

    References
    ----------
    Ester, Kriegel, Sander and Xu, "A density-based algorithm for discovering clusters" (1996), section 4.2.
    """
    sample = X
    if len(X) > MOST_ROWS:
        sample = X[np.sort(np.random.default_rng(SEED).choice(len(X), MOST_ROWS, replace=False))]
    distances, _ = NearestNeighbors(n_neighbors=k).fit(X).kneighbors(sample)
    return np.sort(distances[:, -1])


def knee(curve: Array) -> float:
    """Value at the knee of an ascending curve: the point farthest below the line from its first to its last point.

    References
    ----------
    Satopää, Albrecht, Irwin and Raghavan, "Finding a kneedle in a haystack" (2011).
    """
    chord = np.linspace(curve[0], curve[-1], len(curve))
    return float(curve[np.argmax(chord - curve)])
