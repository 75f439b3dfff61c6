"""Long lines, wide tables and quotes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.tasks.datasets.files.written import NAMES, ROWS, assert_whole, refusal, rows_of, separated, table


def test_lines_and_fields_longer_than_128_kib_are_read(tmp_path: Path) -> None:
    names = [f"Question {i:04}: {'how much do you agree? ' * 3}" for i in range(2_500)]
    rows = [["x" * 200_000, *(str((i + j) % 5) for j in range(len(names) - 1))] for i in range(8)]
    assert_whole(table(tmp_path, separated([names, *rows])), [" ".join(name.split()) for name in names], rows)


def test_a_wide_table_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(12, 20_531)).round(3)).add_prefix("gene_").assign(y=["a", "b"] * 6)
    frame.to_csv(tmp_path / "wide.csv", index=False)
    read_back = table(tmp_path, (tmp_path / "wide.csv").read_bytes())
    assert read_back.names == list(frame)
    np.testing.assert_array_equal(read_back["gene_20530"].numbers, frame["gene_20530"])


def test_quotes_inside_quotes_and_line_breaks_are_kept(tmp_path: Path) -> None:
    rows = [[f'say "{i}", please', "two\nlines" if i % 2 else "one", str(i)] for i in range(9)]
    read_back = table(tmp_path, separated([["a", "b", "c"], *rows]))
    assert_whole(read_back, ["a", "b", "c"], rows)
    assert read_back.columns[0].place(3) == "line 6"


def test_a_quote_inside_a_field_is_a_character(tmp_path: Path) -> None:
    rows = [[f'{i}" pipe', str(i)] for i in range(9)]
    assert rows_of(table(tmp_path, "size,n\n" + "".join(f"{a},{b}\n" for a, b in rows))) == rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_ragged_row_is_refused_with_its_line(tmp_path: Path, delimiter: str) -> None:
    content = "title\n" + separated([NAMES, *ROWS, ROWS[0][:3], *ROWS], delimiter)
    assert "line 43: 3 fields where the header has 4" in refusal(tmp_path, content)


def test_a_ragged_row_among_comments_is_refused_with_its_line(tmp_path: Path) -> None:
    content = separated([NAMES, *ROWS]) + "# more\n" + separated([*ROWS, [*ROWS[0], "5"], *ROWS])
    assert "line 83: 5 fields where the header has 4" in refusal(tmp_path, content)


def test_names_may_hold_any_character(tmp_path: Path) -> None:
    names = ["a/b", "c, d", "e[0].f", "Len", "len"]
    rows = [[str(i + j) for j in range(5)] for i in range(9)]
    assert_whole(table(tmp_path, separated([names, *rows])), names, rows)
