"""Records of a study in MLflow and Prefect, and the links between MLflow, Prefect and the dashboards."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.session import Session
from infra import __version__
from infra.display import show
from infra.mlflow_api import DESCRIPTION_TAG
from infra.tracking import Tracker
from tasks.cell_request import CellRequest
from tasks.datasets.prepared import PreparedDataset
from tasks.registry import ALGORITHMS
from tasks.report.artifacts import (
    columns_description,
    columns_table,
    images_markdown,
    leaderboard_rows,
    markdown_links,
    markdown_recommendations,
    markdown_summary,
)
from tasks.results import Cell, Dataset, Evaluation, Trial
from tasks.vision.curves import epochs_in

FLUSH_TIMEOUT_S = 120
FOLLOW_S = 1.0  # seconds between two checks for an epoch that has ended
NOT_IN_METRIC_NAMES = r"[^\w. :/-]"
"""Characters that MLflow refuses in the name of a metric; the name of a data set may have them."""
PACKAGES = (
    "prefect",
    "prefect-dask",
    "dask",
    "pyspark",
    "xgboost",
    "scikit-learn",
    "mlflow",
    "numba",
)


def versions() -> dict[str, str]:
    """Versions of trilla and of the installed packages that results depend on."""
    found = {"trilla": __version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def prefect_url(flow_run_id: str) -> str:
    """Address of a flow run's page."""
    return f"{os.environ['PREFECT_API_URL'].removesuffix('/api')}/runs/flow-run/{flow_run_id}"


def start_study(session: Session) -> None:
    """Open the study's MLflow run, and link the MLflow run and the Prefect run to each other."""
    links = session.result.links
    links["Prefect run"] = prefect_url(session.flow_run_id)
    if session.cluster.dashboard:
        links["Dask dashboard (while the study runs)"] = session.cluster.dashboard
    session.tracker.start_run(
        session.key,
        f"study {session.journal.id}",
        tags={
            "prefect.flow_run": links["Prefect run"],
            "trilla.version": __version__,
            DESCRIPTION_TAG: _to_prefect(session),
        },
    )
    session.tracker.log(session.key, params=_flat(session.parameters.model_dump(mode="json")))
    session.tracker.log(session.key, tags={f"version.{name}": text for name, text in versions().items()})
    url = session.tracker.run_url(session.key, timeout=30)
    if url:
        links["MLflow run"] = url
    show(
        create_markdown_artifact,
        key="links",
        markdown=markdown_links(links),
        description="Pages of this study",
    )


def _to_prefect(session: Session) -> str:
    """Link from an MLflow run to the study's page in Prefect, in markdown."""
    return f"[Prefect run]({session.result.links['Prefect run']})"


def _flat(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in parameters.items()
        if value is not None
    }


def record_dataset(session: Session, key: str, dataset: PreparedDataset) -> None:
    """Record a data set and its digest as an input of a run.

    Parameters
    ----------
    session : Session
        The study.
    key : str
        Key of the run.
    dataset : PreparedDataset
        The data set.
    """
    session.tracker.log_dataset(
        key,
        name=dataset.name,
        digest=dataset.sha256,
        source=dataset.path,
        rows=dataset.rows,
        columns=dataset.columns,
    )


def record_preparation(session: Session, described: Dataset) -> None:
    """Show what was done to the data on Prefect's page, and store the table of columns with the study's MLflow run."""
    name = re.sub(r"[^a-z0-9]+", "-", described.name.lower()).strip("-")
    if not described.surveys:
        show(
            create_markdown_artifact,
            key=f"images-{name}".strip("-"),
            markdown=images_markdown(described),
            description=f"Images of {described.name}",
        )
        return
    rows = columns_table(described)
    show(
        create_table_artifact,
        key=f"columns-{name}".strip("-"),
        table=rows,
        description=columns_description(described),
    )
    session.tracker.log_text(session.key, table_as_csv(rows), f"columns-{name}.csv")


