"""Successive halving: many candidates with few resources, the better ones with more, and so on. Not exhaustive."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from infra.engines import Engine
from infra.errors import ParameterError
from infra.ledger import Ledger
from tasks.search.planning import Parameters
from tasks.search.results import cv_results
from tasks.search.search import BaseSearch, SearchProgress, drawn
from tasks.search.trials import Outcome, Trials


class HalvingSearch(BaseSearch):
    """Random search by successive halving; the winner need not be that of an exhaustive search.

    All candidates are scored with `min_resources` of the parameter `resource` (rounds, trees, epochs), the best
    `1 / factor` of them with `factor` times as many, and so on. Candidates and winner are those of scikit-learn's
    `HalvingRandomSearchCV` with the same arguments and folds.

    Parameters
    ----------
    estimator, scoring, cv, refit, time_limit_s, engine, ledger, progress
        As for `GridSearch`; the progress is that of a round of halving.
    space : mapping of str to sequence or distribution
        Without `resource`.
    resource : str
        A parameter of the estimator whose larger values cost more and promise more, such as `n_estimators`.
    min_resources, max_resources : int
        Its first value, and the bound of its values.
    n_iter : int, default=27
        Candidates to begin with.
    factor : int, default=3
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    cv_results_ : dict
        As for `GridSearch`, with `round`: a candidate has a row for each round that it was in.
    n_rounds_ : int

    References
    ----------
    Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (2016).
    """

    def __init__(
        self,
        estimator: Any,
        space: Mapping[str, Any],
        *,
        resource: str,
        min_resources: int,
        max_resources: int,
        n_iter: int = 27,
        factor: int = 3,
        random_state: Any = None,
        scoring: Any = None,
        cv: Any = None,
        refit: bool | str = True,
        time_limit_s: float | None = None,
        engine: Engine | None = None,
        ledger: Ledger | None = None,
        progress: SearchProgress | None = None,
    ) -> None:
        super().__init__(
            estimator,
            space,
            scoring=scoring,
            cv=cv,
            refit=refit,
            time_limit_s=time_limit_s,
            engine=engine,
            ledger=ledger,
            progress=progress,
        )
        self.resource = resource
        self.min_resources = min_resources
        self.max_resources = max_resources
        self.n_iter = n_iter
        self.factor = factor
        self.random_state = random_state

    def _candidates(self) -> list[Parameters]:
        self._check()
        return drawn(self.space, self.n_iter, self.random_state)

    def _check(self) -> None:
        if self.resource not in self.estimator.get_params():
            raise ParameterError(f"resource={self.resource!r}: no parameter of the estimator")
        if self.resource in self.space:
            raise ParameterError(
                f"resource={self.resource!r}: halving sets it; leave it out of the search space"
            )
        if not 1 <= self.min_resources <= self.max_resources:
            raise ParameterError(
                f"min_resources={self.min_resources}: from 1 to max_resources={self.max_resources}"
            )
        if self.factor < 2:
            raise ParameterError(f"factor={self.factor}: at least 2")

    def _tried(
        self, trials: Trials, candidates: list[Parameters], metric: str
    ) -> tuple[list[Parameters], list[Outcome]]:
        """Candidates of all rounds, one after the other, and their outcomes."""
        left = candidates
        self.n_rounds_ = self._rounds(len(left))
        tried: list[Parameters] = []
        found: list[Outcome] = []
        kept = fits = 0
        for number in range(self.n_rounds_):
            value = min(self.min_resources * self.factor**number, self.max_resources)
            left = [{**candidate, self.resource: value} for candidate in left]
            outcomes = self._outcomes(trials, left, metric)
            kept, fits = kept + self.n_kept_, fits + self.n_fits_
            found += [replace(one, candidate=one.candidate + len(tried)) for one in outcomes]
            tried += left
            self._last = range(len(tried) - len(left), len(tried))
            left = _best(left, outcomes, metric, len(trials.folds), math.ceil(len(left) / self.factor))
        self.n_kept_, self.n_fits_ = kept, fits
        return tried, found

    def _rounds(self, candidates: int) -> int:
        required = 1 + math.floor(math.log(candidates, self.factor) + 1e-9)
        possible = 1 + math.floor(math.log(self.max_resources // self.min_resources, self.factor) + 1e-9)
        return min(required, possible)

    def _choose(self, outcomes: Sequence[Outcome], metric: str) -> None:
        """The best of the last round: scores of fewer resources are not compared with those of more."""
        values = [params[self.resource] for params in self.cv_results_["params"]]
        self.cv_results_["round"] = np.unique(values, return_inverse=True)[1]
        scores = self.cv_results_[f"mean_test_{metric}"]
        last = np.asarray(self._last)
        if np.isnan(scores[last]).all():
            super()._choose(outcomes, metric)  # says why, if all failed
            return
        self.best_index_ = int(last[np.nanargmax(scores[last])])
        self.best_score_ = float(scores[self.best_index_])
        self.best_params_ = self.cv_results_["params"][self.best_index_]


def _best(
    candidates: Sequence[Parameters], outcomes: Sequence[Outcome], metric: str, folds: int, count: int
) -> list[Parameters]:
    """The candidates with the highest mean scores, in scikit-learn's order; failed ones come last."""
    means = cv_results(candidates, outcomes, folds, [metric])[f"mean_test_{metric}"]
    order = np.roll(np.argsort(means), np.count_nonzero(np.isnan(means)))
    return [candidates[i] for i in order[-count:]]
