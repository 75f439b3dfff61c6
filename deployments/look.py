"""`trilla look`: how a table or a folder of images is read, and what a study would do, without a study."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.text import Text

from deployments.look_images import LookedImages
from deployments.look_table import LookedTable
from deployments.preparations import command
from deployments.result_files import check_result_file, write_whole
from flows.checking import with_cost
from flows.parameters import ReadingParameters, StudyParameters
from infra.errors import DataError
from infra.settings import load_settings
from tasks.cost_estimate import is_very_wide
from tasks.datasets.catalogue import CATS_DOGS, Source, resolve
from tasks.datasets.images.looking import look_at_images
from tasks.datasets.looking import TableLook, look_at
from tasks.problems import problem_of
from tasks.report.look_page import render_look

FOLDS: int = StudyParameters.model_fields["folds"].default
WIDTH = 160  # characters of a line where the output is no terminal


def look(data: str, reading: ReadingParameters, html: Path | None, json_file: Path | None) -> None:
    """Show how data are read and what a study would do; no server is started, and nothing is kept.

    Parameters
    ----------
    data : str
        Path or name of the data.
    reading : ReadingParameters
        Parameters with which the data are read.
    html, json_file : Path, optional
        Files to write the description to.

    Raises
    ------
    TrillaError
        If a study would refuse the data, after everything that could be read is shown; or if a file cannot be written.
    """
    check_result_file("--html", html)
    check_result_file("--json", json_file)
    source = _located(resolve(data, reading.target, reading.chosen_task, reading.reading))
    looked = _looked(source)
    study, console = command("study", data, reading), _console()
    looked.show(console)
    if html:
        write_whole(html, render_look(looked.page(study)))
    if json_file:
        found = {"name": source.name, "path": str(source.path), **looked.as_json(), "command": study}
        write_whole(json_file, json.dumps(found, indent=2, ensure_ascii=False))
    if looked.refusal:
        raise DataError(looked.refusal)
    console.print(Text(f"\n{study}", "bold"), soft_wrap=True)


def _looked(source: Source) -> LookedTable | LookedImages:
    rules = problem_of(source.task).rules
    if rules is None:
        return LookedImages(source, look_at_images(source.path, source.name))
    return LookedTable(source, _with_cost(look_at(source, rules, FOLDS), source))


def _with_cost(look: TableLook, source: Source) -> TableLook:
    """The look with a note on the time that a study of a very wide table takes with default parameters."""
    if look.cleaned is None or not is_very_wide(len(look.cleaned.features.columns)):
        return look
    with TemporaryDirectory(prefix="trilla-look-") as folder:
        dataset = look.kept(source, Path(folder))
        told = with_cost(dataset, StudyParameters()).notes[len(dataset.notes) :]
    return look.with_notes(told)


def _located(source: Source) -> Source:
    """The source with the place of the user's photographs of cats and dogs."""
    if source.name != CATS_DOGS:
        return source
    folder = load_settings().cats_dogs
    if folder is None:
        raise DataError(
            f"the images of '{CATS_DOGS}' are fetched by a study; set TRILLA_CATS_DOGS to look at your own folder"
        )
    return replace(source, path=folder.expanduser().absolute())


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)
