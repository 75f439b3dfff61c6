"""Putting the states of dead runs right."""

import logging

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

log = logging.getLogger(__name__)


def mark_crashed(flow_run_id: str) -> None:
    """Set a flow run whose process died, and its subflows, to Crashed if they still look alive."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

    message = "Its process ended without a word; the study was started again and goes on in another run."
    with get_client(sync_client=True) as client:
        try:
            runs = [client.read_flow_run(flow_run_id)]  # type: ignore[arg-type]
        except ObjectNotFound:
            log.warning("flow run %s of the interrupted study is not known to the server", flow_run_id)
            return
        level = runs
        while level:
            parents = FlowRunFilterParentFlowRunId(any_=[run.id for run in level])
            level = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parents))
            runs += level
        for run in runs:
            if run.state is None or not run.state.is_final():
                client.set_flow_run_state(run.id, Crashed(message=message), force=True)
