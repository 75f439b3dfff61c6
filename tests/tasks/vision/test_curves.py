"""Epochs in a file, written by one process and read by another."""

from pathlib import Path

from tasks.vision.curves import CurveFile, epochs_in


def test_epochs_are_there_as_soon_as_they_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    assert epochs_in(path) == []
    write = CurveFile(str(path)).on_epoch
    write(1, {"loss": 0.7, "accuracy": 0.5})
    [first] = epochs_in(path)
    assert (first.number, first.metrics) == (1, {"loss": 0.7, "accuracy": 0.5})
    write(2, {"loss": 0.1 + 0.2, "accuracy": 0.6})
    _, second = epochs_in(path)
    assert second.metrics["loss"] == 0.1 + 0.2
    assert second.ended >= first.ended > 1.7e9


def test_an_epoch_trained_again_and_a_line_half_written_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    write = CurveFile(str(path)).on_epoch
    for number in (1, 2, 1, 2, 3):
        write(number, {"loss": 1 / number})
    before = epochs_in(path)
    assert [epoch.number for epoch in before] == [1, 2, 3]
    text = path.read_text()
    path.write_text(text + text[: len(text) // 7])
    assert epochs_in(path) == before
