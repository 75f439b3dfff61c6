"""Exhaustive grid search and random search over trials that run on an engine."""

import time
from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.model_selection import ParameterGrid, ParameterSampler, check_cv
from sklearn.utils.validation import _num_samples, check_is_fitted

from infra.engines import Engine
from infra.engines.local import LocalEngine
from infra.errors import EngineError, ParameterError
from infra.ledger import Ledger
from tasks.search.keys import trial_keys
from tasks.search.planning import Batch, Fit, Parameters, batches, final_step, plan
from tasks.search.results import BestSoFar, cv_results
from tasks.search.scorers import OneByOne, Scorer, check_fits, cluster_scorer, prediction_scorer
from tasks.search.trials import Outcome, Trials, run_batch

MOST_CANDIDATES = 100_000
SearchProgress = Callable[[int, int, float | None], None]
"""Called with fits done, fits in all, and the best mean score so far."""


class BaseSearch(MetaEstimatorMixin, BaseEstimator):
    """What grid and random search share: trials, ledger, results, the refitted winner.

    Attributes
    ----------
    best_params_ : dict
    best_score_ : float
        Mean score of the winner over the folds.
    best_index_ : int
    best_estimator_ : estimator
        The winner fitted on all rows, if `refit`.
    cv_results_ : dict
        A column each for parameters, scores, times and ranks, as in scikit-learn, and `error`.
    n_splits_ : int
    n_fits_ : int
        Distinct fits computed; one that served several candidates counts once.
    n_kept_ : int
        Trials (a candidate on a fold) read from the ledger and not computed.
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        space: Mapping[str, Any],
        *,
        scoring: Any = None,
        cv: Any = None,
        refit: bool | str = True,
        time_limit_s: float | None = None,
        engine: Engine | None = None,
        ledger: Ledger | None = None,
        progress: SearchProgress | None = None,
    ) -> None:
        self.estimator = estimator
        self.space = space
        self.time_limit_s = time_limit_s
        self.scoring = scoring
        self.cv = cv
        self.refit = refit
        self.engine = engine
        self.ledger = ledger
        self.progress = progress

    @abstractmethod
    def _candidates(self) -> list[Parameters]:
        """Parameter sets to try, in a fixed order."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Score every candidate on every fold and refit the best on all rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), optional
            Without it the estimator is a clusterer, scored once on all rows.

        Raises
        ------
        ParameterError
            If the space is empty, too large or names an unknown parameter, the scorer does not fit the
            target, or every candidate failed.
        EngineError
            If every candidate was lost with its worker.
        """
        candidates = self._checked_candidates()
        X = X if hasattr(X, "shape") else np.asarray(X)
        y = None if y is None else np.asarray(y)
        scorer, metrics = self._scorer(X, y)
        metric = self._deciding(metrics)
        trials = Trials(
            _without_engine(self.estimator), X, y, self._folds(X, y), scorer, time_limit_s=self._limit()
        )
        self.n_splits_ = len(trials.folds)
        candidates, outcomes = self._tried(trials, candidates, metric)
        self.cv_results_ = cv_results(candidates, outcomes, self.n_splits_, metrics)
        self._choose(outcomes, metric)
        if self.refit:
            start = time.perf_counter()
            best = clone(self.estimator).set_params(**self.best_params_)
            self.best_estimator_ = best.fit(X) if y is None else best.fit(X, y)
            self.refit_time_ = time.perf_counter() - start
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict with the refitted winner."""
        check_is_fitted(self, "best_estimator_")
        return np.asarray(self.best_estimator_.predict(X))

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Class probabilities by the refitted winner."""
        check_is_fitted(self, "best_estimator_")
        return np.asarray(self.best_estimator_.predict_proba(X))

    @property
    def classes_(self) -> NDArray[Any]:
        check_is_fitted(self, "best_estimator_")
        return np.asarray(self.best_estimator_.classes_)

    def _checked_candidates(self) -> list[Parameters]:
        known = self.estimator.get_params(deep=True)
        for name, values in self.space.items():
            if name not in known:
                model, prefix = final_step(self.estimator)
                allowed = ", ".join(prefix + n for n in sorted(model.get_params()) if n != "engine")
                raise ParameterError(f"search space: parameter {name!r} is unknown; allowed: {allowed}")
            if isinstance(values, Sequence | np.ndarray) and (isinstance(values, str) or not len(values)):
                raise ParameterError(f"search space: {name}={values!r}; give a list of at least one value")
        if not self.space:
            raise ParameterError("search space: empty; give at least one parameter with its values")
        return self._candidates()

    def _folds(self, X: Any, y: Any) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        if y is None:
            everything = np.arange(_num_samples(X))
            return [(everything, everything)]
        return list(check_cv(self.cv, y, classifier=is_classifier(self.estimator)).split(X, y))

    def _scorer(self, X: Any, y: Any) -> tuple[Scorer, list[str]]:
        """The scorer, and the names of its scores."""
        if y is None:
            of_clusters = cluster_scorer(self.scoring)
            return of_clusters, list(
                of_clusters.scores if isinstance(of_clusters, OneByOne) else of_clusters.names
            )
        scorer = prediction_scorer(self.estimator, self.scoring)
        check_fits(scorer, self.scoring, self.estimator, X, y)
        return scorer, list(scorer.scores)

    def _deciding(self, metrics: list[str]) -> str:
        """Name of the score that decides: the one that `refit` names, else the first."""
        if isinstance(self.refit, str) and self.refit not in metrics:
            raise ParameterError(f"refit={self.refit!r}: allowed: true, false, {', '.join(metrics)}")
        return self.refit if isinstance(self.refit, str) else metrics[0]

    def _limit(self) -> float | None:
        if self.time_limit_s is not None and not self.time_limit_s > 0:
            raise ParameterError(f"time_limit_s={self.time_limit_s}: a number of seconds above 0, or None")
        return self.time_limit_s

    def _tried(
        self, trials: Trials, candidates: list[Parameters], metric: str
    ) -> tuple[list[Parameters], list[Outcome]]:
        """What was tried of the candidates, and what came of it."""
        return candidates, self._outcomes(trials, candidates, metric)

    def _outcomes(self, trials: Trials, candidates: Sequence[Parameters], metric: str) -> list[Outcome]:
        fits = plan(trials.estimator, candidates, len(trials.folds))
        keys = trial_keys(trials, candidates, self.scoring) if self.ledger else []
        finished = self._recorded(keys)
        to_do = [fit for fit in fits if any((c, fit.fold) not in finished for c in fit.candidates)]
        self.n_kept_, self.n_fits_ = len(finished), len(to_do)
        done = len(fits) - len(to_do)
        best = BestSoFar(len(trials.folds), metric)
        best.add(finished.values())
        self._report(done, len(fits), best.score)
        recording = self.ledger.recording() if self.ledger else nullcontext()
        with recording as record, closing(self._run(to_do, trials)) as results:
            for batch, outcomes in results:
                if record:  # a lost worker is no result
                    record({keys[o.candidate][o.fold]: asdict(o) for o in outcomes if not o.lost})
                new = {(o.candidate, o.fold): o for o in outcomes if (o.candidate, o.fold) not in finished}
                finished.update(new)
                best.add(new.values())
                done += len(batch)
                self._report(done, len(fits), best.score)
        return list(finished.values())

    def _recorded(self, keys: list[list[str]]) -> dict[tuple[int, int], Outcome]:
        known = self.ledger.get_many(key for row in keys for key in row) if self.ledger else {}
        return {
            (c, f): replace(Outcome(**known[key]), candidate=c, fold=f)
            for c, row in enumerate(keys)
            for f, key in enumerate(row)
            if key in known
        }

    def _run(self, fits: Sequence[Fit], trials: Trials) -> Generator[tuple[Batch, list[Outcome]]]:
        with nullcontext(self.engine) if self.engine else LocalEngine(1) as engine:
            # clusterings of the same rows share the distances that score them; classifiers share nothing
            together = trials.y is None and trials.time_limit_s is None
            # values are mostly written in ascending order, and larger ones take longer: the short fits,
            # left for the end, let all workers end at about the same time
            work = batches(fits, engine.workers) if together else [(fit,) for fit in reversed(fits)]
            while work:
                lost: list[Fit] = []
                with closing(engine.run(run_batch, work, shared=trials)) as results:
                    for i, result in results:
                        if not isinstance(result, EngineError):
                            yield work[i], result
                        elif len(work[i]) > 1:
                            lost += work[i]
                        else:
                            yield work[i], _lost(work[i][0], result)
                # a fit that workers die over takes its batch with it: alone, each answers for itself
                work = [(fit,) for fit in lost]

    def _choose(self, outcomes: Sequence[Outcome], metric: str) -> None:
        scores = self.cv_results_[f"mean_test_{metric}"]
        if np.isnan(scores).all():
            failed = [outcome for outcome in outcomes if outcome.error]
            message = f"all {len(scores)} candidates failed; the first: {self.cv_results_['error'][0]}"
            raise (EngineError if all(outcome.lost for outcome in failed) else ParameterError)(message)
        self.best_index_ = int(self.cv_results_[f"rank_test_{metric}"].argmin())
        self.best_score_ = float(scores[self.best_index_])
        self.best_params_ = self.cv_results_["params"][self.best_index_]

    def _report(self, done: int, total: int, best: float | None) -> None:
        if self.progress:
            self.progress(done, total, best)


class GridSearch(BaseSearch):
    """Exhaustive search: every combination of the values in `space`, on every fold.

    The winner and the scores are those of scikit-learn's `GridSearchCV` on the same folds. Candidates share
    a fit that serves them all (any `n_estimators`, any `n_init`), and clusterings the pass that scores them.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Steps before the last are fitted once a fold, on its training rows.
    space : mapping of str to sequence
        Values of each parameter; in a Pipeline with the step's name in front, `model__max_depth`.
    scoring : str, callable, list of str or dict, optional
        scikit-learn's names; for clusterers "silhouette" (default), "davies_bouldin" or
        "calinski_harabasz". Several get their columns each in `cv_results_`.
    cv : int, splitter or iterable of splits, optional
        As in scikit-learn; not used for clusterers.
    refit : bool or str, default=True
        Whether to fit the winner on all rows; of several scores the name of the one that decides, else the
        first does.
    time_limit_s : float, optional
        Seconds that one fit with its scoring may take. Fits then run in processes of their own; one that
        is not done in time is killed, its candidates fail with that cause, and the others go on.
    engine : Engine, optional
        Where trials run; default: this process.
    ledger : Ledger, optional
        Recorded trials are read from it and not computed; new ones are recorded.
    progress : callable (done, total, best), optional
        Called with the number of fits and the best mean score so far (None: none yet), whenever some are done.
    """

    def _candidates(self) -> list[Parameters]:
        grid = ParameterGrid({name: list(values) for name, values in self.space.items()})
        if len(grid) > MOST_CANDIDATES:
            raise ParameterError(f"search space: {len(grid):,} candidates; at most {MOST_CANDIDATES:,}")
        return list(grid)


class RandomSearch(BaseSearch):
    """Random search: `n_iter` candidates drawn from lists and scipy.stats distributions.

    Draws the candidates that scikit-learn's `RandomizedSearchCV` draws with the same `random_state`.

    Parameters
    ----------
    estimator, scoring, cv, refit, time_limit_s, engine, ledger, progress
        As for `GridSearch`.
    space : mapping of str to sequence or distribution
    n_iter : int, default=10
    random_state : int, RandomState instance or None, default=None
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        space: Mapping[str, Any],
        *,
        n_iter: int = 10,
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
        self.random_state = random_state

    def _candidates(self) -> list[Parameters]:
        return drawn(self.space, self.n_iter, self.random_state)


def check_count(n_iter: int) -> None:
    """Refuse a number of candidates that cannot be tried."""
    if not 1 <= n_iter <= MOST_CANDIDATES:
        raise ParameterError(f"n_iter={n_iter}: from 1 to {MOST_CANDIDATES:,}")


def drawn(space: Mapping[str, Any], count: int, random_state: Any) -> list[Parameters]:
    """Candidates as scikit-learn's random searches draw them."""
    check_count(count)
    sampler = ParameterSampler(dict(space), count, random_state=random_state)
    return [{name: _plain(value) for name, value in candidate.items()} for candidate in sampler]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _lost(fit: Fit, error: EngineError) -> list[Outcome]:
    return [Outcome(c, fit.fold, {}, 0.0, str(error), lost=True) for c in fit.candidates]


def _without_engine(estimator: BaseEstimator) -> BaseEstimator:
    """A copy whose fits stay in the worker they run in."""
    copy = clone(estimator)
    engines = {name: None for name in copy.get_params(deep=True) if name.rpartition("__")[2] == "engine"}
    return copy.set_params(**engines)
