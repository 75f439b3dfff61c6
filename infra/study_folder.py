"""The files of one study: the only place that knows where each file of a study is."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class StudyFolder:
    """The folder of one study in the home folder, and the paths of the study's files.

    The paths stay the same from version to version, so that an interrupted study finds its files. No method
    makes a file or a folder, except `create`.

    Parameters
    ----------
    root : Path
        Folder of the study, `HOME/studies/ID`.

    Examples
    --------
    >>> folder = StudyFolder.in_home(Path("/home/ann/.trilla"), "20260101-120000-abcdef")
    >>> print(folder.ledger)
    /home/ann/.trilla/studies/20260101-120000-abcdef/ledger.sqlite
    >>> print(folder.report)
    /home/ann/.trilla/reports/20260101-120000-abcdef.html
    """

    root: Path

    @classmethod
    def in_home(cls, home: Path, study_id: str) -> Self:
        """Return the folder of the study with this id."""
        return cls(studies_folder(home) / study_id)

    def create(self) -> None:
        """Make the folder of a new study.

        Raises
        ------
        FileExistsError
            If the folder exists.
        """
        self.root.mkdir()

    @property
    def id(self) -> str:
        """Id of the study."""
        return self.root.name

    @property
    def home(self) -> Path:
        """Home folder, in which the study's folder is."""
        return self.root.parent.parent

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
        """HTML file of the report, in the home folder."""
        return self.home / "reports" / f"{self.id}.html"

    def model(self, dataset: str) -> Path:
        """Return the folder of the best model of a data set, in the home folder."""
        return self.home / "models" / f"{self.id}-{dataset}"

    def curve(self, key: str) -> Path:
        """Return the file with the epochs of a network's training, which the cell with this key trains."""
        return self.root / "curves" / f"{_digest(key)}.jsonl"

    def checkpoints(self, key: str) -> Path:
        """Return the folder with the unfinished trainings of the cell with this key."""
        return self.root / "checkpoints" / _digest(key)

    def network(self, key: str) -> Path:
        """Return the folder of the trained network of the cell with this key."""
        return self.root / "networks" / _digest(key)


def studies_folder(home: Path) -> Path:
    """Return the folder that has the folders of all studies."""
    return home / "studies"


def _digest(key: str) -> str:
    """Return a file name for a key, which may have characters that a file name cannot have."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]
