"""The kinds of targets, classes and quantities: how each is learned from a column and encoded."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from tasks.datasets.columns import NumberColumn

PREDICTION = "prediction"


class TargetColumn(BaseModel, ABC):
    """The column that a model predicts.

    Parameters
    ----------
    name : str
        Name of the column in the training table.
    classes : tuple of str
        Names of the classes in the order of their codes 0, 1, ...; empty for a quantity.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    classes: tuple[str, ...] = ()

    @property
    @abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """Names of the columns that predictions may have."""

    @abstractmethod
    def predictions(self, model: Any, X: Any) -> pd.DataFrame:
        """Predictions of a fitted model for prepared rows, with the names of classes instead of codes."""


class ClassTarget(TargetColumn):
    """A column of classes."""

    kind: Literal["classes"] = "classes"

    @property
    def outputs(self) -> tuple[str, ...]:
        """`prediction`, and `probability of NAME` for each class."""
        return (PREDICTION, *(_probability(name) for name in self.classes))

    def predictions(self, model: Any, X: Any) -> pd.DataFrame:
        """Columns `prediction` (the most probable class) and `probability of NAME` for each class."""
        shares = model.predict_proba(X)
        names = [self.classes[code] for code in model.classes_]
        columns = {_probability(name): column for name, column in zip(names, shares.T, strict=True)}
        return pd.DataFrame({PREDICTION: [names[i] for i in shares.argmax(axis=1)], **columns})


class QuantityTarget(TargetColumn):
    """A column of numbers to predict."""

    kind: Literal["quantity"] = "quantity"

    @property
    def outputs(self) -> tuple[str, ...]:
        """`prediction`."""
        return (PREDICTION,)

    def predictions(self, model: Any, X: Any) -> pd.DataFrame:
        """Column `prediction` with the quantity."""
        return pd.DataFrame({PREDICTION: model.predict(X)})


def _probability(name: str) -> str:
    return f"probability of {name}"


AnyTarget = Annotated[ClassTarget | QuantityTarget, Field(discriminator="kind")]


@dataclass(frozen=True)
class LearnedTarget:
    """A target, and its values in the training table.

    Parameters
    ----------
    column : ClassTarget or QuantityTarget
        The target.
    values : numpy.ndarray of shape (rows,)
        Class codes (int64) or the quantity (float64) of all rows; any value where the row has no target.
    is_known : numpy.ndarray of bool, shape (rows,)
        Mask of the rows that have a target.
    notes : tuple of str
        Sentences that tell how the column was read.
    step : NumberColumn, optional
        The step that reads a quantity; None for classes.
    """

    column: ClassTarget | QuantityTarget
    values: npt.NDArray[Any]
    is_known: npt.NDArray[np.bool_]
    notes: tuple[str, ...] = ()
    step: NumberColumn | None = None
