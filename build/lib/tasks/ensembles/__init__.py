"""Ensembles on one process, Dask and Spark, with the same answers."""

from tasks.ensembles.xgboost import XGBoostClassifier

__all__ = ["XGBoostClassifier"]
