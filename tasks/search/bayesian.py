"""Bayesian search: Optuna proposes candidates from the scores so far. Not exhaustive."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from infra.engines import Engine
from infra.errors import ParameterError
from infra.ledger import Ledger
from tasks.search.base import BaseSearch
from tasks.search.planning import Parameters
from tasks.search.search import check_n_iter
from tasks.search.trial_runner import SearchProgress, TrialRunner

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution

ALLOWED = "a list, or uniform, loguniform or randint of scipy.stats"


class BayesianSearch(BaseSearch):
    """Candidates from Optuna's tree-structured Parzen estimator; an exhaustive search may find a better winner.

    The trials of the proposed candidates run like those of `GridSearch`: on the engine, with shared fits, recorded
    in the ledger. Proposals depend on the scores only, and Optuna is told the scores in a fixed order. So all
    engines try the same candidates, and a search with the ledger of an interrupted one resumes it.

    Parameters
    ----------
    estimator, scoring, cv, refit, time_limit_s, engine, ledger
        As for `GridSearch`.
    space : mapping of str to sequence or distribution
        Values of each parameter, by name: a list, or `uniform`, `loguniform` or `randint` of scipy.stats.
    n_iter : int, default=50
        Number of all candidates.
    n_initial : int, default=10
        Number of candidates at the start that are drawn at random.
    batch_size : int, default=4
        Number of candidates that are proposed at once and run in parallel. The proposals of a batch are made
        without the scores of the other candidates of the batch.
    random_state : int, RandomState instance or None, default=None
        Seed of the proposals.
    progress : callable (done, total, best), optional
        As for `GridSearch`; the counts and the score are those of the current batch.

    Attributes
    ----------
    best_params_, best_score_, best_index_, best_estimator_, n_splits_, n_fits_, n_kept_, refit_time_
        As for `GridSearch`.
    cv_results_ : dict
        As for `GridSearch`, in the order of the proposals.

    References
    ----------
    Watanabe, "Tree-structured Parzen estimator: understanding its algorithm components and their roles for better
    empirical performance" (2023).

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from tasks.ensembles import XGBoostClassifier
    >>> from tasks.search import BayesianSearch
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"learning_rate": loguniform(0.01, 0.5), "n_estimators": [2, 5]}
    >>> search = BayesianSearch(
    ...     XGBoostClassifier(random_state=0), space, n_iter=6, n_initial=3, cv=3, random_state=0
    ... ).fit(X, y)
    >>> len(search.cv_results_["params"])
    6
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        space: Mapping[str, Any],
        *,
        n_iter: int = 50,
        n_initial: int = 10,
        batch_size: int = 4,
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
        self.n_iter = n_iter
        self.n_initial = n_initial
        self.batch_size = batch_size
        self.random_state = random_state

    def _candidates(self) -> list[Parameters]:
        """Check the arguments; no candidate is known before the first trial."""
        check_n_iter(self.n_iter)
        for name in ("n_initial", "batch_size"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name}={getattr(self, name)}: at least 1")
        self._distributions()
        return []

    def _search(self, runner: TrialRunner, candidates: list[Parameters]) -> None:
        study = _study(self.n_initial, check_random_state(self.random_state).randint(2**31))
        distributions = self._distributions()
        while len(runner.candidates) < self.n_iter:
            count = min(self.batch_size, self.n_iter - len(runner.candidates))
            proposals = [study.ask(distributions) for _ in range(count)]
            means = runner.run([self._parameters(proposal.params) for proposal in proposals])
            for proposal, mean in zip(proposals, means, strict=True):
                _tell(study, proposal, mean)

    def _distributions(self) -> "dict[str, BaseDistribution]":
        return {name: _distribution(name, values) for name, values in self.space.items()}

    def _parameters(self, proposed: Mapping[str, Any]) -> Parameters:
        """Parameters of a proposal; for a list, Optuna proposes the index of a value."""
        return {
            name: list(values)[proposed[name]] if _is_list(values) else proposed[name]
            for name, values in self.space.items()
        }


def _study(n_initial: int, seed: int) -> "Study":
    import optuna  # takes half a second, which only this search should pay

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # Optuna announces a new study on the terminal
    try:
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=n_initial, multivariate=True, constant_liar=True, seed=seed
        )
        return optuna.create_study(direction="maximize", sampler=sampler)
    finally:
        optuna.logging.set_verbosity(level)


def _tell(study: "Study", proposal: "Trial", mean: float) -> None:
    from optuna.trial import TrialState

    if np.isnan(mean):
        study.tell(proposal, None, TrialState.FAIL)
    else:
        study.tell(proposal, mean, TrialState.COMPLETE)


def _is_list(values: Any) -> bool:
    return isinstance(values, Sequence | np.ndarray)


def _distribution(name: str, values: Any) -> "BaseDistribution":
    """Optuna's distribution for a list or for a distribution of scipy.stats."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if _is_list(values):
        return CategoricalDistribution(range(len(values)))
    kind = getattr(getattr(values, "dist", None), "name", type(values).__name__)
    if kind not in ("uniform", "loguniform", "reciprocal", "randint"):
        raise ParameterError(f"search space: {name} is a distribution {kind!r}; allowed: {ALLOWED}")
    low, high = values.support()
    if kind == "randint":
        return IntDistribution(int(low), int(high))
    return FloatDistribution(float(low), float(high), log=kind != "uniform")
