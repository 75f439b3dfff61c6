"""A text in any usual encoding reads back as it was written; what is no text is refused."""

from pathlib import Path

import pytest

from tests.tasks.datasets.files.written import NAMES, ROWS, assert_whole, refusal, separated, table

BODY = separated([NAMES, *ROWS])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, encoding: str) -> None:
    rows = [[*row[:2], "grün €", row[3]] for row in ROWS]
    mark = "\ufeff" if encoding.endswith(("le", "be")) else ""
    read_back = table(tmp_path, (mark + separated([NAMES, *rows], "\t")).encode(encoding))
    assert_whole(read_back, NAMES, rows)
    assert bool(read_back.notes) == (encoding != "utf-8-sig")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("word", ["red", "grün €", "Москва", "東京"])
def test_utf_16_is_known_by_its_zeros_and_told(tmp_path: Path, encoding: str, word: str) -> None:
    rows = [[*row[:2], word, row[3]] for row in ROWS]
    read_back = table(tmp_path, separated([NAMES, *rows], "\t").encode(encoding))
    assert_whole(read_back, NAMES, rows)
    assert read_back.columns[0].place(3) == "line 5"
    assert read_back.notes == (
        "the file has no byte order mark, and was read as UTF-16 because every second byte is 0; save it in UTF-8 if "
        "letters look wrong",
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_utf_16_file_without_a_mark_that_was_cut_off_is_refused(tmp_path: Path, encoding: str) -> None:
    assert "cut off" in refusal(tmp_path, BODY.encode(encoding)[:-1])


@pytest.mark.parametrize(
    ("encoding", "word", "name"),
    [
        ("cp1252", "süß", "Windows-1252"),
        ("latin-1", "été", "Windows-1252"),
        ("cp1252", "5 €", "Windows-1252"),
        ("cp1252", "38 °C", "Windows-1252"),
        ("cp1251", "Москва и Казань", "cp1251"),
        ("cp932", "東京と大阪のデータ", "cp932"),
        ("gb18030", "北京和上海的数据", "gb18030"),
    ],
)
def test_another_encoding_is_guessed_and_told(tmp_path: Path, encoding: str, word: str, name: str) -> None:
    rows = [[*row[:2], word, row[3]] for row in ROWS]
    read_back = table(tmp_path, separated([NAMES, *rows]).encode(encoding))
    assert_whole(read_back, NAMES, rows)
    assert read_back.notes[0].startswith("the file is not in UTF-8 (line 2, byte 0x")
    assert f"was read as {name};" in read_back.notes[0]


def test_a_fault_far_down_the_file_is_found(tmp_path: Path) -> None:
    rows = [*(ROWS * 20_000), [*ROWS[0][:2], "süß", "no"]]
    read_back = table(tmp_path, separated([NAMES, *rows]).encode("cp1252"))
    assert read_back["col"].values[-1].as_py() == "süß"
    assert f"line {len(rows) + 1}, byte 0xfc" in read_back.notes[0]


def test_lines_that_end_with_a_carriage_return_alone_are_read(tmp_path: Path) -> None:
    read_back = table(tmp_path, BODY.replace("\n", "\r"))
    assert_whole(read_back)
    assert read_back.columns[0].place(3) == "line 5"
    assert "carriage return" in read_back.notes[0]


@pytest.mark.parametrize("end", ["\x1a", "\n\x1a", "\x1a\r\n", "\r\n\x1a\x1a"])
def test_the_end_mark_of_dos_is_no_row(tmp_path: Path, end: str) -> None:
    read_back = table(tmp_path, BODY.rstrip() + end)
    assert_whole(read_back)
    assert "end mark of DOS" in read_back.notes[0]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b" \n\x1a"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "is empty" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"a,b\n1,2\n\0\n", "line 3: the file holds a NUL byte"),
        (b"a,b\n\x80\x04\x95\x01,2\n", "line 2: the file holds the control byte 0x04"),
        (b"\x01\0\x02\0" * 99, "line 1: the file holds a NUL byte"),  # whole numbers of 16 bits
        (b"\0" * 99, "line 1: the file holds a NUL byte"),
    ],
)
def test_a_binary_file_is_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    assert fault in refusal(tmp_path, content)


def test_a_cut_off_utf_16_file_is_refused(tmp_path: Path) -> None:
    assert "cut off" in refusal(tmp_path, BODY.encode("utf-16")[:-1])
