"""Preparation of a table of any size: a small one at once, a large one by a plan that workers carry out."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from infra.engines import Engine, connect
from infra.progress import Progress
from tasks.datasets.catalogue import Source
from tasks.datasets.large.plan import Plan, plan_large_table
from tasks.datasets.large.sizes import is_large
from tasks.datasets.pieces import find_pieces
from tasks.datasets.preparation import prepare_table
from tasks.datasets.prepared import PreparedDataset
from tasks.datasets.table_rules import TableRules

Begun = PreparedDataset | Plan
"""A prepared data set, or a large table whose rows are still to be written."""
OpenEngine = Callable[[], AbstractContextManager[Engine]]
"""Function that connects to the engine on which a data set may be prepared."""


def begin_table(
    source: Source,
    folder: Path,
    rules: TableRules,
    *,
    folds: int = 2,
    progress: Progress | None = None,
) -> Begun:
    """Prepare a small table, or plan the preparation of a large one, whose rows its workers write.

    Parameters
    ----------
    source : Source
        The table.
    folder : Path
        The folder where prepared data are kept; a missing folder is made.
    rules : TableRules
        The demands of the problem that the table poses.
    folds : int
        Number of folds of the cross-validation to come; every class must be large enough for them.
    progress : callable, optional
        Function that is called with the number of pieces of a large table that were looked at, and of all pieces.

    Raises
    ------
    DataError
        If the table cannot be used as it is, or the folder cannot be written.
    """
    if not is_large(source.path):
        return prepare_table(source, folder, rules, folds=folds)
    with connect("local") as engine:
        return plan_large_table(find_pieces(source), source, folder, rules, folds, engine, progress)


def carried_out(
    begun: Begun,
    open_engine: OpenEngine | None = None,
    progress: Progress | None = None,
) -> PreparedDataset:
    """The prepared data set; of a plan, the rows are written now.

    Parameters
    ----------
    begun : PreparedDataset or Plan
        A data set, or the plan of a large one.
    open_engine : callable, optional
        Function that connects to the engine whose workers write the rows; None: threads of this process.
    progress : callable, optional
        Function that is called with the number of parts that are there, and of all parts.
    """
    if isinstance(begun, PreparedDataset):
        return begun
    with (open_engine or (lambda: connect("local")))() as engine:
        return begun.carry_out(engine, progress)


def preview_of(begun: Begun) -> PreparedDataset:
    """The data set as far as it is known: without the counts of cells where the rows are still to be written."""
    return begun if isinstance(begun, PreparedDataset) else begun.preview
