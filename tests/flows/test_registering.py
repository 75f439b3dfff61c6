"""The champion, where two studies end at the same moment."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows import registering
from infra.model_registry import ModelRegistry, Version
from infra.servers import Stack
from infra.tracking import Tracker
from tasks.models import FORMAT
from tasks.results import Evaluation, Recommendation, RegisteredModel


@pytest.fixture
def sessions(stack: Stack, tmp_path: Path) -> Iterator[list[Any]]:
    """Two studies of one home, each with a run of its own."""
    with Tracker(stack.mlflow_url, tmp_path / "outbox.sqlite", "registering") as tracker:
        found = [
            SimpleNamespace(
                tracker=tracker,
                key=f"{tmp_path.name}-{number}",
                parameters=SimpleNamespace(seed=0, epochs=None),
                settings=SimpleNamespace(home=tmp_path),
            )
            for number in range(2)
        ]
        for session in found:
            tracker.start_run(session.key, "study")
        yield found


def test_of_two_studies_at_once_the_later_is_judged_by_the_earlier(
    sessions: list[Any], stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*arguments: Any) -> Any:
        time.sleep(1)
        return judge(*arguments)

    judge = registering.judge
    monkeypatch.setattr(registering, "judge", slowly)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stack.mlflow_url)
    dataset: Any = SimpleNamespace(name=f"race-{tmp_path.name}", sha256="0" * 64, task="classification")
    recommendation = Recommendation(dataset=dataset.name, algorithm=None, reason="It was asked for.")

    def end(session: Any) -> RegisteredModel | None:
        folder = tmp_path / f"{session.key}-model"
        folder.mkdir()
        (folder / "model.json").write_text("{}")
        scores = [1 / 3, 2 / 3, 1 / 7, 0.73]  # equal as a version keeps them, too
        evaluation = Evaluation(
            dataset=dataset.name,
            algorithm="xgboost",
            search="grid",
            metric="accuracy",
            folds=4,
            repeats=1,
            scores=scores,
            mean=0.715,
            low=0.7,
            high=0.73,
        )
        return registering.register(session, dataset, evaluation, recommendation, folder)

    with ThreadPoolExecutor(2) as pool:
        models = [model for model in pool.map(end, sessions) if model]
    assert sorted((model.version, model.alias) for model in models) == [
        ("1", "champion"),
        ("2", "challenger"),
    ]
    reasons = {model.alias: model.reason for model in models}
    assert reasons["champion"] == "there was no champion before"
    assert "its mean differs from the champion's by +0.0000, corrected p = 1.000" in reasons["challenger"]
    held = ModelRegistry(stack.mlflow_url).holder(dataset.name, "champion")
    assert held is not None
    assert held.number == "1"


def test_a_version_of_an_earlier_trilla_is_no_champion_that_can_be_used() -> None:
    """`trilla score` refuses it and says that the study is to be run again: the new model must take its place."""
    tags = {"trilla.scores": "[0.7, 0.8]", "trilla.scheme": "a", "trilla.folds": "2"}
    formats = (None, "1", str(FORMAT))
    readable = []
    for form in formats:
        standing = registering._standing_of(
            Version("d", "1", tags | ({"trilla.format": form} if form else {}))
        )
        assert standing is not None
        readable.append(standing.readable)
    assert readable == [False, False, True]
