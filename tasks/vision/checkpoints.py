"""Checkpoints: the state of a training on disk after each epoch, from which the training is resumed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from tasks.vision.tensor_files import read_arrays, write_arrays
from tasks.vision.training import Trainer, TrainingState

STATE_FILE = "state.json"


@dataclass(frozen=True)
class Checkpoints:
    """The last state of one training, found by a digest of all that the training depends on.

    Parameters
    ----------
    folder : Path
        Folder for the checkpoints of many trainings; each training has a sub-folder named by its digest.
    digest : str
        SHA-256 digest of parameters and data, in hexadecimal digits.
    """

    folder: Path
    digest: str

    @property
    def path(self) -> Path:
        """Folder of this training."""
        return self.folder / self.digest[:32]

    def write(self, state: TrainingState) -> None:
        """Replace the last state by this one; a reader finds the old state or the new one, whole."""
        arrays = {name: tensor.numpy() for name, tensor in state.tensors.items()}
        description = {"digest": self.digest, "epoch": state.epoch, "history": state.history}
        name = f"epoch-{state.epoch:05d}.safetensors"
        write_arrays(self.path, STATE_FILE, name, arrays, description)
        for old in set(self.path.glob("epoch-*.safetensors")) - {self.path / name}:
            old.unlink(missing_ok=True)

    def latest(self, until: int) -> TrainingState | None:
        """Read the last state, unless there is none or it lies after epoch `until`.

        Raises
        ------
        DataError
            If the files are damaged.
        """
        if not (self.path / STATE_FILE).exists():
            return None
        arrays, description = read_arrays(self.path, STATE_FILE)
        if description["digest"] != self.digest or description["epoch"] > until:
            return None
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return TrainingState(description["epoch"], tensors, description["history"])


@dataclass(frozen=True)
class CheckpointCallback:
    """A callback that writes a checkpoint after each epoch."""

    trainer: Trainer
    checkpoints: Checkpoints

    def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the state of the trainer."""
        self.checkpoints.write(self.trainer.state())
