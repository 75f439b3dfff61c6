"""Slices of a random forest: consecutive trees of it, fitted where the work runs."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn import ensemble
from sklearn.base import BaseEstimator, clone

from infra.engines import BlockSource, Engine
from infra.engines.blocks import Span, split_evenly
from infra.settings import usable_cores

SEEDS = np.iinfo(np.int32).max
"""Upper bound of scikit-learn's seeds of trees."""
SLICES_PER_WORKER = 8
"""Number of slices for each worker: with small slices, a worker that is done early takes over what is left."""
TABLE_SHARE = 0.5
"""Share of a worker's memory that a table read from Parquet may fill as a float32 matrix."""


class _QuickTrees:
    """Makes the trees of a scikit-learn forest from their parameters; mixed in before the forest's class.

    Scikit-learn clones a template and sets parameters on the copy, and for that reads the signature of the
    tree's constructor six times a tree: an eighth of the time of a small tree. Trees and seeds are the same.
    """

    def _make_estimator(self, append: bool, random_state: RandomState) -> Any:
        # `append` is always False: the `fit` of a forest collects its trees itself
        forest: Any = self
        parameters = {name: getattr(forest, name) for name in forest.estimator_params}
        return type(forest.estimator_)(**{**parameters, "random_state": random_state.randint(SEEDS)})


class ClassifierSlice(_QuickTrees, ensemble.RandomForestClassifier):
    """Scikit-learn's random forest for classes."""


class RegressorSlice(_QuickTrees, ensemble.RandomForestRegressor):
    """Scikit-learn's random forest for numbers."""


@dataclass(frozen=True)
class ForestPlan:
    """Data that every slice of a forest needs; sent once to each worker."""

    forest: BaseEstimator
    """Unfitted slice; its `n_estimators` and `random_state` are set for each slice."""
    seeds: RandomState
    """Generator from which the whole forest draws the seeds of its trees."""
    rows: tuple[Any, Any] | BlockSource
    """Features and targets, or the table of one block where a worker reads both."""
    sample_weight: NDArray[Any] | None
    table_share: float
    """Share of a worker's memory that the table may fill."""


def fit_slices(engine: Engine, plan: ForestPlan, n_estimators: int) -> list[Any] | None:
    """Fit the trees of a forest in slices.

    Parameters
    ----------
    engine : Engine
        Engine whose workers fit the slices.
    plan : ForestPlan
        The forest and its rows.
    n_estimators : int
        Number of trees of the whole forest.

    Returns
    -------
    list of fitted forests, or None
        Slices, whose trees, one after the other, are the forest's; None where a table is larger than a worker
        may hold.

    Raises
    ------
    EngineError
        If a slice's worker died at every try.
    """
    # each slice of a table reads it anew; a single worker has nobody to take slices over from
    reads_table = isinstance(plan.rows, BlockSource)
    per_worker = 1 if reads_table or engine.workers == 1 else SLICES_PER_WORKER
    spans = split_evenly(n_estimators, per_worker * engine.workers)
    slices: dict[int, Any] = {}
    for i, outcome in engine.run(fit_slice, spans, plan):
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is None:
            return None
        slices[i] = outcome
    return [slices[i] for i in range(len(spans))]


def fit_slice(span: Span, plan: ForestPlan) -> Any:
    """Fit the trees `span.start` to `span.stop` (exclusive); None if the table is too large."""
    if isinstance(plan.rows, BlockSource):
        if matrix_bytes(plan.rows) > plan.table_share * worker_memory():
            return None
        X, y = plan.rows.block(0)
    else:
        X, y = plan.rows
    # A forest draws one seed for each tree, in the order of its trees, and uses its generator for nothing else
    # (scikit-learn's own `warm_start` relies on it). A generator that has passed over the seeds of the trees
    # before the slice therefore makes `fit` grow the trees of the slice.
    seeds = deepcopy(plan.seeds)
    seeds.randint(SEEDS, size=span.start)
    forest: Any = clone(plan.forest).set_params(n_estimators=span.stop - span.start, random_state=seeds)
    return forest.fit(X, y, sample_weight=plan.sample_weight)


def matrix_bytes(source: BlockSource) -> int:
    """Size of a table, in bytes, as the float32 matrix that scikit-learn's trees need."""
    return source.n_rows * source.n_columns * np.dtype(np.float32).itemsize


def worker_memory() -> float:
    """Memory of this worker in bytes: an equal share of the machine's for a worker on each core."""
    return float(psutil.virtual_memory().total / usable_cores())
