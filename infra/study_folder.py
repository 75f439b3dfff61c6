"""The folder of one study, and where everything in it lies: nobody else builds these paths."""

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class StudyFolder(BaseModel):
    """The files of one study; small, so that it travels to workers.

    Parameters
    ----------
    home : Path
        The home folder of all studies.
    id : str
        Name of the study.
    """

    model_config = ConfigDict(frozen=True)

    home: Path
    id: str

    @property
    def root(self) -> Path:
        """The folder itself."""
        return self.home / "studies" / self.id

    @property
    def ledger(self) -> Path:
        """File of the trials that are done."""
        return self.root / "ledger.sqlite"

    @property
    def result(self) -> Path:
        """File of the whole result, as JSON."""
        return self.root / "result.json"

    @property
    def report(self) -> Path:
        """File of the HTML report."""
        return self.home / "reports" / f"{self.id}.html"

    def curve(self, key: str) -> Path:
        """File of the epochs of a cell's training, during the training and afterwards."""
        return self.root / "curves" / f"{_digest(key)}.jsonl"

    def checkpoints(self, key: str) -> Path:
        """Folder of a cell's long trainings, until the cell is recorded."""
        return self.root / "checkpoints" / _digest(key)

    def network(self, key: str) -> Path:
        """Folder of a cell's trained network."""
        return self.root / "networks" / _digest(key)

    def model(self, dataset: str) -> Path:
        """Folder of the recommended model of a data set."""
        return self.home / "models" / f"{self.id}-{dataset}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
