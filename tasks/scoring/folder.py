"""The folder of predictions: the parts of one run, a description of the run, and what is kept of a killed run."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from infra.errors import DataError
from tasks.datasets.files.parts import is_hidden
from tasks.scoring.parts import UNFINISHED, Part, part_name, read_part, sync

MANIFEST = "_trilla.json"
LOCK = ".trilla.lock"
FORMAT = 1
WORDS = {
    "model": "another model",
    "source": "other data",
    "files": "other files, or the data have changed since",
    "keep": "other columns with --keep",
    "trilla": "another version of trilla",
    "pieces": "pieces that were cut in another way",
}
"""What differs between two runs, by the field of `Run`, in words that follow "the parts are of"."""


class Run(BaseModel):
    """Everything that the predictions depend on; parts of equal runs are equal.

    Parameters
    ----------
    model : str
        Digest of the model's files.
    source : str
        Path of the table.
    files : str
        Digest of the names, sizes and times of the table's files.
    keep : tuple of str
        Columns of the table that are carried along.
    trilla : str
        Version of trilla.
    pieces : str
        Digest of the names of the pieces.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    source: str
    files: str
    keep: tuple[str, ...]
    trilla: str
    pieces: str

    @property
    def digest(self) -> str:
        """Digest of the run."""
        return text_digest(self.model_dump_json())


class PartEntry(BaseModel):
    """A part in the manifest."""

    model_config = ConfigDict(frozen=True)

    file: str
    piece: str
    rows: int
    sha256: str


class PredictionsManifest(BaseModel):
    """Description of a folder of predictions, in the file `_trilla.json`.

    Parameters
    ----------
    format : int
        Version of the format.
    complete : bool
        Whether all parts are there.
    run : Run
        What the predictions depend on.
    model : str
        Name and version of the model.
    dataset, algorithm : str
        Data set and algorithm of the model.
    versions : dict of str to str
        Versions of trilla and of the libraries of the model.
    pieces : int
        Number of pieces of the table.
    rows : int
        Number of predictions; 0 until the folder is complete.
    sha256 : str
        Digest of the digests of the parts; empty until the folder is complete.
    parts : tuple of PartEntry
        The parts, in the order of the rows; empty until the folder is complete.
    notes : tuple of str
        Sentences on how the table was read and on what is new in it.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    complete: bool = False
    run: Run
    model: str
    dataset: str
    algorithm: str
    versions: dict[str, str]
    pieces: int
    rows: int = 0
    sha256: str = ""
    parts: tuple[PartEntry, ...] = ()
    notes: tuple[str, ...] = ()

    def completed(self, parts: Sequence[Part], notes: Sequence[str]) -> "PredictionsManifest":
        """The manifest of the complete folder."""
        entries = tuple(
            PartEntry(file=part.file, piece=part.description.piece, rows=part.rows, sha256=part.sha256)
            for part in parts
        )
        return self.model_copy(
            update={
                "complete": True,
                "rows": sum(entry.rows for entry in entries),
                "sha256": text_digest("".join(entry.sha256 for entry in entries)),
                "parts": entries,
                "notes": tuple(notes),
            }
        )


def text_digest(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def files_digest(files: Sequence[Path]) -> str:
    """Digest of the names, sizes and times of files, which changes when a file is written anew."""
    found = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return text_digest(json.dumps(found))


@contextmanager
def output_folder(folder: Path) -> Iterator["OutputFolder"]:
    """Make a folder of predictions if it is missing, and hold its lock, which the system releases with the process.

    Raises
    ------
    DataError
        If the folder cannot be made, or another run writes to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(blocking=False)
    except Timeout:
        raise DataError(f"--out {folder}: another run writes to this folder; wait for its end") from None
    except OSError as error:
        raise DataError(f"--out {folder}: {error.strerror or error}") from None
    with lock:
        found = OutputFolder(folder)
        try:
            yield found
        finally:
            found.clear()


class OutputFolder:
    """A folder of predictions, whose lock is held.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, manifest: PredictionsManifest, numbers: Sequence[int]) -> list[Part]:
        """Take over the parts of an equal run that was interrupted, and write the manifest.

        Parameters
        ----------
        manifest : PredictionsManifest
            The manifest of this run.
        numbers : sequence of int
            Numbers of the pieces.

        Returns
        -------
        list of Part
            The parts that are there.

        Raises
        ------
        DataError
            If the folder holds other files, or parts of another run.
        """
        self.clear()
        names = {part_name(number): number for number in numbers}
        kept: list[Part] = []
        for name in sorted(name for name in os.listdir(self.folder) if not is_hidden(name)):
            part = read_part(self.folder / name)
            if part is None or part.file != name:
                raise DataError(
                    f"--out {self.folder}: the folder holds '{name}', which is no part of predictions; give a new or "
                    "an empty folder"
                )
            if part.description.run != manifest.run.digest or name not in names:
                self._refuse_other_run(manifest)
            kept.append(part)
        self.keep(manifest)
        return kept

    def keep(self, manifest: PredictionsManifest) -> None:
        """Write the manifest, whole or not at all."""
        unfinished = self.folder / f"{UNFINISHED}{uuid4().hex}"
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(manifest.model_dump_json(indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.folder / MANIFEST)
            sync(self.folder)
        except OSError as error:
            raise DataError(f"--out {self.folder}: {error.strerror or error}") from None
        finally:
            unfinished.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete what killed processes did not finish."""
        for unfinished in self.folder.glob(f"{UNFINISHED}*"):
            unfinished.unlink(missing_ok=True)

    def manifest(self) -> PredictionsManifest | None:
        """The manifest that is there; None if there is none that this version of trilla can read."""
        try:
            return PredictionsManifest.model_validate_json((self.folder / MANIFEST).read_bytes())
        except (OSError, ValidationError):
            return None

    def _refuse_other_run(self, manifest: PredictionsManifest) -> None:
        before = self.manifest()
        raise DataError(
            f"--out {self.folder}: the folder holds parts of another run{_difference(before, manifest)}; give another "
            "folder, or delete this one"
        )


def _difference(before: PredictionsManifest | None, now: PredictionsManifest) -> str:
    if before is None:
        return ""
    old, new = before.run.model_dump(), now.run.model_dump()
    differing = [WORDS[name] for name in WORDS if old[name] != new[name]]
    of: Any = f" ({differing[0]})" if differing else ""
    return f" of model {before.model}{of}"
