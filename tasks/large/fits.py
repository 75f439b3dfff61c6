"""Ways to fit a pipeline on the training rows of a large table."""

from collections.abc import Callable

from numpy.typing import DTypeLike
from sklearn.pipeline import Pipeline

from tasks.large.training_rows import TrainingRows

LargeFit = Callable[[Pipeline, TrainingRows], str]
"""Function that fits a pipeline in place, and returns in words which rows the model was fitted on."""


def from_blocks(dtype: DTypeLike) -> LargeFit:
    """Fit of a model that takes blocks of rows: on all training rows, which no process holds together.

    The steps before the model learn from the sample, because medians and the means of many values need all their rows
    at once.

    Parameters
    ----------
    dtype : dtype
        Type of the numbers that the model gets.
    """

    def fit(pipeline: Pipeline, rows: TrainingRows) -> str:
        X, y = rows.sample()
        steps = pipeline[:-1].fit(X, y)
        blocks = rows.blocks(steps, dtype)
        pipeline[-1].fit(blocks)
        return f"all {blocks.n_rows:,} training rows"

    return fit


def on_sample(pipeline: Pipeline, rows: TrainingRows) -> str:
    """Fit of a model that needs its rows in memory: on the sample.

    Parameters
    ----------
    pipeline : Pipeline
        The unfitted pipeline.
    rows : TrainingRows
        The training rows.
    """
    X, y = rows.sample()
    pipeline.fit(X, y)
    return f"a sample of {len(X):,} training rows"


def on_sample_with_small_trees(rows_of_a_tree: int) -> LargeFit:
    """Fit of a forest on the sample: each tree draws its own rows, fewer than the sample has.

    Parameters
    ----------
    rows_of_a_tree : int
        Number of rows that each tree draws.

    References
    ----------
    Breiman, "Pasting small votes for classification in large databases and on-line" (1999).
    """

    def fit(pipeline: Pipeline, rows: TrainingRows) -> str:
        X, y = rows.sample()
        drawn = min(rows_of_a_tree, len(X))
        pipeline[-1].set_params(max_samples=drawn)
        pipeline.fit(X, y)
        return f"a sample of {len(X):,} training rows, {drawn:,} for each tree"

    return fit
