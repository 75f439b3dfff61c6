"""The folder of one study: the only place that knows where each file of a study is."""

import hashlib
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict


def studies_folder(home: Path) -> Path:
    """Return the folder that has the folders of all studies."""
    return home / "studies"


class StudyFolder(BaseModel):
    """The paths of the files of one study; a small object, which travels to workers.

    The paths stay the same from version to version, so that an interrupted study finds its files. No file and
    no folder is made here.

    Parameters
    ----------
    home : Path
        Home folder, which has the folders of all studies.
    id : str
        Id of the study.

    Examples
    --------
    >>> folder = StudyFolder(home=Path("/home/ann/.trilla"), id="20260101-120000-abcdef")
    >>> print(folder.ledger)
    /home/ann/.trilla/studies/20260101-120000-abcdef/ledger.sqlite
    >>> print(folder.report)
    /home/ann/.trilla/reports/20260101-120000-abcdef.html
    """

    model_config = ConfigDict(frozen=True)

    home: Path
    id: str

    @property
    def root(self) -> Path:
        """Folder of the study."""
        return studies_folder(self.home) / self.id

    @property
    def ledger(self) -> Path:
        """SQLite file of the recorded results."""
        return self.root / "ledger.sqlite"

    @property
    def result(self) -> Path:
        """JSON file of the study's result."""
        return self.root / "result.json"

    @property
    def report(self) -> Path:
        """HTML file of the report, outside of the study's folder."""
        return self.home / "reports" / f"{self.id}.html"

    @property
    def progress(self) -> Path:
        """File with the progress of the step that runs."""
        return self.root / "progress.json"

    def curve(self, key: str) -> Path:
        """Return the file with the epochs of the training in the cell with this key."""
        return self.root / "curves" / f"{_digest(key)}.jsonl"

    def checkpoints(self, key: str) -> Path:
        """Return the folder with the unfinished trainings of the cell with this key."""
        return self.root / "checkpoints" / _digest(key)

    def network(self, key: str) -> Path:
        """Return the folder of the trained network of the cell with this key."""
        return self.root / "networks" / _digest(key)

    def fitted(self, key: str) -> Path:
        """Return the folder of the fitted model of the cell with this key."""
        return self.root / "fitted" / _digest(key)

    def model(self, dataset: str) -> Path:
        """Return the folder of the recommended model of a data set, outside of the study's folder."""
        # MLflow makes the name a part of an address, in which other characters would mean something
        name = dataset if re.fullmatch(r"[\w .-]+", dataset) else _digest(dataset)
        return self.home / "models" / f"{self.id}-{name}"


def _digest(key: str) -> str:
    """Return a file name for a key, which may have characters that a file name cannot have."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]
