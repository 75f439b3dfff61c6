"""DBSCAN in any dimension: blocks are broadcast to the workers one at a time, so that no worker holds all rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.engines import Blocks, Engine
from infra.engines.blocks import Span
from infra.engines.collective import Communicator
from tasks.clustering.density import boxes
from tasks.clustering.density.boxes import BoxedRows
from tasks.clustering.density.core import CoreCondition, DensityClustering
from tasks.clustering.kd_partition import KDPartition
from tasks.clustering.labelings import NOISE
from tasks.clustering.sources import WeightedRows
from tasks.clustering.union_find import flatten, unite_pairs

Array = NDArray[Any]
NO_CLUSTER = np.iinfo(np.int64).max
NO_ROW = np.iinfo(np.int64).max


@dataclass
class DBSCANBlock:
    """One block, and what is known about its rows.

    Rows are in the order of their boxes.
    """

    number: int
    row_numbers: Array
    """int64, shape (n,): numbers of the rows among all rows."""
    rows: BoxedRows
    weights: Array
    """float64, shape (n,)."""
    neighbour_weights: Array = field(init=False)
    """float64, shape (n,): weight of the neighbours found so far."""
    core: Array = field(init=False)
    """bool, shape (n,): whether each row is a core row."""
    clusters: Array = field(init=False)
    """int64, shape (n,): cluster of a core row; for another row the lowest cluster found so far."""

    def __post_init__(self) -> None:
        self.neighbour_weights = np.zeros(len(self.row_numbers))
        self.core = np.zeros(len(self.row_numbers), dtype=bool)
        self.clusters = np.full(len(self.row_numbers), NO_CLUSTER)


class BlockExtent(NamedTuple):
    """Size and bounding box of a block."""

    low: Array
    """float64, shape (n_features,)."""
    high: Array
    """float64, shape (n_features,)."""
    n_rows: int


class BlockResult(NamedTuple):
    """Result for the rows of one block."""

    row_numbers: Array
    """int64, shape (n,): numbers of the rows among all rows."""
    labels: Array
    """int64, shape (n,)."""
    core: Array
    """bool, shape (n,)."""


def cluster(
    engine: Engine, blocks: Blocks, block_rows: int, partition: KDPartition, condition: CoreCondition
) -> DensityClustering:
    """Cluster rows with any number of columns by DBSCAN.

    Parameters
    ----------
    engine : Engine
        The engine that holds the blocks.
    blocks : Blocks
        Resident blocks, each with the arrays of `WeightedRows`.
    block_rows : int
        Number of rows of a block.
    partition : KDPartition
        Regions of space; the rows of each become one new block.
    condition : CoreCondition
        Condition for core rows.

    Notes
    -----
    Three passes find the core rows, the clusters of core rows, and the clusters of the other rows. In each
    pass every block is broadcast to the workers, which compare it with those of their own blocks whose
    bounding boxes are within eps of its own. Beside its blocks and one broadcast block a worker holds one
    integer for each of all rows: the union-find of the clusters.
    """
    compact = engine.shuffle(_cut, blocks, len(partition), partition, block_rows)
    parts = engine.run_group(_cluster_blocks, compact, compact.spans, condition)
    results = [result for part in parts for result in part]
    n = sum(len(result.row_numbers) for result in results)
    found = DensityClustering(np.empty(n, dtype=np.int64), np.empty(n, dtype=bool))
    for result in results:
        found.labels[result.row_numbers], found.core[result.row_numbers] = result.labels, result.core
    return found


def _cut(
    number: int, X: Array, weights: Array, partition: KDPartition, block_rows: int
) -> list[tuple[Array, ...]]:
    """Rows of a block for every region: their numbers, and the rows."""
    index = np.arange(len(X)) + number * block_rows
    owner = partition.region_of(X)
    here = [np.flatnonzero(owner == region) for region in range(len(partition))]
    return [(index[rows], *WeightedRows(X, weights).take(rows)) for rows in here]


def _cluster_blocks(
    span: list[Any], communicator: Communicator, spans: tuple[Span, ...], condition: CoreCondition
) -> list[BlockResult]:
    """One worker's part, while all other workers do theirs."""
    start = spans[communicator.rank].start
    held = {
        number: _boxed(number, index, WeightedRows(X, weights))
        for number, (index, X, weights) in enumerate(span, start)
        if len(index)
    }
    broadcasts = Broadcasts(held, communicator, spans, condition.eps)
    _sum_neighbour_weights(broadcasts, condition)
    for block in held.values():
        block.core = block.neighbour_weights >= condition.min_weight
    _number_clusters(broadcasts, _core_roots(broadcasts, condition.eps))
    _label_borders(broadcasts, condition.eps)
    return [
        BlockResult(
            block.row_numbers, np.where(block.clusters == NO_CLUSTER, NOISE, block.clusters), block.core
        )
        for block in held.values()
    ]


def _boxed(number: int, index: Array, rows: WeightedRows) -> DBSCANBlock:
    order, boxed = boxes.sort_into_boxes(rows.X.astype(np.float64))
    return DBSCANBlock(number, index[order], boxed, rows.weight_of_each()[order])


def _extent(block: DBSCANBlock) -> BlockExtent:
    return BlockExtent(block.rows.lows.min(axis=0), block.rows.highs.max(axis=0), len(block.row_numbers))


