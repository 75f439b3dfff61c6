"""`trilla deploy`: register the deployments, and serve them until the command is interrupted.

Changes that a user made on a deployment's page are kept: schedules, parameters, tags, and the paused state.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from cronsim import CronSim, CronSimError
from filelock import FileLock, Timeout
from rich.console import Console

from deployments.automation import crash_automation, ensure_automation
from deployments.registration import kept, pause, register, registered, unschedule, when
from deployments.run_study import check
from deployments.stack import bring_up
from flows.parameters import StudyParameters
from infra import __version__
from infra.errors import ParameterError, StackError
from infra.settings import load_settings
from tasks.datasets.catalogue import CATALOGUE

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner

CRON_FIELDS = "minute hour day month weekday"
NIGHTLY = "0 2 * * *"
RUNS_AT_ONCE = 1  # a second run would disturb the first one's measurements
POLL_S = 5.0  # seconds between two checks for runs that are due
SERVING = "Serving; Ctrl-C stops this command and pauses the schedules until the next start."

DESCRIPTIONS = {
    "study": "Compares algorithms x engines x {baseline, grid, random} on data sets and writes a report. "
    "The path of a file is its path on the machine that runs `trilla deploy`.",
    "classification": "Compares classifiers on one table.",
    "clustering": "Compares clusterings of one table.",
    "vision": "Compares networks on one folder of images.",
    "scoring": "Writes the predictions of a registered model for a table of any size. Paths are those on the machine "
    "that runs `trilla deploy`; with {date} in the folder's name, a schedule writes a new folder each day.",
}


def deploy(cron: str | None = None, parameters: StudyParameters | None = None) -> None:
    """Serve all deployments until interrupted; runs are started one at a time.

    Parameters
    ----------
    cron : str, optional
        Schedule of the study (UTC). None: the deployment keeps its schedules, and a new deployment runs every
        night at 02:00.
    parameters : StudyParameters, optional
        Parameters of the runs that the schedule starts. None: the deployment keeps its parameters.

    Raises
    ------
    ParameterError
        If `cron` is not a cron expression (nothing is started then), or if the kept parameters of a deployment do
        not fit this version of trilla.
    DataError
        If a data set of the parameters cannot be used; nothing is started then.
    StackError
        If the servers do not start, or if another process serves the deployments of this home folder.
    """
    console = Console()
    if cron is not None:
        check_cron(cron)
    if parameters is not None:
        check(parameters, None, console)
        parameters = with_absolute_paths(parameters)
    stack = bring_up()
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "warning")  # else Dask logs 60 lines for each run
    with _alone():
        # Prefect reads its environment when it is first imported
        from prefect.runner import Runner

        ensure_automation(crash_automation())
        runner = Runner(name="trilla", limit=RUNS_AT_ONCE, query_seconds=POLL_S, pause_on_shutdown=False)
        if cron is not None:
            unschedule("study")
        served: list[UUID] = []
        for name, deployment in deployments(cron, parameters).items():
            served.append(register(runner, deployment))
            page = f"{stack.prefect_ui_url}/deployments/deployment/{served[-1]}"
            line = f"{name:15} {page}{when(deployment)}"
            console.print(line, soft_wrap=True, markup=False, highlight=False)
        ready = partial(console.print, SERVING, style="dim")
        try:
            asyncio.run(serve(runner, ready))
        finally:
            pause(served)
        console.print("Stopped.", style="dim")


def check_cron(cron: str) -> None:
    """Refuse text that is not a cron expression, or that names a time which never comes.

    Raises
    ------
    ParameterError
        If the text is refused.
    """
    try:
        if len(cron.split()) != len(
            CRON_FIELDS.split()
        ):  # a sixth field (seconds) is not read alike everywhere
            raise CronSimError("Bad number of fields")
        next(CronSim(cron, datetime.now(UTC)))
    except (CronSimError, StopIteration) as error:
        reason = f" ({error})" if str(error) else ""
        raise ParameterError(
            f"--cron {cron!r} is not a cron expression{reason}: allowed are the fields {CRON_FIELDS}, for "
            f"example '{NIGHTLY}'."
        ) from None


def with_absolute_paths(parameters: StudyParameters) -> StudyParameters:
    """Replace the paths of the user's own files by absolute paths: a run has another working folder."""

    def absolute(data: str) -> str:
        path = Path(data).expanduser()
        return str(path.absolute()) if data not in CATALOGUE and path.exists() else data

    return parameters.model_copy(update={"data": [absolute(data) for data in parameters.data]})


def deployments(
    cron: str | None = None, parameters: StudyParameters | None = None
) -> "dict[str, RunnerDeployment]":
    """Build the deployments by name; the runner that serves the deployments registers them.

    Parameters
    ----------
    cron : str, optional
        New schedule of the study (UTC).
    parameters : StudyParameters, optional
        New parameters of the study.
    """
    from prefect.deployments.runner import RunnerDeployment
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from flows.scoring import scoring
    from flows.study import classification, clustering, study, vision

    flows = (study, classification, clustering, vision, scoring)
    there = {flow.name: registered(flow.name) for flow in flows}
    fields = {name: kept(deployment) for name, deployment in there.items()}
    if there[study.name] is None:
        cron = cron or NIGHTLY
    if cron is not None:
        fields[study.name] |= {"schedules": [Cron(cron, timezone="UTC")], "paused": False}
    if parameters is not None:
        values = parameters.model_dump(mode="json", exclude_none=True)
        fields[study.name] |= {"parameters": {"parameters": values}}
    return {
        flow.name: RunnerDeployment.from_flow(
            flow,
            name=flow.name,
            description=DESCRIPTIONS[flow.name],
            version=__version__,
            entrypoint_type=EntrypointType.MODULE_PATH,  # a file's path would be right in this folder only
            **fields[flow.name],
        )
        for flow in flows
    }


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock on this home folder's deployments; the system releases it when the process ends."""
    file = load_settings().home / "deploy.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise StackError(
            f"Another `trilla deploy` serves the deployments of {file.parent}: stop it first."
        ) from None
    with lock:
        yield


async def serve(runner: "Runner", ready: Callable[[], object]) -> None:
    """Serve until SIGINT or SIGTERM; the active runs are then cancelled, with all their processes.

    Parameters
    ----------
    runner : Runner
        The runner, to which the deployments were added.
    ready : callable
        Function that is called without arguments when the runner serves.
    """
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    def stop(*_: object) -> None:
        if not loop.is_closed():  # a second signal may come while the deployments are paused
            loop.call_soon_threadsafe(asked.set)

    # Prefect's own handler does not wait for the runs that it stops, and leaves processes behind
    runner.handle_sigterm = stop  # type: ignore[method-assign]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    serving = asyncio.ensure_future(runner.start())
    while not (runner.started or serving.done()):  # a runner that has not started cannot be stopped
        await asyncio.sleep(0.05)
    ready()
    stopping = asyncio.ensure_future(asked.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving.done():
        await runner.astop()
    while not serving.done():
        await runner.cancel_all()  # also a run that was about to start when the signal came
        await asyncio.wait((serving,), timeout=1)
    await serving
