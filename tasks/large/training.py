"""Ways to search and to train a pipeline on the rows of a large table."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from numpy.typing import DTypeLike
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from tasks.large.row_halving import RowHalvingSearch
from tasks.large.training_rows import LargeTrainingRows
from tasks.search.base import BaseSearch


class LargeTraining(ABC):
    """A way to search and to train on a large table, which an algorithm names."""

    def searched(self, search: BaseSearch, rows: LargeTrainingRows) -> BaseSearch:
        """Choose parameters: by halving over the rows of the sample, unless a subclass knows another way.

        Parameters
        ----------
        search : BaseSearch
            The search that names the candidates.
        rows : LargeTrainingRows
            The training rows.

        Returns
        -------
        BaseSearch
            The finished search; its winner is not fitted again.
        """
        return RowHalvingSearch(search, self.sized).fit(rows)

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


@dataclass(frozen=True)
class ContinuedFromSample(LargeTraining):
    """Training on the sample, continued on all rows; for an iterative model that takes blocks of rows.

    A search compares all its candidates on the sample. An iteration over all rows takes long, and a start near the end
    needs few of them.

    Parameters
    ----------
    start : str
        Parameter of the model that takes the start of its iterations.
    end : str
        Attribute of the fitted model that is such a start.

    References
    ----------
    Bradley and Fayyad, "Refining initial points for k-means clustering" (1998).
    """

    start: str
    end: str

    def searched(self, search: BaseSearch, rows: LargeTrainingRows) -> BaseSearch:
        X, _ = rows.sample()
        found: BaseSearch = search.set_params(refit=False).fit(X)
        found.cv_results_["rows"] = [len(X)] * len(found.cv_results_["params"])
        return found

    def fit(self, pipeline: Pipeline, rows: LargeTrainingRows) -> str:
        X, _ = rows.sample()
        model = pipeline.fit(X)[-1]
        asked = model.get_params()[self.start]
        blocks = rows.transformed(pipeline[:-1])
        model.set_params(**{self.start: getattr(model, self.end)}).fit(blocks)
        model.set_params(**{self.start: asked})
        return f"all {blocks.n_rows:,} rows, from the result on a sample of {len(X):,} rows"


class InMemory(LargeTraining):
    """Searches and training on all rows in memory; for a model whose need of memory was estimated before."""

    def searched(self, search: BaseSearch, rows: LargeTrainingRows) -> BaseSearch:
        found: BaseSearch = search.set_params(refit=False).fit(rows.table())
        return found

    def fit(self, pipeline: Pipeline, rows: LargeTrainingRows) -> str:
        X = rows.table()
        pipeline.fit(X)
        return f"all {len(X):,} rows in memory"


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
