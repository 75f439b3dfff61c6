"""One training from its beginning or its last checkpoint to its end, on one rank or on several."""

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
from tasks.vision.checkpoints import CheckpointCallback, Checkpoints
from tasks.vision.network import Architecture, initialised_network
from tasks.vision.training import (
    Callback,
    Ranks,
    SingleRank,
    Trainer,
    TrainingParameters,
    TrainingState,
    torch_threads,
)

CHECKPOINT_FORMAT = 1


@dataclass(frozen=True)
class TrainingSpec:
    """All that the ranks of a training have to know, except the images."""

    architecture: Architecture
    """Shapes of the network's weights."""
    parameters: TrainingParameters
    """Hyperparameters of the training."""
    until: int
    """Epoch of the schedule after which the training stops."""
    device: str
    """Device that the user asked for: "auto", "cpu" or "cuda"."""
    threads: int
    """Number of threads of each rank's tensor operations."""
    callbacks: tuple[Callback, ...] = ()
    """Objects that the first rank calls after each epoch."""
    checkpoints: Checkpoints | None = None
    """Checkpoints to resume from and to write."""


@dataclass(frozen=True)
class TrainedNetwork:
    """The result of a training."""

    weights: dict[str, NDArray[Any]]
    """Weights and batch statistics, averaged over the last steps, by their names in the network."""
    history: list[dict[str, float]]
    """Measurements of each epoch."""
    device: str
    """Device on which the network was trained."""


def train_network(
    images: NDArray[np.uint8],
    codes: NDArray[np.int64],
    spec: TrainingSpec,
    device: torch.device | None = None,
    ranks: Ranks | None = None,
    broadcast: Callable[[TrainingState | None], TrainingState] | None = None,
) -> TrainedNetwork:
    """Train a network, from the last checkpoint if there is one.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, 3), uint8
        Training images; may be memory-mapped.
    codes : ndarray of shape (n,), int64
        Class of each image, counted from 0.
    spec : TrainingSpec
        Architecture and settings of the training.
    device : torch.device, optional
        Device of this rank; default: the one that `spec` asks for.
    ranks : Ranks, optional
        The ranks that share the training; default: this process alone.
    broadcast : callable, optional
        Function that returns the first rank's argument on every rank; needed if there are several ranks.
    """
    device, is_first = device or chosen_device(spec.device), ranks is None or ranks.rank == 0
    with torch_threads(spec.threads):
        network = initialised_network(spec.architecture, images, spec.parameters.seed)
        precision = chosen_precision(spec.parameters.precision, device)
        parameters = replace(spec.parameters, precision=precision)
        trainer = Trainer(network.to(device), images, codes, parameters, ranks or SingleRank())
        state = spec.checkpoints.latest(spec.until) if is_first and spec.checkpoints else None
        if broadcast is not None:
            state = broadcast((state or trainer.state()) if is_first else None)
        if state is not None:
            trainer.restore(state)
        trainer.train(spec.until, _callbacks(spec, trainer) if is_first else ())
    return TrainedNetwork(trainer.weights(), trainer.history, str(device))


def _callbacks(spec: TrainingSpec, trainer: Trainer) -> Sequence[Callback]:
    """Callbacks of the first rank; the checkpoint is written first, so that a failing callback loses no epoch."""
    own = [] if spec.checkpoints is None else [CheckpointCallback(trainer, spec.checkpoints)]
    return [*own, *spec.callbacks]


def chosen_device(device: str) -> torch.device:
    """Device of a training; "auto" is a GPU if this process sees one, else the CPU.

    Raises
    ------
    ParameterError
        If a GPU is asked for and this process sees none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ParameterError("device='cuda': this process sees no GPU; allowed: 'cpu', 'auto'")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def chosen_precision(precision: str, device: torch.device) -> str:
    """Precision of a training; "auto" is bfloat16 if the device has instructions for it, else float32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16"))
    return "bfloat16" if has_bfloat16 else "float32"


def checkpoints_for(
    folder: str | Path,
    architecture: Architecture,
    parameters: TrainingParameters,
    images_digest: str,
    codes: NDArray[np.int64],
) -> Checkpoints:
    """Find the checkpoints of a training.

    Parameters
    ----------
    folder : str or Path
        Folder for the checkpoints of many trainings.
    architecture : Architecture
        Shapes of the network's weights.
    parameters : TrainingParameters
        Hyperparameters of the training.
    images_digest : str
        Digest of the training images.
    codes : ndarray of shape (n,), int64
        Class of each image.
    """
    known = {
        "format": CHECKPOINT_FORMAT,
        "architecture": asdict(architecture),
        "recipe": asdict(parameters),
        "data": images_digest,
        "codes": sha256(np.ascontiguousarray(codes).data).hexdigest(),
    }
    return Checkpoints(Path(folder), sha256(json.dumps(known, sort_keys=True).encode()).hexdigest())
