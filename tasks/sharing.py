"""Estimators of which one computation serves many settings."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

from sklearn.base import clone

from infra.errors import ParameterError


class SharedFit(ABC):
    """An estimator that can be fitted for many settings of some parameters at the cost of about one."""

    shared_parameters: ClassVar[tuple[str, ...]]
    """Parameters whose settings share a computation; all others are equal within it."""

    def fit_shared(self, X: Any, y: Any, settings: Sequence[Mapping[str, Any]]) -> list[Self | Exception]:
        """Fit for all settings together: the answer for each is that of a fit with it alone.

        Parameters
        ----------
        X, y : as in `fit`
        settings : sequence of mapping of str to value
            Values of some or all of `shared_parameters`; the estimator's own stand for the others.

        Returns
        -------
        list of fitted estimators or exceptions
            In the order of `settings`; an exception where a fit with the setting alone raises it.
        """
        models = [_attempted(self._with, setting) for setting in settings]
        valid = [model for model in models if not isinstance(model, Exception)]
        serve = _attempted(self._common_fit, valid, X, y) if valid else None
        if isinstance(serve, Exception):  # what breaks the common computation would break each
            return [model if isinstance(model, Exception) else serve for model in models]
        return [model if isinstance(model, Exception) else _attempted(serve, model) for model in models]

    @abstractmethod
    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        """Compute what serves all `models` and return the function that makes each of them fitted.

        `models` are unfitted, valid each for itself, and differ in shared parameters only. The function
        raises what a model's own `fit` would raise.
        """

    def _with(self, setting: Mapping[str, Any]) -> Self:
        others = set(setting) - set(self.shared_parameters)
        if others:
            raise ParameterError(
                f"{min(others)}: not shared; a computation is shared over {', '.join(self.shared_parameters)}"
            )
        model: Self = clone(self)
        model.set_params(**setting)._validate_params()  # type: ignore[attr-defined]
        return model


def _attempted(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        return error
