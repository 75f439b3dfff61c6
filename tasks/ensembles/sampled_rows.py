"""The rows of a table that one worker holds while it grows trees: all of them, or a random sample that fits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from infra.arithmetic import ceil_div
from infra.engines import BlockSource, Engine
from infra.engines.blocks import Span
from tasks.ways import PROCESS, TableShape, allowed_bytes, refused

Array = NDArray[Any]
FEWEST = 1000
"""Smallest number of rows that a sample is worth growing trees from."""
WORKING = 100
"""Bytes for each row that scikit-learn needs while a tree grows."""
NODES_A_ROW = 0.35
"""Number of nodes for each row of a tree of unlimited depth with noisy targets."""
GROWTH = 1.5
"""Factor of a tree's memory while it grows."""


@dataclass(frozen=True)
class SampledRows:
    """Rows of a table, drawn without replacement, in the order of the table."""

    source: BlockSource
    count: int
    """Number of rows."""
    seed: int
    """Seed of the draw; not used where all rows are taken."""

    def __str__(self) -> str:
        if self.count == self.source.n_rows:
            return f"each worker holds all {self.count:,} rows"
        return f"each worker holds the same random sample of {self.count:,} of {self.source.n_rows:,} rows"

    def load(self) -> tuple[Array, Array, Array | None]:
        """Read the rows, block by block: float32 features, targets, and weights if the source has them."""
        X = np.empty((self.count, self.source.n_columns), dtype=np.float32)
        others: list[list[Array]] = []
        random, filled, passed = np.random.default_rng(self.seed), 0, 0
        for features, *rest in self.source.each(Span(0, self.source.n_blocks)):
            own = self._drawn(random, len(features), self.count - filled, self.source.n_rows - passed)
            passed += len(features)
            X[filled : filled + len(own)] = features[own]
            filled += len(own)
            others.append([array[own] for array in rest])
        y, *weights = (np.concatenate(parts) for parts in zip(*others, strict=True))
        return X, y, weights[0] if weights else None

    def _drawn(self, random: np.random.Generator, length: int, wanted: int, left: int) -> Any:
        """Draw rows of one block, when `wanted` of the `left` rows from this block on are still to be drawn."""
        if wanted == left:
            return np.arange(length)
        count = random.hypergeometric(length, left - length, wanted)
        return np.sort(random.choice(length, count, replace=False))


def rows_that_fit(forest: Any, source: BlockSource, engine: Engine, seed: int) -> SampledRows:
    """Choose the rows that every worker holds, from the memory that growing the forest needs.

    Parameters
    ----------
    forest : estimator
        Forest with the parameters of scikit-learn's class.
    source : BlockSource
        The table.
    engine : Engine
        Engine whose workers grow the trees.
    seed : int
        Seed of the draw of rows.

    Returns
    -------
    SampledRows
        All rows, or the largest sample that the memory allows.

    Raises
    ------
    ParameterError
        If even a small sample needs more memory than there is.
    """
    shape = TableShape.of(source, classification=is_classifier(forest), held=True)
    allowed = allowed_bytes(engine)
    if allowed is None or forest_bytes(forest, shape, engine, source.n_rows) <= allowed:
        return SampledRows(source, source.n_rows, seed)
    fitting, too_many = 0, source.n_rows
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        if forest_bytes(forest, shape, engine, middle) <= allowed:
            fitting = middle
        else:
            too_many = middle
    if fitting < min(FEWEST, source.n_rows):
        needed = forest_bytes(forest, shape, engine, min(FEWEST, source.n_rows))
        processes = 1 if engine.in_this_process else engine.workers
        size = (source.n_rows, source.n_columns)
        raise refused(type(forest).__name__, size, needed, allowed, processes, engine.in_this_process)
    return SampledRows(source, fitting, seed)


def forest_bytes(forest: Any, shape: TableShape, engine: Engine, rows: int) -> int:
    """Estimate the bytes of memory that a process needs at most to grow its trees from that many rows.

    Parameters
    ----------
    forest : estimator
        Forest with the parameters of scikit-learn's class.
    shape : TableShape
        The table.
    engine : Engine
        Engine whose workers grow the trees.
    rows : int
        Number of rows that each worker holds.

    Returns
    -------
    int
    """
    nodes = NODES_A_ROW * rows
    if forest.max_depth is not None:
        nodes = min(nodes, 2.0 ** (forest.max_depth + 1))
    if forest.max_leaf_nodes is not None:
        nodes = min(nodes, 2.0 * forest.max_leaf_nodes)
    workers = min(engine.workers, forest.n_estimators)
    in_one = workers if engine.in_this_process else 1  # threads hold a table each, and all trees together
    trees = forest.n_estimators if engine.in_this_process else ceil_div(forest.n_estimators, workers)
    copies = 1 if engine.in_this_process else 2  # trees of a worker are sent as bytes
    of_trees = trees * nodes * (64 + 8 * max(2, shape.outputs)) * GROWTH * copies
    blocks = 3 * shape.block_bytes
    return PROCESS + int(in_one * (rows * (4 * shape.columns + 8 + WORKING) + blocks) + of_trees)
