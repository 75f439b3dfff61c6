"""Scoring: the predictions of a registered model for a table, seen in Prefect and recorded in MLflow."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from prefect import flow, tags
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.failing import log_failures_in_one_sentence
from flows.parameters import ScoringParameters
from flows.recording import prefect_url
from flows.tagging import TAG
from flows.trackers import open_tracker
from infra.display import ProgressArtifact, show
from infra.engines import Engine, connect
from infra.errors import ParameterError, TrillaError
from infra.mlflow_api import DESCRIPTION_TAG
from infra.monitoring import Monitor, Usage
from infra.settings import Settings, load_settings
from infra.tracking import Tracker
from tasks.datasets.catalogue import Source, resolve
from tasks.scoring.folder import MANIFEST
from tasks.scoring.loading import LoadedModel, load_registered
from tasks.scoring.outputs import is_folder
from tasks.scoring.run import Progress, Request, Scored, score_folder
from tasks.scoring.single import score_file

EXPERIMENT = "trilla-scoring"
"""Experiment of the runs, so that the runs of studies stay among themselves."""
WORKER_MODULES = ("tasks.scoring.scorer",)
"""Modules that the workers import when they start, because their import takes seconds."""


class ScoringListener(Protocol):
    """An object in the process of a scoring that is told about its progress and its result."""

    def loaded(self, model: LoadedModel) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def ended(self, scored: Scored, links: Mapping[str, str]) -> None: ...
    def refused(self, error: TrillaError) -> None: ...


class _SilentScoring:
    """A listener that does nothing."""

    def loaded(self, model: LoadedModel) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def ended(self, scored: Scored, links: Mapping[str, str]) -> None: ...
    def refused(self, error: TrillaError) -> None: ...


listener: ContextVar[ScoringListener] = ContextVar("scoring_listener", default=_SilentScoring())  # noqa: B039 (has no state)


@flow(name="scoring")
def scoring(parameters: ScoringParameters) -> State[Any]:
    """Write the predictions of a registered model for a table, into one file or into a folder of parts.

    A run into a folder that was killed goes on when it is started again: the parts that are there are kept. If the
    model, the table or the folder cannot be used, the state's message is one sentence with the fault and the remedy.
    """
    log_failures_in_one_sentence()
    try:
        return _score(parameters.dated(datetime.now(UTC).date()))
    except TrillaError as error:
        listener.get().refused(error)
        return Failed(message=str(error))


def score_tagged(parameters: ScoringParameters) -> State[Any]:
    """Score with a flow run that has the tag `TAG`; a run of a deployment gets the tag from the deployment."""
    with tags(TAG):
        return scoring(parameters, return_state=True)


def _score(parameters: ScoringParameters) -> State[Any]:
    if not parameters.out.is_absolute():
        raise ParameterError(f"out {parameters.out}: give the whole path, which begins with /")
    folder = is_folder(parameters.out)
    source = resolve(parameters.data)
    model = load_registered(os.environ["MLFLOW_TRACKING_URI"], parameters.model)
    model.require_suits(parameters.data, source)
    listener.get().loaded(model)
    if folder:
        return _score_folder(parameters, model, source)
    told: list[str] = []
    count = score_file(model, source, parameters.out, parameters.keep, told.append)
    message = f"{count:,} predictions of {model.description.algorithm} in {parameters.out}"
    _show_artifact(f"**{message}**\n\n{_bullets(told)}")
    return Completed(message=message)


def _score_folder(parameters: ScoringParameters, model: LoadedModel, source: Source) -> State[Any]:
    settings = load_settings()
    running: list[Engine] = []

    @contextmanager
    def start() -> Iterator[Engine]:
        with _engine(parameters, settings) as engine:
            running.append(engine)
            try:
                yield engine
            finally:
                running.clear()  # an engine that ends has no processes to watch

    def pids() -> Mapping[str, int]:
        return running[0].worker_pids() if running else {}

    request = Request(model, source, parameters.out, tuple(parameters.keep))
    with (
        _recorded(parameters, model, settings) as (tracker, key),
        ProgressArtifact(f"{parameters.data}: pieces scored") as artifact,
    ):
        follow = _follow(artifact)
        with Monitor(watch=pids) as monitor:
            scored = score_folder(request, start, follow)
        _record(tracker, key, scored, monitor.usage)
        links = {"Prefect run": prefect_url(str(flow_run.id))}
        if url := tracker.run_url(key, timeout=30):
            links["MLflow run"] = url
    listener.get().ended(scored, links)
    _show_artifact(_markdown(scored, links))
    return Completed(message=summary(scored))


def _engine(parameters: ScoringParameters, settings: Settings) -> Engine:
    cluster = {"dask": {"address": settings.dask_address}, "spark": {"master": settings.spark_master}}
    workers = parameters.workers or settings.cores
    return connect(
        parameters.engine, workers=workers, preload=WORKER_MODULES, **cluster.get(parameters.engine, {})
    )


def _follow(artifact: ProgressArtifact) -> Callable[[Progress], None]:
    def follow(progress: Progress) -> None:
        artifact(progress.done, progress.total)
        listener.get().progress(progress)

    return follow


@contextmanager
def _recorded(
    parameters: ScoringParameters, model: LoadedModel, settings: Settings
) -> Iterator[tuple[Tracker, str]]:
    """The tracker, and the key of this run's MLflow run, which ends with the block."""
    key = f"scoring-{flow_run.id}"
    with ExitStack() as stack:
        tracker = open_tracker(stack, settings, EXPERIMENT)
        page = prefect_url(str(flow_run.id))
        told = {"prefect.flow_run": page, DESCRIPTION_TAG: f"[Prefect run]({page})"}
        tracker.start_run(key, f"scoring {model.name}", tags=told)
        given = parameters.model_dump(mode="json", exclude_none=True)
        params = {**given, "keep": ",".join(parameters.keep), "model_version": model.name}
        tracker.log(key, params=params)
        try:
            yield tracker, key
        except BaseException as error:
            tracker.log(key, tags={"trilla.error": f"{type(error).__name__}: {error}"})
            tracker.end_run(key, "FAILED" if isinstance(error, Exception) else "KILLED")
            raise
        tracker.end_run(key)


