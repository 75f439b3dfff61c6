"""The loop: schedule, augmentation, repetition, and resumption after a kill."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from infra.errors import DataError
from tasks.vision.augmentation import augmented, draw_augmentation, mixed
from tasks.vision.fitting import chosen_precision
from tasks.vision.training import learning_rate
from tests.infra.engines.starting import ROOT
from tests.tasks.vision.synthetic import Listener, stripes, tiny

X, Y = stripes(96)


def same(one: Any, other: Any) -> bool:
    return all(one.weights_[name].tobytes() == other.weights_[name].tobytes() for name in one.weights_)


def test_the_learning_rate_rises_in_the_first_fifth_and_falls_to_nearly_zero() -> None:
    rates = [learning_rate(step, 99, 0.5) for step in range(99)]
    assert int(np.argmax(rates)) == 19
    assert max(rates) == pytest.approx(0.5)
    assert (np.diff(rates[:20]) > 0).all()
    assert (np.diff(rates[19:]) < 0).all()
    assert 0 < rates[-1] < 0.01


def test_an_epoch_has_every_image_once_in_an_order_of_its_own() -> None:
    first, second = (draw_augmentation(50, 3, epoch, 1.0, 0.0).order for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(50))
    assert list(first) != list(second)
    assert list(first) == list(draw_augmentation(50, 3, 0, 0.0, 0.5).order)


def test_an_image_is_mirrored_in_every_other_epoch() -> None:
    mirrored = []
    for epoch in range(4):
        drawn = draw_augmentation(30, 0, epoch, 1e-6, 0.0)
        found = np.empty(30)
        found[drawn.order] = drawn.matrices[:, 0, 0] < 0
        mirrored.append(found)
    assert (mirrored[0] != mirrored[1]).all()
    assert (mirrored[0] == mirrored[2]).all()
    assert 0 < mirrored[0].sum() < 30


def test_almost_no_augmentation_only_mirrors() -> None:
    drawn, places = draw_augmentation(6, 0, 0, 1e-6, 0.0), np.arange(6)
    images = torch.from_numpy(X[:6]).float().permute(0, 3, 1, 2)
    flipped = drawn.matrices[:, 0, 0] < 0
    expected = torch.where(flipped[:, None, None, None], images.flip(3), images)
    torch.testing.assert_close(augmented(images, drawn, places, 1e-6), expected, rtol=1e-3, atol=0.1)


def test_images_are_shifted_and_partly_blanked() -> None:
    drawn = draw_augmentation(200, 0, 0, 1.0, 0.0)
    found = augmented(torch.ones(200, 3, 32, 32), drawn, np.arange(200), 1.0)
    assert ((found == 0).float().mean((1, 2, 3)) <= 64 / 1024 + 1e-6).all()
    assert 0.03 < (found == 0).float().mean() < 64 / 1024
    assert drawn.matrices[:, :, 2].abs().max() <= 0.25  # an eighth of a side, which is 2 long
    assert drawn.matrices[:, :, 2].abs().max() > 0.2


def test_mixing_keeps_the_sum_of_targets() -> None:
    shares = torch.tensor([0.6, 0.9, 1.0])
    images, targets = mixed(torch.eye(3)[:, :, None, None], torch.eye(3), shares)
    torch.testing.assert_close(targets, torch.tensor([[0.6, 0, 0.4], [0, 1, 0], [0, 0, 1]]))
    torch.testing.assert_close(images[:, :, 0, 0], targets)


def test_seeds_are_repeatable_and_matter() -> None:
    state = torch.get_rng_state()
    assert same(tiny(epochs=2).fit(X, Y), tiny(epochs=2).fit(X, Y))
    assert not same(tiny(epochs=2).fit(X, Y), tiny(epochs=2, random_state=1).fit(X, Y))
    assert torch.equal(torch.get_rng_state(), state)  # nobody else's random numbers change


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False}, "float32"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({}, "float32"),
    ],
)
def test_precision_follows_the_processor(
    instructions: dict[str, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: instructions)
    assert chosen_precision("auto", torch.device("cpu")) == expected
    assert chosen_precision("float32", torch.device("cpu")) == "float32"


def test_a_training_in_two_parts_is_the_training_in_one(tmp_path: Path) -> None:
    listener = Listener()
    parts = tiny(checkpoints=tmp_path)
    assert len(parts.set_params(stop_epoch=1).fit(X, Y).history_) == 1
    whole = parts.set_params(stop_epoch=None, callbacks=[listener]).fit(X, Y)
    straight = tiny().fit(X, Y)
    assert [epoch for epoch, _ in listener.heard] == [2, 3, 4]
    assert same(whole, straight)
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
    assert same(resumed, tiny().fit(X, Y))
