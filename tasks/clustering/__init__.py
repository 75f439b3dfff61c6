"""Clustering on one process, Dask and Spark, with the same labels."""

from tasks.clustering.agglomerative import AgglomerativeClustering
from tasks.clustering.kmeans import KMeans

__all__ = ["AgglomerativeClustering", "KMeans"]
