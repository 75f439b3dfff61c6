"""MLflow tracking that never makes the work wait: operations go to an outbox, and a thread sends them.

MLflow would not keep some values as they are. An infinite metric is not logged, because the server would turn
it into 1.8e308; the tag `trilla.infinite.<metric>` notes the value. NaN is logged, and shown as NaN.
Parameters above 6,000 and tags above 8,000 characters are cut, with a mark that says so.
"""

import json
import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

from infra.delivery import Delivery
from infra.errors import ParameterError
from infra.mlflow_api import DESCRIPTION_TAG, run_page
from infra.outbox import Kind, Outbox
from infra.run_owners import owner_tags
from infra.sending import KEY, Entity

log = logging.getLogger(__name__)

PARAM_LIMIT, TAG_LIMIT = 6000, 8000  # characters
BATCH_LIMIT = 1000  # largest number of entities in one recorded operation
STATUSES = ("FINISHED", "FAILED", "KILLED")


class Tracker:
    """Records runs for an MLflow server, and sends them in order from a separate thread.

    Every call returns as soon as the operation is in the outbox; artifacts are copied first. The run of a key
    belongs to one process at a time. Operations that an earlier process left in the same outbox are sent too.

    Parameters
    ----------
    uri : str
        Address of the MLflow server, for example `http://127.0.0.1:5000`.
    outbox : Path
        SQLite file of the operations that wait. Several processes may share the file.
    experiment : str
        Name of the experiment of the runs. The experiment is created if it is missing, and restored if it was
        deleted.

    Raises
    ------
    StackError
        If the outbox cannot be opened. The other methods raise this error if the outbox cannot be written.
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
        """Start a run, or open the run of this key again.

        Parameters
        ----------
        key : str
            Trilla's own key of the run, unique in the experiment. The tag `trilla.key` of the run holds the
            key.
        name : str
            Name of the run that MLflow's pages show.
        parent : str, optional
            Key of the parent run, which was started before.
        tags : mapping, optional
            Further tags of the run.
        start_time_ms : int, optional
            Start time in unix milliseconds; by default the present time.

        Raises
        ------
        ParameterError
            If the key is empty, is too long, or has a quote or a backtick, which MLflow cannot search for.
        """
        if not key or set(key) & set("'\"`") or len(key) > 250:
            raise ParameterError(
                f"key={key!r}: 1 to 250 characters without quotes and backticks are allowed."
            )
        every = {**(tags or {}), KEY: key, **owner_tags()}
        cut = {name: _cut(str(value), TAG_LIMIT) for name, value in every.items()}
        started = start_time_ms or _now()
        self._add(key, "start", {"name": name, "parent": parent, "tags": cut, "start": started})

    def log(
        self,
        key: str,
        *,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        step: int = 0,
    ) -> None:
        """Log metrics, parameters and tags of a run.

        Parameters
        ----------
        key : str
            Key of the run.
        metrics : mapping, optional
            Value by name of the metric. The time of each point is the time of this call.
        params : mapping, optional
            Value by name of the parameter. A parameter cannot be changed later.
        tags : mapping, optional
            Value by name of the tag. A later value replaces an earlier one.
        step : int
            Step of the metrics.
        """
        now = _now()
        points = _points((n, v, now, step) for n, v in (metrics or {}).items())
        entities: list[Entity] = [("param", n, _cut(str(v), PARAM_LIMIT)) for n, v in (params or {}).items()]
        entities += [("tag", n, _cut(str(v), TAG_LIMIT)) for n, v in (tags or {}).items()]
        self._add_entities(key, [*points, *entities])

    def describe(self, key: str, markdown: str) -> None:
        """Set the Markdown text that MLflow shows on a run's page; a later call replaces the text."""
        self.log(key, tags={DESCRIPTION_TAG: markdown})

    def log_series(self, key: str, points: Iterable[tuple[str, float, int, int]]) -> None:
        """Log points of metrics: (name, value, unix milliseconds, step)."""
        self._add_entities(key, list(_points(points)))

    def log_artifact(self, key: str, path: Path, folder: str = "") -> None:
        """Log a copy of a file or folder as an artifact of a run; the copy is made before the call returns.

        Parameters
        ----------
        key : str
            Key of the run.
        path : Path
            File or folder to copy.
        folder : str
            Folder among the artifacts of the run in which the copy is placed.

        Raises
        ------
        ParameterError
            If the folder leads out of the artifacts of the run.
        """
        _relative(folder)
        self._add(key, "artifact", {"file": self._outbox.copies.keep(path, path.name), "folder": folder})

    def log_text(self, key: str, text: str, name: str) -> None:
        """Log a text as an artifact of a run.

        Parameters
        ----------
        key : str
            Key of the run.
        text : str
            Text to log.
        name : str
            Name of the artifact, for example `tables/top.txt`.

        Raises
        ------
        ParameterError
            If the name leads out of the artifacts of the run.
        """
        path = _relative(name)
        folder = "" if path.parent == PurePosixPath() else str(path.parent)
        self._add(key, "artifact", {"file": self._outbox.copies.keep(text, path.name), "folder": folder})

    def log_dataset(
        self, key: str, *, name: str, digest: str, source: str, rows: int, columns: Sequence[str]
    ) -> None:
        """Log the data set that a run has read.

        Parameters
        ----------
        key : str
            Key of the run.
        name : str
            Name of the data set.
        digest : str
            Digest of the data set; MLflow shows its first 36 characters.
        source : str
            Path or address of the data set.
        rows : int
            Number of rows.
        columns : sequence of str
            Names of the columns.
        """
        profile = {"num_rows": rows, "num_columns": len(columns), "digest": digest, "columns": list(columns)}
        fields = {"name": name, "digest": digest[:36], "source_type": "local"}
        source_json = json.dumps({"uri": source})
        self._add(key, "dataset", {**fields, "source": source_json, "profile": json.dumps(profile)})

    def end_run(self, key: str, status: str = "FINISHED") -> None:
        """End a run at the present time.

        Raises
        ------
        ParameterError
            If the status is not FINISHED, FAILED or KILLED.
        """
        if status not in STATUSES:
            raise ParameterError(f"status={status!r}: {', '.join(STATUSES)} are allowed.")
        self._add(key, "end", {"status": status, "end": _now()})

    def run_id(self, key: str, timeout: float = 30) -> str | None:
        """Return the server's id of a run.

        The call waits up to `timeout` seconds until the server has the run.

        Returns
        -------
        str or None
            The id; None if the server is away.
        """
        ids = self._ids(key, timeout)
        return ids[0] if ids else None

    def run_url(self, key: str, timeout: float = 30, artifact: str = "") -> str | None:
        """Return the address of a run's page among MLflow's pages for model training.

        Parameters
        ----------
        key : str
            Key of the run.
        timeout : float
            Seconds to wait until the server has the run.
        artifact : str
            Path of an artifact that the page shows; without it the page shows the overview.

        Returns
        -------
        str or None
            The address; None if the server is away.
        """
        ids = self._ids(key, timeout)
        if ids is None:
            return None
        run_id, experiment_id = ids
        return run_page(self.uri, experiment_id, run_id, artifact)

    def flush(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until the server has accepted or refused every operation.

        Returns
        -------
        bool
            Whether no operation waits.
        """
        self._check_open()
        return self._delivery.wait_for(lambda: self._outbox.waiting() == 0, timeout)

    def close(self, timeout: float = 30) -> None:
        """Send the operations that wait, for up to `timeout` seconds.

        Operations that still wait then stay in the outbox, and a warning says so.
        """
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
        if self._delivery.wait_for(lambda: not self._outbox.start_waits(self._experiment, key), timeout):
            return self._outbox.run(self._experiment, key)
        return None

    def _add_entities(self, key: str, entities: Sequence[Entity]) -> None:
        parts = [list(entities[i : i + BATCH_LIMIT]) for i in range(0, len(entities), BATCH_LIMIT)]
        self._add(key, "log", *parts)

    def _add(self, key: str, kind: Kind, *payloads: Any) -> None:
        self._check_open()
        self._outbox.add(self._experiment, key, kind, [(len(payload), payload) for payload in payloads])
        self._delivery.wake()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"The tracker of {self.uri} is closed: it cannot be used any more.")


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
