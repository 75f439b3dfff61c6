"""Network addresses: who can reach one, whether its port is free, and whether its server is healthy."""

import errno
import http.client
import ipaddress
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import psutil

from infra.errors import StackError

LOOPBACK_NAMES = ("127.0.0.1", "localhost")


def is_loopback(host: str) -> bool:
    """Tell whether only processes of this machine can reach a server on this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def base_url(host: str, port: int) -> str:
    """Return the address of a server without a path; an IPv6 host stands in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_free(host: str, port: int) -> bool:
    """Tell whether a server can listen on this host and port.

    Raises
    ------
    StackError
        If the host is not an address of this machine, or if the port needs more rights.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # servers set this option too: a port whose last connection is being closed counts as free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise StackError(
            f"Cannot listen on {host}:{port} ({error.strerror}): choose another host or port."
        ) from None
    return True


def process_on_port(port: int) -> str:
    """Describe the process that listens on a port: 'python (pid 123)', or 'another process' if unknown."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # some systems give this information only to the administrator
        return "another process"
    for one in connections:
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
            try:
                return f"{psutil.Process(one.pid).name()} (pid {one.pid})"
            except psutil.NoSuchProcess:
                break
    return "another process"


def health_problem(url: str, *, local: bool = False, timeout_s: float = 5.0) -> str | None:
    """Ask a server whether it is healthy.

    Parameters
    ----------
    url : str
        Address that a healthy server answers. A server that refuses the request because credentials are
        missing counts as healthy.
    local : bool
        Whether the server runs on this machine. The request then does not use the proxies that the
        environment names. A loopback address is always local.
    timeout_s : float
        Largest number of seconds to wait for the answer.

    Returns
    -------
    str or None
        Reason why the server is not healthy; None if it is healthy.
    """
    try:
        direct = local or is_loopback(urlsplit(url).hostname or "")
        proxies = urllib.request.ProxyHandler({} if direct else None)
        with urllib.request.build_opener(proxies).open(url, timeout=timeout_s):
            return None
    except urllib.error.HTTPError as error:
        return None if error.code in (401, 403) else f"HTTP status {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
