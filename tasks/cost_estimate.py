"""The time that a study of a very wide table will take, estimated from one timed fit of each algorithm."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sklearn.model_selection import ParameterGrid

from infra.settings import usable_cores
from tasks.algorithms.base import Algorithm, ModelOptions
from tasks.datasets.prepared import PreparedDataset
from tasks.evaluation import INNER_FOLDS
from tasks.problems import problem_of
from tasks.search.planning import plan_fits
from tasks.search.search import draw_candidates

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


@dataclass(frozen=True)
class Work:
    """Number of computations.

    Parameters
    ----------
    fits : int
        Number of fits of a model.
    preparations : int
        Number of preparations of the rows of a fold, or of all rows.
    """

    fits: int
    preparations: int

    def __add__(self, other: "Work") -> "Work":
        return Work(self.fits + other.fits, self.preparations + other.preparations)

    def __mul__(self, times: int) -> "Work":
        return Work(self.fits * times, self.preparations * times)


def is_very_wide(columns: int) -> bool:
    """Whether the time of a study of a table with so many prepared columns is estimated beforehand."""
    return columns >= WIDE


def cost_warning(
    dataset: PreparedDataset, algorithms: Sequence[Algorithm], options: ModelOptions, effort: Effort
) -> str | None:
    """Sentence that tells how long a study of a very wide table will take; None if it takes a few minutes.

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
    seconds = sum(_seconds(algorithm, dataset, options, effort) for algorithm in algorithms) / usable_cores()
    if seconds < TOLD_S:
        return None
    return (
        f"{len(dataset.columns):,} columns x {dataset.rows:,} rows: the searches and the cross-validation will take "
        f"about {seconds / 60:,.0f} minutes on {usable_cores()} cores; --repeats 0, one engine or fewer "
        "--algorithms take less"
    )


def work(algorithm: Algorithm, dataset: PreparedDataset, options: ModelOptions, effort: Effort) -> Work:
    """Work of an algorithm in a study.

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
    problem = problem_of(dataset.task)
    scheme = problem.evaluation_scheme(effort.repeats, options.seed, effort.candidates)
    outer = scheme.folds * scheme.repeats if scheme else 0
    has_folds = problem.search_splitter(effort.folds, options.seed) is not None
    found = Work(0, 0)
    for count in _fits_of_a_fold(algorithm, dataset, options, effort.candidates):
        found += _search(count, effort.folds if has_folds else 1) * effort.engines
        found += _search(count, INNER_FOLDS) * outer
    return found


def _search(fits: int, folds: int) -> Work:
    """Work of a search with so many fits in each fold, and of the last fit on all rows."""
    return Work(fits * folds + 1, folds * bool(fits) + 1)


def _fits_of_a_fold(
    algorithm: Algorithm, dataset: PreparedDataset, options: ModelOptions, drawn: int
) -> list[int]:
    """Number of fits of the baseline, of the grid and of the random search; trials may share a fit."""
    if algorithm.grid is None or algorithm.distributions is None:
        return [0]
    model = algorithm.make(dataset, options)
    grid = ParameterGrid(dict(algorithm.grid(dataset, options)))
    candidates = draw_candidates(algorithm.distributions(dataset, options), drawn, options.seed)
    return [0, len(plan_fits(model, list(grid), 1)), len(plan_fits(model, candidates, 1))]


def _seconds(algorithm: Algorithm, dataset: PreparedDataset, options: ModelOptions, effort: Effort) -> float:
    """Seconds of processor time of an algorithm in a study, estimated from one fit."""
    X, y = dataset.load()
    model = algorithm.make(dataset, options)
    times = [time.process_time()]
    rows = model[:-1].fit_transform(X, y)
    times.append(time.process_time())
    model[-1].fit(rows, y)
    times.append(time.process_time())
    preparation, fit = (end - start for start, end in pairwise(times))
    planned = work(algorithm, dataset, options, effort)
    return planned.preparations * preparation + planned.fits * fit
