"""What the monitor measures, held against what the processes say of themselves."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import psutil
import pytest

from infra.monitoring import SERIES_LIMIT, Monitor

BURN = "import time\nwhile time.process_time() < {}: pass\n"


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def child(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def burning_child(seconds: float) -> subprocess.Popen[str]:
    """A process that uses that much CPU, says how much it was, and ends."""
    return child(BURN.format(seconds) + "print(time.process_time())")


def idle_child(seconds: float) -> subprocess.Popen[str]:
    """A process that uses that much CPU, says so, and waits."""
    process = child(BURN.format(seconds) + "print('ready', flush=True)\ninput()")
    assert process.stdout
    process.stdout.readline()
    return process


def test_cpu_and_wall_time_of_the_driver() -> None:
    begun = time.perf_counter(), time.process_time()
    with Monitor(interval=0.05) as monitor:
        burn(0.5)
    wall, cpu = time.perf_counter() - begun[0], time.process_time() - begun[1]
    usage = monitor.usage
    assert usage.wall_s == pytest.approx(wall, abs=0.1)
    assert usage.driver.cpu_s == pytest.approx(cpu, abs=0.03)
    assert usage.cpu_s == usage.driver.cpu_s
    assert usage.cpu_percent == pytest.approx(100 * usage.cpu_s / usage.wall_s)
    assert usage.workers == {}
    assert usage.driver.peak_rss == usage.peak_rss > 10e6


def test_work_shorter_than_the_interval() -> None:
    with Monitor(interval=60) as monitor:
        burn(0.03)
    assert monitor.usage.driver.cpu_s == pytest.approx(0.03, abs=0.005)
    assert len(monitor.usage.series) == 1


def test_memory_between_two_samples() -> None:
    with Monitor(interval=60) as monitor:
        now = psutil.Process().memory_info()
        size = int(monitor._highest - now.rss + 100e6)
        block = b"x" * size
        del block
    assert monitor.usage.driver.peak_rss == pytest.approx(now.rss + size, abs=10e6)


def test_workers_come_and_go_under_one_name() -> None:
    pids: dict[str, int] = {}
    begun, said = time.process_time(), []
    with Monitor(lambda: pids, interval=0.05) as monitor:
        for _ in range(2):
            with burning_child(0.4) as worker:
                pids["worker-0"] = worker.pid
                assert worker.stdout
                said.append(float(worker.stdout.read()))
    own = time.process_time() - begun
    usage = monitor.usage
    assert set(usage.workers) == {"worker-0"}
    assert usage.workers["worker-0"].cpu_s == pytest.approx(sum(said), abs=0.25)  # an interval each may lack
    assert usage.cpu_s == pytest.approx(sum(said) + own, abs=0.1)  # which the driver has
    assert usage.peak_rss > usage.driver.peak_rss
    assert {name for _, name, _, _ in usage.series} == {"driver", "worker-0"}


def test_children_that_nobody_watches_count_to_their_parent() -> None:
    with Monitor(interval=60) as monitor, burning_child(0.3) as worker:
        assert worker.stdout
        said = float(worker.stdout.read())
    assert monitor.usage.driver.cpu_s == pytest.approx(said, abs=0.1)


def test_what_a_child_used_before_is_not_counted() -> None:
    unwatched, watched = idle_child(0.5), idle_child(0.5)
    with Monitor(lambda: {"worker": watched.pid}, interval=60) as monitor:
        for process in (unwatched, watched):
            process.communicate("\n")
    assert monitor.usage.cpu_s < 0.2
    assert monitor.usage.workers["worker"].cpu_s < 0.05


def test_killed_worker_is_measured_up_to_its_end() -> None:
    worker = idle_child(0.0)
    with Monitor(lambda: {"worker": worker.pid}, interval=0.05) as monitor:
        time.sleep(0.2)
        os.kill(worker.pid, signal.SIGKILL)
        worker.communicate()
        time.sleep(0.1)
    assert monitor.usage.workers["worker"].peak_rss > 1e6


def test_this_process_is_not_counted_twice() -> None:
    with Monitor(lambda: {"worker": os.getpid()}) as monitor:
        burn(0.1)
    assert monitor.usage.workers == {}
    assert monitor.usage.cpu_s == pytest.approx(0.1, abs=0.03)


def test_series_is_thinned_and_keeps_the_peak() -> None:
    with Monitor(interval=0.0005) as monitor:
        deadline = time.monotonic() + 60
        while len(monitor._own.samples) <= SERIES_LIMIT + 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        block = bytearray(b"x" * 50_000_000)
        time.sleep(0.3)
        del block
    counts = Counter(name for _, name, _, _ in monitor.usage.series)
    assert 100 < counts["driver"] <= SERIES_LIMIT
    rss = [rss for _, _, _, rss in monitor.usage.series]
    assert max(rss) == monitor._peak > min(rss) + 40e6


def test_the_monitor_itself_uses_less_than_one_percent_of_a_core() -> None:
    workers = [idle_child(0.0) for _ in range(3)]
    try:
        with Monitor(lambda: {f"worker-{one.pid}": one.pid for one in workers}, interval=0.001) as monitor:
            time.sleep(2)
    finally:
        for worker in workers:
            worker.communicate("\n")
    share = monitor._cost / monitor.usage.wall_s
    print(f"CPU time of the monitor: {100 * share:.2f} % of a core")
    assert share < 0.02  # twice the promise: one slow sample weighs much in two seconds
    assert set(monitor.usage.workers) == {f"worker-{one.pid}" for one in workers}


def test_watch_that_fails_does_not_harm_the_work(caplog: pytest.LogCaptureFixture) -> None:
    def gone() -> dict[str, int]:
        raise OSError("the cluster is gone")

    with caplog.at_level(logging.WARNING), Monitor(gone, interval=0.02) as monitor:
        burn(0.1)
    assert monitor.usage.driver.cpu_s == pytest.approx(0.1, abs=0.03)
    assert len(caplog.records) == 1
    assert "the cluster is gone" in caplog.text


def test_error_in_the_work_passes_and_the_thread_ends() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), Monitor():
        _ = 1 // 0
    assert threading.active_count() == before
