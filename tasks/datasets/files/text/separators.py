"""The separators that a text file may have, and the choice of the one that gives the same fields in all rows."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from tasks.datasets.files.text.kinds import common_kind, kind_of
from tasks.datasets.files.text.records import Record, RecordError, records

SAMPLED_RECORDS = 300
SAMPLED_CELLS = 20_000
LEAST_SHARE = 0.7  # least share of rows with the same number of fields in a table
NO_HEADER = 0.8  # factor of a separator that the first record lacks
ONE_NUMBER = (
    0.85  # quality of a file of a single column of numbers, above that of a separator without a header
)
RARE = 0.9  # factor of a separator that few files have
FOREIGN = 0.5  # loss of quality if each cell holds another separator
MOST_TITLES = 20  # largest number of lines above the header
_FOREIGN = re.compile(r"[;|\t~^\x01]|,(?=\S)|::")
_AT_END = re.compile(r"[^,;|][,;|]$")
_NO_CHARACTER = "\x1f"  # the unit separator of ASCII, which no text file holds
_COLONS = "\x1e"  # the record separator of ASCII, which stands for two colons
_PAIRS = re.compile(rb'("(?:[^"]|"")*")|::')
_BLANKS = re.compile(rb'("(?:[^"]|"")*")|(?m:^[ \t]+|[ \t]+$)|[ \t]+')


@dataclass(frozen=True)
class Separator:
    """A separator of fields.

    Parameters
    ----------
    name : str
        Name of the separator, as messages show it.
    delimiter : str
        The character between two fields, once `normalized` was applied.
    least_share : float
        Least share of rows with the same number of fields, at which the separator is believed.
    needs_numbers : bool
        Whether the separator is believed only if one of the columns holds numbers.
    decimal_comma : bool
        Whether numbers in files with this separator usually have a decimal comma.
    normalized : callable
        Function that turns the text (bytes) into text with the delimiter.
    credit : float
        Factor of the quality, which is below 1 for a separator that few files have.
    note : str
        Sentence that tells that the fields are separated in an unusual way; empty for a usual separator.
    """

    name: str
    delimiter: str
    least_share: float = LEAST_SHARE
    needs_numbers: bool = False
    decimal_comma: bool = False
    normalized: Callable[[bytes], bytes] = bytes
    credit: float = 1.0
    note: str = ""


def _single_tabs(data: bytes) -> bytes:
    """Replace each run of blanks outside quotes by a tab, and leave out the blanks at the ends of lines."""
    if b'"' not in data:
        return re.sub(rb"[ \t]+", b"\t", re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", data.replace(b"\r\n", b"\n")))
    return _BLANKS.sub(_tab, data.replace(b"\r\n", b"\n"))


def _tab(found: re.Match[bytes]) -> bytes:
    if found[1]:
        return found[1]
    text, (start, end) = found.string, found.span()
    at_edge = start == 0 or text[start - 1] == 10 or end == len(text) or text[end] == 10
    return b"" if at_edge else b"\t"


def _single_colons(data: bytes) -> bytes:
    """Replace each pair of colons outside quotes by one character."""
    if b'"' not in data:
        return data.replace(b"::", _COLONS.encode())
    return _PAIRS.sub(lambda found: found[1] or _COLONS.encode(), data)


COMMA = Separator("comma", ",")
SEMICOLON = Separator("semicolon", ";", decimal_comma=True)
TAB = Separator("tab", "\t")
PIPE = Separator("vertical bar", "|")
BLANKS = Separator(
    "blank",
    "\t",
    least_share=0.95,
    needs_numbers=True,
    normalized=_single_tabs,
    note="runs of blanks separate the fields",
)
TILDE = Separator("tilde", "~", credit=RARE)
CARET = Separator("caret", "^", credit=RARE)
CONTROL = Separator("control character 0x01", "\x01", credit=RARE)
COLONS = Separator(
    "pair of colons",
    _COLONS,
    normalized=_single_colons,
    credit=RARE,
    note="pairs of colons separate the fields",
)
SEPARATORS = (COMMA, SEMICOLON, TAB, PIPE, TILDE, CARET, CONTROL, COLONS)
NO_SEPARATOR = Separator("separator", _NO_CHARACTER)
"""What a file of a single column has."""


@dataclass(frozen=True)
class SeparatorTrial:
    """A separator with the records that it gives.

    Parameters
    ----------
    separator : Separator
        The separator.
    records : list of Record
        The first records of the file.
    width : int
        Number of fields that most records have.
    """

    separator: Separator
    records: list[Record]
    width: int

    @property
    def share(self) -> float:
        """Share of the records, from the first one with the usual number of fields, that have this number."""
        widths = [len(one.fields) for one in self.records if not one.is_comment]
        if self.width < 2 or self.width not in widths[: MOST_TITLES + 1]:
            return 0.0
        rest = widths[widths.index(self.width) :]
        return rest.count(self.width) / len(rest)

    @cached_property
    def quality(self) -> float:
        """Share of the records times the share of cells in which no other separator is seen (0 to 1)."""
        if self.separator is NO_SEPARATOR:
            return ONE_NUMBER if self._holds_one_number() else 0.0
        if self.share < self.separator.least_share or self._lacks_numbers():
            return 0.0
        believed = self.separator.credit * (1.0 if self._has_header() else NO_HEADER)
        return self.share * believed * _clean_share(self._rows())

    def _has_header(self) -> bool:
        """Whether the first record has a name for each field, or for all but the names of rows."""
        found = next(len(one.fields) for one in self.records if not one.is_comment)
        return found in (self.width, max(self.width - 1, 2))

    def _holds_one_number(self) -> bool:
        """Whether each line below the first one is a number as a whole, for example with a decimal comma."""
        kinds = [kind_of(",".join(one.fields)) for one in self.records[1:] if not one.is_comment]
        return bool(kinds) and all(kind != "text" for kind in kinds)

    def _rows(self) -> list[list[str]]:
        kept = max(20, SAMPLED_CELLS // self.width)
        return [one.fields for one in self.records if len(one.fields) == self.width][:kept]

    def _lacks_numbers(self) -> bool:
        columns = zip(*self._rows()[1:], strict=True)
        return self.separator.needs_numbers and "number" not in map(common_kind, columns)


def _clean_share(rows: Sequence[Sequence[str]]) -> float:
    cells = [cell for row in rows[1:] or rows for cell in row]
    foreign = sum(
        1 for cell in cells if _AT_END.search(cell) or (_FOREIGN.search(cell) and kind_of(cell) == "text")
    )
    return 1 - FOREIGN * foreign / len(cells)


def candidate(separator: Separator, head: bytes, *, is_whole: bool) -> SeparatorTrial:
    """The first records that a separator gives; an unfinished record at the end of the head is left out.

    Parameters
    ----------
    separator : Separator
        The separator.
    head : bytes
        The first bytes of the text in UTF-8.
    is_whole : bool
        Whether the head is the whole text.
    """
    text = separator.normalized(head).decode("utf-8", errors="ignore")
    found: list[Record] = []
    try:
        found.extend(islice(records(text, separator.delimiter), SAMPLED_RECORDS + 1))
    except RecordError:
        return SeparatorTrial(separator, found, 0)
    if len(found) > SAMPLED_RECORDS or (not is_whole and len(found) > 1):
        del found[-1]
    widths = Counter(len(one.fields) for one in found if not one.is_comment)
    width = max(widths, key=lambda width: (widths[width], width), default=0)
    return SeparatorTrial(separator, found, width)


def find_separator(head: bytes, *, is_whole: bool) -> SeparatorTrial:
    """Choose the separator that gives the same number of fields, two or more, in the most records.

    Of two separators that do so equally, the one is chosen that leaves no other separator inside the fields: this
    tells a comma between fields from a decimal comma.

    Parameters
    ----------
    head : bytes
        The first bytes of the text in UTF-8.
    is_whole : bool
        Whether the head is the whole text.

    Returns
    -------
    SeparatorTrial
        The separator; a file without any has one column.
    """
    marks = [candidate(separator, head, is_whole=is_whole) for separator in SEPARATORS]
    others = [candidate(separator, head, is_whole=is_whole) for separator in (BLANKS, NO_SEPARATOR)]
    best = max((*marks, *others), key=lambda one: one.quality)
    if best.quality:
        return best
    # no separator is consistent: the first record decides, and the faulty rows are refused with their lines
    best = max(marks, key=lambda one: len(one.records[0].fields) if one.records else 0)
    if best.records and len(best.records[0].fields) > 1:
        return SeparatorTrial(best.separator, best.records, len(best.records[0].fields))
    return others[-1]
