"""Putting the states of runs right when whoever was at them died or was interrupted."""

import logging
import time
from collections.abc import Iterable
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, StateType, TaskRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

LAST_WORDS_S = 3.0
POLL_S = 0.5

log = logging.getLogger(__name__)


def mark_crashed(flow_run_id: str, message: str) -> None:
    """Set a flow run whose process died, its subflows and their tasks to Crashed where they look alive."""
    with get_client(sync_client=True) as client:
        try:
            top = client.read_flow_run(UUID(flow_run_id))
        except ObjectNotFound:
            log.warning("flow run %s of the interrupted study is not known to the server", flow_run_id)
            return
        runs = _family(client, top)
        _crash_tasks(client, _unfinished_tasks(client, runs), message)
        for run in runs:
            if run.state is None or not run.state.is_final():
                client.set_flow_run_state(run.id, Crashed(message=message), force=True)


def settle_tasks(flow_run_id: str, message: str) -> None:
    """Set the tasks of an interrupted flow run and its subflows, which nobody ends now, to Crashed.

    What a task said last reaches the server a moment after it has ended; that moment is waited for.
    """
    with get_client(sync_client=True) as client:
        runs = _family(client, client.read_flow_run(UUID(flow_run_id)))
        deadline = time.monotonic() + LAST_WORDS_S
        while (tasks := _unfinished_tasks(client, runs)) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        _crash_tasks(client, tasks, message)


def mark_lost(task_run_id: UUID, message: str) -> None:
    """Set a task run whose worker died to Crashed, if the server has heard of it or does in a moment."""
    with get_client(sync_client=True) as client:
        deadline = time.monotonic() + LAST_WORDS_S
        while time.monotonic() < deadline:
            try:
                task = client.read_task_run(task_run_id)
            except ObjectNotFound:
                time.sleep(POLL_S)
            else:
                _crash_tasks(client, [task], message)
                return


def _crash_tasks(client: SyncPrefectClient, tasks: Iterable[TaskRun], message: str) -> None:
    for task in tasks:
        client.set_task_run_state(task.id, Crashed(message=message), force=True)


def _family(client: SyncPrefectClient, top: FlowRun) -> list[FlowRun]:
    """Return the run and all its subflows' runs."""
    found = level = [top]
    while level:
        parents = FlowRunFilterParentFlowRunId(any_=[run.id for run in level])
        level = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parents))
        found = found + level
    return found


def _unfinished_tasks(client: SyncPrefectClient, runs: Iterable[FlowRun]) -> list[TaskRun]:
    alive = [kind for kind in StateType if kind not in TERMINAL_STATES]
    return client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id for run in runs])),
        task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=alive))),
    )
