"""Search on a large table by successive halving over rows: few rows for all candidates, more rows for the best."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from infra.arithmetic import ceil_div
from tasks.datasets.prepared import Target
from tasks.large.training_rows import LargeTrainingRows
from tasks.search.base import BaseSearch, without_engine
from tasks.search.planning import Parameters
from tasks.search.results import cv_results
from tasks.search.scorers import prediction_scorer
from tasks.search.successive_halving import best_candidates, best_of_last_round
from tasks.search.trial_runner import TrialRunner
from tasks.search.trials import Outcome, TrialContext

FACTOR = 3  # by which each round divides the number of candidates and multiplies the rows, as in scikit-learn
FEWEST_ROWS = 2_000  # of the first round
ROWS_OF_A_CLASS = 20  # that the first round has of each class, if the sample has so many


class RowHalvingSearch(BaseSearch):
    """Successive halving over rows of a large table; an exhaustive search may find another winner.

    The first round fits all candidates on a small sample of the training rows, and each further round fits the best
    third of the candidates on three times as many rows; a larger sample contains the smaller one. All rounds score
    on the same rows, which no round fits. The winner of the last round is to be fitted on all training rows.

    Parameters
    ----------
    search : GridSearch or RandomSearch
        The search that names the candidates; its estimator, scoring, engine, ledger and progress are used.
    sized : callable
        Function `(pipeline, rows, sample) -> pipeline` that sets the parameters of a round of so many rows, where the
        last round has so many rows as the sample.

    Attributes
    ----------
    best_params_, best_score_, best_index_, n_fits_, n_kept_
        As for `GridSearch`.
    cv_results_ : dict
        As for `GridSearch`, with the column `rows`, the number of rows of a candidate's fit. A candidate has a row in
        the table for each round that it was in.

    References
    ----------
    Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (2016).
    """

    n_splits_ = 1

    def __init__(self, search: BaseSearch, sized: Callable[[Any, int, int], Any]) -> None:
        super().__init__(
            search.estimator,
            search.space,
            scoring=search.scoring,
            engine=search.engine,
            ledger=search.ledger,
            progress=search.progress,
            refit=False,
        )
        self.search = search
        self.sized = sized

    def _candidates(self) -> list[Parameters]:
        return self.search._candidates()

    def fit(self, X: LargeTrainingRows, y: None = None) -> Self:
        """Choose a candidate.

        Parameters
        ----------
        X : LargeTrainingRows
            The training rows with their target.
        y : None
            No target, because the training rows have theirs.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            If every candidate failed.
        EngineError
            If the trials of every candidate were lost with their workers.
        """
        rounds = _Rounds(self, X)
        self.cv_results_ = rounds.run(self._checked_candidates())
        self.n_fits_, self.n_kept_ = rounds.n_fits, rounds.n_kept
        self._choose_best(rounds.outcomes, rounds.metric)
        return self

    def _choose_best(self, outcomes: Sequence[Outcome], metric: str) -> None:
        best = best_of_last_round(self.cv_results_[f"mean_test_{metric}"], self.cv_results_["rows"])
        if best is None:
            super()._choose_best(outcomes, metric)  # the best of an earlier round, or the error of the search
        else:
            self._set_best(best, metric)


class _Rounds:
    """The rounds of a search, and what they found."""

    def __init__(self, search: RowHalvingSearch, training: LargeTrainingRows) -> None:
        self.search = search
        self.sample_size = training.drawn.sample_size
        self.features, target = training.drawn.search_rows()
        assert target is not None  # noqa: S101 (candidates are scored on rows that they were not fitted to)
        self.target: Target = target
        self.scorer = prediction_scorer(search.estimator, search.scoring)
        [self.metric] = self.scorer.metrics
        self.outcomes: list[Outcome] = []
        self.n_fits = self.n_kept = 0

    def run(self, candidates: Sequence[Parameters]) -> dict[str, Any]:
        """Run all rounds; return the table of results."""
        tried: list[Parameters] = []
        rows: list[int] = []
        fewest = fewest_rows(self.target[: self.sample_size], is_classifier(self.search.estimator))
        for size in round_sizes(self.sample_size, len(candidates), fewest):
            means = self._round(candidates, size, len(tried))
            tried += candidates
            rows += [size] * len(candidates)
            if not np.isnan(means).all():  # else no candidate is better than another one
                candidates = best_candidates(candidates, means, ceil_div(len(candidates), FACTOR))
        return {**cv_results(tried, self.outcomes, 1, self.scorer.metrics), "rows": rows}

    def _round(self, candidates: Sequence[Parameters], size: int, before: int) -> NDArray[np.float64]:
        search = self.search
        folds = [(np.arange(size), np.arange(self.sample_size, len(self.target)))]
        estimator = without_engine(search.sized(search.estimator, size, self.sample_size))
        context = TrialContext(estimator, self.features, self.target, folds, self.scorer)
        runner = TrialRunner(
            context, self.metric, search.scoring, search.engine, search.ledger, search.progress
        )
        means = runner.run(candidates)
        self.outcomes += [replace(one, candidate=before + one.candidate) for one in runner.outcomes]
        self.n_fits += runner.n_fits
        self.n_kept += runner.n_kept
        return means


def fewest_rows(target: NDArray[Any], has_classes: bool) -> int:
    """Number of the first rows of a sample on which candidates can be compared: each class must have some rows.

    Parameters
    ----------
    target : numpy.ndarray of shape (rows,)
        Target of the sample, in its order.
    has_classes : bool
        Whether the target is the code of a class.
    """
    if not has_classes:
        return FEWEST_ROWS
    enough = [np.flatnonzero(target == code)[:ROWS_OF_A_CLASS] for code in np.unique(target)]
    return max(FEWEST_ROWS, *(int(rows[-1]) + 1 for rows in enough))


def round_sizes(rows: int, candidates: int, fewest: int = FEWEST_ROWS) -> list[int]:
    """Number of rows in each round: the last round has all rows of the sample.

    Parameters
    ----------
    rows : int
        Number of rows of the sample.
    candidates : int
        Number of candidates of the first round.
    fewest : int
        Smallest number of rows of the first round.

    Examples
    --------
    >>> from tasks.large.row_halving import round_sizes
    >>> round_sizes(270_000, candidates=12)
    [30000, 90000, 270000]
    """
    wanted = 1 + int(math.log(candidates, FACTOR) + 1e-9)
    possible = 1 + int(math.log(max(rows / fewest, 1), FACTOR) + 1e-9)
    return [rows // FACTOR**number for number in reversed(range(min(wanted, possible)))]
