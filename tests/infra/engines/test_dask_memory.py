"""Dask workers that use more memory than they may: few tries, and an error that says what happened."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.engines import ArraySource, Blocks, connect
from infra.engines.blocks import BlockSource, Span
from infra.engines.dask import DaskEngine
from infra.engines.dask_memory import MEMORY_TRIES, MemoryKill
from infra.errors import EngineError, ParameterError
from tasks.ways import ALLOWED_SHARE, allowed_bytes
from tests.conftest import free_port
from tests.infra.engines import work
from tests.infra.engines.starting import ROOT

LIMIT = "600MiB"
X = np.arange(60.0).reshape(20, 3)
SENTENCE = re.compile(
    rf"given up after {MEMORY_TRIES} tries: a Dask worker ran out of memory: it used \d+\.\d\d .iB, its limit is "
    r"600\.00 MiB, and Dask ends a worker that comes close to its limit; use fewer workers, workers with more "
    r"memory, or a smaller table$"
)


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskEngine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRILLA_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("PYTHONPATH", str(ROOT))
        with connect("dask", workers=2, memory_limit=LIMIT) as engine:
            assert isinstance(engine, DaskEngine)
            yield engine


@pytest.fixture
def blocks(dask: DaskEngine) -> Blocks:
    dask.client.wait_for_workers(2, timeout=60)
    return dask.partition(ArraySource(X, block_rows=4))


def kills(engine: DaskEngine) -> int:
    return len(engine.client.get_events("worker-restart-memory"))


def test_an_item_that_needs_too_much_is_given_up_and_the_others_finish(
    dask: DaskEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before, start = kills(dask), time.monotonic()
    results = dict(dask.run(work.hungry_over_three, range(8), shared=str(tmp_path)))
    error = results.pop(3)
    assert isinstance(error, EngineError)
    assert SENTENCE.match(str(error))
    assert results == {i: i for i in range(8) if i != 3}
    assert work.notes(tmp_path).count(3) == kills(dask) - before == MEMORY_TRIES
    assert time.monotonic() - start < 60
    assert [record.getMessage()[:34] for record in caplog.records if record.name == "infra.engines.dask"] == [
        "its items will be tried once more:"
    ]


def test_an_item_whose_worker_is_killed_for_memory_once_has_its_result(
    dask: DaskEngine, tmp_path: Path
) -> None:
    assert dict(dask.run(work.hungry_once, range(8), shared=str(tmp_path))) == {i: i for i in range(8)}
    assert (tmp_path / "killed").exists()


def mapped(engine: DaskEngine, blocks: Blocks, folder: str) -> Any:
    return engine.map(work.hungry_block, blocks, folder)


def reduced(engine: DaskEngine, blocks: Blocks, folder: str) -> Any:
    return engine.reduce(work.hungry_block, float.__add__, blocks, folder)


def shuffled(engine: DaskEngine, blocks: Blocks, folder: str) -> Any:
    return engine.map(work.summed, engine.shuffle(work.hungry_cut, blocks, 1, folder))


def grouped(engine: DaskEngine, blocks: Blocks, folder: str) -> Any:
    return engine.run_group(work.last_is_hungry, blocks, folder)


def iterated(engine: DaskEngine, blocks: Blocks, folder: str) -> Any:
    return engine.iterate(work.hungry_block, float.__add__, lambda _s, total: (total, True), blocks, folder)


@pytest.mark.parametrize("verb", [mapped, reduced, shuffled, grouped, iterated])
def test_a_round_that_needs_too_much_is_given_up(
    dask: DaskEngine, blocks: Blocks, tmp_path: Path, verb: Callable[[DaskEngine, Blocks, str], Any]
) -> None:
    before, start = kills(dask), time.monotonic()
    with pytest.raises(EngineError, match=SENTENCE):
        verb(dask, blocks, str(tmp_path))
    assert len(work.notes(tmp_path)) == kills(dask) - before == MEMORY_TRIES
    assert time.monotonic() - start < 60
    # and the engine still works
    assert dask.reduce(work.summed, float.__add__, blocks) == X.sum()


class HungrySource(BlockSource):
    """Rows that need too much memory where they are loaded."""

    def __init__(self) -> None:
        self.n_rows, self.n_columns, self.block_rows = 2, 1, 1
        self.dtype = np.dtype(float)

    def load(self, span: Span) -> list[Any]:
        work.take_memory()
        return []

    def detached(self, span: Span) -> BlockSource:
        return self


def test_a_table_that_does_not_fit_into_its_workers_is_told(dask: DaskEngine) -> None:
    with pytest.raises(EngineError, match=SENTENCE):
        dask.map(work.summed, dask.partition(HungrySource()))


def test_data_that_does_not_fit_into_a_worker_is_told() -> None:
    with connect("dask", workers=1, memory_limit="400MiB") as engine:
        assert isinstance(engine, DaskEngine)
        with pytest.raises(EngineError, match=r"given up after 2 tries: .* its limit is 400\.00 MiB"):
            list(engine.run(work.squared, range(3), shared=np.ones(350 << 17)))  # type: ignore[arg-type]
        assert kills(engine) <= MEMORY_TRIES


def test_a_worker_killed_by_something_else_is_not_told_as_memory(dask: DaskEngine, tmp_path: Path) -> None:
    error = dict(dask.run(work.dies_over_three, range(4), shared=str(tmp_path)))[3]
    assert isinstance(error, EngineError)
    assert str(error).startswith("its worker died (a crash, or no memory left) each time it ran")


def test_a_group_whose_members_use_most_of_their_memory_goes_on(
    dask: DaskEngine, blocks: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.engines.dask_cluster.WORKERS_TIMEOUT_S", 1)
    before = kills(dask)
    assert dask.run_group(work.nearly_full, blocks, 600 * 2**20, 4.0) == [X.sum()] * 2
    assert kills(dask) == before


@pytest.mark.parametrize("memory_limit", ["much", "-1GiB", 0])
def test_a_limit_that_is_no_amount_of_memory_is_refused(memory_limit: int | str) -> None:
    with pytest.raises(
        ParameterError, match=f"memory_limit={memory_limit!r}: a number of bytes, or text such"
    ):
        connect("dask", memory_limit=memory_limit)


@pytest.mark.parametrize(
    ("name", "place"), [("dask", {"address": "tcp://h:1"}), ("spark", {"master": "spark://h:7077"})]
)
def test_a_limit_belongs_to_an_embedded_engine(name: str, place: dict[str, str]) -> None:
    where = next(iter(place.values()))
    with pytest.raises(
        ParameterError, match=f"memory_limit='1GiB' does not belong to an existing cluster, {where}"
    ):
        connect(name, memory_limit="1GiB", **place)  # type: ignore[arg-type]


def test_the_threads_of_this_process_know_their_share_of_a_limit() -> None:
    with connect("local", workers=2, memory_limit="1GiB") as engine:
        assert engine.worker_memory == 2**30
        assert allowed_bytes(engine) == int(ALLOWED_SHARE * 2 * 2**30)


def test_an_engine_knows_the_memory_of_a_worker_even_when_all_were_just_killed(dask: DaskEngine) -> None:
    dask.client.wait_for_workers(2, timeout=60)
    for pid in dask.worker_pids().values():
        os.kill(pid, signal.SIGKILL)
    assert dask.worker_memory == 600 * 2**20


@pytest.fixture
def existing(tmp_path: Path) -> Iterator[str]:
    """Address of a scheduler that is not ours, with one worker that its nanny watches."""
    address = f"tcp://127.0.0.1:{free_port()}"
    commands = [
        ["scheduler", "--host", address, "--no-dashboard"],
        ["worker", address, "--nthreads", "1", "--memory-limit", LIMIT, "--no-dashboard"],
    ]
    with (tmp_path / "log").open("wb") as log:
        started = [
            subprocess.Popen([sys.executable, "-m", "dask", *command], stdout=log, stderr=log, cwd=ROOT)
            for command in commands
        ]
        try:
            yield address
        finally:
            for process in reversed(started):
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)


def test_an_existing_cluster_is_asked_what_it_knows(existing: str, tmp_path: Path) -> None:
    with connect("dask", address=existing) as engine:
        [(_, error)] = engine.run(work.hungry_over_three, [3], shared=str(tmp_path))
        assert isinstance(error, EngineError)
        assert SENTENCE.match(str(error))
        assert isinstance(engine, DaskEngine)
        assert kills(engine) <= 2 * 4  # the scheduler's own tries, twice


def test_a_limit_that_is_not_known_is_told_as_that() -> None:
    assert "it used 1.00 GiB, its limit is not known" in str(MemoryKill("tcp://1.2.3.4:5", 2**30, None))
