"""The page of `trilla look`: one self-contained HTML file with a picture of the values of each column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.datasets.distributions import Distribution, Frequencies, Histogram
from tasks.datasets.notes import is_warning, shown_name
from tasks.datasets.survey import ColumnSurvey, TableSurvey
from tasks.report import wording
from tasks.report.column_words import distinct_words
from tasks.report.html import environment

HEIGHT = 46.0  # height of a histogram in its own units
WIDTH = 240.0  # width of a histogram, in the same units
LINKED = 10  # largest number of columns to check that are named above the table
GAP = 1.0  # width of the gap between two bars, in the same units


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram."""

    x: float
    y: float
    width: float
    height: float
    rows: str


@dataclass(frozen=True)
class HistogramView:
    """A histogram as the template draws it."""

    bars: list[Bar]
    width: float
    low: str
    high: str
    words: str


@dataclass(frozen=True)
class FrequencyView:
    """The most frequent texts as the template draws them: text, rows, and the bar's length in per cent."""

    lines: list[tuple[str, str, float]]
    others: str


@dataclass(frozen=True)
class ColumnView:
    """One row of the page."""

    anchor: str
    name: str
    survey: ColumnSurvey
    examples: str
    missing: str
    distinct: str
    notes: list[tuple[str, bool]]
    histogram: HistogramView | None
    frequencies: FrequencyView | None

    @property
    def to_check(self) -> bool:
        """Whether a person should check a note."""
        return any(check for _, check in self.notes)


@dataclass(frozen=True)
class LookPage:
    """The content of the page.

    Parameters
    ----------
    name : str
        Name of the data set.
    path : str
        Place of the data.
    answer : str
        What a study would make of the data.
    refusal : str, optional
        The sentence with which a study would refuse the data.
    command : str
        The command that starts the study.
    survey : TableSurvey, optional
        The table and its columns; None for images.
    pictures : mapping of str to Distribution
        Distributions of the columns that have a picture.
    notes : list of str
        Sentences about images.
    classes : Frequencies, optional
        Classes of images; None for a table.
    """

    name: str
    path: str
    answer: str
    refusal: str | None
    command: str
    survey: TableSurvey | None = None
    pictures: Mapping[str, Distribution] = field(default_factory=dict)
    notes: Sequence[str] = ()
    classes: Frequencies | None = None


def render_look(page: LookPage) -> str:
    """Return the page; every text of the data is escaped."""
    survey = page.survey
    columns = (
        [
            _column(f"column-{place}", column, survey.rows, page.pictures.get(column.name))
            for place, column in enumerate(survey.columns, 1)
        ]
        if survey
        else []
    )
    to_check = [column for column in columns if column.to_check]
    notes = [*page.notes, *(survey.notes if survey else ())]
    return (
        environment()
        .get_template("look.html.j2")
        .render(
            page=page,
            columns=columns,
            to_check=to_check[:LINKED],
            more_to_check=len(to_check[LINKED:]),
            without=_without_picture(len(columns) - len(page.pictures)),
            notes=[(note, is_warning(note)) for note in notes],
            classes=_frequencies(page.classes) if page.classes else None,
        )
    )


def _without_picture(count: int) -> str:
    has = "has" if count == 1 else "have"
    return f"{wording.count(count, 'column')} {has} no picture" if count else ""


def _column(anchor: str, column: ColumnSurvey, rows: int, found: Distribution | None) -> ColumnView:
    share = f" ({column.missing / rows:.0%})" if column.missing and rows else ""
    return ColumnView(
        anchor=anchor,
        name=shown_name(column.name),
        survey=column,
        examples=" · ".join(column.examples),
        missing=f"{column.missing:,}{share}",
        distinct=distinct_words(column),
        notes=[(note, is_warning(note)) for note in column.notes],
        histogram=_histogram(found) if isinstance(found, Histogram) else None,
        frequencies=_frequencies(found) if isinstance(found, Frequencies) else None,
    )


def _histogram(found: Histogram) -> HistogramView:
    highest = max(found.counts)
    step = WIDTH / len(found.counts)
    bars = [
        Bar(round(i * step, 2), HEIGHT - tall, round(step - GAP, 2), tall, wording.count(count, "row"))
        for i, count in enumerate(found.counts)
        if (tall := _height(count, highest))
    ]
    words = (
        f"Histogram: {wording.count(highest, 'row')} have the value {found.low}"
        if found.low == found.high
        else f"Histogram from {found.low} to {found.high}, at most {wording.count(highest, 'row')} in an interval"
    )
    return HistogramView(bars, WIDTH, found.low, found.high, words)


def _height(count: int, highest: int) -> float:
    """Height of a bar; an interval with any row is seen."""
    return round(max(HEIGHT * count / highest, 1.0), 2) if count else 0.0


def _frequencies(found: Frequencies) -> FrequencyView:
    most = max(count for _, count in found.counts)
    if most == 1:
        return FrequencyView([], "each value is in one row only")
    lines = [
        (wording.one_line(text), f"{count:,}", round(100 * count / most, 1)) for text, count in found.counts
    ]
    return FrequencyView(lines, f"{found.others:,} rows with other values" if found.others else "")
