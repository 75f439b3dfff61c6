r"""Quotes behind a backslash are read as their writer meant them, and a backslash before a closing quote stays."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.datasets.files.text.escapes import NOTE, WINDOW, with_doubled_quotes
from tests.tasks.datasets.files.written import assert_whole, refusal, rows_of, separated, table

TEXTS = [
    'he said "yes", then left',
    "plain",
    '"quoted"',
    'one\ntwo "lines"',
    'ends with "quote"',
    r"C:\dir",
    "C:\\",
]
NAMES = ["text", "n", "more"]


def rows(texts: list[str]) -> list[list[str]]:
    return [[text, str(i), f"m{i % 3}"] for i, text in enumerate(texts * 3)]


def as_spark(cells: list[list[str]], delimiter: str = ",") -> str:
    """Quotes are escaped, and a backslash only before a quote."""

    def field(text: str) -> str:
        end = "\\" if text.endswith("\\") else ""
        return '"' + text.replace('\\"', '\\\\"').replace('"', '\\"') + end + '"'

    return "\n".join(delimiter.join(map(field, row)) for row in cells) + "\n"


def as_mysql(cells: list[list[str]], delimiter: str = ",") -> str:
    """Quotes and backslashes are escaped in every field."""
    return (
        "\n".join(
            delimiter.join('"' + cell.replace("\\", "\\\\").replace('"', '\\"') + '"' for cell in row)
            for row in cells
        )
        + "\n"
    )


def as_python(cells: list[list[str]], delimiter: str = ",") -> str:
    """Only fields that need it have quotes around them."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n", doublequote=False, escapechar="\\").writerows(
        cells
    )
    return text.getvalue()


WRITERS = {"spark": as_spark, "mysql": as_mysql, "python": as_python}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_escaped_quotes_are_read_and_told(tmp_path: Path, writer: str, delimiter: str) -> None:
    wanted = rows([text.replace(", ", delimiter) for text in TEXTS])
    read_back = table(tmp_path, WRITERS[writer]([NAMES, *wanted], delimiter))
    assert_whole(read_back, NAMES, wanted)
    assert read_back.notes == (NOTE,)
    assert read_back.columns[0].place(4) == "line 7"


@pytest.mark.parametrize(
    "texts",
    [
        ["C:\\dir\\", "C:\\"],
        ["C:\\dir\\", 'say "yes", please', "a\\b"],
        ["C:\\", 'C:\\"x"\\', "\\"],
    ],
)
def test_a_backslash_before_a_closing_quote_stays_in_other_files(tmp_path: Path, texts: list[str]) -> None:
    content = "text,n,more\n" + "".join(
        ",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) + "\n" for row in rows(texts)
    )
    read_back = table(tmp_path, content)
    assert_whole(read_back, NAMES, rows(texts))
    assert read_back.notes == ()


def test_an_escape_far_down_the_file_is_found(tmp_path: Path) -> None:
    wanted = rows(["x" * 300, "two\nlines"] * (WINDOW // 600) + TEXTS)
    read_back = table(tmp_path, as_mysql([NAMES, *wanted]))
    assert rows_of(read_back) == wanted


def test_a_file_without_an_escape_is_not_copied() -> None:
    data = separated([NAMES, *rows(['say "yes"'])]).encode()
    assert with_doubled_quotes(data)[0] is data


def test_an_open_quote_among_escapes_is_refused_with_its_line(tmp_path: Path) -> None:
    content = as_spark([NAMES, *rows(TEXTS[:3])]) + '"open,1,2\n' + as_spark(rows(TEXTS[:3]))
    assert "line 11" in refusal(tmp_path, content)


def test_a_ragged_row_among_escapes_is_refused_with_its_line(tmp_path: Path) -> None:
    content = as_spark([NAMES, *rows(TEXTS[:3])]) + '"short \\"row\\"",1\n' + as_spark(rows(TEXTS[:3]))
    assert "line 11: 2 fields where the header has 3" in refusal(tmp_path, content)


texts = st.text('ab ,;\\"\n', min_size=1, max_size=8).map(lambda text: f"x{text}z")


@given(cells=st.lists(texts, min_size=8, max_size=20), writer=st.sampled_from(sorted(WRITERS)))
def test_any_text_reads_back_as_the_same_text(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str], writer: str
) -> None:
    if writer == "spark":  # MySQL writes two backslashes for one, and one before a line's end
        cells = [cell.replace("\\\\", "\\") for cell in cells if "\\\\\\" not in cell]
        cells = [cell.replace("\\\n", "\n") for cell in cells]
    wanted = rows(['he said "yes", and "no"', *cells])
    read_back = table(tmp_path_factory.mktemp("escapes"), WRITERS[writer]([NAMES, *wanted]))
    assert [read_back.names, *rows_of(read_back)] == [NAMES, *wanted]
