"""Random search by successive halving: each round keeps the best candidates and gives them more resources."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from infra.engines import Engine
from infra.errors import ParameterError
from infra.ledger import Ledger
from tasks.search.base import BaseSearch
from tasks.search.planning import Parameters
from tasks.search.search import draw_candidates
from tasks.search.trial_runner import SearchProgress, TrialRunner
from tasks.search.trials import Outcome


class HalvingSearch(BaseSearch):
    """Random search by successive halving; an exhaustive search may find another winner.

    The first round scores all candidates with `min_resources` of the parameter `resource` (for example trees or
    epochs). Each further round scores the best `1 / factor` of the candidates with `factor` times the resources.
    Candidates and winner are those of scikit-learn's `HalvingRandomSearchCV` with the same arguments and folds.

    Parameters
    ----------
    estimator, scoring, cv, refit, time_limit_s, engine, ledger
        As for `GridSearch`.
    space : mapping of str to sequence or distribution
        Values or distribution of each parameter, by name, without `resource`.
    resource : str
        Name of a parameter of the estimator whose larger values cost more time and give better scores, such as
        `n_estimators`.
    min_resources : int
        Value of the resource in the first round.
    max_resources : int
        Largest value that the resource may have.
    n_iter : int, default=27
        Number of candidates in the first round.
    factor : int, default=3
        Factor by which each round divides the number of candidates and multiplies the resource.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.
    progress : callable (done, total, best), optional
        As for `GridSearch`; the counts and the score are those of the current round.

    Attributes
    ----------
    best_params_, best_score_, best_index_, best_estimator_, n_splits_, n_fits_, n_kept_, refit_time_
        As for `GridSearch`.
    cv_results_ : dict
        As for `GridSearch`, with the column `round`. A candidate has a row for each round that it was in.
    n_rounds_ : int
        Number of rounds.

    References
    ----------
    Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (2016).

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from tasks.ensembles import XGBoostClassifier
    >>> from tasks.search import HalvingSearch
    >>> X, y = load_iris(return_X_y=True)
    >>> search = HalvingSearch(
    ...     XGBoostClassifier(random_state=0), {"learning_rate": loguniform(0.01, 0.5)}, resource="n_estimators",
    ...     min_resources=1, max_resources=9, n_iter=9, cv=3, random_state=0,
    ... ).fit(X, y)
    >>> search.cv_results_["param_n_estimators"].tolist()
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 9]
    """

    def __init__(
        self,
        estimator: BaseEstimator,
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
        self._check_arguments()
        return draw_candidates(self.space, self.n_iter, self.random_state)

    def _check_arguments(self) -> None:
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

    def _search(self, runner: TrialRunner, candidates: list[Parameters]) -> None:
        self.n_rounds_ = self._number_of_rounds(len(candidates))
        for number in range(self.n_rounds_):
            value = min(self.min_resources * self.factor**number, self.max_resources)
            candidates = [{**candidate, self.resource: value} for candidate in candidates]
            means = runner.run(candidates)
            candidates = best_candidates(candidates, means, math.ceil(len(candidates) / self.factor))

    def _number_of_rounds(self, n_candidates: int) -> int:
        required = 1 + math.floor(math.log(n_candidates, self.factor) + 1e-9)
        possible = 1 + math.floor(math.log(self.max_resources // self.min_resources, self.factor) + 1e-9)
        return min(required, possible)

    def _choose_best(self, outcomes: Sequence[Outcome], metric: str) -> None:
        values = [params[self.resource] for params in self.cv_results_["params"]]
        self.cv_results_["round"] = np.unique(values, return_inverse=True)[1]
        best = best_of_last_round(self.cv_results_[f"mean_test_{metric}"], values)
        if best is None:
            super()._choose_best(outcomes, metric)  # the best of an earlier round, or the error of the search
        else:
            self._set_best(best, metric)


def best_of_last_round(scores: NDArray[np.float64], resources: Sequence[float]) -> int | None:
    """Index of the best score of the last round: scores with different resources are not compared.

    Parameters
    ----------
    scores : numpy.ndarray of shape (n_candidates,), float64
        Mean scores; NaN for a candidate that failed.
    resources : sequence of float
        Resources of each candidate, which grow from round to round.

    Returns
    -------
    int or None
        None if each candidate of the last round failed.
    """
    last = np.flatnonzero(np.equal(resources, max(resources)))
    return None if np.isnan(scores[last]).all() else int(last[np.nanargmax(scores[last])])


def best_candidates(
    candidates: Sequence[Parameters], means: NDArray[np.float64], count: int
) -> list[Parameters]:
    """Candidates with the highest mean scores, in scikit-learn's order; failed candidates come last.

    Parameters
    ----------
    candidates : sequence of mapping of str to value
        Parameters of each candidate.
    means : numpy.ndarray of shape (n_candidates,), float64
        Mean scores; NaN for a candidate that failed.
    count : int
        Number of candidates to return.
    """
    order = np.roll(np.argsort(means), np.count_nonzero(np.isnan(means)))
    return [candidates[i] for i in order[-count:]]
