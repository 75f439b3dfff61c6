"""The best model of a data set goes into MLflow's registry, as champion or as challenger."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from infra.model_registry import ModelRegistry, Version
from tasks.champion import Standing, judge, standing
from tasks.datasets.prepared import PreparedDataset
from tasks.results import Evaluation, RegisteredModel

if TYPE_CHECKING:
    from flows.session import Session

DELIVERY_TIMEOUT_S = 120
DIGITS = 6  # of the scores kept beside a version: two versions are compared by them


def register(
    session: "Session", dataset: PreparedDataset, evaluation: Evaluation, folder: Path
) -> RegisteredModel | None:
    """Log a model's files with the study's run and make them a version; None while MLflow is away."""
    tracker = session.tracker
    place = f"models/{folder.name}"
    tracker.log_artifact(session.key, folder, "models")
    run_id = tracker.run_id(session.key, timeout=DELIVERY_TIMEOUT_S)
    if not (tracker.flush(timeout=DELIVERY_TIMEOUT_S) and run_id):
        return None
    registry = ModelRegistry(os.environ["MLFLOW_TRACKING_URI"])
    newcomer = standing(evaluation, dataset, session.parameters.seed)
    way = f"{evaluation.algorithm} {evaluation.search}"
    with FileLock(session.settings.home / "registry.lock"):  # another study could judge by the same champion
        verdict = judge(newcomer, _standing_of(registry.holder(dataset.name, "champion")))
        tags = {**_tags(newcomer), "trilla.model": way, "trilla.reason": verdict.reason}
        version = registry.register(dataset.name, run_id, place, tags)
        registry.assign(version, verdict.alias)
    return RegisteredModel(
        dataset=dataset.name,
        model=way,
        name=version.name,
        version=version.number,
        alias=verdict.alias,
        reason=verdict.reason,
        url=registry.url(version),
    )


def _tags(newcomer: Standing) -> dict[str, str]:
    return {
        "trilla.scores": json.dumps([round(score, DIGITS) for score in newcomer.scores]),
        "trilla.scheme": newcomer.scheme,
        "trilla.folds": str(newcomer.folds),
        "trilla.first_look": str(newcomer.first_look),
    }


def _standing_of(version: Version | None) -> Standing | None:
    if version is None or "trilla.scores" not in version.tags:
        return None
    tags = version.tags
    return Standing(
        json.loads(tags["trilla.scores"]),
        tags["trilla.scheme"],
        int(tags["trilla.folds"]),
        tags.get("trilla.first_look") == str(True),
    )
