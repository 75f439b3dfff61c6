"""K-means on standardised columns."""

from scipy.stats import randint
from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, ModelOptions, Space, scaled_pipeline
from tasks.algorithms.cluster_counts import most_clusters
from tasks.datasets.prepared import PreparedDataset

DEFAULT_CLUSTERS = 8  # scikit-learn's default


def _make(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from tasks.clustering import KMeans

    n_clusters = min(DEFAULT_CLUSTERS, dataset.rows - 1)
    return scaled_pipeline(dataset, KMeans(n_clusters=n_clusters, random_state=options.seed))


def _grid(dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__n_clusters": list(range(2, most_clusters(dataset) + 1)),
        "model__init": ["k-means++", "random"],
        "model__n_init": [1, 10],
    }


def _distributions(dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__n_clusters": randint(2, most_clusters(dataset) + 1),
        "model__init": ["k-means++", "random"],
        "model__n_init": randint(1, 21),
    }


KMEANS = Algorithm(
    name="kmeans", title="K-means", makers={"clustering": _make}, grid=_grid, distributions=_distributions
)
