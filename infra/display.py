"""Progress and artifacts on Prefect's pages. A server that is away never makes the work fail."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from types import TracebackType
from typing import Any, Self, cast
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from infra.retrying import wait_until

PROGRESS_EVERY_S = 2.0
PATIENCE_S = 60.0
"""Seconds to wait for a server that is away; a restarted server is back by then."""
TRY_EVERY_S = 2.0
LAST_UPDATE_S = 1.0
"""Seconds that the end of the work waits for the last update of its progress."""

log = logging.getLogger(__name__)


def show(create: Callable[..., object], **fields: Any) -> None:
    """Create an artifact on Prefect's pages.

    If the server is away, the call tries again for a minute, and then gives up with a warning.

    Parameters
    ----------
    create : callable
        Function of Prefect that creates the artifact.
    **fields
        Arguments of that function.
    """
    errors: list[httpx.HTTPError] = []

    def created() -> bool:
        try:
            create(**fields)
        except httpx.HTTPError as error:
            errors.append(error)
            return False
        return True

    if not wait_until(created, limit_s=PATIENCE_S, every_s=TRY_EVERY_S):
        log.warning("Prefect does not show %r: %s", fields.get("description"), errors[-1])


@contextmanager
def display_only(what: str) -> Iterator[None]:
    """Turn an error of Prefect's server in the `with` block into a warning.

    Use this function for requests that change only the display of Prefect's pages.

    Parameters
    ----------
    what : str
        Noun phrase for the information that the pages do not show after an error.
    """
    try:
        yield
    except httpx.HTTPError as error:
        log.warning("Prefect does not show %s: %s: %s", what, type(error).__name__, error)


class ProgressArtifact:
    """Context manager that shows the progress of the running task on Prefect's pages.

    A thread updates the progress artifact every two seconds, so that the work never waits for the server.

    Parameters
    ----------
    description : str
        Title of the progress bar. The finished part, the best score and the remaining time are added.
    also : callable, optional
        Function that is called with the description at each report, to show it in another place too.
    """

    def __init__(self, description: str, also: Callable[[str], object] | None = None) -> None:
        self._title = self._description = description
        self._also = also
        self._percent = 0.0
        self._started: tuple[float, int] | None = None
        self._ended = threading.Event()
        # the context tells Prefect to which task the artifact belongs
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._send,), name="progress-artifact", daemon=True
        )

    def __call__(self, done: int, total: int, best: float | None = None) -> None:
        """Report progress.

        Parameters
        ----------
        done : int
            Number of finished units of work.
        total : int
            Number of all units of work; 0 if it is not known.
        best : float, optional
            Best score so far.
        """
        now = time.monotonic()
        since, before = self._started = self._started or (now, done)  # units found in a ledger took no time
        found = "" if best is None else f", best {best:.4g}"
        # one unit is no pace: of a fit and its scores, the second can take much longer than the first
        pace = (now - since) / (done - before) if done > before + 1 else None
        left = "" if pace is None or done >= total else f", about {pace * (total - done):.0f} s left"
        known = f" of {total:,}" if total else ""  # the size of a download is not always known
        self._description = f"{self._title}: {done:,}{known}{found}{left}"
        self._percent = 100.0 * done / total if total else 0.0
        if self._also is not None:
            self._also(self._description)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(LAST_UPDATE_S)

    def _send(self) -> None:
        artifact: UUID | None = None
        shown = 0.0
        while not self._ended.wait(PROGRESS_EVERY_S) or (artifact and shown != self._percent):
            percent, description = self._percent, self._description
            with display_only(f"progress of {self._title}"):
                if artifact is None:
                    artifact = cast(UUID, create_progress_artifact(percent, description=description))
                elif shown != percent:
                    update_progress_artifact(artifact, percent, description)
            shown = percent
