"""Slices of a random forest: consecutive trees of it, fitted where the work runs."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from sklearn import ensemble
from sklearn.base import BaseEstimator, clone

from infra.engines import Engine
from infra.engines.blocks import Span, split_evenly
from tasks.ensembles.sampled_rows import SampledRows

SEEDS = np.iinfo(np.int32).max
"""Upper bound of scikit-learn's seeds of trees."""
SLICES_PER_WORKER = 8
"""Number of slices for each worker: with small slices, a worker that is done early takes over what is left."""


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
    rows: tuple[Any, Any] | SampledRows
    """Features and targets, or the rows of a table that each worker reads by itself."""
    sample_weight: NDArray[Any] | None
    """Weights of the rows; those of a table come with its rows."""


def fit_slices(engine: Engine, plan: ForestPlan, n_estimators: int) -> list[Any]:
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
    list of fitted forests
        Slices, whose trees, one after the other, are the forest's.

    Raises
    ------
    EngineError
        If a slice's worker died at every try.
    """
    # each slice of a table reads it anew; a single worker has nobody to take slices over from
    reads_table = isinstance(plan.rows, SampledRows)
    per_worker = 1 if reads_table or engine.workers == 1 else SLICES_PER_WORKER
    spans = split_evenly(n_estimators, per_worker * engine.workers)
    slices: dict[int, Any] = {}
    for i, outcome in engine.run(fit_slice, spans, plan):
        if isinstance(outcome, Exception):
            raise outcome
        slices[i] = outcome
    return [slices[i] for i in range(len(spans))]


def fit_slice(span: Span, plan: ForestPlan) -> Any:
    """Fit the trees `span.start` to `span.stop` (exclusive)."""
    if isinstance(plan.rows, SampledRows):
        X, y, weights = plan.rows.load()
    else:
        (X, y), weights = plan.rows, plan.sample_weight
    # A forest draws one seed for each tree, in the order of its trees, and uses its generator for nothing else
    # (scikit-learn's own `warm_start` relies on it). A generator that has passed over the seeds of the trees
    # before the slice therefore makes `fit` grow the trees of the slice.
    seeds = deepcopy(plan.seeds)
    seeds.randint(SEEDS, size=span.start)
    forest: Any = clone(plan.forest).set_params(n_estimators=span.stop - span.start, random_state=seeds)
    return forest.fit(X, y, sample_weight=weights)
