"""The size from which models are trained from blocks of a table's rows, and what this means for a study."""

from collections.abc import Callable

from tasks.datasets.prepared import PreparedDataset
from tasks.large.row_roles import RowRoles

CELLS = 2_000_000  # rows x columns; with more, searches on all folds take a quarter of an hour and longer
CLUSTER_CELLS = 10_000_000  # of a table without a target; fewer are all in the sample on which it is searched
ROWS = 50_000  # with fewer, even of a wide table, halving over rows would leave candidates with too few


def needs_blocks(dataset: PreparedDataset) -> bool:
    """Whether models of a data set are trained from blocks of its rows, unless the user asks for another way.

    Parameters
    ----------
    dataset : PreparedDataset
        The prepared data set.
    """
    cells = CELLS if dataset.target else CLUSTER_CELLS
    return not dataset.images and dataset.rows >= ROWS and dataset.rows * len(dataset.columns) >= cells


def by_blocks(dataset: PreparedDataset, seed: int, words: Callable[[int, int], str]) -> PreparedDataset:
    """The data set, marked as one whose models are trained from blocks, with a note on what this means.

    Parameters
    ----------
    dataset : PreparedDataset
        The prepared data set.
    seed : int
        Seed of the study.
    words : callable
        Function `(sample, held_out) -> clause` that tells what the size means, from numbers of rows.
    """
    roles = RowRoles.of_table(dataset, seed)
    sample, held_out = (mask.count(0, dataset.rows) for mask in (roles.sample, roles.held_out))
    size = f"the table has {dataset.rows:,} rows x {len(dataset.columns):,} columns"
    note = f"{size}, so {words(sample, held_out)}"
    return dataset.model_copy(update={"by_blocks": True, "notes": [*dataset.notes, note]})
