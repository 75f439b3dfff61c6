"""DBSCAN in any dimension: blocks visit each other, one at a time, so that no worker ever holds all rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.engines import Blocks, Engine
from infra.engines.blocks import Span
from infra.engines.collective import Communicator
from tasks.clustering.density import leaves
from tasks.clustering.density.halo import Clustering, Density
from tasks.clustering.density.leaves import Leaves
from tasks.clustering.forest import absorb, flatten
from tasks.clustering.labelings import NOISE
from tasks.clustering.regions import Regions

Array = NDArray[Any]
LAST = np.iinfo(np.int64).max


@dataclass
class Member:
    """A block that a worker holds."""

    number: int
    index: Array
    """int64, shape (n,): numbers of its rows, in the order of the leaves."""
    leaves: Leaves
    weights: Array
    total: Array = field(init=False)
    """float64: weight of the neighbours found so far."""
    core: Array = field(init=False)
    clusters: Array = field(init=False)
    """int64: cluster of a core row; of another row the lowest one met so far."""

    def __post_init__(self) -> None:
        self.total = np.zeros(len(self.index))
        self.clusters = np.full(len(self.index), LAST)


def clustered(
    engine: Engine, blocks: Blocks, block_rows: int, regions: Regions, density: Density
) -> Clustering:
    """DBSCAN of resident blocks `(X, [weights])` with any number of columns.

    Notes
    -----
    Three passes: what is core, which core rows are one cluster, which cluster takes the rows at its border.
    In each, every block visits the workers whose blocks' boxes are within eps of its own. Beside its blocks
    and one visitor a worker holds one integer a row, the forest of clusters.
    """
    cut = engine.shuffle(_cut, blocks, len(regions), regions, block_rows)
    parts = [part for member in engine.run_group(_cluster, cut, cut.spans, density) for part in member]
    n = sum(len(index) for index, _, _ in parts)
    found = Clustering(np.empty(n, dtype=np.int64), np.empty(n, dtype=bool))
    for index, labels, core in parts:
        found.labels[index], found.core[index] = labels, core
    return found


def _cut(number: int, X: Array, *rest: Any) -> list[tuple[Array, ...]]:
    *weights, regions, block_rows = rest
    index = np.arange(len(X)) + number * block_rows
    owner = regions.of(X)
    here = [np.flatnonzero(owner == region) for region in range(len(regions))]
    return [(index[rows], *(array[rows] for array in (X, *weights))) for rows in here]


def _cluster(
    span: list[Any], communicator: Communicator, spans: tuple[Span, ...], density: Density
) -> list[tuple[Array, Array, Array]]:
    """One worker's part, while all the others do theirs."""
    start = spans[communicator.rank].start
    held = {number: _member(number, *block) for number, block in enumerate(span, start) if len(block[0])}
    visits = Visits(held, communicator, spans, density.eps)
    _count(visits, density)
    for member in held.values():
        member.core = member.total >= density.least
    _number(visits, _forest(visits, density.eps))
    for visitor, _ in visits.all():
        for member in visits.near(visitor):
            core = visitor.core, np.where(visitor.core, visitor.clusters, LAST)
            leaves.lowest_cluster(
                member.leaves, visitor.leaves, member.core, *core, member.clusters, density.eps
            )
    return [(m.index, np.where(m.clusters == LAST, NOISE, m.clusters), m.core) for m in held.values()]


def _member(number: int, index: Array, X: Array, *weights: Array) -> Member:
    order, sorted_leaves = leaves.sort_into_leaves(X.astype(np.float64))
    return Member(number, index[order], sorted_leaves, weights[0][order] if weights else np.ones(len(order)))


