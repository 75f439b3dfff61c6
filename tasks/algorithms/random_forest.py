"""Random forest: scikit-learn's trees, grown on any engine."""

from scipy.stats import randint, uniform
from sklearn.pipeline import Pipeline

from tasks.algorithms.base import Algorithm, ModelOptions, Space, tree_pipeline
from tasks.datasets.prepared import PreparedDataset
from tasks.large.training import SmallTrees

ROWS_OF_A_TREE = (
    25_000  # of a large table: twice as many take twice the time for a third of a point of accuracy
)


def _classifier(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from tasks.ensembles import RandomForestClassifier

    return tree_pipeline(dataset, RandomForestClassifier(random_state=options.seed))


def _regressor(dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
    from tasks.ensembles import RandomForestRegressor

    return tree_pipeline(dataset, RandomForestRegressor(random_state=options.seed))


def _grid(_dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__max_depth": [4, 8],
        "model__n_estimators": [10, 20, 40],
    }


def _distributions(_dataset: PreparedDataset, _options: ModelOptions) -> Space:
    return {
        "model__max_depth": randint(3, 13),
        "model__max_features": uniform(0.2, 0.8),
        "model__min_samples_leaf": randint(1, 16),
        "model__n_estimators": randint(10, 41),
    }


RANDOM_FOREST = Algorithm(
    name="random_forest",
    title="Random forest",
    makers={"classification": _classifier, "regression": _regressor},
    grid=_grid,
    distributions=_distributions,
    large=SmallTrees(ROWS_OF_A_TREE),
)
