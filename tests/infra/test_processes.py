"""Recognising, asking and ending processes."""

import http.server
import socket
import subprocess
import sys
import threading
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
    assert processes.outlasting([sleeper], limit_s=10) == []
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
    assert processes.tail(log) == "    second"
    assert (tmp_path / "x.log.1").read_text() == "first\n"


@pytest.mark.parametrize(("code", "ailment"), [(200, None), (401, None), (503, "HTTP status 503")])
def test_answers_of_a_server(code: int, ailment: str | None) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert processes.ailment(f"http://127.0.0.1:{server.server_port}/health") == ailment


def test_a_stranger_that_does_not_speak_http_is_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:

        def greet() -> None:
            connection, _ = stranger.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail\r\n")

        threading.Thread(target=greet, daemon=True).start()
        assert processes.ailment(f"http://127.0.0.1:{stranger.getsockname()[1]}/health") == "220 mail\r\n"
