"""The epochs of a training while it goes on: its process writes them into a file, another one reads them there."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Epoch:
    """What was measured in one epoch."""

    number: int
    """Counted from 1."""
    ended: float
    """Unix seconds."""
    metrics: dict[str, float]


@dataclass(frozen=True)
class CurveFile:
    """A callback of the network: adds a line to a file after each epoch."""

    path: str

    def on_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add the line of an epoch."""
        line = json.dumps({"epoch": epoch, "ended": time.time(), "metrics": dict(metrics)}) + "\n"
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line)


def epochs_in(path: Path) -> list[Epoch]:
    """Epochs in a file so far, in their order; of one that was trained again, as after a crash, the first."""
    if not path.exists():
        return []
    found: dict[int, Epoch] = {}
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if line.endswith("\n"):  # else it is being written
            epoch = json.loads(line)
            found.setdefault(epoch["epoch"], Epoch(epoch["epoch"], epoch["ended"], epoch["metrics"]))
    return list(found.values())
