"""Bayesian search: candidates proposed by Optuna from the scores so far. Not exhaustive."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from infra.engines import Engine
from infra.errors import ParameterError
from infra.ledger import Ledger
from tasks.search.planning import Parameters
from tasks.search.results import cv_results
from tasks.search.search import BaseSearch, SearchProgress, check_count
from tasks.search.trials import Outcome, Trials

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

ALLOWED = "a list, or uniform, loguniform or randint of scipy.stats"


class BayesianSearch(BaseSearch):
    """Candidates from Optuna's tree-structured Parzen estimator; the winner need not be the best of the space.

    Optuna proposes, and our trials are run: on the engine, shared where they can be, and recorded. Proposals
    depend on the scores alone, told in a fixed order, so all engines try the same candidates, and a search begun
    again with its ledger goes on where it was.

    Parameters
    ----------
    estimator, scoring, cv, refit, time_limit_s, engine, ledger, progress
        As for `GridSearch`; the progress is that of a batch.
    space : mapping of str to sequence or distribution
        Lists, and `uniform`, `loguniform` or `randint` of scipy.stats.
    n_iter : int, default=50
        Candidates in all.
    n_initial : int, default=10
        The first of them are drawn at random.
    batch_size : int, default=4
        Candidates proposed at once, which run side by side; with more of them each knows less of the others.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    cv_results_ : dict
        As for `GridSearch`, in the order of the proposals.

    References
    ----------
    Watanabe, "Tree-structured Parzen estimator: understanding its algorithm components and their roles for better
    empirical performance" (2023).
    """

    def __init__(
        self,
        estimator: Any,
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
        """None yet: `_tried` asks for them; only what cannot be asked for is told here."""
        check_count(self.n_iter)
        for name in ("n_initial", "batch_size"):
            if getattr(self, name) < 1:
                raise ParameterError(f"{name}={getattr(self, name)}: at least 1")
        self._dimensions = {name: _dimension(name, values) for name, values in self.space.items()}
        return []

    def _tried(
        self, trials: Trials, candidates: list[Parameters], metric: str
    ) -> tuple[list[Parameters], list[Outcome]]:
        """All candidates that were proposed, and their outcomes."""
        from optuna.trial import TrialState

        study = _study(self.n_initial, check_random_state(self.random_state).randint(2**31))
        tried: list[Parameters] = []
        found: list[Outcome] = []
        kept = fits = 0
        while len(tried) < self.n_iter:
            count = min(self.batch_size, self.n_iter - len(tried))
            asked = [study.ask(self._dimensions) for _ in range(count)]
            batch = [self._parameters(one.params) for one in asked]
            outcomes = self._outcomes(trials, batch, metric)
            kept, fits = kept + self.n_kept_, fits + self.n_fits_
            means = cv_results(batch, outcomes, len(trials.folds), [metric])[f"mean_test_{metric}"]
            for one, mean in zip(asked, means, strict=True):
                failed = np.isnan(mean)
                study.tell(one, None if failed else mean, TrialState.FAIL if failed else TrialState.COMPLETE)
            found += [replace(outcome, candidate=outcome.candidate + len(tried)) for outcome in outcomes]
            tried += batch
        self.n_kept_, self.n_fits_ = kept, fits
        return tried, found

    def _parameters(self, proposed: Mapping[str, Any]) -> Parameters:
        """What Optuna proposed; of a list it proposed the position."""
        return {
            name: list(values)[proposed[name]]
            if isinstance(values, Sequence | np.ndarray)
            else proposed[name]
            for name, values in self.space.items()
        }


def _study(n_initial: int, seed: int) -> "Study":
    import optuna  # half a second that only this search needs

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it announces a new study on the terminal
    try:
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=n_initial, multivariate=True, constant_liar=True, seed=seed
        )
        return optuna.create_study(direction="maximize", sampler=sampler)
    finally:
        optuna.logging.set_verbosity(level)


def _dimension(name: str, values: Any) -> "BaseDistribution":
    """Optuna's name for a list or a distribution of scipy.stats."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(values, Sequence | np.ndarray):
        return CategoricalDistribution(range(len(values)))
    kind = getattr(getattr(values, "dist", None), "name", type(values).__name__)
    if kind not in ("uniform", "loguniform", "reciprocal", "randint"):
        raise ParameterError(f"search space: {name} is a distribution {kind!r}; allowed: {ALLOWED}")
    low, high = values.support()
    if kind == "randint":
        return IntDistribution(int(low), int(high))
    return FloatDistribution(float(low), float(high), log=kind != "uniform")
