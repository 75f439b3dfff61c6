"""Trainings and models on disk: tensors as safetensors, all else as JSON, nothing half-written, no pickle."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as tensors_of
from safetensors.numpy import save as bytes_of

from infra.errors import DataError
from tasks.vision.training import State, Trainer

STATE_FILE = "state.json"


@dataclass(frozen=True)
class Checkpoints:
    """The last state of one training, which is found again by the digest of all that it depends on.

    Attributes
    ----------
    folder : Path
        Of many trainings; each has a folder of its own in it, named by its digest.
    digest : str
        SHA-256 of parameters and data, in hexadecimal.
    """

    folder: Path
    digest: str

    @property
    def place(self) -> Path:
        """The folder of this training."""
        return self.folder / self.digest[:32]

    def write(self, state: State) -> None:
        """Put a state in the place of the last one; a reader finds the one or the other, whole."""
        tensors = {name: tensor.numpy() for name, tensor in state.tensors.items()}
        about = {"digest": self.digest, "epoch": state.epoch, "history": state.history}
        name = f"epoch-{state.epoch:05d}.safetensors"
        write(self.place, STATE_FILE, name, tensors, about)
        for old in set(self.place.glob("epoch-*.safetensors")) - {self.place / name}:
            old.unlink(missing_ok=True)

    def latest(self, until: int) -> State | None:
        """The last state, if there is one that is not beyond epoch `until`.

        Raises
        ------
        DataError
            If the files are damaged.
        """
        if not (self.place / STATE_FILE).exists():
            return None
        tensors, about = read(self.place, STATE_FILE)
        if about["digest"] != self.digest or about["epoch"] > until:
            return None
        found = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
        return State(about["epoch"], found, about["history"])


@dataclass(frozen=True)
class Checkpointing:
    """Writes a checkpoint after each epoch."""

    trainer: Trainer
    checkpoints: Checkpoints

    def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the trainer's state."""
        self.checkpoints.write(self.trainer.state())


def write(
    folder: Path, name: str, tensors_name: str, tensors: Mapping[str, NDArray[Any]], about: Mapping[str, Any]
) -> None:
    """Write tensors and, when they are on the disk, the JSON file that names them with their digest."""
    folder.mkdir(parents=True, exist_ok=True)
    content = bytes_of(dict(tensors))
    _replace(folder / tensors_name, content)
    described = {**about, "tensors": tensors_name, "sha256": sha256(content).hexdigest()}
    _replace(folder / name, (json.dumps(described, indent=2) + "\n").encode())


def read(folder: Path, name: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write` wrote.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    try:
        about = json.loads((folder / name).read_text("utf-8"))
        # a name that leads out of the folder is not followed
        content = (folder / Path(about["tensors"]).name).read_bytes()
        if sha256(content).hexdigest() != about["sha256"]:
            raise ValueError(f"{about['tensors']} has another SHA-256 than {name} says")
        return tensors_of(content), about
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DataError(f"'{folder}' cannot be read, delete it or give another folder: {error}") from None


def labels_to_json(classes: NDArray[Any]) -> dict[str, Any]:
    """Class labels with their type."""
    return {"dtype": "object" if classes.dtype.hasobject else classes.dtype.str, "labels": classes.tolist()}


def labels_from_json(found: Mapping[str, Any]) -> NDArray[Any]:
    """Class labels from what `labels_to_json` made."""
    return np.array(found["labels"], dtype=np.dtype(found["dtype"]))


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
