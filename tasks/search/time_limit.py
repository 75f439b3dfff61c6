"""Work with a time limit: a child process does the work and is killed when its time is up.

Native code cannot be interrupted, so the process that runs it is ended.
"""

import subprocess
import sys
import threading
import weakref
from multiprocessing.connection import Connection, Pipe
from typing import Any

import cloudpickle

START_TIMEOUT_S = 60.0
STARTED = b"started"


class TimeLimitError(Exception):
    """The work took longer than its time limit."""


class TimeLimitedFunction:
    """A function that runs in a child process, which is killed at the time limit.

    Each thread that calls this object has a child process of its own. A child process keeps `shared` from call
    to call; it ends with this object or with this process.

    Parameters
    ----------
    function : callable (item, shared) -> value
        The work. The function, its arguments and its results must be picklable.
    shared : object
        Second argument of every call; sent to a child process once.
    limit_s : float
        Seconds that one call may take; the start of a child process does not count.
    """

    def __init__(self, function: Any, shared: Any, limit_s: float) -> None:
        self._work = cloudpickle.dumps((function, shared))
        self._limit_s = limit_s
        self._of_thread = threading.local()

    def __call__(self, item: Any) -> Any:
        """Return the function's result for an item; an exception of the function is raised here.

        Raises
        ------
        TimeLimitError
            If the call took longer than the limit.
        EOFError
            If the child process died.
        """
        child = getattr(self._of_thread, "child", None) or _Child(self._work)
        self._of_thread.child = None
        succeeded, value = child.ask(item, self._limit_s)
        self._of_thread.child = (
            child  # not reached where `ask` raises: such a child process is not used again
        )
        if not succeeded:
            raise value
        return value


class _Child:
    """A child process and the pipe to it; the process is killed when this object is collected."""

    def __init__(self, work: bytes) -> None:
        self._pipe, theirs = Pipe()
        # an import, not `-m`: the package imports this module, and runpy warns of a module that it runs again
        code = f"from {__name__} import serve; serve({theirs.fileno()})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        self._finalizer = weakref.finalize(self, _end, self._process)
        self._pipe.send_bytes(work)
        if not self._pipe.poll(START_TIMEOUT_S) or self._pipe.recv_bytes() != STARTED:
            raise EOFError(f"the process of a fit with a time limit did not start in {START_TIMEOUT_S:.0f} s")

    def ask(self, item: Any, limit_s: float) -> tuple[bool, Any]:
        """Whether the function succeeded on the item, and its result or its exception."""
        self._pipe.send_bytes(cloudpickle.dumps(item))
        if not self._pipe.poll(limit_s):
            self._finalizer()
            raise TimeLimitError(f"the time limit of {limit_s:g} s is reached")
        answer: tuple[bool, Any] = cloudpickle.loads(self._pipe.recv_bytes())
        return answer


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def serve(file_descriptor: int) -> None:
    """Answer the parent process until it closes the pipe: what a child process runs."""
    pipe = Connection(file_descriptor)
    function, shared = cloudpickle.loads(pipe.recv_bytes())
    pipe.send_bytes(STARTED)
    while True:
        try:
            item = cloudpickle.loads(pipe.recv_bytes())
        except EOFError:
            return
        try:
            answer = cloudpickle.dumps((True, function(item, shared)))
        except Exception as error:
            answer = cloudpickle.dumps((False, error))
        pipe.send_bytes(answer)
