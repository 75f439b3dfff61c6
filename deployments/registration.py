"""Deployments on the Prefect server: registration, fields that a new start keeps, pausing and resuming."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from infra.errors import ParameterError

if TYPE_CHECKING:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.schedules import SCHEDULE_TYPES
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner

NOT_SERVED = "not-served"
"""Tag of a deployment that `trilla deploy` itself paused when it stopped: the next start resumes it."""


def register(runner: "Runner", deployment: "RunnerDeployment") -> UUID:
    """Register a deployment with the server, and return its id.

    Raises
    ------
    ParameterError
        If the server refuses the parameters, which an earlier version of trilla may have set.
    """
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        return cast("UUID", runner.add_deployment(deployment))
    except PrefectHTTPStatusError as error:
        if error.response.status_code != HTTPStatus.CONFLICT:
            raise
        raise ParameterError(
            f"the parameters of deployment {deployment.name!r} do not fit this version of trilla "
            f"({error.response.json()['detail']}): set those of 'study' anew with the flags of `trilla study`, or "
            "delete the deployment on its page"
        ) from None


def unschedule(name: str) -> None:
    """Remove the schedules of a flow's deployment: the server would keep schedules with slugs beside new ones."""
    from prefect.client.orchestration import get_client

    there = registered(name)
    if there is None:
        return
    with get_client(sync_client=True) as client:
        for schedule in there.schedules:
            client.delete_deployment_schedule(there.id, schedule.id)


def registered(name: str) -> "DeploymentResponse | None":
    """Ask the server for the deployment of a flow; None if there is none yet."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            return client.read_deployment_by_name(f"{name}/{name}")
        except ObjectNotFound:
            return None


def kept(there: "DeploymentResponse | None") -> dict[str, Any]:
    """Choose the fields that a new start takes over from the deployment on the server.

    Parameters
    ----------
    there : DeploymentResponse, optional
        The deployment on the server; None if the server has no such deployment yet.

    Returns
    -------
    dict
        Schedules, parameters, tags, and whether the deployment is paused. A deployment that its user paused stays
        paused; a deployment that the last stop of `trilla deploy` paused does not.
    """
    from flows.tagging import TAG

    if there is None:
        return {"schedules": [], "parameters": {}, "tags": [TAG], "paused": False}
    return {
        "schedules": [_anew(one) for one in there.schedules],
        "parameters": there.parameters,
        "tags": sorted({TAG, *there.tags} - {NOT_SERVED}),
        "paused": there.paused and NOT_SERVED not in there.tags,
    }


def _anew(schedule: Any) -> "DeploymentScheduleCreate":
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    names = set(DeploymentScheduleCreate.model_fields) & set(type(schedule).model_fields)
    return DeploymentScheduleCreate(**{name: getattr(schedule, name) for name in names})


def when(deployment: "RunnerDeployment") -> str:
    """Describe the schedules of a deployment, and whether they are paused; empty without a schedule."""
    parts = []
    for one in deployment.schedules or []:
        paused = deployment.paused or one.active is False
        parts.append(f", {'paused' if paused else 'scheduled'}: {_times(one.schedule)}")
    return "".join(parts)


def _times(schedule: "SCHEDULE_TYPES | None") -> str:
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

    match schedule:
        case CronSchedule():
            return f"`{schedule.cron}` ({schedule.timezone})"
        case IntervalSchedule():
            return f"every {schedule.interval}"
        case _:
            return f"`{getattr(schedule, 'rrule', schedule)}`"


def pause(served: Iterable[UUID]) -> None:
    """Pause the deployments that are no longer served, because their scheduled runs would pile up.

    A deployment that its user has paused gets no mark, so that the next start does not resume the deployment.

    Parameters
    ----------
    served : iterable of UUID
        Ids of the deployments.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        for deployment_id in served:
            try:
                there = client.read_deployment(deployment_id)
            except ObjectNotFound:
                continue
            if there.paused:
                continue
            client.update_deployment(deployment_id, DeploymentUpdate(tags=[*there.tags, NOT_SERVED]))
            client.pause_deployment(deployment_id)
