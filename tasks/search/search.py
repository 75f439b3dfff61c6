"""Exhaustive grid search and random search, with scikit-learn's interface."""

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.model_selection import ParameterGrid, ParameterSampler, check_cv
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

MAX_CANDIDATES = 100_000


class BaseSearch(MetaEstimatorMixin, BaseEstimator):
    """What all searches have in common: checks, trials, the table of results, and the refitted winner.

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
            _without_engine(self.estimator), X, y, self._folds(X, y), scorer, self._checked_time_limit()
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
            check_consistent_length(X)  # refuses what has no rows
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


class GridSearch(BaseSearch):
    """Exhaustive search: every combination of the values in `space`, on every fold.

    The winner and the scores are those of scikit-learn's `GridSearchCV` on the same folds. Candidates that differ
    in parameters such as `n_estimators` or `n_init` only share one fit, and all clusterings of the same rows are
    scored in one pass over the rows.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Estimator whose parameters are searched. The steps of a Pipeline before the last one are fitted once for
        each fold, on the fold's training rows.
    space : mapping of str to sequence
        Values to try of each parameter. In a Pipeline the name of the step comes first: `model__max_depth`.
    scoring : str, callable, list of str or dict, optional
        Score or scores, by scikit-learn's names; default: the estimator's own `score`. The scores of clusterers
        are "silhouette" (default), "davies_bouldin" and "calinski_harabasz". Each of several scores has its
        columns in `cv_results_`.
    cv : int, splitter or iterable of splits, optional
        Folds, as in scikit-learn. Clusterers have no folds.
    refit : bool or str, default=True
        Whether the winner is fitted on all rows. Of several scores the first one chooses the winner, or the one
        that `refit` names.
    time_limit_s : float, optional
        Seconds that one fit may take with its scoring; default: no limit. Fits with a limit run in child
        processes. A fit that takes longer is killed, its candidates fail with this cause, and the search goes on.
    engine : Engine, optional
        Engine that runs the trials; default: this process.
    ledger : Ledger, optional
        Ledger of trials. Recorded trials are read from the ledger and not computed; new trials are recorded.
    progress : callable (done, total, best), optional
        Function that is called when fits finish, with the number of finished fits, the number of all fits, and
        the best mean score so far. The score is None until a candidate is scored on every fold.

    Attributes
    ----------
    best_params_ : dict
        Parameters of the winner.
    best_score_ : float
        Mean score of the winner over the folds.
    best_index_ : int
        Index of the winner in the columns of `cv_results_`.
    best_estimator_ : estimator
        The winner fitted on all rows, if `refit`.
    cv_results_ : dict
        Columns of parameters, scores, times and ranks as in scikit-learn, and `error`: the cause of a failure.
    n_splits_ : int
        Number of folds.
    n_fits_ : int
        Number of distinct fits that were computed; a fit that serves several candidates counts once.
    n_kept_ : int
        Number of trials (a candidate on a fold) that were read from the ledger.
    refit_time_ : float
        Seconds of the fit on all rows, if `refit`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tasks.ensembles import XGBoostClassifier
    >>> from tasks.search import GridSearch
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"max_depth": [1, 3], "n_estimators": [2, 5, 10]}
    >>> search = GridSearch(XGBoostClassifier(random_state=0), space, cv=3).fit(X, y)
    >>> search.best_params_
    {'max_depth': 3, 'n_estimators': 2}
    >>> print(f"{search.best_score_:.2f}")
    0.96
    >>> search.n_fits_  # one fit for each max_depth and fold serves every n_estimators
    6
    """

    def _candidates(self) -> list[Parameters]:
        grid = ParameterGrid({name: list(values) for name, values in self.space.items()})
        if len(grid) > MAX_CANDIDATES:
            raise ParameterError(f"search space: {len(grid):,} candidates; at most {MAX_CANDIDATES:,}")
        return list(grid)


class RandomSearch(BaseSearch):
    """Random search: `n_iter` candidates drawn from lists and scipy.stats distributions.

    The candidates are those that scikit-learn's `RandomizedSearchCV` draws with the same `random_state`.

    Parameters
    ----------
    estimator, scoring, cv, refit, time_limit_s, engine, ledger, progress
        As for `GridSearch`.
    space : mapping of str to sequence or distribution
        Values or distribution of each parameter, by name.
    n_iter : int, default=10
        Number of candidates.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Attributes
    ----------
    best_params_, best_score_, best_index_, best_estimator_, cv_results_, n_splits_, n_fits_, n_kept_, refit_time_
        As for `GridSearch`.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from tasks.ensembles import XGBoostClassifier
    >>> from tasks.search import RandomSearch
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"learning_rate": loguniform(0.01, 0.5), "n_estimators": [2, 5, 10]}
    >>> search = RandomSearch(XGBoostClassifier(random_state=0), space, n_iter=4, cv=3, random_state=0).fit(X, y)
    >>> len(search.cv_results_["params"])
    4
    >>> search.predict(X[:3])
    array([0, 0, 0])
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
        return draw_candidates(self.space, self.n_iter, self.random_state)


def check_n_iter(n_iter: int) -> None:
    """Refuse a number of candidates that is not from 1 to `MAX_CANDIDATES`."""
    if not 1 <= n_iter <= MAX_CANDIDATES:
        raise ParameterError(f"n_iter={n_iter}: from 1 to {MAX_CANDIDATES:,}")


def draw_candidates(space: Mapping[str, Any], n_iter: int, random_state: Any) -> list[Parameters]:
    """Draw candidates as scikit-learn's random searches draw them.

    Parameters
    ----------
    space : mapping of str to sequence or distribution
        Values or distribution of each parameter, by name.
    n_iter : int
        Number of candidates.
    random_state : int, RandomState instance or None
        Seed of the draws.

    Returns
    -------
    list of dict of str to value
        Parameters of each candidate; NumPy's numbers are converted to Python's.
    """
    check_n_iter(n_iter)
    sampler = ParameterSampler(dict(space), n_iter, random_state=random_state)
    return [{name: _python_value(value) for name, value in candidate.items()} for candidate in sampler]


def _python_value(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _without_engine(estimator: BaseEstimator) -> BaseEstimator:
    """Copy an estimator for trials: a fit inside a trial stays in the worker that runs the trial."""
    copy = clone(estimator)
    engines = {name: None for name in copy.get_params(deep=True) if name.rpartition("__")[2] == "engine"}
    return copy.set_params(**engines)
