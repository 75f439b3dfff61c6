"""Rows with a second array beside them: the blocks that engines hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.engines import ArraySource, ParquetSource
from infra.engines.blocks import Span
from tasks.clustering.sources import NO_WEIGHTS, PairedSource, WeightedRows

ROWS = np.arange(20.0).reshape(10, 2)
SECOND = np.arange(10.0)


def test_a_block_has_the_part_of_the_second_array_that_belongs_to_its_rows() -> None:
    source = PairedSource(ArraySource(ROWS, block_rows=4), SECOND)
    assert (source.n_rows, source.n_columns, source.n_blocks) == (10, 2, 3)
    for number, (X, second) in enumerate(source.load(Span(1, 3)), 1):
        np.testing.assert_array_equal(X, ROWS[4 * number : 4 * number + 4])
        np.testing.assert_array_equal(second, SECOND[4 * number : 4 * number + 4])


def test_an_empty_second_array_is_empty_in_every_block() -> None:
    source = PairedSource(ArraySource(ROWS, block_rows=4), NO_WEIGHTS)
    assert [len(second) for _, second in source.load(Span(0, 3))] == [0, 0, 0]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_worker_that_reads_its_rows_is_sent_its_part_of_the_second_array(
    tmp_path: Path, is_streamed: bool
) -> None:
    pd.DataFrame(ROWS, columns=["a", "b"]).to_parquet(tmp_path / "rows.parquet")
    source = PairedSource(ParquetSource(tmp_path / "rows.parquet", block_rows=4), SECOND)
    source = source.streamed() if is_streamed else source
    for span in (Span(0, 1), Span(1, 3)):
        sent = source.detached(span)
        assert isinstance(sent, PairedSource)
        assert sent.is_streamed == is_streamed
        np.testing.assert_array_equal(sent.paired, SECOND[4 * span.start : 4 * span.stop])
        for ours, whole in zip(sent.load(span), source.load(span), strict=True):
            for arrays in zip(ours, whole, strict=True):
                np.testing.assert_array_equal(*arrays)


def test_rows_of_an_array_are_sent_to_the_workers() -> None:
    source = PairedSource(ArraySource(ROWS, block_rows=4), SECOND)
    here = PairedSource(ArraySource(ROWS, block_rows=4), SECOND)
    sent = here.detached(Span(0, 1))
    assert isinstance(sent, list)
    for arrays in zip(sent[0], source.load(Span(0, 1))[0], strict=True):
        np.testing.assert_array_equal(*arrays)


@pytest.mark.parametrize("selected", [[7, 2], SECOND > 6, slice(3, 5), slice(None)], ids=repr)
def test_rows_are_selected_with_their_weights(selected: Any) -> None:
    weighted = WeightedRows(ROWS, SECOND).take(selected)
    np.testing.assert_array_equal(weighted.X, ROWS[selected])
    np.testing.assert_array_equal(weighted.weights, SECOND[selected])
    unweighted = WeightedRows(ROWS, NO_WEIGHTS).take(selected)
    np.testing.assert_array_equal(unweighted.X, ROWS[selected])
    assert len(unweighted.weights) == 0


def test_rows_without_weights_weigh_one() -> None:
    assert WeightedRows(ROWS, NO_WEIGHTS).weight_of_each().tolist() == [1.0] * 10
    assert WeightedRows(ROWS, SECOND).weight_of_each() is SECOND
