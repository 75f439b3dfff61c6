"""Logistic or ridge regression with scikit-learn's default parameters, without a search.

The linear model is a candidate like any other, and the reference for all other models. On a large table the same model
is fitted from blocks of rows.
"""

import numpy as np
from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, ModelOptions, scaled_pipeline
from tasks.datasets.prepared import PreparedDataset
from tasks.large.training import FromBlocks

MOST_ITERATIONS = 1_000  # of the logistic regression; scikit-learn's default of 100 is often too few


def _classifier(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from sklearn import linear_model as in_memory

    from tasks import linear as from_blocks

    kind = from_blocks.LogisticRegression if dataset.by_blocks else in_memory.LogisticRegression
    return scaled_pipeline(dataset, kind(max_iter=MOST_ITERATIONS, random_state=options.seed))


def _regressor(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from sklearn import linear_model as in_memory

    from tasks import linear as from_blocks

    kind = from_blocks.Ridge if dataset.by_blocks else in_memory.Ridge
    return scaled_pipeline(dataset, kind(random_state=options.seed))


LINEAR_MODEL = Algorithm(
    name="linear_model",
    title="Linear model",
    makers={"classification": _classifier, "regression": _regressor},
    large=FromBlocks(np.float64),
)
