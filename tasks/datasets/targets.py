"""The kinds of targets, classes and quantities: how each is learned from a column and encoded."""

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from tasks.datasets.inference import is_numeric, labels


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

    @abstractmethod
    def encode(self, column: pd.Series) -> npt.NDArray[Any]:
        """Class codes (int64) or the quantity (float64) of rows that have a target."""

    @abstractmethod
    def predictions(self, model: Any, X: Any) -> pd.DataFrame:
        """Predictions of a fitted model for prepared rows, with the names of classes instead of codes."""


class ClassTarget(TargetColumn):
    """A column of classes."""

    kind: Literal["classes"] = "classes"

    def encode(self, column: pd.Series) -> npt.NDArray[Any]:
        """Code of each row's class."""
        codes: npt.NDArray[Any] = pd.Categorical(labels(column), categories=self.classes).codes.astype(
            np.int64
        )
        return codes

    def predictions(self, model: Any, X: Any) -> pd.DataFrame:
        """Columns `prediction` (the most probable class) and `probability of NAME` for each class."""
        shares = model.predict_proba(X)
        names = [self.classes[code] for code in model.classes_]
        columns = {f"probability of {name}": column for name, column in zip(names, shares.T, strict=True)}
        return pd.DataFrame({"prediction": [names[i] for i in shares.argmax(axis=1)], **columns})


class QuantityTarget(TargetColumn):
    """A column of numbers to predict."""

    kind: Literal["quantity"] = "quantity"

    def encode(self, column: pd.Series) -> npt.NDArray[Any]:
        """The numbers of the column, unchanged."""
        return column.to_numpy()

    def predictions(self, model: Any, X: Any) -> pd.DataFrame:
        """Column `prediction` with the quantity."""
        return pd.DataFrame({"prediction": model.predict(X)})


AnyTarget = Annotated[ClassTarget | QuantityTarget, Field(discriminator="kind")]


def learn_classes(column: pd.Series, positive: str | None) -> ClassTarget:
    """Learn the classes, sorted by name (numbers by value), with the positive class last."""
    numeric = is_numeric(column)

    def rank(label: str) -> tuple[bool, float | str]:
        return label == positive, float(label) if numeric else label

    return ClassTarget(name=str(column.name), classes=tuple(sorted(labels(column).unique(), key=rank)))
