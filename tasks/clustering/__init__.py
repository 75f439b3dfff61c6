"""Clustering on one process, Dask and Spark, with the same labels."""

from tasks.clustering.agglomerative import AgglomerativeClustering
from tasks.clustering.dbscan import DBSCAN
from tasks.clustering.kmeans import KMeans

__all__ = ["DBSCAN", "AgglomerativeClustering", "KMeans"]
