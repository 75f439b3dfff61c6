"""Agglomerative clustering on standardised columns."""

from typing import Any

from scipy.stats import randint
from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, Demand, ModelOptions, Space, scaled_pipeline
from tasks.algorithms.cluster_counts import most_clusters
from tasks.datasets.prepared import PreparedDataset
from tasks.large.training import InMemory

MOST_ROWS_OF_A_MATRIX = 10_000  # the matrix of all distances between these rows takes less than one gigabyte


def _make(dataset: PreparedDataset, _options: ModelOptions) -> Pipeline:
    from tasks.clustering import AgglomerativeClustering

    return scaled_pipeline(dataset, AgglomerativeClustering())


def _linkages(dataset: PreparedDataset) -> list[str]:
    """Linkages to try; linkages that need the matrix of all distances are left out if the matrix is too large."""
    of_a_matrix = ["average", "complete"] if dataset.rows <= MOST_ROWS_OF_A_MATRIX else []
    return ["ward", *of_a_matrix, "single"]


def _grid(dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__n_clusters": list(range(2, most_clusters(dataset) + 1)),
        "model__linkage": _linkages(dataset),
    }


def _distributions(dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__n_clusters": randint(2, most_clusters(dataset) + 1),
        "model__linkage": _linkages(dataset),
    }


def _row_bytes(columns: int) -> int:
    """Bytes of a row in a worker, as measured for Ward's linkage: copies of the rows, centroids and their tree."""
    return 48 * columns + 170


def _usual_model(_X: Any) -> Any:
    from tasks.clustering import AgglomerativeClustering

    return AgglomerativeClustering()


AGGLOMERATIVE = Algorithm(
    name="agglomerative",
    title="Agglomerative clustering",
    makers={"clustering": _make},
    grid=_grid,
    distributions=_distributions,
    large=InMemory(),
    demand=Demand(_row_bytes, _usual_model),
)
