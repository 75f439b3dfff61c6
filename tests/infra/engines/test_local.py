"""The engine `local`, and what is profiled of an engine's work."""

import pstats
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from infra.engines import ArraySource, connect
from infra.engines.profiled import ProfiledEngine
from infra.errors import EngineError
from infra.profiling import merge_profiles
from tests.infra.engines import work

X = np.arange(60.0).reshape(20, 3)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_rounds_and_independent_work(workers: int) -> None:
    with connect("local", workers=workers) as engine:
        blocks = engine.partition(ArraySource(X, block_rows=4))
        assert len(blocks.spans) == workers
        assert engine.map(work.summed, blocks) == [float(X[i : i + 4].sum()) for i in range(0, 20, 4)]
        assert engine.reduce(work.summed, float.__add__, blocks) == X.sum()
        held = [4 * (span.stop - span.start) for span in blocks.spans]
        assert engine.run_group(work.rows, blocks) == [held] * workers
        assert sorted(engine.run(work.squared, range(9), shared=1)) == [(i, i * i + 1) for i in range(9)]
        assert engine.worker_pids() == {}


def test_rounds_go_on_until_the_driver_says_stop() -> None:
    with connect("local", workers=2) as engine:
        blocks = engine.partition(ArraySource(X, block_rows=4))

        def update(totals: list[float], total: float) -> tuple[list[float], bool]:
            return [*totals, total], len(totals) == 3

        assert engine.iterate(work.summed, float.__add__, update, blocks, []) == ([X.sum()] * 4, [])


def test_what_is_kept_beside_a_block_is_its_own_from_round_to_round() -> None:
    with connect("local", workers=2) as engine:
        blocks = engine.partition(ArraySource(X, block_rows=4))

        def kernel(rows: Any, _state: int, seen: list[float]) -> list[list[float]]:
            seen.append(float(rows.sum()))
            return [seen[:]]

        def update(state: int, seen: list[list[float]]) -> tuple[Any, bool]:
            return (seen, True) if state == 2 else (state + 1, False)

        seen, left = engine.iterate(
            kernel, list.__add__, update, blocks, 0, memory=lambda _rows: [], outcome=lambda _rows, seen: seen
        )
        assert seen == left == [[float(X[i : i + 4].sum())] * 3 for i in range(0, 20, 4)]


@pytest.mark.timeout(60)
def test_a_member_that_fails_is_the_cause_and_the_others_do_not_wait_for_it() -> None:
    with connect("local", workers=3) as engine, pytest.raises(ValueError, match="not to my taste"):
        engine.run_group(work.last_rejects, engine.partition(ArraySource(X, block_rows=4)))


def test_an_exception_of_the_function_is_raised_here() -> None:
    with connect("local", workers=2) as engine, pytest.raises(ValueError, match="item 3 is not to my taste"):
        list(engine.run(work.rejects_three, range(8)))


def test_closing_the_results_drops_what_has_not_started(tmp_path: Path) -> None:
    with connect("local", workers=1) as engine:
        results = engine.run(work.slow, range(100), shared=str(tmp_path))
        next(results)
        results.close()
    assert len(work.notes(tmp_path)) <= 3


def test_an_engine_that_is_closed_does_not_finish_its_queue(tmp_path: Path) -> None:
    start = time.monotonic()
    with connect("local", workers=1) as engine:
        results = engine.run(work.slow, range(100), shared=str(tmp_path))
        next(results)
        engine.close()
    assert time.monotonic() - start < 10
    assert len(work.notes(tmp_path)) <= 3


def test_workers_are_profiled_where_they_work() -> None:
    with connect("local", workers=2) as engine:
        profiled = ProfiledEngine(engine)
        blocks = profiled.partition(ArraySource(X, block_rows=4))
        assert sorted(profiled.run(work.squared, range(3))) == [(0, 0), (1, 1), (2, 4)]
        assert profiled.run_group(work.rows, blocks) == [[8, 12]] * 2
        assert profiled.map(work.summed, blocks) == engine.map(work.summed, blocks)
        assert profiled.reduce(work.summed, float.__add__, blocks) == X.sum()
        assert (profiled.name, profiled.workers, profiled.worker_pids()) == ("local", 2, {})
        assert profiled.worker_memory == engine.worker_memory == psutil.virtual_memory().total // 2
    assert len(profiled.profiles) == 5
    stats: Any = merge_profiles(profiled.profiles)
    assert isinstance(stats, pstats.Stats)
    calls = {function: figures[1] for (_, _, function), figures in vars(stats)["stats"].items()}
    assert calls["squared"] == 3
    assert calls["rows"] == 2


def test_a_lost_item_is_no_profile() -> None:
    class Losing:
        name, workers, in_this_process = "dask", 1, False

        def run(self, *_: Any) -> Any:
            yield 0, EngineError("its worker died")

    profiled = ProfiledEngine(Losing())  # type: ignore[arg-type]
    [(i, result)] = profiled.run(work.squared, [1])
    assert i == 0
    assert isinstance(result, EngineError)
    assert profiled.profiles == []
