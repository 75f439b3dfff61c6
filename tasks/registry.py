"""The algorithms that a study compares: how each is made, and what its searches try by default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import loguniform, randint, rv_histogram, uniform
from sklearn.pipeline import Pipeline

from infra.errors import ParameterError
from tasks.datasets.catalogue import Task
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.preprocessing import preprocessor

Space = Mapping[str, Any]
AlgorithmName = Literal[
    "random_forest", "gradient_boosting", "xgboost", "kmeans", "dbscan", "agglomerative", "convnet"
]

CORE_SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)
"""Shares of the rows that the values of DBSCAN's `eps` to try make core rows."""
FEWEST_NEIGHBOURS = 3  # two make single linkage of DBSCAN
SEEN_AT_FIRST_LOOK = 4_000  # images in the training of a network, each epoch anew
MOST_ROWS_OF_A_MATRIX = 10_000  # whose distances a worker holds next to others': under a gigabyte


SCORING: Mapping[Task, str] = {
    "classification": "accuracy",
    "regression": "r2",
    "clustering": "silhouette",
    "vision": "accuracy",
}
"""What searches maximise."""
PREDICTION: tuple[Task, ...] = ("classification", "regression")


@dataclass(frozen=True)
class Algorithm:
    """One line of the comparison."""

    name: str
    title: str
    tasks: tuple[Task, ...]
    make: Callable[[PreparedDataset, int], Pipeline]
    """From a data set and a seed to an unfitted pipeline of steps `prepare` and `model`."""
    grid: Callable[[PreparedDataset], Space]
    distributions: Callable[[PreparedDataset], Space]


def _trees(data: PreparedDataset, classifier: Any, regressor: Any, seed: int) -> Pipeline:
    """A pipeline for the kind of target; missing values stay missing, for the splits learn where they go."""
    kind = regressor if data.task == "regression" else classifier
    return Pipeline(
        [("prepare", preprocessor(data, scale=False, impute=False)), ("model", kind(random_state=seed))]
    )


def _random_forest(data: PreparedDataset, seed: int) -> Pipeline:
    from tasks.ensembles import RandomForestClassifier, RandomForestRegressor

    return _trees(data, RandomForestClassifier, RandomForestRegressor, seed)


def _random_forest_grid(_data: PreparedDataset) -> Space:
    return {
        "model__max_depth": [4, 8],
        "model__n_estimators": [10, 20, 40],
    }


def _random_forest_distributions(_data: PreparedDataset) -> Space:
    return {
        "model__max_depth": randint(3, 13),
        "model__max_features": uniform(0.2, 0.8),
        "model__min_samples_leaf": randint(1, 16),
        "model__n_estimators": randint(10, 41),
    }


def _gradient_boosting(data: PreparedDataset, seed: int) -> Pipeline:
    from tasks.ensembles import GradientBoostingClassifier, GradientBoostingRegressor

    return _trees(data, GradientBoostingClassifier, GradientBoostingRegressor, seed)


def _gradient_boosting_grid(_data: PreparedDataset) -> Space:
    return {
        "model__learning_rate": [0.03, 0.1],
        "model__max_leaf_nodes": [4, 8],
        "model__n_estimators": [25, 50, 100],
    }


def _gradient_boosting_distributions(_data: PreparedDataset) -> Space:
    return {
        "model__learning_rate": loguniform(0.01, 0.3),
        "model__max_leaf_nodes": randint(3, 32),
        "model__min_samples_leaf": randint(5, 51),
        "model__n_estimators": randint(25, 151),
    }


def _xgboost(data: PreparedDataset, seed: int) -> Pipeline:
    from tasks.ensembles import XGBoostClassifier, XGBoostRegressor

    return _trees(data, XGBoostClassifier, XGBoostRegressor, seed)


def _xgboost_grid(_data: PreparedDataset) -> Space:
    return {
        "model__learning_rate": [0.1, 0.3],
        "model__max_depth": [2, 3, 4],
        "model__n_estimators": [25, 50, 100],
    }


