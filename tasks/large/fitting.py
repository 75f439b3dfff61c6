"""Fits of a pipeline on the training rows of a large table."""

from dataclasses import dataclass

from tasks.large.drawn_rows import DrawnRows


@dataclass(frozen=True)
class TrainingRows:
    """The training rows of a large table.

    Parameters
    ----------
    drawn : DrawnRows
        The rows that fit in memory.
    """

    drawn: DrawnRows
