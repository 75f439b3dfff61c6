"""`trilla deploy`: register the deployments with their schedules, and serve them until interrupted."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

from cronsim import CronSim, CronSimError
from filelock import FileLock, Timeout
from rich.console import Console

from deployments.stack import bring_up
from infra.errors import ParameterError, StackError
from infra.launch import HEARTBEAT_S
from infra.settings import load_settings

if TYPE_CHECKING:
    from prefect.automations import Automation
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner
    from prefect.schedules import Schedule

CRON_FIELDS = "minute hour day month weekday"
RUNS_AT_ONCE = 1  # a second run would disturb the first one's measurements
SILENCE_S = 3 * HEARTBEAT_S
POLL_S = 5.0  # seconds between two looks for runs that are due
AUTOMATION = "trilla: a run that went silent has crashed"

DESCRIPTIONS = {
    "study": "Compares algorithms x engines x {baseline, grid, random} on data sets, and reports. "
    "Files are named by their path on the machine that runs `trilla deploy`.",
    "classification": "Compares classifiers on one table.",
    "clustering": "Compares clusterings of one table.",
    "vision": "Compares networks on one folder of images.",
}


def deploy(cron: str) -> None:
    """Serve all deployments until interrupted; runs are taken one at a time.

    Parameters
    ----------
    cron
        When the study runs by itself (UTC). It holds from each start on; until the next start the
        schedule can be changed in the UI.

    Raises
    ------
    ParameterError
        If that is not a cron expression; nothing is started then.
    StackError
        If the servers do not start, or if this home folder's deployments are served already.
    """
    check_cron(cron)
    stack = bring_up()
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "warning")  # for the runs: else 60 lines for each
    with _alone():
        # Prefect reads its environment when it is first imported
        from prefect.runner import Runner
        from prefect.schedules import Cron

        ensure_automation(crash_automation())
        runner = Runner(name="trilla", limit=RUNS_AT_ONCE, query_seconds=POLL_S)
        console = Console()
        for name, deployment in deployments({"study": Cron(cron, timezone="UTC")}).items():
            page = f"{stack.prefect_ui_url}/deployments/deployment/{runner.add_deployment(deployment)}"
            when = f", by itself at `{cron}` (UTC)" if name == "study" else ""
            console.print(f"{name:15} {page}{when}", soft_wrap=True, markup=False, highlight=False)
        console.print("Serving; Ctrl-C ends it and pauses the schedule.", style="dim")
        asyncio.run(serve(runner))
        console.print("Stopped.", style="dim")


def check_cron(cron: str) -> None:
    """Refuse what is not a cron expression, or never comes true.

    Raises
    ------
    ParameterError
        If that is so.
    """
    try:
        if len(cron.split()) != len(CRON_FIELDS.split()):  # with seconds, readers differ on where they stand
            raise CronSimError("Bad number of fields")
        next(CronSim(cron, datetime.now(UTC)))
    except (CronSimError, StopIteration) as error:
        reason = f" ({error})" if str(error) else ""
        raise ParameterError(
            f"--cron {cron!r} is not a cron expression{reason}: allowed are the fields {CRON_FIELDS}, for "
            "example '0 2 * * *'."
        ) from None


def deployments(schedules: "Mapping[str, Schedule] | None" = None) -> "dict[str, RunnerDeployment]":
    """Build the deployments; they are registered by whoever serves them.

    Parameters
    ----------
    schedules
        Schedules by name of the flow.
    """
    from prefect.deployments.runner import RunnerDeployment
    from prefect.types.entrypoint import EntrypointType

    from flows.study import classification, clustering, study, vision

    return {
        flow.name: RunnerDeployment.from_flow(
            flow,
            name=flow.name,
            schedule=(schedules or {}).get(flow.name),
            description=DESCRIPTIONS[flow.name],
            tags=["trilla"],
            version=version("trilla"),
            entrypoint_type=EntrypointType.MODULE_PATH,  # a file's path would hold in this folder only
        )
        for flow in (study, classification, clustering, vision)
    }


def crash_automation(silence_s: float = SILENCE_S) -> "Automation":
    """Describe what sets a run to Crashed whose process ended without a word: its heartbeats stop.

    Parameters
    ----------
    silence_s
        Seconds after the last heartbeat.
    """
    from prefect.automations import Automation, ChangeFlowRunState, EventTrigger, Posture
    from prefect.client.schemas.objects import StateType

    heartbeat = "prefect.flow-run.heartbeat"
    ends = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
    message = f"Its process ended without a word: no heartbeat for {silence_s:.0f} s."
    return Automation(
        name=AUTOMATION,
        description="Prefect itself does not notice that a run's process was killed.",
        trigger=EventTrigger(
            after={heartbeat},
            expect={heartbeat, *ends},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=silence_s),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=message)],
    )


def ensure_automation(automation: "Automation", *, update: bool = True) -> None:
    """Create the automation, or bring the one of its name up to date; whether it is enabled stays.

    Without `update` one that is there is left as it is.
    """
    from prefect.automations import AutomationCore
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(automation.name)
        if not known:
            automation.create()
            return
        if not update:
            return
        wanted = automation.model_copy(update={"enabled": known[0].enabled})
        client.update_automation(
            known[0].id, AutomationCore(**wanted.model_dump(exclude={"id", "owner_resource"}))
        )


@contextmanager
def _alone() -> Iterator[None]:
    """Hold this home folder's deployments; the system lets go of them with the process."""
    file = load_settings().home / "deploy.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise StackError(
            f"Another `trilla deploy` serves the deployments of {file.parent}: end it first."
        ) from None
    with lock:
        yield


async def serve(runner: "Runner") -> None:
    """Serve until SIGINT or SIGTERM; runs under way are cancelled then, with all their processes."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    def stop(*_: object) -> None:
        loop.call_soon_threadsafe(asked.set)

    # Prefect's own handler does not wait for what it stops, and leaves processes behind
    runner.handle_sigterm = stop  # type: ignore[method-assign]
    signal.signal(signal.SIGINT, stop)
    serving, stopping = asyncio.ensure_future(runner.start()), asyncio.ensure_future(asked.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving.done():
        await runner.astop()
    while not serving.done():
        await runner.cancel_all()  # also the run that was about to start when the stop came
        await asyncio.wait((serving,), timeout=1)
    await serving
