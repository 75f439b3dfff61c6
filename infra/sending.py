"""Send recorded operations on runs to an MLflow server."""

import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from infra.mlflow_api import AwayError, check_presence, may_succeed_later, mlflow_client
from infra.outbox import Kind, Operation, Outbox

KEY = "trilla.key"
"""Tag of a run that holds trilla's own key of the run."""
REQUEST_BYTES = 900_000  # the server refuses more than 1 MB
FIELD_BYTES = 60  # names of the JSON fields of one entity
TRUST_S = 1.0
"""Seconds after an answer in which the server is taken to be still there."""

Entity = Sequence[Any]
"""("metric", name, value, unix ms, step), ("param", name, value) or ("tag", name, value)."""
Refuse = Callable[[Operation, object, Exception], None]


class UnreadyError(Exception):
    """Another process has recorded the start of the run but has not sent it yet."""


class Sender:
    """Sends operations of an outbox to an MLflow server.

    Sending an operation twice does no harm. Before a run is created, it is searched by its key; the server
    ignores a metric that it has with the same time, step and value; all other values are overwritten by
    themselves.

    Parameters
    ----------
    outbox : Outbox
        Outbox that knows the ids of runs and the copies of artifacts.
    uri : str
        Address of the MLflow server.
    refuse : callable
        Function called as `refuse(operation, payload, error)` for each payload that the server refuses for
        ever.
    """

    def __init__(self, outbox: Outbox, uri: str, refuse: Refuse) -> None:
        self._outbox = outbox
        self._uri = uri
        self._refuse = refuse
        self._client = mlflow_client(uri)
        self._experiments: dict[str, str] = {}
        self._answered = -math.inf
        self._senders: Mapping[Kind, Callable[[list[Operation]], None]] = {
            "start": self._start,
            "log": self._log,
            "artifact": self._log_artifact,
            "dataset": self._log_dataset,
            "end": self._end,
        }

    def send(self, batch: list[Operation]) -> None:
        """Send operations of one run and one kind; only operations of kind `log` come together.

        Raises
        ------
        AwayError
            If the server does not take the operations now.
        UnreadyError
            If another process has not sent the start of the run yet.
        """
        try:
            if time.monotonic() - self._answered >= TRUST_S:
                check_presence(self._uri)
            self._send(batch)
        except (AwayError, sqlite3.OperationalError):
            self._answered = -math.inf
            raise
        self._answered = time.monotonic()

    def _send(self, batch: list[Operation]) -> None:
        try:
            self._senders[batch[0].kind](batch)
        except (UnreadyError, AwayError, sqlite3.OperationalError):
            raise
        except Exception as error:
            if may_succeed_later(error):
                raise AwayError(str(error)) from error
            for operation in batch:
                self._refuse(operation, operation.payload, error)

    def _start(self, batch: list[Operation]) -> None:
        [operation] = batch
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

    def _log(self, batch: list[Operation]) -> None:
        first = batch[0]
        run_id = self._run_id(first.experiment, first.key)
        for entities in _requests([entity for operation in batch for entity in operation.payload]):
            self._log_entities(first, run_id, entities)

    def _log_artifact(self, batch: list[Operation]) -> None:
        [operation] = batch
        path = self._outbox.copies.path(operation.payload["file"])
        run_id = self._run_id(operation.experiment, operation.key)
        self._client.log_artifact(run_id, str(path), operation.payload["folder"] or None)

    def _log_dataset(self, batch: list[Operation]) -> None:
        from mlflow.entities import Dataset, DatasetInput

        [operation] = batch
        run_id = self._run_id(operation.experiment, operation.key)
        self._client.log_inputs(run_id, [DatasetInput(Dataset(**operation.payload), tags=[])])

    def _end(self, batch: list[Operation]) -> None:
        [operation] = batch
        run_id = self._run_id(operation.experiment, operation.key)
        self._client.set_terminated(run_id, operation.payload["status"], operation.payload["end"])

    def _log_entities(self, operation: Operation, run_id: str, entities: Sequence[Entity]) -> None:
        """Send entities in one request; halve a request that the server refuses to find the bad entity."""
        try:
            self._log_batch(run_id, entities)
        except Exception as error:
            if may_succeed_later(error):
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

    def _run_id(self, experiment: str, key: str) -> str:
        known = self._outbox.run(experiment, key)
        if known:
            return known[0]
        if self._outbox.start_waits(experiment, key):
            raise UnreadyError(key)
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
        """Tell whether the server has the run and no user has deleted it."""
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
                if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process has just created it
                    raise
                found = self._client.get_experiment_by_name(name)
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)


def _requests(entities: Sequence[Entity]) -> Iterator[list[Entity]]:
    """Split entities by the size of a request; one request has a parameter or tag of one name only once."""
    part: list[Entity] = []
    named: set[tuple[Any, ...]] = set()
    size = 0
    for entity in entities:
        needed = len(json.dumps(entity)) + FIELD_BYTES
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
