"""Records of separated text, each with the line on which the record begins and the byte after its end."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

COMMENT = "#"
LONGEST_FIELD = 2**31 - 1  # characters; the default of Python's csv, 131,072, is too few for texts


class RecordError(Exception):
    """A record that cannot be parsed; the message is the reason.

    Parameters
    ----------
    line : int
        Number of the line (from 1) on which the record begins.
    reason : object
        The reason.
    at_end : bool
        Whether the text ends inside the record.
    """

    def __init__(self, line: int, reason: object, *, at_end: bool) -> None:
        super().__init__(str(reason))
        self.line = line
        self.at_end = at_end


@dataclass(frozen=True)
class Record:
    """A record that is not blank.

    Parameters
    ----------
    line : int
        Number of the line (from 1) on which the record begins.
    end : int
        Number of bytes (UTF-8) of the text up to the end of the record.
    fields : list of str
        The cells.
    """

    line: int
    end: int
    fields: list[str]

    @property
    def is_comment(self) -> bool:
        """Whether the record begins with the mark of comments."""
        return self.fields[0].lstrip().startswith(COMMENT)

    @property
    def filled(self) -> int:
        """Number of cells that are not blank."""
        return sum(1 for field in self.fields if field.strip())


class _Lines(Iterator[str]):
    """The lines of a text; counts the bytes of the lines that were taken."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.bytes = 0
        self.ended = False

    def __next__(self) -> str:
        line = next(self._lines, "")
        if not line:
            self.ended = True
            raise StopIteration
        self.bytes += len(line) if line.isascii() else len(line.encode())
        return line


def records(text: str, delimiter: str, *, strict: bool = False) -> Iterator[Record]:
    """Each record of a text that is not blank.

    Parameters
    ----------
    text : str
        The text.
    delimiter : str
        The character between the fields.
    strict : bool
        Whether a quote that is never closed, or is followed by text, is an error.

    Raises
    ------
    RecordError
        If a record cannot be parsed.
    """
    csv.field_size_limit(LONGEST_FIELD)
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=strict)
    line = 1
    try:
        for fields in reader:
            if fields and not (len(fields) == 1 and not fields[0].strip()):
                yield Record(line, lines.bytes, fields)
            line = reader.line_num + 1
    except csv.Error as error:
        raise RecordError(line, error, at_end=lines.ended) from None
