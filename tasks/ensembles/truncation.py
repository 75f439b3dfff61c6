"""Ensembles that can be cut: their first trees, or boosting rounds, are the smaller ensemble."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, ClassVar, Self

from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from infra.errors import ParameterError
from tasks.sharing import SharedFit


class TruncatableEnsemble(SharedFit):
    """An ensemble of which one fit with many estimators serves all settings of `n_estimators`."""

    shared_parameters: ClassVar[tuple[str, ...]] = ("n_estimators",)

    n_estimators: int
    _why_not_truncatable: ClassVar[str] = ""
    """Why this model cannot be cut, if `_is_truncatable` denies it."""

    def truncated(self, n_estimators: int) -> Self:
        """Cut this model to its first trees or boosting rounds.

        Parameters
        ----------
        n_estimators : int
            Number of trees or rounds to keep.

        Returns
        -------
        estimator
            The model that a fit with `n_estimators` makes; this model stays as it is.

        Raises
        ------
        ParameterError
            If the fit had fewer trees or rounds, or its first ones are not what a smaller fit makes.
        """
        check_is_fitted(self)
        smaller = copy(self)
        smaller.n_estimators = n_estimators
        smaller._validate_params()  # type: ignore[attr-defined]
        if not self._is_truncatable():
            raise ParameterError(f"n_estimators={n_estimators}: {self._why_not_truncatable}")
        if n_estimators > self._fitted_size():
            raise ParameterError(
                f"n_estimators={n_estimators}: at most {self._fitted_size()}, the size of the fitted ensemble"
            )
        smaller._keep_first(n_estimators)
        return smaller

    def _is_truncatable(self) -> bool:
        """Tell whether the first estimators of this ensemble are what a smaller fit makes."""
        return True

    @abstractmethod
    def _fitted_size(self) -> int:
        """Count the trees or rounds of the fit."""

    @abstractmethod
    def _keep_first(self, n_estimators: int) -> None:
        """Drop, in place, all but the first trees or rounds."""

    def _fit_largest(self, models: Sequence[Self], X: Any, y: Any) -> Self:
        most = max(model.n_estimators for model in models)
        largest: Self = clone(self).set_params(n_estimators=most).fit(X, y)
        return largest

    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        if not self._is_truncatable():
            return lambda model: model.fit(X, y)  # type: ignore[attr-defined]
        largest = self._fit_largest(models, X, y)
        if not largest._is_truncatable():  # a forest knows only after the fit which library made it
            return lambda model: model.fit(X, y)  # type: ignore[attr-defined]
        return lambda model: largest.truncated(model.n_estimators)
