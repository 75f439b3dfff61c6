"""Registration of the recommended model of a data set in MLflow, as champion or as challenger."""

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from flows.session import Session
from infra.errors import StackError
from infra.model_registry import ALIASES, ModelRegistry, Version
from tasks.champion import Promotion, Standing, judge, standing
from tasks.datasets.prepared import PreparedDataset
from tasks.models import FORMAT
from tasks.registered_models import ModelPurpose
from tasks.report.recommended import answer
from tasks.results import Evaluation, Recommendation, RegisteredModel

DELIVERY_TIMEOUT_S = 120

log = logging.getLogger(__name__)


def register(
    session: Session,
    dataset: PreparedDataset,
    evaluation: Evaluation,
    recommendation: Recommendation,
    folder: Path,
) -> RegisteredModel | None:
    """Log a model's files with the study's run and register them as a version; None if MLflow does not answer.

    Parameters
    ----------
    session : Session
        The study.
    dataset : PreparedDataset
        The data set, which gives the registered model its name.
    evaluation : Evaluation
        The cross-validation of the model's way.
    recommendation : Recommendation
        The recommendation of the model's way; its sentences become the version's description.
    folder : Path
        Folder of the model's files.
    """
    tracker = session.tracker
    place = f"models/{folder.name}"
    tracker.log_artifact(session.key, folder, "models")
    run_id = tracker.run_id(session.key, timeout=DELIVERY_TIMEOUT_S)
    if not (tracker.flush(timeout=DELIVERY_TIMEOUT_S) and run_id):
        return None
    registry = ModelRegistry(os.environ["MLFLOW_TRACKING_URI"])
    newcomer = standing(evaluation, dataset, session.parameters.seed, session.parameters.epochs)
    purpose = ModelPurpose.of(dataset)
    tags = {**_tags(newcomer), "trilla.model": str(evaluation.way), "trilla.study": session.key}
    words = f"{answer(recommendation)} {recommendation.reason}"

    def anew(name: str) -> tuple[Version, Promotion]:
        promotion = judge(newcomer, _standing_of(registry.holder(name, "champion")))
        version = registry.register(name, run_id, place, {**tags, "trilla.reason": promotion.reason}, words)
        registry.assign(version, promotion.alias)
        return version, promotion

    try:
        # two studies must not be compared with the same champion
        with FileLock(session.settings.home / "registry.lock"):
            name = registry.claim(purpose.names, purpose.tags)
            version, promotion = _registered_before(registry, name, tags) or anew(name)
    except StackError as error:  # the study has its results, and the files of the model
        log.warning("the model of %s is not registered: %s", dataset.name, error)
        return None
    return RegisteredModel(
        dataset=dataset.name,
        model=str(evaluation.way),
        name=version.name,
        version=version.number,
        alias=promotion.alias,
        reason=promotion.reason,
        url=registry.url(version),
    )


def _registered_before(
    registry: ModelRegistry, name: str, tags: Mapping[str, str]
) -> tuple[Version, Promotion] | None:
    """The version that this study registered before it was interrupted; judged anew, it would challenge itself."""
    for alias in ALIASES:
        held = registry.holder(name, alias)
        if held is not None and tags.items() <= held.tags.items():
            return held, Promotion(alias, held.tags["trilla.reason"])
    return None


def _tags(newcomer: Standing) -> dict[str, str]:
    return {
        "trilla.scores": json.dumps(newcomer.scores),
        "trilla.scheme": newcomer.scheme,
        "trilla.folds": str(newcomer.folds),
        "trilla.first_look": str(newcomer.first_look),
        "trilla.format": str(FORMAT),
    }


def _standing_of(version: Version | None) -> Standing | None:
    if version is None or "trilla.scores" not in version.tags:
        return None
    tags = version.tags
    return Standing(
        json.loads(tags["trilla.scores"]),
        tags["trilla.scheme"],
        int(tags["trilla.folds"]),
        first_look=tags.get("trilla.first_look") == str(True),
        readable=tags.get("trilla.format") == str(FORMAT),
    )
