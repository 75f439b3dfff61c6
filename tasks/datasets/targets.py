"""The kinds of targets: how the column to predict is learned, and how it is encoded."""

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
        """What a fitted model predicts for prepared rows, in words that a person reads."""


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
        """`prediction` (the most probable class) and `probability of NAME` of each class."""
        shares = model.predict_proba(X)
        names = [self.classes[code] for code in model.classes_]
        columns = {f"probability of {name}": column for name, column in zip(names, shares.T, strict=True)}
        return pd.DataFrame({"prediction": [names[i] for i in shares.argmax(axis=1)], **columns})


class QuantityTarget(TargetColumn):
    """A column of numbers to predict."""

    kind: Literal["quantity"] = "quantity"

    def encode(self, column: pd.Series) -> npt.NDArray[Any]:
        """The numbers themselves."""
        return column.to_numpy()

    def predictions(self, model: Any, X: Any) -> pd.DataFrame:
        """`prediction`, the quantity."""
        return pd.DataFrame({"prediction": model.predict(X)})


AnyTarget = Annotated[ClassTarget | QuantityTarget, Field(discriminator="kind")]


def learn_classes(column: pd.Series, positive: str | None) -> ClassTarget:
    """Classes in the order of their names (numbers in that of their values); a positive class comes last."""
    numeric = is_numeric(column)

    def rank(label: str) -> tuple[bool, float | str]:
        return label == positive, float(label) if numeric else label

    return ClassTarget(name=str(column.name), classes=tuple(sorted(labels(column).unique(), key=rank)))
