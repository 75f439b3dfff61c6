"""The demands of a kind of problem on a table, which the preparation checks; each problem defines its own."""

from abc import ABC, abstractmethod
from typing import ClassVar

import pandas as pd

from tasks.datasets.catalogue import Source, Task
from tasks.datasets.targets import ClassTarget, QuantityTarget


class TableRules(ABC):
    """The demands of a kind of problem on a table."""

    task: ClassVar[Task]
    """Name of the problem."""
    uses_texts: ClassVar[bool] = True
    """Whether models of the problem can use columns of texts."""

    def settled(self, frame: pd.DataFrame, source: Source) -> "TableRules":
        """The rules to apply, once the values of the table are known."""
        return self

    @abstractmethod
    def check(self, frame: pd.DataFrame, source: Source, folds: int) -> None:
        """Refuse a table that the problem cannot use.

        Parameters
        ----------
        frame : pandas.DataFrame
            The columns with their types, as `infer` gives them.
        source : Source
            The source of the table, with its target.
        folds : int
            Number of folds of the cross-validation.

        Raises
        ------
        DataError
            If the problem cannot use the table.
        """

    @abstractmethod
    def learn_target(self, frame: pd.DataFrame, source: Source) -> ClassTarget | QuantityTarget | None:
        """Learn the target from the rows that have one; None: the problem has no target."""
