"""Estimators for cells and folds: a model with default parameters, or a search around the model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, ModelOptions
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of
from tasks.results import Search
from tasks.search import GridSearch, RandomSearch
from tasks.search.base import BaseSearch


@dataclass(frozen=True)
class SearchPlan:
    """A search of an algorithm's parameters, or the baseline without a search.

    Parameters
    ----------
    search : {"baseline", "grid", "random"}
        The search; the baseline has default parameters.
    options : ModelOptions
        Seed and budget of the models; folds and candidates are drawn with the same seed.
    folds : int
        Number of folds that score a candidate.
    candidates : int
        Number of candidates that a random search draws.
    """

    search: Search
    options: ModelOptions
    folds: int
    candidates: int


def plan_estimator(
    plan: SearchPlan, algorithm: Algorithm, dataset: PreparedDataset, model: Pipeline, **settings: Any
) -> Pipeline | BaseSearch:
    """Estimator to fit: the model itself, or a search around it.

    Parameters
    ----------
    plan : SearchPlan
        The search and its size.
    algorithm : Algorithm
        The algorithm whose spaces are searched.
    dataset : PreparedDataset
        The data set, from which the spaces take their bounds.
    model : Pipeline
        The unfitted model.
    **settings
        Further arguments of the search, for example its engine and its ledger.
    """
    problem = problem_of(dataset.task)
    common = {
        "scoring": problem.metric,
        "cv": problem.search_splitter(plan.folds, plan.options.seed),
        **settings,
    }
    return _ESTIMATORS[plan.search](plan, algorithm, dataset, model, common)


def _baseline(
    _plan: SearchPlan, _algorithm: Algorithm, _dataset: PreparedDataset, model: Pipeline, _common: Any
) -> Pipeline:
    return model


def _grid(
    plan: SearchPlan, algorithm: Algorithm, dataset: PreparedDataset, model: Pipeline, common: dict[str, Any]
) -> BaseSearch:
    assert algorithm.grid is not None  # noqa: S101 (Algorithm.searches names no grid search then)
    return GridSearch(model, algorithm.grid(dataset, plan.options), **common)


def _random(
    plan: SearchPlan, algorithm: Algorithm, dataset: PreparedDataset, model: Pipeline, common: dict[str, Any]
) -> BaseSearch:
    assert algorithm.distributions is not None  # noqa: S101 (Algorithm.searches names no random search then)
    space = algorithm.distributions(dataset, plan.options)
    return RandomSearch(model, space, n_iter=plan.candidates, random_state=plan.options.seed, **common)


_ESTIMATORS: Mapping[Search, Callable[..., Pipeline | BaseSearch]] = {
    "baseline": _baseline,
    "grid": _grid,
    "random": _random,
}
