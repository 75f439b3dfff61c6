"""The size from which models are trained from blocks of a table's rows, and what this means for a study."""

from tasks.datasets.prepared import PreparedDataset
from tasks.large.row_roles import RowRoles

CELLS = 10_000_000  # rows x columns; with fewer, each search ends in minutes
ROWS = 50_000  # with fewer, even of a wide table, halving over rows would leave candidates with too few


def needs_blocks(dataset: PreparedDataset) -> bool:
    """Whether models of a data set are trained from blocks of its rows, unless the user asks for another way.

    Parameters
    ----------
    dataset : PreparedDataset
        The prepared data set.
    """
    is_table_with_target = not dataset.images and dataset.target is not None
    return is_table_with_target and dataset.rows >= ROWS and dataset.rows * len(dataset.columns) >= CELLS


def by_blocks(dataset: PreparedDataset, seed: int) -> PreparedDataset:
    """The data set, marked as one whose models are trained from blocks, with a note on what this means.

    Parameters
    ----------
    dataset : PreparedDataset
        The prepared data set.
    seed : int
        Seed of the study.
    """
    roles = RowRoles.of(dataset.rows, len(dataset.columns), seed)
    sample, held_out = (mask.count(0, dataset.rows) for mask in (roles.sample, roles.held_out))
    note = (
        f"the table has {dataset.rows:,} rows x {len(dataset.columns):,} columns, so a search compares its candidates "
        f"on growing samples of at most {sample:,} rows (successive halving), and each model is measured on "
        f"{held_out:,} held-out rows instead of by cross-validation; --exhaustive asks for all folds and all rows, "
        "which takes much longer"
    )
    return dataset.model_copy(update={"by_blocks": True, "notes": [*dataset.notes, note]})
