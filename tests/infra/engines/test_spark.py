"""The engine `spark` when things die: a real Java process and real Python workers."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from infra.engines import ArraySource, Blocks, connect
from infra.engines.spark import SparkEngine, cause_of
from infra.errors import EngineError
from tests.infra.engines import work
from tests.infra.engines.starting import ROOT, started

X = np.arange(60.0).reshape(20, 3)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkEngine]:
    with started("spark", 2, tmp_path_factory.mktemp("home")) as engine:
        assert isinstance(engine, SparkEngine)
        yield engine


@pytest.fixture(scope="module")
def blocks(spark: SparkEngine) -> Blocks:
    return spark.partition(ArraySource(X, block_rows=4))


def run_script(tmp_path: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own, because a process has one Spark session."""
    script = tmp_path / "script.py"
    script.write_text(body)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRILLA_HOME": str(tmp_path / "home")}
    return subprocess.run(
        [sys.executable, script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200
    )


def test_rounds_and_independent_work(spark: SparkEngine, blocks: Blocks) -> None:
    expected = [float(X[i : i + 4].sum()) for i in range(0, 20, 4)]
    assert spark.map(work.summed, blocks) == expected
    assert spark.reduce(work.summed, float.__add__, blocks) == X.sum()
    assert spark.run_group(work.rows, blocks) == [[8, 12], [8, 12]]
    assert dict(spark.run(work.squared, range(50), shared=1)) == {i: i * i + 1 for i in range(50)}
    assert dict(spark.run(work.squared, [])) == {}


def test_a_failing_task_is_an_error_with_its_cause(spark: SparkEngine, blocks: Blocks) -> None:
    with pytest.raises(EngineError, match="ValueError: item 3 is not to my taste"):
        list(spark.run(work.rejects_three, range(8)))
    with pytest.raises(EngineError, match="ValueError: not to my taste"):
        spark.run_group(work.last_rejects, blocks)
    with pytest.raises(EngineError, match=r"Spark's job failed: TypeError: .*squared"):
        spark.map(work.squared, blocks, 1, 2)
    assert spark.run_group(work.ranks, blocks) == [[0, 1], [0, 1]]


def test_a_round_that_kills_its_worker_says_what_is_known(spark: SparkEngine, blocks: Blocks) -> None:
    with pytest.raises(EngineError, match=r"\(a Python worker of Spark died: a crash, or no memory left\)$"):
        spark.map(work.dying, blocks)


def test_java_without_memory_is_told_with_what_to_do() -> None:
    error = "Job aborted due to stage failure: Lost task 0.0\njava.lang.OutOfMemoryError: Java heap space\n\tat x.y"
    assert cause_of(error) == (
        "java.lang.OutOfMemoryError: Java heap space (Spark's Java process ran out of memory; use a larger "
        "spark.driver.memory or spark.executor.memory, fewer workers, or a smaller table)"
    )


def test_an_item_that_kills_its_worker_once_is_run_again(spark: SparkEngine, tmp_path: Path) -> None:
    results = sorted(spark.run(work.dies_once, range(40), shared=str(tmp_path)))
    assert results == [(i, i) for i in range(40)]
    assert (tmp_path / "died").exists()


def test_an_item_that_always_kills_its_worker_is_given_up_and_the_others_finish(
    spark: SparkEngine, tmp_path: Path
) -> None:
    results = dict(spark.run(work.dies_over_three, range(40), shared=str(tmp_path)))
    poisoned = results.pop(3)
    assert isinstance(poisoned, EngineError)
    assert "its worker died" in str(poisoned)
    assert results == {i: i for i in range(40) if i != 3}
    assert work.notes(tmp_path).count(3) == 3


def test_a_group_that_loses_a_member_is_run_again(spark: SparkEngine, blocks: Blocks, tmp_path: Path) -> None:
    assert spark.run_group(work.last_dies_once, blocks, str(tmp_path)) == [[0, 1], [0, 1]]
    assert (tmp_path / "died").exists()


def test_closing_the_results_ends_the_job(spark: SparkEngine, tmp_path: Path) -> None:
    results = spark.run(work.slow, range(200), shared=str(tmp_path))
    next(results)
    results.close()
    # what runs may end, within Spark's two seconds of grace
    time.sleep(3.0)
    run = len(work.notes(tmp_path))
    time.sleep(2.0)
    assert len(work.notes(tmp_path)) == run < 200
    assert dict(spark.run(work.squared, range(3))) == {0: 0, 1: 1, 2: 4}


def test_a_result_that_cannot_travel_is_an_error_with_its_cause(spark: SparkEngine) -> None:
    with pytest.raises(EngineError, match="pickle"):
        list(spark.run(generator_of, range(3)))


def generator_of(item: int, _shared: object) -> object:
    return (i for i in range(item))


def test_a_process_has_one_session(spark: SparkEngine) -> None:
    before = psutil.Process().children()
    with pytest.raises(EngineError, match="has a Spark session already"):
        connect("spark", workers=1)
    assert psutil.Process().children() == before
    assert dict(spark.run(work.squared, range(3))) == {0: 0, 1: 1, 2: 4}


def test_everything_listens_on_loopback_only(spark: SparkEngine) -> None:
    java = psutil.Process(spark.worker_pids()["spark-jvm"])
    listening = {c.laddr.ip for c in java.net_connections("inet") if c.status == "LISTEN"}
    assert listening
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert str(spark.dashboard).startswith("http://127.0.0.1:")


def test_its_processes_are_named_for_the_monitor(spark: SparkEngine) -> None:
    list(spark.run(work.squared, range(4)))
    pids = spark.worker_pids()
    assert psutil.Process(pids["spark-jvm"]).name() == "java"
    assert any(name.startswith("spark-python-") for name in pids)


KILLED_JAVA = """
import os, signal, time, psutil
from infra.engines import connect
from infra.errors import EngineError
from tests.infra.engines import work

if __name__ == "__main__":
    folder = os.environ["TRILLA_HOME"] + "/notes"
    os.makedirs(folder)
    first = connect("spark", workers=1)
    killed = first.worker_pids()["spark-jvm"]
    results = first.run(work.slow, range(100), shared=folder)
    next(results)
    os.kill(killed, signal.SIGKILL)
    try:
        list(results)
    except EngineError as error:
        print("raised:", error)
    try:
        list(first.run(work.squared, range(3)))
    except EngineError as error:
        print("again:", error)
    deadline = time.monotonic() + 60  # the connections of a killed process end before the process itself
    while first.worker_pids() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert first.worker_pids() == {}
    with connect("spark", workers=1) as second:
        assert second.worker_pids()["spark-jvm"] != killed
        first.close()
        print("then:", dict(sorted(second.run(work.squared, range(3)))))
        java = psutil.Process(second.worker_pids()["spark-jvm"])
    print("left:", java.is_running())
    second.close()
"""


def test_killed_java_is_an_error_and_the_next_session_has_a_new_one(tmp_path: Path) -> None:
    done = run_script(tmp_path, KILLED_JAVA)
    assert done.returncode == 0, done.stderr
    raised, again, then, left = done.stdout.splitlines()
    assert "Spark's Java process ended; a new connection" in raised
    assert "Spark's Java process ended; a new connection" in again
    assert then == "then: {0: 0, 1: 1, 2: 4}"
    assert left == "left: False"


UNREACHABLE = """
import psutil
from infra.engines import connect
from infra.errors import EngineError

if __name__ == "__main__":
    try:
        connect("spark", master="nonsense://nowhere")
    except EngineError as error:
        print(error)
    print([child.name() for child in psutil.Process().children()])
"""


def test_a_session_that_does_not_start_leaves_no_java_behind(tmp_path: Path) -> None:
    done = run_script(tmp_path, UNREACHABLE)
    assert done.returncode == 0, done.stderr
    message, left = done.stdout.splitlines()
    assert message.startswith("Spark does not start at nonsense://nowhere: ")
    assert left == "[]"


SEVERAL_EXECUTORS = """
import numpy as np, psutil
from infra.engines import ArraySource, blocks as sizes, connect
from tasks.clustering import KMeans
from tests.infra.engines import work

if __name__ == "__main__":
    sizes.BLOCK_ROWS = 100
    X = np.random.default_rng(0).normal(size=(1000, 4))
    with connect("spark", master="local-cluster[2,1,1024]") as engine:
        assert engine.workers == 2, engine.workers
        assert dict(engine.run(work.squared, range(9), shared=1)) == {i: i * i + 1 for i in range(9)}
        blocks = engine.partition(ArraySource(X, block_rows=100))
        assert engine.run_group(work.ranks, blocks) == [[0, 1], [0, 1]]
        found = KMeans(5, tol=0, random_state=0, engine=engine).fit(X)
        java = [c for c in psutil.Process().children(recursive=True) if c.name() == "java"]
        print("java processes:", len(java))
    alone = KMeans(5, tol=0, random_state=0).fit(X)
    print("labels:", (found.labels_ == alone.labels_).all())
"""


def test_a_cluster_of_several_executor_processes(tmp_path: Path) -> None:
    done = run_script(tmp_path, SEVERAL_EXECUTORS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["java processes: 3", "labels: True"]
