"""Recognising and ending processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra import processes


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    script = "import time; print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield psutil.Process(process.pid)
        process.kill()


def test_a_recorded_process_is_known_by_start_and_command(sleeper: psutil.Process) -> None:
    pid, start = sleeper.pid, sleeper.create_time()
    assert processes.recorded(pid, start, "sleep") == sleeper
    assert processes.recorded(pid, start - 60, "sleep") is None, "the pid was given to another process"
    assert processes.recorded(pid, start, "prefect") is None, "another command"
    sleeper.kill()
    assert processes.still_alive([sleeper], limit_s=10) == []
    assert processes.recorded(pid, start, "sleep") is None, "ended, even if nobody has asked for its status"


def test_a_process_that_ignores_the_request_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_LIMIT_S", 0.5)
    script = """if True:
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout
        child = psutil.Process(int(stubborn.stdout.readline()))
        processes.stop([psutil.Process(stubborn.pid)])
        assert stubborn.wait(timeout=5) == -9
        assert not processes.is_alive(child)


def test_a_log_keeps_the_one_before(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    for word in ("first", "second"):
        process = processes.detach([sys.executable, "-c", f"print({word!r})"], {}, tmp_path, log)
        process.wait(timeout=30)
    assert processes.last_lines(log) == "    second"
    assert (tmp_path / "x.log.1").read_text() == "first\n"


def test_a_process_lives_until_it_ends_even_if_nobody_waits_for_it() -> None:
    assert processes.process_lives(*processes.this_process())
    pid, created = processes.this_process()
    assert not processes.process_lives(pid, created - 3600)
    other = subprocess.Popen(["sleep", "60"])
    other_created = psutil.Process(other.pid).create_time()
    os.kill(other.pid, signal.SIGKILL)
    while psutil.Process(other.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not processes.process_lives(other.pid, other_created)
    other.wait()
    assert not processes.process_lives(other.pid, other_created)
