"""Tags that name the process which owns an MLflow run, and the end of runs whose process has died."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from infra.mlflow_api import mlflow_client
from infra.processes import process_lives, this_process

HOST, PID, PID_CREATED = "trilla.host", "trilla.pid", "trilla.pid_created"


def owner_tags() -> dict[str, str]:
    """Return the tags of a run that this process owns."""
    pid, created = this_process()
    return {HOST: socket.gethostname(), PID: str(pid), PID_CREATED: str(created)}


def end_orphaned_runs(uri: str, experiment_names: Sequence[str]) -> list[str]:
    """Mark as KILLED the runs that a process of this machine left RUNNING when the process died.

    Runs of other machines, and runs that no `Tracker` started, stay as they are.

    Parameters
    ----------
    uri : str
        Address of the MLflow server.
    experiment_names : sequence of str
        Names of the experiments whose runs are looked at.

    Returns
    -------
    list of str
        Ids of the marked runs.
    """
    client = mlflow_client(uri)
    ended = []
    for run in _running(client, experiment_names):
        if not _owner_lives(run.data.tags):
            client.set_terminated(run.info.run_id, "KILLED")
            ended.append(run.info.run_id)
    return ended


def _running(client: Any, experiment_names: Sequence[str]) -> list[Any]:
    """Return the runs of this machine in the state RUNNING.

    All pages are read before a run is changed, because a change would shift the pages.
    """
    experiments = _pages(lambda token: client.search_experiments(page_token=token))
    wanted = [e.experiment_id for e in experiments if e.name in experiment_names]
    if not wanted:
        return []
    query = f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{socket.gethostname()}'"
    return list(_pages(lambda token: client.search_runs(wanted, query, page_token=token)))


def _pages(fetch: Callable[[str | None], Any]) -> Iterator[Any]:
    page = fetch(None)
    yield from page
    while page.token:
        page = fetch(page.token)
        yield from page


def _owner_lives(tags: Mapping[str, str]) -> bool:
    """Tell whether the process that a run's tags name still runs; a run without these tags is left alone."""
    if not {PID, PID_CREATED} <= set(tags):
        return True
    return process_lives(int(tags[PID]), float(tags[PID_CREATED]))
