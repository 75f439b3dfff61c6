"""Ensembles of trees."""

from tasks.ensembles.xgboost import XGBoostClassifier, XGBoostRegressor

__all__ = ["XGBoostClassifier", "XGBoostRegressor"]
