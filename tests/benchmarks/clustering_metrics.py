"""Benchmark of the silhouettes of one and of many clusterings against scikit-learn on one thread."""

from typing import Any

import numpy as np
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from tasks.clustering.metrics import cluster_metrics
from tests.benchmarks.timing import in_turn, row

ROWS, COLUMNS = 20_000, 10
CLUSTERS = range(2, 32)
PEER_LABELINGS = 3  # scikit-learn starts anew for each labeling: the time of all follows from a few


def data() -> tuple[Any, list[Any]]:
    """Rows, and thirty labelings of them into 2 to 31 clusters: sectors of the plane of the first two columns."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, COLUMNS))
    angle = np.arctan2(X[:, 1], X[:, 0]) / (2 * np.pi) + 0.5
    return X, [np.minimum((angle * k).astype(int), k - 1) for k in CLUSTERS]


def rows() -> list[dict[str, object]]:
    """Measure one labeling, and thirty labelings in one pass."""
    X, labelings = data()
    cluster_metrics(X[:200], [labels[:200] for labels in labelings])  # compiles
    with threadpool_limits(1):
        one = in_turn(
            lambda: cluster_metrics(X, labelings[:1], metrics=["silhouette"]),
            lambda: silhouette_score(X, labelings[0]),
            rounds=3,
        )
        many = in_turn(
            lambda: cluster_metrics(X, labelings, metrics=["silhouette"]),
            lambda: [silhouette_score(X, labels) for labels in labelings[:PEER_LABELINGS]],
            rounds=2,
        )
    peer = [seconds * len(labelings) / PEER_LABELINGS for seconds in many[1]]
    size = f"{ROWS:,} x {COLUMNS}"
    return [
        row(f"silhouette of one clustering, {size}, one thread", *one, aim="below 0.2"),
        row(
            f"silhouettes of {len(labelings)} clusterings in one pass, {size}, one thread (scikit-learn: "
            f"{PEER_LABELINGS} measured, times {len(labelings) // PEER_LABELINGS})",
            many[0],
            peer,
            aim="below 0.05",
        ),
    ]
