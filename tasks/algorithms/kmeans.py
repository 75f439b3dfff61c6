"""K-means on standardised columns."""

from scipy.stats import randint
from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, ModelOptions, Space, scaled_pipeline
from tasks.algorithms.cluster_counts import most_clusters
from tasks.datasets.prepared import PreparedDataset
from tasks.large.training import ContinuedFromSample

DEFAULT_CLUSTERS = 8  # scikit-learn's default
MANY_ROWS = (
    200_000  # one start takes seconds from here on, and ten starts rarely find better clusters than three
)


def _make(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from tasks.clustering import KMeans

    n_clusters = min(DEFAULT_CLUSTERS, dataset.rows - 1)
    return scaled_pipeline(dataset, KMeans(n_clusters=n_clusters, random_state=options.seed))


def _starts(dataset: PreparedDataset) -> tuple[int, int]:
    """Numbers of starts that the grid tries, and the largest number that a random search draws."""
    return (3, 3) if dataset.rows > MANY_ROWS else (10, 20)


def _notes(dataset: PreparedDataset) -> tuple[str, ...]:
    if dataset.rows <= MANY_ROWS:
        return ()
    most = _starts(dataset)[0]
    return (
        f"The searches of K-means try up to {most} starts for each number of clusters (n_init), because the table has "
        f"more than {MANY_ROWS:,} rows; for smaller tables they try up to 20.",
    )


def _grid(dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__n_clusters": list(range(2, most_clusters(dataset) + 1)),
        "model__init": ["k-means++", "random"],
        "model__n_init": [1, _starts(dataset)[0]],
    }


def _distributions(dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__n_clusters": randint(2, most_clusters(dataset) + 1),
        "model__init": ["k-means++", "random"],
        "model__n_init": randint(1, _starts(dataset)[1] + 1),
    }


KMEANS = Algorithm(
    name="kmeans",
    title="K-means",
    makers={"clustering": _make},
    grid=_grid,
    distributions=_distributions,
    large=ContinuedFromSample("init", "cluster_centers_"),
    notes=_notes,
)
