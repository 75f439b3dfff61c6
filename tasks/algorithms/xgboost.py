"""XGBoost's boosted trees."""

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, ModelOptions, Space, tree_pipeline
from tasks.datasets.prepared import PreparedDataset
from tasks.large.training import FromBlocks


def _classifier(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from tasks.ensembles import XGBoostClassifier

    return tree_pipeline(dataset, XGBoostClassifier(random_state=options.seed))


def _regressor(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from tasks.ensembles import XGBoostRegressor

    return tree_pipeline(dataset, XGBoostRegressor(random_state=options.seed))


def _grid(_dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__learning_rate": [0.1, 0.3],
        "model__max_depth": [2, 3, 4],
        "model__n_estimators": [25, 50, 100],
    }


def _distributions(_dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__learning_rate": loguniform(0.01, 0.3),
        "model__max_depth": randint(2, 7),
        "model__n_estimators": randint(25, 151),
        "model__subsample": uniform(0.6, 0.4),
        "model__colsample_bytree": uniform(0.5, 0.5),
        "model__min_child_weight": loguniform(0.5, 10),
    }


XGBOOST = Algorithm(
    name="xgboost",
    title="XGBoost",
    makers={"classification": _classifier, "regression": _regressor},
    grid=_grid,
    distributions=_distributions,
    large=FromBlocks(np.float32),
)
