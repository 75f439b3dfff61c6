"""The demands of a kind of problem on a table, which the preparation checks; each problem defines its own."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tasks.datasets.catalogue import Source, Task
from tasks.datasets.columns import Column
from tasks.datasets.raw import RawTable
from tasks.datasets.targets import AnyTarget, LearnedTarget


class TableRules(ABC):
    """The demands of a kind of problem on a table."""

    task: Task
    """Name of the problem."""
    uses_texts: bool = True
    """Whether models of the problem can use columns of texts."""
    counts_target: ClassVar[bool] = False
    """Whether the number of rows of each value of the target is enough to learn the target."""

    def settled(self, table: RawTable, source: Source) -> "TableRules":
        """The rules to apply, once the values of the table are known."""
        return self

    @abstractmethod
    def learn_target(self, table: RawTable, source: Source, folds: int) -> LearnedTarget | None:
        """Learn the target; None: the problem has no target.

        Parameters
        ----------
        table : RawTable
            The training table.
        source : Source
            The source of the table, with its target.
        folds : int
            Number of folds of the cross-validation.

        Raises
        ------
        DataError
            If the problem cannot use the target.
        """

    def held_out(self, target: AnyTarget, values: npt.NDArray[Any]) -> npt.NDArray[np.intp] | None:
        """Numbers of the rows that a study holds out; None: no rows are held out.

        Parameters
        ----------
        target : ClassTarget or QuantityTarget
            The target.
        values : numpy.ndarray of shape (rows,)
            Class codes (int64) or the quantity (float64) of the training rows.
        """
        return None

    def check(self, columns: Sequence[Column], source: Source) -> None:
        """Refuse a table whose columns the problem cannot use.

        Parameters
        ----------
        columns : sequence of Column
            The steps that prepare the columns.
        source : Source
            The source of the table.

        Raises
        ------
        DataError
            If the problem cannot use the columns.
        """
