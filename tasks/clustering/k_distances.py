"""How far rows are from their k-th nearest: the curve that DBSCAN's `eps` is read from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

Array = NDArray[Any]
MOST_ROWS = 1_000  # enough for quantiles; the time then grows with the rows, not with their square


def k_distances(X: Array, k: int, seed: int = 0) -> Array:
    """Distance of each row to the k-th nearest row, itself the first, as DBSCAN's `min_samples` counts.

    A row is a core row for an `eps` that is at least its distance: the curve's quantile q is the `eps` at
    which a share q of the rows are core rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    k : int
        At most n_samples.
    seed : int, default=0
        Draws `MOST_ROWS` rows of a larger table; their neighbours are looked for among all rows.

    Returns
    -------
    ndarray of shape (min(n_samples, MOST_ROWS),), float64
        Ascending.

    References
    ----------
    Ester, Kriegel, Sander and Xu, "A density-based algorithm for discovering clusters" (1996), section 4.2.
    """
    asked = X
    if len(X) > MOST_ROWS:
        asked = X[np.sort(np.random.default_rng(seed).choice(len(X), MOST_ROWS, replace=False))]
    distances, _ = NearestNeighbors(n_neighbors=k).fit(X).kneighbors(asked)
    return np.sort(distances[:, -1])


def knee(curve: Array) -> float:
    """Height at which an ascending curve bends: where it lies farthest below the chord of its ends.

    References
    ----------
    Satopää, Albrecht, Irwin and Raghavan, "Finding a kneedle in a haystack" (2011).
    """
    chord = np.linspace(curve[0], curve[-1], len(curve))
    return float(curve[np.argmax(chord - curve)])
