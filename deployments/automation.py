"""The automation that notices a study whose process was killed."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from infra.launch import HEARTBEAT_S

if TYPE_CHECKING:
    from prefect.automations import Automation, AutomationCore

SILENCE_S = 3 * HEARTBEAT_S
AUTOMATION = "trilla: a run that went silent has crashed"


def crash_automation(silence_s: float = SILENCE_S) -> "Automation":
    """Describe the automation that sets a run to Crashed when its heartbeats stop, because its process was killed.

    The automation matches only runs with trilla's tag, not other runs on the same server. A heartbeat that arrives
    after the end of a run makes the automation fire too, but the server then refuses the change, because a change that
    is not forced leaves the state of an ended run as it is.

    Parameters
    ----------
    silence_s : float
        Number of seconds without a heartbeat after which a run counts as crashed.
    """
    from prefect.automations import Automation, ChangeFlowRunState, EventTrigger, Posture
    from prefect.client.schemas.objects import StateType

    from flows.tagging import TAG

    heartbeat = "prefect.flow-run.heartbeat"
    ends = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    message = f"The run's process was killed or hangs: no heartbeat for {silence_s:.0f} s."
    return Automation(
        name=AUTOMATION,
        description="Prefect itself does not notice that a run's process was killed.",
        trigger=EventTrigger(
            after={heartbeat},
            expect={heartbeat, *ends},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            match_related={"prefect.resource.id": [f"prefect.tag.{TAG}"], "prefect.resource.role": ["tag"]},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=silence_s),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
    )


def ensure_automation(automation: "Automation", *, update: bool = True) -> None:
    """Create the automation, or update the automation with the same name; an update leaves `enabled` as it is.

    Parameters
    ----------
    automation : Automation
        The automation that the server is to have.
    update : bool
        Whether an existing automation is updated; if False, an existing automation is updated only if it matches
        other runs than `automation`.
    """
    from prefect.automations import AutomationCore
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(automation.name)
        if not known:
            automation.create()
            return
        if not update and _runs_matched(known[0]) == _runs_matched(automation):
            return
        wanted = automation.model_copy(update={"enabled": known[0].enabled})
        client.update_automation(
            known[0].id, AutomationCore(**wanted.model_dump(exclude={"id", "owner_resource"}))
        )


def _runs_matched(automation: "AutomationCore") -> Any:
    return getattr(automation.trigger, "match_related", None)
