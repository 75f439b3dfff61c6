"""One way to wait for a step: its result, or an exception with the cause, never silence."""

import logging
from concurrent.futures import CancelledError
from typing import Any

from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker
from prefect import Task

from flows.sweeping import mark_lost
from infra.display import display_only
from infra.errors import EngineError

WORKER_LOST = (KilledWorker, FutureCancelledError, CancelledError, CommClosedError)
TRIES = 3

log = logging.getLogger(__name__)


def complete(step: Task[..., Any], *arguments: Any, **options: Any) -> Any:
    """Submit a step to the flow's task runner and return its result.

    A step whose worker died is submitted again, a bounded number of times; what it had recorded in the
    ledger is not computed again. Its lost run, which nobody would ever end, is set to Crashed.

    Raises
    ------
    EngineError
        If workers died at every try.
    Exception
        Whatever the step raised.
    """
    for attempt in range(1, TRIES + 1):
        future = step.submit(*arguments, **options)
        try:
            return future.result()
        except WORKER_LOST as error:
            cause = error
            log.warning("%s: its worker was lost (try %d of %d): %s", step.name, attempt, TRIES, error)
            with display_only(f"that {step.name} was lost"):
                mark_lost(future.task_run_id, f"Its worker was lost: {error}")
    raise EngineError(f"{step.name}: its worker was lost {TRIES} times: {cause}") from cause