class Visits:
    """The blocks of all workers, visiting in the order of their numbers."""

    def __init__(
        self, held: dict[int, Member], communicator: Communicator, spans: tuple[Span, ...], eps: float
    ) -> None:
        self.held = held
        self.communicator = communicator
        self.eps = eps
        self._spans = spans
        mine = {number: (*member.leaves.box, len(member.index)) for number, member in held.items()}
        found = {n: box for part in communicator.allgather(mine) for n, box in part.items()}
        self._places = {number: i for i, number in enumerate(found)}
        self._lows, self._highs = (np.array([box[side] for box in found.values()]) for side in (0, 1))
        self.starts = dict(
            zip(found, np.cumsum([0, *(box[2] for box in found.values())]).tolist(), strict=False)
        )
        """First place of each block in the forest of all rows."""
        self.n_rows = sum(box[2] for box in found.values())

    def all(self) -> Iterator[tuple[Member, bool]]:
        """Blocks to see here, and whether all workers see the same one at this moment."""
        for number in self._places:
            home = next(span for span in self._spans if span.start <= number < span.stop)
            if all(home.start <= other < home.stop for other in self._near(number)):
                if number in self.held:
                    yield self.held[number], False
            else:
                guests = self.communicator.allgather(self.held.get(number))
                yield self.held.get(number) or next(guest for guest in guests if guest), True

    def _near(self, number: int) -> list[int]:
        """Blocks that may have neighbours of a block's rows, itself among them."""
        i = self._places[number]
        gaps = np.maximum(0, np.maximum(self._lows - self._highs[i], self._lows[i] - self._highs))
        within = (gaps**2).sum(axis=1) <= self.eps**2 * (1 + leaves.ROUNDING)
        numbers = np.fromiter(self._places, dtype=np.int64)
        return list(numbers[within].tolist())

    def near(self, visitor: Member) -> list[Member]:
        """Those of them that are held here."""
        return [self.held[number] for number in self._near(visitor.number) if number in self.held]

    def hosts(self, visitor: Member) -> list[Member]:
        """Those of them that deal with the visitor for both: each pair of blocks meets in one place."""
        return [m for m in self.near(visitor) if m is visitor or _deals(visitor.number, m.number)]


def _deals(visitor: int, host: int) -> bool:
    """Whether a pair is dealt with when one visits, not when the other does: evenly shared out."""
    return (visitor + host) % 2 == (1 if visitor < host else 0)


def _count(visits: Visits, density: Density) -> None:
    """Weigh the neighbours of every row."""
    for visitor, everywhere in visits.all():
        total = visitor.total if visitor.number in visits.held else np.zeros(len(visitor.index))
        for host in visits.hosts(visitor):
            leaves.add_weights(
                visitor.leaves, host.leaves, visitor.weights, host.weights, total, host.total,
                density.eps, float(density.least), density.nonnegative, host is visitor,
            )  # fmt: skip
        if everywhere:
            away = visits.communicator.allgather(None if visitor.number in visits.held else total)
            visitor.total += sum(found for found in away if found is not None)


def _forest(visits: Visits, eps: float) -> Array:
    """Root of every row of all workers; rows that are not core stand alone. int64, shape (n_rows,)."""
    parents = np.arange(visits.n_rows)
    for visitor, _ in visits.all():
        for host in visits.hosts(visitor):
            starts = visits.starts[visitor.number], visits.starts[host.number]
            leaves.join_core(
                visitor.leaves, host.leaves, visitor.core, host.core, *starts, parents, eps, host is visitor
            )
    joined = np.flatnonzero(parents != np.arange(len(parents)))
    for pairs in visits.communicator.allgather((joined, parents[joined])):
        absorb(parents, *pairs)
    flatten(parents)
    return parents


def _number(visits: Visits, roots: Array) -> None:
    """Number the clusters by their first core row, and give core rows their clusters."""
    firsts = np.full(visits.n_rows, LAST)
    for number, member in visits.held.items():
        own = roots[visits.starts[number] :][: len(member.index)]
        np.minimum.at(firsts, own[member.core], member.index[member.core])
    mine = np.flatnonzero(firsts < LAST)
    for tree, first in visits.communicator.allgather((mine, firsts[mine])):
        np.minimum.at(firsts, tree, first)
    cluster = np.argsort(np.argsort(firsts))  # trees without a core row come last
    for number, member in visits.held.items():
        own = roots[visits.starts[number] :][: len(member.index)]
        member.clusters[member.core] = cluster[own[member.core]]
