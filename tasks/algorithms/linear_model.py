"""Logistic or ridge regression with scikit-learn's defaults: the model with nothing to tune.

A linear model is a candidate like any other, and the reference that every other one is measured against.
"""

from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, ModelOptions, scaled_pipeline
from tasks.datasets.prepared import PreparedDataset

MOST_ITERATIONS = 1_000  # of the logistic regression; scikit-learn's default of 100 often ends too early


def _classifier(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from sklearn.linear_model import LogisticRegression

    return scaled_pipeline(dataset, LogisticRegression(max_iter=MOST_ITERATIONS, random_state=options.seed))


def _regressor(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from sklearn.linear_model import Ridge

    return scaled_pipeline(dataset, Ridge(random_state=options.seed))


LINEAR_MODEL = Algorithm(
    name="linear_model",
    title="Linear model",
    makers={"classification": _classifier, "regression": _regressor},
)