def _record(tracker: Tracker, key: str, scored: Scored, usage: Usage) -> None:
    last = scored.last
    metrics = {
        "rows": float(scored.manifest.rows),
        "parts": float(len(scored.manifest.parts)),
        "parts_kept": float(last.kept),
        "rows_per_second": last.rows_per_second,
        "wall_s": usage.wall_s,
        "cpu_s": usage.cpu_s,
        "peak_rss_mib": usage.peak_rss / 2**20,
        "driver_peak_rss_mib": usage.driver.peak_rss / 2**20,
        **{f"{name}_peak_rss_mib": worker.peak_rss / 2**20 for name, worker in usage.workers.items()},
    }
    tracker.log(key, metrics=metrics)
    tracker.log_artifact(key, scored.folder / MANIFEST)


def summary(scored: Scored) -> str:
    """Rows, folder, parts and time of a scoring in one sentence."""
    last, manifest = scored.last, scored.manifest
    count = len(manifest.parts)
    kept = f", of which {last.kept:,} were there already" if last.kept else ""
    pace = f"; {last.seconds:.1f} s, {last.rows_per_second:,.0f} rows a second" if last.rows else ""
    return (
        f"{manifest.rows:,} predictions of {manifest.algorithm} in {scored.folder} ({count:,} "
        f"{'part' if count == 1 else 'parts'}{kept}{pace})"
    )


def _markdown(scored: Scored, links: Mapping[str, str]) -> str:
    pages = "\n".join(f"- [{name}]({url})" for name, url in links.items())
    place = Path(scored.folder).absolute()
    return (
        f"**{summary(scored)}**\n\n- [{place}]({place.as_uri()})\n- model {scored.manifest.model}\n{pages}\n\n"
        f"{_bullets(scored.manifest.notes)}"
    )


def _bullets(sentences: Any) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _show_artifact(markdown: str) -> None:
    show(create_markdown_artifact, key="scoring", markdown=markdown, description="Predictions")
