"""Prepared tables for the tests of large tables, which are small."""

from pathlib import Path

import numpy as np
import pandas as pd

from tasks.datasets.catalogue import resolve
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of


def prepared(folder: Path, rows: int = 3_000, *, group_rows: int = 700) -> PreparedDataset:
    """A table with two columns of numbers (one with missing cells), a column of texts, and classes to predict."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, rows)).round(4)
    colour = rng.choice(["blue", "green", "red"], rows)
    noise = rng.logistic(size=rows) / 2
    y = np.where(x + (colour == "red") + noise > 0.3, "yes", "no")
    frame = pd.DataFrame(
        {"x": x, "z": np.where(rng.random(rows) < 0.05, np.nan, z), "colour": colour, "y": y}
    )
    file = folder / "table.parquet"
    frame.to_parquet(file, row_group_size=group_rows)
    return _prepared(file, "y")


def clustered(folder: Path, rows: int = 3_000, *, group_rows: int = 700) -> PreparedDataset:
    """A table of `write_groups`, prepared and marked as large."""
    file = write_groups(folder, rows, group_rows=group_rows)
    return _prepared(file, None).model_copy(update={"by_blocks": True})


def write_groups(folder: Path, rows: int, *, group_rows: int = 700) -> Path:
    """Write a table of four groups of rows with two columns of numbers, one with missing cells."""
    rng = np.random.default_rng(0)
    centres = 9.0 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    x, z = (centres[rng.integers(4, size=rows)] + rng.normal(size=(rows, 2))).round(4).T
    frame = pd.DataFrame({"x": x, "z": np.where(rng.random(rows) < 0.02, np.nan, z)})
    file = folder / "groups.parquet"
    frame.to_parquet(file, row_group_size=group_rows)
    return file


def _prepared(file: Path, target: str | None) -> PreparedDataset:
    source = resolve(str(file), target)
    return problem_of(source.task).prepare(source, file.parent / "prepared", folds=5, first_look=True)
