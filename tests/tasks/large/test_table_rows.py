"""The chosen rows of a prepared table as blocks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from infra.engines.blocks import Span
from infra.errors import DataError
from tasks.datasets.preprocessing import preprocessor
from tasks.large.masks import Draw, RowMask
from tasks.large.table_rows import EncodedRows, TableRows, row_groups
from tests.tasks.large.tables import prepared

MASK = RowMask() & Draw(1, 0.1, 0.6)


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.datasets.preparation.ROW_GROUP", 700)


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("block_rows", [64, 400, 100_000])
def test_blocks_are_the_rows_of_the_mask_after_the_steps(tmp_path: Path, block_rows: int) -> None:
    dataset = prepared(tmp_path)
    assert len(row_groups(dataset)) == 5
    X, y = dataset.load()
    assert y is not None
    steps = preprocessor(dataset, scale=True, impute=True).fit(X, y)
    chosen = MASK.of(0, len(y))
    rows = TableRows(dataset, MASK, steps, block_rows=block_rows)
    assert (rows.n_rows, rows.n_columns) == (chosen.sum(), 5)
    blocks = rows.load(Span(0, rows.n_blocks))
    assert {len(block) for block, _ in blocks[:-1]} <= {block_rows}
    np.testing.assert_array_equal(np.concatenate([block for block, _ in blocks]), steps.transform(X[chosen]))
    np.testing.assert_array_equal(np.concatenate([target for _, target in blocks]), y[chosen])
    np.testing.assert_array_equal(rows.block(rows.n_blocks - 1)[0], blocks[-1][0])


def test_a_folder_of_parts_has_the_rows_of_its_files_one_after_the_other(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    frame = pd.read_parquet(dataset.path)
    folder = tmp_path / "parts"
    folder.mkdir()
    for number, part in enumerate((frame[:1_000], frame[1_000:1_100], frame[1_100:])):
        part.to_parquet(folder / f"part-{number:05d}.parquet")
    parts = dataset.model_copy(update={"path": str(folder)})
    steps = preprocessor(dataset, scale=False, impute=False).fit(*dataset.load())
    for one, other in zip(
        TableRows(dataset, MASK, steps).load(Span(0, 1)),
        TableRows(parts, MASK, steps).load(Span(0, 1)),
        strict=True,
    ):
        for array, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, same)


def test_rows_that_are_encoded_already_keep_their_numbers(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    steps = preprocessor(dataset, scale=False, impute=True).fit(*dataset.load())
    numbers = np.flatnonzero(MASK.of(0, dataset.rows))
    known = np.sort(np.concatenate([numbers[5:900:7], [0, dataset.rows - 1]]))
    encoded = EncodedRows(known, -np.ones((len(known), 5)) * known[:, None])
    plain, changed = (TableRows(dataset, MASK, steps, encoded=one, block_rows=512) for one in (None, encoded))
    X, Z = (
        np.concatenate([block for block, _ in one.load(Span(0, one.n_blocks))]) for one in (plain, changed)
    )
    is_known = np.isin(numbers, known)
    np.testing.assert_array_equal(Z[~is_known], X[~is_known])
    np.testing.assert_array_equal(Z[is_known], np.repeat(-numbers[is_known, None], 5, axis=1))


def test_a_table_that_lost_rows_is_refused(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    pd.read_parquet(dataset.path)[:-1].to_parquet(dataset.path)
    with pytest.raises(DataError, match="have 2,999 rows instead of 3,000; prepare them again"):
        row_groups(dataset)


def test_a_table_that_is_gone_is_refused(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    Path(dataset.path).unlink()
    with pytest.raises(DataError, match=r"cannot be read.*prepare it again"):
        row_groups(dataset)
