"""The engine `dask` when things die: real workers, killed with SIGKILL."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from infra.engines import ArraySource, Blocks, Engine, connect
from infra.engines.dask import DaskEngine
from infra.engines.dask_memory import workers_of
from infra.errors import EngineError
from tests.conftest import free_port
from tests.infra.engines import work
from tests.infra.engines.starting import ROOT, started

X = np.arange(60.0).reshape(20, 3)


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskEngine]:
    with started("dask", 2, tmp_path_factory.mktemp("home")) as engine:
        assert isinstance(engine, DaskEngine)
        yield engine


@pytest.fixture
def blocks(dask: DaskEngine) -> Blocks:
    dask.client.wait_for_workers(2, timeout=60)
    return dask.partition(ArraySource(X, block_rows=4))


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_a_worker_killed_from_outside_costs_no_item(dask: DaskEngine, tmp_path: Path) -> None:
    pids = list(dask.worker_pids().values())
    results = []
    for i, result in dask.run(work.slow, range(14), shared=str(tmp_path)):
        results.append((i, result))
        if len(results) == 3:
            kill(pids[0])
    assert sorted(results) == [(i, i) for i in range(14)]
    assert pids[0] not in dask.worker_pids().values()


def test_columns_of_a_shared_table_are_not_measured_one_by_one(
    dask: DaskEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask needs two seconds to measure a table of 5,000 columns, each time that it sends or receives the table."""
    measured: list[str] = []
    monkeypatch.setattr(pd.DataFrame, "memory_usage", lambda *_, **__: measured.append("table"))
    monkeypatch.setattr(pd.Series, "memory_usage", lambda *_, **__: measured.append("column"))
    frame = pd.DataFrame(np.zeros((3, 50))).add_prefix("g")
    assert [result for _, result in dask.run(work.width, [1], shared=(frame, 2))] == [50]
    assert measured == []


def test_an_item_that_kills_its_worker_once_is_run_again(dask: DaskEngine, tmp_path: Path) -> None:
    results = sorted(dask.run(work.dies_once, range(8), shared=str(tmp_path)))
    assert results == [(i, i) for i in range(8)]
    assert (tmp_path / "died").exists()


def test_an_item_that_always_kills_its_worker_is_given_up_and_the_others_finish(
    dask: DaskEngine, tmp_path: Path
) -> None:
    results = dict(dask.run(work.dies_over_three, range(8), shared=str(tmp_path)))
    poisoned = results.pop(3)
    assert isinstance(poisoned, EngineError)
    assert "its worker died" in str(poisoned)
    assert results == {i: i for i in range(8) if i != 3}
    # the scheduler tries it on four workers before it gives up, we try it beside others and alone
    assert work.notes(tmp_path).count(3) <= 8


def test_short_items_share_tasks(dask: DaskEngine) -> None:
    results = list(dask.run(work.task_name, range(400)))
    assert sorted(i for i, _ in results) == list(range(400))
    assert len({task for _, task in results}) < 100


def test_an_exception_of_the_function_is_raised_here(dask: DaskEngine) -> None:
    with pytest.raises(ValueError, match="item 3 is not to my taste"):
        list(dask.run(work.rejects_three, range(8)))


def test_closing_the_results_drops_what_has_not_started(dask: DaskEngine, tmp_path: Path) -> None:
    results = dask.run(work.slow, range(100), shared=str(tmp_path))
    next(results)
    results.close()
    time.sleep(1.0)
    run = len(work.notes(tmp_path))
    time.sleep(1.0)
    assert len(work.notes(tmp_path)) == run < 20
    assert dict(dask.run(work.squared, range(5))) == {i: i * i for i in range(5)}


def test_a_worker_lost_between_rounds_is_made_up_for(dask: DaskEngine, blocks: Blocks) -> None:
    expected = [float(X[i : i + 4].sum()) for i in range(0, 20, 4)]
    assert dask.map(work.summed, blocks) == expected
    kill(next(iter(dask.worker_pids().values())))
    assert dask.map(work.summed, blocks) == expected
    assert dask.reduce(work.summed, float.__add__, blocks) == X.sum()


