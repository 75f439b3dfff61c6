"""Addresses: who can reach them, and whether a healthy server answers there."""

import http.server
import socket
import threading

import psutil
import pytest

from infra.addresses import base_url, health_problem, is_free, is_loopback, process_on_port


@pytest.mark.parametrize(
    ("host", "only_here"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("some.example", False)],
)
def test_loopback_is_recognised(host: str, only_here: bool) -> None:
    assert is_loopback(host) is only_here


def test_an_ipv6_host_stands_in_brackets() -> None:
    assert base_url("::1", 7) == "http://[::1]:7"
    assert base_url("server.example", 7) == "http://server.example:7"


def test_a_taken_port_is_not_free_and_its_process_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        assert f"(pid {psutil.Process().pid})" in process_on_port(port)
    assert is_free("127.0.0.1", port)
    assert process_on_port(port) == "another process"


@pytest.mark.parametrize(("code", "problem"), [(200, None), (401, None), (503, "HTTP status 503")])
def test_answers_of_a_server(code: int, problem: str | None) -> None:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert health_problem(f"http://127.0.0.1:{server.server_port}/health") == problem


def test_a_stranger_that_does_not_speak_http_is_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:

        def greet() -> None:
            connection, _ = stranger.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail\r\n")

        threading.Thread(target=greet, daemon=True).start()
        assert health_problem(f"http://127.0.0.1:{stranger.getsockname()[1]}/health") == "220 mail\r\n"


def test_a_malformed_address_is_a_problem() -> None:
    assert health_problem("http://[::1/health") == "Invalid IPv6 URL"


def test_a_loopback_address_is_asked_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is a closed port: a request through it would fail with another reason."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("http_proxy", proxy)

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert health_problem(f"http://127.0.0.1:{server.server_port}/health") is None
    assert "Connection refused" in str(health_problem("http://nowhere.invalid/health"))