def run_key(session: Session, request: CellRequest) -> str:
    """Key of a cell's MLflow run."""
    return f"{session.key}/{request.key.rpartition('/')[2]}"


def start_cell(session: Session, request: CellRequest) -> None:
    """Open the cell's MLflow run as a child of the study's run."""
    session.open_key = run_key(session, request)
    session.tracker.start_run(
        session.open_key,
        request.title,
        parent=session.key,
        tags={
            "trilla.dataset": request.dataset.name,
            "trilla.algorithm": request.algorithm,
            "trilla.engine": request.engine,
            "trilla.search": request.search,
            "prefect.flow_run": session.result.links["Prefect run"],
            DESCRIPTION_TAG: _to_prefect(session),
        },
    )


@contextmanager
def following(session: Session, request: CellRequest) -> Iterator[None]:
    """Log the epochs of a training during the training, on any engine."""
    if not ALGORITHMS[request.algorithm].trains_in_epochs:
        yield
        return
    ended = threading.Event()
    curve = request.folder.curve(request.key)
    arguments = (session.tracker, run_key(session, request), curve, ended)
    thread = threading.Thread(target=_follow, args=arguments, name="curve", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _follow(tracker: Tracker, key: str, path: Path, ended: threading.Event) -> None:
    # a resumed study sends all points from the first epoch: the server ignores points that it already has
    count, last = 0, False
    while not last:
        last = ended.wait(FOLLOW_S)
        new = epochs_in(path)[count:]
        count += len(new)
        if new:
            tracker.log_series(
                key,
                [
                    (f"epoch/{name}", value, int(1000 * epoch.ended), epoch.number)
                    for epoch in new
                    for name, value in epoch.metrics.items()
                ],
            )


def record_cell(session: Session, request: CellRequest, cell: Cell) -> None:
    """Log a cell's figures, resources, trials and time series, and end its MLflow run.

    Parameters
    ----------
    session : Session
        The study.
    request : CellRequest
        The request for the cell.
    cell : Cell
        The result; this function sets the result's `run_key`.
    """
    tracker, usage = session.tracker, cell.usage
    key = cell.run_key = run_key(session, request)
    metrics = {
        **cell.metrics,
        "wall_s": usage.wall_s,
        "cpu_s": usage.cpu_s,
        "cpu_percent": usage.cpu_percent,
        "peak_rss_mib": usage.peak_rss / 2**20,
        "driver_peak_rss_mib": usage.driver.peak_rss / 2**20,
        **{f"{name}_peak_rss_mib": worker.peak_rss / 2**20 for name, worker in usage.workers.items()},
        "fits": cell.fits,
        "trials_kept": cell.kept,
    }
    if cell.cv_score is not None:
        metrics[f"cv_{cell.score_name}"] = cell.cv_score
    tracker.log(key, metrics=metrics, params={**cell.params, "engine": cell.engine, "workers": cell.workers})
    tags = {"trilla.implementation": cell.implementation} | (
        {"trilla.error" if cell.status == "failed" else "trilla.not_run": cell.error} if cell.error else {}
    )
    tracker.log(key, tags=tags)
    record_dataset(session, key, request.dataset)
    tracker.log_series(key, _series(cell))
    if cell.trials:
        tracker.log_text(key, _trial_table(cell.trials), "trials.csv")
    if cell.profile:
        tracker.log_text(key, cell.profile, "profile.txt")
    _record_best_trials(session, key, cell)
    tracker.end_run(key, "FAILED" if cell.status == "failed" else "FINISHED")
    session.open_key = None


def link_cells(session: Session) -> None:
    """Give every cell the address of its MLflow run, if the server has answered."""
    session.tracker.flush(timeout=FLUSH_TIMEOUT_S)
    for cell in session.result.cells:
        cell.mlflow_run_id = session.tracker.run_id(cell.run_key, timeout=0)
        cell.mlflow_url = session.tracker.run_url(cell.run_key, timeout=0)


def _series(cell: Cell) -> list[tuple[str, float, int, int]]:
    steps: dict[str, int] = {}
    points = []
    for moment, name, cpu_percent, rss in cell.usage.series:
        step = steps[name] = steps.get(name, -1) + 1
        milliseconds = int(moment * 1000)
        points.append((f"system/{name}/cpu_percent", cpu_percent, milliseconds, step))
        points.append((f"system/{name}/rss_mib", rss / 2**20, milliseconds, step))
    return points


def _trial_table(trials: list[Trial]) -> str:
    rows = [
        {
            **trial.params,
            **({} if trial.rows is None else {"rows": trial.rows}),
            **{f"fold_{i}": score for i, score in enumerate(trial.scores)},
            "mean_score": trial.mean_score,
            "seconds": trial.seconds,
            "error": trial.error,
        }
        for trial in trials
    ]
    return table_as_csv(rows)


def table_as_csv(rows: list[dict[str, Any]]) -> str:
    """Return rows as a CSV file, which MLflow shows as a table."""
    import pandas as pd

    return str(pd.DataFrame(rows).to_csv(index=False))


def _record_best_trials(session: Session, parent: str, cell: Cell) -> None:
    scored = [trial for trial in cell.trials if trial.mean_score is not None]
    best = sorted(scored, key=lambda trial: -(trial.mean_score or 0.0))[: session.parameters.log_trials]
    for rank, trial in enumerate(best, 1):
        key = f"{parent}/trial-{rank}"
        session.tracker.start_run(key, f"trial {rank}", parent=parent)
        metrics = {f"cv_{cell.score_name}": trial.mean_score or 0.0, "seconds": trial.seconds}
        session.tracker.log(key, metrics=metrics, params=trial.params)
        session.tracker.end_run(key)


def record_evaluation(session: Session, evaluation: Evaluation) -> None:
    """Log a cross-validated mean with its interval on the study's run."""
    name = f"{evaluation.dataset}.{evaluation.algorithm}.{evaluation.search}.{evaluation.metric}"
    name = re.sub(NOT_IN_METRIC_NAMES, "_", name)
    session.tracker.log(
        session.key,
        metrics={
            f"{name}.mean": evaluation.mean,
            f"{name}.low": evaluation.low,
            f"{name}.high": evaluation.high,
        },
    )


def finish_study(session: Session, report: Path, status: str) -> None:
    """Store the report and the result with MLflow and Prefect, and end the study's run.

    Parameters
    ----------
    session : Session
        The study.
    report : Path
        The report's file.
    status : {"FINISHED", "FAILED"}
        Final status of the run.
    """
    result, tracker = session.result, session.tracker
    tracker.log_artifact(session.key, report)
    tracker.log_text(session.key, result.model_dump_json(indent=2), "result.json")
    if url := tracker.run_url(session.key, artifact=report.name):
        result.links["report in MLflow"] = url
    summary = markdown_summary(result)
    # the page of a run shows the first lines of its description, so the link and the recommendation come first
    tracker.describe(session.key, f"{_to_prefect(session)}\n\n{markdown_recommendations(result)}")
    tracker.end_run(session.key, status)
    show(create_table_artifact, key="leaderboard", table=leaderboard_rows(result), description="Leaderboard")
    show(create_markdown_artifact, key="summary", markdown=summary, description="Recommendation and findings")


def abandon_study(session: Session, error: BaseException) -> None:
    """End the study's open MLflow runs: FAILED if an error ended the study, KILLED if a person did."""
    status = "FAILED" if isinstance(error, Exception) else "KILLED"
    for key in [session.open_key, session.key]:
        if key:
            session.tracker.log(key, tags={"trilla.error": f"{type(error).__name__}: {error}"})
            session.tracker.end_run(key, status)


def now() -> datetime:
    return datetime.now(UTC)
