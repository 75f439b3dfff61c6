"""The function that waits for a step of a flow, and returns its result or raises an error that names the cause."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, cast

from prefect import Task
from prefect.futures import PrefectWrappedFuture
from prefect_dask.task_runners import PrefectDaskFuture

from flows.sweeping import mark_lost
from infra.display import display_only
from infra.engines.dask_cluster import WORKER_LOST
from infra.engines.dask_memory import MEMORY_TRIES, MemoryKill, MemoryKills, workers_of
from infra.errors import EngineError, EngineLostError
from infra.retrying import retry

TRIES = 3
LOOK_EVERY_S = 10.0
LOOKS_WITHOUT_WORKERS = 6

Future = PrefectWrappedFuture[Any, Any]
log = logging.getLogger(__name__)


Place = Callable[[], Mapping[str, Any]]
"""Function that gives the arguments that name the engine of a step; it is called at each try."""


def complete(step: Task[..., Any], *arguments: Any, place: Place = dict) -> Any:
    """Submit a step to the flow's task runner, wait for it and return its result.

    A step whose worker or engine died is submitted again, a bounded number of times. Results that the step had recorded
    in the ledger are not computed again. The task run of a lost worker, which would stay Running, is set to Crashed.

    Parameters
    ----------
    step : prefect.Task
        The step.
    *arguments : object
        Positional arguments of the step.
    place : callable
        Function that gives the arguments that name the engine of the step.

    Returns
    -------
    object
        The result of the step.

    Raises
    ------
    EngineError
        If the step's worker or engine died at every try, or the cluster has no worker any more. After `MEMORY_TRIES`
        workers that were killed for memory, the error says how much memory the last one used and was allowed.
    Exception
        The exception that the step raised.
    """
    tries = _Tries(step.name)
    return retry(
        lambda: tries.result(cast(Future, step.submit(*arguments, **place()))),
        tries=TRIES,
        on=(*WORKER_LOST, EngineLostError),
        failed=tries.failed,
    )


class _Tries:
    """The tries of one step so far, and the workers that were killed for memory during these tries."""

    def __init__(self, step: str) -> None:
        self.step = step
        self.futures: list[Future] = []
        self.kills: list[MemoryKill] = []
        self._memory_kills: MemoryKills | None = None

    def result(self, future: Future) -> Any:
        """Wait for one try."""
        self.futures.append(future)
        if isinstance(future, PrefectDaskFuture) and self._memory_kills is None:
            self._memory_kills = MemoryKills(future.wrapped_future.client, self._ours)
        return _result(future)

    def _ours(self, key: Any) -> bool:
        return any(future.wrapped_future.key == key for future in self.futures)

    def failed(self, error: BaseException, tries_left: int) -> None:
        """Record that the worker or the engine of one try was lost; raise if the step has no try left."""
        if isinstance(error, EngineLostError):
            log.warning("%s: %s (try %d of %d)", self.step, error, TRIES - tries_left, TRIES)
            if not tries_left:
                raise EngineError(f"{self.step}: given up after {TRIES} tries: {error}") from error
            return
        kills = self._memory_kills.new() if self._memory_kills else []
        self.kills += kills
        cause = kills[-1] if kills else error
        log.warning("%s: its worker was lost (try %d of %d): %s", self.step, TRIES - tries_left, TRIES, cause)
        with display_only(f"that {self.step} was lost"):
            mark_lost(self.futures[-1].task_run_id, f"The worker of this task was lost: {cause}")
        if len(self.kills) >= MEMORY_TRIES:
            raise EngineError(f"{self.step}: given up after {len(self.kills)} tries: {cause}") from error
        if not tries_left:
            raise EngineError(f"{self.step}: its worker was lost {TRIES} times: {cause}") from error


def _result(future: Future) -> Any:
    """Return the result of a step; raise if the cluster has no worker that could compute the result."""
    looks = 0
    while True:
        try:
            return future.result(timeout=LOOK_EVERY_S)
        except TimeoutError:
            # Either the step itself ran into a time limit, or the step ended right after this look had given up.
            if future.wrapped_future.done():
                return future.result()
        looks = looks + 1 if _without_workers(future) else 0
        if looks >= LOOKS_WITHOUT_WORKERS:
            future.wrapped_future.cancel()
            raise EngineError(f"the Dask cluster has had no worker for {looks * LOOK_EVERY_S:.0f} s")


def _without_workers(future: Future) -> bool:
    return isinstance(future, PrefectDaskFuture) and not workers_of(future.wrapped_future.client)
