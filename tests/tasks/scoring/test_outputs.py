"""What `--out` means: a file, a folder of parts, or neither."""

from pathlib import Path

import pytest

from infra.errors import DataError
from tasks.scoring.outputs import is_folder


def test_an_ending_or_an_existing_folder_decides(tmp_path: Path) -> None:
    (tmp_path / "spark.parquet").mkdir()
    (tmp_path / "2026.11").mkdir()
    assert [is_folder(tmp_path / name) for name in ("new", "spark.parquet", "2026.11")] == [True] * 3
    assert [is_folder(tmp_path / name) for name in ("p.csv", "p.parquet")] == [False, False]


@pytest.mark.parametrize("name", ["p.txt", "2026.12", "p.csv.gz", "notes"])
def test_what_is_unclear_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes").touch()
    with pytest.raises(
        DataError, match=r"give a file that ends in \.csv or \.parquet, or a folder"
    ) as caught:
        is_folder(tmp_path / name)
    assert ("a file of this name exists" in str(caught.value)) == (name == "notes")
