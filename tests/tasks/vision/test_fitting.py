"""What a training runs on."""

import pytest
import torch

from tasks.vision.fitting import chosen_precision


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
