"""First centres for K-means: drawn as scikit-learn draws them, or by k-means|| where the rows are."""

from typing import Any

import numpy as np
import sklearn.cluster
from numpy.typing import NDArray
from sklearn.cluster import kmeans_plusplus

from infra.engines import ArraySource, Blocks, BlockSource, Engine
from infra.engines.blocks import Span
from infra.engines.collective import Communicator
from tasks.clustering import kernels
from tasks.clustering.base import weights_of

Array = NDArray[Any]
SAMPLE_BLOCKS = 16
SAMPLE_ROWS_A_CLUSTER = 1024
ROUNDS = 5  # Bahmani et al., section 5: no gain beyond
OVERSAMPLING = 2  # candidates of a round, as a multiple of the clusters


def sample_for_seeds(source: BlockSource, n_clusters: int, random_state: Any) -> tuple[Array, Array]:
    """Rows that seeds are drawn from, with their weights: all of an array, some of a path."""
    if isinstance(source, ArraySource):
        X, *weights = source.arrays
        return X, weights_of(X, tuple(weights))
    blocks = random_state.permutation(source.n_blocks)[:SAMPLE_BLOCKS]
    rows = np.concatenate([source.block(int(i))[0] for i in np.sort(blocks)])
    count = min(len(rows), SAMPLE_ROWS_A_CLUSTER * n_clusters)
    sample = rows[np.sort(random_state.choice(len(rows), count, replace=False))]
    return sample, np.ones(count)


def random_rows(sample: Array, weights: Array, n_clusters: int, random_state: Any) -> Array:
    """Distinct rows, drawn by weight."""
    p = weights / weights.sum()
    return np.asarray(sample[random_state.choice(len(sample), n_clusters, replace=False, p=p)])


def plus_plus(sample: Array, weights: Array, n_clusters: int, random_state: Any) -> Array:
    """k-means++ (Arthur and Vassilvitskii, 2007) by scikit-learn, on centred rows as its K-means has them."""
    centred = sample - sample.mean(axis=0)
    picks = kmeans_plusplus(centred, n_clusters, sample_weight=weights, random_state=random_state)[1]
    return np.asarray(sample[picks])


def parallel(engine: Engine, blocks: Blocks, n_clusters: int, random_state: Any) -> Array:
    """k-means||: a few rounds draw candidates from all rows, then the candidates themselves are clustered.

    Each candidate weighs what the rows nearest to it weigh.

    Parameters
    ----------
    engine, blocks
        Resident `(X, [weights])`.
    n_clusters : int
    random_state : RandomState

    Returns
    -------
    ndarray of shape (n_clusters, n_features), float64

    References
    ----------
    Bahmani, Moseley, Vattani, Kumar and Vassilvitskii, "Scalable k-means++" (2012), algorithm 2.
    """
    seed = int(random_state.randint(np.iinfo(np.int32).max))
    candidates, weights = engine.run_group(_candidates, blocks, blocks.spans, n_clusters, seed)[0]
    if len(candidates) <= n_clusters:  # hardly more distinct rows than clusters
        short = n_clusters - len(candidates)
        return np.concatenate([candidates, candidates[np.arange(short) % len(candidates)]])
    model = sklearn.cluster.KMeans(n_clusters, n_init=1, random_state=random_state)
    return np.asarray(model.fit(candidates, sample_weight=weights).cluster_centers_)


def _candidates(
    span: list[Any], communicator: Communicator, spans: tuple[Span, ...], n_clusters: int, seed: int
) -> tuple[Array, Array]:
    """One member's part of the rounds; all members return the same candidates and weights."""
    start = spans[communicator.rank].start
    held = [(block[0], weights_of(block[0], block[1:])) for block in span]
    chosen = _first(held, communicator, np.random.default_rng(seed))
    distances = [kernels.assign(X, chosen)[1].astype(np.float64) for X, _ in held]
    for draw in range(ROUNDS):
        costs = [(w * squared).sum() for (_, w), squared in zip(held, distances, strict=True)]
        total = sum(cost for part in communicator.allgather(costs) for cost in part)
        if total == 0:  # every row is a candidate
            break
        mine = []
        for number, ((X, w), squared) in enumerate(zip(held, distances, strict=True), start):
            chances = OVERSAMPLING * n_clusters * w * squared / total
            mine.append(X[np.random.default_rng([seed, draw, number]).random(len(X)) < chances])
        new = np.concatenate([rows for part in communicator.allgather(mine) for rows in part])
        if not len(new):
            continue
        chosen = np.concatenate([chosen, new.astype(np.float64)])
        for (X, _), squared in zip(held, distances, strict=True):
            np.minimum(squared, kernels.assign(X, new)[1], out=squared)
    nearest = [np.bincount(kernels.assign(X, chosen)[0], w, len(chosen)) for X, w in held]
    weights = sum(counts for part in communicator.allgather(nearest) for counts in part)
    return chosen, np.asarray(weights)


def _first(held: list[tuple[Array, Array]], communicator: Communicator, random: np.random.Generator) -> Array:
    """One row of all, drawn by weight; float64, shape (1, n_features)."""
    totals = [float(w.sum()) for _, w in held]
    everyone = communicator.allgather(totals)
    target = random.random() * sum(total for part in everyone for total in part)
    before = sum(total for part in everyone[: communicator.rank] for total in part)
    found = None
    for (X, w), total in zip(held, totals, strict=True):
        if before <= target < before + total:
            found = X[min(int(np.searchsorted(np.cumsum(w), target - before, side="right")), len(X) - 1)]
        before += total
    rows = [row for row in communicator.allgather(found) if row is not None]
    return np.asarray(rows[:1], dtype=np.float64)
