"""Sends the operations of an outbox to an MLflow server, in order, from a thread of its own."""

import json
import logging
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from infra.outbox import Operation, Outbox

log = logging.getLogger(__name__)

KEY = "trilla.key"
REQUEST_BYTES = 900_000  # the server refuses more than 1 MB
LONGEST_PAUSE = 2.0  # seconds between two looks for a server that is away
REQUEST_TIMEOUT_S = 20
TRUST_S = 1.0  # seconds that a server which has answered is taken to be there still
AWAY_PATIENCE = 20.0  # seconds that others wait for such a server; one that is restarted is back by then
MENDABLE = (401, 403, 408, 429)  # credentials or time may mend these: the operation itself is good

Entity = Sequence[Any]  # ("metric", name, value, unix ms, step), ("param", name, value), ("tag", name, value)


class _AwayError(Exception):
    """The server did not take the operation, but may later."""


class _UnreadyError(Exception):
    """Another process has yet to send the start of the run."""


def mlflow_client(uri: str) -> Any:
    """Return an `MlflowClient` for that server; the first import of MLflow takes more than a second."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # MLflow would send a request again that the server has obeyed before it died, and so create a run twice
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(REQUEST_TIMEOUT_S))
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri)


class Delivery(threading.Thread):
    """The thread that sends an outbox's operations and forgets those that the server has accepted.

    Sending an operation twice does no harm: a run is looked for by its key before it is created, the
    server ignores a metric that it has with the same time, step and value, and the rest overwrites
    itself. So an operation is forgotten only after the server's answer.

    Parameters
    ----------
    outbox
        Where the operations are.
    uri
        The MLflow server.
    """

    def __init__(self, outbox: Outbox, uri: str) -> None:
        super().__init__(name="mlflow-delivery", daemon=True)
        self.refused: list[str] = []
        self._experiments: dict[str, str] = {}
        self._outbox = outbox
        self._uri = uri
        self._added = threading.Event()
        self._stopping = threading.Event()
        self._progress = threading.Condition()
        self._away_since: float | None = None
        self._answered = -math.inf

    def wake(self) -> None:
        """Say that an operation was added."""
        self._added.set()

    def stop(self, timeout: float = 5) -> None:
        """End after the request under way; a request that hangs is left to its own time limit."""
        self._stopping.set()
        self._added.set()
        self.join(timeout)

    def wait_until(self, reached: Callable[[], bool], timeout: float) -> bool:
        """Wait up to `timeout` seconds for what other operations, also of other processes, bring about.

        A server that has been away for long is not waited for.
        """
        deadline = time.monotonic() + timeout
        with self._progress:
            while not reached():
                left = deadline - time.monotonic()
                away_since = self._away_since
                if left <= 0 or (away_since and time.monotonic() - away_since > AWAY_PATIENCE):
                    return False
                self._progress.wait(min(left, 0.2))  # other processes do not notify
        return True

    def run(self) -> None:
        pause, unready = 0.25, set[str]()
        self._client = mlflow_client(self._uri)
        while not self._stopping.is_set():
            self._added.clear()
            try:
                batch = self._outbox.next(skip=unready)
                if batch:
                    self._deliver(batch)
                else:
                    self._added.wait(0.2 if unready else None)
                    unready.clear()
                pause, self._away_since = 0.25, None
            except _UnreadyError:
                unready.add(batch[0].key)
            except (_AwayError, sqlite3.OperationalError) as error:
                self._answered = -math.inf
                if self._away_since is None:
                    self._away_since = time.monotonic()
                    log.warning(
                        "MLflow at %s takes nothing now; operations wait in the outbox: %s", self._uri, error
                    )
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        self._outbox.release()

    def _deliver(self, batch: list[Operation]) -> None:
        self._probe()
        head = batch[0]
        try:
            if head.kind == "log":
                run_id = self._run_id(head.experiment, head.key)
                for entities in _requests([e for operation in batch for e in operation.payload]):
                    self._log_entities(head, run_id, entities)
            else:
                getattr(self, f"_{head.kind}")(head)
        except (_UnreadyError, _AwayError, sqlite3.OperationalError):
            raise
        except Exception as error:
            if _mendable(error):
                raise _AwayError(str(error)) from error
            for operation in batch:
                self._refuse(operation, operation.payload, error)
        self._answered = time.monotonic()
        self._outbox.done(batch)
        with self._progress:
            self._progress.notify_all()

    def _probe(self) -> None:
        """Ask whether the server is there, unless it has just answered: a request takes longer to give up."""
        if not self._uri.startswith(("http://", "https://")) or time.monotonic() - self._answered < TRUST_S:
            return
        from mlflow.exceptions import MlflowException
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        once = {"max_retries": 0, "timeout": 5, "raise_on_status": False}
        try:
            answer = http_request(get_default_host_creds(self._uri), "/health", "GET", **once)
        except MlflowException as error:
            raise _AwayError(str(error)) from error
        if answer.status_code >= 500:
            raise _AwayError(f"status {answer.status_code}")

    def _start(self, operation: Operation) -> None:
        experiment, key, asked = operation.experiment, operation.key, operation.payload
        tags = dict(asked["tags"])
        if asked["parent"]:
            tags["mlflow.parentRunId"] = self._run_id(experiment, asked["parent"])
        experiment_id = self._experiment(experiment)
        known = self._outbox.run(experiment, key)
        run_id = known[0] if known and self._is_active(known[0]) else self._find(experiment_id, key)
        if run_id:
            self._client.update_run(run_id, "RUNNING")
            self._log_batch(run_id, [("tag", name, value) for name, value in tags.items()])
        else:
            run = self._client.create_run(experiment_id, asked["start"], tags, asked["name"])
            run_id = run.info.run_id
        self._outbox.remember_run(experiment, key, run_id, experiment_id)

    def _artifact(self, operation: Operation) -> None:
        path = self._outbox.file(operation.payload["file"])
        run_id = self._run_id(operation.experiment, operation.key)
        self._client.log_artifact(run_id, str(path), operation.payload["folder"] or None)

    def _dataset(self, operation: Operation) -> None:
        from mlflow.entities import Dataset, DatasetInput

        run_id = self._run_id(operation.experiment, operation.key)
        self._client.log_inputs(run_id, [DatasetInput(Dataset(**operation.payload), tags=[])])

    def _end(self, operation: Operation) -> None:
        run_id = self._run_id(operation.experiment, operation.key)
        self._client.set_terminated(run_id, operation.payload["status"], operation.payload["end"])

    def _log_entities(self, operation: Operation, run_id: str, entities: Sequence[Entity]) -> None:
        """Send entities in one request; where the server refuses it, find out which of them is to blame."""
        try:
            self._log_batch(run_id, entities)
        except Exception as error:
            if _mendable(error):
                raise
            if len(entities) == 1 or not self._is_active(run_id):
                self._refuse(operation, entities, error)
                return
            middle = len(entities) // 2
            self._log_entities(operation, run_id, entities[:middle])
            self._log_entities(operation, run_id, entities[middle:])

    def _log_batch(self, run_id: str, entities: Sequence[Entity]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        made: dict[str, list[Any]] = {"metric": [], "param": [], "tag": []}
        kinds = {"metric": Metric, "param": Param, "tag": RunTag}
        for kind, *fields in entities:
            made[kind].append(kinds[kind](*fields))
        self._client.log_batch(run_id, made["metric"], made["param"], made["tag"])

    def _refuse(self, operation: Operation, payload: object, error: Exception) -> None:
        self._outbox.reject(operation, payload, f"{type(error).__name__}: {error}")
        self.refused.append(f"{operation.kind} of run {operation.key!r}: {error}")

    def _run_id(self, experiment: str, key: str) -> str:
        known = self._outbox.run(experiment, key)
        if known:
            return known[0]
        if self._outbox.start_waits(experiment, key):
            raise _UnreadyError(key)
        experiment_id = self._experiment(experiment)
        run_id = self._find(experiment_id, key)
        if run_id is None:
            raise LookupError(f"run {key!r} was not started")
        self._outbox.remember_run(experiment, key, run_id, experiment_id)
        return run_id

    def _find(self, experiment_id: str, key: str) -> str | None:
        found = self._client.search_runs([experiment_id], f"tags.`{KEY}` = '{key}'", max_results=1)
        return found[0].info.run_id if found else None

    def _is_active(self, run_id: str) -> bool:
        """Whether the server has the run, and nobody has deleted it there."""
        from mlflow.exceptions import MlflowException

        try:
            return bool(self._client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            self._experiments[name] = self._open_experiment(name)
        return self._experiments[name]

    def _open_experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was faster
                    raise
                found = self._client.get_experiment_by_name(name)
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)


def _requests(entities: Sequence[Entity]) -> Iterator[list[Entity]]:
    """Split entities by the size of a request; a parameter or tag stands in one request only once."""
    part: list[Entity] = []
    named: set[tuple[Any, ...]] = set()
    size = 0
    for entity in entities:
        needed = len(json.dumps(entity)) + 60  # 60: the names of the JSON fields
        name = tuple(entity[:2])
        if part and (size + needed > REQUEST_BYTES or name in named):
            yield part
            part, named, size = [], set(), 0
        part.append(entity)
        size += needed
        if entity[0] != "metric":
            named.add(name)
    if part:
        yield part


def _mendable(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    import requests
    from mlflow.exceptions import MlflowException

    if isinstance(error, MlflowException):
        status = error.get_http_status_code()
        # A server that does not know the address is another program on that port, or a proxy.
        return status >= 500 or status in MENDABLE or error.error_code == "ENDPOINT_NOT_FOUND"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code >= 500 or error.response.status_code in MENDABLE
    return isinstance(error, requests.RequestException)
