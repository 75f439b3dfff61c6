"""Tables in files for the tests of reading, inference and checking."""

from pathlib import Path

import pandas as pd
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import Source, resolve
from tasks.datasets.checking import check
from tasks.datasets.inference import infer
from tasks.datasets.reading import read
from tasks.problems import problem_of

ROWS = "".join(f"{i % 7},{i * 1.5},{'no' if i % 3 else 'yes'}\n" for i in range(30))


def written(tmp_path: Path, content: str | bytes, target: str | None = "y") -> Source:
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return resolve(str(path), target)


def inferred(source: Source) -> pd.DataFrame:
    """The table of a source with the types that its values suggest."""
    return infer(read(source), source.target)


def checked(source: Source, folds: int = 2) -> pd.DataFrame:
    """The table of a source, which its problem lets pass."""
    frame, rules = inferred(source), problem_of(source.task).rules
    assert rules is not None
    check(frame, source, rules.settled(frame, source), folds)
    return frame


def refusal(source: Source, folds: int = 2) -> str:
    with pytest.raises(DataError) as caught:
        checked(source, folds)
    message = str(caught.value)
    assert "\n" not in message
    assert str(source.path) in message
    return message
