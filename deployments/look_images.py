"""A look at images, in the terminal, as a page and for a program."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deployments.preparations import print_note
from tasks.datasets.catalogue import Source
from tasks.datasets.distributions import Frequencies
from tasks.datasets.images.looking import ImagesLook
from tasks.report import wording
from tasks.report.look_page import LookPage


@dataclass(frozen=True)
class LookedImages:
    """Images that were looked at."""

    source: Source
    look: ImagesLook

    @property
    def refusal(self) -> str | None:
        """The sentence with which a study would refuse the images; None: nothing was seen that a study refuses."""
        return self.look.refusal

    def show(self, console: Console) -> None:
        """Print the classes and the notes."""
        console.print(Text(self._heading(), "bold"), soft_wrap=True)
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("Class", overflow="fold")
        table.add_column("Images", justify="right")
        for label, count in self.look.classes.items():
            table.add_row(Text(wording.one_line(label)), f"{count:,}")
        console.print(table)
        for note in self.look.notes:
            print_note(wording.one_line(note), console)

    def page(self, study: str) -> LookPage:
        """The content of the page."""
        return LookPage(
            name=self.source.name,
            path=str(self.source.path),
            answer=self._heading(),
            refusal=self.refusal,
            command=study,
            notes=self.look.notes,
            classes=Frequencies(tuple(self.look.classes.items()), 0) if self.look.classes else None,
        )

    def as_json(self) -> dict[str, Any]:
        """The classes and the notes."""
        return {
            "task": self.source.task,
            "classes": self.look.classes,
            "notes": self.look.notes,
            "refusal": self.refusal,
        }

    def _heading(self) -> str:
        images, classes = sum(self.look.classes.values()), len(self.look.classes)
        name = wording.one_line(self.source.name)
        return f"{name}: {wording.count(images, 'image')}, {wording.count(classes, 'class', 'classes')}"