def test_workers_are_found_while_the_client_refreshes_what_it_remembers(dask: DaskEngine) -> None:
    dask.client.wait_for_workers(2, timeout=60)
    done = threading.Event()

    def refresh() -> None:
        while not done.is_set():
            dask.client.sync(dask.client._update_scheduler_info)

    refreshing = threading.Thread(target=refresh)
    refreshing.start()
    try:
        assert {len(workers_of(dask.client)) for _ in range(300)} == {2}
    finally:
        done.set()
        refreshing.join()


def test_exchanged_rows_are_exchanged_again_when_a_worker_is_lost(dask: DaskEngine, blocks: Blocks) -> None:
    changed = dask.shuffle(work.halved, blocks, 2)
    upper, lower = float(X[:, :1].sum()), float(X[:, 1:].sum())
    assert dask.map(work.summed, changed) == [upper, lower]
    kill(next(iter(dask.worker_pids().values())))
    assert dask.map(work.summed, changed) == [upper, lower]
    assert dask.map(work.summed, blocks) == [float(X[i : i + 4].sum()) for i in range(0, 20, 4)]


def test_workers_lost_in_the_middle_of_k_means_leave_no_trace_in_it(
    dask: DaskEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from infra.engines import blocks as blocks_module
    from tasks.clustering import KMeans, lloyd

    monkeypatch.setattr(blocks_module, "BLOCK_ROWS", 100)
    data = np.random.default_rng(0).normal(size=(1000, 3))
    arguments: dict[str, Any] = {"n_clusters": 6, "tol": 0, "random_state": 0}
    undisturbed = KMeans(**arguments).fit(data)
    monkeypatch.setattr(lloyd, "_update", work.Dying(lloyd._update, rounds=(2, 5), folder=str(tmp_path)))
    found = KMeans(**arguments, engine=dask).fit(data)
    assert {path.name for path in tmp_path.iterdir()} == {"2", "5"}
    assert found.cluster_centers_.tobytes() == undisturbed.cluster_centers_.tobytes()
    assert found.labels_.tobytes() == undisturbed.labels_.tobytes()
    assert found.n_iter_ == undisturbed.n_iter_


def test_a_group_that_loses_a_member_is_run_again(dask: DaskEngine, blocks: Blocks, tmp_path: Path) -> None:
    assert dask.run_group(work.last_dies_once, blocks, str(tmp_path)) == [[0, 1], [0, 1]]
    assert (tmp_path / "died").exists()


def test_a_group_that_always_loses_a_member_is_given_up(
    dask: DaskEngine, blocks: Blocks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("infra.engines.dask.ROUND_TRIES", 3)
    with pytest.raises(EngineError, match="lost its workers 3 times"):
        dask.run_group(work.last_dies, blocks, str(tmp_path))
    assert len(work.notes(tmp_path)) >= 3


def test_the_exception_of_a_member_is_raised_and_not_its_peers_lost_connections(
    dask: DaskEngine, blocks: Blocks
) -> None:
    with pytest.raises(ValueError, match="not to my taste"):
        dask.run_group(work.last_rejects, blocks)


def test_groups_that_want_the_same_workers_take_turns(dask: DaskEngine, blocks: Blocks) -> None:
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(dask.run_group(work.ranks, blocks))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert found == [[[0, 1], [0, 1]]] * 4


def test_members_hold_their_own_spans(dask: DaskEngine, blocks: Blocks) -> None:
    assert dask.run_group(work.rows, blocks) == [[8, 12], [8, 12]]


def via_the_cluster(address: str) -> tuple[list[Any], list[Any]]:
    with connect("dask", address=address) as engine:
        blocks = engine.partition(ArraySource(X, block_rows=4))
        results = sorted(engine.run(work.squared, range(6), shared=1))
        return results, engine.run_group(work.ranks, blocks)


def test_a_task_of_the_cluster_gives_its_slot_back_while_it_coordinates(dask: DaskEngine) -> None:
    # both workers are taken by coordinators: neither would end if it kept its slot
    futures = [dask.client.submit(via_the_cluster, dask.address, pure=False) for _ in range(2)]
    expected = ([(i, i * i + 1) for i in range(6)], [[0, 1], [0, 1]])
    assert dask.client.gather(futures) == [expected] * 2


def test_an_attached_cluster_is_left_running(dask: DaskEngine) -> None:
    pids = set(dask.worker_pids().values())
    with connect("dask", address=dask.address) as attached:
        assert attached.workers == 2
        assert set(attached.worker_pids().values()) == pids
        assert dict(attached.run(work.squared, range(3))) == {0: 0, 1: 1, 2: 4}
    assert set(dask.worker_pids().values()) == pids
    assert dict(dask.run(work.squared, range(3))) == {0: 0, 1: 1, 2: 4}


def test_everything_listens_on_loopback_only(dask: DaskEngine) -> None:
    processes = [psutil.Process(), *(psutil.Process(pid) for pid in dask.worker_pids().values())]
    listening = [c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == "LISTEN"]
    assert len(listening) >= 3
    assert set(listening) == {"127.0.0.1"}


def test_an_embedded_cluster_ends_with_its_engine() -> None:
    with connect("dask", workers=1) as engine:
        pids = list(engine.worker_pids().values())
    assert len(pids) == 1
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=10)
    assert not alive


def test_no_scheduler_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    monkeypatch.setattr("infra.engines.dask_cluster.CONNECT_TIMEOUT_S", 2)
    with pytest.raises(EngineError, match=f"no Dask scheduler answers at {address}"):
        connect("dask", address=address)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler of its own process without workers; the list is for what else has to end."""
    address = f"tcp://127.0.0.1:{free_port()}"
    started: list[subprocess.Popen[bytes]] = []
    with (tmp_path / "log").open("wb") as log:
        command = ["scheduler", "--host", address, "--no-dashboard"]
        started.append(
            subprocess.Popen([sys.executable, "-m", "dask", *command], stderr=log, stdout=log, cwd=ROOT)
        )
        try:
            yield address, started
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(timeout=20)


def test_a_cluster_without_workers_is_a_clear_error(
    cluster: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.engines.dask_cluster.WORKERS_TIMEOUT_S", 1)
    with pytest.raises(EngineError, match="fewer than 1 Dask workers at"):
        connect("dask", address=cluster[0])


def test_a_killed_scheduler_is_an_error_and_no_hang(cluster: tuple[str, list[Any]], tmp_path: Path) -> None:
    address, processes = cluster
    command = ["worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    worker = subprocess.Popen(
        [sys.executable, "-m", "dask", *command],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    processes.append(worker)
    with connect("dask", address=address) as engine:
        results = engine.run(work.slow, range(50), shared=str(tmp_path))
        next(results)
        processes[0].kill()
        with pytest.raises(EngineError, match="cannot be reached"):
            list(results)
    assert len(work.notes(tmp_path)) < 50


def test_nothing_is_printed_on_the_users_terminal(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np\n"
        "from infra.engines import ArraySource, connect\n"
        "from tests.infra.engines import work\n"
        "if __name__ == '__main__':\n"
        "    with connect('dask', workers=2) as engine:\n"
        "        blocks = engine.partition(ArraySource(np.zeros((8, 1)), block_rows=2))\n"
        "        assert engine.run_group(work.ranks, blocks) == [[0, 1], [0, 1]]\n"
        "        assert dict(engine.run(work.squared, range(3))) == {0: 0, 1: 1, 2: 4}\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_is_an_engine(dask: Engine) -> None:
    assert dask.name == "dask"
    assert dask.workers == 2
    assert str(dask.dashboard).startswith("http://127.0.0.1:")
