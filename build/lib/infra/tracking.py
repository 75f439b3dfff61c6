"""MLflow tracking that nothing waits for: operations go to an outbox, and a thread sends them.

Values that MLflow would not keep as they are: an infinite metric is not logged (the server would turn it
into 1.8e308) but noted in the tag `trilla.infinite.<metric>`; NaN is logged, and shown as NaN. Parameters
above 6,000 and tags above 8,000 characters are cut, with a mark that says so.
"""

import json
import logging
import math
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

from infra.delivery import KEY, Delivery, Entity, mlflow_client
from infra.errors import ParameterError
from infra.outbox import Outbox, process_lives, this_process

log = logging.getLogger(__name__)

PARAM_LIMIT, TAG_LIMIT = 6000, 8000  # characters
BATCH_LIMIT = 1000  # things in one recorded operation
STATUSES = ("FINISHED", "FAILED", "KILLED")


class Tracker:
    """Records runs for an MLflow server; sends them in order from a thread of its own.

    Every call returns as soon as the operation is in the outbox (artifacts are copied first). The run of
    a key belongs to one process at a time. What an earlier process left in the same outbox is sent too.

    Parameters
    ----------
    uri
        The MLflow server, for example `http://127.0.0.1:5000`.
    outbox
        SQLite file of the operations that wait; processes may share it.
    experiment
        Experiment of the runs; created where it is missing, restored where it was deleted.

    Raises
    ------
    StackError
        If the outbox cannot be opened; the other methods raise it if nothing can be written there.
    """

    def __init__(self, uri: str, outbox: Path, experiment: str) -> None:
        self.uri = uri.rstrip("/")
        self._experiment = experiment
        self._closed = False
        self._outbox = Outbox(outbox, self.uri)
        self._delivery = Delivery(self._outbox, self.uri)
        self._delivery.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start_run(
        self,
        key: str,
        name: str,
        *,
        parent: str | None = None,
        tags: Mapping[str, str] | None = None,
        start_time_ms: int | None = None,
    ) -> None:
        """Start a run, or open the run of that key again.

        Parameters
        ----------
        key
            Our own id of the run, unique in the experiment; kept as its tag `trilla.key`.
        name
            Name that the UI shows.
        parent
            Key of the run it stands under, started before.
        tags
            More tags.
        start_time_ms
            Unix milliseconds; now where not given.

        Raises
        ------
        ParameterError
            If the key holds a quote or a backtick, which MLflow cannot search for.
        """
        if not key or set(key) & set("'\"`") or len(key) > 250:
            raise ParameterError(
                f"key={key!r}: 1 to 250 characters without quotes and backticks are allowed."
            )
        pid, created = this_process()
        owner = {
            "trilla.host": socket.gethostname(),
            "trilla.pid": str(pid),
            "trilla.pid_created": str(created),
        }
        every = {n: _cut(str(v), TAG_LIMIT) for n, v in {**(tags or {}), KEY: key, **owner}.items()}
        started = start_time_ms or _now()
        self._add(key, "start", {"name": name, "parent": parent, "tags": every, "start": started})

    def log(
        self,
        key: str,
        *,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        step: int = 0,
    ) -> None:
        """Log metrics, parameters and tags; the metrics' time is that of this call."""
        now = _now()
        points = _points((n, v, now, step) for n, v in (metrics or {}).items())
        entities: list[Entity] = [("param", n, _cut(str(v), PARAM_LIMIT)) for n, v in (params or {}).items()]
        entities += [("tag", n, _cut(str(v), TAG_LIMIT)) for n, v in (tags or {}).items()]
        self._add_entities(key, [*points, *entities])

    def log_series(self, key: str, points: Iterable[tuple[str, float, int, int]]) -> None:
        """Log points (metric, value, unix milliseconds, step), say of `system/worker-0/cpu_percent`."""
        self._add_entities(key, list(_points(points)))

    def log_artifact(self, key: str, path: Path, folder: str = "") -> None:
        """Log a copy, made now, of a file or a folder under the artifact folder given."""
        _relative(folder)
        self._add(key, "artifact", {"file": self._outbox.keep(path, path.name), "folder": folder})

    def log_text(self, key: str, text: str, name: str) -> None:
        """Log a text as the artifact of that name, for example `tables/top.txt`."""
        path = _relative(name)
        folder = "" if path.parent == PurePosixPath() else str(path.parent)
        self._add(key, "artifact", {"file": self._outbox.keep(text, path.name), "folder": folder})

    def log_dataset(
        self, key: str, *, name: str, digest: str, source: str, rows: int, columns: Sequence[str]
    ) -> None:
        """Log the data set that a run read; of the digest MLflow shows the first 36 characters."""
        profile = {"num_rows": rows, "num_columns": len(columns), "digest": digest, "columns": list(columns)}
        fields = {"name": name, "digest": digest[:36], "source_type": "local"}
        source_json = json.dumps({"uri": source})
        self._add(key, "dataset", {**fields, "source": source_json, "profile": json.dumps(profile)})

    def end_run(self, key: str, status: str = "FINISHED") -> None:
        """End a run now: FINISHED, FAILED or KILLED."""
        if status not in STATUSES:
            raise ParameterError(f"status={status!r}: {', '.join(STATUSES)} are allowed.")
        self._add(key, "end", {"status": status, "end": _now()})

    def run_id(self, key: str, timeout: float = 30) -> str | None:
        """Return the server's id of a run; wait for it `timeout` seconds; None while the server is away."""
        ids = self._ids(key, timeout)
        return ids[0] if ids else None

    def run_url(self, key: str, timeout: float = 30) -> str | None:
        """Return the address of a run's page; wait `timeout` seconds; None while the server is away."""
        ids = self._ids(key, timeout)
        return f"{self.uri}/#/experiments/{ids[1]}/runs/{ids[0]}" if ids else None

    def flush(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds; True when the server has (or refused) everything."""
        self._check_open()
        return self._delivery.wait_until(lambda: self._outbox.waiting() == 0, timeout)

    def close(self, timeout: float = 30) -> None:
        """Send what waits, for at most `timeout` seconds; the rest stays in the outbox, with a warning."""
        if self._closed:
            return
        self.flush(timeout)
        self._closed = True
        waiting = self._outbox.waiting()
        self._delivery.stop()
        if waiting:
            log.warning(
                "%d operations for MLflow wait in %s: %s is away.", waiting, self._outbox.path, self.uri
            )
        if refused := self._delivery.refused:
            log.warning(
                "MLflow refused %d operations (table `rejected` of %s); the first: %s",
                len(refused),
                self._outbox.path,
                refused[0],
            )

    def _ids(self, key: str, timeout: float) -> tuple[str, str] | None:
        self._check_open()
        if self._delivery.wait_until(lambda: not self._outbox.start_waits(self._experiment, key), timeout):
            return self._outbox.run(self._experiment, key)
        return None

    def _add_entities(self, key: str, entities: Sequence[Entity]) -> None:
        parts = [list(entities[i : i + BATCH_LIMIT]) for i in range(0, len(entities), BATCH_LIMIT)]
        self._add(key, "log", *parts)

    def _add(self, key: str, kind: str, *payloads: Any) -> None:
        self._check_open()
        self._outbox.add(self._experiment, key, kind, [(len(payload), payload) for payload in payloads])
        self._delivery.wake()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"The tracker of {self.uri} is closed: it records and answers nothing more.")


def sweep(
    uri: str,
    experiment_names: Sequence[str] | None = None,
    *,
    alive: Callable[[Mapping[str, str]], bool] | None = None,
) -> list[str]:
    """Mark as KILLED the runs that a process of this host left RUNNING when it died.

    Runs of other hosts, and runs that no `Tracker` started, are left alone.

    Parameters
    ----------
    uri
        The MLflow server.
    experiment_names
        Experiments to look in; all where not given.
    alive
        Whether the process that a run's tags name is still there; asks the system where not given.

    Returns
    -------
    list of str
        Ids of the runs that were marked.
    """
    client = mlflow_client(uri)
    swept = []
    for run in _running(client, experiment_names):
        tags = run.data.tags
        if {"trilla.pid", "trilla.pid_created"} <= set(tags) and not (alive or _owner_lives)(tags):
            client.set_terminated(run.info.run_id, "KILLED")
            swept.append(run.info.run_id)
    return swept


def _running(client: Any, experiment_names: Sequence[str] | None) -> list[Any]:
    """Return this host's runs in state RUNNING; read to the end first, as a change would shift the pages."""
    experiments = _pages(lambda token: client.search_experiments(page_token=token))
    wanted = [e.experiment_id for e in experiments if experiment_names is None or e.name in experiment_names]
    host = socket.gethostname()
    query = f"attributes.status = 'RUNNING' and tags.`trilla.host` = '{host}'"
    if not wanted:
        return []
    return list(_pages(lambda token: client.search_runs(wanted, query, page_token=token)))


def _pages(fetch: Callable[[str | None], Any]) -> Iterator[Any]:
    page = fetch(None)
    yield from page
    while page.token:
        page = fetch(page.token)
        yield from page


def _owner_lives(tags: Mapping[str, str]) -> bool:
    return process_lives(int(tags["trilla.pid"]), float(tags["trilla.pid_created"]))


def _now() -> int:
    return int(time.time() * 1000)


def _points(points: Iterable[tuple[str, float, int, int]]) -> Iterator[Entity]:
    for name, value, time_ms, step in points:
        if math.isinf(value):
            yield "tag", f"trilla.infinite.{name}", f"{value} at step {step}"
        else:
            yield "metric", name, float(value), int(time_ms), int(step)


def _cut(text: str, limit: int) -> str:
    mark = f" … [cut: {len(text)} characters]"
    return text if len(text) <= limit else text[: limit - len(mark)] + mark


def _relative(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ParameterError(f"Artifact {name!r}: a path inside the run's artifacts is allowed.")
    return path
