"""What preparation did to the data, as the terminal shows it; and the commands that say more."""

import shlex
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from deployments.data_words import split_words
from flows.parameters import ReadingParameters
from infra.flag_words import one_word, with_flag
from tasks.datasets.notes import is_warning
from tasks.datasets.planning import Begun, preview_of


def print_preparations(prepared: Mapping[str, Begun], reading: ReadingParameters, console: Console) -> None:
    """Print for each data set what was done to its columns; warnings are yellow.

    Parameters
    ----------
    prepared : mapping of str to PreparedDataset or Plan
        The data sets, by the word that names each on the command line.
    reading : ReadingParameters
        Parameters with which the data sets were read.
    console : Console
        The terminal.
    """
    from tasks.report.column_words import preparation_words

    for data, begun in prepared.items():
        words = preparation_words(preview_of(begun))
        console.print(Text(words.header, "bold"), soft_wrap=True)
        for line in words.lines:
            print_note(line, console)
        if words.left_out:
            more = f"  ... and {words.left_out:,} more: {command('look', data, reading)}"
            console.print(Text(more, "dim"), soft_wrap=True)


def print_note(line: str, console: Console) -> None:
    """Print a sentence about a column or a table, yellow if a person should check it."""
    console.print(Text(f"  {line}", "yellow" if is_warning(line) else ""), soft_wrap=True)


def command(name: str, data: str, reading: ReadingParameters) -> str:
    """Return the command line that looks at data, or makes a study of data; it can be pasted into a shell.

    Parameters
    ----------
    name : {"look", "study"}
        Name of the command.
    data : str
        Path or name of the data.
    reading : ReadingParameters
        Parameters with which the data are read.
    """
    place = f"./{data}" if data.startswith("-") else data
    given = with_flag("--data", one_word([place], split_words)) if name == "study" else [place]
    return shlex.join(["trilla", name, *given, *_flags(reading)])


def _flags(reading: ReadingParameters) -> list[str]:
    """Flags for the parameters that differ from their defaults."""
    flags = []
    for name, field in ReadingParameters.model_fields.items():
        value, flag = getattr(reading, name), f"--{name.replace('_', '-')}"
        if value is True:
            flags += [flag]
        elif value != field.default:
            flags += with_flag(flag, one_word(value) if isinstance(value, list) else value)
    return flags
