"""Ensembles on one process, Dask and Spark, with the same answers."""

from tasks.ensembles.gradient_boosting import GradientBoostingClassifier, GradientBoostingRegressor
from tasks.ensembles.xgboost import XGBoostClassifier

__all__ = ["GradientBoostingClassifier", "GradientBoostingRegressor", "XGBoostClassifier"]
