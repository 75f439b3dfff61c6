"""Logistic or ridge regression with scikit-learn's default parameters, without a search.

The linear model is a candidate like any other, and the reference for all other models.
"""

from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, ModelOptions, scaled_pipeline
from tasks.datasets.prepared import PreparedDataset

MOST_ITERATIONS = 1_000  # of the logistic regression; scikit-learn's default of 100 is often too few


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
