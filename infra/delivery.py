"""Deliver the operations of an outbox to an MLflow server, in order, from a separate thread."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable

from infra.mlflow_api import AwayError
from infra.outbox import Operation, Outbox
from infra.sending import Sender, UnreadyError

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 2.0
"""Seconds before a server that is away is asked again; the pause doubles each time."""
UNREADY_PAUSE_S = 0.2
"""Seconds before a run whose start another process has to send is looked at again."""
POLL_S = 0.2
"""Seconds between two looks of a waiting thread at what other processes have sent; they do not notify it."""
AWAY_PATIENCE_S = 20.0
"""Seconds that other threads wait for a server that is away; a restarted server is back by then."""


class Delivery(threading.Thread):
    """The thread that sends the operations of an outbox and removes those that the server has accepted.

    An operation is removed only after the server's answer, so the same operation may be sent twice.

    Parameters
    ----------
    outbox : Outbox
        Outbox with the operations.
    uri : str
        Address of the MLflow server.

    Attributes
    ----------
    refused : list of str
        Descriptions of the operations that the server refused for ever.
    """

    def __init__(self, outbox: Outbox, uri: str) -> None:
        super().__init__(name="mlflow-delivery", daemon=True)
        self.refused: list[str] = []
        self._outbox = outbox
        self._uri = uri
        self._added = threading.Event()
        self._stopping = threading.Event()
        self._progress = threading.Condition()
        self._away_since: float | None = None
        self._unready: set[str] = set()

    def wake(self) -> None:
        """Tell the thread that an operation was added."""
        self._added.set()

    def stop(self, timeout: float = 5) -> None:
        """End the thread after its present request; a request that hangs ends at its own time limit."""
        self._stopping.set()
        self._added.set()
        self.join(timeout)

    def wait_for(self, reached: Callable[[], bool], timeout: float) -> bool:
        """Wait up to `timeout` seconds for a state that the delivery of operations brings about.

        The operations may be those of other processes. The wait ends early if the server has been away for
        long.

        Returns
        -------
        bool
            Whether the state was reached.
        """
        deadline = time.monotonic() + timeout
        with self._progress:
            while not reached():
                left = deadline - time.monotonic()
                away_since = self._away_since
                if left <= 0 or (away_since and time.monotonic() - away_since > AWAY_PATIENCE_S):
                    return False
                self._progress.wait(min(left, POLL_S))
        return True

    def run(self) -> None:
        """Send operations until `stop` is called."""
        sender = Sender(self._outbox, self._uri, self._refuse)
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            self._added.clear()
            try:
                self._deliver_next(sender)
                pause, self._away_since = FIRST_PAUSE_S, None
            except (AwayError, sqlite3.OperationalError) as error:
                self._note_absence(error)
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
        self._outbox.release()

    def _deliver_next(self, sender: Sender) -> None:
        """Send the oldest operation that can be sent, or wait for one."""
        batch = self._outbox.next(skip=self._unready)
        if not batch:
            self._added.wait(UNREADY_PAUSE_S if self._unready else None)
            self._unready.clear()
            return
        try:
            sender.send(batch)
        except UnreadyError:
            self._unready.add(batch[0].key)
            return
        self._outbox.done(batch)
        with self._progress:
            self._progress.notify_all()

    def _note_absence(self, error: Exception) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            log.warning(
                "MLflow at %s accepts no data now; operations wait in the outbox: %s", self._uri, error
            )

    def _refuse(self, operation: Operation, payload: object, error: Exception) -> None:
        self._outbox.reject(operation, payload, f"{type(error).__name__}: {error}")
        self.refused.append(f"{operation.kind} of run {operation.key!r}: {error}")
