"""What is shown on Prefect's pages, and that a server that is away does not stop the work."""

import logging
import time
from typing import Any

import httpx
import pytest

from infra import display


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "TRY_EVERY_S", 0.01)
    monkeypatch.setattr(display, "PROGRESS_EVERY_S", 0.01)


def test_an_artifact_is_created_when_the_server_is_back(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    def create(key: str, description: str) -> None:
        asked.append(key)
        if len(asked) < 3:
            raise httpx.ConnectError("refused")

    display.show(create, key="links", description="Links")
    assert asked == ["links"] * 3
    assert not caplog.records


def test_without_a_server_the_work_goes_on_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(display, "PATIENCE_S", 0.05)

    def create(description: str) -> None:
        raise httpx.ConnectError("refused")

    with caplog.at_level(logging.WARNING):
        display.show(create, description="Links")
    assert "Prefect does not show 'Links': refused" in caplog.text


def test_an_error_that_is_not_the_servers_is_raised() -> None:
    def create(description: str) -> None:
        raise ValueError("bad table")

    with pytest.raises(ValueError, match="bad table"):
        display.show(create, description="Links")


def test_a_failed_request_for_the_pages_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with display.display_only("the state of a task"):
        raise httpx.ReadTimeout("too slow")
    assert "Prefect does not show the state of a task: ReadTimeout: too slow" in caplog.text


def test_progress_tells_the_finished_part_the_best_score_and_the_remaining_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[tuple[float, str]] = []

    def create(percent: float, description: str) -> str:
        shown.append((percent, description))
        return "id"

    def update(artifact: Any, percent: float, description: str) -> None:
        shown.append((percent, description))

    monkeypatch.setattr(display, "create_progress_artifact", create)
    monkeypatch.setattr(display, "update_progress_artifact", update)
    with display.ProgressArtifact("Trials") as progress:
        progress(1000, 4000)
        time.sleep(0.1)
        progress(2000, 4000, best=0.51234)
        time.sleep(0.1)
        progress(4000, 4000, best=0.6)
    percents = [percent for percent, _ in shown]
    assert percents == sorted(percents)
    assert shown[-1] == (100.0, "Trials: 4,000 of 4,000, best 0.6")
    assert any("2,000 of 4,000, best 0.5123, about" in text for _, text in shown)


def test_progress_without_a_known_total_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(
        display, "create_progress_artifact", lambda _, description: shown.append(description) or "id"
    )
    with display.ProgressArtifact("Download") as progress:
        progress(7, 0)
        time.sleep(0.1)
    assert shown == ["Download: 7"]


def test_progress_is_told_in_another_place_too() -> None:
    told: list[str] = []
    progress = display.ProgressArtifact("grid: fits done", told.append)
    progress(0, 18)
    progress(3, 18, 0.5)
    assert told[0] == "grid: fits done: 0 of 18"
    assert told[1].startswith("grid: fits done: 3 of 18, best 0.5, about")
