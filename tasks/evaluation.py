"""Evaluation by repeated cross-validation with the tuning inside the folds."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer

from infra.engines import Engine
from infra.errors import EngineError, ParameterError
from infra.ledger import Ledger
from infra.progress import Progress
from tasks.algorithms.base import ModelOptions
from tasks.datasets.prepared import PreparedDataset, taken
from tasks.problems import EvaluationScheme, Problem, problem_of
from tasks.registry import ALGORITHMS
from tasks.results import Cell, Comparison, Evaluation, Way, fastest_of_each_way
from tasks.search_plans import SearchPlan, plan_estimator
from tasks.significance import corrected_interval, corrected_p_value, split_sizes

INNER_FOLDS = 3

FoldScore = tuple[float, float]
"""Score on the test rows of a fold, and wall seconds to make the model on its training rows."""


@dataclass(frozen=True)
class _FoldTask:
    """One outer fold of one way to make a model."""

    way: Way
    fold: int

    @property
    def key(self) -> str:
        return f"{self.way.algorithm}/{self.way.search}/{self.fold}"


@dataclass
class _Folds:
    """The data that all fold tasks of an evaluation share."""

    dataset: PreparedDataset
    scheme: EvaluationScheme
    options: ModelOptions
    splits: list[tuple[Any, Any]]


def evaluate(
    dataset: PreparedDataset,
    ways: Sequence[Way],
    scheme: EvaluationScheme,
    options: ModelOptions,
    engine: Engine,
    ledger: Ledger,
    progress: Progress | None = None,
) -> list[Evaluation]:
    """Cross-validate each way to make a model on the same folds; a search runs anew inside each fold.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set, with a target.
    ways : sequence of Way
        The ways to evaluate.
    scheme : EvaluationScheme
        Folds, repeats and seed.
    options : ModelOptions
        Seed and budget of the models.
    engine : Engine
        The engine whose workers compute the folds.
    ledger : Ledger
        The record of finished folds; a recorded fold is not computed again.
    progress : callable, optional
        Function that is called with the number of finished folds and the number of all folds.

    Returns
    -------
    list of Evaluation
        Evaluations in the order of `ways`.

    Raises
    ------
    EngineError
        If the worker of a fold died at every try.
    """
    X, y = _labelled(dataset)
    splitter = problem_of(dataset.task).evaluation_splitter(scheme)
    folds = _Folds(dataset, scheme, options, list(splitter.split(X, y)))
    tasks = [_FoldTask(way, fold) for way in ways for fold in range(len(folds.splits))]
    scores: dict[str, FoldScore] = ledger.get_many(task.key for task in tasks)
    to_do = [task for task in tasks if task.key not in scores]
    with ledger.recording() as record, closing(engine.run(_score_fold, to_do, shared=folds)) as results:
        for i, score in results:
            if isinstance(score, EngineError):
                raise score
            record({to_do[i].key: score})
            scores[to_do[i].key] = score
            if progress:
                progress(len(scores), len(tasks))
    return [_summary(way, folds, scores) for way in ways]


def _score_fold(task: _FoldTask, folds: _Folds) -> FoldScore:
    dataset, algorithm = folds.dataset, ALGORITHMS[task.way.algorithm]
    X, y = _labelled(dataset)
    train, test = folds.splits[task.fold]
    plan = SearchPlan(task.way.search, folds.options, INNER_FOLDS, folds.scheme.candidates)
    estimator = plan_estimator(plan, algorithm, dataset, algorithm.make(dataset, folds.options))
    X_train, y_train = taken(X, train), y[train]
    start = time.perf_counter()
    fitted = estimator.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    scorer = get_scorer(problem_of(dataset.task).metric)
    return float(scorer(fitted, taken(X, test), y[test])), seconds


def _labelled(dataset: PreparedDataset) -> tuple[Any, Any]:
    X, y = dataset.load()
    if y is None:
        raise ParameterError(f"data set {dataset.name!r} has no target, so no model can be evaluated")
    return X, y


def _summary(way: Way, folds: _Folds, scores: dict[str, FoldScore]) -> Evaluation:
    problem = problem_of(folds.dataset.task)
    found = [scores[_FoldTask(way, fold).key] for fold in range(len(folds.splits))]
    values = [score for score, _ in found]
    train, test = folds.splits[0]
    low, high = corrected_interval(values, len(train), len(test))
    lowest, highest = problem.score_bounds
    return Evaluation(
        dataset=folds.dataset.name,
        algorithm=way.algorithm,
        search=way.search,
        metric=problem.metric,
        folds=folds.scheme.folds,
        repeats=folds.scheme.repeats,
        scores=values,
        mean=float(np.mean(values)),
        low=max(low, lowest),
        high=min(high, highest),
        seconds=float(np.mean([seconds for _, seconds in found])),
    )


def holdout_evaluations(dataset: PreparedDataset, cells: Sequence[Cell]) -> list[Evaluation]:
    """Evaluations of the ways to make a model of a large table, by the hold-out of their fastest cells.

    A clustering has no hold-out, and no evaluation.

    Parameters
    ----------
    dataset : PreparedDataset
        The large table.
    cells : sequence of Cell
        The completed cells of the table.
    """
    problem = problem_of(dataset.task)
    return [_of_holdout(problem, cell) for cell in fastest_of_each_way(cells).values() if cell.parts]


def _of_holdout(problem: Problem, cell: Cell) -> Evaluation:
    score, rows = cell.metrics[problem.ranking], int(cell.metrics["holdout_rows"])
    low, high = problem.holdout_interval(score, rows, cell.parts)
    return Evaluation(
        dataset=cell.dataset,
        algorithm=cell.algorithm,
        search=cell.search,
        metric=problem.metric,
        folds=0,
        repeats=1,
        held_out=rows,
        scores=cell.parts,
        mean=score,
        low=low,
        high=high,
        seconds=cell.usage.wall_s,
    )


def compare(evaluations: Sequence[Evaluation]) -> list[Comparison]:
    """Corrected paired tests between all pairs of evaluations, which share their folds or their held-out rows."""
    return [_compared(first, second) for second, first in combinations(evaluations, 2)]


def _compared(first: Evaluation, second: Evaluation) -> Comparison:
    differences = np.subtract(first.scores, second.scores)
    low, high = corrected_interval(differences, *split_sizes(first.folds))
    return Comparison(
        dataset=first.dataset,
        first=str(first.way),
        second=str(second.way),
        difference=float(differences.mean()),
        low=low,
        high=high,
        p_value=corrected_p_value(differences, *split_sizes(first.folds)),
    )
