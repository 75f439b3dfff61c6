"""Learning curves of a training that is still running: its process writes a file, and another process reads it."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Epoch:
    """Measurements of one epoch."""

    number: int
    """Number of the epoch, counted from 1."""
    ended: float
    """Time when the epoch ended, in Unix seconds."""
    metrics: dict[str, float]
    """Measured values, by the names of `ConvNetClassifier.history_`."""


@dataclass(frozen=True)
class CurveFile:
    """A callback of the network that adds a line to a file after each epoch."""

    path: str

    def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add the line of an epoch."""
        line = json.dumps({"epoch": epoch, "ended": time.time(), "metrics": dict(metrics)}) + "\n"
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line)


def epochs_in(path: Path) -> list[Epoch]:
    """Read the epochs that a file holds so far.

    Returns
    -------
    list of Epoch
        The epochs in their order. If an epoch was trained twice, as after a crash, the first line counts.
    """
    if not path.exists():
        return []
    found: dict[int, Epoch] = {}
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if line.endswith("\n"):  # a line without its end is still being written
            epoch = json.loads(line)
            found.setdefault(epoch["epoch"], Epoch(epoch["epoch"], epoch["ended"], epoch["metrics"]))
    return list(found.values())
