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
from tasks.report.recommended import use_command
from tasks.results import Evaluation, Recommendation, RegisteredModel
from tests.conftest import free_port


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


def described(name: str, target: str = "y", **fields: Any) -> Any:
    """A data set of which nothing is read."""
    return SimpleNamespace(
        **{"name": name, "target": target, "sha256": "0" * 64, "task": "classification", "own": True} | fields
    )


def registered(session: Any, dataset: Any, folder: Path, scores: list[float]) -> RegisteredModel:
    """What a study registers whose recommended model has these scores."""
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text("{}")
    evaluation = Evaluation(
        dataset=dataset.name, algorithm="xgboost", search="grid", metric="accuracy", folds=4, repeats=1,
        scores=scores, mean=0.715, low=0.7, high=0.73,
    )  # fmt: skip
    recommendation = Recommendation(dataset=dataset.name, algorithm=None, reason="It was asked for.")
    found = registering.register(session, dataset, evaluation, recommendation, folder)
    assert found is not None
    return found


def test_of_two_studies_at_once_the_later_is_judged_by_the_earlier(
    sessions: list[Any], stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*arguments: Any) -> Any:
        time.sleep(1)
        return judge(*arguments)

    judge = registering.judge
    monkeypatch.setattr(registering, "judge", slowly)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stack.mlflow_url)
    dataset = described(f"race-{tmp_path.name}")
    scores = [1 / 3, 2 / 3, 1 / 7, 0.73]  # equal as a version keeps them, too

    def end(session: Any) -> RegisteredModel:
        return registered(session, dataset, tmp_path / f"{session.key}-model", scores)

    with ThreadPoolExecutor(2) as pool:
        models = list(pool.map(end, sessions))
    assert sorted((model.version, model.alias) for model in models) == [
        ("1", "champion"),
        ("2", "challenger"),
    ]
    reasons = {model.alias: model.reason for model in models}
    assert reasons["champion"] == "there was no champion before"
    assert "its mean differs from the champion's by +0.0000, corrected p = 1.000" in reasons["challenger"]
    held = ModelRegistry(stack.mlflow_url).holder(f"{dataset.name}-y", "champion")
    assert held is not None
    assert held.number == "1"


def test_a_resumed_study_keeps_the_version_that_it_registered(
    sessions: list[Any], stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stack.mlflow_url)
    dataset = described(f"twice-{tmp_path.name}")
    session, other = sessions
    first = registered(session, dataset, tmp_path / "model", [0.7, 0.8, 0.7, 0.8])
    assert (first.version, first.alias) == ("1", "champion")
    assert registered(session, dataset, tmp_path / "model", [0.7, 0.8, 0.7, 0.8]) == first
    assert registered(session, dataset, tmp_path / "model", [0.7, 0.8, 0.7, 0.9]).version == "2"
    assert registered(other, dataset, tmp_path / "model", [0.7, 0.8, 0.7, 0.8]).version == "3"


def test_studies_of_one_file_with_different_targets_or_tasks_share_no_model(
    sessions: list[Any], stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stack.mlflow_url)
    name = f"sales-{tmp_path.name}"
    datasets = [
        described(name, "price"),
        described(name, "size"),
        described(name, "size", task="regression"),
        described(name, "price", own=False),
        described(f"{name}-price", "x", own=False),
    ]
    scores = [0.7, 0.8, 0.7, 0.8]
    models = [registered(sessions[0], dataset, tmp_path / "model", scores) for dataset in datasets]
    assert [model.name for model in models[:4]] == [
        f"{name}-price",
        f"{name}-size",
        f"{name}-size-regression",
        name,
    ]
    assert models[4].name == f"{name}-price-classification"
    assert {(model.version, model.alias) for model in models} == {("1", "champion")}
    again = [registered(sessions[1], dataset, tmp_path / "model", scores) for dataset in datasets]
    assert [(model.name, model.version) for model in again] == [(model.name, "2") for model in models]
    assert use_command(models[1]) == f"trilla score {name}-size@champion NEW_DATA --out predictions.csv"


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


def test_a_registry_that_goes_away_does_not_end_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    tracker = SimpleNamespace(
        log_artifact=lambda *_: None, run_id=lambda *_, **__: "1", flush=lambda **_: True
    )
    session: Any = SimpleNamespace(
        tracker=tracker,
        key="k",
        parameters=SimpleNamespace(seed=0, epochs=None),
        settings=SimpleNamespace(home=tmp_path),
    )
    dataset = described("d")
    evaluation = Evaluation(
        dataset="d", algorithm="xgboost", search="grid", metric="accuracy", folds=2, repeats=1, scores=[0.7, 0.8],
        mean=0.75, low=0.7, high=0.8,
    )  # fmt: skip
    recommendation = Recommendation(dataset="d", algorithm=None, reason="It was asked for.")
    assert registering.register(session, dataset, evaluation, recommendation, tmp_path) is None
    assert "the model of d is not registered: " in caplog.text
