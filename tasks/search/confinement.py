"""Work in a process of its own, which is killed when its time is up: nothing else stops native code."""

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
    """The work took longer than it may."""


class Confined:
    """Runs `function(item, shared)` in a child process, one for each thread that calls; a context nowhere.

    The children keep `shared` from call to call, and end with this object or with this process.

    Parameters
    ----------
    function : callable (item, shared) -> value
        Picklable, as are its arguments and results.
    shared : object
    limit_s : float
        Seconds that one call may take; starting a child does not count.
    """

    def __init__(self, function: Any, shared: Any, limit_s: float) -> None:
        self._work = cloudpickle.dumps((function, shared))
        self._limit_s = limit_s
        self._own = threading.local()

    def __call__(self, item: Any) -> Any:
        """Result of the work.

        Raises
        ------
        TimeLimitError
            If it took too long.
        EOFError
            If the child died over it.
        """
        child = getattr(self._own, "child", None) or _Child(self._work)
        self._own.child = None
        result = child.ask(item, self._limit_s)  # a child that raises here is not asked again
        self._own.child = child
        succeeded, value = result
        if not succeeded:
            raise value
        return value


class _Child:
    """A child process and the pipe to it; killed when this object goes."""

    def __init__(self, work: bytes) -> None:
        self._pipe, theirs = Pipe()
        command = [sys.executable, "-m", "tasks.search.confinement", str(theirs.fileno())]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._finalizer = weakref.finalize(self, _end, self._process)
        self._pipe.send_bytes(work)
        if not self._pipe.poll(START_TIMEOUT_S) or self._pipe.recv_bytes() != STARTED:
            raise EOFError(f"a process for confined work did not start within {START_TIMEOUT_S:.0f} s")

    def ask(self, item: Any, limit_s: float) -> tuple[bool, Any]:
        self._pipe.send_bytes(cloudpickle.dumps(item))
        if not self._pipe.poll(limit_s):
            self._finalizer()
            raise TimeLimitError(f"the time limit of {limit_s:g} s is reached")
        found: tuple[bool, Any] = cloudpickle.loads(self._pipe.recv_bytes())
        return found


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def _serve(pipe: Connection) -> None:
    """The child's half: answer until the parent is gone."""
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


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