def _xgboost_distributions(_data: PreparedDataset) -> Space:
    return {
        "model__learning_rate": loguniform(0.01, 0.3),
        "model__max_depth": randint(2, 7),
        "model__n_estimators": randint(25, 151),
        "model__subsample": uniform(0.6, 0.4),
        "model__colsample_bytree": uniform(0.5, 0.5),
        "model__min_child_weight": loguniform(0.5, 10),
    }


def _clustering(data: PreparedDataset, model: Any) -> Pipeline:
    # columns in grams and in milligrams weigh alike only when standardised
    return Pipeline([("prepare", preprocessor(data, scale=True, impute=True)), ("model", model)])


def _kmeans(data: PreparedDataset, seed: int) -> Pipeline:
    from tasks.clustering import KMeans

    return _clustering(data, KMeans(n_clusters=min(8, data.rows - 1), random_state=seed))


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


def _dbscan(data: PreparedDataset, _seed: int) -> Pipeline:
    from tasks.clustering import DBSCAN
    from tasks.clustering.k_distances import knee

    # scikit-learn's default of 0.5 has no meaning for data whose distances nobody knows
    eps = _shown(knee(_distances(data)))
    return _clustering(data, DBSCAN(eps, min_samples=_usual_neighbours(data)))


def _dbscan_grid(data: PreparedDataset) -> Space:
    from tasks.clustering.k_distances import knee

    curve = _distances(data)
    counts = np.geomspace(FEWEST_NEIGHBOURS, _most_neighbours(data), 4).round()
    return {
        "model__eps": sorted({_shown(eps) for eps in (knee(curve), *np.quantile(curve, CORE_SHARES))}),
        "model__min_samples": sorted({int(count) for count in counts}),
    }


def _dbscan_distributions(data: PreparedDataset) -> Space:
    shares = np.linspace(CORE_SHARES[0], CORE_SHARES[-1], 35)
    edges, first = np.unique(np.quantile(_distances(data), shares), return_index=True)
    # every share of core rows is as likely; evenly drawn distances would come from the few farthest rows
    drawn = rv_histogram((np.diff(shares[first]), edges), density=False)() if len(edges) > 1 else list(edges)
    return {
        "model__eps": drawn,
        "model__min_samples": randint(FEWEST_NEIGHBOURS, _most_neighbours(data) + 1),
    }


