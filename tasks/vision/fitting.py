"""One training from its start or its last checkpoint to its end, alone or as one of several ranks."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from infra.errors import ParameterError
from tasks.vision.checkpoints import Checkpointing, Checkpoints
from tasks.vision.network import Architecture, initialised
from tasks.vision.training import Alone, Callback, Ranks, Recipe, State, Trainer, threads

FORMAT = 1
"""Version of what a checkpoint means."""


@dataclass(frozen=True)
class Fit:
    """What all ranks of a training know, but for the pictures."""

    architecture: Architecture
    recipe: Recipe
    until: int
    """Epoch of the schedule after which to stop."""
    device: str
    """ "auto", "cpu" or "cuda"."""
    threads: int
    callbacks: tuple[Callback, ...] = ()
    checkpoints: Checkpoints | None = None


@dataclass(frozen=True)
class Fitted:
    """What a training leaves."""

    weights: dict[str, NDArray[Any]]
    history: list[dict[str, float]]
    device: str


def fitted(
    pictures: NDArray[np.uint8],
    codes: NDArray[np.int64],
    fit: Fit,
    device: torch.device | None = None,
    ranks: Ranks | None = None,
    agree: Callable[[State | None], State] | None = None,
) -> Fitted:
    """Train, from the last checkpoint if there is one.

    Parameters
    ----------
    pictures, codes : as for `Trainer`
    device : torch.device, optional
        Default: the one that `fit` asks for.
    ranks : Ranks, optional
        Default: this process alone.
    agree : callable, optional
        Gives every rank the state of the first one, where there are several.
    """
    device, first = device or chosen_device(fit.device), ranks is None or ranks.rank == 0
    with threads(fit.threads):
        network = initialised(fit.architecture, pictures, fit.recipe.seed)
        recipe = replace(fit.recipe, precision=chosen_precision(fit.recipe.precision, device))
        trainer = Trainer(network.to(device), pictures, codes, recipe, ranks or Alone())
        state = fit.checkpoints.latest(fit.until) if first and fit.checkpoints else None
        if agree is not None:
            state = agree((state or trainer.state()) if first else None)
        if state is not None:
            trainer.restore(state)
        trainer.train(fit.until, _callbacks(fit, trainer) if first else ())
    return Fitted(trainer.weights(), trainer.history, str(device))


def _callbacks(fit: Fit, trainer: Trainer) -> Sequence[Callback]:
    """The checkpoint first, so that what a callback breaks is not lost."""
    own = [] if fit.checkpoints is None else [Checkpointing(trainer, fit.checkpoints)]
    return [*own, *fit.callbacks]


def chosen_device(device: str) -> torch.device:
    """The device that is asked for; "auto": a GPU where this process sees one.

    Raises
    ------
    ParameterError
        If a GPU is asked for where there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ParameterError("device='cuda': this process sees no GPU; allowed: 'cpu', 'auto'")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def chosen_precision(precision: str, device: torch.device) -> str:
    """The precision that is asked for; "auto": bfloat16 where the device has instructions for it."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))
    return "bfloat16" if fast else "float32"


def checkpoints_of(
    folder: str | Path, architecture: Architecture, recipe: Recipe, data: str, codes: NDArray[np.int64]
) -> Checkpoints:
    """The checkpoints of a training with these parameters on this data, whose digest is `data`."""
    known = {
        "format": FORMAT,
        "architecture": asdict(architecture),
        "recipe": asdict(recipe),
        "data": data,
        "codes": sha256(np.ascontiguousarray(codes).data).hexdigest(),
    }
    return Checkpoints(Path(folder), sha256(json.dumps(known, sort_keys=True).encode()).hexdigest())
