"""Exhaustive grid search and random search, with scikit-learn's interface."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import ParameterGrid, ParameterSampler

from infra.engines import Engine
from infra.errors import ParameterError
from infra.ledger import Ledger
from tasks.search.base import BaseSearch
from tasks.search.planning import Parameters
from tasks.search.trial_runner import SearchProgress

MAX_CANDIDATES = 100_000


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
        Whether the winner is fitted on all rows. If there are several scores, the first score chooses the winner, or
        the score that `refit` names.
    time_limit_s : float, optional
        Seconds that one fit may take with its scoring; default: no limit. Fits with a limit run in child
        processes. A fit that takes longer is killed, its candidates fail with this cause, and the search continues.
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
