"""Ensembles of trees on one process, Dask and Spark, with the same answers."""

from tasks.ensembles.forest import RandomForestClassifier, RandomForestRegressor
from tasks.ensembles.xgboost import XGBoostClassifier, XGBoostRegressor

__all__ = ["RandomForestClassifier", "RandomForestRegressor", "XGBoostClassifier", "XGBoostRegressor"]
