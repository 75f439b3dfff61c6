"""The list of algorithms that a study compares; a new algorithm needs a module and a line in this list."""

from collections.abc import Mapping, Sequence
from typing import Literal

from infra.errors import ParameterError
from tasks.algorithms.agglomerative import AGGLOMERATIVE
from tasks.algorithms.base import Algorithm
from tasks.algorithms.convnet import CONVNET
from tasks.algorithms.dbscan import DBSCAN
from tasks.algorithms.gradient_boosting import GRADIENT_BOOSTING
from tasks.algorithms.kmeans import KMEANS
from tasks.algorithms.linear_model import LINEAR_MODEL
from tasks.algorithms.random_forest import RANDOM_FOREST
from tasks.algorithms.xgboost import XGBOOST
from tasks.datasets.catalogue import Task

AlgorithmName = Literal[
    "random_forest",
    "gradient_boosting",
    "xgboost",
    "linear_model",
    "kmeans",
    "dbscan",
    "agglomerative",
    "convnet",
]

ALGORITHMS: Mapping[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        RANDOM_FOREST,
        GRADIENT_BOOSTING,
        XGBOOST,
        LINEAR_MODEL,
        KMEANS,
        DBSCAN,
        AGGLOMERATIVE,
        CONVNET,
    )
}


def algorithms_for(task: Task, chosen: Sequence[AlgorithmName] | None = None) -> list[Algorithm]:
    """Algorithms that can do a task; if some algorithms are chosen, only the chosen algorithms.

    Raises
    ------
    ParameterError
        If none of the chosen algorithms can do the task.
    """
    able = [algorithm for algorithm in ALGORITHMS.values() if task in algorithm.makers]
    fitting = [algorithm for algorithm in able if chosen is None or algorithm.name in chosen]
    if not fitting:
        allowed = ", ".join(algorithm.name for algorithm in able)
        raise ParameterError(
            f"algorithms={','.join(chosen or [])}: none of these algorithms is for {task}; allowed: {allowed}"
        )
    return fitting
