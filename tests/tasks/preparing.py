"""Data sets of any kind of problem, prepared for a test."""

from pathlib import Path
from typing import Any

from tasks.datasets.catalogue import Source
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of


def prepare(
    source: Source, folder: Path, *, folds: int = 2, first_look: bool = True, **options: Any
) -> PreparedDataset:
    """Prepare a source as its problem does."""
    return problem_of(source.task).prepare(source, folder, folds=folds, first_look=first_look, **options)
