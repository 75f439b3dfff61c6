"""Columns without a name are called by their place, unless they hold an index."""

from pathlib import Path

import pytest

from tests.tasks.datasets.files.written import NAMES, ROWS, assert_whole, separated, table


@pytest.mark.parametrize("places", [[0], [2], [1, 2], [0, 1, 3]])
def test_columns_without_a_name_are_called_by_their_place_and_told(tmp_path: Path, places: list[int]) -> None:
    header = ["" if place in places else name for place, name in enumerate(NAMES)]
    called = [f"column {place + 1}" if place in places else name for place, name in enumerate(NAMES)]
    read_back = table(tmp_path, separated([header, *ROWS]))
    assert_whole(read_back, called)
    assert read_back.notes == tuple(
        f"column {place + 1}: the file has no name for this column, which is called by its place"
        for place in places
    )


def test_an_index_without_a_name_keeps_its_empty_name(tmp_path: Path) -> None:
    rows = [[str(40 - i), *row] for i, row in enumerate(ROWS)]
    assert_whole(table(tmp_path, separated([["", *NAMES], *rows])), ["", *NAMES], rows)
    both = [[str(i), *row] for i, row in enumerate(rows)]
    assert_whole(table(tmp_path, separated([["", "", *NAMES], *both])), ["", "column 2", *NAMES], both)


def test_the_name_of_a_place_that_another_column_has_is_not_given_again(tmp_path: Path) -> None:
    names = ["column 2", "", "col", "y"]
    assert_whole(
        table(tmp_path, separated([names, *ROWS])), ["column 2", "column 2 without a name", "col", "y"]
    )