def _most_neighbours(data: PreparedDataset) -> int:
    """Twice the columns (Sander et al. 1998, section 4.2), but no more than a tenth of the rows."""
    return max(FEWEST_NEIGHBOURS, min(2 * len(data.columns), data.rows // 10))


def _usual_neighbours(data: PreparedDataset) -> int:
    return min(5, _most_neighbours(data))  # scikit-learn's default, where there are rows enough


def _distances(data: PreparedDataset) -> NDArray[np.float64]:
    """Distances to the k-th nearest row in the prepared space, all above zero."""
    return _distances_of(data.model_dump_json(), _usual_neighbours(data))


@lru_cache(maxsize=4)
def _distances_of(described: str, k: int) -> NDArray[np.float64]:
    from tasks.clustering.k_distances import k_distances

    data = PreparedDataset.model_validate_json(described)
    curve = k_distances(preprocessor(data, scale=True, impute=True).fit_transform(data.load()[0]), k)
    # where every row has so many twins that all distances are zero, any eps finds the same clusters
    return curve[curve > 0] if curve[-1] > 0 else np.ones(1)


def _shown(eps: float) -> float:
    """Three significant digits, as a report shows it; the same on machines that round otherwise."""
    return float(f"{eps:.3g}")


def _agglomerative(data: PreparedDataset, _seed: int) -> Pipeline:
    from tasks.clustering import AgglomerativeClustering

    return _clustering(data, AgglomerativeClustering())


def _linkages(data: PreparedDataset) -> list[str]:
    of_a_matrix = ["average", "complete"] if data.rows <= MOST_ROWS_OF_A_MATRIX else []
    return ["ward", *of_a_matrix, "single"]


def _agglomerative_grid(data: PreparedDataset) -> Space:
    return {
        "model__n_clusters": list(range(2, _most_clusters(data) + 1)),
        "model__linkage": _linkages(data),
    }


def _agglomerative_distributions(data: PreparedDataset) -> Space:
    return {
        "model__n_clusters": randint(2, _most_clusters(data) + 1),
        "model__linkage": _linkages(data),
    }


def _convnet(data: PreparedDataset, seed: int) -> Pipeline:
    from tasks.vision import ConvNetClassifier

    if data.epochs:
        model = ConvNetClassifier(epochs=data.epochs, random_state=seed)
    else:
        epochs = max(2, min(8, SEEN_AT_FIRST_LOOK // data.rows))
        # so few epochs do not overfit: augmentation only slows them down
        model = ConvNetClassifier(16, epochs=epochs, batch_size=48, augmentation=0.0, random_state=seed)
    return Pipeline([("model", model)])


def _convnet_grid(_data: PreparedDataset) -> Space:
    return {"model__learning_rate": [0.05, 0.2]}


def _convnet_distributions(data: PreparedDataset) -> Space:
    return {
        "model__learning_rate": loguniform(0.02, 0.4),
        "model__augmentation": uniform(0.0, 1.5) if data.epochs else [0.0, 0.3, 1.0],
        "model__weight_decay": loguniform(1e-5, 5e-3),
        "model__width": [32, 48, 64] if data.epochs else [8, 12, 16],
    }


ALGORITHMS: Mapping[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm(
            "random_forest",
            "Random forest",
            PREDICTION,
            _random_forest,
            _random_forest_grid,
            _random_forest_distributions,
        ),
        Algorithm(
            "gradient_boosting",
            "Gradient boosting",
            PREDICTION,
            _gradient_boosting,
            _gradient_boosting_grid,
            _gradient_boosting_distributions,
        ),
        Algorithm("xgboost", "XGBoost", PREDICTION, _xgboost, _xgboost_grid, _xgboost_distributions),
        Algorithm("kmeans", "K-means", ("clustering",), _kmeans, _kmeans_grid, _kmeans_distributions),
        Algorithm("dbscan", "DBSCAN", ("clustering",), _dbscan, _dbscan_grid, _dbscan_distributions),
        Algorithm(
            "agglomerative",
            "Agglomerative clustering",
            ("clustering",),
            _agglomerative,
            _agglomerative_grid,
            _agglomerative_distributions,
        ),
        Algorithm(
            "convnet",
            "Convolutional network",
            ("vision",),
            _convnet,
            _convnet_grid,
            _convnet_distributions,
        ),
    )
}


def _linear_model(data: PreparedDataset, _seed: int) -> Pipeline:
    from sklearn.linear_model import LogisticRegression, Ridge

    model = Ridge() if data.task == "regression" else LogisticRegression(max_iter=1000)
    return Pipeline([("prepare", preprocessor(data, scale=True, impute=True)), ("model", model)])


FLOOR = Algorithm("linear_model", "Linear model", PREDICTION, _linear_model, lambda _: {}, lambda _: {})
"""What every prediction is measured against: logistic or ridge regression with its defaults, evaluated only."""


def algorithms_for(task: Task, chosen: list[AlgorithmName] | None = None) -> list[Algorithm]:
    """Algorithms of a task, the chosen ones among them.

    Raises
    ------
    ParameterError
        If none of the chosen ones fits the task.
    """
    fitting = [a for a in ALGORITHMS.values() if task in a.tasks and (chosen is None or a.name in chosen)]
    if not fitting:
        allowed = ", ".join(a.name for a in ALGORITHMS.values() if task in a.tasks)
        raise ParameterError(f"algorithms={','.join(chosen or [])}: none is for {task}; allowed: {allowed}")
    return fitting
