"""The file by which a step tells the terminal how far it is."""

from pathlib import Path

from infra.progress_file import ProgressFile


def test_only_the_progress_of_the_step_that_runs_is_read(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path / "progress.json")
    assert file.read("grid") is None
    file.write("grid", "grid: 3 of 18")
    file.write("grid", "grid: 4 of 18")
    assert file.read("grid") == "grid: 4 of 18"
    assert file.read("random") is None
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]
