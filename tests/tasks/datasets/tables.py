"""Tables in files for the tests of reading, inference and checking."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import Source, resolve
from tasks.datasets.cleaning import Cleaned
from tasks.datasets.columns import TrainingColumn
from tasks.datasets.options import ReadingOptions
from tasks.datasets.preparation import checked_and_cleaned, read_training_table
from tasks.datasets.raw import RawColumn
from tasks.problems import problem_of

ROWS = "".join(f"{i % 7},{i * 1.5},{'no' if i % 3 else 'yes'}\n" for i in range(30))


def written(tmp_path: Path, content: str | bytes, target: str | None = "y") -> Source:
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return resolve(str(path), target)


def cleaned(source: Source, folds: int = 2) -> Cleaned:
    """The table of a source as its problem prepares it."""
    rules = problem_of(source.task).rules
    assert rules is not None
    return checked_and_cleaned(read_training_table(source), source, rules, folds)[0]


def column(tmp_path: Path, cells: Sequence[str | None], options: ReadingOptions | None = None) -> Cleaned:
    """The prepared column "a" of a CSV file with the given cells, beside a target of two classes."""
    frame = pd.DataFrame({"a": pd.Series(cells, dtype=object), "y": ["no", "yes"] * (len(cells) // 2)})
    frame.to_csv(tmp_path / "column.csv", index=False)
    return cleaned(resolve(str(tmp_path / "column.csv"), "y", options=options or ReadingOptions()))


def inferred(source: Source) -> pd.DataFrame:
    """All columns of a source's table, as numbers where they hold numbers."""
    table = read_training_table(source)
    return pd.DataFrame({raw.name: _values(raw) for raw in table.columns})


def checked(source: Source, folds: int = 2) -> pd.DataFrame:
    """All columns of a source's table, which its problem lets pass."""
    cleaned(source, folds)
    return inferred(source)


def _values(raw: RawColumn) -> Any:
    column = TrainingColumn(raw, np.ones(len(raw.values), bool), Source("any", raw.path, "clustering"))
    if column.holds_numbers:
        return raw.numbers
    return raw.texts.to_pandas() if raw.holds_texts else raw.values.to_pandas()


def refusal(source: Source, folds: int = 2) -> str:
    with pytest.raises(DataError) as caught:
        cleaned(source, folds)
    message = str(caught.value)
    assert "\n" not in message
    assert str(source.path) in message
    return message


def raw_column(tmp_path: Path, cells: Sequence[str | None]) -> RawColumn:
    """The column "a" of a CSV file with the given cells, as it was read."""
    frame = pd.DataFrame({"a": pd.Series(cells, dtype=object), "b": 1})
    frame.to_csv(tmp_path / "raw.csv", index=False)
    return read_training_table(resolve(str(tmp_path / "raw.csv")))["a"]
