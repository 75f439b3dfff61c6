"""Copies of artifacts that wait beside the outbox until the tracking server has them."""

import shutil
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from infra.errors import StackError


class ArtifactCopies:
    """The copies of artifacts of one process, in a folder that several processes share.

    Parameters
    ----------
    folder : Path
        Folder of the copies of all processes.
    owner : str
        Name of the process, unique among all processes; the folder of its copies has this name.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder = folder
        self._owner = owner

    def keep(self, source: Path | str, name: str) -> str:
        """Copy a file or folder, or write a text, so that the original may be removed.

        Parameters
        ----------
        source : Path or str
            Path of the file or folder, or the text itself.
        name : str
            Name of the copy.

        Returns
        -------
        str
            Place of the copy, for `path`.

        Raises
        ------
        StackError
            If the original cannot be read or the copy cannot be written.
        """
        place = Path(self._owner, uuid.uuid4().hex, name).as_posix()
        target = self.path(place)
        target.parent.mkdir(parents=True)
        try:
            if isinstance(source, str):
                target.write_text(source, encoding="utf-8")
            elif source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copyfile(source, target)
        except OSError as error:
            shutil.rmtree(target.parent)
            raise StackError(f"No copy of {name} can be kept for the tracking server: {error}.") from error
        return place

    def path(self, place: str) -> Path:
        """Return the path of a copy."""
        return self._folder / place

    def remove(self, place: str) -> None:
        """Remove a copy. A copy that cannot be removed now is an orphan after the end of this process."""
        shutil.rmtree(self.path(place).parent, ignore_errors=True)

    def remove_orphans(self, places: Iterable[str], lives: Callable[[str], bool]) -> None:
        """Remove the copies of ended processes that nobody needs.

        A process leaves such a copy if the process ends before it records the operation with the copy, or
        before it removes the copy.

        Parameters
        ----------
        places : iterable of str
            Places of the copies that operations need.
        lives : callable
            Function that tells whether the owner of this name still runs.
        """
        used = {self.path(place).parent for place in places}
        for owner in self._folder.glob("*"):
            if lives(owner.name):
                continue
            for folder in set(owner.iterdir()) - used:
                shutil.rmtree(folder)
            if not any(owner.iterdir()):
                owner.rmdir()
