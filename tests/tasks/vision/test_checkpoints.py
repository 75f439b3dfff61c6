"""Trainings that are resumed from a checkpoint, also after a kill."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.errors import DataError
from tests.infra.engines.starting import ROOT
from tests.tasks.vision.synthetic import Listener, same_weights, stripes, tiny

X, Y = stripes(96)


def test_a_training_in_two_parts_is_the_training_in_one(tmp_path: Path) -> None:
    listener = Listener()
    parts = tiny(checkpoints=tmp_path)
    assert len(parts.set_params(stop_epoch=1).fit(X, Y).history_) == 1
    whole = parts.set_params(stop_epoch=None, callbacks=[listener]).fit(X, Y)
    straight = tiny().fit(X, Y)
    assert [epoch for epoch, _ in listener.heard] == [2, 3, 4]
    assert same_weights(whole, straight)
    assert [h["loss"] for h in whole.history_] == [h["loss"] for h in straight.history_]


@pytest.mark.parametrize(
    "change", [{"learning_rate": 0.05}, {"random_state": 1}, {"width": 5}, {"epochs": 5}, {"data": None}]
)
def test_another_training_does_not_resume_from_the_checkpoint(change: dict[str, Any], tmp_path: Path) -> None:
    tiny(stop_epoch=2, checkpoints=tmp_path).fit(X, Y)
    pixels = X
    if "data" in change:
        pixels, change = X.copy(), {}
        pixels[0, 0, 0, 0] ^= 1
    listener = Listener()
    tiny(stop_epoch=2, checkpoints=tmp_path, callbacks=[listener], **change).fit(pixels, Y)
    assert [epoch for epoch, _ in listener.heard] == [1, 2]


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    model = tiny(stop_epoch=2, checkpoints=tmp_path).fit(X, Y)
    [tensors] = tmp_path.rglob("*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-1])
    with pytest.raises(
        DataError, match=r"cannot be read, delete it .*the SHA-256 digest of .* is not the one in"
    ):
        model.fit(X, Y)


KILLED = """
import sys
from pathlib import Path
from tests.tasks.vision.synthetic import Fatal, stripes, tiny
folder = Path(sys.argv[1])
tiny(checkpoints=folder / "checkpoints", callbacks=[Fatal(folder, 2)]).fit(*stripes(96))
"""


def test_a_killed_training_is_resumed_and_ends_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    [state] = tmp_path.rglob("state.json")
    assert json.loads(state.read_text())["epoch"] == 2
    listener = Listener()
    resumed = tiny(checkpoints=tmp_path / "checkpoints", callbacks=[listener]).fit(X, Y)
    assert [epoch for epoch, _ in listener.heard] == [3, 4]
    assert same_weights(resumed, tiny().fit(X, Y))
