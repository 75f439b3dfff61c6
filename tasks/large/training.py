"""Ways to train a pipeline on the rows of a large table."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from numpy.typing import DTypeLike
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from tasks.large.training_rows import LargeTrainingRows


class LargeTraining(ABC):
    """A way to train on a large table, which an algorithm names."""

    def sized(self, pipeline: Pipeline, rows: int, sample: int) -> Pipeline:
        """The unfitted pipeline with the parameters that it needs for a round of a search.

        Parameters
        ----------
        pipeline : Pipeline
            The unfitted pipeline.
        rows : int
            Number of rows of the round.
        sample : int
            Number of rows of the last round.
        """
        return pipeline

    @abstractmethod
    def fit(self, pipeline: Pipeline, rows: LargeTrainingRows) -> str:
        """Fit a pipeline in place, and tell in words on which rows the model was fitted.

        Parameters
        ----------
        pipeline : Pipeline
            The unfitted pipeline.
        rows : LargeTrainingRows
            The training rows.
        """


@dataclass(frozen=True)
class FromBlocks(LargeTraining):
    """Training on all training rows, which no process holds together; for a model that takes blocks of rows.

    The steps before the model learn from the sample, because medians and the means of many values need all their rows
    at once.

    Parameters
    ----------
    dtype : dtype
        Type of the numbers that the model gets.
    """

    dtype: DTypeLike

    def fit(self, pipeline: Pipeline, rows: LargeTrainingRows) -> str:
        blocks, model = rows.blocks(pipeline[:-1], self.dtype), pipeline[-1]
        threads = {"n_jobs": model.n_jobs} if "n_jobs" in model.get_params() else {}
        if threads and model.engine.in_this_process:  # the fit has the machine to itself
            model.set_params(n_jobs=model.engine.workers)
        model.fit(blocks).set_params(**threads)
        return f"all {blocks.n_rows:,} training rows"


class OnSample(LargeTraining):
    """Training on the sample, for a model that needs its rows in memory."""

    def fit(self, pipeline: Pipeline, rows: LargeTrainingRows) -> str:
        X, y = rows.sample()
        pipeline.fit(X, y)
        return f"a sample of {len(X):,} training rows"


ON_SAMPLE = OnSample()


@dataclass(frozen=True)
class SmallTrees(LargeTraining):
    """Training of a forest on the sample: each tree draws its own rows, fewer than the sample has.

    Parameters
    ----------
    rows_of_a_tree : int
        Largest number of rows that a tree draws.

    References
    ----------
    Breiman, "Pasting small votes for classification in large databases and on-line" (1999).
    """

    rows_of_a_tree: int

    def sized(self, pipeline: Pipeline, rows: int, sample: int) -> Pipeline:
        # the same share of each round's rows, because a round with few rows is to be cheap
        drawn = max(1, self._drawn(sample) * rows // sample)
        return clone(pipeline).set_params(model__max_samples=drawn)

    def _drawn(self, sample: int) -> int:
        return min(self.rows_of_a_tree, sample)

    def fit(self, pipeline: Pipeline, rows: LargeTrainingRows) -> str:
        X, y = rows.sample()
        drawn = self._drawn(len(X))
        pipeline.set_params(model__max_samples=drawn).fit(X, y)
        return f"a sample of {len(X):,} training rows, of which each tree draws {drawn:,}"
