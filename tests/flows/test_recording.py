"""What a study shows of its data on Prefect's page, and the curve of a network in MLflow while it is trained."""

from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows import recording
from infra import __version__
from infra.mlflow_api import mlflow_client
from infra.servers import Stack
from infra.study_folder import StudyFolder
from infra.tracking import Tracker
from tasks.datasets.notes import warning
from tasks.datasets.survey import ColumnSurvey
from tasks.results import Dataset, Evaluation
from tasks.vision.curves import CurveFile
from tests.flows.studying import wait_for


def test_versions_are_those_of_the_packages_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PACKAGES", ("numba", "no-such-package"))
    assert recording.versions() == {"trilla": __version__, "numba": version("numba")}


def shown_preparation(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    """The artifact on Prefect's page, and the names of the files in MLflow."""
    artifacts: list[dict[str, Any]] = []
    files: list[str] = []
    monkeypatch.setattr(recording, "show", lambda _, **given: artifacts.append(given))
    tracker = SimpleNamespace(log_text=lambda _key, _text, name: files.append(name))
    session: Any = SimpleNamespace(tracker=tracker, key="k")
    described = Dataset(task="clustering", target=None, rows=9, columns=[], sha256="", path="d", **fields)
    recording.record_preparation(session, described)
    (artifact,) = artifacts
    return artifact, files


def test_prefect_shows_the_notes_of_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    column = ColumnSurvey(
        name="a: b", read_as="number", examples=("1",), missing=2, distinct=7, notes=("read as 1",), used=True
    )
    notes = ["a: b: read as 1", "the rows repeat", warning("the study takes 90 minutes")]
    artifact, files = shown_preparation(
        monkeypatch, name="Über uns", notes=notes, surveys=[column], file_columns=["a: b"]
    )
    assert artifact["key"] == "columns-ber-uns"
    assert [row["What is done"] for row in artifact["table"]] == ["read as 1"]
    assert artifact["description"].split("\n\n") == [
        "Columns of Über uns",
        "warning: the study takes 90 minutes",
        "the rows repeat",
    ]
    assert files == ["columns-ber-uns.csv"]


def test_prefect_shows_the_notes_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = ["24 images of 32 x 32 pixels", "1 files could not be used"]
    artifact, files = shown_preparation(monkeypatch, name="pets", notes=notes, caution="These are digits.")
    assert artifact["key"] == "images-pets"
    assert artifact["markdown"].split("\n") == ["- These are digits.", *(f"- {note}" for note in notes)]
    assert files == []


@pytest.mark.parametrize("name", ["a|b", "<b>50%</b>", "über 'x'", "plain-1.2"])
def test_mlflow_takes_the_figures_of_a_data_set_of_any_name(name: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    logged: dict[str, float] = {}
    tracker = SimpleNamespace(log=lambda _key, metrics: logged.update(metrics))
    evaluation = Evaluation(
        dataset=name, algorithm="xgboost", search="grid", metric="accuracy", folds=2, repeats=1, scores=[0.8, 0.8],
        mean=0.8, low=0.7, high=0.9,
    )  # fmt: skip
    session: Any = SimpleNamespace(tracker=tracker, key="k")
    recording.record_evaluation(session, evaluation)
    assert sorted(logged.values()) == [0.7, 0.8, 0.9]
    for metric in logged:
        _validate_metric_name(metric)
    assert "plain" not in name or f"{name}.xgboost.grid.accuracy.mean" in logged


def test_an_epoch_is_in_mlflow_before_the_next_has_ended(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "FOLLOW_S", 0.1)
    request: Any = SimpleNamespace(
        key="images/convnet/dask/baseline/0",
        algorithm="convnet",
        folder=StudyFolder(home=tmp_path, id="study"),
    )
    curve = request.folder.curve(request.key)
    curve.parent.mkdir(parents=True)
    with Tracker(stack.mlflow_url, tmp_path / "outbox.sqlite", "curves") as tracker:
        session: Any = SimpleNamespace(tracker=tracker, key=tmp_path.name)
        key = recording.run_key(session, request)
        tracker.start_run(key, "baseline")
        run_id = tracker.run_id(key)
        client = mlflow_client(stack.mlflow_url)

        def steps() -> list[tuple[int, float]]:
            history = client.get_metric_history(run_id, "epoch/loss")
            return sorted((point.step, point.value) for point in history)

        with recording.following(session, request):
            CurveFile(str(curve)).on_epoch(1, {"loss": 0.7})
            wait_for(lambda: steps() == [(1, 0.7)], 30)
            CurveFile(str(curve)).on_epoch(2, {"loss": 0.5})
        assert tracker.flush(30)
        assert steps() == [(1, 0.7), (2, 0.5)]
        with recording.following(session, request):  # the study was killed and is resumed
            pass
        assert tracker.flush(30)
        assert steps() == [(1, 0.7), (2, 0.5)]
