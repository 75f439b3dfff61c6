"""The time that a study of a very wide table will take, estimated from one timed fit of each algorithm."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.model_selection import ParameterGrid

from infra.settings import usable_cores
from tasks.algorithms.base import Algorithm, ModelOptions
from tasks.datasets.prepared import PreparedDataset
from tasks.evaluation import INNER_FOLDS
from tasks.problems import problem_of

WIDE = (
    2_000  # smallest number of columns of a table whose time is estimated: narrow tables take minutes at most
)
TOLD_S = 300.0  # seconds; a shorter study is not worth a warning


@dataclass(frozen=True)
class Effort:
    """The size of a study's searches and of its cross-validation.

    Parameters
    ----------
    engines : int
        Number of engines.
    folds : int
        Number of folds of the cross-validation inside each search.
    candidates : int
        Number of candidates that a random search draws.
    repeats : int
        Number of repeats of the cross-validation of ways to make a model.
    """

    engines: int
    folds: int
    candidates: int
    repeats: int


def cost_warning(
    dataset: PreparedDataset, algorithms: Sequence[Algorithm], options: ModelOptions, effort: Effort
) -> str | None:
    """Sentence that tells how long a study of a very wide table will take; None for all other tables.

    Parameters
    ----------
    dataset : PreparedDataset
        The table.
    algorithms : sequence of Algorithm
        The algorithms of the study; each is fitted once with its default parameters.
    options : ModelOptions
        Seed and budget of the models.
    effort : Effort
        The size of the searches and of the cross-validation.
    """
    if dataset.images or len(dataset.columns) < WIDE:
        return None
    seconds = sum(
        fits(algorithm, dataset, options, effort) * _seconds_of_a_fit(algorithm, dataset, options)
        for algorithm in algorithms
    )
    seconds /= usable_cores()
    if seconds < TOLD_S:
        return None
    return (
        f"{len(dataset.columns):,} columns x {dataset.rows:,} rows: the searches and the cross-validation will take "
        f"at most about {seconds / 60:,.0f} minutes on {usable_cores()} cores; --repeats 0, one engine or fewer "
        "--algorithms take less"
    )


def fits(algorithm: Algorithm, dataset: PreparedDataset, options: ModelOptions, effort: Effort) -> int:
    """Largest number of fits of an algorithm in a study; computations that trials share make it smaller.

    Parameters
    ----------
    algorithm : Algorithm
        The algorithm.
    dataset : PreparedDataset
        The table, from which the spaces take their bounds.
    options : ModelOptions
        Seed and budget of the models.
    effort : Effort
        The size of the searches and of the cross-validation.
    """
    scheme = problem_of(dataset.task).evaluation_scheme(effort.repeats, options.seed, effort.candidates)
    outer = scheme.folds * scheme.repeats if scheme else 0
    counts = _candidates(algorithm, dataset, options, effort.candidates)
    searches = sum(count * effort.folds + 1 for count in counts) * effort.engines
    return searches + outer * sum(count * INNER_FOLDS + 1 for count in counts)


def _candidates(
    algorithm: Algorithm, dataset: PreparedDataset, options: ModelOptions, drawn: int
) -> list[int]:
    """Number of candidates of the baseline, which has none to compare, of the grid and of the random search."""
    if algorithm.grid is None:
        return [0]
    return [0, len(ParameterGrid(dict(algorithm.grid(dataset, options)))), drawn]


def _seconds_of_a_fit(algorithm: Algorithm, dataset: PreparedDataset, options: ModelOptions) -> float:
    X, y = dataset.load()
    model = algorithm.make(dataset, options)
    start = time.process_time()
    model.fit(X, y)
    return time.process_time() - start
