"""The page of `trilla look`: a picture, examples, counts and notes for each column, safe whatever the data hold."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tasks.datasets.distributions import Distribution, Frequencies, Histogram
from tasks.datasets.notes import warning
from tasks.datasets.survey import ColumnSurvey, TableSurvey
from tasks.report.look_page import LookPage, render_look
from tests.deployments.browser import browsing

ROWS = 1_200


def column(name: str, **fields: Any) -> ColumnSurvey:
    found = {"read_as": "number", "examples": ("1", "2"), "missing": 0, "distinct": 2, "used": True, **fields}
    return ColumnSurvey.model_validate({"name": name, **found})


COLUMNS = (
    column("age", missing=300, notes=("300 of 1,200 cells are missing",)),
    column(
        "",
        read_as="left out",
        used=False,
        notes=(warning("row numbers"), "left out; --keep-column id uses it"),
    ),
    column("weight: dry", distinct=100_000, distinct_at_least=True),
    column("note", read_as="text", examples=("one", "two"), distinct=None),
    column("churn", read_as="target", examples=("left", "stays"), used=False),
)
PICTURES: dict[str, Distribution] = {
    "age": Histogram((5, 0, 10), "18", "≥ 89 (up to 120)"),
    "weight: dry": Histogram((1_200,), "7", "7"),
    "note": Frequencies((("a", 1), ("b", 1)), 1_198),
    "churn": Frequencies((("stays", 800), ("left", 400)), 0),
}


def page(**fields: Any) -> LookPage:
    notes = (warning("the rows repeat"), "the first line is a title")
    found: dict[str, Any] = {
        "name": "customers",
        "path": "/data/customers.csv",
        "answer": "classification, target churn: 2 classes, stays 800, left 400",
        "refusal": None,
        "command": "trilla study --data 'my customers.csv' --target churn",
        "survey": TableSurvey(rows=ROWS, columns=COLUMNS, notes=notes),
        "pictures": PICTURES,
        **fields,
    }
    return LookPage(**found)


class Cells(HTMLParser):
    """Rows of the page's tables as texts, and the attributes of all elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            text = " ".join((self.rows[-1][-1] + " " + data).split())
            self.rows[-1][-1] = text

    def row(self, name: str) -> list[str]:
        return next(row for row in self.rows if row[0].startswith(name))


def test_each_column_has_its_row() -> None:
    cells = Cells(render_look(page()))
    assert cells.rows[0] == ["Column", "Values", "Examples", "Missing", "Distinct", "What is done"]
    assert len(cells.rows) == 1 + len(COLUMNS)
    assert cells.row("age")[0] == "age number"
    assert cells.row("age")[2:] == ["1 · 2", "300 (25%)", "2", "300 of 1,200 cells are missing"]
    assert cells.row("weight: dry")[4] == "≥ 100,000"
    assert cells.row("note")[4] == "–"
    assert cells.row("a column without a name")[5].startswith("warning: row numbers left out;")


def test_a_histogram_has_its_ends_and_bars() -> None:
    cells = Cells(render_look(page()))
    bars = [found for tag, found in cells.attributes if tag == "rect"]
    assert [float(str(bar["height"])) for bar in bars] == [23.0, 46.0, 46.0]
    assert [(bar["x"], bar["width"]) for bar in bars] == [
        ("0.0", "79.0"),
        ("160.0", "79.0"),
        ("0.0", "239.0"),
    ]
    assert "18 ≥ 89 (up to 120)" in cells.row("age")[1]
    labels = [found["aria-label"] for tag, found in cells.attributes if tag == "svg"]
    assert labels[0] == "Histogram from 18 to ≥ 89 (up to 120), at most 10 rows in an interval"


def test_one_value_is_named_once() -> None:
    cells = Cells(render_look(page()))
    assert cells.row("weight: dry")[1] == "1,200 rows 7"
    assert [found["aria-label"] for tag, found in cells.attributes if tag == "svg"][1] == (
        "Histogram: 1,200 rows have the value 7"
    )


def test_frequent_texts_have_bars_and_rows() -> None:
    cells = Cells(render_look(page()))
    assert cells.row("churn")[1] == "stays 800 left 400"
    widths = [found["style"] for tag, found in cells.attributes if found.get("class") == "bar"]
    assert widths == ["width: 100.0%", "width: 50.0%"]
    assert cells.row("note")[1] == "each value is in one row only"


