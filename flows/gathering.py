"""One way to wait for a step: its result, or an exception with the cause, never silence."""

import logging
from typing import Any

from prefect import Task
from prefect.futures import PrefectWrappedFuture
from prefect_dask.task_runners import PrefectDaskFuture

from flows.sweeping import mark_lost
from infra.display import display_only
from infra.engines.dask import WORKER_LOST
from infra.errors import EngineError

TRIES = 3
LOOK_EVERY_S = 10.0
LOOKS_WITHOUT_WORKERS = 6

log = logging.getLogger(__name__)


def complete(step: Task[..., Any], *arguments: Any, **options: Any) -> Any:
    """Submit a step to the flow's task runner and return its result.

    A step whose worker died is submitted again, a bounded number of times; what it had recorded in the
    ledger is not computed again. Its lost run, which nobody would ever end, is set to Crashed.

    Raises
    ------
    EngineError
        If workers died at every try, or there is none any more.
    Exception
        Whatever the step raised.
    """
    for attempt in range(1, TRIES + 1):
        future = step.submit(*arguments, **options)
        try:
            return _result(future)
        except WORKER_LOST as error:
            cause = error
            log.warning("%s: its worker was lost (try %d of %d): %s", step.name, attempt, TRIES, error)
            with display_only(f"that {step.name} was lost"):
                mark_lost(future.task_run_id, f"Its worker was lost: {error}")
    raise EngineError(f"{step.name}: its worker was lost {TRIES} times: {cause}") from cause


def _result(future: PrefectWrappedFuture[Any, Any]) -> Any:
    """The result of a step; but a cluster without workers would never have one, and never say so."""
    looks = 0
    while True:
        try:
            return future.result(timeout=LOOK_EVERY_S)
        except TimeoutError:
            if future.wrapped_future.done():  # the step itself ran into a time limit
                raise
        looks = looks + 1 if _without_workers(future) else 0
        if looks >= LOOKS_WITHOUT_WORKERS:
            future.wrapped_future.cancel()
            raise EngineError(f"the Dask cluster has had no worker for {looks * LOOK_EVERY_S:.0f} s")


def _without_workers(future: PrefectWrappedFuture[Any, Any]) -> bool:
    if not isinstance(future, PrefectDaskFuture):
        return False
    return not future.wrapped_future.client.scheduler_info(n_workers=-1)["workers"]
