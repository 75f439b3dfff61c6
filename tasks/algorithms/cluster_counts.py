"""The numbers of clusters that the searches of K-means and agglomerative clustering try."""

from tasks.datasets.prepared import PreparedDataset

MOST_CLUSTERS = 10


def most_clusters(dataset: PreparedDataset) -> int:
    """Largest number of clusters that a search tries: fewer than the number of rows, and at least two."""
    return max(2, min(MOST_CLUSTERS, dataset.rows - 1))
