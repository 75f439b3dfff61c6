"""The description of an algorithm for a study: how its model is made, and which parameters its searches try."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sklearn.pipeline import Pipeline

from infra.extras import Extra
from tasks.datasets.catalogue import Task
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.preprocessing import preprocessor
from tasks.large.training import ON_SAMPLE, LargeTraining
from tasks.results import SEARCHES, Search

Space = Mapping[str, Any]
"""Values or a distribution for each searched parameter, named `model__PARAMETER`."""


class ModelOptions(BaseModel):
    """Settings of a model that do not depend on its data set."""

    model_config = ConfigDict(frozen=True)

    seed: int = Field(0, description="Seed of the model's random numbers.")
    epochs: int | None = Field(
        None,
        description="Number of epochs of a network's training; None: a short training of a small network.",
    )


Maker = Callable[[PreparedDataset, ModelOptions], Pipeline]
SpaceOf = Callable[[PreparedDataset, ModelOptions], Space]


def _nothing(_dataset: PreparedDataset) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Demand:
    """What an algorithm needs for a large table; its time and its memory are estimated before it is run.

    Parameters
    ----------
    row_bytes : callable
        Function `(columns) -> int` that gives the number of bytes that a worker needs for each row.
    model : callable
        Function `(X) -> estimator` that makes an estimator for a sample of the prepared rows; its fits are timed.
    """

    row_bytes: Callable[[int], int]
    model: Callable[[Any], Any]


@dataclass(frozen=True)
class Algorithm:
    """One algorithm of the comparison.

    Parameters
    ----------
    name : str
        Name in commands, records and the registry of models.
    title : str
        Name in running text.
    makers : mapping of task to callable
        For each task that the algorithm can do, the function `(dataset, options) -> Pipeline` that makes an
        unfitted pipeline whose last step is called `model`.
    grid : callable, optional
        Function `(dataset, options) -> Space` of the grid search; None: the algorithm has nothing to search.
    distributions : callable, optional
        Function `(dataset, options) -> Space` of the random search; None: the algorithm has nothing to search.
    large : LargeTraining
        The way to train on a table that is too large for the memory of one process, or for searches on all rows.
    trains_in_epochs : bool
        Whether the model is a network that is trained epoch by epoch. Its training takes long, calls callbacks, and
        writes checkpoints, and the trained network is kept.
    worker_modules : tuple of str
        Modules that workers import when they start, because their import takes seconds.
    extra : Extra, optional
        Optional packages that the algorithm needs.
    demand : Demand, optional
        Memory and time for a large table; None: they grow no faster than the table.
    notes : callable
        Function `(dataset) -> sentences` that tells what is done in another way because the table is large.
    """

    name: str
    title: str
    makers: Mapping[Task, Maker]
    grid: SpaceOf | None = None
    distributions: SpaceOf | None = None
    large: LargeTraining = ON_SAMPLE
    trains_in_epochs: bool = False
    worker_modules: tuple[str, ...] = ()
    extra: Extra | None = None
    demand: Demand | None = None
    notes: Callable[[PreparedDataset], Sequence[str]] = _nothing

    @property
    def searches(self) -> tuple[Search, ...]:
        """Searches of the algorithm: only the baseline if the algorithm has no parameters to search."""
        return SEARCHES if self.grid and self.distributions else SEARCHES[:1]

    def check_installed(self) -> None:
        """Refuse an algorithm whose package is not installed.

        Raises
        ------
        ParameterError
            If the package is not installed; the message names the command that installs the package.
        """
        if self.extra is not None:
            self.extra.require()

    def make(self, dataset: PreparedDataset, options: ModelOptions) -> Pipeline:
        """Make the unfitted pipeline for a data set."""
        return self.makers[dataset.task](dataset, options)


def tree_pipeline(dataset: PreparedDataset, model: Any) -> Pipeline:
    """Pipeline of an ensemble of trees; missing values stay missing, because each split learns their side."""
    return Pipeline([("prepare", preprocessor(dataset, scale=False, impute=False)), ("model", model)])


def scaled_pipeline(dataset: PreparedDataset, model: Any) -> Pipeline:
    """Pipeline of a model that uses distances or weighted sums: columns are standardised, missing values imputed."""
    return Pipeline([("prepare", preprocessor(dataset, scale=True, impute=True)), ("model", model)])
