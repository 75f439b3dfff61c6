"""A file by which the process of a step tells the process of the terminal how far the step is."""

import json
import os
from pathlib import Path


class ProgressFile:
    """The progress of the step that runs; written whole, so that a reader never sees half a sentence.

    Parameters
    ----------
    path : Path
        Path of the file; its folder must exist when the file is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, title: str, text: str) -> None:
        """Store the progress of the step with this title."""
        unfinished = self.path.with_suffix(f".{os.getpid()}.part")
        unfinished.write_text(json.dumps({"title": title, "text": text}))
        os.replace(unfinished, self.path)

    def read(self, title: str) -> str | None:
        """Return the progress of the step with this title; None while the step has told nothing."""
        try:
            found = json.loads(self.path.read_text())
        except FileNotFoundError:
            return None
        return str(found["text"]) if found["title"] == title else None
