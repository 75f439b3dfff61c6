"""Ensembles of trees on one process, Dask and Spark, with the same answers."""

from tasks.ensembles.forest import RandomForestClassifier, RandomForestRegressor
from tasks.ensembles.gradient_boosting import GradientBoostingClassifier, GradientBoostingRegressor
from tasks.ensembles.xgboost import XGBoostClassifier, XGBoostRegressor

__all__ = [
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "XGBoostClassifier",
    "XGBoostRegressor",
]
