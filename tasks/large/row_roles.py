"""The roles of a large table's rows: held out, training, and the parts of the training rows that a search uses."""

from dataclasses import dataclass

import numpy as np

from tasks.datasets.checking import HOLDOUT_SHARE
from tasks.datasets.holdout import HOLDOUT_SEED
from tasks.datasets.prepared import PreparedDataset
from tasks.large.masks import Draw, RowMask

HOLDOUT_CELLS = 10_000_000  # cells (rows x columns) of the held-out rows, which one process reads
SAMPLE_CELLS = 8_000_000  # cells of the sample on which searches compare candidates
FEWEST_ROWS = 20_000  # of the sample of a wide table, if they have at most four times as many cells
VALIDATION_CELLS = 3_000_000  # cells of the rows on which searches score their candidates
HOLDOUT_ROWS = 500_000  # a 95 % interval of an accuracy is then at most 0.14 points to each side
VALIDATION_ROWS = 100_000
VALIDATION_SHARE = 0.2  # largest share of the training rows on which candidates are scored


@dataclass(frozen=True)
class RowRoles:
    """The rows of each role.

    Parameters
    ----------
    held_out : RowMask
        Rows that no search and no fit sees; none for a clustering.
    training : RowMask
        All other rows.
    sample : RowMask
        Training rows on which a search fits its candidates, and on which scaling and categories are learned.
    search : RowMask
        The sample, and training rows on which a search scores its candidates; in the random order of the rows, the
        sample comes first.
    """

    held_out: RowMask
    training: RowMask
    sample: RowMask
    search: RowMask

    @classmethod
    def of_table(cls, dataset: PreparedDataset, seed: int) -> "RowRoles":
        """Roles of the rows of a prepared table; without a target, no row is held out.

        Parameters
        ----------
        dataset : PreparedDataset
            The prepared table.
        seed : int
            Seed of the study.
        """
        return cls.of(dataset.rows, len(dataset.columns), seed, holds_out=dataset.target is not None)

    @classmethod
    def of(cls, rows: int, columns: int, seed: int, *, holds_out: bool = True) -> "RowRoles":
        """Roles of the rows of a table.

        Parameters
        ----------
        rows : int
            Number of rows.
        columns : int
            Number of columns.
        seed : int
            Seed of sample and validation rows; the held-out rows are the same for all seeds.
        holds_out : bool
            Whether models are scored on rows that they were not fitted to; a clustering is scored on its own rows.
        """
        width = max(columns, 1)
        held_out = min(HOLDOUT_SHARE, min(HOLDOUT_ROWS, HOLDOUT_CELLS // width) / rows) * holds_out
        training_rows = rows * (1 - held_out)
        validation = min(VALIDATION_SHARE, min(VALIDATION_ROWS, VALIDATION_CELLS // width) / training_rows)
        validation *= holds_out
        wanted = max(SAMPLE_CELLS // width, min(FEWEST_ROWS, 4 * SAMPLE_CELLS // width))
        sample = min(np.nextafter(1 - validation, 0), wanted / training_rows)
        training = RowMask((Draw(HOLDOUT_SEED, held_out, 1.0),))
        order = order_seed(seed)
        return cls(
            held_out=RowMask((Draw(HOLDOUT_SEED, 0.0, held_out),)),
            training=training,
            sample=training & Draw(order, 0.0, sample),
            search=training & Draw(order, 1 - validation, sample),
        )


def order_seed(seed: int) -> int:
    """Seed of the random order of the training rows, whose first rows are the sample.

    Parameters
    ----------
    seed : int
        Seed of the study.
    """
    return HOLDOUT_SEED + 1 + seed
