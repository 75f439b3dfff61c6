"""What Prefect only shows: progress and artifacts. A server that is away holds up and fails nothing."""

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

PROGRESS_EVERY_S = 2.0
PATIENCE_S = 60.0  # a server that is restarted is back by then
LONGEST_PAUSE_S = 8.0
LAST_UPDATE_S = 1.0

log = logging.getLogger(__name__)


def show(create: Callable[..., object], **fields: Any) -> None:
    """Create an artifact; wait a while for a server that is away, then go on without, with a warning."""
    deadline, pause = time.monotonic() + PATIENCE_S, 0.5
    while True:
        try:
            create(**fields)
        except httpx.HTTPError as error:
            if time.monotonic() + pause > deadline:
                log.warning("Prefect does not show %r: %s", fields.get("description"), error)
                return
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        else:
            return


@contextmanager
def display_only(what: str) -> Iterator[None]:
    """Whether this reaches Prefect's server decides about nothing but what it shows: a failure is a warning."""
    try:
        yield
    except httpx.HTTPError as error:
        log.warning("Prefect does not show %s: %s: %s", what, type(error).__name__, error)


class ProgressArtifact:
    """A progress artifact of the running task, brought up to date every two seconds while there is work.

    A thread sends it, so that the work never waits for the server. Call it with (done, total, best).

    Parameters
    ----------
    description
        What the bar is called; how far it is, the best score and the time left are added.
    """

    def __init__(self, description: str) -> None:
        self._title = self._description = description
        self._percent = 0.0
        self._started: tuple[float, int] | None = None
        self._ended = threading.Event()
        # the context tells Prefect which task the artifact belongs to
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._send,), name="progress-artifact", daemon=True
        )

    def __call__(self, done: int, total: int, best: float | None = None) -> None:
        now = time.monotonic()
        since, before = self._started = self._started or (now, done)  # what a ledger had took no time
        found = "" if best is None else f", best {best:.4g}"
        pace = (now - since) / (done - before) if done > before else None
        left = "" if pace is None or done >= total else f", about {pace * (total - done):.0f} s left"
        known = f" of {total:,}" if total else ""  # a server may not tell how much it sends
        self._description = f"{self._title}: {done:,}{known}{found}{left}"
        self._percent = 100.0 * done / total if total else 0.0

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
