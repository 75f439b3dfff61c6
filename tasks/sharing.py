"""Base class of estimators that compute the models of many parameter settings in one fit."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

from sklearn.base import clone

from infra.errors import ParameterError


class SharedFit(ABC):
    """Estimator that fits many settings of some of its parameters at about the cost of one fit."""

    shared_parameters: ClassVar[tuple[str, ...]]
    """Names of the parameters whose settings share a computation; all other parameters are equal in all settings."""

    def fit_shared(self, X: Any, y: Any, settings: Sequence[Mapping[str, Any]]) -> list[Self | Exception]:
        """Fit all settings in one computation; each model equals the model of a fit with its setting alone.

        Parameters
        ----------
        X, y
            Rows and targets, as in `fit`.
        settings : sequence of mapping of str to value
            Values of some or all of `shared_parameters`. Parameters that a setting lacks keep the estimator's
            own values.

        Returns
        -------
        list of fitted estimators or exceptions
            A model for each setting, in order; an exception where a fit with this setting alone raises the exception.
        """
        models = [_result_or_exception(self._with_setting, setting) for setting in settings]
        valid = [model for model in models if not isinstance(model, Exception)]
        finish = _result_or_exception(self._common_fit, valid, X, y) if valid else None
        if isinstance(finish, Exception):  # each fit alone would raise the same exception
            return [model if isinstance(model, Exception) else finish for model in models]
        return [
            model if isinstance(model, Exception) else _result_or_exception(finish, model) for model in models
        ]

    @abstractmethod
    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        """Do the computation that all models share, and return the function that turns a model into a fitted model.

        `models` are not fitted; each model is valid, and the models differ in shared parameters only. The function
        raises the exception that the model's own `fit` would raise.
        """

    def _with_setting(self, setting: Mapping[str, Any]) -> Self:
        others = set(setting) - set(self.shared_parameters)
        if others:
            raise ParameterError(
                f"{min(others)}: not shared; a computation is shared over {', '.join(self.shared_parameters)}"
            )
        model: Self = clone(self)
        # scikit-learn's estimators check their parameters by this method inside `fit`; it has no public name
        model.set_params(**setting)._validate_params()  # type: ignore[attr-defined]
        return model


def _result_or_exception(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        return error
