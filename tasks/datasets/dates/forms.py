"""The forms in which dates are written, as patterns whose groups name the parts of a date."""

import re
from dataclasses import dataclass
from functools import cached_property

WORD = "[A-Za-zÀ-ÿ]"
WEEKDAY = rf"(?:(?P<weekday>{WORD}{{2,10}})\.?,? +)?"  # "Wed, "
TIME = r"(?:(?:[Tt:_]|,? +(?:at |- )?)(?P<time>\d{1,2}[:.]?\d{2}.*))?"
MONTH = rf"(?P<word>{WORD}{{3,10}})\.?"
YEAR = r"(?P<year>\d{4})"
ORDINAL = r"(?:st|nd|rd|th|\.)?"
CENTURIES = r"(?:19|20)\d{2}"


@dataclass(frozen=True)
class Form:
    """A form in which dates are written.

    Parameters
    ----------
    pattern : str
        Regular expression of RE2 and of Python. Its groups are named `year`, `month`, `day`, `word` (name of a month),
        `week`, `quarter`, `weekday`, `time`, or, where the order of the numbers is open, `first`, `second`, `third`.
    """

    pattern: str

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern for Python."""
        return re.compile(self.pattern, re.ASCII)

    @property
    def is_open(self) -> bool:
        """Whether the order of day and month is open."""
        return "(?P<first>" in self.pattern

    @property
    def has_slashes(self) -> bool:
        """Whether slashes part the numbers."""
        return "/" in self.pattern


def _dated(date: str) -> Form:
    return Form(f"^{WEEKDAY}{date}{TIME}$")


COMPACT = Form(r"^(?P<year>19\d{2}|20\d{2}|2100|9999)(?P<month>\d{2})(?P<day>\d{2})(?:\.0*)?$")
"""Dates as whole numbers of eight digits, between 1900 and 2100; 9999 is a year that means never."""
YEAR_MONTH = Form(rf"^(?P<year>{CENTURIES})[-/](?P<month>\d{{2}})$")
"""Months of a year, for example 2024-01; a season such as 2023-24 is written alike."""
CLOCK = Form(r"^(?P<time>\d{1,2}:\d{2}.*)$")
"""Times of day."""
ISO, *YEARS_FIRST = (
    _dated(rf"{YEAR}{mark}(?P<month>\d{{1,2}}){mark}(?P<day>\d{{1,2}})") for mark in ("-", "/", r"\.")
)
DATES = (
    ISO,
    *YEARS_FIRST,
    *(
        _dated(rf"(?P<first>\d{{1,2}}){mark}(?P<second>\d{{1,2}}){mark}{YEAR}")
        for mark in ("-", "/", r"\. ?")
    ),
    # all numbers have two digits where a version number is written in the same way
    *(
        _dated(rf"(?P<first>\d{{2}}){mark}(?P<second>\d{{2}}){mark}(?P<third>\d{{2}})")
        for mark in ("-", r"\.")
    ),
    _dated(r"(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<third>\d{2})"),
    _dated(rf"(?P<day>\d{{1,2}}){ORDINAL}[-/ ]*(?:de )?{MONTH},?[-/ ]*(?:de )?(?P<year>\d{{4}}|\d{{2}})"),
    _dated(rf"{MONTH}[- ]*(?P<day>\d{{1,2}}){ORDINAL}(?:, *| +|-){YEAR}"),
    _dated(rf"{YEAR}[-/ ]*{MONTH}[-/ ]*(?P<day>\d{{1,2}})"),
    Form(f"^{MONTH}[-/ ]*(?:de )?{YEAR}$"),
    Form(f"^{MONTH}[-'](?P<year>\\d{{2}})$"),
    Form(f"^{YEAR}[-/ ]*{MONTH}$"),
    Form(
        rf"^{WEEKDAY}{MONTH} +(?P<day>\d{{1,2}}) +"
        rf"(?P<time>\d{{1,2}}:\d{{2}}:\d{{2}}(?: [A-Z]{{3,4}}| [+-]\d{{4}})?) +{YEAR}$"
    ),
    YEAR_MONTH,
    Form(f"^(?P<month>\\d{{2}})[-/](?P<year>{CENTURIES})$"),
    Form(f"^{YEAR}-?W(?P<week>\\d{{2}})(?:-?(?P<day>[1-7]))?$"),
    Form(f"^{YEAR}[-/ ]?Q(?P<quarter>[1-4])$"),
    Form(f"^Q(?P<quarter>[1-4])[-/ ]?{YEAR}$"),
    COMPACT,
    Form(rf"^(?P<year>{CENTURIES})(?P<month>\d{{2}})(?P<day>\d{{2}})[Tt](?P<time>\d{{4}}.*)$"),
)
