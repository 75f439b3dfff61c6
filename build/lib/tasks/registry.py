"""The algorithms that a study compares: how each is made, and what its searches try by default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scipy.stats import loguniform, randint, uniform
from sklearn.pipeline import Pipeline

from infra.errors import ParameterError
from tasks.datasets.preparation import PreparedDataset, preprocessor

Space = Mapping[str, Any]
AlgorithmName = Literal["xgboost", "kmeans"]


@dataclass(frozen=True)
class Algorithm:
    """One line of the comparison."""

    name: AlgorithmName
    title: str
    task: Literal["classification", "clustering"]
    scoring: str
    make: Callable[[PreparedDataset, int], Pipeline]
    """From a data set and a seed to an unfitted pipeline of steps `prepare` and `model`."""
    grid: Callable[[PreparedDataset], Space]
    distributions: Callable[[PreparedDataset], Space]


def _xgboost(data: PreparedDataset, seed: int) -> Pipeline:
    from tasks.ensembles import XGBoostClassifier

    # missing values stay missing: XGBoost learns which way they go
    prepare = preprocessor(data, scale=False, impute=False)
    return Pipeline([("prepare", prepare), ("model", XGBoostClassifier(random_state=seed))])


def _xgboost_grid(_data: PreparedDataset) -> Space:
    return {
        "model__learning_rate": [0.03, 0.1, 0.3],
        "model__max_depth": [2, 3, 4],
        "model__n_estimators": [50, 100, 200],
    }


def _xgboost_distributions(_data: PreparedDataset) -> Space:
    return {
        "model__learning_rate": loguniform(0.01, 0.3),
        "model__max_depth": randint(2, 7),
        "model__n_estimators": randint(50, 251),
        "model__subsample": uniform(0.6, 0.4),
        "model__colsample_bytree": uniform(0.5, 0.5),
        "model__min_child_weight": loguniform(0.5, 10),
    }


def _kmeans(data: PreparedDataset, seed: int) -> Pipeline:
    from tasks.clustering import KMeans

    # columns in grams and in milligrams weigh alike only when standardised
    prepare = preprocessor(data, scale=True, impute=True)
    model = KMeans(n_clusters=min(8, data.rows - 1), random_state=seed)
    return Pipeline([("prepare", prepare), ("model", model)])


def _most_clusters(data: PreparedDataset) -> int:
    return max(2, min(10, data.rows - 1))


def _kmeans_grid(data: PreparedDataset) -> Space:
    return {
        "model__n_clusters": list(range(2, _most_clusters(data) + 1)),
        "model__init": ["k-means++", "random"],
        "model__n_init": [1, 10],
    }


def _kmeans_distributions(data: PreparedDataset) -> Space:
    return {
        "model__n_clusters": randint(2, _most_clusters(data) + 1),
        "model__init": ["k-means++", "random"],
        "model__n_init": randint(1, 21),
    }


ALGORITHMS: Mapping[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm(
            "xgboost",
            "XGBoost",
            "classification",
            "accuracy",
            _xgboost,
            _xgboost_grid,
            _xgboost_distributions,
        ),
        Algorithm(
            "kmeans", "K-means", "clustering", "silhouette", _kmeans, _kmeans_grid, _kmeans_distributions
        ),
    )
}


def algorithms_for(task: str, chosen: list[AlgorithmName] | None = None) -> list[Algorithm]:
    """Algorithms of a task, the chosen ones among them.

    Raises
    ------
    ParameterError
        If none of the chosen ones fits the task.
    """
    fitting = [a for a in ALGORITHMS.values() if a.task == task and (chosen is None or a.name in chosen)]
    if not fitting:
        allowed = ", ".join(a.name for a in ALGORITHMS.values() if a.task == task)
        raise ParameterError(f"algorithms={','.join(chosen or [])}: none is for {task}; allowed: {allowed}")
    return fitting
