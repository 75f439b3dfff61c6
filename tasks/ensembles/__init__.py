"""Ensembles on one process, Dask and Spark, with the same answers."""

from tasks.ensembles.forest import RandomForestClassifier, RandomForestRegressor
from tasks.ensembles.xgboost import XGBoostClassifier

__all__ = ["RandomForestClassifier", "RandomForestRegressor", "XGBoostClassifier"]
