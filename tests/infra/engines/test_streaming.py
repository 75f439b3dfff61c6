"""Blocks that a worker reads anew at each pass."""

import logging
import tempfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from infra.engines.blocks import ArraySource, Block, Span
from infra.engines.streaming import StreamedBlocks, kept_blocks

X = np.arange(30.0).reshape(10, 3)
NAMES = np.array([f"row {i}" for i in range(10)], dtype=object)


class Counted(ArraySource):
    """Rows that count how often a block is loaded."""

    loaded = 0

    def load(self, span: Span) -> list[Block]:
        self.loaded += span.stop - span.start
        return super().load(span)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def assert_is_the_second_half(blocks: list[Block]) -> None:
    np.testing.assert_array_equal(np.concatenate([x for x, _ in blocks]), X[4:])
    np.testing.assert_array_equal(np.concatenate([names for _, names in blocks]), NAMES[4:])


def test_the_first_pass_loads_each_block_and_the_others_read_a_file(temporary: Path) -> None:
    source = Counted(X, NAMES, block_rows=2)
    with kept_blocks(StreamedBlocks(source, Span(2, 5))) as blocks:
        for _ in range(3):
            assert_is_the_second_half(list(blocks))
        assert_is_the_second_half([blocks[i] for i in range(3)])
        assert source.loaded == 3
        assert not list(temporary.iterdir())  # the file has no name, so that a killed process leaves nothing


def test_a_pass_that_was_left_early_is_gone_on_with(temporary: Path) -> None:
    source = Counted(X, NAMES, block_rows=2)
    with kept_blocks(StreamedBlocks(source, Span(2, 5))) as blocks:
        next(iter(blocks))
        assert_is_the_second_half(list(blocks))
        assert source.loaded == 3


def test_blocks_in_memory_stay_there(temporary: Path) -> None:
    held = ArraySource(X, block_rows=2).load(Span(0, 5))
    with kept_blocks(held) as blocks:
        assert blocks is held
    assert not list(temporary.iterdir())


def test_a_disk_that_is_too_small_is_told_and_each_pass_reads_the_source(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(2**20))
    source = Counted(X, NAMES, block_rows=2)
    with caplog.at_level(logging.WARNING), kept_blocks(StreamedBlocks(source, Span(2, 5))) as blocks:
        assert_is_the_second_half(list(blocks))
        assert_is_the_second_half(list(blocks))
    assert source.loaded == 6
    assert f"in the folder {temporary} of temporary files, which has 1.00 MiB free" in caplog.text
