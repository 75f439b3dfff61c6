"""Ranges of CSV files: together they are the file as it is read at once, and messages name the lines of the file."""

import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from infra.errors import DataError
from tasks.datasets.catalogue import resolve
from tasks.datasets.options import ReadingOptions
from tasks.datasets.pieces import Pieces, csv_cutting, find_pieces
from tasks.datasets.pieces.csv_ranges import CsvRange
from tasks.datasets.raw import RawTable
from tasks.datasets.reading import read

ROWS = 400
PLAIN = "".join(f"{i},{i * 0.5},town {i % 7}\n" for i in range(ROWS))
QUOTED = "".join(f'{i},"a ""b""\nsecond, line {i}",x{i % 3}\n' for i in range(ROWS))
SEMICOLON = "".join(f"{i};{i},5;town {i % 7}\n" for i in range(ROWS))

FILES = {
    "plain": f"a,b,c\n{PLAIN}",
    "windows line ends": f"a,b,c\n{PLAIN}".replace("\n", "\r\n"),
    "quoted line ends": f"a,b,c\n{QUOTED}",
    "byte order mark": f"\ufeffa,b,c\n{PLAIN}",
    "letters": f"a,b,c\n{PLAIN}".replace("town", "Köln Łódź 京都"),
    "title and comment": f"Sales of 2024,,\n# exported\na,b,c\n{PLAIN}",
    "directive of Excel": f"sep=;\na;b;c\n{SEMICOLON}",
    "semicolons": f"a;b;c\n{SEMICOLON}",
    "comments among the rows": f"a,b,c\n{PLAIN}# a remark\n{PLAIN}",
    "repeated headers": f"a,b,c\n{PLAIN}a,b,c\n{PLAIN}",
    "footer": f"a,b,c\n{PLAIN}Total,,\n",
    "blank lines at the end": f"a,b,c\n{PLAIN}\n\n,,\n",
    "no line end at the end": f"a,b,c\n{PLAIN}".rstrip("\n"),
    "index without a name": f",b,c\n{PLAIN}",
    "separators at the ends of lines": f"a,b,c,\n{PLAIN}".replace("\n", ",\n").replace("c,,", "c,"),
    "units below the header": f"a,b,c\nkg,cm,-\n{PLAIN}",
}


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_cutting, "RANGE_BYTES", 1_000)


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "x.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def pieces_of(path: Path, options: ReadingOptions | None = None) -> Pieces:
    return find_pieces(resolve(str(path), options=options or ReadingOptions()))


def read_all(path: Path) -> None:
    for piece in pieces_of(path):
        piece.read()


def as_arrow(table: RawTable) -> pa.Table:
    return pa.table({column.name: column.values for column in table.columns}).combine_chunks()


@pytest.mark.parametrize("kind", FILES)
def test_the_ranges_are_the_file(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, FILES[kind])
    found = pieces_of(path)
    assert len(found) > 3
    tables = [pickle.loads(pickle.dumps(piece)).read() for piece in found]
    whole = read(resolve(str(path)))
    assert pa.concat_tables([as_arrow(table) for table in tables]).combine_chunks().equals(as_arrow(whole))
    assert all(column.decimal_comma == whole.columns[0].decimal_comma for t in tables for column in t.columns)
    start = 0
    for table in tables:
        for row in (0, table.rows - 1):
            assert table.columns[0].place(row) == whole.columns[0].place(start + row)
        start += table.rows


@pytest.mark.parametrize("kind", FILES)
def test_a_sample_knows_the_numbers_of_its_rows(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, FILES[kind])
    for piece in pieces_of(path):
        table = as_arrow(piece.read())
        last = table.column_names[-1]
        sampled = piece.sampled(3, {last})
        assert sampled.rows == len(table)
        assert as_arrow(sampled.whole).equals(table.select([last]))
        assert len(sampled.runs) == 2
        for start, run in sampled.runs:
            assert 1 <= run.rows <= 4
            assert as_arrow(run).equals(table.slice(start, run.rows))


def test_only_wanted_columns_are_read(tmp_path: Path) -> None:
    piece = pieces_of(written(tmp_path, FILES["plain"]))[1]
    assert piece.read({"b"}).names == ["b"]
    assert as_arrow(piece.read({"b", "c"})).equals(as_arrow(piece.read()).select(["b", "c"]))


def test_a_row_of_another_length_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, f"a,b,c\n{PLAIN}1,2\n{PLAIN}")
    with pytest.raises(DataError, match=f"line {ROWS + 2}: 2 fields where the header has 3"):
        read_all(path)


def test_a_value_under_no_name_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, FILES["separators at the ends of lines"] + "1,2,3,4\n")
    with pytest.raises(DataError, match=f"line {ROWS + 2}: field 4 holds a value"):
        read_all(path)


@pytest.mark.parametrize(
    "text",
    [
        f"a,b,c\n{PLAIN}".encode("utf-16"),
        f"a,b,c\n{PLAIN}".replace("town", "Köln").encode("cp1252"),
        "a b c\n" + PLAIN.replace("town ", "").replace(",", "  "),
        f'a,b,c\n{PLAIN}1,2,"never closed\n{PLAIN}',
        "a,b,c\n" + "".join(f'{i},"say \\"no\\", {i}",x\n' for i in range(ROWS)),
    ],
)
def test_a_file_that_cannot_be_cut_is_one_piece(tmp_path: Path, text: str | bytes) -> None:
    [piece] = pieces_of(written(tmp_path, text))
    assert not isinstance(piece, CsvRange)


def test_the_files_of_a_folder_are_cut_alike(tmp_path: Path) -> None:
    for name, rows in {"1": PLAIN, "2": PLAIN.replace("town", "city"), "3": "1,2,3\n"}.items():
        (tmp_path / f"{name}.csv").write_text(f"a,b,c\n{rows}")
    found = pieces_of(tmp_path)
    whole = read(resolve(str(tmp_path)))
    joined = pa.concat_tables([as_arrow(piece.read()) for piece in found]).combine_chunks()
    assert joined.equals(as_arrow(whole))
    assert "3 parts were joined" in found.notes
    (tmp_path / "4.csv").write_text(f"a,b,d\n{PLAIN}")
    with pytest.raises(DataError, match="differing columns"):
        pieces_of(tmp_path)


def test_a_file_without_a_header_is_cut(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    options = ReadingOptions(no_header=True)
    found = pieces_of(path, options)
    whole = read(resolve(str(path), options=options))
    assert found.names == ("column 1", "column 2", "column 3")
    assert (
        pa.concat_tables([as_arrow(piece.read()) for piece in found]).combine_chunks().equals(as_arrow(whole))
    )
