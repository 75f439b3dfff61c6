"""Clustering estimators that give the same labels on one process, on Dask and on Spark."""

from tasks.clustering.agglomerative import AgglomerativeClustering
from tasks.clustering.dbscan import DBSCAN
from tasks.clustering.kmeans import KMeans

__all__ = ["DBSCAN", "AgglomerativeClustering", "KMeans"]
