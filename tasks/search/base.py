"""Base class of all searches: checks, trials, the table of results, and the refitted winner."""

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from infra.engines import Engine
from infra.errors import EngineError, ParameterError
from infra.ledger import Ledger
from tasks.search.planning import Parameters, final_step
from tasks.search.results import cv_results
from tasks.search.scorers import Scorer, check_scoring_fits_target, cluster_scorer, prediction_scorer
from tasks.search.trial_runner import SearchProgress, TrialRunner
from tasks.search.trials import Outcome, TrialContext


class BaseSearch(MetaEstimatorMixin, BaseEstimator):
    """Base class of all searches; a subclass names the candidates.

    Parameters
    ----------
    estimator, space, scoring, cv, refit, time_limit_s, engine, ledger, progress
        As for `GridSearch`.
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
        """Check the search's own arguments and return the candidates that are known before the first trial."""

    def _search(self, runner: TrialRunner, candidates: list[Parameters]) -> None:
        """Have the runner run the trials of all candidates."""
        runner.run(candidates)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Score every candidate on every fold, and refit the best one on all rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            Targets. Without targets the estimator is a clusterer, fitted and scored on all rows.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            If the space is empty, too large or names an unknown parameter, if the scorer does not fit the
            target, or if every candidate failed.
        EngineError
            If the trials of every candidate were lost with their workers.
        """
        candidates = self._checked_candidates()
        X = X if hasattr(X, "shape") else np.asarray(X)
        y = None if y is None else np.asarray(y)
        scorer = self._scorer(X, y)
        metric = self._deciding_metric(scorer.metrics)
        context = TrialContext(
            without_engine(self.estimator), X, y, self._folds(X, y), scorer, self._checked_time_limit()
        )
        runner = TrialRunner(context, metric, self.scoring, self.engine, self.ledger, self.progress)
        self._search(runner, candidates)
        self.n_splits_ = len(context.folds)
        self.n_fits_, self.n_kept_ = runner.n_fits, runner.n_kept
        self.cv_results_ = cv_results(runner.candidates, runner.outcomes, self.n_splits_, scorer.metrics)
        self._choose_best(runner.outcomes, metric)
        if self.refit:
            self._refit(X, y)
        return self

    def _refit(self, X: Any, y: Any) -> None:
        start = time.perf_counter()
        best = clone(self.estimator).set_params(**self.best_params_)
        self.best_estimator_ = best.fit(X) if y is None else best.fit(X, y)
        self.refit_time_ = time.perf_counter() - start

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict with the refitted winner.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted classes, values or clusters.
        """
        check_is_fitted(self, "best_estimator_")
        return np.asarray(self.best_estimator_.predict(X))

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Predict class probabilities with the refitted winner.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probability of each class, in the order of `classes_`.
        """
        check_is_fitted(self, "best_estimator_")
        return np.asarray(self.best_estimator_.predict_proba(X))

    @property
    def classes_(self) -> NDArray[Any]:
        """Class labels of the refitted winner."""
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
            check_consistent_length(X)  # refuses an `X` without rows
            everything = np.arange(X.shape[0])
            return [(everything, everything)]
        return list(check_cv(self.cv, y, classifier=is_classifier(self.estimator)).split(X, y))

    def _scorer(self, X: Any, y: Any) -> Scorer:
        if y is None:
            return cluster_scorer(self.scoring)
        scorer = prediction_scorer(self.estimator, self.scoring)
        check_scoring_fits_target(scorer, self.scoring, self.estimator, X, y)
        return scorer

    def _deciding_metric(self, metrics: list[str]) -> str:
        """Name of the score that chooses the winner: the one that `refit` names, else the first."""
        if isinstance(self.refit, str) and self.refit not in metrics:
            raise ParameterError(f"refit={self.refit!r}: allowed: true, false, {', '.join(metrics)}")
        return self.refit if isinstance(self.refit, str) else metrics[0]

    def _checked_time_limit(self) -> float | None:
        if self.time_limit_s is not None and not self.time_limit_s > 0:
            raise ParameterError(f"time_limit_s={self.time_limit_s}: a number of seconds above 0, or None")
        return self.time_limit_s

    def _choose_best(self, outcomes: Sequence[Outcome], metric: str) -> None:
        """Choose the winner among the candidates of `cv_results_`."""
        if np.isnan(self.cv_results_[f"mean_test_{metric}"]).all():
            raise self._failure(outcomes)
        self._set_best(int(self.cv_results_[f"rank_test_{metric}"].argmin()), metric)

    def _set_best(self, index: int, metric: str) -> None:
        self.best_index_ = index
        self.best_score_ = float(self.cv_results_[f"mean_test_{metric}"][index])
        self.best_params_ = self.cv_results_["params"][index]

    def _failure(self, outcomes: Sequence[Outcome]) -> ParameterError | EngineError:
        """Error of a search whose candidates all failed."""
        errors = self.cv_results_["error"]
        message = f"all {len(errors)} candidates failed; the first: {errors[0]}"
        if all(outcome.lost for outcome in outcomes if outcome.error):
            return EngineError(message)
        return ParameterError(message)


def without_engine(estimator: BaseEstimator) -> BaseEstimator:
    """Copy an estimator for trials: a fit inside a trial stays in the worker that runs the trial."""
    copy = clone(estimator)
    engines = {name: None for name in copy.get_params(deep=True) if name.rpartition("__")[2] == "engine"}
    return copy.set_params(**engines)
