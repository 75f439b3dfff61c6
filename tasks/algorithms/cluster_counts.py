"""How many clusters the searches of K-means and agglomerative clustering try."""

from tasks.datasets.prepared import PreparedDataset

MOST_CLUSTERS = 10


def most_clusters(dataset: PreparedDataset) -> int:
    """Largest number of clusters that a search tries: fewer than there are rows, at least two."""
    return max(2, min(MOST_CLUSTERS, dataset.rows - 1))