class Broadcasts:
    """The blocks of all workers, broadcast in the order of their numbers.

    Parameters
    ----------
    held : dict of int to DBSCANBlock
        Blocks of this worker by number; none is empty.
    communicator : Communicator
        Connection to the other workers.
    spans : tuple of Span
        Numbers of the blocks of each worker.
    eps : float
        Largest distance of two neighbours.

    Attributes
    ----------
    starts : dict of int to int
        Place of the first row of each block in the union-find of all rows.
    n_rows : int
        Number of all rows.
    """

    def __init__(
        self, held: dict[int, DBSCANBlock], communicator: Communicator, spans: tuple[Span, ...], eps: float
    ) -> None:
        self.held = held
        self.communicator = communicator
        self.eps = eps
        self._spans = spans
        mine = {number: _extent(block) for number, block in held.items()}
        extents = {number: one for part in communicator.allgather(mine) for number, one in part.items()}
        self._numbers = np.fromiter(extents, dtype=np.int64)
        self._lows = np.array([extent.low for extent in extents.values()])
        self._highs = np.array([extent.high for extent in extents.values()])
        stops = np.cumsum([0, *(extent.n_rows for extent in extents.values())]).tolist()
        self.starts = dict(zip(extents, stops, strict=False))
        self.n_rows = stops[-1]

    def __iter__(self) -> Iterator[tuple[DBSCANBlock, bool]]:
        """Blocks that this worker receives, and whether all workers receive the same one at this moment."""
        for number in self._numbers.tolist():
            home = next(span for span in self._spans if span.start <= number < span.stop)
            if all(home.start <= other < home.stop for other in self._near(number)):
                if number in self.held:
                    yield self.held[number], False
            else:
                received = self.communicator.allgather(self.held.get(number))
                yield self.held.get(number) or next(block for block in received if block), True

    def _near(self, number: int) -> list[int]:
        """Blocks that may hold neighbours of a block's rows, the block itself among them."""
        i = np.searchsorted(self._numbers, number)
        gaps = np.maximum(0, np.maximum(self._lows - self._highs[i], self._lows[i] - self._highs))
        within = (gaps**2).sum(axis=1) <= self.eps**2 * (1 + boxes.ROUNDING)
        return list(self._numbers[within].tolist())

    def near(self, block: DBSCANBlock) -> list[DBSCANBlock]:
        """Blocks of this worker that may hold neighbours of the rows of a received block."""
        return [self.held[number] for number in self._near(block.number) if number in self.held]

    def partners(self, block: DBSCANBlock) -> list[DBSCANBlock]:
        """Near blocks of this worker that are compared with a received block; the comparison serves both blocks.

        Each pair of blocks is compared once: when one of the two is broadcast, not when the other is.
        """
        return [
            other for other in self.near(block) if other is block or _is_compared(block.number, other.number)
        ]


def _is_compared(received: int, held: int) -> bool:
    """Whether a pair of blocks is compared when `received` is the received block, as for half of a block's pairs."""
    return (received + held) % 2 == (1 if received < held else 0)


def _sum_neighbour_weights(broadcasts: Broadcasts, condition: CoreCondition) -> None:
    """Sum the weights of the neighbours of every row."""
    for block, everywhere in broadcasts:
        is_held = block.number in broadcasts.held
        sums = block.neighbour_weights if is_held else np.zeros(len(block.row_numbers))
        for partner in broadcasts.partners(block):
            boxes.add_neighbour_weights(
                block.rows, partner.rows, block.weights, partner.weights, sums, partner.neighbour_weights,
                condition.eps, float(condition.min_weight), condition.nonnegative_weights, partner is block,
            )  # fmt: skip
        if everywhere:
            elsewhere = broadcasts.communicator.allgather(None if is_held else sums)
            block.neighbour_weights += sum(found for found in elsewhere if found is not None)


def _core_roots(broadcasts: Broadcasts, eps: float) -> Array:
    """Root of each of all rows after core rows within eps are joined; int64, shape (n_rows,)."""
    parents = np.arange(broadcasts.n_rows)
    for block, _ in broadcasts:
        for partner in broadcasts.partners(block):
            boxes.join_core_rows(
                block.rows, partner.rows, block.core, partner.core,
                broadcasts.starts[block.number], broadcasts.starts[partner.number],
                parents, eps, partner is block,
            )  # fmt: skip
    joined = np.flatnonzero(parents != np.arange(len(parents)))
    for items, roots in broadcasts.communicator.allgather((joined, parents[joined])):
        unite_pairs(parents, items, roots)
    flatten(parents)
    return parents


def _number_clusters(broadcasts: Broadcasts, roots: Array) -> None:
    """Number the clusters by their first core rows, and set the clusters of core rows."""
    first_rows = np.full(broadcasts.n_rows, NO_ROW)
    roots_of = {
        number: roots[broadcasts.starts[number] :][: len(block.row_numbers)]
        for number, block in broadcasts.held.items()
    }
    for number, block in broadcasts.held.items():
        np.minimum.at(first_rows, roots_of[number][block.core], block.row_numbers[block.core])
    here = np.flatnonzero(first_rows < NO_ROW)
    for root, first_row in broadcasts.communicator.allgather((here, first_rows[here])):
        np.minimum.at(first_rows, root, first_row)
    cluster_of = np.argsort(np.argsort(first_rows))  # roots without a core row come last
    for number, block in broadcasts.held.items():
        block.clusters[block.core] = cluster_of[roots_of[number][block.core]]


def _label_borders(broadcasts: Broadcasts, eps: float) -> None:
    """Find for each row that is no core row the lowest cluster of a core row within eps."""
    for block, _ in broadcasts:
        clusters = np.where(block.core, block.clusters, NO_CLUSTER)
        for held in broadcasts.near(block):
            boxes.lower_border_clusters(
                held.rows, block.rows, held.core, block.core, clusters, held.clusters, eps
            )
