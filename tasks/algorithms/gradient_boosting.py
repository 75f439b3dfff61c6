"""Gradient boosting: LightGBM's trees behind scikit-learn's parameters."""

import numpy as np
from scipy.stats import loguniform, randint
from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, ModelOptions, Space, tree_pipeline
from tasks.datasets.prepared import PreparedDataset
from tasks.large.training import FromBlocks


def _classifier(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from tasks.ensembles import GradientBoostingClassifier

    return tree_pipeline(dataset, GradientBoostingClassifier(random_state=options.seed))


def _regressor(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from tasks.ensembles import GradientBoostingRegressor

    return tree_pipeline(dataset, GradientBoostingRegressor(random_state=options.seed))


def _grid(_dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__learning_rate": [0.03, 0.1],
        "model__max_leaf_nodes": [4, 8],
        "model__n_estimators": [25, 50, 100],
    }


def _distributions(_dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__learning_rate": loguniform(0.01, 0.3),
        "model__max_leaf_nodes": randint(3, 32),
        "model__min_samples_leaf": randint(5, 51),
        "model__n_estimators": randint(25, 151),
    }


GRADIENT_BOOSTING = Algorithm(
    name="gradient_boosting",
    title="Gradient boosting",
    makers={"classification": _classifier, "regression": _regressor},
    grid=_grid,
    distributions=_distributions,
    large=FromBlocks(np.float64),
)