def test_the_command_and_the_answer_are_on_the_page() -> None:
    text = render_look(page())
    assert "<strong>classification, target churn: 2 classes, stays 800, left 400</strong>" in text
    assert "<code>trilla study --data &#39;my customers.csv&#39; --target churn</code>" in text
    assert "A study refuses" not in text


def test_a_refusal_stands_in_place_of_the_command() -> None:
    text = render_look(page(refusal="column 'bad' holds 'oops'"))
    assert "A study refuses these data." in text
    assert "column &#39;bad&#39; holds &#39;oops&#39;" in text
    assert "trilla study" not in text


def test_what_a_person_should_check_is_marked() -> None:
    text = render_look(page())
    marked = re.findall(r'<p class="check">(.*?)</p>', text)
    assert [re.sub("<.*?>", "", note) for note in marked] == [
        "warning: the rows repeat",
        "Columns to check: a column without a name",
        "warning: row numbers",
        "left out; --keep-column id uses it",
    ]
    assert text.index("warning: the rows repeat") < text.index("the first line is a title")


def test_columns_to_check_are_linked_above_the_table() -> None:
    text = render_look(page())
    assert '<p class="check">Columns to check: <a href="#column-2">a column without a name</a></p>' in text
    assert '<tr id="column-2">' in text
    calm = TableSurvey(rows=ROWS, columns=COLUMNS[:1])
    assert "Columns to check" not in render_look(page(survey=calm))


def test_many_columns_to_check_are_counted() -> None:
    columns = tuple(column(f"x{number}", notes=(warning("strange"),)) for number in range(30))
    text = render_look(page(survey=TableSurvey(rows=ROWS, columns=columns)))
    assert '<a href="#column-10">x9</a> and 20 more</p>' in text
    assert "#column-11" not in text


def test_a_flag_stays_on_one_line() -> None:
    assert '<span class="flag">--keep-column</span> id uses it' in render_look(page())


def test_columns_without_a_picture_are_counted() -> None:
    assert "1 column has no picture" in render_look(page())
    everything = {**PICTURES, "": Histogram((1,), "1", "1")}
    assert "no picture" not in render_look(page(pictures=everything))
    assert "5 columns have no picture" in render_look(page(pictures={}))


def test_images_have_their_classes_and_notes() -> None:
    classes = Frequencies((("cat", 1_300), ("dog", 650)), 0)
    text = render_look(page(survey=None, pictures={}, classes=classes, notes=["sizes: 30 to 35 pixels"]))
    assert "Images of each class" in text
    assert "1,300" in text
    assert "sizes: 30 to 35" in text
    assert "<table" not in text
    assert "no picture" not in text


def test_data_cannot_break_the_page() -> None:
    evil = "<script>alert(1)</script>"
    columns = (column(evil, examples=(evil,), notes=(f"--keep-column {evil} & co",)),)
    text = render_look(
        page(
            name=evil,
            path=evil,
            answer=evil,
            command=evil,
            survey=TableSurvey(rows=1, columns=columns, notes=(evil,)),
            pictures={evil: Frequencies(((evil, 2),), 0)},
        )
    )
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in text
    assert re.findall(r'(?:src|href)="(?!#column)', text) == []


@pytest.mark.parametrize("width", [1400, 420])
def test_a_browser_shows_the_page_without_faults(tmp_path: Path, width: int) -> None:
    path = tmp_path / "page.html"
    path.write_text(render_look(page()), encoding="utf-8")
    with browsing() as shown:
        faults: list[str] = []
        shown.on("console", lambda message: faults.append(message.text))
        shown.set_viewport_size({"width": width, "height": 900})
        shown.goto(path.as_uri())
        assert shown.title() == "customers: columns"
        assert shown.get_by_role("row").count() == 1 + len(COLUMNS)
        beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert shown.evaluate(beyond) == 0  # the table itself scrolls
        texts = "els => els.map(e => e.getBoundingClientRect().left + parseFloat(getComputedStyle(e).paddingLeft))"
        left_aligned = [0, 1, 2, 5]
        first = shown.locator("thead tr").locator("th").evaluate_all(texts)
        second = shown.locator("tbody tr").first.locator("th, td").evaluate_all(texts)
        assert [first[place] for place in left_aligned] == [second[place] for place in left_aligned]
        assert faults == []
