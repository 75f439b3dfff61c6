"""First centres of K-means: drawn as scikit-learn draws them, or by k-means|| from the rows where they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import sklearn.cluster
from numpy.typing import NDArray
from sklearn.cluster import kmeans_plusplus

from infra.engines import ArraySource, Blocks, Engine
from infra.engines.blocks import Span
from infra.engines.collective import Communicator
from tasks.clustering.assignment import assign
from tasks.clustering.sources import PairedSource, WeightedRows

Array = NDArray[Any]
SAMPLE_BLOCKS = 16
SAMPLE_ROWS_PER_CLUSTER = 1024
ROUNDS = 5  # Bahmani et al., section 5: more rounds bring no gain
OVERSAMPLING = 2  # expected candidates of a round, as a multiple of the number of clusters


def sample_for_seeds(source: PairedSource, n_clusters: int, random_state: Any) -> WeightedRows:
    """Rows that the first centres are drawn from: all rows of an array, a random sample of the rows of a path.

    Parameters
    ----------
    source : PairedSource
        Source whose blocks have the arrays of `WeightedRows`.
    n_clusters : int
        Number of clusters; the size of a sample grows with it.
    random_state : RandomState
        Source of random numbers; not used for an array.

    Returns
    -------
    WeightedRows
        Rows, and a weight for each of them.
    """
    if isinstance(source.rows, ArraySource):
        given = WeightedRows(source.rows.arrays[0], source.paired)
        return WeightedRows(given.X, given.weight_of_each())
    blocks = random_state.permutation(source.n_blocks)[:SAMPLE_BLOCKS]
    rows = np.concatenate([source.block(int(i))[0] for i in np.sort(blocks)])
    count = min(len(rows), SAMPLE_ROWS_PER_CLUSTER * n_clusters)
    sample = rows[np.sort(random_state.choice(len(rows), count, replace=False))]
    return WeightedRows(sample, np.ones(count))


def random_rows(sample: WeightedRows, n_clusters: int, random_state: Any) -> Array:
    """Draw distinct rows with chances in proportion to their weights.

    Parameters
    ----------
    sample : WeightedRows
        Rows to draw from, and a weight for each of them.
    n_clusters : int
        Number of rows to draw.
    random_state : RandomState
        Source of random numbers.

    Returns
    -------
    ndarray of shape (n_clusters, n_features), dtype of the rows
    """
    p = sample.weights / sample.weights.sum()
    return np.asarray(sample.X[random_state.choice(len(sample.X), n_clusters, replace=False, p=p)])


def plus_plus(sample: WeightedRows, n_clusters: int, random_state: Any) -> Array:
    """Draw rows by k-means++, from centred rows as scikit-learn's K-means does.

    Parameters
    ----------
    sample : WeightedRows
        Rows to draw from, and a weight for each of them.
    n_clusters : int
        Number of rows to draw.
    random_state : RandomState
        Source of random numbers.

    Returns
    -------
    ndarray of shape (n_clusters, n_features), dtype of the rows

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding" (2007).
    """
    centred = sample.X - sample.X.mean(axis=0)
    picks = kmeans_plusplus(centred, n_clusters, sample_weight=sample.weights, random_state=random_state)[1]
    return np.asarray(sample.X[picks])


def parallel(engine: Engine, blocks: Blocks, n_clusters: int, random_state: Any) -> Array:
    """First centres by k-means||: a few rounds draw candidates from all rows, then the candidates are clustered.

    The weight of a candidate is the sum of the weights of the rows that are nearest to it.

    Parameters
    ----------
    engine : Engine
        The engine that holds the blocks.
    blocks : Blocks
        Resident blocks, each with the arrays of `WeightedRows`.
    n_clusters : int
        Number of centres.
    random_state : RandomState
        Source of random numbers.

    Returns
    -------
    ndarray of shape (n_clusters, n_features), float64

    References
    ----------
    Bahmani, Moseley, Vattani, Kumar and Vassilvitskii, "Scalable k-means++" (2012), algorithm 2.
    """
    seed = int(random_state.randint(np.iinfo(np.int32).max))
    candidates = engine.run_group(_candidates, blocks, blocks.spans, n_clusters, seed)[0]
    n_missing = n_clusters - len(candidates.X)
    if n_missing >= 0:  # hardly more distinct rows than clusters
        repeated = np.arange(n_missing) % len(candidates.X)
        return np.concatenate([candidates.X, candidates.X[repeated]])
    model = sklearn.cluster.KMeans(n_clusters, n_init=1, random_state=random_state)
    return np.asarray(model.fit(candidates.X, sample_weight=candidates.weights).cluster_centers_)


def _candidates(
    span: Sequence[Any], communicator: Communicator, spans: tuple[Span, ...], n_clusters: int, seed: int
) -> WeightedRows:
    """One worker's part of k-means||; all workers return the same candidates with their weights."""
    start = spans[communicator.rank].start
    weights = [WeightedRows(*block).weight_of_each() for block in span]
    chosen = _first_candidate(span, weights, communicator, np.random.default_rng(seed))
    distances = [assign(X, chosen)[1].astype(np.float64) for X, _ in span]
    for draw in range(ROUNDS):
        costs = [(own * squared).sum() for own, squared in zip(weights, distances, strict=True)]
        total = sum(cost for part in communicator.allgather(costs) for cost in part)
        if total == 0:  # every row is a candidate
            break
        drawn = []
        for number, ((X, _), own, squared) in enumerate(zip(span, weights, distances, strict=True), start):
            chances = OVERSAMPLING * n_clusters * own * squared / total
            drawn.append(X[np.random.default_rng([seed, draw, number]).random(len(X)) < chances])
        new = np.concatenate([rows for part in communicator.allgather(drawn) for rows in part])
        if not len(new):
            continue
        chosen = np.concatenate([chosen, new.astype(np.float64)])
        for (X, _), squared in zip(span, distances, strict=True):
            np.minimum(squared, assign(X, new)[1], out=squared)
    nearest = [
        np.bincount(assign(X, chosen)[0], own, len(chosen)) for (X, _), own in zip(span, weights, strict=True)
    ]
    total_weights = sum(part for parts in communicator.allgather(nearest) for part in parts)
    return WeightedRows(chosen, np.asarray(total_weights))


def _first_candidate(
    span: Sequence[Any], weights: list[Array], communicator: Communicator, random: np.random.Generator
) -> Array:
    """One of all rows, drawn with a chance in proportion to its weight; float64, shape (1, n_features)."""
    totals = [float(own.sum()) for own in weights]
    everyone = communicator.allgather(totals)
    target = random.random() * sum(total for part in everyone for total in part)
    before = sum(total for part in everyone[: communicator.rank] for total in part)
    found = None
    for i, total in enumerate(totals):
        if before <= target < before + total:
            row = int(np.searchsorted(np.cumsum(weights[i]), target - before, side="right"))
            found = span[i][0][min(row, len(weights[i]) - 1)].copy()
        before += total
    rows = [row for row in communicator.allgather(found) if row is not None]
    return np.asarray(rows[:1], dtype=np.float64)
