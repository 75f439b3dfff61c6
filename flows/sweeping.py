"""Set the states of runs right after the process that ran them died or was interrupted."""

import logging
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

from infra.retrying import wait_until

EVENT_DELAY_S = 3.0
"""Seconds that the last events of a task may need to reach the server after the task has ended."""
POLL_S = 0.5

log = logging.getLogger(__name__)


def mark_crashed(flow_run_id: str, message: str) -> None:
    """Set a flow run whose process died to Crashed, and with it all unfinished subflows and tasks."""
    with get_client(sync_client=True) as client:
        try:
            top = client.read_flow_run(UUID(flow_run_id))
        except ObjectNotFound:
            log.warning("The server does not know the flow run %s of the interrupted study.", flow_run_id)
            return
        runs = _with_subflows(client, top)
        _crash_tasks(client, _unfinished_tasks(client, runs), message)
        for run in runs:
            if run.state is None or not run.state.is_final():
                client.set_flow_run_state(run.id, Crashed(message=message), force=True)


def settle_tasks(flow_run_id: str, message: str) -> None:
    """Set the unfinished tasks of an interrupted flow run and of its subflows to Crashed.

    No process will end these tasks. A task that has ended may look unfinished until its last events reach the
    server, so this function waits for them first.
    """
    with get_client(sync_client=True) as client:
        runs = _with_subflows(client, client.read_flow_run(UUID(flow_run_id)))
        wait_until(lambda: not _unfinished_tasks(client, runs), limit_s=EVENT_DELAY_S, every_s=POLL_S)
        _crash_tasks(client, _unfinished_tasks(client, runs), message)


def mark_lost(task_run_id: UUID, message: str) -> None:
    """Set a task run whose worker died to Crashed, if the server knows the task run soon enough."""
    with get_client(sync_client=True) as client:
        task = wait_until(lambda: _task_run(client, task_run_id), limit_s=EVENT_DELAY_S, every_s=POLL_S)
        if task is not None:
            _crash_tasks(client, [task], message)


def _task_run(client: SyncPrefectClient, task_run_id: UUID) -> TaskRun | None:
    try:
        return client.read_task_run(task_run_id)
    except ObjectNotFound:
        return None


def _crash_tasks(client: SyncPrefectClient, tasks: Iterable[TaskRun], message: str) -> None:
    for task in tasks:
        client.set_task_run_state(task.id, Crashed(message=message), force=True)


def _with_subflows(client: SyncPrefectClient, top: FlowRun) -> list[FlowRun]:
    """Return the flow run and the runs of all its subflows."""
    found = level = [top]
    while level:
        parents = FlowRunFilterParentFlowRunId(any_=[run.id for run in level])
        level = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parents))
        found = found + level
    return found


def _unfinished_tasks(client: SyncPrefectClient, runs: Iterable[FlowRun]) -> list[TaskRun]:
    unfinished = [kind for kind in StateType if kind not in TERMINAL_STATES]
    return client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id for run in runs])),
        task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=unfinished))),
    )
